"""SIGTERM to process 1 of a container at each moment of its start: it ends, and in order once it serves.

The kernel drops a signal to process 1 that has no handler for it. Python has none for SIGTERM, and it takes a
while until ours is there: the image begins with tini, which is ready at once.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis

from tests.conftest import find_free_port
from tests.integration.faulty_server import START_S_MAX, until

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
END_S_MAX = 10.0
"""Docker and Compose kill after that."""
AT_ONCE = {143: "SIGTERM", 130: "SIGINT"}
READY = {"node": "Ready to accept connections", "sentinel": "Sentinel is", "manager": "http://127.0.0.1"}


def why_not_allowed() -> str:
    """Why there can be no namespace of processes here, or an empty text."""
    if shutil.which("unshare") is None:
        return "no namespace of processes: there is no 'unshare'"
    tried = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False, timeout=60)
    return f"no namespace of processes: {tried.stderr.strip()}" if tried.returncode else ""


WHY_NOT = why_not_allowed()
pytestmark = [pytest.mark.timeout(600), pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]


class ProcessOne:
    """A command of `garrison` as process 1 of its namespace, or as the only child of an init there."""

    def __init__(self, folder: Path, port: int, *words: str, init: Sequence[str] = ()) -> None:
        self.port, self._has_init = port, bool(init)
        folder.mkdir(exist_ok=True)
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self._around = subprocess.Popen(
                [*UNSHARE, *init, sys.executable, "-m", "garrison", *words],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )
        self._pid = 0
        until(self._has_begun, "the command runs in its namespace")

    def _has_begun(self) -> bool:
        children = Path(f"/proc/{self._around.pid}/task/{self._around.pid}/children").read_text().split()
        self._pid = int(children[0]) if children else 0
        return bool(self._pid) and Path(os.readlink(f"/proc/{self._pid}/exe")).name != "unshare"

    def wait_to_stop(self, delay_ms: int) -> None:
        """Wait until SIGTERM is not lost any more, and so long after that."""
        until(self._begins_child if self._has_init else self._handles_sigterm, "SIGTERM counts", START_S_MAX)
        time.sleep(delay_ms / 1000)

    def _handles_sigterm(self) -> bool:
        caught = Path(f"/proc/{self._pid}/status").read_text().partition("SigCgt:")[2].split()[0]
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

    def _begins_child(self) -> bool:
        return bool(Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text())

    def stop(self, number: signal.Signals) -> int:
        """Send the signal; the exit code. TimeoutExpired if it does not end."""
        os.kill(self._pid, number)
        return self._around.wait(END_S_MAX)

    def text(self) -> str:
        return self.output.read_text()

    def kill(self) -> None:
        self._around.kill()
        self._around.wait()


Start = Callable[..., ProcessOne]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[ProcessOne] = []

    def begin(kind: str, *more: str, init: Sequence[str] = ()) -> ProcessOne:
        port = find_free_port()
        nowhere = f"127.0.0.1:{find_free_port()}"
        file = tmp_path / "sentinel.conf"
        file.write_text(f"sentinel monitor m {nowhere.replace(':', ' ')} 1\n")
        words = {
            "node": ("node", "--port", str(port), "--save", "", "--appendonly", "yes"),
            "sentinel": ("sentinel", str(file), "--port", str(port)),
            "manager": ("manager", "run", nowhere, "--id", "m", "--listen", f"127.0.0.1:{port}"),
        }
        started.append(ProcessOne(tmp_path / "folder", port, *words[kind], *more, init=init))
        return started[-1]

    yield begin
    for process in started:
        process.kill()


def check_end(process: ProcessOne, code: int, number: signal.Signals, kind: str) -> None:
    """At once before it served, in order afterwards."""
    if READY[kind] in process.text():
        assert code == 0, process.text()
    else:
        assert code == 0 or AT_ONCE[code] == number.name, process.text()
    # Python's own handler of SIGINT shows where it was, until there is ours.
    assert number == signal.SIGINT or "Traceback" not in process.text()


@pytest.mark.parametrize(
    ("kind", "number", "delays"),
    [
        ("node", signal.SIGTERM, range(0, 1600, 100)),
        ("node", signal.SIGINT, range(0, 1600, 300)),
        ("sentinel", signal.SIGTERM, range(0, 1600, 200)),
        ("manager", signal.SIGTERM, range(0, 3000, 300)),
    ],
)
def test_signal_ends_process_one_at_any_moment(
    start: Start, kind: str, number: signal.Signals, delays: range
) -> None:
    for delay_ms in delays:
        process = start(kind)
        process.wait_to_stop(delay_ms)
        check_end(process, process.stop(number), number, kind)


@pytest.mark.skipif(shutil.which("tini") is None, reason="tini, which the image begins with, is not here")
def test_signal_behind_tini_is_never_lost(start: Start) -> None:
    for delay_ms in (0, 10, 20, 30, 50, 100, 200, 400, 800):
        process = start("node", init=("tini", "--"))
        process.wait_to_stop(delay_ms)
        check_end(process, process.stop(signal.SIGTERM), signal.SIGTERM, "node")


def test_process_one_that_serves_keeps_what_was_written(start: Start) -> None:
    for number in range(3):
        process = start("node")
        until(lambda process=process: READY["node"] in process.text(), "it serves", START_S_MAX)  # type: ignore[misc]
        with redis.Redis(port=process.port) as client:
            assert client.incr("starts") == number + 1
        assert process.stop(signal.SIGTERM) == 0
        assert "Garrison is now ready to exit" in process.text()
