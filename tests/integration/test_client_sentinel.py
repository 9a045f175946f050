"""The client under real Sentinels: three of them over a primary and two replicas, of every kind there is."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from garrison.client import Client, connect, open_connection
from garrison.client.errors import AuthenticationError, ClientError, UsageError
from tests.conftest import find_free_port

NAME = "orders"
DOWN_AFTER_MS = 500
PATIENCE_S = 40.0
"""For anything to happen on a busy machine; each test needs a few seconds of it."""

SERVERS = {"redis": ["redis-server"], "garrison": [sys.executable, "-m", "garrison", "node"]}
SENTINELS = {
    "redis": ["redis-server"],
    "garrison": [sys.executable, "-m", "garrison", "sentinel"],
}


def can_run(kind: str, component: str) -> str:
    """Why this kind of process cannot be run here; "" when it can."""
    if kind == "redis":
        return "" if shutil.which("redis-server") else "redis-server is not installed"
    module = {"node": "garrison.node._engine", "sentinel": "garrison.sentinel.__main__"}[component]
    return "" if importlib.util.find_spec(module) else f"{module} is not here"


class Process:
    """A server or a Sentinel on loopback."""

    def __init__(self, folder: Path, port: int, command: list[str]) -> None:
        self.port = port
        self.log = folder / f"{port}.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def suspend(self) -> None:
        """Make it hang; on return all of its threads stand still."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)


class Watched:
    """A primary, two replicas and three Sentinels that know each other from the start."""

    def __init__(self, folder: Path, servers: str, sentinels: str) -> None:
        self.folder = folder
        self.kinds = (servers, sentinels)
        self.node_ports = [find_free_port() for _ in range(3)]
        self.sentinel_ports = [find_free_port() for _ in range(3)]
        self.nodes: dict[int, Process] = {}
        self.sentinels: list[Process] = []

    def start(self) -> None:
        first, *others = self.node_ports
        self.start_node(first)
        for port in others:
            self.start_node(port, "--replicaof", "127.0.0.1", str(first))

    def start_sentinels(self) -> None:
        for port in self.sentinel_ports:
            path = self.folder / f"{port}.conf"
            path.write_text(self.sentinel_conf(port))
            command = [*SENTINELS[self.kinds[1]], str(path)]
            command += ["--sentinel"] if self.kinds[1] == "redis" else []
            self.sentinels.append(Process(self.folder, port, command))

    def start_node(self, port: int, *directives: str) -> None:
        folder = self.folder / str(port)
        folder.mkdir(exist_ok=True)
        command = [*SERVERS[self.kinds[0]], "--port", str(port), "--dir", str(folder), "--save", ""]
        command += ["--repl-diskless-sync-delay", "0", *directives]
        self.nodes[port] = Process(self.folder, port, command)

    def sentinel_conf(self, port: int) -> str:
        """What a Sentinel would have written itself after it had met the others."""
        lines = [
            f"port {port}",
            f"dir {self.folder}",
            f"sentinel myid {port:040x}",
            f"sentinel monitor {NAME} 127.0.0.1 {self.node_ports[0]} 2",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} 2000",
        ]
        lines += [f"sentinel known-replica {NAME} 127.0.0.1 {node}" for node in self.node_ports[1:]]
        lines += [
            f"sentinel known-sentinel {NAME} 127.0.0.1 {other} {other:040x}"
            for other in self.sentinel_ports
            if other != port
        ]
        return "\n".join(lines) + "\n"

    def stop(self) -> None:
        for process in [*self.sentinels, *self.nodes.values()]:
            process.kill()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinel_ports)
        return f"sentinel://{hosts}/{NAME}"

    async def client(self, url: str = "", **options: Any) -> Client[bytes]:
        given = {"call_timeout_s": PATIENCE_S, **options}
        client: Client[bytes] = await connect(url or self.url, decode=False, **given)
        return client

    async def settled(self) -> None:
        """Until the replicas follow; then start the Sentinels, until each sees all nodes and Sentinels."""
        await self.until(self._is_replicating, "the replicas follow")
        self.start_sentinels()
        await self.until(self._is_watched, "the Sentinels agree")

    async def _is_replicating(self) -> bool:
        roles = [await ask(port, "ROLE") for port in self.node_ports]
        return sum(b"connected" in role for role in roles) == 2

    async def _is_watched(self) -> bool:
        for port in self.sentinel_ports:
            if b"OK 3 usable Sentinels" not in await ask(port, "SENTINEL", "CKQUORUM", NAME):
                return False
            rows = await ask(port, "SENTINEL", "REPLICAS", NAME)
            good = [row for row in rows if dict(zip(row[::2], row[1::2], strict=True))[b"flags"] == b"slave"]
            synced = [row for row in good if row[row.index(b"master-link-status") + 1] == b"ok"]
            if len(synced) != 2:
                return False
        return True

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(ClientError):
                if await condition():
                    return
            assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}\n{self.logs()}"
            await asyncio.sleep(0.02)

    def logs(self) -> str:
        return "\n".join(f"{one.port}:\n{one.log.read_text()[-1500:]}" for one in self.sentinels)


async def ask(port: int, *words: str) -> Any:
    connection = await open_connection("127.0.0.1", port)
    try:
        return await connection.call(*words)
    finally:
        await connection.close()


