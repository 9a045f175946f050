"""The kernel under a node, if the node is on this machine; read from /proc and /sys, nothing is changed.

A published port of a container also answers on this machine's addresses, and its process id means another
process here. So the process has to be as old as the node says that it is.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from garrison.cluster.core.doctor.readings import HostReading, as_number

AGE_DIFFERENCE_S_MAX = 5.0
TIMEX_BYTES = 512
"""More than struct timex takes on any Linux."""
CLOCK_UNSYNCHRONISED = 5
START_TIME_FIELD = 19
"""The place of starttime among the fields behind the process's name (proc(5) counts it as the 22nd)."""
T = TypeVar("T")


def read_host(
    host: str, info: Mapping[str, str], config: Mapping[str, str], root: Path = Path("/")
) -> HostReading | None:
    """What the kernel says; None if the node runs elsewhere, or that is not sure."""
    pid = info.get("process_id", "")
    age_s = as_number(info.get("uptime_in_seconds"))
    if not pid.isdecimal() or age_s is None or not is_local(host) or not _is_old_as(root, pid, age_s):
        return None
    process = root / "proc" / pid
    disk = _or_none(lambda: os.statvfs(f"{process}/root{config['dir']}"))
    return HostReading(
        thp=_or_none(lambda: _chosen(root / "sys/kernel/mm/transparent_hugepage/enabled")),
        overcommit_memory=_or_none(lambda: _number(root / "proc/sys/vm/overcommit_memory")),
        somaxconn=_or_none(lambda: _number(root / "proc/sys/net/core/somaxconn")),
        swapped_bytes=_or_none(lambda: _field(process / "status", r"^VmSwap:\s+(\d+) kB") * 1024),
        open_files_max=_or_none(lambda: _field(process / "limits", r"^Max open files\s+(\d+)")),
        clock_synchronised=_or_none(_clock_synchronised),
        disk_free_fraction=disk.f_bavail / disk.f_blocks if disk is not None and disk.f_blocks else None,
        disk_free_bytes=disk.f_bavail * disk.f_frsize if disk is not None else None,
    )


def is_local(host: str) -> bool:
    """Whether an address is one of this machine's: only to those a socket can be bound."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True


def _is_old_as(root: Path, pid: str, age_s: float) -> bool:
    try:
        fields = (root / "proc" / pid / "stat").read_text().rpartition(")")[2].split()
        started_s = int(fields[START_TIME_FIELD]) / os.sysconf("SC_CLK_TCK")
        uptime_s = float((root / "proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return False
    return abs(uptime_s - started_s - age_s) <= AGE_DIFFERENCE_S_MAX


def _or_none(read: Callable[[], T]) -> T | None:
    with contextlib.suppress(OSError, ValueError, KeyError, AttributeError):
        return read()
    return None


def _chosen(path: Path) -> str:
    """The word in brackets."""
    found = re.search(r"\[(\w+)\]", path.read_text())
    if found is None:
        raise ValueError(f"{path} chooses nothing")
    return found[1]


def _number(path: Path) -> int:
    return int(path.read_text())


def _field(path: Path, pattern: str) -> int:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{path} has no {pattern}")
    return int(found[1])


def _clock_synchronised() -> bool:
    """Whether the kernel's clock is kept right by somebody (adjtimex(2), asked without changing anything)."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    if state < 0:
        raise OSError("adjtimex is refused")
    return bool(state != CLOCK_UNSYNCHRONISED)
