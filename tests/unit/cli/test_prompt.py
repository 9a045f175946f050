"""The prompt: keys in, lines out; completion, hints, history; and one whole session in a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from garrison.cli.core.formats import Format, Formatter
from garrison.cli.core.options import parse
from garrison.cli.prompt import HISTORY_BYTES_MAX, history_of, run_prompt
from garrison.cli.runner import Runner
from garrison.cli.session import Session
from tests.unit.cli.conftest import ScriptedServer
from tests.unit.client.conftest import eventually
from tests.unit.client.servers import ServerProcess

DEADLINE_S = 60.0
DOCS = (
    b"*4\r\n$3\r\nget\r\n*2\r\n$9\r\narguments\r\n*1\r\n*4\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n"
    b"$8\r\nflushall\r\n*0\r\n"
)


@contextlib.asynccontextmanager
async def at_prompt(port: int, written: list[bytes]) -> AsyncIterator[tuple[PipeInput, asyncio.Task[int]]]:
    """A prompt that reads from a pipe: what to type into, and the task of its exit code."""
    options = parse(["-p", str(port)], {})
    session = Session(options, lambda text: None)
    runner = Runner(options, session, Formatter(Format.STANDARD), written.append, at_prompt=True)
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        running = asyncio.create_task(run_prompt(runner, InMemoryHistory(), colour=False))
        try:
            yield keys, running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            session.close()


async def typed(text: str, press: Callable[[], None] = lambda: None) -> None:
    """Wait until this is typed, pressing a key on and on: completion and history take a while."""

    def is_there() -> bool:
        app = get_app_session().app
        if app is not None and app.current_buffer.text == text:
            return True
        press()
        return False

    await eventually(is_there)


def serve_docs(scripted: ScriptedServer) -> None:
    scripted.script = lambda command: DOCS if command[0] == b"COMMAND" else b"+OK\r\n"


async def test_lines_are_carried_out_until_ctrl_d(scripted: ScriptedServer) -> None:
    serve_docs(scripted)
    written: list[bytes] = []
    async with at_prompt(scripted.port, written) as (keys, running):
        keys.send_text('get "a b"\rmulti\r\x04')
        assert await asyncio.wait_for(running, DEADLINE_S) == 0
    assert scripted.commands[1:] == [[b"get", b"a b"], [b"multi"]]
    assert written == [b"OK\n", b"OK\n"]


async def test_tab_completes_and_arrow_up_brings_back(scripted: ScriptedServer) -> None:
    serve_docs(scripted)
    async with at_prompt(scripted.port, []) as (keys, running):
        keys.send_text("flu\t")
        await typed("flushall")
        keys.send_text("\r")
        await typed("")
        await typed("flushall", lambda: keys.send_text("\x1b[A"))
        keys.send_text("\rquit\r")
        assert await asyncio.wait_for(running, DEADLINE_S) == 0
    assert scripted.commands[1:] == [[b"flushall"], [b"flushall"]]


async def test_ctrl_c_clears_a_line_and_leaves_an_empty_one(scripted: ScriptedServer) -> None:
    serve_docs(scripted)
    async with at_prompt(scripted.port, []) as (keys, running):
        keys.send_text("flushall\x03")
        keys.send_text("ping\r\x03")
        assert await asyncio.wait_for(running, DEADLINE_S) == 0
    assert scripted.commands[1:] == [[b"ping"]]


def test_history_has_no_secrets_and_one_reader(tidy_home: Path) -> None:
    history = history_of(os.environ)
    for line in ("get k", "auth secret", "config set requirepass secret", "set k v"):
        history.append_string(line)
    path = tidy_home / ".garrison_history"
    assert "secret" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(history_of(os.environ).load_history_strings()) == ["set k v", "get k"]
    assert history.get_strings() == ["get k", "set k v"]


def test_history_is_where_the_user_says(tmp_path: Path) -> None:
    history_of({"XDG_STATE_HOME": str(tmp_path)}).append_string("get k")
    assert (tmp_path / "garrison" / "cli_history").exists()
    history_of({"GARRISONCLI_HISTFILE": str(tmp_path / "h"), "HOME": "/"}).append_string("get k")
    assert (tmp_path / "h").exists()


@pytest.mark.parametrize("environment", [{"REDISCLI_HISTFILE": "/dev/null"}, {}, {"HOME": "/proc/nowhere"}])
def test_without_a_file_history_is_kept_for_this_time(environment: dict[str, str]) -> None:
    history = history_of(environment)
    history.append_string("get k")
    history.append_string("auth secret")
    assert history.get_strings() == ["get k"]
    assert not isinstance(history, FileHistory)


def test_long_history_loses_its_older_half(tmp_path: Path) -> None:
    path = tmp_path / "h"
    entry = "\n# 2026-01-01 00:00:00\n+get key:%06d\n"
    path.write_text("".join(entry % number for number in range(HISTORY_BYTES_MAX // 30)))
    kept = list(history_of({"GARRISONCLI_HISTFILE": str(path)}).load_history_strings())
    assert kept[0] == f"get key:{HISTORY_BYTES_MAX // 30 - 1:06d}"
    assert path.stat().st_size <= HISTORY_BYTES_MAX // 2


class Terminal:
    """`garrison cli` in a terminal of its own, as a user has it."""

    def __init__(self, home: Path, *words: str) -> None:
        self._master, slave = pty.openpty()
        environment = {
            "HOME": str(home),
            "TERM": "xterm",
            "PATH": os.environ["PATH"],
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "garrison", "cli", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that ^C is a signal
        )
        os.close(slave)
        self._unread = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def expect(self, pattern: str) -> str:
        """Wait for a pattern, escape sequences left out; what stood before it and it itself."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, self._unread)):
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._master], [], [], max(0.0, left))
            assert ready, f"no {pattern!r} in {self._unread!r}"
            self._unread += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(self._master, 65536).decode())
        before = self._unread[: found.end()]
        self._unread = self._unread[found.end() :]
        return before

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._master)


def test_session_in_a_terminal(redis_server: ServerProcess, tidy_home: Path) -> None:
    terminal = Terminal(tidy_home, "-p", str(redis_server.port))
    at = rf"127\.0\.0\.1:{redis_server.port}"
    try:
        terminal.expect(f"{at}>")
        terminal.type("set terminal ")
        assert "value [NX | XX]" in terminal.expect(r"value \[NX \| XX\]")
        terminal.type("1\rincr terminal\r")
        terminal.expect(r"OK")
        terminal.expect(r"\(integer\) 2")
        terminal.type("multi\r")
        terminal.expect(rf"{at}\(TX\)>")
        terminal.type("discard\rsubscribe news\r")
        terminal.expect(r"Reading messages")
        terminal.expect(r"\(integer\) 1")
        redis_server.cli("PUBLISH", "news", "extra extra")
        terminal.expect(r'"extra extra"')
        terminal.type("\x03")
        terminal.expect(f"{at}>")
        redis_server.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        terminal.type("echo again\r")
        terminal.expect(r'"again"')
        terminal.expect(f"{at}>")
        terminal.type("\x04")
        assert terminal.process.wait(DEADLINE_S) == 0
    finally:
        terminal.close()
    assert "set terminal 1" in (tidy_home / ".garrison_history").read_text()
