"""The reply of a command in a pipeline: a future with the type of the reply.

::

    async with client.pipeline() as pipe:
        count = pipe.incr("visits")              # Queued[int]
    count.result()                               # an int, once the pipeline has run
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any, Generic, TypeVar

from garrison.client.commands.base import Convert, Merge
from garrison.client.core.fanout import Part
from garrison.client.errors import ClientError, UsageError

__all__ = ["Queued"]

R = TypeVar("R", covariant=True)

_NOT_YET: Any = object()


class Queued(Coroutine[Any, Any, R], Generic[R]):
    """The reply of a queued command, once the pipeline has run: ``queued.result()`` or ``await queued``.

    While a pipeline watches keys, commands are not queued: awaiting one carries it out.
    """

    __slots__ = ("_convert", "_merge", "_name", "_parts", "_reply", "_run", "_waiting", "call_count")

    def __init__(
        self,
        name: bytes,
        convert: Convert | None = None,
        parts: Sequence[Part] = (),
        merge: Merge | None = None,
    ) -> None:
        self.call_count = len(parts) or 1
        """How many calls carry the command out: one, or one for each of its parts."""
        self._name = name
        self._convert = convert
        self._parts = parts
        self._merge = merge
        self._run: Callable[[], Coroutine[Any, Any, list[Any]]] | None = None
        self._reply: Any = _NOT_YET
        self._waiting: Generator[Any, Any, Any] | None = None

    def __repr__(self) -> str:
        state = "not executed" if self._reply is _NOT_YET else repr(self._reply)
        return f"Queued({self._name.decode()}, {state})"

    def done(self) -> bool:
        """Whether the reply, or the command's error, is there."""
        return self._reply is not _NOT_YET

    def result(self) -> R:
        """The reply; raises the command's error if it failed."""
        if self._reply is _NOT_YET:
            name = self._name.decode()
            how = "await it" if self._run else "call execute(), or leave the `async with` block"
            raise UsageError(f"{name} has not run yet: {how}")
        if isinstance(self._reply, ClientError):
            raise self._reply
        reply: R = self._reply
        return reply

    def carried_out_by(self, run: Callable[[], Coroutine[Any, Any, list[Any]]]) -> Queued[R]:
        """Let awaiting carry the command out; ``run`` gives the replies of its calls."""
        self._run = run
        return self

    def settle(self, replies: Sequence[Any]) -> Any:
        """Take the replies of the command's calls; returns its own, or its first error."""
        reply = next((reply for reply in replies if isinstance(reply, ClientError)), None)
        if reply is None:
            reply = replies[0]
            if self._merge is not None:
                reply = self._merge(self._parts, replies)
            elif self._convert is not None:
                reply = self._convert(reply)
        self._reply = reply
        return reply

    def fail(self, error: ClientError) -> None:
        """The pipeline did not run: its error is that of the command."""
        if self._reply is _NOT_YET:
            self._reply = error

    def __await__(self) -> Generator[Any, Any, R]:
        if self._run is not None and self._reply is _NOT_YET:
            self.settle((yield from self._run().__await__()))
        return self.result()

    # A coroutine, so that a method has one type in a client and, more exactly, in a pipeline.

    def send(self, value: Any, /) -> Any:
        if self._waiting is None:
            self._waiting = self.__await__()
        try:
            return self._waiting.send(value)
        except BaseException:
            self._waiting = None  # It has ended; who awaits it again gets the reply again.
            raise

    def throw(self, *error: Any) -> Any:
        if self._waiting is None:
            raise error[0]
        try:
            return self._waiting.throw(*error)
        except BaseException:
            self._waiting = None
            raise

    def close(self) -> None:
        if self._waiting is not None:
            self._waiting.close()
