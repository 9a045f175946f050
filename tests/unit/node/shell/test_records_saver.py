"""The manager register's file on a real disk: answers wait for it, a failure is told and not fatal."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.base import disk
from garrison.base.log import Log
from garrison.node.core.effects import Effects, Promised
from garrison.node.shell.records_saver import RecordsSaver


class Desk:
    """A saver, and the answers that it has handed on."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.path = folder / "nodes.conf.manager"
        self.log = folder / "log"
        self.answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.saver = RecordsSaver(
            str(self.path),
            loop,
            Log(str(self.log), "notice"),
            lambda *answer: self.answers.put_nowait(answer),
        )

    def ask(self, text: str | None, ticket: int) -> None:
        self.saver.carry_out(Effects(records=text, promised=[Promised(ticket, b"+OK\r\n")]))

    async def answer(self) -> tuple[int, bytes]:
        return await asyncio.wait_for(self.answers.get(), 5)


@pytest.fixture
def desk(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> Iterator[Desk]:
    desk = Desk(tmp_path, loop)
    yield desk
    desk.saver.close()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_answer_leaves_behind_the_file(desk: Desk, loop: asyncio.AbstractEventLoop) -> None:
    assert desk.saver.read() is None
    desk.ask("one \udcff", 1)
    assert desk.answers.empty()
    assert loop.run_until_complete(desk.answer()) == (1, b"+OK\r\n")
    assert desk.path.read_bytes() == b"one \xff"
    assert desk.saver.read() == "one \udcff"
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600
    desk.ask(None, 2)
    assert desk.answers.get_nowait() == (2, b"+OK\r\n")


def test_failure_is_told_and_the_next_answer_tries_again(
    desk: Desk, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(disk, "replace", fails)
        for ticket in (1, 2):
            desk.ask("one" if ticket == 1 else None, ticket)
            ticket_told, reply = loop.run_until_complete(desk.answer())
            assert ticket_told == ticket
            assert reply.startswith(f"-ERR {desk.path} cannot be written, so nothing is promised: ".encode())
    assert not desk.path.exists()
    assert desk.log.read_text().count("Cannot write") == 1
    desk.ask(None, 3)
    assert loop.run_until_complete(desk.answer()) == (3, b"+OK\r\n")
    assert desk.path.read_text() == "one"


def test_text_is_synced_before_its_answer(
    desk: Desk, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    sync_folder = disk.sync_folder

    def noted(folder: str) -> None:
        synced.append(desk.answers.empty() and os.path.exists(desk.path))
        sync_folder(folder)

    monkeypatch.setattr(disk, "sync_folder", noted)
    desk.ask("one", 1)
    loop.run_until_complete(desk.answer())
    assert synced == [True]


def test_file_that_cannot_be_read_is_not_taken_for_a_missing_one(desk: Desk) -> None:
    desk.path.mkdir()
    assert desk.saver.read() == ""
    assert "Cannot read" in desk.log.read_text()
