"""Pipelines: queue commands, send them all at once, each to the node of its slot.

::

    async with client.pipeline() as p:
        p.set("greeting", "hello")
        count = p.incr("visits")
    print(count.result())

Leaving the block sends what was queued; ``await p.execute()`` does the same and returns all replies
in the order of the commands. A queued method returns a :class:`Queued`, which holds the reply
afterwards. In a plain pipeline each command succeeds or fails by itself; commands of one slot run in
order (a redirect in the middle of a reshard may put one behind the others).

``client.pipeline(transaction=True)`` wraps the commands in MULTI and EXEC: they run as one, with
nothing between them, and must all have keys of one slot. If one of them is refused when it is queued,
none runs.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Sequence
from types import TracebackType
from typing import Any, cast

from garrison.client.commands.base import CommandSet, Convert, Merge, T
from garrison.client.commands.hashes import HashCommands
from garrison.client.commands.keys import KeyCommands
from garrison.client.commands.strings import StringCommands
from garrison.client.core.commands import Command, Retry, find_command
from garrison.client.core.fanout import Part, split
from garrison.client.core.resp import Arg, encode_args, to_bytes
from garrison.client.core.slots import key_slot
from garrison.client.errors import ClientError, UsageError
from garrison.client.execution import ANY_SLOT, Call, Executor, Transaction

__all__ = ["Pipeline", "Queued"]

_NOT_YET: Any = object()


class Queued(Coroutine[Any, Any, Any]):
    """The reply of a queued command, once the pipeline has run: ``queued.result()`` or ``await queued``."""

    __slots__ = ("_convert", "_merge", "_name", "_parts", "_reply", "call_count")

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
        self._reply: Any = _NOT_YET

    def __repr__(self) -> str:
        state = "not executed" if self._reply is _NOT_YET else repr(self._reply)
        return f"Queued({self._name.decode()}, {state})"

    def result(self) -> Any:
        """The reply; raises the command's error if it failed."""
        if self._reply is _NOT_YET:
            name = self._name.decode()
            raise UsageError(f"{name} has not run yet: call execute(), or leave the `async with` block")
        if isinstance(self._reply, ClientError):
            raise self._reply
        return self._reply

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

    # A coroutine that never waits, so that a command has one type in a client and in a pipeline.

    def send(self, value: Any, /) -> Any:
        raise StopIteration(self.result())

    def throw(self, *error: Any) -> Any:
        raise error[0]

    def close(self) -> None: ...

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.result()
        yield  # pragma: no cover: makes this function a generator


class Pipeline(StringCommands[T], KeyCommands[T], HashCommands[T], CommandSet[T]):
    """Commands waiting to be sent together. Made by ``client.pipeline()``."""

    def __init__(self, executor: Executor, *, clustered: bool, transaction: bool) -> None:
        self._executor = executor
        self._clustered = clustered
        self._transaction = transaction
        self._queued: list[Queued] = []
        self._calls: list[Call] = []

    def __len__(self) -> int:
        return len(self._queued)

    async def __aenter__(self) -> Pipeline[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.execute()
        else:
            self._queued.clear()
            self._calls.clear()

    def call(self, *command: Arg, key: Arg | None = None) -> Queued:
        """Queue any command; ``key`` names its key when the command is not in the client's table."""
        row = find_command(command)
        if row is None and key is None:
            name = to_bytes(command[0]).decode("utf-8", "replace")
            raise UsageError(f"{name} is not in the client's table: say which key it is about (key=...)")
        if row is None:
            row = Command(to_bytes(command[0]).decode(), Retry.ONCE, "1")
        row.check_shared(clustered=self._clustered)
        args = command[row.word_count :]
        if row.blocks(args):
            raise UsageError(
                f"{row.name.decode()} may block, and would hold up all others: use client.call(...)"
            )
        keys = [to_bytes(key)] if key is not None else row.keys(args)
        slot = key_slot(keys[0]) if keys else ANY_SLOT
        return self._queue(
            Call(row.name, row.retry_of(args), slot, row.prefix(len(args)) + encode_args(args))
        )

    def _queue(self, call: Call, convert: Convert | None = None) -> Queued:
        queued = Queued(call.name, convert)
        self._queued.append(queued)
        self._calls.append(call)
        return queued

    def _keyed(
        self, command: Command, args: Sequence[Arg], convert: Convert | None = None
    ) -> Coroutine[Any, Any, Any]:
        packed = command.prefix(len(args)) + encode_args(args)
        return self._queue(Call(command.name, command.retry, key_slot(to_bytes(args[0])), packed), convert)

    def _split(
        self, command: Command, args: Sequence[Arg], step: int, merge: Merge
    ) -> Coroutine[Any, Any, Any]:
        parts = split_if(self._clustered, args, step)
        queued = Queued(command.name, None, parts, merge)
        self._queued.append(queued)
        self._calls += [call_of_part(command, part) for part in parts]
        return queued

    async def execute(self, *, raise_errors: bool = True) -> list[Any]:
        """Send what is queued; the replies in order. The pipeline is then empty and can be used again.

        All commands are carried out before the first error is raised; with ``raise_errors=False``
        errors are among the replies instead.
        """
        queued, calls = self._queued, self._calls
        self._queued, self._calls = [], []
        if not calls:
            return []
        run = self._execute_transaction if self._transaction else self._executor.batch
        replies = await run(calls)
        results: list[Any] = []
        start = 0
        for command in queued:
            results.append(command.settle(replies[start : start + command.call_count]))
            start += command.call_count
        if raise_errors:
            for result in results:
                if isinstance(result, ClientError):
                    raise result
        return results

    async def _execute_transaction(self, calls: Sequence[Call]) -> list[Any]:
        slots = {call.slot for call in calls if call.slot != ANY_SLOT}
        if self._clustered and len(slots) > 1:
            raise UsageError(
                f"a transaction runs on one node, but its keys are in {len(slots)} slots: "
                "give them a common hash tag, such as {user:7}:name"
            )
        once = any(call.retry is Retry.ONCE for call in calls)
        slot = slots.pop() if slots else 0
        transaction = Transaction(Retry.ONCE if once else Retry.STATE, slot, [call.packed for call in calls])
        return cast(list[Any], await self._executor.run(transaction))


def split_if(clustered: bool, args: Sequence[Arg], step: int) -> list[Part]:
    """The parts of a command that may be split: one a slot in a cluster, else a single one."""
    if not args:
        raise UsageError("no keys: give at least one")
    if clustered:
        return split(args, step=step)
    return [Part(key_slot(to_bytes(args[0])), list(args), list(range(len(args) // step)))]


def call_of_part(command: Command, part: Part) -> Call:
    """The call that carries out one part."""
    packed = command.prefix(len(part.args)) + encode_args(part.args)
    return Call(command.name, command.retry, part.slot, packed)
