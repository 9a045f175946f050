"""Clients that wait for a key whose slot leaves, or whose node is demoted: on ours and on a real Redis 7.0.

Two nodes of a kind serve all tests of it: `owner` has all slots, `other` has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from garrison.client import key_slot
from tests.commands.resp import Failure
from tests.commands.wire import Server, Wire, Word, start_garrison, start_redis_7_0

CLUSTER = ("--cluster-enabled", "yes", "--cluster-node-timeout", "4000", "--repl-diskless-sync-delay", "0")
# Else who gives its last slot away becomes a replica.
STAYS = ("--cluster-allow-replica-migration", "no")
KEY, TWIN, STREAM = "{key}", "{key}2", "{key}s"
SLOT = key_slot(KEY)
DEMOTED = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"

WAITS: list[tuple[Word, ...]] = [
    ("BLPOP", KEY, TWIN, 0),
    ("BRPOP", KEY, 0),
    ("BLMOVE", KEY, TWIN, "LEFT", "RIGHT", 0),
    ("BRPOPLPUSH", KEY, TWIN, 0),
    ("BLMPOP", 0, 2, TWIN, KEY, "LEFT"),
    ("BZPOPMIN", KEY, 0),
    ("BZPOPMAX", KEY, 0),
    ("BZMPOP", 0, 1, KEY, "MIN"),
    ("XREAD", "BLOCK", 0, "STREAMS", STREAM, "$"),
]
OF_GROUP: tuple[Word, ...] = ("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", STREAM, ">")


@dataclass
class Couple:
    """Two nodes of one kind."""

    kind: str
    owner: Wire
    other: Wire
    is_away: bool = False

    def id(self, wire: Wire) -> str:
        return bytes(wire("CLUSTER", "MYID")).decode()

    def place(self) -> str:
        return f"127.0.0.1:{self.other.server.port}"

    def blocked(self, commands: list[tuple[Word, ...]]) -> list[Wire]:
        """A connection for each command, when all of them wait."""
        wires = []
        for words in commands:
            wire = self.owner.another()
            wire.send(*words)
            wires.append(wire)
        self.owner.expect(b"blocked_clients:%d\r\n" % len(commands), "INFO", "clients")
        return wires

    def move(self) -> None:
        """Give the slot to the other node."""
        self._hand_over(self.owner, self.other)
        self.is_away = True

    def _hand_over(self, source: Wire, target: Wire) -> None:
        # An import raises the epoch of its claim. A mark on the source would make ours answer ASK.
        assert target("CLUSTER", "SETSLOT", SLOT, "IMPORTING", self.id(source)) == "OK"
        for wire in (target, source):
            assert wire("CLUSTER", "SETSLOT", SLOT, "NODE", self.id(target)) == "OK"

    def fail_over(self) -> None:
        """Swap the roles; on a busy machine an attempt may end without an election."""
        for last in (False, False, True):
            self.other.until("OK", "CLUSTER", "FAILOVER", read_as=str)
            try:
                self.other.expect(b"role:master", "INFO", "replication", seconds=8)
                return
            except AssertionError:
                if last:
                    raise

    def home(self) -> None:
        """Everything is as it was at the beginning."""
        if self.is_away:
            self._hand_over(self.other, self.owner)
            self.is_away = False
        for wire in (self.owner, self.other):
            wire.expect(b"cluster_state:ok", "CLUSTER", "INFO")
            wire.expect(b"cluster_size:1\r\n", "CLUSTER", "INFO")
        self.owner("FLUSHALL")
        self.owner.expect(b"blocked_clients:0\r\n", "INFO", "clients")

    def with_group(self) -> None:
        """Make the group that XREADGROUP reads. A slot with a key cannot be given away."""
        assert self.owner("XGROUP", "CREATE", STREAM, "g", "$", "MKSTREAM") == "OK"


@pytest.fixture(scope="module", params=["redis", "garrison"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Couple]:
    start = start_redis_7_0 if request.param == "redis" else start_garrison
    servers: list[Server] = []
    for name in ("owner", "other"):
        folder = tmp_path_factory.mktemp(f"{request.param}-{name}")
        server = start(folder, *CLUSTER, *STAYS)
        if isinstance(server, str):
            pytest.skip(server)
        servers.append(server)
    couple = Couple(request.param, Wire(servers[0]), Wire(servers[1]))
    assert couple.owner("CLUSTER", "ADDSLOTSRANGE", 0, 16383) == "OK"
    assert couple.owner("CLUSTER", "SET-CONFIG-EPOCH", 1) == "OK"
    assert couple.owner("CLUSTER", "MEET", "127.0.0.1", couple.other.server.port) == "OK"
    for wire in (couple.owner, couple.other):
        wire.expect(b"cluster_known_nodes:2", "CLUSTER", "INFO")
        wire.expect(b"cluster_state:ok", "CLUSTER", "INFO")
        wire.until(2, "CLUSTER", "NODES", read_as=lambda reply: bytes(reply).count(b" connected"))
    yield couple
    for wire in (couple.owner, couple.other):
        wire.close_all()
    for server in servers:
        server.stop()


@pytest.fixture
def couple(running: Couple) -> Couple:
    running.home()
    return running


def test_waits_for_a_slot_that_left_get_moved(couple: Couple) -> None:
    wires = couple.blocked(WAITS)
    couple.move()
    for words, wire in zip(WAITS, wires, strict=True):
        assert wire.read() == f"MOVED {SLOT} {couple.place()}", words
        assert wire("PING") == "PONG"
        wire.close()


def test_waits_for_other_slots_go_on(couple: Couple) -> None:
    (moved, stays) = couple.blocked([("BLPOP", KEY, 0), ("BLPOP", "elsewhere", 0)])
    couple.move()
    assert moved.read() == f"MOVED {SLOT} {couple.place()}"
    assert couple.owner("RPUSH", "elsewhere", "a") == 1
    assert stays.read() == [b"elsewhere", b"a"]
    for wire in (moved, stays):
        wire.close()


def test_wait_for_a_migrating_slot(couple: Couple) -> None:
    """Ours sends the client to where the key will be made; Redis lets it wait until the slot has moved."""
    (waiter,) = couple.blocked([("BLPOP", KEY, 0)])
    assert couple.other("CLUSTER", "SETSLOT", SLOT, "IMPORTING", couple.id(couple.owner)) == "OK"
    assert couple.owner("CLUSTER", "SETSLOT", SLOT, "MIGRATING", couple.id(couple.other)) == "OK"
    if couple.kind == "garrison":
        assert waiter.read() == f"ASK {SLOT} {couple.place()}"
    fresh = couple.owner.another()
    assert fresh("BLPOP", KEY, 0) == f"ASK {SLOT} {couple.place()}"
    for wire in (couple.other, couple.owner):
        assert wire("CLUSTER", "SETSLOT", SLOT, "NODE", couple.id(couple.other)) == "OK"
    couple.is_away = True
    if couple.kind == "redis":
        assert waiter.read() == f"MOVED {SLOT} {couple.place()}"
    for wire in (waiter, fresh):
        wire.close()


def test_group_read_of_a_stream_that_leaves(couple: Couple) -> None:
    """Ours sends the client after the stream; for Redis it was deleted, which ends the wait with an error."""
    couple.with_group()
    (waiter,) = couple.blocked([OF_GROUP])
    assert couple.other("CLUSTER", "SETSLOT", SLOT, "IMPORTING", couple.id(couple.owner)) == "OK"
    assert couple.owner("CLUSTER", "SETSLOT", SLOT, "MIGRATING", couple.id(couple.other)) == "OK"
    assert couple.owner("MIGRATE", "127.0.0.1", couple.other.server.port, STREAM, 0, 10_000) == "OK"
    reply = waiter.read()
    if couple.kind == "garrison":
        assert reply == f"ASK {SLOT} {couple.place()}"
    else:
        assert _kind(reply) == "UNBLOCKED the stream key no longer exists"
    assert waiter("PING") == "PONG"
    for wire in (couple.other, couple.owner):
        assert wire("CLUSTER", "SETSLOT", SLOT, "NODE", couple.id(couple.other)) == "OK"
    couple.is_away = True
    assert couple.other(*OF_GROUP[:4], "STREAMS", STREAM, ">") is None
    assert couple.owner(*OF_GROUP) == f"MOVED {SLOT} {couple.place()}"
    assert couple.other("DEL", STREAM) == 1
    waiter.close()


def test_wait_in_transaction_answers_at_once(couple: Couple) -> None:
    couple.with_group()
    for words in (*WAITS, OF_GROUP):
        client = couple.owner.another()
        assert client("MULTI") == "OK"
        assert client(*words) == "QUEUED"
        assert client("WAIT", 1, 1) == "QUEUED"
        assert client("EXEC") == [None, 0], words
        client.close()


def test_watched_key_of_a_slot_that_left(couple: Couple) -> None:
    client = couple.owner.another()
    assert client("WATCH", KEY) == "OK"
    assert client("MULTI") == "OK"
    assert client("BLPOP", KEY, 0) == "QUEUED"
    couple.move()
    assert client("EXEC") == f"MOVED {SLOT} {couple.place()}"
    assert client("MULTI") == "OK"
    assert client("BLPOP", KEY, 0) == f"MOVED {SLOT} {couple.place()}"
    assert client("EXEC") == "EXECABORT Transaction discarded because of previous errors."
    client.close()


def test_pop_that_wakes_dirties_a_watched_key(couple: Couple) -> None:
    watcher = couple.owner.another()
    assert watcher("WATCH", KEY) == "OK"
    (waiter,) = couple.blocked([("BLPOP", KEY, 0)])
    assert couple.owner("RPUSH", KEY, "a") == 1
    assert waiter.read() == [b"{key}", b"a"]
    assert watcher("MULTI") == "OK"
    assert watcher("LLEN", KEY) == "QUEUED"
    assert watcher("EXEC") is None
    for wire in (watcher, waiter):
        wire.close()


def test_demotion_unblocks_those_who_wait(running: Couple) -> None:
    """The last test: the nodes have changed roles."""
    running.home()
    assert running.other("CLUSTER", "REPLICATE", running.id(running.owner)) == "OK"
    running.other.expect(b"master_link_status:up", "INFO", "replication")
    running.owner.expect(b"connected_slaves:1", "INFO", "replication")
    running.with_group()
    waits = [*WAITS, OF_GROUP, ("WAIT", 5, 0)]
    wires = running.blocked(waits)
    running.fail_over()
    for words, wire in zip(waits, wires, strict=True):
        assert _kind(wire.read()) == DEMOTED, words
        wire.close()
    running.owner.expect(b"role:slave", "INFO", "replication")


def _kind(reply: Any) -> Any:
    return str(reply) if isinstance(reply, Failure) else reply
