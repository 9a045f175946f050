"""The connection behind the prompt: redirects, reconnecting, what is asked for again, listening."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from garrison.cli.core.options import Options, parse
from garrison.cli.core.replies import Status
from garrison.cli.session import REDIRECTS_MAX, Session, tls_context
from garrison.client.errors import (
    ConnectionFailedError,
    ConnectionLostError,
    MovedError,
    ReplyError,
    UsageError,
)
from tests.conftest import find_free_port
from tests.unit.cli.conftest import Cli, ScriptedServer
from tests.unit.client.servers import ServerProcess


def session_of(port: int, *words: str) -> Session:
    return Session(parse(["-p", str(port), *words], {}), lambda text: None)


async def test_moved_is_followed_only_with_the_option(
    scripted: ScriptedServer, redis_server: ServerProcess
) -> None:
    scripted.script = lambda command: b"-MOVED 5 127.0.0.1:%d\r\n" % redis_server.port
    plain, following = session_of(scripted.port), session_of(scripted.port, "-c")
    seen: list[str] = []
    following.on_redirect = seen.append
    assert isinstance(await plain.request([b"SET", b"moved", b"1"]), MovedError)
    assert await following.request([b"SET", b"moved", b"1"]) == b"OK"
    assert seen == [f"-> Redirected to slot [5] located at 127.0.0.1:{redis_server.port}"]
    assert following.prompt() == f"127.0.0.1:{redis_server.port}> "
    assert await following.request([b"GET", b"moved"]) == b"1"
    assert len(scripted.commands) == 2
    plain.close()
    following.close()


async def test_ask_is_followed_with_asking(scripted: ScriptedServer) -> None:
    replies = {b"GET": b"-ASK 5 127.0.0.1:%d\r\n" % scripted.port}

    def script(command: list[bytes]) -> bytes:
        if command[0] == b"ASKING":
            replies[b"GET"] = b"$1\r\nv\r\n"
        return replies.get(command[0], b"+OK\r\n")

    scripted.script = script
    session = session_of(scripted.port, "-c")
    assert await session.request([b"GET", b"k"]) == b"v"
    assert [command[0] for command in scripted.commands] == [b"GET", b"ASKING", b"GET"]
    session.close()


async def test_circle_of_redirects_comes_to_an_end(scripted: ScriptedServer) -> None:
    scripted.script = lambda command: b"-MOVED 5 127.0.0.1:%d\r\n" % scripted.port
    session = session_of(scripted.port, "-c")
    assert isinstance(await session.request([b"GET", b"k"]), MovedError)
    assert len(scripted.commands) == REDIRECTS_MAX
    session.close()


async def test_new_connection_has_the_login_protocol_and_database(scripted: ScriptedServer) -> None:
    session = session_of(scripted.port)
    for line in (b"AUTH ann pw", b"HELLO 3", b"SELECT 4"):
        await session.request(line.split())
    assert session.prompt() == f"127.0.0.1:{scripted.port}[4]> "
    session.close()
    assert session.prompt() == "not connected> "
    scripted.commands.clear()
    await session.request([b"PING"])
    assert [b" ".join(command) for command in scripted.commands] == [
        b"AUTH ann pw",
        b"HELLO 3",
        b"SELECT 4",
        b"PING",
    ]
    session.close()


async def test_lost_transaction_is_said_before_anything_is_sent(scripted: ScriptedServer) -> None:
    session = session_of(scripted.port)
    await session.request([b"MULTI"])
    assert session.prompt().endswith("(TX)> ")
    scripted.script = lambda command: None
    with pytest.raises(ConnectionLostError):
        await session.request([b"GET", b"k"])
    scripted.script = lambda command: b"+OK\r\n"
    scripted.commands.clear()
    with pytest.raises(ConnectionLostError, match="transaction"):
        await session.request([b"SET", b"k", b"v"])
    assert scripted.commands == []
    assert await session.request([b"SET", b"k", b"v"]) == Status(b"OK")
    session.close()


async def test_shutdown_without_a_reply_is_no_failure(scripted: ScriptedServer) -> None:
    scripted.script = lambda command: None
    assert await session_of(scripted.port).request([b"SHUTDOWN", b"NOSAVE"]) is None


async def test_nobody_listens_there() -> None:
    with pytest.raises(ConnectionFailedError, match="Connection refused"):
        await session_of(find_free_port()).open()


@pytest.mark.parametrize("protocol", ["-2", "-3"])
async def test_messages_are_shown_until_the_listener_leaves(
    redis_server: ServerProcess, protocol: str
) -> None:
    listener, speaker = session_of(redis_server.port, protocol), session_of(redis_server.port)
    shown: list[Any] = []
    arrived: asyncio.Queue[Any] = asyncio.Queue(100)

    def show(reply: Any) -> None:
        shown.append(reply)
        arrived.put_nowait(reply)

    listening = asyncio.create_task(listener.listen([b"SUBSCRIBE", b"channel"], show))
    async with asyncio.timeout(20):
        await arrived.get()
        assert await speaker.request([b"PUBLISH", b"channel", b"hello"]) == 1
        await arrived.get()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert [list(message) for message in shown] == [
        [b"subscribe", b"channel", 1],
        [b"message", b"channel", b"hello"],
    ]
    assert not listener.is_connected
    speaker.close()


async def test_refused_subscription_is_shown_and_ends(scripted: ScriptedServer) -> None:
    scripted.script = lambda command: b"-NOPERM no\r\n"
    session = session_of(scripted.port)
    shown: list[Any] = []
    await session.listen([b"SUBSCRIBE", b"channel"], shown.append)
    assert [type(reply) for reply in shown] == [type(shown[0])]
    assert isinstance(shown[0], ReplyError)


async def test_listener_hears_when_the_server_goes(scripted: ScriptedServer) -> None:
    scripted.script = lambda command: None
    with pytest.raises(ConnectionLostError):
        await session_of(scripted.port).listen([b"MONITOR"], lambda reply: None)


def test_tls_options_make_a_context(tmp_path: Path) -> None:
    strict, lax = tls_context(Options(tls=True)), tls_context(Options(tls=True, insecure=True, sni="name"))
    assert (strict.verify_mode, lax.verify_mode) == (ssl.CERT_REQUIRED, ssl.CERT_NONE)
    named = lax.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="other")
    assert named.server_hostname == "name"
    with pytest.raises(UsageError, match=r"none\.pem"):
        tls_context(Options(tls=True, cacert=str(tmp_path / "none.pem")))


def test_missing_certificate_is_one_line(cli: Cli, tmp_path: Path) -> None:
    code, _, errors = cli("--tls", "--cacert", tmp_path / "none.pem", "PING")
    assert (code, errors.count(b"\n")) == (1, 1)
