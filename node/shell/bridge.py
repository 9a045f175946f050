"""The border between control plane and data plane: events are drained in one go, requests posted in one
batch.

The data plane makes a descriptor readable; the loop wakes up, takes every event that waits and hands each to
its handler. What the handlers want from the data plane is collected and posted once, at the end of the turn,
so a hundred CLUSTER commands cost one wake-up each way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from garrison.base.reply import encode
from garrison.node.border import (
    Applied,
    Apply,
    ClientInfo,
    Event,
    Persist,
    Persisted,
    Plane,
    Ran,
    Reply,
    Request,
    Run,
)

E = TypeVar("E", bound=Event)


class Bridge:
    """Events up and requests down for one data plane, on one loop."""

    def __init__(self, plane: Plane, loop: asyncio.AbstractEventLoop) -> None:
        self.plane = plane
        self._loop = loop
        self._handlers: dict[type, Callable[[Any], None]] = {}
        self._requests: list[Request] = []
        self._post_is_due = False
        self._next_ticket = 1
        self._waiting: dict[int, Callable[[Any], None]] = {}
        self._open = False
        self.on(Ran, lambda event: self._answered(event.ticket, event.reply))
        self.on(Applied, lambda event: self._answered(event.ticket, event))
        self.on(Persisted, lambda event: self._answered(event.ticket, event.error))

    def on(self, kind: type[E], handler: Callable[[E], None]) -> None:
        """Let `handler` take events of this class."""
        self._handlers[kind] = handler

    def open(self) -> None:
        """Begin, the data plane runs: what was queued before goes down first."""
        self._open = True
        self._loop.add_reader(self.plane.fileno(), self.drain)
        self.flush()

    def close(self) -> None:
        if self._open:
            self._loop.remove_reader(self.plane.fileno())
            self._open = False

    def drain(self) -> None:
        """Hand every event that waits to its handler."""
        for event in self.plane.drain():
            handler = self._handlers.get(type(event))
            if handler is None:
                raise RuntimeError(f"the data plane sent an event that nobody handles: {event!r}")
            handler(event)

    def post(self, request: Request) -> None:
        """Queue one request; all that a turn of the loop queues goes down as one batch."""
        self._requests.append(request)
        if self._open and not self._post_is_due:
            self._post_is_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Post what is queued now."""
        self._post_is_due = False
        if self._open and self._requests:
            requests, self._requests = self._requests, []
            self.plane.post(requests)

    def reply(self, ticket: int, client: ClientInfo, value: object) -> None:
        """Answer a client that waits, in its protocol."""
        self.post(Reply(ticket, encode(value, client.resp)))

    def run(self, argv: list[bytes], done: Callable[[bytes], None]) -> None:
        """Run a command as the node itself; `done` gets the raw reply."""
        self.post(Run(self._ticket(done), argv))

    def settings(self, values: dict[str, str], done: Callable[[Applied], None]) -> None:
        """Apply settings, all or nothing."""
        self.post(Apply(self._ticket(done), values))

    @property
    def waiting(self) -> int:
        """How many requests the data plane has not answered yet."""
        return len(self._waiting)

    def persist(self, done: Callable[[str], None], *, snapshot: bool) -> None:
        """Put the data on the disk; `done` gets an empty text or what failed."""
        self.post(Persist(self._ticket(done), snapshot))

    def _ticket(self, done: Callable[[Any], None]) -> int:
        ticket = self._next_ticket
        self._next_ticket += 1
        self._waiting[ticket] = done
        return ticket

    def _answered(self, ticket: int, answer: Any) -> None:
        done = self._waiting.pop(ticket, None)
        if done is not None:
            done(answer)
