"""One link of the cluster bus: frames in, frames out, everything bounded.

BACKGROUND. Heartbeats and published messages share a link. If a heartbeat waits behind megabytes of messages,
its sender looks dead. So each link has two queues: control frames always go first, and the transport below is
given little at a time, for what it has taken can no longer be overtaken.
INVARIANTS. A frame is written whole or not at all. Queued control frames beyond their limit end the link,
because a peer that takes no heartbeats is as good as gone; published messages beyond theirs are dropped,
newest first, and counted, because pub/sub promises no more.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from dataclasses import dataclass
from typing import Protocol, cast

from garrison.node.core.bus_counters import BusCounters
from garrison.node.core.bus_fields import BadFrameError
from garrison.node.core.bus_stream import FrameSplitter

TRANSPORT_BYTES_MAX = 64 << 10
"""What the transport may hold before frames wait in our queues, where control frames overtake."""


class LinkOwner(Protocol):
    """Receives the events of a link. `link_closed` comes once for each opened link that we did not drop."""

    def link_opened(self, link: BusLink) -> None: ...
    def link_closed(self, link: BusLink, why: str) -> None: ...
    def frames_received(self, link: BusLink, frames: list[bytes]) -> None: ...
    def frame_refused(self, link: BusLink, reason: str) -> None: ...


@dataclass
class LinkLimits:
    """The limits of every link; a change holds for links that exist."""

    frame_bytes_max: int = 1 << 20
    control_queue_bytes_max: int = 16 << 20
    pubsub_queue_bytes_max: int = 32 << 20
    total_queue_bytes_max: int = 0
    """`cluster-link-sendbuf-limit`; 0 for none."""


class BusLink(asyncio.Protocol):
    """A TCP connection of the bus; `link_id` is the core's name for it."""

    def __init__(self, owner: LinkOwner, limits: LinkLimits, counters: BusCounters, link_id: int = 0) -> None:
        self.link_id = link_id
        self.remote_ip = self.local_ip = ""
        self.has_received = False
        self._owner = owner
        self._limits = limits
        self._counters = counters
        self._splitter = FrameSplitter(limits.frame_bytes_max)
        self._transport: asyncio.Transport | None = None
        self._control: deque[bytes] = deque()
        self._bulk: deque[bytes] = deque()
        self._control_bytes = self._bulk_bytes = 0
        self._paused = self._silent = self._refused = False
        self._why = "closed by the peer"

    # -- what the core wants -------------------------------------------------------------------------------

    def send(self, frame: bytes, bulk: bool = False) -> None:
        """Queue one whole frame."""
        if self._transport is None or self._transport.is_closing():
            return
        if not self._paused and not self._control and not self._bulk:
            self._counters.frames_sent += 1
            self._transport.write(frame)
        elif bulk:
            self._queue_bulk(frame)
        else:
            self._control.append(frame)
            self._control_bytes += len(frame)
            if self._control_bytes > self._limits.control_queue_bytes_max:
                self._overflow("cluster-bus-control-queue-bytes-max")
        total_max = self._limits.total_queue_bytes_max
        if total_max and self.queued_bytes > total_max:
            self._overflow("cluster-link-sendbuf-limit")

    @property
    def queued_bytes(self) -> int:
        held = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return self._control_bytes + self._bulk_bytes + held

    def drop(self) -> None:
        """Flush what the transport holds, then close; the owner gets no more events of this link."""
        self._silent = True
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str) -> None:
        """Close at once and report why to the owner."""
        self._why = why
        if self._transport is not None:
            self._transport.abort()

    # -- what the transport reports --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=TRANSPORT_BYTES_MAX)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.remote_ip = _ip(transport.get_extra_info("peername"))
        self.local_ip = _ip(transport.get_extra_info("sockname"))
        if not self._silent:
            self._owner.link_opened(self)

    def data_received(self, data: bytes) -> None:
        if self._silent or self._refused:
            return
        try:
            frames = self._splitter.feed(data)
        except BadFrameError as error:
            self._counters.frames_refused += 1
            self._refused = True
            self._owner.frame_refused(self, error.reason)
            return
        if frames:
            self.has_received = True
            self._counters.frames_received += len(frames)
            self._owner.frames_received(self, frames)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        while not self._paused and self._transport is not None and (self._control or self._bulk):
            if self._control:
                frame = self._control.popleft()
                self._control_bytes -= len(frame)
            else:
                frame = self._bulk.popleft()
                self._bulk_bytes -= len(frame)
            self._counters.frames_sent += 1
            self._transport.write(frame)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._control.clear()
        self._bulk.clear()
        self._control_bytes = self._bulk_bytes = 0
        if not self._silent:
            self._silent = True
            self._owner.link_closed(self, str(error) if error is not None else self._why)

    def _queue_bulk(self, frame: bytes) -> None:
        if self._bulk_bytes + len(frame) > self._limits.pubsub_queue_bytes_max:
            self._counters.messages_dropped += 1
            return
        self._bulk.append(frame)
        self._bulk_bytes += len(frame)

    def _overflow(self, limit: str) -> None:
        self._counters.links_overflowed += 1
        self.abort(f"the peer takes no frames: {limit} is reached")


def _ip(address: object) -> str:
    return str(address[0]) if isinstance(address, tuple) else ""
