"""nodes.conf: the cluster configuration on disk, in Redis 7's format with a checksum.

BACKGROUND. One line a node, as CLUSTER NODES prints it, then lines of variables:

    <id> <ip>:<port>@<bus port>[,hostname] <flags> <primary|-> <ping> <pong> <epoch> <link> <slots>...
    vars currentEpoch 3 lastVoteEpoch 0
    vars lastVoteFor <id>,<id> shard.<id> <shard id> human.<id> <name> staleImports <slot>-<slot>,<slot>
    vars checksum <crc32 of all bytes before this line, 8 hex digits>

A real Redis skips variables that it does not know (it logs each), so it still reads our file, and
we read its: the checksum and our variables may be absent. Redis 7.2's `,hostname,shard-id=...` is
understood too.

INVARIANTS.
- load(write(x)) == x.
- A file whose checksum does not match is refused, never half used. There is no silent return to an
  older generation: it may lack a vote that was cast, and a second vote in one epoch elects two.

BEHAVIOUR. The shell writes a temporary file, syncs it if it holds a promise (see `saver.py`), links the
former file to `<name>.previous` if that one was synced, renames, and syncs the folder.
`DamagedNodesFileError` carries one sentence.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Final

from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.context import Context
from garrison.node.core.nodes import Node

PREVIOUS_SUFFIX: Final = ".previous"
_CHECKSUM: Final = re.compile(r"vars checksum ([0-9a-f]{8})\n\Z")
_ID: Final = re.compile(r"[0-9a-f]{40}\Z")
_MOVE: Final = re.compile(r"\[(\d+)-([<>])-([0-9a-f]{40})\]\Z")
_EPOCH_MAX: Final = (1 << 64) - 1


class DamagedNodesFileError(Exception):
    """nodes.conf cannot be used; the message is one sentence that says where and why."""


@dataclass(slots=True)
class SavedNode:
    """One node line."""

    node_id: str
    ip: str = ""
    port: int = 0
    bus_port: int = 0
    hostname: str = ""
    human_name: str = ""
    shard_id: str = ""
    flags: int = 0
    primary_id: str = ""
    ping_sent_ms: int = 0
    pong_received_ms: int = 0
    config_epoch: int = 0
    connected: bool = False
    slots: int = 0


@dataclass(slots=True)
class SavedCluster:
    """All that the file says."""

    nodes: list[SavedNode] = field(default_factory=list)
    migrating: dict[int, str] = field(default_factory=dict)
    importing: dict[int, str] = field(default_factory=dict)
    stale_imports: set[int] = field(default_factory=set)
    current_epoch: int = 0
    last_vote_epoch: int = 0
    votes_for: list[str] = field(default_factory=list)
    """The primaries whose elections this node's votes may still decide, that of the last vote first."""

    def me(self) -> SavedNode | None:
        """The line of the node whose file this is."""
        return next((node for node in self.nodes if node.flags & fl.MYSELF), None)


def write(saved: SavedCluster) -> str:
    """The text of the file."""
    lines = [_node_line(saved, node) for node in saved.nodes]
    lines.append(f"vars currentEpoch {saved.current_epoch} lastVoteEpoch {saved.last_vote_epoch}")
    extra = [("lastVoteFor", ",".join(saved.votes_for))] if saved.votes_for else []
    extra += [(f"shard.{node.node_id}", node.shard_id) for node in saved.nodes if node.shard_id]
    extra += [(f"human.{node.node_id}", node.human_name) for node in saved.nodes if node.human_name]
    if saved.stale_imports:
        extra.append(("staleImports", sl.describe(sl.from_slots(saved.stale_imports)).replace(" ", ",")))
    lines += [f"vars {name} {value}" for name, value in extra]
    text = "\n".join(lines) + "\n"
    return f"{text}vars checksum {zlib.crc32(text.encode()):08x}\n"


