"""Snapshots on a disk that fails, a disk that is really full, and what a real Redis says in the same case."""

from __future__ import annotations

import contextlib
import errno
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.integration.disk_faults import FaultyDisk, build_library
from tests.integration.faulty_server import RESUMES_S_MAX, FaultyServer, until

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")
pytestmark = pytest.mark.timeout(180)

SNAPSHOTS = ("--appendonly", "no", "--save", "3600 1")
EVERY_SECOND = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
SERVERS = ("garrison", "redis")
TMPFS_BYTES = 2 * 1024 * 1024

FAULTS: dict[str, Callable[[FaultyDisk], None]] = {
    "open": lambda disk: disk.fail("open", errno.EACCES),
    "sync": lambda disk: disk.fail("sync", errno.EIO, forgets=True),
    "rename": lambda disk: disk.fail("rename", errno.EIO),
    "full": lambda disk: disk.leave_room(300),
    "folder": lambda disk: disk.fail("sync_folder", errno.EIO),
}
REFUSAL = (
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
    "Commands that may modify the data set are disabled, because this instance is configured to report "
    "errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the "
    "Redis logs for details about the RDB error."
)

Start = Callable[..., FaultyServer]


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> FaultyDisk:
    return FaultyDisk(build_library(tmp_path_factory.mktemp("library")), tmp_path / "disk")


@pytest.fixture
def start(disk: FaultyDisk) -> Iterator[Start]:
    """Start a server on the disk: its directives, and `kind`."""
    started: list[FaultyServer] = []

    def make(*words: str, kind: str = "garrison") -> FaultyServer:
        server = FaultyServer(disk, *words, kind=kind)
        started.append(server)
        server.start()
        return server

    yield make
    for server in started:
        server.kill()


def fail_to_save(server: FaultyServer) -> None:
    with server.client() as client:
        client.bgsave()
    until(lambda: server.persistence("rdb_last_bgsave_status") == "err", "the save has failed")


@pytest.mark.parametrize("kind", SERVERS)
def test_failed_snapshot_refuses_writes_as_redis_does(start: Start, kind: str) -> None:
    server = start(*SNAPSHOTS, kind=kind)
    assert server.count(20) == ""
    with server.client() as client:
        client.save()
        # A fork's writes of a real Redis are the C library's own.
        for fault in ("open", "sync", "rename", *(("full", "folder") if kind == "garrison" else ())):
            before = (server.disk.folder / "dump.rdb").read_bytes()
            FAULTS[fault](server.disk)
            fail_to_save(server)
            assert server.count() == REFUSAL
            assert client.get("n:0") is not None
            with pytest.raises(redis.ResponseError):
                client.save()
            assert fault == "folder" or (server.disk.folder / "dump.rdb").read_bytes() == before
            server.disk.heal()
            client.save()
            assert server.persistence("rdb_last_bgsave_status") == "ok"
            assert server.count() == ""
        client.save()
    server.restart(faulty=False)
    assert server.missing() == []


def test_snapshot_is_tried_again_by_itself(start: Start) -> None:
    server = start(*SNAPSHOTS)
    assert server.count(20) == ""
    FAULTS["rename"](server.disk)
    fail_to_save(server)
    # No rule asks for one within the hour, and none of their changes can be made.
    server.heal()
    assert server.persistence("rdb_last_bgsave_status") == "ok"


@pytest.mark.parametrize("kind", SERVERS)
def test_full_disk_refuses_writes_to_the_log_as_redis_does(start: Start, kind: str) -> None:
    server = start(*EVERY_SECOND, kind=kind)
    assert server.count(20) == ""
    server.disk.leave_room(300)
    refusal = "MISCONF Errors writing to the AOF file: No space left on device"
    assert server.until_refused().startswith(refusal)
    assert server.persistence("aof_last_write_status") == "err"
    with server.client() as client:
        assert client.get("n:0") is not None
        if kind == "garrison":
            # A real Redis ends all the same, and loses what it could not write.
            with pytest.raises(redis.ResponseError, match="Errors trying to SHUTDOWN"):
                client.execute_command("SHUTDOWN")
    server.heal()
    assert server.persistence("aof_last_write_status") == "ok"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(ballast: Path) -> None:
    """Leave no room on the file's disk."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_disk_that_is_really_full(small_disk: Path, disk: FaultyDisk) -> None:
    disk.folder = small_disk / "data"
    disk.folder.mkdir()
    ballast = small_disk / "ballast"
    server = FaultyServer(disk, "--appendonly", "yes", "--appendfsync", "always", "--save", "")
    server.log = small_disk.parent / "log"
    server.start(faulty=False)
    try:
        assert server.count(20) == ""
        fill_up(ballast)
        assert "No space left on device" in server.until_refused()
        with server.client() as client:
            assert client.get("n:0") is not None
        ballast.unlink()
        until(lambda: server.count() == "", "writes are taken again", RESUMES_S_MAX)
        server.restart(faulty=False)
        assert server.missing() == []
    finally:
        server.kill()
