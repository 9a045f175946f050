"""Replies of a server as parts of a reading. Whatever it says, these do not raise: what cannot be
read is None.

The commands that a node is asked, in one write, are :data:`NODE_COMMANDS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from garrison.cluster.core.doctor.readings import Fields, NodeReading, SlowEntry
from garrison.cluster.core.topology import Address

CLIENTS_READ_MAX = 20_000
SLOW_ENTRIES_READ = 128
DOCTOR_NAME = "garrison-doctor"
US_PER_MS = 1_000.0

NODE_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "time": ("TIME",),
    "name": ("CLIENT", "SETNAME", DOCTOR_NAME),
    "info": ("INFO", "all"),
    "config": ("CONFIG", "GET", "*"),
    "clients": ("CLIENT", "LIST"),
    "slow": ("SLOWLOG", "GET", str(SLOW_ENTRIES_READ)),
    "user": ("ACL", "GETUSER", "default"),
    "nodes": ("CLUSTER", "NODES"),
    "cluster": ("CLUSTER", "INFO"),
    "keys": ("DBSIZE",),
}
"""What is asked of every node."""


def text_of(value: Any) -> str:
    """A reply as text; bytes that are not UTF-8 as escapes."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def fields_of(reply: Any) -> dict[str, str]:
    """Lines ``name:value``, as of INFO."""
    if not isinstance(reply, bytes | str):
        return {}
    lines = (line.partition(":") for line in text_of(reply).splitlines() if not line.startswith("#"))
    return {name: value.strip() for name, colon, value in lines if colon}


def pairs_of_list(reply: Any) -> dict[str, str] | None:
    """A flat list of names and values; None where it is none."""
    if isinstance(reply, dict):
        return {text_of(name): text_of(value) for name, value in reply.items()}
    if not isinstance(reply, list):
        return None
    return dict(zip(map(text_of, reply[::2]), map(text_of, reply[1::2]), strict=False))


def rows_of(reply: Any) -> list[Fields]:
    """A list of flat lists, as of SENTINEL REPLICAS."""
    rows = map(pairs_of_list, reply) if isinstance(reply, list) else ()
    return [row for row in rows if row is not None]


def clients_of(reply: Any) -> list[Fields] | None:
    """The lines of CLIENT LIST without the doctor's own."""
    if not isinstance(reply, bytes | str):
        return None
    lines = text_of(reply).splitlines()[:CLIENTS_READ_MAX]
    clients = [dict(word.partition("=")[::2] for word in line.split(" ")) for line in lines]
    return [client for client in clients if "id" in client and client.get("name") != DOCTOR_NAME]


def slow_of(reply: Any) -> list[SlowEntry] | None:
    """The entries of SLOWLOG GET."""
    if not isinstance(reply, list):
        return None
    entries = []
    for row in reply:
        if isinstance(row, list) and len(row) >= 4 and isinstance(row[2], int) and isinstance(row[3], list):
            words = tuple(map(text_of, row[3]))
            if words:
                entries.append(SlowEntry(row[2], words))
    return entries


def login_of(reply: Any) -> tuple[bool | None, frozenset[str] | None]:
    """Whether ACL GETUSER says that no password is needed, and the digests of its passwords."""
    pairs = reply if isinstance(reply, dict) else None
    if isinstance(reply, list):
        pairs = dict(zip(map(text_of, reply[::2]), reply[1::2], strict=False))
    if pairs is None:
        return None, None
    found = {text_of(name): value for name, value in pairs.items()}
    flags, passwords = found.get("flags"), found.get("passwords")
    if not isinstance(flags, list | set) or not isinstance(passwords, list | set):
        return None, None
    words = set(map(text_of, flags))
    return "on" in words and "nopass" in words, frozenset(map(text_of, passwords))


def clock_ahead_ms(reply: Any, sent_s: float, received_s: float) -> float | None:
    """How far the clock behind a reply to TIME is ahead of ours, if it was read half-way between."""
    if not isinstance(reply, list) or len(reply) != 2:
        return None
    seconds, micros = (text_of(each) for each in reply)
    if not (seconds.isdecimal() and micros.isdecimal() and len(seconds) < 16):
        return None
    return int(seconds) * 1_000 + int(micros) / US_PER_MS - (sent_s + received_s) / 2 * 1_000


def node_reading(
    address: Address, replies: Mapping[str, Any], sent_s: float = 0.0, received_s: float = 0.0
) -> NodeReading:
    """What a node said, from its replies to :data:`NODE_COMMANDS`; error replies are what they are."""
    nopass, digests = login_of(replies.get("user"))
    return NodeReading(
        address,
        info=fields_of(replies.get("info")),
        config=pairs_of_list(replies.get("config")),
        clients=clients_of(replies.get("clients")),
        slow=slow_of(replies.get("slow")),
        nopass=nopass,
        password_digests=digests,
        clock_ahead_ms=clock_ahead_ms(replies.get("time"), sent_s, received_s),
        clock_uncertainty_ms=(received_s - sent_s) / 2 * 1_000,
    )


def members_of(node: NodeReading) -> Sequence[Address]:
    """The primary and the replicas that a node outside a cluster names."""
    found = [(row["ip"], row.get("port", "")) for row in node.replica_rows]
    if "master_host" in node.info:
        found.append((node.info["master_host"], node.info.get("master_port", "")))
    return [Address(host, int(port)) for host, port in found if port.isdecimal() and len(port) < 6]
