"""Lease and records at nodes or in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from garrison.client import ReplyError
from garrison.cluster.core.manager.effects import (
    AskLease,
    LeaseAnswer,
    ReadRecords,
    ReleaseLease,
    StoredRecords,
    StoreRecords,
)
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.keeping import (
    QUESTIONS_MAX,
    Answer,
    Ask,
    ClusterKeeper,
    FileKeeper,
    command_of,
    read_answer,
)
from garrison.cluster.errors import ManagerError, UnreachableError

STORE = StoreRecords("file", 3, 7, b'{"x": 1}')


def test_file_keeps_records_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    keeper = FileKeeper(path, lambda ask, answer: None)
    assert keeper.answer(ReadRecords("file")) == StoredRecords(0, "", 0, 0, b"")
    assert keeper.answer(STORE) == ""
    with pytest.raises(ManagerError, match="another manager works by"):
        FileKeeper(path, lambda ask, answer: None)
    asyncio.run(keeper.close())
    again = FileKeeper(path, lambda ask, answer: None)
    assert again.answer(ReadRecords("file")) == StoredRecords(3, "", 7, 3, b'{"x": 1}')
    assert path.stat().st_mode & 0o077 == 0
    asyncio.run(again.close())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"damaged",
        b"\xff\x00",
        b"[" * 100_000,
        b'{"format": "garrison-manager-file", "epoch": 1, "version": 0, "content": "x"}',
        b'{"format": "garrison-manager-file", "epoch": 1, "version": 1, "content": "\\ud800"}',
        b'{"format": "another", "epoch": 1, "version": 1, "content": "x"}',
        b'{"format": "garrison-manager-file", "epoch": 1, "vers',
    ],
)
def test_damaged_file_is_never_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "records.json"
    path.write_bytes(content)
    keeper = FileKeeper(path, lambda ask, answer: None)
    damaged = keeper.answer(ReadRecords("file"))
    assert isinstance(damaged, StoredRecords)
    assert (damaged.version, damaged.content) == (1, content)
    asyncio.run(keeper.close())


def test_link_and_its_file_are_one(tmp_path: Path) -> None:
    path, link = tmp_path / "records.json", tmp_path / "link.json"
    link.symlink_to(path)
    keeper = FileKeeper(link, lambda ask, answer: None)
    with pytest.raises(ManagerError, match="another manager works by"):
        FileKeeper(path, lambda ask, answer: None)
    assert keeper.answer(STORE) == ""
    assert link.is_symlink()
    assert path.is_file()
    asyncio.run(keeper.close())


def test_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    keeper = FileKeeper(folder / "records.json", lambda ask, answer: None)
    (folder / "records.json").mkdir()
    answer = keeper.answer(STORE)
    assert isinstance(answer, str)
    assert answer.startswith("ERR cannot store")
    asyncio.run(keeper.close())
    with pytest.raises(ManagerError, match="name another with --records"):
        FileKeeper(tmp_path / "nowhere" / "x", lambda ask, answer: None)


def test_commands_and_answers() -> None:
    ask = AskLease("n", 4, 900)
    assert command_of(ask, "m") == ("CLUSTER", "MANAGER", "LEASE", "m", 4, 900)
    assert command_of(ReleaseLease("n", 4), "m") == ("CLUSTER", "MANAGER", "RELEASE", "m", 4)
    assert command_of(STORE, "m")[-1] == b'{"x": 1}'
    reply = [b"granted", 1, b"epoch", 4, b"holder", b"m", b"left-ms", 900]
    assert read_answer(ask, reply) == LeaseAnswer(True, 4, "m", 900)
    assert read_answer(ask, ReplyError("ERR no")) is None
    assert read_answer(STORE, ReplyError("STALEMANAGER 9")) == "STALEMANAGER 9"
    assert read_answer(STORE, b"OK") == ""
    for lie in (b"OK", [b"epoch", -1], [1], [b"epoch", [1]], [b"epoch", b"x"], {b"epoch": [0]}):
        with pytest.raises(ValueError):  # noqa: PT011
            read_answer(ask, lie)


class Node:
    """An admin client of one node that answers in order, when let."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.may_answer = asyncio.Event()

    async def call_many(self, address: Address, commands: Sequence[Any], lane: int = 0) -> list[Any]:
        self.sent += commands
        await self.may_answer.wait()
        if address.port == 2:
            raise UnreachableError("gone")
        return [b"OK"]

    async def close(self) -> None:
        """Nothing is open."""


