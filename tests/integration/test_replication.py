"""Replication between processes: ours with ours, and a real Redis 7.0 as our replica and as our primary."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import redis

from tests.integration.processes import wait_stopped
from tests.integration.replicating import Field, Process, fill

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

PAIRS = [("garrison", "redis"), ("redis", "garrison"), ("garrison", "garrison")]


class Writer(threading.Thread):
    """Writes to a server until told to stop; what was acknowledged is in `counts`."""

    def __init__(self, server: Process) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.counts: dict[str, int] = {}
        self.stopped = threading.Event()

    def run(self) -> None:
        number = 0
        with redis.Redis(port=self.server.port, socket_timeout=60) as client:
            while not self.stopped.is_set():
                number += 1
                try:
                    key = f"counter:{number % 97}"
                    self.counts[key] = int(client.incr(key))
                    if number % 5 == 0:
                        with client.pipeline(transaction=True) as pipe:
                            pipe.append("text:a", str(number)).append("text:b", str(number)).execute()
                    if number % 7 == 0:
                        client.set(f"big:{number % 10}", "z" * 20_000, px=100_000)
                except redis.RedisError:
                    return

    def stop(self) -> None:
        self.stopped.set()
        self.join(60)


@pytest.mark.parametrize(("primary_kind", "replica_kind"), PAIRS)
def test_a_full_sync_under_writes_and_then_partial_ones(
    field: Field, primary_kind: str, replica_kind: str
) -> None:
    primary, replica = field.start(primary_kind), field.start(replica_kind)
    fill(primary, 10_000)
    writer = Writer(primary)
    writer.start()
    replica.follow(primary)
    replica.until(replica.is_online, "the full sync is over")
    for _ in range(3):
        time.sleep(0.2)
        replica.cut_link()
        replica.until(replica.is_online, "the link is up again")
    primary.until(lambda: len(writer.counts) == 97, "every counter has been written")
    writer.stop()
    replica.wait_for(primary)
    assert replica.data() == primary.data()
    partial = (
        "goes on from offset" if primary_kind == "garrison" else "Partial resynchronization request from"
    )
    assert primary.logged(partial) >= 1
    full = "Full sync 1 starts" if primary_kind == "garrison" else "Full resync requested by replica"
    assert primary.logged(full) == 1
    assert primary.logged("Full sync 2 starts") == 0


@pytest.mark.parametrize(
    "kinds",
    [
        ("redis", "garrison", "redis"),
        ("garrison", "redis", "garrison"),
        ("garrison", "garrison", "redis"),
        ("garrison", "garrison", "garrison"),
    ],
)
def test_sibling_follows_promoted_replica_without_full_sync(
    field: Field, kinds: tuple[str, str, str]
) -> None:
    primary, promoted, sibling = (field.start(kind) for kind in kinds)
    fill(primary, 500)
    promoted.follow(primary)
    sibling.follow(primary)
    promoted.until(promoted.is_online, "in sync")
    sibling.until(sibling.is_online, "in sync")
    primary.call("SET", "before", "promotion")
    promoted.wait_for(primary)
    sibling.wait_for(primary)
    primary.kill()
    promoted.call("REPLICAOF", "NO", "ONE")
    promoted.call("SET", "after", "promotion")
    sibling.follow(promoted)
    sibling.wait_for(promoted)
    assert sibling.data() == promoted.data()
    accepted = {
        "garrison": "Partial sync with the primary",
        "redis": "Successful partial resynchronization with master",
    }
    assert sibling.logged(accepted[kinds[2]]) == 1, sibling.log.read_text()


@pytest.mark.parametrize(
    "kinds",
    [("redis", "garrison", "redis"), ("garrison", "redis", "garrison"), ("redis", "garrison", "garrison")],
)
def test_a_chain_passes_the_stream_on(field: Field, kinds: tuple[str, str, str]) -> None:
    first, middle, last = (field.start(kind) for kind in kinds)
    fill(first, 500)
    middle.follow(first)
    middle.until(middle.is_online, "in sync")
    with redis.Redis(port=first.port, db=5) as client:
        client.set("selects", "database five")
        middle.wait_for(first)
        last.follow(middle)
        last.until(last.is_online, "in sync")
        client.set("still", "in database five")
    middle.wait_for(first)
    last.wait_for(first)
    assert first.data() == middle.data() == last.data()
    middle.cut_link()
    first.call("SET", "x", "y")
    last.wait_for(first)
    assert first.data() == last.data()


@pytest.mark.parametrize(("primary_kind", "replica_kind"), PAIRS)
def test_wait_counts_acknowledgements(field: Field, primary_kind: str, replica_kind: str) -> None:
    primary, replica = field.start(primary_kind), field.start(replica_kind)
    replica.follow(primary)
    replica.until(replica.is_online, "in sync")
    primary.until(lambda: primary.call("WAIT", 1, 100) == 1, "the first acknowledgement")
    for i in range(20):
        primary.call("SET", "key", i)
        assert primary.call("WAIT", 1, 30_000) == 1
        assert replica.call("GET", "key") == str(i).encode()
    started = time.monotonic()
    assert primary.call("WAIT", 2, 150) == 1
    assert time.monotonic() - started > 0.1


@pytest.mark.parametrize("kind", ["redis", "garrison"])
def test_wait_means_all_that_was_written_before_the_last_command(field: Field, kind: str) -> None:
    """By whomever: clients with a pool of connections write on one and wait on another."""
    primary, replica = field.start(kind), field.start(kind)
    replica.follow(primary)
    replica.until(replica.is_online, "in sync")
    primary.call("SET", "key", "1")
    with redis.Redis(port=primary.port, single_connection_client=True) as other:
        other.ping()
        assert primary.call("WAIT", 1, 30_000) == 1
        replica.process.send_signal(signal.SIGSTOP)
        wait_stopped(replica.process.pid)
        primary.call("SET", "key", "2")
        assert other.wait(1, 100) == 1, "nothing was asked since the first write"
        other.get("key")
        assert other.wait(1, 100) == 0
        replica.process.send_signal(signal.SIGCONT)
        assert other.wait(1, 30_000) == 1


def test_sigkill_of_a_primary_loses_nothing_acknowledged(field: Field) -> None:
    primary, replica = field.start("garrison"), field.start("garrison")
    replica.follow(primary)
    replica.until(replica.is_online, "in sync")
    writer = Writer(primary)
    writer.start()
    primary.until(lambda: sum(writer.counts.copy().values()) > 2000, "the load has begun")
    primary.kill()
    writer.join(60)
    replica.until(lambda: not replica.is_online(), "the end of the link is seen")
    replica.call("REPLICAOF", "NO", "ONE")
    for key, count in writer.counts.items():
        assert int(replica.call("GET", key) or 0) >= count, key


def test_a_replica_with_a_password_logs_in(field: Field) -> None:
    for primary_kind, replica_kind in PAIRS[:2]:
        primary = field.start(primary_kind, "--requirepass", "secret", password="secret")
        replica = field.start(replica_kind, "--masterauth", "secret")
        primary.call("SET", "a", "b")
        replica.follow(primary)
        replica.wait_for(primary)
        assert replica.call("GET", "a") == b"b"


def test_redis_cli_reads_a_snapshot_that_redis_loads(field: Field, tmp_path: Path) -> None:
    primary = field.start("garrison")
    reader = shutil.which("redis-cli")
    if reader is None:
        pytest.skip("redis-cli is not installed")
    fill(primary, 2000)
    folder = tmp_path / "snapshot"
    folder.mkdir()
    words = [reader, "-p", str(primary.port), "--rdb", str(folder / "dump.rdb")]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
    loaded = field.start("redis", "--dir", str(folder))
    assert loaded.data() == primary.data()


def test_redis_cli_reads_the_functions_alone(field: Field, tmp_path: Path) -> None:
    primary = field.start("garrison")
    reader = shutil.which("redis-cli")
    if reader is None:
        pytest.skip("redis-cli is not installed")
    fill(primary, 100)
    code = "#!lua name=mylib\nredis.register_function('one', function() return 1 end)"
    assert primary.call("FUNCTION", "LOAD", code) == b"mylib"
    folder = tmp_path / "functions"
    folder.mkdir()
    words = [reader, "-p", str(primary.port), "--functions-rdb", str(folder / "dump.rdb")]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
    loaded = field.start("redis", "--dir", str(folder))
    assert (loaded.call("FCALL", "one", 0), loaded.call("DBSIZE")) == (1, 0)


def test_the_directive_replicaof_is_followed_at_start(field: Field) -> None:
    primary = field.start("redis")
    primary.call("SET", "a", "b")
    replica = field.start("garrison", "--replicaof", "127.0.0.1", str(primary.port))
    replica.wait_for(primary)
    assert replica.call("GET", "a") == b"b"
    with pytest.raises(redis.ReadOnlyError):
        replica.call("SET", "a", "c")
