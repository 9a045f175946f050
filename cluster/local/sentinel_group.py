"""One primary, its replicas and the Sentinels that watch them, as real processes on this machine.

For ``garrison dev --sentinel``, the demo's Sentinel act and tests::

    async with LocalGroup(replicas=2, sentinels=3) as group:
        print(group.url)

Either program may be another's: ``node_command`` takes ``redis-server``'s directives, ``sentinel_command`` a
configuration file of ``redis-sentinel``.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from garrison.client import ClientError, open_connection
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.cluster import GARRISON_NODE, POLL_INTERVAL_S, START_TIMEOUT_S
from garrison.cluster.local.ports import HOST
from garrison.cluster.local.process import LocalProcess, LocalServers

GARRISON_SENTINEL = (sys.executable, "-m", "garrison", "sentinel")
NAME = "mymaster"
LAYOUT_FILE = "group.json"
SETTINGS = {"save": "", "appendonly": "no", "repl-diskless-sync-delay": "0"}


class LocalGroup(LocalServers):
    """The processes of one primary's group. ``nodes[0]`` is the first primary."""

    def __init__(
        self,
        replicas: int = 2,
        sentinels: int = 3,
        *,
        directory: Path | None = None,
        down_after_ms: int = 1_000,
        failover_timeout_ms: int = 10_000,
        node_command: Sequence[str] = GARRISON_NODE,
        sentinel_command: Sequence[str] = GARRISON_SENTINEL,
        settings: Mapping[str, str] | None = None,
        ports: Sequence[int] = (),
    ) -> None:
        super().__init__(directory, LAYOUT_FILE)
        self.down_after_ms = down_after_ms
        self.failover_timeout_ms = failover_timeout_ms
        self.quorum = sentinels // 2 + 1
        self.node_command = node_command
        self.sentinel_command = sentinel_command
        self.settings = SETTINGS | dict(settings or {})
        count = 1 + replicas + sentinels
        chosen = self._choose_ports(count, ports)
        self.nodes = [self._process(port, "node") for port in chosen[: 1 + replicas]]
        self.sentinels = [self._process(port, "Sentinel") for port in chosen[1 + replicas : count]]

    def _process(self, port: int, kind: str) -> LocalProcess:
        address, log_name = Address(HOST, port), f"{kind.lower()}.log"
        return LocalProcess(address, self.directory / str(port), log_name=log_name, kind=kind)

    @property
    def processes(self) -> list[LocalProcess]:
        return [*self.nodes, *self.sentinels]

    @property
    def url(self) -> str:
        """What the client library takes: all Sentinels, and the primary's name."""
        return f"sentinel://{','.join(str(each.address) for each in self.sentinels)}/{NAME}"

    async def start(self) -> None:
        """Start all processes; return when every Sentinel knows the whole group."""
        await asyncio.gather(*map(self.start_node, self.nodes))
        await asyncio.gather(*map(self.start_sentinel, self.sentinels))
        await self.wait_watched()
        self._remember_ports(self.processes)

    async def start_again(self, process: LocalProcess) -> None:
        is_node = process in self.nodes
        await (self.start_node(process) if is_node else self.start_sentinel(process))

    async def start_node(self, node: LocalProcess) -> None:
        """Start a node, at first as a replica unless it is the first; then as its own file says."""
        node.make_directory()
        file = node.directory / "node.conf"
        if not file.exists():
            lines = [f"port {node.address.port}", f"bind {HOST}", f"dir {node.directory}"]
            lines += [f'{name} "{value}"' for name, value in self.settings.items()]
            if node is not self.nodes[0]:
                lines.append(f"replicaof {HOST} {self.nodes[0].address.port}")
            file.write_text("\n".join(lines) + "\n")
        await node.run([*self.node_command, str(file)])
        await self.wait_for(node, "PING", check=lambda reply: True)

    async def start_sentinel(self, sentinel: LocalProcess) -> None:
        """Start a Sentinel; its file keeps what it has learned from one start to the next."""
        sentinel.make_directory()
        file = sentinel.directory / "sentinel.conf"
        if not file.exists():
            lines = [
                f"port {sentinel.address.port}",
                f"bind {HOST}",
                f"dir {sentinel.directory}",
                f"sentinel monitor {NAME} {HOST} {self.nodes[0].address.port} {self.quorum}",
                f"sentinel down-after-milliseconds {NAME} {self.down_after_ms}",
                f"sentinel failover-timeout {NAME} {self.failover_timeout_ms}",
            ]
            file.write_text("\n".join(lines) + "\n")
        await sentinel.run([*self.sentinel_command, str(file)])
        await self.wait_for(sentinel, "PING", check=lambda reply: True)

    # Asking.

    async def call(self, process: LocalProcess, *words: str) -> Any:
        """One command to one process, over a connection of its own. Raises ClientError."""
        connection = await open_connection(process.address.host, process.address.port)
        try:
            return await connection.call(*words)
        finally:
            await connection.close()

    async def primary(self) -> LocalProcess:
        """The node that the Sentinels name now. Raises ManagerError where none answers."""
        for sentinel in self.sentinels:
            with contextlib.suppress(ClientError):
                reply = await self.call(sentinel, "SENTINEL", "get-master-addr-by-name", NAME)
                return self.node_at(int(reply[1]))
        raise ManagerError("no Sentinel names a primary")

    def node_at(self, port: int) -> LocalProcess:
        return next(node for node in self.nodes if node.address.port == port)

    async def wait_watched(self) -> None:
        """Wait until each Sentinel knows all replicas and all other Sentinels."""
        for sentinel in self.sentinels:
            await self.wait_for(sentinel, "SENTINEL", "master", NAME, check=self._knows_all)

    def _knows_all(self, reply: Any) -> bool:
        fields = dict(reply) if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
        replicas, others = int(fields[b"num-slaves"]), int(fields[b"num-other-sentinels"])
        return replicas == len(self.nodes) - 1 and others == len(self.sentinels) - 1

    async def wait_for(
        self,
        process: LocalProcess,
        *words: str,
        check: Callable[[Any], bool],
        timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        """Ask a process until its answer passes a check. Raises ManagerError with the end of its log."""
        seen: object = "no answer"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while process.running:
                    try:
                        seen = await self.call(process, *words)
                        if check(seen):
                            return
                    except ClientError as error:
                        seen = error
                    await asyncio.sleep(POLL_INTERVAL_S)
        state = (
            f"after {timeout_s:.0f} s it answers {' '.join(words)} with {seen!r}"
            if process.running
            else "it ended"
        )
        raise ManagerError(f"the server at {process.address}: {state}; its log ends:\n{process.last_words()}")
