"""FAILOVER and PSYNC FAILOVER: every refusal as Redis says it. See tests/integration for the hand-over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands.wire import Peers, Server, Wire, start_garrison, start_redis

SYNTAX = (
    ("FAILOVER",),
    ("FAILOVER", "ABORT"),
    ("FAILOVER", "ABORT", "1"),
    ("FAILOVER", "TO"),
    ("FAILOVER", "TO", "a"),
    ("FAILOVER", "TO", "a", "b"),
    ("FAILOVER", "TO", "a", "1"),
    ("FAILOVER", "TO", "a", "1", "TO", "b", "2"),
    ("FAILOVER", "TIMEOUT"),
    ("FAILOVER", "TIMEOUT", "x"),
    ("FAILOVER", "TIMEOUT", "0"),
    ("FAILOVER", "TIMEOUT", "-1"),
    ("FAILOVER", "TIMEOUT", "99999999999999999999"),
    ("FAILOVER", "TIMEOUT", "5", "TIMEOUT", "6"),
    ("FAILOVER", "FORCE"),
    ("FAILOVER", "FORCE", "FORCE"),
    ("FAILOVER", "FORCE", "TIMEOUT", "10"),
    ("FAILOVER", "SOMETHING"),
    ("PSYNC", "?", "-1", "FAILOVER"),
    ("PSYNC", "?", "x", "FAILOVER"),
    ("PSYNC", "?", "-1", "FAILOVER", "MORE"),
    ("PSYNC", "a", "b", "c"),
)


def test_a_primary_without_replicas_refuses_alike(peers: Peers) -> None:
    for words in SYNTAX:
        kind, _ = peers.same(*words)
        assert kind == "error", words


def test_the_table_of_commands_shows_it_alike(peers: Peers) -> None:
    redis, ours = (side("COMMAND", "INFO", "FAILOVER")[0] for side in (peers.redis, peers.garrison))
    assert ours[:2] == redis[:2] == [b"failover", -1]
    assert set(ours[2]) == set(redis[2])
    assert set(ours[6]) == set(redis[6])


@dataclass
class Pair:
    """A primary whose only replica is stopped, so that a failover waits, and that replica."""

    primary: Wire
    replica: Wire
    replica_port: int


@pytest.fixture(params=["redis", "garrison"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """A pair of either kind. The replica sits in DEBUG SLEEP for what `wait_for_sync` needs."""
    servers: list[Server] = []
    for name in ("primary", "replica"):
        folder = tmp_path / name
        folder.mkdir()
        options = ("--repl-diskless-sync-delay", "0")
        if request.param == "redis":
            server: Server | str = start_redis("redis-server", folder, *options)
        else:
            server = start_garrison(folder, *options)
        if isinstance(server, str):
            pytest.skip(server)
        servers.append(server)
    primary, replica = (Wire(server) for server in servers)
    replica("REPLICAOF", "127.0.0.1", servers[0].port)
    primary.expect(b"state=online", "INFO", "replication")
    yield Pair(primary, replica, servers[1].port)
    primary.close_all()
    replica.close_all()
    for server in servers:
        server.stop()


def field(wire: Wire, name: str) -> str:
    lines = bytes(wire("INFO", "replication")).decode().split("\r\n")
    return next(line.partition(":")[2] for line in lines if line.startswith(f"{name}:"))


def test_refusals_beside_a_replica(pair: Pair) -> None:
    unknown = "ERR FAILOVER target HOST and PORT is not a replica."
    force = "ERR FAILOVER with force option requires both a timeout and target HOST and IP."
    for words, text in (
        (("FORCE",), force),
        (("FORCE", "TIMEOUT", "10"), force),
        (("FORCE", "TO", "a", "1"), force),
        (("TO", "a", "1"), unknown),
        (("TO", "127.0.0.1", "99999"), unknown),
        (("TO", "127.0.0.2", str(pair.replica_port)), unknown),
    ):
        assert pair.primary.error("FAILOVER", *words) == text, words
    on_a_replica = "ERR FAILOVER is not valid when server is a replica."
    assert pair.replica.error("FAILOVER") == on_a_replica
    assert pair.replica.error("FAILOVER", "TO", "a", "1", "FORCE", "TIMEOUT", "9") == on_a_replica
    assert pair.replica.error("FAILOVER", "ABORT") == "ERR No failover in progress."
    for history, offset in (("?", "-1"), ("a" * 40, "1"), ("?", "x")):
        text = pair.replica.another().error("PSYNC", history, offset, "FAILOVER")
        assert text == "ERR PSYNC FAILOVER replid must match my replid."
    assert field(pair.replica, "role") == "slave"


def test_what_is_said_while_it_waits(pair: Pair) -> None:
    pair.replica.send("DEBUG", "SLEEP", "1.5")
    time.sleep(0.2)
    primary, writer = pair.primary, pair.primary.another()
    assert primary("SET", "a", "before") == "OK"
    assert primary("FAILOVER") == "OK"
    assert field(primary, "master_failover_state") == "waiting-for-sync"
    writer.send("SET", "a", "held")
    assert primary("GET", "a") == b"before"
    assert primary.error("FAILOVER", "TO", "a", "1") == "ERR FAILOVER already in progress."
    assert primary.error("FAILOVER", "TIMEOUT", "0") == "ERR FAILOVER timeout must be greater than 0"
    for words in (("REPLICAOF", "NO", "ONE"), ("SLAVEOF", "a", "1")):
        assert primary.error(*words) == "ERR REPLICAOF not allowed while failing over."
    assert primary.another().error("PSYNC", "?", "-1") == "NOMASTERLINK Can't SYNC while failing over"
    assert primary.another().error("SYNC") == "NOMASTERLINK Can't SYNC while failing over"
    assert primary("CLIENT", "UNPAUSE") == "OK"
    assert primary("GET", "a") == b"before"
    assert primary("FAILOVER", "ABORT") == "OK"
    assert writer.read() == "OK"
    assert primary("GET", "a") == b"held"
    assert field(primary, "master_failover_state") == "no-failover"
    assert primary("FAILOVER", "TIMEOUT", "100") == "OK"
    assert primary("SET", "a", "after the timeout") == "OK"
    assert primary("ROLE")[0] == b"master"


def test_the_role_moves_and_those_who_waited_are_told(pair: Pair) -> None:
    primary, replica = pair.primary, pair.replica
    writer, transaction, reader, publisher = (primary.another() for _ in range(4))
    primary("SET", "a", "before")
    transaction("MULTI")
    transaction("SET", "a", "lost")
    assert primary("FAILOVER", "TO", "127.0.0.1", pair.replica_port, "TIMEOUT", "5000") == "OK"
    writer.send("SET", "a", "lost")
    transaction.send("EXEC")
    reader.send("GET", "a")
    publisher.send("PUBLISH", "x", "y")
    read_only = "READONLY You can't write against a read only replica."
    assert str(writer.read()) == read_only
    assert str(transaction.read()).startswith("EXECABORT")
    assert (reader.read(), publisher.read()) == (b"before", 0)
    primary.expect(b"master_link_status:up", "INFO", "replication")
    assert field(primary, "master_failover_state") == "no-failover"
    assert primary("ROLE")[:3] == [b"slave", b"127.0.0.1", pair.replica_port]
    assert replica("ROLE")[0] == b"master"
    assert replica("SET", "a", "after") == "OK"
    primary.until(b"after", "GET", "a")
    assert field(primary, "master_replid") == field(replica, "master_replid")
    assert field(primary, "master_replid2") == field(replica, "master_replid2") != "0" * 40
    stats = bytes(replica("INFO", "stats"))
    assert b"sync_full:0" in stats
    assert b"sync_partial_ok:1" in stats
