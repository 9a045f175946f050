"""The listener: clients that are too many, too slow, too idle, or wait for the core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from garrison.base.log import Log
from garrison.base.reply import OK
from garrison.sentinel.config.config import load
from garrison.sentinel.process import load_users
from garrison.sentinel.server.clients import Client
from garrison.sentinel.server.dispatch import Commands
from garrison.sentinel.server.server import Server
from tests.conftest import find_free_port


class Running:
    """A server whose core answers when the test says so."""

    def __init__(self, folder: Path, text: str = "") -> None:
        self.port = find_free_port()
        path = folder / "s.conf"
        path.write_text(f"port {self.port}\nbind 127.0.0.1\n{text}")
        config = load([str(path)])
        loop = asyncio.get_running_loop()
        self.server = Server(
            config, load_users(config), Log(str(folder / "log")), loop, config.integer("maxclients")
        )
        self.asked: list[tuple[Client, list[bytes]]] = []
        Commands(self.server, self._ask, lambda words: "", lambda words: OK, list)
        self.server.bind()

    def _ask(self, client: Client, argv: list[bytes]) -> None:
        self.asked.append((client, argv))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@pytest.fixture
async def running(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    made = Running(tmp_path, getattr(request, "param", ""))
    await made.server.start()
    yield made
    await made.server.stop()


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def until_asked(running: Running, count: int) -> None:
    async with asyncio.timeout(10):
        while len(running.asked) < count:
            await asyncio.sleep(0.001)


async def test_replies_keep_their_order_while_the_core_thinks(running: Running) -> None:
    reader, writer = await running.connect()
    writer.write(b"PING 1\r\nSENTINEL MYID\r\nPING 2\r\nSENTINEL MYID\r\nPING 3\r\n")
    await until_asked(running, 1)
    assert await reader.readexactly(7) == b"$1\r\n1\r\n"
    writer.write(b"PING 4\r\n")
    client, argv = running.asked[0]
    assert argv == [b"SENTINEL", b"MYID"]
    client.answered("a")
    await until_asked(running, 2)
    assert await reader.readexactly(14) == b"$1\r\na\r\n$1\r\n2\r\n"
    running.asked[1][0].answered("b")
    assert await reader.readexactly(21) == b"$1\r\nb\r\n$1\r\n3\r\n$1\r\n4\r\n"
    writer.close()


async def test_a_client_that_goes_while_the_core_thinks(running: Running) -> None:
    _, writer = await running.connect()
    writer.write(b"SENTINEL MYID\r\n")
    await until_asked(running, 1)
    writer.close()
    async with asyncio.timeout(10):
        while running.server.clients:
            await asyncio.sleep(0.001)
    running.asked[0][0].answered("too late")


@pytest.mark.parametrize("running", ["maxclients 2\n"], indirect=True)
async def test_too_many_clients(running: Running) -> None:
    writers = [(await running.connect())[1] for _ in range(2)]
    async with asyncio.timeout(10):
        while len(running.server.clients) < 2:
            await asyncio.sleep(0.001)
    reader, writer = await running.connect()
    assert await until_closed(reader) == b"-ERR max number of clients reached\r\n"
    for each in (*writers, writer):
        each.close()


@pytest.mark.parametrize("running", ["client-output-buffer-limit pubsub 300kb 0 0\n"], indirect=True)
async def test_a_subscriber_that_does_not_read_is_closed(running: Running) -> None:
    reader, writer = await running.connect()
    writer.write(b"SUBSCRIBE c\r\n")
    await reader.readexactly(len(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"))
    (client,) = running.server.clients.values()
    for _ in range(2_000):
        if client.closing or not running.server.publish(b"c", b"x" * 50_000):
            break
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while running.server.clients:
            await asyncio.sleep(0.001)
    assert "client-output-buffer-limit" in Path(running.server.log.path).read_text()
    assert not running.server.subscribers
    writer.close()


async def test_client_that_reads_no_replies_is_not_read_from(running: Running) -> None:
    """Megabytes of requests cost no more memory than one buffer each way."""
    reader, writer = await running.connect()
    request = b"*2\r\n$4\r\nPING\r\n$50000\r\n" + b"x" * 50_000 + b"\r\n"
    for _ in range(400):
        writer.write(request)
    async with asyncio.timeout(10):
        while not running.server.clients:
            await asyncio.sleep(0.001)
    (client,) = running.server.clients.values()
    for _ in range(200):
        await asyncio.sleep(0.001)
        assert client.waiting_bytes < 2 << 20
        assert client.parser.held_bytes < 2 << 20
    expected = 400 * (len(b"$50000\r\n") + 50_002)
    async with asyncio.timeout(30):
        assert len(await reader.readexactly(expected)) == expected
    writer.close()


@pytest.mark.parametrize("running", ["timeout 1\n"], indirect=True)
async def test_an_idle_client_is_closed_but_no_subscriber(running: Running) -> None:
    reader, writer = await running.connect()
    listening, other = await running.connect()
    other.write(b"SUBSCRIBE c\r\n")
    assert await until_closed(reader) == b""
    assert len(running.server.clients) == 1
    running.server.publish(b"c", b"hi")
    async with asyncio.timeout(10):
        assert (await listening.readuntil(b"hi\r\n")).endswith(b"$2\r\nhi\r\n")
    writer.close()
    other.close()


async def test_a_pause_holds_all_requests_until_it_ends(running: Running) -> None:
    reader, writer = await running.connect()
    writer.write(b"CLIENT PAUSE 150\r\nPING\r\n")
    assert await reader.readexactly(5) == b"+OK\r\n"
    assert running.server.is_paused
    async with asyncio.timeout(10):
        assert await reader.readexactly(7) == b"+PONG\r\n"
    assert not running.server.is_paused
    writer.close()


async def test_a_request_that_is_too_long(running: Running) -> None:
    reader, writer = await running.connect()
    writer.write(b"*2\r\n$4\r\nPING\r\n$3000000\r\n" + b"x" * 2_000_000)
    assert (await until_closed(reader)) in (
        b"-ERR Protocol error: too big request: see client-query-buffer-limit\r\n",
        b"",  # the system may throw the answer away with the bytes that nobody read
    )
    writer.close()


async def test_protected_mode_serves_this_machine_only(tmp_path: Path) -> None:
    running = Running(tmp_path, "protected-mode yes\n")
    for address, admitted in (
        ("10.0.0.1:5", False),
        ("127.0.0.1:5", True),
        ("[::1]:5", True),
        ("/s:0", True),
    ):
        client = Client(running.server)
        client.address = address
        assert (running.server.joined(client) == "") == admitted
    await running.server.start()
    await running.server.stop()


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    running = Running(tmp_path, f"unixsocket {path}\nunixsocketperm 700\n")
    await running.server.start()
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"CLIENT INFO\r\n")
    assert f"addr={path}:0".encode() in await reader.readuntil(b"resp=2\n")
    assert path.stat().st_mode & 0o777 == 0o700
    writer.close()
    await running.server.stop()
    assert not path.exists()


@pytest.mark.parametrize("running", ["requirepass secret\nuser joe on >x +ping\n"], indirect=True)
async def test_who_has_not_logged_in(running: Running) -> None:
    reader, writer = await running.connect()
    writer.write(b"PING\r\nSENTINEL MYID\r\nAUTH joe x\r\nPING\r\n*11\r\n")
    expected = b"-NOAUTH Authentication required.\r\n" * 2 + b"+OK\r\n+PONG\r\n"
    assert await reader.readexactly(len(expected)) == expected
    assert not running.asked
    writer.close()
