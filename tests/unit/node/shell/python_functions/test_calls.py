"""Calls on their way, with workers and an engine that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest

from garrison.base.log import Log
from garrison.node.border import (
    FunctionCall,
    FunctionCommit,
    FunctionKill,
    FunctionOutcome,
    FunctionRead,
    FunctionReplies,
    Reply,
)
from garrison.node.directives import DIRECTIVES
from garrison.node.shell.python_functions import calls
from garrison.node.shell.python_functions.messages import Done, Failed, Message, Read, Ready

VALUES = {name: row.default for name, row in DIRECTIVES.items()} | {
    "python-function-workers": "1",
    "python-function-timeout": "60000",
    "python-function-retries-max": "1",
}


class FakeWorker:
    """A worker whose process the test plays."""

    all: ClassVar[list[FakeWorker]] = []

    def __init__(self, owner: Any, log: Log) -> None:
        self.owner = owner
        self.ticket, self.retires, self.is_ready, self.killed = 0, False, False, ""
        self.sent: list[bytes] = []
        FakeWorker.all.append(self)

    async def start(self, memory_bytes_max: int) -> None:
        asyncio.get_running_loop().call_soon(self.owner.heard, self, Ready())

    def call(self, ticket: int, *words: object) -> None:
        self.ticket = ticket

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def kill(self, why: str) -> None:
        self.killed, self.retires = why, True

    def close(self) -> None:
        self.killed = "closed"


class FakeBridge:
    """Keeps what is posted, and hands events to their handlers."""

    def __init__(self) -> None:
        self.handlers: dict[type, Callable[[Any], None]] = {}
        self.posted: list[Any] = []

    def on(self, kind: type, handler: Callable[[Any], None]) -> None:
        self.handlers[kind] = handler

    def post(self, request: object) -> None:
        self.posted.append(request)

    def tell(self, event: object) -> None:
        self.handlers[type(event)](event)


class Play:
    """The calls under test, with what stands around them."""

    def __init__(self, tmp_path: Any) -> None:
        FakeWorker.all.clear()
        self.bridge = FakeBridge()
        log = Log(str(tmp_path / "log"), "notice")
        self.calls = calls.PythonFunctions(VALUES, log, self.bridge, asyncio.get_running_loop())  # type: ignore[arg-type]

    async def begin(self, ticket: int) -> FakeWorker:
        self.bridge.tell(FunctionCall(ticket, b"lib", 1, b"", b"f", [b"k"], [], 2))
        for _ in range(200):
            await asyncio.sleep(0.005)
            if FakeWorker.all and FakeWorker.all[-1].ticket:
                break
        return FakeWorker.all[-1]

    def heard(self, worker: FakeWorker, message: Message) -> None:
        self.calls.heard(worker, message)  # type: ignore[arg-type]

    def told(self, ticket: int, outcome: FunctionOutcome, *replies: bytes) -> None:
        self.bridge.tell(FunctionReplies(ticket, outcome, list(replies)))

    def answers(self) -> list[bytes]:
        return [each.reply for each in self.bridge.posted if isinstance(each, Reply)]


@pytest.fixture
def play(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Play], Awaitable[None]]], None]:
    monkeypatch.setattr(calls, "Worker", FakeWorker)

    def run(scene: Callable[[Play], Awaitable[None]]) -> None:
        async def whole() -> None:
            await scene(Play(tmp_path))

        asyncio.run(whole())

    return run


DONE = Done([[b"SET", b"k", b"1"]], [b"+OK\r\n"], [])
Run = Callable[[Callable[[Play], Awaitable[None]]], None]


def test_call_reads_commits_and_frees_its_worker(play: Run) -> None:
    async def scene(play: Play) -> None:
        worker = await play.begin(1)
        await play.begin(2)
        play.heard(worker, Read([[b"GET", b"k"]]))
        play.told(1, FunctionOutcome.READ, b"_\r\n")
        assert worker.sent == [b"*2\r\n$7\r\nREPLIES\r\n$3\r\n_\r\n\r\n"]
        play.heard(worker, DONE)
        assert (worker.ticket, len(FakeWorker.all)) == (2, 1)
        commit = FunctionCommit(1, DONE.commands, DONE.pieces, [])
        assert play.bridge.posted == [FunctionRead(1, [[b"GET", b"k"]]), commit]
        play.told(1, FunctionOutcome.LATER)
        await asyncio.sleep(0.02)
        assert play.bridge.posted[-1] == commit
        play.told(1, FunctionOutcome.ENDED)
        play.heard(worker, Failed("ERR no", False))
        assert play.answers() == [b"-ERR no\r\n"]

    play(scene)


def test_conflicts_are_repeated_within_bounds(play: Run) -> None:
    async def scene(play: Play) -> None:
        worker = await play.begin(1)
        for _ in range(2):
            assert worker.ticket == 1
            play.heard(worker, DONE)
            play.told(1, FunctionOutcome.CONFLICT)
        assert play.answers()[0].startswith(b"-TRYAGAIN function 'f' has begun 2 times")

    play(scene)


def test_late_and_killed_calls_end_with_their_workers(play: Run) -> None:
    async def scene(play: Play) -> None:
        play.calls.configure(VALUES | {"python-function-timeout": "50"})
        worker = await play.begin(1)
        while not worker.killed:
            await asyncio.sleep(0.005)
        assert "python-function-timeout (50 ms)" in worker.killed
        play.calls.configure(VALUES)
        play.calls.died(worker, worker.killed)  # type: ignore[arg-type]
        other = await play.begin(2)
        assert other is not worker
        play.bridge.tell(FunctionKill(2))
        assert "FUNCTION KILL" in other.killed
        play.heard(other, DONE)
        assert [b"timeout" in play.answers()[0], b"FUNCTION KILL" in play.answers()[1]] == [True, True]
        assert not any(isinstance(each, FunctionCommit) for each in play.bridge.posted)

    play(scene)


def test_call_of_a_client_that_has_gone_is_stopped(play: Run) -> None:
    async def scene(play: Play) -> None:
        worker = await play.begin(1)
        play.heard(worker, Read([[b"GET", b"k"]]))
        play.told(1, FunctionOutcome.GONE)
        assert worker.sent == [b"*1\r\n$4\r\nSTOP\r\n"]
        play.heard(worker, Failed("ERR stopped", False))
        assert play.answers() == []

    play(scene)


def test_worker_that_leaves_gets_no_further_call(play: Run) -> None:
    async def scene(play: Play) -> None:
        worker = await play.begin(1)
        play.heard(worker, Failed("ERR MemoryError", True))
        assert await play.begin(2) is not worker
        play.calls.configure(VALUES | {"python-function-memory-max": "99999999"})
        assert FakeWorker.all[-1].retires
        play.calls.close()

    play(scene)
