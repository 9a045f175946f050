"""The low level: one connection, its order, its bounds and its end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from garrison.client import Address, connect, open_connection
from garrison.client.connection import open_with_settings
from garrison.client.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    ConnectionLostError,
    ProtocolError,
    ReplyError,
    TooManyWaitingError,
    UsageError,
)
from garrison.client.settings import Settings, make_settings

from .conftest import HangupError, eventually
from .servers import ServerProcess, running_server

OK = b"+OK\r\n"


def echo(command: list[bytes]) -> bytes:
    """Reply with the last word of the command."""
    return b"$%d\r\n%b\r\n" % (len(command[-1]), command[-1])


async def never(_command: list[bytes]) -> None:
    await asyncio.sleep(60)


def resp2(**options: Any) -> Settings:
    return Settings(protocol=2, **options)


async def test_replies_reach_their_callers_in_order(fake: Any) -> None:
    server = await fake(echo)
    connection = await open_connection("127.0.0.1", server.port)
    replies = await asyncio.gather(*(connection.call("ECHO", number) for number in range(500)))
    assert replies == [b"%d" % number for number in range(500)]
    await connection.close()


async def test_commands_of_one_loop_turn_leave_in_one_write(fake: Any) -> None:
    server = await fake(echo)
    connection = await open_connection("127.0.0.1", server.port)
    await asyncio.gather(*(connection.call("ECHO", number) for number in range(100)))
    assert server.reads == 1
    await connection.close()


async def test_a_cancelled_caller_does_not_shift_the_replies(fake: Any) -> None:
    gate = asyncio.Event()

    async def slow(command: list[bytes]) -> bytes:
        await gate.wait()
        return echo(command)

    server = await fake(slow)
    connection = await open_connection("127.0.0.1", server.port)
    calls = [asyncio.create_task(connection.call("ECHO", number)) for number in range(3)]
    await asyncio.sleep(0.02)
    calls[1].cancel()
    gate.set()
    assert await calls[0] == b"0"
    assert await calls[2] == b"2"
    with pytest.raises(asyncio.CancelledError):
        await calls[1]
    await connection.close()


async def test_call_many_returns_errors_as_values(fake: Any) -> None:
    server = await fake(lambda command: b"-ERR no\r\n" if command[0] == b"BAD" else b":1\r\n")
    connection = await open_connection("127.0.0.1", server.port)
    first, second, third = await connection.call_many([("INCR", "a"), ("BAD",), ("INCR", "b")])
    assert (first, third) == (1, 1)
    assert isinstance(second, ReplyError)
    assert second.code == "ERR"
    assert await connection.call_many([]) == []
    await connection.close()


async def test_call_many_above_the_limit_goes_in_pieces(fake: Any) -> None:
    server = await fake(echo)
    connection = await open_with_settings("127.0.0.1", server.port, resp2(in_flight_commands_max=7))
    assert await connection.call_many([("ECHO", n) for n in range(50)]) == [b"%d" % n for n in range(50)]
    await connection.close()


async def test_retired_connection_finishes_sent_commands_only(fake: Any) -> None:
    gate = asyncio.Event()

    async def slow(command: list[bytes]) -> bytes:
        await gate.wait()
        return echo(command)

    server = await fake(slow)
    connection = await open_with_settings("127.0.0.1", server.port, resp2(in_flight_commands_max=1))
    sent = asyncio.create_task(connection.call("ECHO", "sent"))
    waiting = asyncio.create_task(connection.call("ECHO", "waiting"))
    await asyncio.sleep(0.05)
    connection.retire("it was replaced")
    late = asyncio.create_task(connection.call("ECHO", "late"))
    for refused in (waiting, late):
        with pytest.raises(ConnectionLostError, match="it was replaced") as caught:
            await refused
        assert not caught.value.maybe_executed
    assert not connection.is_closed
    gate.set()
    assert await sent == b"sent"
    await connection.closed
    assert [command[-1] for command in server.commands] == [b"sent"]


async def test_what_a_retired_connection_has_not_written_was_not_sent(fake: Any) -> None:
    server = await fake(echo)
    connection = await open_connection("127.0.0.1", server.port)
    unwritten = connection.send(b"*1\r\n$4\r\nPING\r\n")
    connection.retire("it was replaced")
    with pytest.raises(ConnectionLostError, match="it was replaced") as caught:
        await unwritten
    assert not caught.value.maybe_executed
    assert connection.is_closed
    assert server.commands == []


async def test_a_broken_connection_tells_what_may_have_been_executed(fake: Any) -> None:
    def hang_up(_command: list[bytes]) -> bytes:
        raise HangupError

    server = await fake(hang_up)
    connection = await open_connection("127.0.0.1", server.port)
    with pytest.raises(ConnectionLostError) as sent:
        await connection.call("INCR", "n")
    assert sent.value.maybe_executed is True
    with pytest.raises(ConnectionLostError) as unsent:
        await connection.call("INCR", "n")
    assert unsent.value.maybe_executed is False


async def test_commands_still_unwritten_are_known_not_executed(fake: Any) -> None:
    server = await fake(never)
    connection = await open_connection("127.0.0.1", server.port)
    written = asyncio.create_task(connection.call("INCR", "n"))
    await asyncio.sleep(0.02)
    unwritten = connection.send(b"*2\r\n$4\r\nINCR\r\n$1\r\nm\r\n")
    connection.connection_lost(None)
    for call, maybe in ((written, True), (unwritten, False)):
        with pytest.raises(ConnectionLostError) as caught:
            await call
        assert caught.value.maybe_executed is maybe


async def test_in_flight_commands_are_bounded_and_callers_queue(fake: Any) -> None:
    gate = asyncio.Event()

    async def slow(command: list[bytes]) -> bytes:
        await gate.wait()
        return echo(command)

    server = await fake(slow)
    connection = await open_with_settings("127.0.0.1", server.port, resp2(in_flight_commands_max=4))
    calls = [asyncio.create_task(connection.call("ECHO", number)) for number in range(40)]
    await asyncio.sleep(0.02)
    assert connection.in_flight == 4
    for number in (5, 6, 30):
        calls[number].cancel()
    gate.set()
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert [r for r in replies if isinstance(r, bytes)] == [
        b"%d" % n for n in range(40) if n not in (5, 6, 30)
    ]
    await connection.close()


async def test_room_granted_to_a_caller_that_gave_up_goes_to_the_next(fake: Any) -> None:
    server = await fake(never)
    connection = await open_with_settings("127.0.0.1", server.port, resp2(in_flight_commands_max=1))
    first, second, third = (asyncio.create_task(connection.call("ECHO", number)) for number in range(3))
    await asyncio.sleep(0.02)
    # The reply to the first comes and grants its room to the second, which is cancelled in the same turn.
    connection.data_received(b"$1\r\n0\r\n")
    second.cancel()
    assert await first == b"0"
    await eventually(lambda: connection.in_flight == 1)
    connection.data_received(b"$1\r\n2\r\n")
    assert await third == b"2"
    connection.shut()


async def test_bytes_in_flight_are_bounded_but_one_big_command_passes(fake: Any) -> None:
    server = await fake(echo)
    connection = await open_with_settings("127.0.0.1", server.port, resp2(in_flight_bytes_max=1000))
    assert await connection.call("ECHO", b"x" * 5000) == b"x" * 5000
    replies = await asyncio.gather(*(connection.call("ECHO", b"%d" % n + b"y" * 600) for n in range(9)))
    assert [reply[:1] for reply in replies] == [b"%d" % n for n in range(9)]
    assert connection._bytes_in_flight == 0
    await connection.close()


async def test_too_many_waiting_callers_are_refused(fake: Any) -> None:
    server = await fake(never)
    settings = resp2(in_flight_commands_max=1, callers_waiting_max=2)
    connection = await open_with_settings("127.0.0.1", server.port, settings)
    calls = [asyncio.create_task(connection.call("PING")) for _ in range(3)]
    await asyncio.sleep(0.02)
    with pytest.raises(TooManyWaitingError, match="callers_waiting_max"):
        await connection.call("PING")
    await connection.close()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [getattr(r, "maybe_executed", None) for r in results] == [True, False, False]


async def test_a_caller_does_not_wait_for_room_beyond_its_deadline(fake: Any) -> None:
    server = await fake(never)
    settings = resp2(in_flight_commands_max=1, call_timeout_s=0.15)
    connection = await open_with_settings("127.0.0.1", server.port, settings)
    calls = [asyncio.create_task(connection.call("PING")) for _ in range(3)]
    async with asyncio.timeout(30):
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [CallTimeoutError] * 3
    assert [getattr(result, "maybe_executed", None) for result in results] == [True, False, False]
    connection.shut()


async def test_a_silent_server_is_given_up(fake: Any) -> None:
    server = await fake(never)
    settings = resp2(reply_timeout_s=0.1, call_timeout_s=60)
    connection = await open_with_settings("127.0.0.1", server.port, settings)
    with pytest.raises(ConnectionLostError, match="reply_timeout_s") as caught:
        await connection.call("PING")
    assert caught.value.maybe_executed is True
    assert connection.is_closed


async def test_a_late_reply_times_its_caller_out_and_keeps_the_order(fake: Any) -> None:
    gate = asyncio.Event()

    async def slow_once(command: list[bytes]) -> bytes:
        await gate.wait()
        return echo(command)

    server = await fake(slow_once)
    settings = resp2(reply_timeout_s=60, call_timeout_s=0.15)
    connection = await open_with_settings("127.0.0.1", server.port, settings)
    with pytest.raises(CallTimeoutError, match="call_timeout_s"):
        await connection.call("ECHO", "slow")
    gate.set()
    reply = None
    while reply is None:
        with contextlib.suppress(CallTimeoutError):  # On a slow machine this one may be late as well.
            reply = await connection.call("ECHO", "after")
    assert reply == b"after"
    await connection.close()


async def test_a_peer_that_does_not_speak_resp_is_reported(fake: Any) -> None:
    server = await fake(lambda _command: b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection = await open_connection("127.0.0.1", server.port)
    with pytest.raises(ProtocolError, match="check the host, the port and TLS"):
        await connection.call("PING")
    assert connection.is_closed


async def test_nobody_listening_is_a_connection_failed_error(fake: Any) -> None:
    server = await fake(echo)
    port = server.port
    await server.stop()
    with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{port}"):
        await open_connection("127.0.0.1", port)


async def test_silent_handshake_raises_connection_failed_error(fake: Any) -> None:
    server = await fake(never)
    with pytest.raises(ConnectionFailedError, match="connect_timeout_s"):
        await open_connection("127.0.0.1", server.port, protocol=3, timeout=0.1)


async def test_hello_falls_back_to_resp2(fake: Any) -> None:
    server = await fake(lambda c: b"-ERR unknown command 'HELLO'\r\n" if c[0] == b"HELLO" else b"+OK\r\n")
    settings = Settings(password="secret", client_name="me", database=2)
    connection = await open_with_settings("127.0.0.1", server.port, settings)
    assert connection.protocol_version == 2
    assert [b" ".join(command) for command in server.commands] == [
        b"HELLO 3 AUTH default secret",
        b"AUTH secret",
        b"CLIENT SETNAME me",
        b"SELECT 2",
    ]
    await connection.close()


async def test_a_wrong_password_is_an_authentication_error(fake: Any) -> None:
    server = await fake(lambda _command: b"-WRONGPASS invalid username-password pair\r\n")
    for protocol in (2, 3):
        with pytest.raises(AuthenticationError):
            await open_connection("127.0.0.1", server.port, username="u", password="p", protocol=protocol)


def test_a_wrong_option_is_named_with_what_is_allowed() -> None:
    with pytest.raises(UsageError, match=r"unknown option 'retries'.*call_timeout_s"):
        make_settings({"retries": 3})
    with pytest.raises(UsageError, match="call_timeout_s=-1"):
        make_settings({"call_timeout_s": -1})


async def test_abandoned_connection_is_closed_before_anything_else(fake: Any) -> None:
    ids = itertools.count(7)

    async def script(command: list[bytes]) -> bytes | None:
        if command[0] == b"HELLO":
            return b"%2\r\n$2\r\nid\r\n:" + b"%d" % next(ids) + b"\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
        return OK if server.connections >= 2 else None

    server = await fake(script)
    async with await connect(f"redis://127.0.0.1:{server.port}", reply_timeout_s=0.1) as client:
        address = (await client._router.any_node().connection()).identity
        assert await client.set("k", 1)
    names = [b" ".join(command) for command in server.commands]
    assert address is not None
    assert names[1:3] == [b"SET k 1", b"HELLO 3"]
    assert names[3] == b"CLIENT KILL ID 7 ADDR " + str(address[3]).encode()
    assert names[4] == b"SET k 1"


async def test_a_fence_ends_exactly_the_old_connection(redis_server: Any) -> None:
    host, port = "127.0.0.1", redis_server.port
    old = await open_with_settings(host, port, Settings())
    bystander = await open_with_settings(host, port, Settings())
    assert old.identity is not None
    new = await open_with_settings(host, port, Settings(), fence=old.identity)
    await old.closed
    assert await bystander.call("PING") == b"PONG"
    # The same id at another address is somebody else: after a restart ids begin anew.
    assert bystander.identity is not None
    mistaken = (*bystander.identity[:3], "127.0.0.1:1")
    await (await open_with_settings(host, port, Settings(), fence=mistaken)).close()
    assert await bystander.call("PING") == b"PONG"
    await bystander.close()
    await new.close()


@pytest.mark.parametrize("kind", ["redis", "garrison"])
async def test_a_unix_socket_with_a_database(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    with running_server(kind, tmp_path, "--unixsocket", str(path)) as server:
        async with await connect(f"unix://{path}?db=3") as client:
            await client.set("here", "there")
            assert client.primaries() == [Address(str(path), 0)]
            assert await client.blpop("nothing", 0.01) is None
        async with await connect(f"valkey://127.0.0.1:{server.port}?db=3") as client:
            assert await client.get("here") == b"there"
        with pytest.raises(ConnectionFailedError, match="unix:///nowhere"):
            await connect("unix:///nowhere")


async def test_closing_by_the_name_of_the_standard_library(redis_server: ServerProcess) -> None:
    async with aclosing(await connect(f"redis://127.0.0.1:{redis_server.port}")) as client:
        assert await client.ping()
    with pytest.raises(UsageError, match="closed"):
        await client.ping()


async def test_a_peer_that_is_gone_is_noticed_in_silence(redis_server: ServerProcess) -> None:
    settings = make_settings({"keepalive_idle_s": 12})
    connection = await open_with_settings("127.0.0.1", redis_server.port, settings)
    assert connection._transport is not None
    sock = connection._transport.get_extra_info("socket")
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    assert [sock.getsockopt(socket.IPPROTO_TCP, name) for name in names] == [12, 2, 3]
    await connection.close()
