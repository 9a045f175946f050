"""The cluster bus, version 1: frames to bytes and back.

Every frame starts with the same 2,256-byte header, in network byte order, which repeats the
sender's whole view of itself: epochs, replication offset, slots, address. What follows depends on
the type; PING, PONG and MEET carry gossip entries of 104 bytes and then extensions. The layout is
the one of the public protocol, checked on the wire against redis-server 7.0.15.

Bytes come from outside: `decode` trusts nothing, raises `BadFrameError` with a short reason that is
counted, and copies no more than what the length in the (already bounded) frame holds. The cutting
of a byte stream into frames is in `bus_stream`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from garrison.node.core import bus_extensions
from garrison.node.core.bus_extensions import Extensions
from garrison.node.core.bus_fields import ADDRESS, BadFrameError, node_id, text

PING: Final = 0
PONG: Final = 1
MEET: Final = 2
FAIL: Final = 3
PUBLISH: Final = 4
AUTH_REQUEST: Final = 5
AUTH_ACK: Final = 6
UPDATE: Final = 7
MFSTART: Final = 8
MODULE: Final = 9
PUBLISH_SHARD: Final = 10

TYPE_NAMES: Final = (
    "ping", "pong", "meet", "fail", "publish", "auth-req", "auth-ack", "update", "mfstart", "module",
    "publishshard",
)  # fmt: skip
"""Names by type number, as in the cluster_stats_messages_<name>_sent fields of CLUSTER INFO."""

SIGNATURE: Final = b"RCmb"
VERSION: Final = 1
_HEADER: Final = struct.Struct(">4sIHHHHQQQ40s2048s40s46sH30sHHHBB2s")
_GOSSIP: Final = struct.Struct(">40sII46sHHHHH")
_LENGTHS: Final = struct.Struct(">II")
_UPDATE: Final = struct.Struct(">Q40s2048s")
HEADER_BYTES: Final = _HEADER.size
GOSSIP_BYTES: Final = _GOSSIP.size
NO_ID: Final = ""
_NULL_ID: Final = b"\0" * 40

FLAG_PAUSED: Final = 1
"""mflags: the sending primary has paused its clients for a manual failover."""
FLAG_FORCE_ACK: Final = 2
"""mflags: vote for the sender even though its primary is not failing."""
FLAG_EXTENSIONS: Final = 4
"""mflags: the sender understands extensions."""

MARK: Final = b"Gr"
"""The first of 30 bytes of the header that other servers send as zeros and ignore. Behind it stand a level,
the state of the sender (the bits below) and the identity of its data's history, 20 bytes."""
MARK_LEVEL: Final = 1
STATE_NO_LEASE: Final = 1
"""This primary has been without its write lease for a while."""
STATE_DATA_LOST: Final = 2
"""This primary has started without the data of its slots, and serves nothing."""
STATE_HAS_DATA: Final = 4
"""This node has a whole copy of its shard's data, perhaps of an earlier moment."""

assert HEADER_BYTES == 2256
assert GOSSIP_BYTES == 104


class Gossip(NamedTuple):
    """A frame's entry about a third node. Times are seconds since 1970, 0 for never."""

    node_id: str
    ping_sent_s: int
    pong_received_s: int
    ip: str
    port: int
    bus_port: int
    flags: int
    plain_port: int = 0


@dataclass(slots=True)
class Frame:
    """One frame. The defaults make the shortest legal one; `decode(encode(f)) == f`."""

    type: int
    sender: str
    port: int = 0
    bus_port: int = 0
    plain_port: int = 0
    current_epoch: int = 0
    config_epoch: int = 0
    offset: int = 0
    slots: bytes = bytes(2048)
    """The bitmap of the slots that the sender, or the primary of a sending replica, serves."""
    primary_id: str = NO_ID
    """The primary of the sender, empty when the sender is a primary itself."""
    ip: str = ""
    """The address that the sender wants to be known by, empty for the one it connects from."""
    flags: int = 0
    state_ok: bool = True
    message_flags: int = 0
    state: int | None = None
    """The bits STATE_... of a Garrison node; None from other servers."""
    history: str = ""
    """The identity of the history of the sender's data, 40 hex digits; from Garrison nodes only."""
    gossip: list[Gossip] = field(default_factory=list)
    extensions: Extensions | None = None
    failing_id: str = NO_ID
    channel: bytes = b""
    message: bytes = b""
    update_id: str = NO_ID
    update_epoch: int = 0
    update_slots: bytes = bytes(2048)


def encode(frame: Frame) -> bytes:
    """The bytes of `frame`."""
    count = extensions = 0
    body = b""
    kind = frame.type
    message_flags = frame.message_flags
    if kind <= MEET:
        count = len(frame.gossip)
        body = b"".join([_encode_gossip(entry) for entry in frame.gossip])
        if frame.extensions is not None:
            parts = bus_extensions.encode(frame.extensions)
            extensions = len(parts)
            body += b"".join(parts)
    elif kind == FAIL:
        body = frame.failing_id.encode()
    elif kind in (PUBLISH, PUBLISH_SHARD):
        count = 1
        body = _LENGTHS.pack(len(frame.channel), len(frame.message)) + frame.channel + frame.message
    elif kind == UPDATE:
        body = _UPDATE.pack(frame.update_epoch, frame.update_id.encode(), frame.update_slots)
    header = _HEADER.pack(
        SIGNATURE, HEADER_BYTES + len(body), VERSION, frame.port, kind, count,
        frame.current_epoch, frame.config_epoch, frame.offset, frame.sender.encode(), frame.slots,
        frame.primary_id.encode(), frame.ip.encode(), extensions, _mark(frame), frame.plain_port,
        frame.bus_port, frame.flags, 0 if frame.state_ok else 1, message_flags, b"",
    )  # fmt: skip
    return header + body


def _mark(frame: Frame) -> bytes:
    if frame.state is None:
        return b""
    return MARK + bytes((MARK_LEVEL, frame.state)) + bytes.fromhex(frame.history)


def _encode_gossip(entry: Gossip) -> bytes:
    return _GOSSIP.pack(
        entry.node_id.encode(), entry.ping_sent_s, entry.pong_received_s, entry.ip.encode(),
        entry.port, entry.bus_port, entry.flags, entry.plain_port, 0,
    )  # fmt: skip


def decode(data: bytes) -> Frame:
    """The frame that `data`, one whole frame, holds. Raises BadFrameError."""
    frame, count, extensions = _decode_header(data)
    if frame.type <= MEET:
        _decode_heartbeat(frame, data, count, extensions)
    else:
        _decode_body(frame, data)
    return frame


def decode_header(data: bytes) -> Frame:
    """Only what the header of the frame says."""
    return _decode_header(data)[0]


def _decode_header(data: bytes) -> tuple[Frame, int, int]:
    """(the frame without its body, number of gossip entries, number of extensions)"""
    if len(data) < HEADER_BYTES:
        raise BadFrameError("length", f"{len(data)} bytes are less than a header")
    (
        signature, length, version, port, kind, count, current_epoch, config_epoch, offset, sender, slots,
        primary, ip, extensions, reserved, plain_port, bus_port, flags, state, message_flags, _rest,
    ) = _HEADER.unpack_from(data)  # fmt: skip
    if signature != SIGNATURE:
        raise BadFrameError("signature", "the frame does not begin with RCmb")
    if version != VERSION:
        raise BadFrameError("version", f"bus version {version}, but this node speaks version {VERSION}")
    if length != len(data):
        raise BadFrameError("length", f"the header says {length} bytes, the frame has {len(data)}")
    frame = Frame(
        kind, node_id(sender), port, bus_port, plain_port, current_epoch, config_epoch, offset, slots,
        NO_ID if primary == _NULL_ID else node_id(primary), text(ip, ADDRESS, "address"), flags,
        state == 0, message_flags,
    )  # fmt: skip
    if reserved.startswith(MARK):
        frame.state = reserved[len(MARK) + 1]
        history = reserved[len(MARK) + 2 : len(MARK) + 22]
        frame.history = history.hex() if any(history) else ""
    return frame, count, extensions


def _decode_heartbeat(frame: Frame, data: bytes, count: int, extensions: int) -> None:
    end = HEADER_BYTES + count * GOSSIP_BYTES
    if end > len(data) or (extensions == 0 and end != len(data)):
        raise BadFrameError("length", f"{count} gossip entries do not fit {len(data)} bytes")
    gossip = frame.gossip
    for node, ping, pong, ip, port, bus_port, flags, plain_port, _ in _GOSSIP.iter_unpack(
        memoryview(data)[HEADER_BYTES:end]
    ):
        gossip.append(
            Gossip(
                node_id(node),
                ping,
                pong,
                text(ip, ADDRESS, "address"),
                port,
                bus_port,
                flags,
                plain_port,
            )
        )
    if extensions:
        frame.extensions = bus_extensions.decode(data, end, extensions)


def _decode_body(frame: Frame, data: bytes) -> None:
    kind = frame.type
    body = len(data) - HEADER_BYTES
    if kind == FAIL:
        _expect(body == 40, kind, body)
        frame.failing_id = node_id(data[HEADER_BYTES:])
    elif kind in (PUBLISH, PUBLISH_SHARD):
        _expect(body >= _LENGTHS.size, kind, body)
        channel, message = _LENGTHS.unpack_from(data, HEADER_BYTES)
        _expect(body == _LENGTHS.size + channel + message, kind, body)
        at = HEADER_BYTES + _LENGTHS.size
        frame.channel = data[at : at + channel]
        frame.message = data[at + channel :]
    elif kind == UPDATE:
        _expect(body == _UPDATE.size, kind, body)
        frame.update_epoch, node, frame.update_slots = _UPDATE.unpack_from(data, HEADER_BYTES)
        frame.update_id = node_id(node)
    elif kind in (AUTH_REQUEST, AUTH_ACK, MFSTART):
        _expect(body == 0, kind, body)


def _expect(fits: bool, kind: int, body: int) -> None:
    if not fits:
        raise BadFrameError("length", f"a {TYPE_NAMES[kind]} frame cannot have a body of {body} bytes")
