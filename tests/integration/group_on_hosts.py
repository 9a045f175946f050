"""Three nodes and three Sentinels, each on a host of its own (`namespaces.py`), and clients that write."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from garrison.client import ClientError, open_connection
from tests.integration.namespaces import Host, Network

NAME = "mymaster"
NODE_PORT, SENTINEL_PORT = 6379, 26379
DOWN_AFTER_MS = 1_500
WAIT_S = 60.0
GARRISON = (sys.executable, "-m", "garrison")
_LIBC = ctypes.CDLL(None)

WRITER = """
import asyncio, sys
from garrison.client import ClientError, connect

async def main():
    client = await connect(sys.argv[1], call_timeout_s=3.0)
    for number in range(1_000_000):
        try:
            await client.set(f"{sys.argv[2]}:{number}", number)
            print(number, flush=True)
        except ClientError as error:
            print(str(error).split()[0], flush=True)
        await asyncio.sleep(0.02)

asyncio.run(main())
"""


class Server:
    """A node or a Sentinel on a host of its own."""

    def __init__(self, host: Host, port: int, folder: Path, program: str, lines: list[str]) -> None:
        self.host, self.port, self.address = host, port, host.address
        folder.mkdir()
        self.file, self.log = folder / f"{program}.conf", folder / "log"
        self.file.write_text("\n".join([f"port {port}", f"dir {folder}", "protected-mode no", *lines, ""]))
        self._command = host.command(*GARRISON, program, str(self.file))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, environment: dict[str, str] | None = None) -> None:
        self.process = run(self._command, self.log, environment)

    def restart(self, environment: dict[str, str]) -> None:
        """Kill it, and start it in this environment."""
        self.kill()
        self.start(environment)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def __call__(self, *words: str) -> Any:
        """One command, over a connection of its own. Raises ClientError."""
        connection = await open_connection(self.address, self.port)
        try:
            return await connection.call(*words)
        finally:
            await connection.close()

    async def facts(self, *words: str) -> dict[str, str]:
        """A reply of names and values."""
        return as_facts(await self(*words))


def run(command: list[str], log: Path, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a process that ends when this one does."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            preexec_fn=lambda: _LIBC.prctl(1, signal.SIGKILL),  # PR_SET_PDEATHSIG
        )  # fmt: skip


class Group:
    """The servers, and what is asked of them."""

    def __init__(self, net: Network, folder: Path) -> None:
        self.net = net
        self.folder = folder
        hosts = [net.add(f"node{number}") for number in (1, 2, 3)]
        follow = f"replicaof {hosts[0].address} {NODE_PORT}"
        self.nodes = [
            Server(host, NODE_PORT, folder / host.namespace, "node",
                   ["repl-diskless-sync-delay 0", "repl-ping-replica-period 1", *([follow] if at else [])])
            for at, host in enumerate(hosts)
        ]  # fmt: skip
        lines = [
            f"sentinel monitor {NAME} {hosts[0].address} {NODE_PORT} 2",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} 5000",
        ]
        self.sentinels = [
            Server(host, SENTINEL_PORT, folder / host.namespace, "sentinel", lines)
            for host in (net.add(f"sentinel{number}") for number in (1, 2, 3))
        ]
        self.client = net.add("client")
        self._writers: list[subprocess.Popen[bytes]] = []

    @property
    def servers(self) -> list[Server]:
        return [*self.nodes, *self.sentinels]

    def stop(self) -> None:
        for server in self.servers:
            server.kill()
        self.stop_writers()

    def stop_writers(self) -> None:
        for writer in self._writers:
            writer.kill()
            writer.wait()

    def write_from(self, host: Host, name: str) -> Writes:
        """A client on that host, which writes one key after the other."""
        at = ",".join(f"{each.address}:{each.port}" for each in self.sentinels)
        log = self.folder / f"writer-{name}"
        command = host.command(sys.executable, "-c", WRITER, f"sentinel://{at}/{NAME}", name)
        self._writers.append(run(command, log))
        return Writes(name, log)

    async def configure(self, name: str, value: str) -> None:
        """Set a directive of all nodes, also while a Sentinel changes roles, which closes connections."""
        for node in self.nodes:
            await until(partial(node, "CONFIG", "SET", name, value), f"{name} is {value}")

    async def named_by(self, sentinel: Server) -> Server:
        """The primary that a Sentinel names."""
        host, _ = await sentinel("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return next(node for node in self.nodes if node.address == host.decode())

    async def seen_by(self, sentinel: Server) -> dict[str, str]:
        return await sentinel.facts("SENTINEL", "MASTER", NAME)

    async def all_name_another(self, old: Server, sentinels: list[Server]) -> Server:
        async def agreed() -> Server | None:
            named = {await self.named_by(each) for each in sentinels}
            return named.pop() if len(named) == 1 and old not in named else None

        new: Server = await until(agreed, f"these Sentinels agree on another primary than {old.address}")
        return new

    async def settled(self, sentinels: list[Server] | None = None) -> Server:
        """Wait until there is one primary, which all name and follow; it."""

        async def one_primary() -> Server | None:
            named = {await self.named_by(each) for each in sentinels or self.sentinels}
            if len(named) != 1:
                return None
            primary = named.pop()
            for node in self.nodes:
                role = await node("ROLE")
                if node is primary and role[0] != b"master":
                    return None
                if node is not primary and (
                    role[0] != b"slave" or role[1:4] != [primary.address.encode(), NODE_PORT, b"connected"]
                ):
                    return None
            return primary

        primary: Server = await until(one_primary, "one primary, named and followed by all")
        await in_sync(primary)
        return primary

    async def all_watched(self) -> bool:
        """Whether each Sentinel has links to everybody, and holds nobody down."""
        for sentinel in self.sentinels:
            lists = [await sentinel("SENTINEL", words, NAME) for words in ("REPLICAS", "SENTINELS")]
            flags = [as_facts(each)["flags"] for found in lists for each in found]
            flags.append((await self.seen_by(sentinel))["flags"])
            wanted = ["master", "sentinel", "sentinel", "slave", "slave"]
            assert sorted(flags) == wanted, f"{sentinel.host.namespace}: {flags}"
        return True


class Writes:
    """What a writing client has printed: numbers that were acknowledged, and the names of errors."""

    def __init__(self, name: str, log: Path) -> None:
        self.name, self._log = name, log

    def acknowledged(self) -> list[int]:
        return [int(word) for word in self._words() if word.isdigit()]

    def refused(self) -> list[str]:
        return [word for word in self._words() if not word.isdigit()]

    def _words(self) -> list[str]:
        # The last line may be on its way.
        return self._log.read_text().split("\n")[:-1]

    async def more(self, count: int = 1) -> int:
        """Wait until so many more are acknowledged; the last one."""
        so_far = len(self.acknowledged())
        await until(lambda: asyncio.sleep(0, len(self.acknowledged()) >= so_far + count), "writes go on")
        return self.acknowledged()[-1]


def as_facts(reply: Any) -> dict[str, str]:
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in pairs}


async def until(holds: Callable[[], Awaitable[Any]], what: str, wait_s: float = WAIT_S) -> Any:
    """Wait until an awaitable condition gives something true, and raises nothing; that."""
    deadline = time.monotonic() + wait_s
    while True:
        last: object = None
        try:
            last = await holds()
            if last:
                return last
        except (ClientError, AssertionError) as error:
            last = error
        assert time.monotonic() < deadline, f"not within {wait_s:.0f} s: {what}: {last}"
        await asyncio.sleep(0.05)


async def in_sync(primary: Server) -> None:
    """Both replicas have what the primary has now."""
    connection = await open_connection(primary.address, primary.port)
    try:
        await connection.call("SET", "in sync", "yes")
        assert await connection.call("WAIT", "2", "20000") == 2
    finally:
        await connection.close()