async def test_each_question_gets_one_answer_in_order() -> None:
    node, answers = Node(), list[tuple[Ask, Answer]]()
    places = {"n": Address("h", 1), "dead": Address("h", 2)}
    admin: Any = node
    keeper = ClusterKeeper(admin, "m", places.get, lambda *got: answers.append(got))
    stores = [StoreRecords("n", 1, version, b"") for version in range(3)]
    others: list[Ask] = [
        StoreRecords("dead", 1, 1, b""),
        StoreRecords("unknown", 1, 1, b""),
        ReadRecords("dead"),
    ]
    asks: list[Ask] = [*stores, *others]
    for ask in asks:
        keeper.ask(ask)
    node.may_answer.set()
    await keeper.drain(1.0)
    assert [ask for ask, answer in answers if ask.node_id == "n"] == stores
    assert {ask.node_id: answer for ask, answer in answers if isinstance(ask, StoreRecords)} == {
        "n": "",
        "dead": "gone",
        "unknown": "ERR the node is not known",
    }
    assert (ReadRecords("dead"), None) in answers
    await keeper.close()


async def test_error_for_a_lease_is_a_problem_until_answered() -> None:
    """Else nobody learns why no manager leads, as when the nodes' disks are full."""
    replies: dict[int, Any] = {
        1: ReplyError("ERR cannot write nodes.conf.manager: No space left\x1b[2J"),
        2: {b"granted": 1, b"epoch": 1, b"holder": b"m", b"left-ms": 9},
    }

    class Refusing(Node):
        async def call_many(self, address: Address, commands: Sequence[Any], lane: int = 0) -> list[Any]:
            return [replies[address.port]]

    admin: Any = Refusing()
    places = {"n": Address("h", 1), "m": Address("h", 2)}
    keeper = ClusterKeeper(admin, "m", places.get, lambda *got: None)
    for _ in range(2):
        for name in places:
            keeper.ask(AskLease(name, 1, 9))
    await keeper.drain(1.0)
    (problem,) = keeper.problems
    assert problem == "h:1 refuses the lease: ERR cannot write nodes.conf.manager: No space left\\x1b[2J"
    replies[1] = replies[2]
    keeper.ask(AskLease("n", 1, 9))
    await keeper.drain(1.0)
    assert not keeper.problems
    await keeper.close()


async def test_questions_at_a_node_are_bounded() -> None:
    node, answers = Node(), list[tuple[Ask, Answer]]()
    admin: Any = node
    keeper = ClusterKeeper(admin, "m", lambda name: Address("h", 1), lambda *got: answers.append(got))
    for _ in range(QUESTIONS_MAX + 10):
        keeper.ask(ReadRecords("n"))
    await asyncio.sleep(0)
    assert len(answers) >= 9
    node.may_answer.set()
    await keeper.drain(1.0)
    assert len(answers) == QUESTIONS_MAX + 10
    await keeper.close()


@pytest.mark.parametrize(("more", "votes"), [({b"votes": 0}, False), ({b"votes": 1}, True), ({}, True)])
def test_node_that_may_lack_records_says_so(more: dict[bytes, int], votes: bool) -> None:
    reply = {
        b"epoch": 4,
        b"holder": b"m",
        b"left-ms": 900,
        b"written-epoch": 3,
        b"version": 9,
        b"content": b"x",
    }
    answer = read_answer(ReadRecords("a"), reply | more)
    assert answer == StoredRecords(4, "m", 9, 3, b"x", 900, votes)