def _node_line(saved: SavedCluster, node: SavedNode) -> str:
    address = f"{node.ip}:{node.port}@{node.bus_port}" + (f",{node.hostname}" if node.hostname else "")
    fields = [
        node.node_id, address, fl.to_text(node.flags), node.primary_id or "-", str(node.ping_sent_ms),
        str(node.pong_received_ms), str(node.config_epoch), "connected" if node.connected else "disconnected",
    ]  # fmt: skip
    if node.slots:
        fields.append(sl.describe(node.slots))
    if node.flags & fl.MYSELF:
        fields += [f"[{slot}->-{target}]" for slot, target in sorted(saved.migrating.items())]
        fields += [f"[{slot}-<-{source}]" for slot, source in sorted(saved.importing.items())]
    return " ".join(fields)


def load(text: str) -> SavedCluster:
    """Parse the text. Raises DamagedNodesFileError."""
    if not text.endswith("\n"):
        raise DamagedNodesFileError("the last line does not end: the file was cut off")
    checksum = _CHECKSUM.search(text)
    if checksum is not None:
        body = text[: checksum.start()]
        found = f"{zlib.crc32(body.encode('utf-8', 'surrogateescape')):08x}"
        if found != checksum[1]:
            raise DamagedNodesFileError(
                f"the checksum is {checksum[1]} but the content has {found}: it was changed or damaged"
            )
        text = body
    saved = SavedCluster()
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.split()
        if not fields:
            continue
        try:
            if fields[0] == "vars":
                _load_vars(saved, fields[1:])
            else:
                saved.nodes.append(_load_node(saved, fields))
        except (ValueError, KeyError, IndexError) as error:
            raise DamagedNodesFileError(f"line {number} is not understood ({error}): {line[:80]!r}") from None
    _check(saved)
    return saved


def _check(saved: SavedCluster) -> None:
    if sum(1 for node in saved.nodes if node.flags & fl.MYSELF) != 1:
        raise DamagedNodesFileError("exactly one node line must have the flag myself")
    if len({node.node_id for node in saved.nodes}) != len(saved.nodes):
        raise DamagedNodesFileError("a node id appears on two lines")
    seen = sl.NO_SLOTS
    for node in saved.nodes:
        if node.slots & seen:
            raise DamagedNodesFileError(f"slots {sl.describe(node.slots & seen)} have two owners")
        seen |= node.slots
    largest = max((node.config_epoch for node in saved.nodes), default=0)
    saved.current_epoch = max(saved.current_epoch, largest)


def _load_vars(saved: SavedCluster, fields: list[str]) -> None:
    for name, value in zip(fields[::2], fields[1::2], strict=True):
        kind, _, node_id = name.partition(".")
        if name == "currentEpoch":
            saved.current_epoch = _number(value, _EPOCH_MAX)
        elif name == "lastVoteEpoch":
            saved.last_vote_epoch = _number(value, _EPOCH_MAX)
        elif name == "lastVoteFor":
            saved.votes_for = [_id(each) for each in value.split(",")]
        elif name == "staleImports":
            saved.stale_imports = set(sl.each(_slots(value.split(","))))
        elif kind in ("shard", "human"):
            node = next((n for n in saved.nodes if n.node_id == node_id), None)
            if node is None:
                raise ValueError(f"{name} names no node of this file")
            if kind == "shard":
                node.shard_id = _id(value)
            else:
                node.human_name = value


def _load_node(saved: SavedCluster, fields: list[str]) -> SavedNode:
    if len(fields) < 8:
        raise ValueError(f"{len(fields)} fields instead of at least 8")
    node = SavedNode(_id(fields[0]))
    _load_address(node, fields[1])
    node.flags = fl.from_text(fields[2])
    node.primary_id = "" if fields[3] == "-" else _id(fields[3])
    node.ping_sent_ms, node.pong_received_ms = int(fields[4]), int(fields[5])
    node.config_epoch = _number(fields[6], _EPOCH_MAX)
    node.connected = fields[7] == "connected"
    ranges = []
    for text in fields[8:]:
        move = _MOVE.match(text)
        if move is None:
            ranges.append(text)
            continue
        moves = saved.migrating if move[2] == ">" else saved.importing
        moves[_number(move[1], sl.SLOT_COUNT - 1)] = move[3]
    node.slots = _slots(ranges)
    return node


