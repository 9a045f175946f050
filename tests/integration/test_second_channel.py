"""Full syncs on two connections between real processes: Garrison and Valkey at either end, under load."""

from __future__ import annotations

import threading

import pytest

from tests.integration.replicating import Field, Process, fill

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

KEYS = 50_000
KINDS = [("garrison", "garrison"), ("garrison", "valkey"), ("valkey", "garrison")]


def write_until(process: Process, over: threading.Event) -> None:
    while not over.is_set():
        pipeline = process.client.pipeline(transaction=False)
        for number in range(200):
            pipeline.incr(f"counter:{number % 20}")
            pipeline.set(f"key:{number}", "x" * 500)
        pipeline.execute()


@pytest.mark.parametrize("kinds", KINDS)
def test_busy_primary_is_followed_with_one_full_sync(field: Field, kinds: tuple[str, str]) -> None:
    primary = field.start(kinds[0], "--dual-channel-replication-enabled", "yes")
    replica = field.start(kinds[1], "--dual-channel-replication-enabled", "yes")
    fill(primary, 300)
    primary.call("DEBUG", "POPULATE", KEYS, "bulk", 100)
    over = threading.Event()
    writer = threading.Thread(target=write_until, args=(primary, over))
    writer.start()
    try:
        replica.follow(primary)
        replica.until(replica.is_online, "in sync")
    finally:
        over.set()
        writer.join()
    replica.wait_for(primary)
    assert replica.data() == primary.data()
    assert replica.call("DBSIZE") == primary.call("DBSIZE")
    said = {"garrison": "gets a full sync on a second connection", "valkey": "using: dual-channel"}
    assert primary.logged(said[kinds[0]]) == 1, primary.log.read_text()


def test_replica_that_wants_one_connection_gets_one(field: Field) -> None:
    primary = field.start("garrison")
    replica = field.start("garrison", "--dual-channel-replication-enabled", "no")
    fill(primary, 500)
    replica.follow(primary)
    replica.wait_for(primary)
    assert replica.data() == primary.data()
    assert primary.logged("second connection") == 0
