"""Server processes on this machine, each with a folder and a log of its own, and several of them together."""

import asyncio
import contextlib
import ctypes
import errno
import json
import os
import shutil
import signal
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from garrison.base.command_line import too_few_descriptors
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.ports import free_ports

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
    kind: str = "node"

    @property
    def log(self) -> Path:
        return self.directory / self.log_name

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def run(self, words: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Run this command line, with more environment. Raises ManagerError if it cannot be started."""
        self.make_directory()
        try:
            with self.log.open("ab") as log:
                # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop them in order.
                starting = asyncio.ensure_future(
                    asyncio.create_subprocess_exec(
                        *words,
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        env={**os.environ, **(environment or {})},
                        start_new_session=True,
                        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
                    )
                )
                try:
                    self.process = await asyncio.shield(starting)
                except asyncio.CancelledError:
                    # Half-way there is a process that nobody could stop.
                    self.process = await starting
                    raise
        except OSError as error:
            raise ManagerError(f"cannot start the {self.kind} at {self.address}: {_reason(error)}") from error

    def make_directory(self) -> None:
        """Make its folder. Raises ManagerError."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ManagerError(f"cannot make the folder {self.directory}: {error.strerror}") from error

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.running:
            # Not send_signal: it looks first whether the process has ended, and so takes the exit status away
            # from asyncio, which then warns and makes one up.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

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


def _reason(error: OSError) -> str:
    """Why a process could not be started, and what to do about it where that is known."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return too_few_descriptors(error)
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror}"


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

    @abstractmethod
    async def start_again(self, process: LocalProcess) -> None:
        """Start one that has ended, and wait until it answers. Raises ManagerError."""

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
        chosen = remembered_ports(self._layout) or list(wanted) or free_ports(count)
        if len(chosen) != count:
            raise ManagerError(
                f"{self.directory} holds {len(chosen)} processes, not {count}; "
                "use the same numbers of them, or another directory"
            )
        return chosen

    def _remember_ports(self, processes: Sequence[LocalProcess]) -> None:
        ports = [process.address.port for process in processes]
        self._layout.write_text(json.dumps({"ports": ports}))


def remembered_ports(layout: Path) -> list[int]:
    """The ports of an earlier start, from its file; none without one. Raises ManagerError."""
    try:
        return [int(port) for port in json.loads(layout.read_text())["ports"]]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManagerError(f"cannot read the ports in {layout}: {error}; use another directory") from error
