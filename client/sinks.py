"""Where replies go: one sink for each command in flight.

A sink is a future, mostly: :class:`asyncio.Future` has the three methods. The two others here take the
replies of a whole batch, and replies that nobody waits for.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from garrison.client.errors import ReplyError

__all__ = ["DISCARD", "Collector", "Sink"]


class Sink(Protocol):
    """Where a reply goes. An :class:`asyncio.Future` is one."""

    def done(self) -> bool: ...
    def set_result(self, reply: Any, /) -> None: ...
    def set_exception(self, error: Any, /) -> None: ...


class _Discard:
    """A sink for replies that no caller awaits, such as that of ASKING."""

    def done(self) -> bool:
        return True

    def set_result(self, reply: Any, /) -> None: ...

    def set_exception(self, error: Any, /) -> None: ...


DISCARD = _Discard()


class Collector:
    """The sink of a whole batch: gathers ``expected`` replies, errors among them, into one list."""

    __slots__ = ("expected", "future", "replies")

    def __init__(self, expected: int, future: asyncio.Future[list[Any]]) -> None:
        self.expected = expected
        self.future = future
        self.replies: list[Any] = []

    def done(self) -> bool:
        return self.future.done()

    def set_result(self, reply: Any, /) -> None:
        self.replies.append(reply)
        if len(self.replies) == self.expected and not self.future.done():
            self.future.set_result(self.replies)

    def set_exception(self, error: Any, /) -> None:
        if isinstance(error, ReplyError):
            self.set_result(error)
        elif not self.future.done():
            self.future.set_exception(error)
