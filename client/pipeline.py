"""Pipelines: queue commands, send them all at once, each to the node of its slot.

::

    async with client.pipeline() as pipe:
        pipe.set("greeting", "hello")
        count = pipe.incr("visits")
    print(count.result())

Leaving the block sends what was queued; ``await pipe.execute()`` does the same and returns all replies
in the order of the commands. A queued method returns a :class:`~garrison.client.queued.Queued`, which holds
the reply afterwards. In a plain pipeline each command succeeds or fails by itself; commands of one slot run
in order (a redirect in the middle of a reshard may put one behind the others).

``client.pipeline(transaction=True)`` wraps the commands in MULTI and EXEC: they run as one, with
nothing between them, and must all have keys of one slot. If one of them is refused when it is queued,
none runs.

A transaction may depend on what it reads first, as in redis-py: :meth:`Pipeline.watch` keys, read them
(commands are now carried out when they are awaited), call :meth:`Pipeline.multi`, and queue. If a watched key
is changed before EXEC, nothing runs and :class:`~garrison.client.errors.WatchError` is raised.
``client.transaction(function, *keys)`` repeats that until it succeeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, NoReturn, cast

from garrison.client.apart import ApartPool
from garrison.client.commands.base import Convert, Merge, Reply, T
from garrison.client.commands.pipelined import PipelinedCommands
from garrison.client.core.commands import Command, Retry, find_command
from garrison.client.core.fanout import Part, split
from garrison.client.core.resp import Arg, Key, encode_args, to_bytes
from garrison.client.core.slots import key_slot
from garrison.client.errors import ClientError, UsageError
from garrison.client.execution import ANY_SLOT, Call, Executor, Transaction
from garrison.client.queued import Queued
from garrison.client.router import Router
from garrison.client.script_call import ScriptCall, sources_first
from garrison.client.watch import Watch

__all__ = ["Pipeline"]


class Pipeline(PipelinedCommands[T]):
    """Commands waiting to be sent together. Made by ``client.pipeline()``."""

    def __init__(
        self, executor: Executor, router: Router, apart: ApartPool, *, clustered: bool, transaction: bool
    ) -> None:
        self._executor = executor
        self._router = router
        self._apart = apart
        self._clustered = clustered
        self._transaction = transaction
        self._queued: list[Queued[Any]] = []
        self._calls: list[Call] = []
        self._watch: Watch | None = None

    def __len__(self) -> int:
        return len(self._queued)

    def __bool__(self) -> bool:
        """True, also while nothing is queued."""
        return True

    async def __aenter__(self) -> Pipeline[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.execute()
        finally:
            self.discard()

    # ---- queueing ------------------------------------------------------------------------------

    def call(self, *command: Arg, key: Arg | None = None) -> Queued[Any]:
        """Queue any command; ``key`` names its key when the command is not in the client's table."""
        command = split_name(command)
        row = find_command(command)
        if row is None and key is None:
            name = to_bytes(command[0]).decode("utf-8", "replace")
            raise UsageError(f"{name} is not in the client's table: say which key it is about (key=...)")
        if row is None:
            row = Command(to_bytes(command[0]).decode(), Retry.ONCE, "1")
        row.check_shared(clustered=self._clustered)
        args = command[row.word_count :]
        if row.blocks(args):
            self._refuse_waiting(row)
        keys = [to_bytes(key)] if key is not None else row.keys(args)
        return self._queue(_call(row, args, key_slot(keys[0]) if keys else ANY_SLOT))

    def execute_command(self, *command: Arg) -> Queued[Any]:
        """redis-py's name of :meth:`call`."""
        return self.call(*command)

    def _queue(self, call: Call, convert: Convert | None = None) -> Queued[Any]:
        return self._add([call], Queued(call.name, convert))

    def _add(self, calls: list[Call], queued: Queued[Any]) -> Queued[Any]:
        watch = self._watch
        if watch is not None and not watch.is_queueing:
            return queued.carried_out_by(lambda: watch.run(sources_first(calls, _on_one_node)))
        self._queued.append(queued)
        self._calls += calls
        return queued

    def _keyed(self, command: Command, args: Sequence[Arg], convert: Convert | None = None) -> Reply[Any]:
        packed = command.prefix(len(args)) + encode_args(args)
        call = Call(command.name, command.retry, key_slot(to_bytes(args[0])), packed)
        queued: Queued[Any] = Queued(command.name, convert)
        if self._watch is not None:
            return self._add([call], queued)
        self._queued.append(queued)
        self._calls.append(call)
        return queued

    def _routed(self, command: Command, args: Sequence[Arg], convert: Convert | None = None) -> Reply[Any]:
        keys = command.keys(args)
        return self._queue(_call(command, args, key_slot(keys[0]) if keys else ANY_SLOT), convert)

    def _scripted(self, call: ScriptCall) -> Queued[Any]:
        return self._queue(call)

    def _split(self, command: Command, args: Sequence[Arg], step: int, merge: Merge) -> Reply[Any]:
        parts = split_if(self._clustered, args, step)
        return self._add(
            [call_of_part(command, part) for part in parts], Queued(command.name, None, parts, merge)
        )

    def _waiting(self, command: Command, args: Sequence[Arg], convert: Convert | None = None) -> Reply[Any]:
        self._refuse_waiting(command)

    def _refuse_waiting(self, command: Command) -> NoReturn:
        raise UsageError(
            f"{command.name.decode()} may block, and would hold up all others: call it on the client"
        )

    # ---- watching ------------------------------------------------------------------------------

    async def watch(self, *keys: Key) -> bool:
        """Watch keys of one slot: if one of them is changed before EXEC, the transaction does not run.

        From now on commands are carried out when they are awaited, until :meth:`multi`. Always True.
        """
        if self._watch is not None and self._watch.is_queueing:
            raise UsageError("watch() comes before multi(): call execute() or discard() first")
        if self._queued:
            raise UsageError("watch() comes before any command that is queued: execute() those first")
        if self._watch is None:
            self._watch = Watch(self._router, self._executor, self._apart, clustered=self._clustered)
        try:
            await self._watch.add(keys)
        except BaseException:
            self.discard()
            raise
        return True

    def multi(self) -> None:
        """Begin the transaction: what follows is queued, and runs at :meth:`execute`."""
        if self._watch is None:
            self._transaction = True
        else:
            self._watch.is_queueing = True

    async def unwatch(self) -> bool:
        """Stop watching; commands are queued again. Always True."""
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.end()
        return True

    def discard(self) -> None:
        """Forget what is queued, and stop watching."""
        self._queued.clear()
        self._calls.clear()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.drop()

    async def reset(self) -> None:
        """redis-py's name of :meth:`discard`."""
        self.discard()

    # ---- carrying out --------------------------------------------------------------------------

    async def execute(self, *, raise_errors: bool = True, raise_on_error: bool = True) -> list[Any]:
        """Send what is queued; the replies in order. The pipeline is then empty and can be used again.

        All commands are carried out before the first error is raised; with ``raise_errors=False``
        errors are among the replies instead (``raise_on_error`` is redis-py's name of it).
        """
        queued, calls = self._queued, self._calls
        self._queued, self._calls = [], []
        if not calls:
            await self.unwatch()
            return []
        try:
            replies = await self._replies(calls)
        except ClientError as error:
            for command in queued:
                command.fail(error)
            raise
        results: list[Any] = []
        start = 0
        for command in queued:
            results.append(command.settle(replies[start : start + command.call_count]))
            start += command.call_count
        if raise_errors and raise_on_error:
            for result in results:
                if isinstance(result, ClientError):
                    raise result
        return results

    async def _replies(self, calls: Sequence[Call]) -> list[Any]:
        watch, self._watch = self._watch, None
        if watch is not None:
            return await watch.execute(self._transaction_of(calls))
        if self._transaction:
            return cast(list[Any], await self._executor.run(self._transaction_of(calls)))
        routes = self._router.routes
        return await self._executor.batch(sources_first(calls, lambda call: routes[call.slot]))

    def _transaction_of(self, calls: Sequence[Call]) -> Transaction:
        slots = {call.slot for call in calls if call.slot != ANY_SLOT}
        if self._clustered and len(slots) > 1:
            raise UsageError(
                f"a transaction runs on one node, but its keys are in {len(slots)} slots: "
                "give them a common hash tag, such as {user:7}:name"
            )
        once = any(call.retry is Retry.ONCE for call in calls)
        slot = slots.pop() if slots else 0
        packed = [call.packed for call in sources_first(calls, _on_one_node)]
        return Transaction(Retry.ONCE if once else Retry.STATE, slot, packed)


def _on_one_node(_call: Call) -> None:
    """The node of each call of a transaction: the same."""


def split_name(command: Sequence[Arg]) -> tuple[Arg, ...]:
    """The words of a command whose name may be given as one argument: ``"OBJECT ENCODING"``."""
    if command and isinstance(command[0], str) and " " in command[0]:
        return (*command[0].split(), *command[1:])
    return tuple(command)


def split_if(clustered: bool, args: Sequence[Arg], step: int) -> list[Part]:
    """The parts of a command that may be split: one a slot in a cluster, else a single one."""
    if not args:
        raise UsageError("no keys: give at least one")
    if clustered:
        return split(args, step=step)
    return [Part(key_slot(to_bytes(args[0])), list(args), list(range(len(args) // step)))]


def call_of_part(command: Command, part: Part) -> Call:
    """The call that carries out one part."""
    return _call(command, part.args, part.slot)


def _call(command: Command, args: Sequence[Arg], slot: int) -> Call:
    return Call(command.name, command.retry_of(args), slot, command.prefix(len(args)) + encode_args(args))
