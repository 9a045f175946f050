"""Notices when one of several local processes ends: says which, how, and what its log ends with.

It starts a process again by itself, or when it is told to. A process that ends at once each time is left
alone after ``RESTARTS_MAX`` of them within ``RESTART_WINDOW_S``.
"""

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from garrison.cluster.errors import ManagerError
from garrison.cluster.local.process import LocalProcess, LocalServers

RESTARTS_MAX = 5
RESTART_WINDOW_S = 60.0


class Watch:
    """Follows the processes of ``servers`` while it is entered; ``say`` gets what there is to tell.

    ``advice`` is the last line of each report where processes are not started again by themselves.
    """

    def __init__(
        self, servers: LocalServers, say: Callable[[str], None], *, restarts: bool, advice: str = ""
    ) -> None:
        self._servers = servers
        self._say = say
        self._restarts = restarts
        self._advice = advice
        self._wanted: dict[int, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._follow(each)) for each in self._servers.processes]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start_ended(self) -> int:
        """Start again those that have ended; how many they are."""
        for event in self._wanted.values():
            event.set()
        return len(self._wanted)

    async def _follow(self, process: LocalProcess) -> None:
        loop = asyncio.get_running_loop()
        starts: deque[float] = deque(maxlen=RESTARTS_MAX)
        while process.process is not None:
            status = await process.process.wait()
            self._say(report(process, status))
            if self._restarts and _may_start(starts, loop.time()):
                starts.append(loop.time())
                self._say(f"starting the {process.kind} at {process.address} again")
            else:
                if self._restarts:
                    self._say(
                        f"it has ended {RESTARTS_MAX + 1} times within {RESTART_WINDOW_S:.0f} s, so it is "
                        "left alone"
                    )
                await self._until_wanted(process)
            with contextlib.suppress(ManagerError):  # It has ended again, which the next round reports.
                await self._servers.start_again(process)
                self._say(f"the {process.kind} at {process.address} serves again (pid {process.process.pid})")

    async def _until_wanted(self, process: LocalProcess) -> None:
        if self._advice:
            self._say(self._advice)
        event = self._wanted[process.address.port] = asyncio.Event()
        try:
            await event.wait()
        finally:
            del self._wanted[process.address.port]


def report(process: LocalProcess, status: int) -> str:
    """Which process has ended, how, and the end of its log."""
    pid = process.process.pid if process.process else 0
    log = "\n".join(f"    {line}" for line in process.last_words().splitlines())
    return (
        f"the {process.kind} at {process.address} (pid {pid}) {how_it_ended(status)}; "
        f"its log {process.log} ends:\n{log}"
    )


def how_it_ended(status: int) -> str:
    """An exit status in words; asyncio gives the number of a signal as a negative one."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _may_start(starts: deque[float], now: float) -> bool:
    return len(starts) < RESTARTS_MAX or now - starts[0] > RESTART_WINDOW_S
