"""The clocks of a server, in milliseconds."""

from __future__ import annotations

import time


def boot_ms() -> int:
    """The clock that runs on while the process, or the machine, sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def wall_ms() -> int:
    return time.time_ns() // 1_000_000
