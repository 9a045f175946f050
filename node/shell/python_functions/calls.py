"""Calls of functions in Python: queued, given to workers, repeated after a conflict, ended in time.

BACKGROUND. The engine reports a call and holds its client; a worker runs the function. What the function
reads goes to the engine and back, one batch at a time; when it has returned, its writes and its reply go to
the engine together. The engine watches what was read: when another client has changed it, nothing is
applied, and the call begins again.

INVARIANTS
- Each call ends once: the engine has answered its client after a commit, or is sent an error here.
- A worker runs one call at a time. It is free when the function has returned, while the engine still commits.
- A call that has run for longer than its timeout is answered, and its worker ended: Python cannot be
  interrupted.

The number of calls that wait is bounded by the engine (`python-function-calls-max`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from garrison.base.log import Log
from garrison.base.reply import Error, encode
from garrison.node.border import (
    FunctionCall,
    FunctionCommit,
    FunctionKill,
    FunctionOutcome,
    FunctionRead,
    FunctionReplies,
    Reply,
)
from garrison.node.shell.bridge import Bridge
from garrison.node.shell.python_functions.messages import Done, Failed, Message, Read, Ready, packed
from garrison.node.shell.python_functions.worker import Worker

LATER_S = 0.005
"""How long a request waits that the engine could not take."""
RESTART_S_MIN, RESTART_S_MAX = 0.02, 2.0
"""How long a worker's place stays empty after its process has died, at first and after many deaths."""


class Call:
    """One call on its way."""

    __slots__ = ("deadline", "event", "request", "retries", "worker")

    def __init__(self, event: FunctionCall) -> None:
        self.event = event
        self.worker: Worker | None = None
        self.request: FunctionRead | FunctionCommit | None = None
        self.retries = 0
        self.deadline: asyncio.TimerHandle | None = None

    def __str__(self) -> str:
        return f"function '{self.event.function.decode('utf-8', 'replace')}'"


