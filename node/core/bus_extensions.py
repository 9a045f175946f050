"""The extensions of heartbeats: what newer servers, and Garrison's nodes among themselves, add to a frame.

An extension is a type, a length and a value, padded to 8 bytes; receivers skip types that they do not know.
Types 0 to 3 are those of the public protocol. Garrison's own begin at 0x4701 and are sent only to nodes that
have shown the mark in their header (`bus.MARK`), since a Redis logs each unknown extension.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from garrison.node.core import bus_fields as fields
from garrison.node.core.bus_fields import BadFrameError

HOSTNAME: Final = 0
HUMAN_NAME: Final = 1
FORGOTTEN_NODE: Final = 2
SHARD_ID: Final = 3
LINEAGE: Final = 0x4701
NODE_TIMEOUT: Final = 0x4702
MARKS: Final = 0x4703
MOVES_SEEN: Final = 0x4704

_HEAD: Final = struct.Struct(">IHH")
_FORGOTTEN: Final = struct.Struct(">40sQ")
_LINEAGE: Final = struct.Struct(">20s20sQ")
_NUMBER: Final = struct.Struct(">Q")
_MOVES: Final = struct.Struct(">QII")
_MOVE: Final = struct.Struct(">HHB3x20s")
_NEVER_PARTED: Final = (1 << 64) - 1
_SLOT_MAX: Final = 16383


class MarkKind(IntEnum):
    """The kind of a mark on a slot."""

    MIGRATING = 0
    IMPORTING = 1
    IMPORTING_STALE = 2
    """The source has changed since the import began."""
    IMPORTED = 3
    """The import has ended; the id is that of the shard it came from, which may not all know it yet."""


class MarkRange(NamedTuple):
    """Slots first..last, which are on their way to or from the node of this id, or came from this shard."""

    first: int
    last: int
    kind: MarkKind
    node_id: str


@dataclass(frozen=True, slots=True)
class SlotMarks:
    """All marks that a primary has on slots, for its replicas. A later version replaces an earlier one."""

    version: int
    ranges: tuple[MarkRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """Whose data it is: the identity of its history, and which earlier history it continues, up to where."""

    history: str = ""
    previous: str = ""
    parted_at: int | None = None

    def continues(self, history: str, offset: int) -> bool:
        """Whether data of `history` up to `offset` is the beginning of this data."""
        if history == self.history:
            return True
        return history == self.previous and self.parted_at is not None and offset <= self.parted_at

    def parted_from(self, history: str, offset: int) -> bool:
        """Whether data of `history` up to `offset` goes on differently where this data parted from it."""
        return history == self.previous and history != self.history and not self.continues(history, offset)


@dataclass(slots=True)
class Extensions:
    """What newer peers add to a heartbeat; None where the frame did not say."""

    hostname: str | None = None
    human_name: str | None = None
    shard_id: str | None = None
    forgotten: list[tuple[str, int]] = field(default_factory=list)
    """(node id, seconds for which it must not come back)"""
    lineage: Lineage | None = None
    timeout_ms: int | None = None
    """The sender's node timeout."""
    marks: SlotMarks | None = None
    marks_seen: int | None = None
    """The version of the receiver's marks that the sender has taken over."""


def encode(extensions: Extensions) -> list[bytes]:
    """One padded byte string an extension."""
    parts = []
    if extensions.hostname is not None:
        parts.append(_one(HOSTNAME, extensions.hostname.encode() + b"\0"))
    if extensions.human_name is not None:
        parts.append(_one(HUMAN_NAME, extensions.human_name.encode() + b"\0"))
    parts += [_one(FORGOTTEN_NODE, _FORGOTTEN.pack(n.encode(), ttl)) for n, ttl in extensions.forgotten]
    if extensions.shard_id is not None:
        parts.append(_one(SHARD_ID, extensions.shard_id.encode()))
    if extensions.lineage is not None:
        parts.append(_one(LINEAGE, _encode_lineage(extensions.lineage)))
    if extensions.timeout_ms is not None:
        parts.append(_one(NODE_TIMEOUT, _NUMBER.pack(extensions.timeout_ms)))
    if extensions.marks is not None:
        parts.append(_one(MARKS, _encode_marks(extensions.marks)))
    if extensions.marks_seen is not None:
        parts.append(_one(MOVES_SEEN, _NUMBER.pack(extensions.marks_seen)))
    return parts