def _slots(ranges: list[str]) -> int:
    """The set of slots that ``5`` and ``7-9`` name."""
    slots = sl.NO_SLOTS
    for text in ranges:
        first, dash, last = text.partition("-")
        low = _number(first, sl.SLOT_COUNT - 1)
        high = _number(last, sl.SLOT_COUNT - 1) if dash else low
        if high < low:
            raise ValueError(f"the range {text} ends before it begins")
        slots |= sl.from_range(low, high)
    return slots


def _load_address(node: SavedNode, text: str) -> None:
    address, *names = text.split(",")
    host_port, at, bus_port = address.partition("@")
    node.ip, colon, port = host_port.rpartition(":")
    if not colon:
        raise ValueError(f"the address {address!r} has no port")
    node.port = _number(port, 65535)
    node.bus_port = _number(bus_port, 65535) if at else node.port + 10_000
    if names:
        node.hostname = names[0]
    for name in names[1:]:
        key, _, value = name.partition("=")
        if key == "shard-id":
            node.shard_id = _id(value)
        elif key == "nodename":
            node.human_name = value


def _id(text: str) -> str:
    if not _ID.match(text):
        raise ValueError(f"{text[:48]!r} is not a node id")
    return text


def _number(text: str, largest: int) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > largest:
        raise ValueError(f"{text[:24]!r} is not a number from 0 to {largest}")
    return int(text)


# Between the file and the node table.


def from_context(context: Context) -> SavedCluster:
    """The content of the file for the present state."""
    table = context.table
    saved = SavedCluster(
        migrating={slot: node.node_id for slot, node in table.migrating.items()},
        importing={slot: node.node_id for slot, node in table.importing.items()},
        stale_imports=set(table.stale_imports),
        current_epoch=context.current_epoch,
        last_vote_epoch=context.last_vote_epoch,
        votes_for=context.votes_for(),
    )
    kept = fl.MYSELF | fl.PRIMARY | fl.REPLICA | fl.FAIL | fl.NOADDR | fl.NO_FAILOVER
    for node in table:
        if node.in_handshake():
            continue
        speaker = node.primary if node.primary is not None else node
        saved.nodes.append(
            SavedNode(
                node.node_id, node.ip, node.port, node.bus_port, node.hostname, node.human_name,
                node.shard_id, node.flags & kept, node.primary.node_id if node.primary is not None else "",
                0, 0, speaker.config_epoch, node is context.me or node.outbound is not None, node.slots,
            )
        )  # fmt: skip
    return saved


def into_context(saved: SavedCluster, context: Context) -> None:
    """Fill a context whose `me` was made from `saved.me()` with the rest of the file."""
    table = context.table
    for line in saved.nodes:
        node = context.me
        if not line.flags & fl.MYSELF:
            node = Node(line.node_id, created_ms=context.now_ms)
            table.add(node)
        node.ip, node.port, node.bus_port = line.ip, line.port, line.bus_port
        node.hostname, node.human_name, node.shard_id = line.hostname, line.human_name, line.shard_id
        # What was found before the start is of another time: who has failed is found again.
        node.flags = line.flags & ~fl.FAIL
        node.config_epoch, node.slots = line.config_epoch, line.slots
        node.claimed_epoch = line.config_epoch
    for line in saved.nodes:
        if line.primary_id and (primary := table.get(line.primary_id)) is not None:
            node = table.by_id[line.node_id]
            node.primary = primary
            primary.replicas.append(node)
            primary.flags |= fl.MIGRATE_TO
    table.migrating = {slot: table.by_id[n] for slot, n in saved.migrating.items() if n in table.by_id}
    table.importing = {slot: table.by_id[n] for slot, n in saved.importing.items() if n in table.by_id}
    table.stale_imports = saved.stale_imports & table.importing.keys()
    context.current_epoch = saved.current_epoch
    context.last_vote_epoch = saved.last_vote_epoch
    context.last_vote_for = saved.votes_for[0] if saved.votes_for else ""
    for voted in filter(None, map(table.get, saved.votes_for)):
        voted.voted_ms = context.now_ms
