"""An asyncio event loop whose clock and sockets are simulated.

The client library, the admin client and the slot migration run on it as they are: `loop.time()` is simulated,
`loop.create_connection` dials in the simulated network. Where a real loop would wait for its selector, this
one carries out simulated events until something is ready to run. So a whole run, callers included, comes
from one seed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, Protocol

from .events import Events

IDLE_STEP_MS = 1000


class Dialer(Protocol):
    """Who opens simulated connections for the loop."""

    def dial(self, protocol: asyncio.Protocol, host: str, port: int) -> asyncio.Future[asyncio.Transport]: ...


class _Selector:
    """Waits by letting simulated time pass."""

    def __init__(self, loop: SimulatedLoop, events: Events) -> None:
        self._loop = loop
        self._events = events

    def select(self, timeout: float | None) -> list[Any]:
        events, loop = self._events, self._loop
        limit_ms = events.now_ms + (IDLE_STEP_MS if timeout is None else math.ceil(timeout * 1000))
        while not loop.has_ready() and events.now_ms < limit_ms:
            events.step(limit_ms)
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """Create it for an event queue; give it a dialer before anything connects."""

    def __init__(self, events: Events) -> None:
        super().__init__()
        self._events = events
        self._selector = _Selector(self, events)
        self.dialer: Dialer | None = None

    def time(self) -> float:
        return self._events.now_ms / 1000

    def has_ready(self) -> bool:
        """Whether a callback can run now."""
        return bool(self._ready)  # type: ignore[attr-defined]

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list, "the simulated selector has no descriptors"

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], host: str, port: int, **options: object
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        assert self.dialer is not None, "this loop has no network"
        protocol = protocol_factory()
        return await self.dialer.dial(protocol, host, port), protocol
