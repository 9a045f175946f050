"""Transactions with commands that the control plane answers, and keys on their way to another node.

While EXEC waits, for answers or for a key that is being copied, roles change and pauses begin. What the
transaction may do is decided when it goes on. (A slot that leaves: `test_moves_keep_writes.py`.)
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.integration.processes import wait_stopped
from tests.integration.replicating import Field, Process

pytestmark = pytest.mark.timeout(120)
CONTROL_COMMANDS = 300
"""They are answered one by one, so EXEC waits for some tens of milliseconds."""
BIG_BYTES = 20_000_000


class Task(threading.Thread):
    """A call that takes a while; its result is a value or the error that it raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self._outcome = self._work()
        except redis.RedisError as error:
            self._outcome = error

    def outcome(self) -> Any:
        self.join(60)
        assert not self.is_alive(), "it goes on waiting"
        return self._outcome


class Transaction:
    """A connection in MULTI with some commands in its queue."""

    def __init__(self, node: Process, *queue: tuple[Any, ...]) -> None:
        self._connection = redis.Connection(port=node.port, socket_timeout=60)
        self._connection.connect()
        for words in (("MULTI",), *queue):
            self._connection.send_command(*words)
        for _ in range(len(queue) + 1):
            assert self._connection.read_response() in (b"OK", b"QUEUED")

    def call(self, *words: Any) -> Any:
        self._connection.send_command(*words)
        return self._connection.read_response()

    def begin_exec(self) -> Task:
        self._connection.send_command("EXEC")
        return Task(self._connection.read_response)


def writing(node: Process) -> Transaction:
    """SET key new, with much for the control plane to answer before EXEC carries it out."""
    return Transaction(node, ("SET", "key", "new"), *[("CONFIG", "GET", "*")] * CONTROL_COMMANDS)


def replicated(field: Field) -> tuple[Process, Process]:
    primary, replica = field.start("garrison"), field.start("garrison")
    replica.follow(primary)
    replica.wait_for(primary)
    return primary, replica


def stop(process: Process) -> None:
    process.process.send_signal(signal.SIGSTOP)
    wait_stopped(process.process.pid)


def test_exec_writes_nothing_once_the_node_is_a_replica(field: Field) -> None:
    primary, other = replicated(field)
    other.call("REPLICAOF", "NO", "ONE")
    executing = writing(primary).begin_exec()
    primary.follow(other)
    assert executing.is_alive(), "the control plane was too quick for this test"
    outcome = executing.outcome()
    assert "READONLY" in str(outcome), outcome
    primary.wait_for(other)
    assert primary.call("GET", "key") is None


def test_exec_waits_for_the_end_of_a_pause_that_began(field: Field) -> None:
    node = field.start("garrison")
    executing = writing(node).begin_exec()
    node.call("CLIENT", "PAUSE", 60_000, "WRITE")
    assert executing.is_alive(), "the control plane was too quick for this test"
    executing.join(1.0)
    assert executing.is_alive(), "it was carried out inside the pause"
    assert node.call("GET", "key") is None
    node.call("CLIENT", "UNPAUSE")
    assert executing.outcome()[0] == b"OK"
    assert node.call("GET", "key") == b"new"


def test_wait_counts_no_stopped_replica_after_such_an_exec(field: Field) -> None:
    primary, replica = replicated(field)
    stop(replica)
    transaction = writing(primary)
    assert transaction.begin_exec().outcome()[0] == b"OK"
    assert transaction.call("WAIT", 1, 300) == 0
    replica.process.send_signal(signal.SIGCONT)
    assert transaction.call("WAIT", 1, 30_000) == 1


def migration(source: Process, target: Process) -> Task:
    """MIGRATE of a big key to a target that does not read; begun, that is: the key is on its way."""
    stop(target)
    connection = redis.Connection(port=source.port, socket_timeout=60)
    connection.connect()
    connection.send_command("MIGRATE", "127.0.0.1", target.port, "key", 0, 30_000)
    # What was sent before is carried out no later than this, in the same turn at least.
    assert source.call("PING")
    return Task(connection.read_response)


def wake(process: Process) -> None:
    process.process.send_signal(signal.SIGCONT)


def test_exec_waits_for_a_key_on_its_way(field: Field) -> None:
    source, target = field.start("garrison"), field.start("garrison")
    source.call("SET", "key", b"x" * BIG_BYTES)
    transaction = Transaction(source, ("SET", "key", "new"), ("PING",))
    moving = migration(source, target)
    executing = transaction.begin_exec()
    executing.join(0.3)
    assert executing.is_alive(), "it changed a key on its way"
    wake(target)
    assert moving.outcome() == b"OK"
    assert executing.outcome() == [b"OK", b"PONG"]
    assert source.call("GET", "key") == b"new"
    assert target.call("STRLEN", "key") == BIG_BYTES


def test_a_migrate_of_a_demoted_node_deletes_nothing(field: Field) -> None:
    """It ends after the node has become a replica of what was its replica."""
    source, other = replicated(field)
    target = field.start("garrison")
    source.call("SET", "key", b"x" * BIG_BYTES)
    other.wait_for(source)
    moving = migration(source, target)
    other.call("REPLICAOF", "NO", "ONE")
    source.follow(other)
    wake(target)
    moving.outcome()
    assert target.call("PING")
    source.wait_for(other)
    time.sleep(0.3)
    assert [node.call("STRLEN", "key") for node in (source, other)] == [BIG_BYTES] * 2
