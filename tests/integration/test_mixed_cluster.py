"""One cluster of real Redis 7.0 nodes and a Garrison node: the bus speaks the same protocol."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.resp import Failure
from tests.commands.wire import Server, Wire, start_garrison, start_redis

CLUSTER = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
RANGES = {"a": (0, 5000), "b": (5001, 10000), "ours": (10001, 16383)}


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[dict[str, Wire]]:
    """Two real primaries and ours, which knows nobody yet."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on this machine")
    servers: list[Server] = []
    wires: dict[str, Wire] = {}
    for epoch, name in enumerate(RANGES, 1):
        folder = tmp_path / name
        folder.mkdir()
        server = (
            start_garrison(folder, *CLUSTER) if name == "ours" else start_redis(program, folder, *CLUSTER)
        )
        if isinstance(server, str):
            pytest.skip(server)
        servers.append(server)
        wires[name] = Wire(server)
        assert wires[name]("CLUSTER", "ADDSLOTSRANGE", *RANGES[name]) == "OK"
        assert wires[name]("CLUSTER", "SET-CONFIG-EPOCH", epoch) == "OK"
    yield wires
    for wire in wires.values():
        wire.close_all()
    for server in servers:
        server.stop()


def form(nodes: dict[str, Wire]) -> None:
    """We are told to meet one, the other is told to meet us."""
    assert nodes["ours"]("CLUSTER", "MEET", "127.0.0.1", nodes["a"].server.port) == "OK"
    assert nodes["b"]("CLUSTER", "MEET", "127.0.0.1", nodes["ours"].server.port) == "OK"
    for wire in nodes.values():
        wire.expect(b"cluster_known_nodes:3", "CLUSTER", "INFO")
        wire.expect(b"cluster_state:ok", "CLUSTER", "INFO")
        # Slots are learnt on the others' links too; messages leave on our own.
        wire.until(3, "CLUSTER", "NODES", read_as=lambda reply: bytes(reply).count(b" connected"))


def test_all_agree_on_the_slots_and_redirect_to_each_other(nodes: dict[str, Wire]) -> None:
    form(nodes)
    for asked in nodes.values():
        for owner in nodes.values():
            my_id = owner("CLUSTER", "MYID")
            first, last = RANGES[next(name for name, wire in nodes.items() if wire is owner)]
            lines = bytes(asked("CLUSTER", "NODES")).splitlines()
            (line,) = [line for line in lines if line.startswith(my_id)]
            assert line.endswith(b" %d-%d" % (first, last))
    key = "k"  # slot 7629
    moved = nodes["ours"]("GET", key)
    assert isinstance(moved, Failure)
    assert moved == f"MOVED 7629 127.0.0.1:{nodes['b'].server.port}"
    assert nodes["b"]("SET", key, "v") == "OK"
    assert nodes["a"].error("GET", "a") == f"MOVED 15495 127.0.0.1:{nodes['ours'].server.port}"
    assert nodes["ours"]("SET", "a", "v") == "OK"


def test_a_message_reaches_subscribers_of_the_others(nodes: dict[str, Wire]) -> None:
    form(nodes)
    listeners = {name: wire.another() for name, wire in nodes.items()}
    for listener in listeners.values():
        assert listener("SUBSCRIBE", "news") == [b"subscribe", b"news", 1]
    for name, publisher in nodes.items():
        publisher("PUBLISH", "news", name)
        for listener in listeners.values():
            assert listener.read() == [b"message", b"news", name.encode()]


def test_a_dead_node_is_found_failed_by_both_kinds(nodes: dict[str, Wire]) -> None:
    form(nodes)
    dead = nodes["b"]("CLUSTER", "MYID").decode()
    nodes["b"].server.process.kill()
    for name in ("a", "ours"):
        text = nodes[name].expect(b"master,fail ", "CLUSTER", "NODES").decode()
        (line,) = [line for line in text.splitlines() if "master,fail " in line]
        assert line.startswith(dead)
        nodes[name].expect(b"cluster_state:fail", "CLUSTER", "INFO")
    assert nodes["ours"].error("SET", "a", "v").startswith("CLUSTERDOWN")
