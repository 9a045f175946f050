"""A cluster of real node processes on this machine, for ``garrison dev``, the demo and tests.

::

    async with LocalCluster(primaries=3, replicas=1) as cluster:
        print(cluster.url)

Each node has a folder of its own below ``directory`` with its ``nodes.conf`` and log. With a directory that
held a cluster before, the same nodes come back with their ids, slots and ports.
"""

import asyncio
import contextlib
import ctypes
import json
import random
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from garrison.cluster.core.creation import plan_creation
from garrison.cluster.core.survey import Survey
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.fleet import Access, Fleet
from garrison.cluster.manager.form import form, unready

GARRISON_NODE = (sys.executable, "-m", "garrison", "node")
HOST = "127.0.0.1"
BUS_PORT_OFFSET = 10_000
PORTS_FROM, PORTS_BELOW = 20_000, 22_768
"""The bus ports, 10,000 above, stay below 32,768, where Linux begins to hand out ports to connections:
one of those could take a port between our look and the node's start."""
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.02
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
LAYOUT_FILE = "cluster.json"
SETTINGS = {
    "save": "",
    "appendonly": "no",
    "cluster-node-timeout": "1000",
    "repl-diskless-sync-delay": "0",
}


@dataclass
class LocalNode:
    """One node process."""

    address: Address
    directory: Path
    process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> Path:
        return self.directory / "node.log"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self, command: Sequence[str], settings: Mapping[str, str]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        words = [*command, "--port", str(self.address.port), "--bind", self.address.host]
        words += ["--cluster-enabled", "yes", "--dir", str(self.directory)]
        for name, value in settings.items():
            words += [f"--{name}", value]
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop the nodes in order.
            self.process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.running:
            self.process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL: no goodbye, as in a power cut."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for a process that does not heed it."""
        if self.process is None:
            return
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.process.wait()
        except TimeoutError:
            await self.kill()

    def last_words(self) -> str:
        """The end of its log, for messages about a node that would not start."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-5:]) or "(its log is empty)"


class LocalCluster:
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
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="garrison-"))
        # Nodes change into their folder, so the paths they are given must be absolute.
        self.directory = self.directory.resolve()
        count = primaries * (replicas + 1)
        chosen = self._remembered_ports() or list(ports) or free_ports(count)
        if len(chosen) != count:
            raise ManagerError(
                f"{self.directory} holds a cluster of {len(chosen)} nodes, not {count}; "
                "use the same numbers of primaries and replicas, or another directory"
            )
        self.nodes = [LocalNode(Address(HOST, port), self.directory / str(port)) for port in chosen]

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return f"redis://{self.nodes[0].address}"

    @property
    def access(self) -> Access:
        return Access(password=self.settings.get("requirepass") or None)

    def fleet(self) -> Fleet:
        """Connections to its nodes, from the first one that runs."""
        entry = next((node for node in self.nodes if node.running), self.nodes[0])
        return Fleet(entry.address, self.access)

    def node(self, address: Address) -> LocalNode:
        return next(node for node in self.nodes if node.address == address)

    async def start(self) -> Survey:
        """Start the processes and form the cluster, or wait for the one that was here before."""
        known = self._remembered_ports()
        await asyncio.gather(*(node.start(self.command, self.settings) for node in self.nodes))
        await asyncio.gather(*map(self.wait_ready, self.nodes))
        if known:
            return await self.wait_healthy()
        plan = plan_creation([node.address for node in self.nodes], self.replicas)
        survey = await form(plan, self.access, lambda text: None)
        (self.directory / LAYOUT_FILE).write_text(
            json.dumps({"ports": [node.address.port for node in self.nodes]})
        )
        return survey

    async def restart(self, node: LocalNode) -> None:
        await node.start(self.command, self.settings)
        await self.wait_ready(node)

    async def stop(self) -> None:
        await asyncio.gather(*(node.stop() for node in self.nodes))
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    async def wait_healthy(self, timeout_s: float = START_TIMEOUT_S) -> Survey:
        """Wait until all running nodes agree, report state ok and have their replicas linked."""
        missing = "nothing answers"
        running = sum(node.running for node in self.nodes)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self.fleet() as fleet:
                while True:
                    try:
                        survey = await fleet.survey()
                        missing = unready(survey, running, 0)
                        if not missing:
                            return survey
                    except ManagerError as error:
                        missing = str(error)
                    await asyncio.sleep(POLL_INTERVAL_S * 5)
        raise ManagerError(f"the local cluster is not healthy after {timeout_s:.0f} s: {missing}")

    async def wait_ready(self, node: LocalNode) -> None:
        """Wait until the node answers PING."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT_S):
                while node.running:
                    async with Fleet(node.address, self.access) as fleet:
                        try:
                            await fleet.call(node.address, "PING")
                            return
                        except ManagerError:
                            await asyncio.sleep(POLL_INTERVAL_S)
        state = "does not answer" if node.running else "ended"
        command = " ".join(self.command)
        raise ManagerError(
            f"the node at {node.address} ({command}) {state}; its log ends:\n{node.last_words()}"
        )

    def _remembered_ports(self) -> list[int]:
        layout = self.directory / LAYOUT_FILE
        return [int(port) for port in json.loads(layout.read_text())["ports"]] if layout.exists() else []


def _end_with_parent() -> None:
    """Runs in the new process: ask the kernel for SIGTERM when whoever started it dies, even by SIGKILL."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_ports(count: int) -> list[int]:
    """Ports that are free now, each with its bus port."""
    chosen: list[int] = []
    candidates = random.sample(range(PORTS_FROM, PORTS_BELOW), PORTS_BELOW - PORTS_FROM)
    for port in candidates:
        if len(chosen) == count:
            break
        if _is_free(port) and _is_free(port + BUS_PORT_OFFSET):
            chosen.append(port)
    return sorted(chosen)


def consecutive_ports(first: int, count: int) -> list[int]:
    """``count`` ports from ``first`` on, if they are free with their bus ports; else none."""
    wanted = list(range(first, first + count))
    return wanted if all(_is_free(port) and _is_free(port + BUS_PORT_OFFSET) for port in wanted) else []


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
