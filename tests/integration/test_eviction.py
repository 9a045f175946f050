"""Eviction between processes: replicas follow their primary's evictions, and do not evict themselves."""

from __future__ import annotations

import time

import pytest
import redis

from tests.integration.replicating import Field, Process

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")

LIMIT_BYTES = 12_000_000
KEYS = 60_000
PAIRS = [("garrison", "garrison"), ("garrison", "redis"), ("redis", "garrison")]


def overfill(primary: Process) -> None:
    with redis.Redis(port=primary.port, socket_timeout=60) as client:
        for first in range(0, KEYS, 500):
            with client.pipeline(transaction=False) as pipe:
                for number in range(first, first + 500):
                    pipe.set(f"key:{number}", "x" * 300)
                pipe.execute()


@pytest.mark.parametrize(("primary_kind", "replica_kind"), PAIRS)
def test_replica_holds_what_its_primary_holds(field: Field, primary_kind: str, replica_kind: str) -> None:
    limit = (
        "--maxmemory-policy",
        "allkeys-lru",
        "--repl-backlog-size",
        "1mb",
        "--enable-debug-command",
        "yes",
    )
    primary = field.start(primary_kind, *limit, "--maxmemory", str(LIMIT_BYTES))
    # Far less than it needs: a replica leaves eviction to its primary.
    replica = field.start(replica_kind, *limit, "--maxmemory", "3000000")
    replica.follow(primary)
    replica.until(lambda: replica.client.info("replication")["master_link_status"] == "up", "the link is up")
    overfill(primary)
    assert primary.client.info("stats")["evicted_keys"] > 1_000
    replica.until(
        lambda: (
            replica.client.info("replication")["slave_repl_offset"]
            >= primary.client.info("replication")["master_repl_offset"]
        ),
        "the replica has caught up",
    )
    # The commands that compare take memory at the primary, and may evict once more.
    replica.until(
        lambda: replica.call("DEBUG", "DIGEST") == primary.call("DEBUG", "DIGEST"), "the data are the same"
    )
    assert replica.client.info("stats")["evicted_keys"] == 0


def test_replica_that_is_told_to_evicts_on_its_own(field: Field) -> None:
    primary = field.start("garrison")
    replica = field.start(
        "garrison",
        "--maxmemory",
        "8000000",
        "--maxmemory-policy",
        "allkeys-lru",
        "--replica-ignore-maxmemory",
        "no",
        "--repl-backlog-size",
        "1mb",
    )
    replica.follow(primary)
    replica.until(lambda: replica.client.info("replication")["master_link_status"] == "up", "the link is up")
    overfill(primary)
    replica.until(lambda: replica.client.info("stats")["evicted_keys"] > 1_000, "the replica evicts")
    memory = replica.client.info("memory")
    assert memory["used_memory"] - memory["mem_not_counted_for_evict"] < 8_400_000
    assert primary.client.dbsize() == KEYS


def test_lowered_limit_is_reached_without_a_stall(field: Field) -> None:
    server = field.start("garrison", "--maxmemory-policy", "allkeys-lru")
    overfill(server)
    before = server.client.info("memory")["used_memory"]
    limit = before // 3
    server.client.config_set("maxmemory", limit)
    slowest = 0.0
    end = time.monotonic() + 30
    while time.monotonic() < end:
        begun = time.monotonic()
        server.client.ping()
        slowest = max(slowest, time.monotonic() - begun)
        memory = server.client.info("memory")
        if memory["used_memory"] - memory["mem_not_counted_for_evict"] <= limit:
            break
    assert memory["used_memory"] - memory["mem_not_counted_for_evict"] <= limit
    # No figure of speed: a stall would take as long as all evictions together.
    assert slowest < 1.0
    assert server.client.info("stats")["evicted_keys"] > KEYS // 3
