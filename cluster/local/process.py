"""One server process on this machine, with a folder and a log of its own, and ports for it."""

import asyncio
import ctypes
import json
import random
import shutil
import signal
import socket
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError

HOST = "127.0.0.1"
BUS_PORT_OFFSET = 10_000
PORTS_FROM, PORTS_BELOW = 20_000, 22_768
"""The bus ports, 10,000 above, stay below 32,768, where Linux begins to hand out ports to connections:
one of those could take a port between our look and the node's start."""
STOP_TIMEOUT_S = 10.0
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass
class LocalProcess:
    """A process that listens at ``address`` and logs into ``directory``."""

    address: Address
    directory: Path
    process: asyncio.subprocess.Process | None = None
    log_name: str = "node.log"

    @property
    def log(self) -> Path:
        return self.directory / self.log_name

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def run(self, words: Sequence[str]) -> None:
        """Run this command line."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop the servers in order.
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
        """SIGTERM, and SIGKILL for a process that ignores it."""
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


def _end_with_parent() -> None:
    """Runs in the new process: ask the kernel for SIGTERM when the parent dies, even by SIGKILL."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class LocalServers(ABC):
    """Processes that are started and stopped together, with a folder that remembers their ports.

    Without ``directory`` a temporary one is used and removed at the end.
    """

    def __init__(self, directory: Path | None, layout_file: str) -> None:
        self._temporary = directory is None
        # The processes change into their folders, so the paths they are given must be absolute.
        self.directory = (directory or Path(tempfile.mkdtemp(prefix="garrison-"))).resolve()
        self._layout = self.directory / layout_file

    @property
    @abstractmethod
    def processes(self) -> list[LocalProcess]:
        """All of them, in the order of their ports."""

    @abstractmethod
    async def start(self) -> object:
        """Start them, and wait until they serve as what they are."""

    async def stop(self) -> None:
        await asyncio.gather(*(process.stop() for process in self.processes))
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

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

    def _choose_ports(self, count: int, wanted: Sequence[int]) -> list[int]:
        """The ports of an earlier start in this folder, or those wanted, or free ones."""
        chosen = self._remembered_ports() or list(wanted) or free_ports(count)
        if len(chosen) != count:
            raise ManagerError(
                f"{self.directory} holds {len(chosen)} processes, not {count}; "
                "use the same numbers of them, or another directory"
            )
        return chosen

    def _remembered_ports(self) -> list[int]:
        if not self._layout.exists():
            return []
        return [int(port) for port in json.loads(self._layout.read_text())["ports"]]

    def _remember_ports(self) -> None:
        ports = [process.address.port for process in self.processes]
        self._layout.write_text(json.dumps({"ports": ports}))


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