def _one(kind: int, value: bytes) -> bytes:
    value += bytes(-len(value) % 8)
    return _HEAD.pack(_HEAD.size + len(value), kind, 0) + value


def _encode_lineage(lineage: Lineage) -> bytes:
    parted = _NEVER_PARTED if lineage.parted_at is None else lineage.parted_at
    return _LINEAGE.pack(bytes.fromhex(lineage.history), bytes.fromhex(lineage.previous), parted)


def _encode_marks(marks: SlotMarks) -> bytes:
    ranges = [_MOVE.pack(r.first, r.last, r.kind, bytes.fromhex(r.node_id)) for r in marks.ranges]
    return _MOVES.pack(marks.version, len(ranges), 0) + b"".join(ranges)


def decode(data: bytes, at: int, count: int) -> Extensions:
    """The `count` extensions from `at` to the end of `data`. Raises BadFrameError."""
    found = Extensions()
    for _ in range(count):
        if at + _HEAD.size > len(data):
            raise BadFrameError("extension", "an extension begins past the end of the frame")
        length, kind, _reserved = _HEAD.unpack_from(data, at)
        if length < _HEAD.size or length % 8 or at + length > len(data):
            raise BadFrameError("extension", f"an extension claims {length} bytes")
        _take(found, kind, data[at + _HEAD.size : at + length])
        at += length
    if at != len(data):
        raise BadFrameError("length", "bytes are left after the last extension")
    return found


def _take(found: Extensions, kind: int, value: bytes) -> None:
    if kind == HOSTNAME:
        found.hostname = fields.text(value, fields.NAME, "hostname")
    elif kind == HUMAN_NAME:
        found.human_name = fields.text(value, fields.NAME, "human-name")
    elif kind == FORGOTTEN_NODE and len(value) >= _FORGOTTEN.size:
        node, ttl = _FORGOTTEN.unpack_from(value)
        found.forgotten.append((fields.node_id(node), ttl))
    elif kind == SHARD_ID and len(value) >= 40:
        found.shard_id = fields.node_id(value[:40])
    elif kind == LINEAGE and len(value) >= _LINEAGE.size:
        found.lineage = _decode_lineage(value)
    elif kind == NODE_TIMEOUT and len(value) >= _NUMBER.size:
        found.timeout_ms = _NUMBER.unpack_from(value)[0]
    elif kind == MARKS and len(value) >= _MOVES.size:
        found.marks = _decode_marks(value)
    elif kind == MOVES_SEEN and len(value) >= _NUMBER.size:
        found.marks_seen = _NUMBER.unpack_from(value)[0]


def _decode_lineage(value: bytes) -> Lineage:
    history, previous, parted = _LINEAGE.unpack_from(value)
    return Lineage(history.hex(), previous.hex(), None if parted == _NEVER_PARTED else parted)


def _decode_marks(value: bytes) -> SlotMarks:
    version, count, _reserved = _MOVES.unpack_from(value)
    if _MOVES.size + count * _MOVE.size > len(value):
        raise BadFrameError("extension", f"{count} marks do not fit {len(value)} bytes")
    ranges = []
    for number in range(count):
        first, last, kind, node = _MOVE.unpack_from(value, _MOVES.size + number * _MOVE.size)
        if not first <= last <= _SLOT_MAX or kind > max(MarkKind):
            raise BadFrameError("extension", f"slots {first}-{last} of kind {kind} are not a move")
        ranges.append(MarkRange(first, last, MarkKind(kind), node.hex()))
    return SlotMarks(version, tuple(ranges))
