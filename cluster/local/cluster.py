"""A cluster of real node processes on this machine, for ``garrison dev``, the demo and tests.

::

    async with LocalCluster(primaries=3, replicas=1) as cluster:
        print(cluster.url)

Each node has a folder of its own below ``directory`` with its ``nodes.conf`` and log. With a directory that
held a cluster before, the same nodes come back with their ids, slots and ports.
"""

import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.creation import plan_creation
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.local_manager import LocalManager
from garrison.cluster.local.ports import HOST
from garrison.cluster.local.process import LocalProcess, LocalServers, remembered_ports
from garrison.cluster.manager.admin_client import Access, AdminClient, read_fields
from garrison.cluster.manager.form import form, unready

GARRISON_NODE = (sys.executable, "-m", "garrison", "node")
START_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.02
LAYOUT_FILE = "cluster.json"
SETTINGS = {
    "save": "",
    "appendonly": "no",
    "cluster-node-timeout": "1000",
    "repl-diskless-sync-delay": "0",
}


class LocalNode(LocalProcess):
    """One node of a cluster."""

    async def start(self, command: Sequence[str], settings: Mapping[str, str]) -> None:
        """Start it with ``redis-server``'s directives."""
        words = [*command, "--port", str(self.address.port), "--bind", self.address.host]
        words += ["--cluster-enabled", "yes", "--dir", str(self.directory)]
        for name, value in settings.items():
            words += [f"--{name}", value]
        await self.run(words)


class LocalCluster(LocalServers):
    """``primaries`` + ``primaries * replicas`` nodes on loopback.

    ``command`` starts one node and takes ``redis-server``'s directives; the default is this Garrison.
    ``settings`` are further directives for every node. Without ``directory`` a temporary one is used
    and removed at the end.
    """

    def __init__(
        self,
        primaries: int = 3,
        replicas: int = 1,
        *,
        directory: Path | None = None,
        command: Sequence[str] = GARRISON_NODE,
        settings: Mapping[str, str] | None = None,
        ports: Sequence[int] = (),
    ) -> None:
        self.replicas = replicas
        self.command = command
        self.settings = SETTINGS | dict(settings or {})
        super().__init__(directory, LAYOUT_FILE)
        chosen = self._choose_ports(primaries * (replicas + 1), ports)
        self.nodes = [LocalNode(Address(HOST, port), self.directory / str(port)) for port in chosen]
        self.manager: LocalManager | None = None

    @property
    def processes(self) -> list[LocalProcess]:
        return [*self.nodes, *([self.manager] if self.manager else [])]

    @property
    def url(self) -> str:
        return f"redis://{self.nodes[0].address}"

    @property
    def access(self) -> Access:
        return Access(password=self.settings.get("requirepass") or None)

    def add_manager(self, port: int, *words: str) -> LocalManager:
        """A manager that starts and stops with the nodes; ``words`` are further options of it."""
        entries = [node.address for node in self.nodes]
        place, folder = Address(HOST, port), self.directory / "manager"
        self.manager = LocalManager(place, folder, entries, self.access.password, words)
        return self.manager

    def admin(self) -> AdminClient:
        """Connections to its nodes, from the first one that runs."""
        entry = next((node for node in self.nodes if node.running), self.nodes[0])
        return AdminClient(entry.address, self.access)

    def node(self, address: Address) -> LocalNode:
        return next(node for node in self.nodes if node.address == address)

    async def start(self) -> ClusterState:
        """Start the processes and form the cluster, or wait for the one that was here before."""
        known = remembered_ports(self._layout)
        await asyncio.gather(*(node.start(self.command, self.settings) for node in self.nodes))
        await asyncio.gather(*map(self.wait_ready, self.nodes))
        if known:
            state = await self.wait_healthy()
            await self._start_manager()
            return state
        plan = plan_creation([node.address for node in self.nodes], self.replicas)
        state = await form(plan, self.access, lambda text: None)
        self._remember_ports(self.nodes)
        await self._start_manager()
        return state

    async def start_again(self, process: LocalProcess) -> None:
        if process is self.manager:
            await self.manager.start()
            return
        await self.restart(self.node(process.address))

    async def _start_manager(self) -> None:
        if self.manager is not None:
            await self.manager.start()

    async def restart(self, node: LocalNode) -> None:
        await node.start(self.command, self.settings)
        await self.wait_ready(node)

    async def wait_healthy(self, timeout_s: float = START_TIMEOUT_S) -> ClusterState:
        """Wait until all running nodes agree, report state ok and have their replicas linked."""
        missing = "nothing answers"
        running = sum(node.running for node in self.nodes)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self.admin() as admin:
                while True:
                    try:
                        state = await admin.cluster_state()
                        missing = unready(state, running, 0)
                        if not missing:
                            return state
                    except ManagerError as error:
                        missing = str(error)
                    await asyncio.sleep(POLL_INTERVAL_S * 5)
        raise ManagerError(f"the local cluster is not healthy after {timeout_s:.0f} s: {missing}")

    async def wait_ready(self, node: LocalNode) -> None:
        """Wait until the node answers, and serves what it has in files."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT_S):
                while node.running:
                    async with AdminClient(node.address, self.access) as admin:
                        try:
                            info = await admin.call(node.address, "INFO", "persistence")
                            if read_fields(info).get("loading") != "1":
                                return
                            await asyncio.sleep(POLL_INTERVAL_S)
                        except ManagerError:
                            await asyncio.sleep(POLL_INTERVAL_S)
        state = "does not answer" if node.running else "ended"
        command = " ".join(self.command)
        raise ManagerError(
            f"the node at {node.address} ({command}) {state}; its log ends:\n{node.last_words()}"
        )
