"""Whether two servers hold the same value of a key, whatever programs and versions they are.

Payloads of DUMP differ between versions and encodings of one value, so values are compared as commands read
them. The time to live is no part of the value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from garrison.client import ReplyError
from garrison.cluster.core.topology import Address
from garrison.cluster.manager.admin_client import AdminClient, Command

READERS: Mapping[bytes, Sequence[Sequence[str | int]]] = {
    b"string": [("GET",)],
    b"list": [("LRANGE", 0, -1)],
    b"set": [("SMEMBERS",)],
    b"zset": [("ZRANGE", 0, -1, "WITHSCORES")],
    b"hash": [("HGETALL",)],
    b"stream": [("XRANGE", "-", "+"), ("XINFO GROUPS",)],
}
"""How a value of each type is read whole; the key goes behind the name of the command."""
DUMP: Sequence[Sequence[str | int]] = [("DUMP",)]
FOOTER_BYTES = 10
"""The version of the format and a checksum, at the end of a payload of DUMP."""


async def same_values(
    one: AdminClient, at_one: Address, other: AdminClient, at_other: Address, keys: Sequence[bytes]
) -> frozenset[bytes]:
    """The keys that both servers hold with one value; not those that are missing or cannot be read."""
    asked: list[Command] = [("TYPE", key) for key in keys]
    here, there = await one.call_many(at_one, asked), await other.call_many(at_other, asked)
    kinds = {
        key: kind
        for key, kind, its in zip(keys, here, there, strict=True)
        if kind == its and isinstance(kind, bytes) and kind != b"none"
    }
    readers = [(key, _with_key(reader, key)) for key, kind in kinds.items() for reader in readers_of(kind)]
    commands = [command for _, command in readers]
    here, there = await one.call_many(at_one, commands), await other.call_many(at_other, commands)
    different = {
        key
        for (key, _), mine, its in zip(readers, here, there, strict=True)
        if isinstance(mine, ReplyError) or _plain(kinds[key], mine) != _plain(kinds[key], its)
    }
    return frozenset(kinds) - different


def readers_of(kind: bytes) -> Sequence[Sequence[str | int]]:
    """The commands that read a value of this type whole."""
    return READERS.get(kind, DUMP)


def _with_key(reader: Sequence[str | int], key: bytes) -> Command:
    name, *rest = reader
    return (*str(name).split(), key, *rest)


def _plain(kind: bytes, reply: Any) -> Any:
    """The reply without what may differ for one value: the order of members, the form of pairs."""
    if kind == b"set":
        return sorted(reply)
    if kind == b"hash":
        pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
        return sorted(pairs)
    if kind not in READERS and isinstance(reply, bytes):
        return reply[:-FOOTER_BYTES]
    return reply
