"""A process that ends is reported with its status and its log, and started again."""

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest

from garrison.cluster.core.topology import Address
from garrison.cluster.local.process import LocalProcess, LocalServers
from garrison.cluster.local.watch import RESTARTS_MAX, Watch, how_it_ended

SERVES = "print('serving', flush=True); import signal; signal.pause()"
FAILS = "import sys; sys.exit('cannot serve')"


class Servers(LocalServers):
    """Two processes that run a line of Python."""

    def __init__(self, directory: Path, code: str = SERVES) -> None:
        super().__init__(directory, "layout.json")
        self.code = code
        self._both = [LocalProcess(Address("127.0.0.1", port), directory / str(port)) for port in (1, 2)]

    @property
    def processes(self) -> list[LocalProcess]:
        return self._both

    async def start(self) -> None:
        await asyncio.gather(*map(self.start_again, self._both))

    async def start_again(self, process: LocalProcess) -> None:
        await process.run([sys.executable, "-c", self.code])


class Heard:
    """What the watch has said, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def say(self, text: str) -> None:
        self.lines.append(text)
        self._more.set()

    async def wait_for(self, pattern: str) -> str:
        async with asyncio.timeout(20):
            while True:
                found = [line for line in self.lines if re.search(pattern, line)]
                if found:
                    return found[0]
                self._more.clear()
                await self._more.wait()


async def test_killed_process_is_reported_and_waits(tmp_path: Path) -> None:
    heard = Heard()
    async with Servers(tmp_path) as servers, Watch(servers, heard.say, restarts=False, advice="r!") as watch:
        first, second = servers.processes
        assert first.process is not None
        pid = first.process.pid
        await first.kill()
        report = await heard.wait_for("the node at 127.0.0.1:1 ")
        assert f"(pid {pid}) was ended by SIGKILL; its log {first.log} ends:" in report
        await heard.wait_for("^r!$")
        assert [each for each in servers.processes if not each.running] == [first]
        assert watch.start_ended() == 1
        await heard.wait_for("127.0.0.1:1 serves again")
        assert first.running
        assert second.running
        assert watch.start_ended() == 0


async def test_killed_process_is_started_again_when_asked(tmp_path: Path) -> None:
    heard = Heard()
    async with Servers(tmp_path) as servers, Watch(servers, heard.say, restarts=True):
        await servers.processes[1].kill()
        await heard.wait_for("127.0.0.1:2 serves again")
        assert servers.processes[1].running


async def test_process_that_always_ends_is_left_alone(tmp_path: Path) -> None:
    heard = Heard()
    async with Servers(tmp_path) as servers, Watch(servers, heard.say, restarts=True):
        servers.code = FAILS
        await servers.processes[0].kill()
        await heard.wait_for("left alone")
    starts = [line for line in heard.lines if line.startswith("starting the node")]
    assert len(starts) == RESTARTS_MAX
    assert any("exit status 1" in line and "cannot serve" in line for line in heard.lines)


async def test_watch_says_nothing_about_an_ordered_stop(tmp_path: Path) -> None:
    heard = Heard()
    async with Servers(tmp_path) as servers:
        async with Watch(servers, heard.say, restarts=True):
            pass
        await servers.stop()
    assert heard.lines == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with exit status 0"),
        (-signal.SIGSEGV, "was ended by SIGSEGV"),
        (-63, "was ended by signal 63"),
    ],
)
def test_exit_status_is_said_in_words(status: int, words: str) -> None:
    assert how_it_ended(status) == words
