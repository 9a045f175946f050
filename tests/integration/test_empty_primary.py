"""A primary that is killed and comes back empty at its address: its replicas keep the data."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration.replicating import Field, Process, fill

pytest.importorskip("garrison.node._engine", reason="the engine is not built here: pip install -e . first")


def restart(process: Process, *directives: str) -> None:
    """SIGKILL, and a new process at the same port, with the same options."""
    if process.process.poll() is None:
        process.kill()
    program = ["redis-server"] if process.kind == "redis" else [sys.executable, "-m", "garrison", "node"]
    options = ["--port", str(process.port), "--save", "", "--repl-diskless-sync-delay", "0"]
    with process.log.open("ab") as output:
        process.process = subprocess.Popen(
            [*program, *options, "--dir", str(process.folder), *directives],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    process.until(process._answers, "it answers PING again", 30)


def refusal(replica: Process) -> str:
    return str(replica.client.info("replication").get("master_sync_refused", ""))


@pytest.mark.parametrize("kind", ["garrison", "redis"])
def test_a_replica_keeps_its_data_until_it_is_told(field: Field, kind: str) -> None:
    primary, replica = field.start(kind), field.start("garrison")
    fill(primary, 300)
    replica.follow(primary)
    replica.wait_for(primary)
    held = replica.data()
    assert len(held) > 1000
    restart(primary)
    primary.call("SET", "written", "at once")
    replica.until(lambda: refusal(replica) != "", "the refusal")
    assert replica.client.info("replication")["master_link_status"] == "down"
    assert replica.data() == held
    assert replica.logged("To make this node the primary: REPLICAOF NO ONE") >= 1
    assert replica.call("REPLICAOF", "127.0.0.1", primary.port) == b"OK Already connected to specified master"
    replica.wait_for(primary)
    assert [key for _, key in replica.data()] == [b"written"]
    assert refusal(replica) == ""


def test_the_setting_takes_it_and_is_found_in_config(field: Field) -> None:
    primary, replica = field.start("garrison"), field.start("garrison")
    fill(primary, 50)
    replica.follow(primary)
    replica.wait_for(primary)
    restart(primary)
    replica.until(lambda: refusal(replica) != "", "the refusal")
    name = "replica-accept-younger-history"
    assert replica.client.config_get(name) == {name: "no"}
    replica.client.config_set(name, "yes")
    replica.wait_for(primary)
    assert replica.data() == {}


def test_the_replica_takes_over_with_its_data(field: Field) -> None:
    """What a Sentinel does: promote the replica, make the old primary and the sibling follow it."""
    primary, replica, sibling = (field.start("garrison") for _ in range(3))
    fill(primary, 50)
    for node in (replica, sibling):
        node.follow(primary)
        node.wait_for(primary)
    held = replica.data()
    restart(primary)
    for node in (replica, sibling):
        node.until(lambda node=node: refusal(node) != "", "the refusal")  # type: ignore[misc]
    replica.call("REPLICAOF", "NO", "ONE")
    for node in (primary, sibling):
        node.follow(replica)
        node.wait_for(replica)
        assert node.data() == held
    assert full_syncs(replica) == 1, "the sibling went on from where it stood"


def full_syncs(node: Process) -> int:
    return int(node.client.info("stats")["sync_full"])


def test_a_redis_that_comes_back_with_its_data_is_followed(field: Field) -> None:
    """An append-only file brings the data back, but not the history."""
    keeps = ("--appendonly", "yes", "--appendfsync", "always")
    primary, replica = field.start("redis", *keeps), field.start("garrison")
    fill(primary, 50)
    replica.follow(primary)
    replica.wait_for(primary)
    held = replica.data()
    restart(primary, *keeps)
    replica.wait_for(primary)
    assert replica.data() == held
    assert full_syncs(primary) == 1, "it has a new history"