class PythonFunctions:
    """All calls, and the workers that run them; nothing is started before the first call."""

    def __init__(
        self, values: Mapping[str, str], log: Log, bridge: Bridge, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._log = log
        self._bridge = bridge
        self._loop = loop
        self._calls: dict[int, Call] = {}
        self._queue: deque[Call] = deque()
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._starting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._restart_s = RESTART_S_MIN
        self._is_closed = False
        self._read(values)
        bridge.on(FunctionCall, self._begin)
        bridge.on(FunctionReplies, self._answered)
        bridge.on(FunctionKill, self._kill)

    def _read(self, values: Mapping[str, str]) -> None:
        self._workers_max = int(values["python-function-workers"])
        self._timeout_s = int(values["python-function-timeout"]) / 1000
        self._retries_max = int(values["python-function-retries-max"])
        self._memory_bytes_max = int(values["python-function-memory-max"])
        self._is_on = values["python-functions"] == "yes"

    def configure(self, values: Mapping[str, str]) -> None:
        """Take new settings. Workers that run with other ones are replaced when they are idle."""
        former = (self._workers_max, self._memory_bytes_max, self._is_on)
        self._read(values)
        if former != (self._workers_max, self._memory_bytes_max, self._is_on):
            for worker in self._workers:
                worker.retires = True
            for worker in self._idle:
                self._drop(worker)
            self._idle.clear()

    def close(self) -> None:
        """End all workers."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        for worker in self._workers:
            worker.close()
        self._workers.clear()
        self._idle.clear()

    # -- calls --------------------------------------------------------------------------------

    def _begin(self, event: FunctionCall) -> None:
        call = self._calls[event.ticket] = Call(event)
        self._queue.append(call)
        self._hand_out()

    def _hand_out(self) -> None:
        while self._queue and self._idle:
            call = self._queue.popleft()
            if call.event.ticket not in self._calls:
                continue
            worker = self._idle.pop()
            event = call.event
            call.worker = worker
            if call.deadline is None:
                call.deadline = self._loop.call_later(self._timeout_s, self._expire, call)
            words: tuple[bytes | int, ...] = (
                event.function,
                event.resp,
                len(event.keys),
                *event.keys,
                *event.args,
            )
            worker.call(event.ticket, event.library, event.version, event.source, words)
        if self._queue and not self._is_closed:
            missing = min(self._workers_max - len(self._workers) - self._starting, len(self._queue))
            for _ in range(missing):
                self._start_worker(0)

    def _fail(self, call: Call, text: str) -> None:
        """Answer a call with an error; nothing of it is applied."""
        self._bridge.post(Reply(call.event.ticket, encode(Error(text), call.event.resp)))
        self._forget(call)

    def _forget(self, call: Call) -> None:
        self._calls.pop(call.event.ticket, None)
        if call.deadline is not None:
            call.deadline.cancel()

    def _expire(self, call: Call) -> None:
        self._end_now(
            call, f"has run for longer than python-function-timeout ({self._timeout_s * 1000:.0f} ms)"
        )

    def _kill(self, event: FunctionKill) -> None:
        call = self._calls.get(event.ticket)
        if call is not None:
            self._end_now(call, "was killed by FUNCTION KILL")

    def _end_now(self, call: Call, why: str) -> None:
        self._log.warning(f"{call} of library '{call.event.library.decode()}' {why}")
        if call.worker is not None:
            call.worker.kill(why)
        self._fail(call, f"ERR {call} {why}: nothing that it wrote is applied")

    def _answered(self, event: FunctionReplies) -> None:
        call = self._calls.get(event.ticket)
        if call is None:
            return
        outcome, worker = event.outcome, call.worker
        if outcome is FunctionOutcome.READ:
            if worker is not None:
                worker.send(packed(b"REPLIES", *event.replies))
        elif outcome is FunctionOutcome.ENDED:
            self._forget(call)
        elif outcome is FunctionOutcome.LATER:
            self._loop.call_later(LATER_S, self._ask_again, call)
        elif outcome is FunctionOutcome.GONE:
            if worker is not None:
                worker.send(packed(b"STOP"))
            self._forget(call)
        elif call.retries >= self._retries_max:
            self._fail(
                call,
                f"TRYAGAIN {call} has begun {call.retries + 1} times, and each time another client has "
                "changed what it had read",
            )
        else:
            call.retries += 1
            self._queue.appendleft(call)
            self._hand_out()

    def _ask(self, call: Call, request: FunctionRead | FunctionCommit) -> None:
        call.request = request
        self._bridge.post(request)

    def _ask_again(self, call: Call) -> None:
        if call.event.ticket in self._calls and call.request is not None:
            self._bridge.post(call.request)

    # -- workers --------------------------------------------------------------------------------

    def heard(self, worker: Worker, message: Message) -> None:
        """A worker has sent a message."""
        if isinstance(message, Ready):
            self._is_ready(worker)
            return
        call = self._calls.get(worker.ticket)
        if isinstance(message, Read):
            if call is None:
                worker.send(packed(b"STOP"))
            else:
                self._ask(call, FunctionRead(worker.ticket, message.commands))
            return
        if call is not None:
            call.worker = None
            if isinstance(message, Done):
                request = FunctionCommit(worker.ticket, message.commands, message.pieces, message.holes)
                self._ask(call, request)
            else:
                self._fail(call, message.text)
        self._restart_s = RESTART_S_MIN
        worker.ticket = 0
        if worker.retires or (isinstance(message, Failed) and message.is_leaving):
            self._drop(worker)
        else:
            self._idle.append(worker)
        self._hand_out()

    def _is_ready(self, worker: Worker) -> None:
        worker.is_ready = True
        if worker in self._workers and worker.ticket == 0 and worker not in self._idle:
            self._idle.append(worker)
            self._hand_out()

    def _drop(self, worker: Worker) -> None:
        self._workers.discard(worker)
        worker.close()

    def died(self, worker: Worker, why: str) -> None:
        """A worker's process has ended."""
        if worker not in self._workers:
            return
        self._workers.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        call = self._calls.get(worker.ticket)
        if call is not None and call.worker is worker:
            self._log.warning(f"The worker of {call} has died: {why}")
            self._fail(call, f"ERR {call} has lost its worker: {why}; nothing that it wrote is applied")
        if not worker.is_ready:
            self._fail_waiting(why)
        if self._queue and not self._is_closed:
            self._start_worker(self._restart_s)
            self._restart_s = min(2 * self._restart_s, RESTART_S_MAX)

    def _fail_waiting(self, why: str) -> None:
        """No worker can be started: nobody waits for one in vain."""
        self._log.warning(f"Cannot start a process for functions in Python: {why}")
        while self._queue:
            call = self._queue.popleft()
            if call.event.ticket in self._calls:
                self._fail(call, f"ERR {call}: no process can be started for it: {why}")

    def _start_worker(self, delay_s: float) -> None:
        self._starting += 1
        task = self._loop.create_task(self._start(delay_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, delay_s: float) -> None:
        worker = Worker(self, self._log)
        try:
            await asyncio.sleep(delay_s)
            await worker.start(self._memory_bytes_max)
        except OSError as error:
            self._fail_waiting(str(error.strerror))
            return
        finally:
            self._starting -= 1
        self._workers.add(worker)
