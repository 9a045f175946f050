"""Lines of the prompt: its own words, what waits, and what is shown."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import Any

import pytest

from garrison.cli.core.formats import Format, Formatter
from garrison.cli.core.options import parse
from garrison.cli.runner import INTERRUPTED, Runner
from garrison.cli.session import Session
from tests.conftest import find_free_port
from tests.unit.cli.conftest import ScriptedServer
from tests.unit.client.servers import ServerProcess


class Shown:
    """A runner at the prompt of a server, and what it has written."""

    def __init__(self, port: int, *words: str) -> None:
        options = parse(["-p", str(port), *words], {})
        self.session = Session(options, lambda text: None)
        self._written: list[bytes] = []
        formatter = Formatter(Format.STANDARD)
        self.runner = Runner(options, self.session, formatter, self._written.append, at_prompt=True)

    async def line(self, text: str) -> str:
        assert await self.runner.line(text.encode())
        written = b"".join(self._written).decode()
        self._written.clear()
        return written


async def test_prompts_own_words_are_not_sent(scripted: ScriptedServer) -> None:
    shown = Shown(scripted.port)
    assert "connect HOST PORT" in await shown.line("help")
    assert await shown.line("clear") == "\x1b[H\x1b[2J"
    assert await shown.line("   ") == ""
    assert await shown.line('get "open') == "Invalid argument(s)\n"
    assert not await shown.runner.line(b"quit")
    assert not await shown.runner.line(b"EXIT")
    assert scripted.commands == []


async def test_number_before_a_command_repeats_it(scripted: ScriptedServer) -> None:
    assert await Shown(scripted.port).line("3 PING") == "OK\n" * 3


async def test_help_shows_what_the_server_says(redis_server: ServerProcess) -> None:
    shown = Shown(redis_server.port)
    await shown.line("PING")
    text = await shown.line("help getex")
    assert text.startswith("GETEX key [EX seconds | PX milliseconds")
    assert "since 6.2.0, group string" in text
    assert "LPUSH key element [element ...]" in await shown.line("help @list")
    assert await shown.line("help nosuch") == "The server knows no command 'nosuch'\n"
    shown.session.close()


async def test_connect_leads_to_another_server(scripted: ScriptedServer, redis_server: ServerProcess) -> None:
    shown = Shown(scripted.port)
    assert await shown.line(f"connect 127.0.0.1 {redis_server.port}") == ""
    assert shown.session.prompt() == f"127.0.0.1:{redis_server.port}> "
    shown.session.close()


@pytest.mark.parametrize("typed", ["::1 7000", "[::1] 7000", "[::1]:7000"])
async def test_connect_takes_ipv6_addresses(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    shown = Shown(scripted.port)
    reached: list[tuple[str, int]] = []

    async def connect_to(host: str, port: int) -> None:
        reached.append((host, port))

    monkeypatch.setattr(shown.session, "connect_to", connect_to)
    await shown.line(f"connect {typed}")
    assert reached == [("::1", 7000)]


async def test_connect_that_fails_is_said(
    scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Shown(scripted.port)
    await shown.line(f"connect 127.0.0.1 {find_free_port()}")
    await shown.line("connect 127.0.0.1 nowhere")
    assert [line[:7] for line in capsys.readouterr().err.splitlines()] == ["Error: "] * 2
    assert shown.session.prompt() == "not connected> "


async def test_lost_connection_is_said_and_the_next_line_connects(
    scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Shown(scripted.port)
    await shown.line("PING")
    scripted.script = lambda command: None
    assert await shown.line("PING") == ""
    assert "Error: " in capsys.readouterr().err
    assert shown.session.prompt() == "not connected> "
    scripted.script = lambda command: b"+PONG\r\n"
    assert await shown.line("PING") == "PONG\n"
    shown.session.close()


@pytest.mark.parametrize(("command", "said"), [("BLPOP nothing 0", True), ("SUBSCRIBE channel", False)])
async def test_ctrl_c_ends_what_waits_and_keeps_the_database(
    scripted: ScriptedServer, capsys: pytest.CaptureFixture[str], command: str, said: bool
) -> None:
    shown = Shown(scripted.port)
    await shown.line("SELECT 3")
    sent = threading.Event()

    def script(words: list[bytes]) -> bytes:
        if words[0] in (b"BLPOP", b"SUBSCRIBE"):
            sent.set()
            return b""
        return b"+OK\r\n"

    scripted.script = script

    async def press() -> None:
        await asyncio.to_thread(sent.wait, 20)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = asyncio.create_task(press())
    await asyncio.wait_for(shown.line(command), 20)
    await pressing
    assert (INTERRUPTED in capsys.readouterr().err) == said
    assert shown.session.prompt() == f"127.0.0.1:{scripted.port}[3]> "
    assert scripted.commands[-1] == [b"SELECT", b"3"]
    shown.session.close()


async def test_push_messages_are_shown_before_the_reply(scripted: ScriptedServer) -> None:
    scripted.script = lambda command: b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n+OK\r\n"
    assert await Shown(scripted.port, "--show-pushes", "yes").line("PING") == '1) invalidate\n2) 1) "k"\nOK\n'
    assert await Shown(scripted.port, "--show-pushes", "no").line("PING") == "OK\n"


async def test_refused_commands_leave_no_docs(scripted: ScriptedServer) -> None:
    scripted.script = lambda command: b"-NOAUTH Authentication required.\r\n"
    shown = Shown(scripted.port)
    await shown.line("PING")
    await shown.runner.learn()
    assert len(shown.runner.docs) == 0
    docs: Any = b"*2\r\n$3\r\nget\r\n*0\r\n"
    scripted.script = lambda command: docs
    await shown.runner.learn()
    assert len(shown.runner.docs) == 1
    shown.session.close()
