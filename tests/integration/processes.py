"""What tests do to processes besides starting them."""

from __future__ import annotations

import time
from pathlib import Path

STOP_SECONDS_MAX = 10.0


def wait_stopped(pid: int) -> None:
    """Wait until every thread of a process has taken note of SIGSTOP, which is not immediate."""
    deadline = time.monotonic() + STOP_SECONDS_MAX
    tasks = Path(f"/proc/{pid}/task")
    while any((task / "stat").read_text().rpartition(")")[2].split()[0] != "T" for task in tasks.iterdir()):
        assert time.monotonic() < deadline, f"process {pid} does not stop"
        time.sleep(0.005)
