"""The append-only file on a disk that fails: what is acknowledged, what is refused, and how it goes on."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.integration.disk_faults import FaultyDisk, build_library
from tests.integration.faulty_server import RESUMES_S_MAX, FaultyServer, until

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")
pytestmark = pytest.mark.timeout(180)

ALWAYS = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
EVERY_SECOND = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
NEVER = ("--appendonly", "yes", "--appendfsync", "no", "--save", "")
ROOM_BYTES = 300

FAULTS: dict[str, Callable[[FaultyDisk], None]] = {
    "full": lambda disk: disk.leave_room(ROOM_BYTES),
    "write": lambda disk: disk.fail("write", errno.EIO),
    "sync": lambda disk: disk.fail("sync", errno.EIO, forgets=True),
    "open": lambda disk: disk.fail("open", errno.EACCES),
    "rename": lambda disk: disk.fail("rename", errno.EIO),
    "folder": lambda disk: disk.fail("sync_folder", errno.EIO),
}
WORDS = {"full": "No space left on device", "write": "Input/output error", "sync": "Input/output error"}

Start = Callable[..., FaultyServer]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def start(library: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a server on a disk of its own: its directives, and `kind`."""
    started: list[FaultyServer] = []

    def make(*words: str, kind: str = "garrison") -> FaultyServer:
        server = FaultyServer(FaultyDisk(library, tmp_path / f"disk{len(started)}"), *words, kind=kind)
        started.append(server)
        server.start()
        return server

    yield make
    for server in started:
        server.kill()


def check_refusal(server: FaultyServer, fault: str) -> None:
    """Writes are refused as Redis refuses them, reads go on, INFO and the log say why."""
    assert server.until_refused().startswith("MISCONF Errors writing to the AOF file: ")
    with server.client() as client:
        assert client.get("n:0") is not None
    assert server.persistence("aof_last_write_status") == "err"
    assert WORDS[fault] in server.logged()


@pytest.mark.parametrize("level", [ALWAYS, EVERY_SECOND], ids=["always", "everysec"])
def test_failing_log_refuses_writes_until_the_disk_works_again(start: Start, level: tuple[str, ...]) -> None:
    server = start(*level)
    for fault in ("full", "write", "sync"):
        assert server.count(20) == ""
        FAULTS[fault](server.disk)
        check_refusal(server, fault)
        server.heal()
        assert server.persistence("aof_last_write_status") == "ok"
    with server.client() as client:
        assert client.execute_command("WAITAOF", 1, 0, 5000) == [1, 0]
    server.restart(faulty=False)
    assert server.missing() == []


@pytest.mark.parametrize("fault", ["full", "write", "sync"])
def test_always_acknowledges_nothing_while_the_disk_fails(start: Start, fault: str) -> None:
    server = start(*ALWAYS)
    assert server.count(20) == ""
    FAULTS[fault](server.disk)
    check_refusal(server, fault)
    server.restart(faulty=False)
    assert server.missing() == []
    assert server.count(5) == ""


@pytest.mark.parametrize("level", [ALWAYS, EVERY_SECOND], ids=["always", "everysec"])
def test_sync_that_failed_once_is_not_believed_later(start: Start, level: tuple[str, ...]) -> None:
    server = start(*level)
    for _ in range(2):
        assert server.count(20) == ""
        failed = server.disk.hits("sync")
        # What it should have written is gone, and the next one succeeds.
        server.disk.fail("sync", errno.EIO, calls=1, forgets=True)
        server.until_refused()
        assert server.disk.hits("sync") == failed + 1
        server.heal()
    with server.client() as client:
        assert client.execute_command("WAITAOF", 1, 0, 5000) == [1, 0]
    server.restart(faulty=False)
    assert server.missing() == []


@pytest.mark.parametrize("fault", ["open", "rename", "folder", "full"])
def test_failed_rewrite_leaves_a_log_with_everything(start: Start, fault: str) -> None:
    server = start(*ALWAYS)
    assert server.count(20) == ""
    FAULTS[fault](server.disk)
    with server.client() as client:
        client.execute_command("BGREWRITEAOF")
    failed = lambda: server.persistence("aof_last_bgrewrite_status") == "err"  # noqa: E731
    until(failed, "the rewrite has failed")
    # Opening other files fails; the one that is open works on.
    assert (server.count(20) == "") == (fault != "full")
    server.restart(faulty=False)
    assert server.missing() == []
    assert server.count(5) == ""
    with server.client() as client:
        client.execute_command("BGREWRITEAOF")
    until(lambda: server.persistence("aof_rewrite_in_progress") == "0", "the rewrite is over")
    assert server.persistence("aof_last_bgrewrite_status") == "ok"
    server.restart(faulty=False)
    assert server.missing() == []


