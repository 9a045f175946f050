"""Whether two servers hold the same value of a key, whatever programs and versions they are.

Payloads of DUMP differ between versions and encodings of one value, so values are compared as commands read
them. The time to live is not part of the value.
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
    type_of = {
        key: type_name
        for key, type_name, its in zip(keys, here, there, strict=True)
        if type_name == its and isinstance(type_name, bytes) and type_name != b"none"
    }
    readers = [
        (key, _with_key(reader, key))
        for key, type_name in type_of.items()
        for reader in readers_of(type_name)
    ]
    commands = [command for _, command in readers]
    here, there = await one.call_many(at_one, commands), await other.call_many(at_other, commands)
    different = {
        key
        for (key, _), mine, its in zip(readers, here, there, strict=True)
        if isinstance(mine, ReplyError) or _plain(type_of[key], mine) != _plain(type_of[key], its)
    }
    return frozenset(type_of) - different


def readers_of(type_name: bytes) -> Sequence[Sequence[str | int]]:
    """The commands that read a value of this type whole."""
    return READERS.get(type_name, DUMP)


def _with_key(reader: Sequence[str | int], key: bytes) -> Command:
    name, *rest = reader
    return (*str(name).split(), key, *rest)


def _plain(type_name: bytes, reply: Any) -> Any:
    """The reply without what may differ for one value: the order of members, the form of pairs."""
    if type_name == b"set":
        return sorted(reply)
    if type_name == b"hash":
        pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
        return sorted(pairs)
    if type_name not in READERS and isinstance(reply, bytes):
        return reply[:-FOOTER_BYTES]
    return reply