class Load:
    """Tasks that write and read without a pause, and keep what they met."""

    def __init__(self, client: Client[bytes], tasks: int = 20) -> None:
        self.errors: list[Exception] = []
        self.done = 0
        self._client = client
        self._stop = False
        self._tasks = [asyncio.create_task(self._run(f"key:{at}")) for at in range(tasks)]

    async def _run(self, key: str) -> None:
        while not self._stop:
            try:
                await self._client.set(key, self.done)
                await self._client.get(key)
                await self._client.mget(key, "other")
            except ClientError as error:
                self.errors.append(error)
            self.done += 1
            await asyncio.sleep(0.001)

    async def more(self, count: int = 100) -> None:
        """Until so many more rounds are through."""
        goal = self.done + count
        async with asyncio.timeout(PATIENCE_S):
            while self.done < goal:
                await asyncio.sleep(0.01)

    async def finish(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)


KINDS = [(servers, sentinels) for sentinels in SENTINELS for servers in SERVERS]


def only_over(servers: str) -> pytest.MarkDecorator:
    """For a test in which the kind of the nodes makes no difference."""
    kinds = [(kind, sentinels) for kind, sentinels in KINDS if kind == servers]
    return pytest.mark.parametrize("watched", kinds, ids=[kind for _, kind in kinds], indirect=True)


@pytest.fixture(params=KINDS, ids=[f"{sentinels}-over-{servers}" for servers, sentinels in KINDS])
def watched(request: Any, tmp_path: Path) -> Iterator[Watched]:
    servers, sentinels = request.param
    reason = can_run(servers, "node") or can_run(sentinels, "sentinel")
    if reason:
        pytest.skip(f"{reason}: nothing to run")
    watched = Watched(tmp_path, servers, sentinels)
    try:
        watched.start()
        yield watched
    finally:
        watched.stop()


def port_of(client: Client[bytes]) -> int:
    """The primary's port; 0 while none is known."""
    return next((address.port for address in client.primaries()), 0)


async def test_a_killed_primary_costs_time_but_no_error(watched: Watched) -> None:
    await watched.settled()
    one = f"sentinel://127.0.0.1:{watched.sentinel_ports[1]}/{NAME}"
    async with await watched.client(one) as client:
        killed = port_of(client)
        assert (await ask(killed, "ROLE"))[0] == b"master"
        load = Load(client)
        await load.more()
        watched.nodes[killed].kill()
        await load.more()
        assert port_of(client) not in (0, killed)
        await load.finish()
        assert load.errors == []


async def test_planned_failover_is_followed_despite_old_primarys_claim(
    watched: Watched,
) -> None:
    await watched.settled()
    async with await watched.client() as client:
        old = port_of(client)
        load = Load(client)
        await load.more()
        await watched.until(lambda: fail_over(watched), "a planned failover starts")
        async with asyncio.timeout(PATIENCE_S):
            while port_of(client) in (0, old):
                await asyncio.sleep(0.01)
        await load.more()
        await load.finish()
        assert load.errors == []
        assert (await ask(port_of(client), "ROLE"))[0] == b"master"


async def fail_over(watched: Watched) -> bool:
    return bool(await ask(watched.sentinel_ports[0], "SENTINEL", "FAILOVER", NAME) == b"OK")


@only_over("garrison")
async def test_a_hanging_primary_is_left_for_the_new_one(watched: Watched) -> None:
    await watched.settled()
    async with await watched.client() as client:
        await client.set("a", 1)
        first = port_of(client)
        watched.nodes[first].suspend()
        assert await client.set("a", 2)
        assert await client.get("a") == b"2"
        assert port_of(client) not in (0, first)


@only_over("redis")
async def test_errors_of_a_new_user_say_what_to_do(watched: Watched) -> None:
    await watched.settled()
    with pytest.raises(UsageError, match=rf"no Sentinel knows a primary named 'order'.*: {NAME}"):
        await watched.client(watched.url.replace(NAME, "order"))
    with pytest.raises(UsageError, match=r"is a Sentinel: write sentinel://127.0.0.1:\d+/NAME"):
        await watched.client(f"redis://127.0.0.1:{watched.sentinel_ports[0]}")
    hosts = re.escape(f"Sentinel 127.0.0.1:{watched.node_ports[1]}: it is not a Sentinel")
    with pytest.raises(ClientError, match=hosts):
        await watched.client(f"sentinel://127.0.0.1:{watched.node_ports[1]}/{NAME}")


@pytest.mark.parametrize("sentinels", SENTINELS)
async def test_nodes_and_sentinels_have_passwords_of_their_own(sentinels: str, tmp_path: Path) -> None:
    if reason := can_run("redis", "node") or can_run(sentinels, "sentinel"):
        pytest.skip(f"{reason}: nothing to run")
    watched = Watched(tmp_path, "redis", sentinels)
    port = watched.sentinel_ports[0]
    conf = tmp_path / "sentinel.conf"
    conf.write_text(
        f"port {port}\ndir {tmp_path}\nrequirepass for-sentinels\n"
        f"sentinel monitor {NAME} 127.0.0.1 {watched.node_ports[0]} 1\nsentinel auth-pass {NAME} for-nodes\n"
    )
    try:
        watched.start_node(watched.node_ports[0], "--requirepass", "for-nodes")
        command = [*SENTINELS[sentinels], str(conf), *(["--sentinel"] if sentinels == "redis" else [])]
        watched.sentinels.append(Process(tmp_path, port, command))
        url = f"sentinel://:for-nodes@127.0.0.1:{port}/{NAME}?db=3"

        async def connects() -> bool:
            async with await watched.client(f"{url}&sentinel_password=for-sentinels") as client:
                await client.set("a", 1)
                return True

        await watched.until(connects, "both passwords are accepted")
        with pytest.raises(AuthenticationError, match="give sentinel_username, sentinel_password"):
            await watched.client(url)
        with pytest.raises(AuthenticationError, match="WRONGPASS"):
            await watched.client(url.replace("for-nodes", "wrong"), sentinel_password="for-sentinels")
    finally:
        watched.stop()