def test_log_that_cannot_be_written_again_is_begun_anew(start: Start) -> None:
    """With `no`, what a failed sync has lost is not in memory any more, but for the data itself."""
    server = start(*NEVER, "--repl-backlog-size", "16kb")
    assert server.count(2_000) == ""
    server.disk.fail("sync", errno.EIO, calls=1)
    server.disk.fail("rename", errno.EIO)
    with server.client() as client:
        client.execute_command("WAITAOF", 1, 0, 500)
    assert server.until_refused().startswith("MISCONF Errors writing to the AOF file: ")
    assert "has to be begun anew" in server.logged()
    until(lambda: "rewrite failed" in server.logged(), "the new one cannot be had")
    assert server.count().startswith("MISCONF")
    # What was acknowledged is in the former files.
    server.disk.heal()
    server.restart()
    assert server.missing() == []
    server.disk.fail("sync", errno.EIO, calls=1, forgets=True)
    assert server.count(2_000) == ""
    with server.client() as client:
        client.execute_command("WAITAOF", 1, 0, 500)
    server.until_refused()
    server.heal()
    assert server.persistence("aof_last_write_status") == "ok"
    server.restart(faulty=False)
    assert server.missing() == []


def test_replica_confirms_nothing_while_its_disk_fails(start: Start) -> None:
    primary, replica = start("--appendonly", "no", "--save", ""), start(*ALWAYS)
    with primary.client() as ours, replica.client() as theirs:
        theirs.execute_command("REPLICAOF", "127.0.0.1", ours.connection_pool.connection_kwargs["port"])
        assert primary.count(20) == ""
        until(lambda: confirmed(ours, 1_000) == 1, "the replica has all on its disk")
        FAULTS["sync"](replica.disk)
        assert primary.count(20) == ""
        assert confirmed(ours, 700) == 0
        replica.disk.heal()
        assert confirmed(ours, int(RESUMES_S_MAX * 1000)) == 1
    replica.acknowledged = primary.acknowledged
    replica.restart(faulty=False)
    assert replica.missing() == []


def confirmed(client: redis.Redis, timeout_ms: int) -> int:
    """Replicas that have on their disks what this client's connection has seen written."""
    client.set("seen", 1)
    return int(client.execute_command("WAITAOF", 0, 1, timeout_ms)[1])


@pytest.mark.parametrize("fault", ["open", "folder", "rename"])
def test_start_that_cannot_write_its_log_ends(start: Start, fault: str) -> None:
    server = start(*ALWAYS)
    assert server.count(20) == ""
    server.kill()
    files = sorted((server.disk.folder / "appendonlydir").iterdir())
    if fault == "rename":
        # A first start, that makes its files.
        for file in files:
            file.unlink()
        server.acknowledged.clear()
    FAULTS[fault](server.disk)
    assert server.launch().wait(30) == 1
    last = server.logged()
    assert "failed: " in last
    assert "appendonlydir" in last
    assert "the append-only file cannot be written, so the start ends here" in last
    assert "Make room on the disk" in last
    server.disk.heal()
    server.start()
    assert server.missing() == []
    assert server.count(5) == ""


def check_not_switched_on(server: FaultyServer) -> str:
    """CONFIG SET refuses, changes none of its settings, and the server goes on; the error."""
    with server.client() as client:
        with pytest.raises(redis.ResponseError) as refused:
            client.execute_command("CONFIG SET", "timeout", "7", "appendonly", "yes", "hz", "20")
        error = str(refused.value)
        assert error.startswith(
            "CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF"
        )
        found = client.config_get("timeout", "appendonly", "hz")
    assert found == {"timeout": "0", "appendonly": "no", "hz": "10"}
    assert server.persistence("aof_enabled") == "0"
    assert server.count(20) == ""
    return error


@pytest.mark.parametrize(
    ("fault", "kind"), [(fault, "garrison") for fault in FAULTS if fault != "rename"] + [("open", "redis")]
)
def test_log_that_cannot_be_made_is_not_switched_on(start: Start, fault: str, kind: str) -> None:
    """A rename that fails comes after the answer: the log is then begun again until it works."""
    server = start("--save", "", kind=kind)
    FAULTS[fault](server.disk)
    error = check_not_switched_on(server)
    if kind == "garrison":
        assert "failed: " in error
        assert "Make room" in error
    server.disk.heal()
    with server.client() as client:
        client.execute_command("CONFIG SET", "appendfsync", "always", "appendonly", "yes")
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    until(lambda: server.persistence("aof_rewrite_in_progress") == "0", "the log is whole")
    assert server.count(20) == ""
    server.words = ALWAYS
    server.restart()
    assert server.missing() == []


def test_log_is_not_switched_on_where_a_file_is_in_the_way(start: Start) -> None:
    server = start("--save", "", "--appenddirname", "logs")
    in_its_place = server.disk.folder / "logs"
    in_its_place.touch()
    assert "File exists" in check_not_switched_on(server)
    assert in_its_place.is_file()
