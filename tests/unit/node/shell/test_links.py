"""Links of the bus: control frames overtake published messages, queues end, bad frames are refused."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from garrison.node.core.bus_counters import BusCounters
from garrison.node.shell.links import BusLink, LinkLimits


class Owner:
    def __init__(self) -> None:
        self.closed: list[str] = []
        self.refused: list[str] = []
        self.received: list[bytes] = []

    def link_opened(self, link: BusLink) -> None:
        pass

    def link_closed(self, link: BusLink, why: str) -> None:
        self.closed.append(why)

    def frames_received(self, link: BusLink, frames: list[bytes]) -> None:
        self.received += frames

    def frame_refused(self, link: BusLink, reason: str) -> None:
        self.refused.append(reason)


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = self.closing = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.aborted = self.closing = True

    def close(self) -> None:
        self.closing = True


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


def a_link(owner: Owner, transport: FakeTransport, **limits: int) -> BusLink:
    link = BusLink(owner, LinkLimits(**limits), BusCounters(), 1)
    link.connection_made(transport)
    return link


def a_frame(length: int = 2256, signature: bytes = b"RCmb", version: int = 1) -> bytes:
    return struct.pack(">4sIH", signature, length, version) + bytes(length - 10)


def test_control_frames_overtake_published_messages(owner: Owner, transport: FakeTransport) -> None:
    link = a_link(owner, transport)
    link.pause_writing()
    for bulk in (b"m1", b"m2"):
        link.send(bulk, bulk=True)
    link.send(b"ping")
    assert transport.written == []
    assert link.queued_bytes == 8
    link.resume_writing()
    assert transport.written == [b"ping", b"m1", b"m2"]


def test_a_frame_is_not_split_over_a_pause(owner: Owner, transport: FakeTransport) -> None:
    link = a_link(owner, transport)
    link.pause_writing()
    link.send(b"one")
    link.send(b"two")
    write = transport.write

    def write_and_pause(data: Any) -> None:
        write(data)
        link.pause_writing()

    transport.write = write_and_pause  # type: ignore[method-assign]
    link.resume_writing()
    assert transport.written == [b"one"]
    link.resume_writing()
    assert transport.written == [b"one", b"two"]


def test_messages_beyond_their_limit_are_dropped_and_counted(owner: Owner, transport: FakeTransport) -> None:
    counters = BusCounters()
    link = BusLink(owner, LinkLimits(pubsub_queue_bytes_max=10), counters, 1)
    link.connection_made(transport)
    link.pause_writing()
    for _ in range(5):
        link.send(b"four", bulk=True)
    assert counters.messages_dropped == 3
    assert not transport.aborted


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"control_queue_bytes_max": 10}, "cluster-bus-control-queue-bytes-max"),
        ({"total_queue_bytes_max": 10}, "cluster-link-sendbuf-limit"),
    ],
)
def test_a_peer_that_takes_no_heartbeats_loses_its_link(
    owner: Owner, transport: FakeTransport, limits: dict[str, int], named: str
) -> None:
    link = a_link(owner, transport, **limits)
    link.pause_writing()
    for _ in range(5):
        link.send(b"ping")
    assert transport.aborted
    link.connection_lost(None)
    assert len(owner.closed) == 1
    assert named in owner.closed[0]


def test_frames_in_pieces(owner: Owner, transport: FakeTransport) -> None:
    link = a_link(owner, transport)
    stream = a_frame() + a_frame(3000)
    for at in range(0, len(stream), 700):
        link.data_received(stream[at : at + 700])
    assert [len(frame) for frame in owner.received] == [2256, 3000]
    assert link.has_received


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        a_frame(signature=b"XXXX"),
        struct.pack(">4sI", b"RCmb", 1 << 30),
        a_frame(version=9),
    ],
)
def test_what_is_no_frame_is_refused_and_nothing_more_is_read(
    owner: Owner, transport: FakeTransport, data: bytes
) -> None:
    link = a_link(owner, transport)
    link.data_received(data)
    link.data_received(a_frame())
    assert len(owner.refused) == 1
    assert owner.received == []


def test_the_owner_hears_no_more_of_a_dropped_link(owner: Owner, transport: FakeTransport) -> None:
    link = a_link(owner, transport)
    link.drop()
    link.data_received(a_frame())
    link.connection_lost(None)
    assert owner.closed == []
    assert owner.received == []
