"""The kernel is read for a process of this machine only, and what cannot be read is None."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from garrison.cluster.core.doctor.readings import HostReading
from garrison.cluster.doctor.this_host import is_local, read_host

TICKS = os.sysconf("SC_CLK_TCK")
INFO = {"process_id": "77", "uptime_in_seconds": "100"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine that is up for 1,000 seconds, with one process, which is 100 seconds old."""
    files = {
        "proc/uptime": "1000.50 900.00",
        "proc/77/stat": f"77 (a ) name) S {'0 ' * 18}{900 * TICKS} 0",
        "proc/77/status": "Name:\tx\nVmSwap:\t    12 kB\n",
        "proc/77/limits": "Limit  Soft Limit  Hard Limit  Units\nMax open files   1024    4096   files\n",
        "proc/sys/vm/overcommit_memory": "1\n",
        "proc/sys/net/core/somaxconn": "128\n",
        "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "proc/77/root/data").mkdir(parents=True)
    return tmp_path


def test_kernel_of_a_local_process_is_read(root: Path) -> None:
    found = read_host("127.0.0.1", INFO, {"dir": "/data"}, root)
    assert found is not None
    assert (found.thp, found.overcommit_memory, found.somaxconn) == ("madvise", 1, 128)
    assert (found.swapped_bytes, found.open_files_max) == (12 * 1024, 1024)
    assert found.disk_free_fraction is not None
    assert 0 < found.disk_free_fraction <= 1
    assert found.disk_free_bytes


@pytest.mark.parametrize(
    ("host", "info"),
    [
        ("192.0.2.1", INFO),
        ("127.0.0.1", INFO | {"uptime_in_seconds": "200"}),
        ("127.0.0.1", INFO | {"process_id": "78"}),
        ("127.0.0.1", INFO | {"process_id": "../77"}),
        ("127.0.0.1", {}),
    ],
    ids=["elsewhere", "of another age", "no such process", "no number", "not said"],
)
def test_process_elsewhere_is_not_looked_at(root: Path, host: str, info: dict[str, str]) -> None:
    assert read_host(host, info, {"dir": "/data"}, root) is None


def test_what_cannot_be_read_is_not_known(root: Path) -> None:
    (root / "proc/77/status").write_text("Name: x\n")
    (root / "proc/sys/net/core/somaxconn").unlink()
    (root / "sys/kernel/mm/transparent_hugepage/enabled").write_text("?\n")
    found = read_host("127.0.0.1", INFO, {}, root)
    assert isinstance(found, HostReading)
    assert (found.swapped_bytes, found.somaxconn, found.thp) == (None, None, None)
    assert (found.disk_free_bytes, found.open_files_max) == (None, 1024)


def test_own_process_is_read_from_the_real_kernel() -> None:
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(stat[19]) / TICKS
    info = {"process_id": str(os.getpid()), "uptime_in_seconds": str(int(age_s))}
    found = read_host("127.0.0.1", info, {"dir": "/"})
    assert found is not None
    assert found.open_files_max


@pytest.mark.parametrize(("host", "local"), [("127.0.0.1", True), ("localhost", True), ("192.0.2.1", False)])
def test_addresses_of_this_machine_are_known(host: str, local: bool) -> None:
    assert is_local(host) is local
