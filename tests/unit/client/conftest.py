"""Fixtures of the client's tests: a scripted server, and real servers of both kinds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import hiredis
import pytest

from garrison.client import Client, ReplyError, connect
from tests.conftest import find_free_port

from .servers import PROGRAMS, ServerProcess, running_cluster, running_server

Script = Callable[[list[bytes]], Any]
"""Takes a command; returns the reply as sent, None for no reply, or raises HangupError."""

Setting = tuple[Client[Any], Callable[[str], Any]]
"""A client, and a function that gives text as this client's replies have it: bytes, or str if it decodes."""
VARIANTS = [(2, False), (3, False), (2, True), (3, True)]
VARIANT_NAMES = ["resp2", "resp3", "resp2-str", "resp3-str"]


class HangupError(Exception):
    """Raised by a script: the fake server drops the connection without a reply."""


class FakeServer:
    """A server on a free loopback port whose every reply comes from a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.commands: list[list[bytes]] = []
        self.reads = 0
        self.connections = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._subscribers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Not on a port of the kernel's choice: a connection could take it once the server has stopped."""
        self.port = port or find_free_port()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    @property
    def is_connected(self) -> bool:
        return bool(self._writers)

    def hang_up(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def send_all(self, data: bytes) -> None:
        """Send bytes that nobody asked for to every connection."""
        for writer in self._writers:
            writer.write(data)

    def publish(self, data: bytes) -> None:
        """Send bytes to every connection that has subscribed to something."""
        for writer in self._subscribers & self._writers:
            writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        parser = hiredis.Reader()
        try:
            while data := await reader.read(1 << 16):
                self.reads += 1
                parser.feed(data)
                while (command := parser.gets()) is not False:
                    self.commands.append(command)
                    if command[0].upper() == b"SUBSCRIBE":
                        self._subscribers.add(writer)
                    reply = self.script(command)
                    if asyncio.iscoroutine(reply):
                        reply = await reply
                    if reply is not None:
                        writer.write(reply)
        except (HangupError, ConnectionError):
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.close()

    def names(self) -> list[str]:
        """The names of the commands that came, handshake and topology questions left out."""
        names = [command[0].decode().upper() for command in self.commands]
        return [name for name in names if name not in ("HELLO", "CLUSTER", "CLIENT")]


@pytest.fixture
async def fake() -> AsyncIterator[Callable[..., Any]]:
    """Start fake servers: ``server = await fake(script)``; all stop at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(script: Script) -> FakeServer:
            server = FakeServer(script)
            await server.start()
            stack.push_async_callback(server.stop)
            return server

        yield start


async def eventually(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait until a condition holds; fails the test when it does not in time."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture(params=VARIANTS, ids=VARIANT_NAMES)
async def setting(any_server: ServerProcess, request: Any) -> AsyncIterator[Setting]:
    """A client of an empty server of each kind, and a function that gives text as its replies have it."""
    async with connected(any_server, *request.param) as setting:
        yield setting


@pytest.fixture(params=VARIANTS, ids=VARIANT_NAMES)
async def ours(garrison_server: ServerProcess, request: Any) -> AsyncIterator[Setting]:
    """The same with our server alone, for commands that Redis 7.0 does not know."""
    async with connected(garrison_server, *request.param) as setting:
        yield setting


@asynccontextmanager
async def connected(server: ServerProcess, protocol: int, decode: bool) -> AsyncIterator[Setting]:
    url = f"redis://127.0.0.1:{server.port}"
    async with await connect(url, decode=decode, protocol=protocol, client_name="tests") as client:
        await client.flushall()
        yield client, (lambda text: text) if decode else str.encode


@pytest.fixture
async def in_cluster(shared_cluster: list[ServerProcess]) -> AsyncIterator[Client[bytes]]:
    """A client of a cluster of each kind, without keys."""
    async with await connect(f"redis://127.0.0.1:{shared_cluster[0].port}") as client:
        await client.flushall()
        yield client


async def need(client: Client[Any], *command: Any) -> None:
    """Skip the test, with the server's words as the reason, where the command is not built yet."""
    try:
        await client.call_node(client.primaries()[0], *command)
    except ReplyError as error:
        if "unknown command" in str(error):
            pytest.skip(f"{command[0]} is not built yet in this server")
        raise


@pytest.fixture
async def scripted(setting: Setting) -> Setting:
    """A server of each kind that runs scripts, with an empty script cache."""
    await need(setting[0], "EVAL", "return 1", 0)
    await setting[0].script_flush()
    return setting


@pytest.fixture
async def scripted_cluster(in_cluster: Client[bytes]) -> Client[bytes]:
    """A cluster of each kind that runs scripts, with empty script caches."""
    await need(in_cluster, "EVAL", "return 1", 0)
    await in_cluster.script_flush()
    return in_cluster


@pytest.fixture(scope="session")
def garrison_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Our own node alone."""
    with running_server("garrison", tmp_path_factory.mktemp("garrison")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real redis-server: the oracle."""
    with running_server("redis", tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session", params=list(PROGRAMS))
def any_server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of each kind in turn."""
    with running_server(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(params=list(PROGRAMS))
def own_cluster(request: Any, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    """A cluster of each kind in turn, for one test alone, which may kill its nodes."""
    with running_cluster(request.param, tmp_path) as nodes:
        yield nodes


@pytest.fixture(scope="session", params=list(PROGRAMS))
def shared_cluster(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    """A cluster of each kind, for the tests that leave its nodes and slots alone; keys may be left behind."""
    with running_cluster(request.param, tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes
