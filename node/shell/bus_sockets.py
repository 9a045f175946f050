"""The cluster bus of one node: it accepts links, opens links, and knows each by the core's number.

A link that a stranger opened and that has sent no whole frame within a grace period is closed, so that idle
connections cannot use up `cluster-bus-links-max`.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

from garrison.node.core.bus_counters import BusCounters
from garrison.node.shell.links import BusLink, LinkLimits

FIRST_FRAME_TIMEOUT_S = 10.0
"""How long an accepted link may take to send its first whole frame."""


class BusOwner(Protocol):
    """The control plane, as the bus sees it. Numbers of accepted links are the core's too."""

    def link_accepted(self, remote_ip: str, local_ip: str) -> int: ...
    def link_up(self, link_id: int, remote_ip: str, local_ip: str) -> None: ...
    def link_down(self, link_id: int, why: str) -> None: ...
    def frames(self, link_id: int, frames: list[bytes]) -> None: ...
    def refused(self, link_id: int, reason: str) -> None: ...


class Bus:
    """Sockets of the bus. `connect`, `send` and `drop` never block and never raise for a peer's fault."""

    def __init__(
        self, owner: BusOwner, limits: LinkLimits, links_max: int, connect_timeout_ms: int, source: str = ""
    ) -> None:
        self.counters = BusCounters()
        self.limits = limits
        self.links_max = links_max
        self._owner = owner
        self._connect_timeout_s = connect_timeout_ms / 1000
        self._source = (source, 0) if source else None
        self._links: dict[int, BusLink] = {}
        self._attempts: dict[int, asyncio.Task[None]] = {}
        self._servers: list[asyncio.Server] = []
        self._accepted = 0

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Accept links on sockets that listen already."""
        loop = asyncio.get_running_loop()
        for listener in sockets:
            server = await loop.create_server(lambda: _Accepted(self), sock=listener)
            self._servers.append(server)

    def close(self) -> None:
        """Stop accepting, close every link."""
        for server in self._servers:
            server.close()
        for task in self._attempts.values():
            task.cancel()
        for link in list(self._links.values()):
            link.drop()
        self._links.clear()

    def connect(self, link_id: int, host: str, port: int) -> None:
        """Open a link; `link_up` or `link_down` follows."""
        task = asyncio.get_running_loop().create_task(self._connect(link_id, host, port))
        self._attempts[link_id] = task

    def send(self, link_id: int, frame: bytes, bulk: bool = False) -> None:
        link = self._links.get(link_id)
        if link is not None:
            link.send(frame, bulk)

    def drop(self, link_id: int) -> None:
        """Close a link that the core has forgotten."""
        attempt = self._attempts.pop(link_id, None)
        if attempt is not None:
            attempt.cancel()
        link = self._links.pop(link_id, None)
        if link is not None:
            link.drop()
            self._forget(link)

    def queued_bytes(self) -> dict[int, int]:
        """The bytes that wait on each link."""
        return {link_id: link.queued_bytes for link_id, link in self._links.items()}

    async def _connect(self, link_id: int, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await loop.create_connection(
                    lambda: BusLink(self, self.limits, self.counters, link_id),
                    host,
                    port,
                    local_addr=self._source,
                )
        except (OSError, TimeoutError) as error:
            if self._attempts.pop(link_id, None) is not None:
                self._owner.link_down(link_id, str(error) or "no answer")
        else:
            self._attempts.pop(link_id, None)

    # -- LinkOwner -----------------------------------------------------------------------------------------

    def link_opened(self, link: BusLink) -> None:
        if isinstance(link, _Accepted):
            if self._accepted >= self.links_max:
                self.counters.links_refused += 1
                link.drop()
                return
            self._accepted += 1
            link.link_id = self._owner.link_accepted(link.remote_ip, link.local_ip)
            self._links[link.link_id] = link
            link.expect_first_frame()
        else:
            self._links[link.link_id] = link
            self._owner.link_up(link.link_id, link.remote_ip, link.local_ip)

    def link_closed(self, link: BusLink, why: str) -> None:
        if self._links.pop(link.link_id, None) is not None:
            self._forget(link)
            self._owner.link_down(link.link_id, why)

    def frames_received(self, link: BusLink, frames: list[bytes]) -> None:
        self._owner.frames(link.link_id, frames)

    def frame_refused(self, link: BusLink, reason: str) -> None:
        self._owner.refused(link.link_id, reason)

    def _forget(self, link: BusLink) -> None:
        if isinstance(link, _Accepted):
            self._accepted -= 1
            link.forget_timer()


class _Accepted(BusLink):
    """A link that the other side opened."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus, bus.limits, bus.counters)
        self._timer: asyncio.TimerHandle | None = None

    def expect_first_frame(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(FIRST_FRAME_TIMEOUT_S, self._give_up)

    def forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _give_up(self) -> None:
        if not self.has_received:
            self.abort("no frame came")
