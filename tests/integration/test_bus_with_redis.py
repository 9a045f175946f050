"""Our control plane as a member of a cluster of real Redis 7.0 nodes: met, trusted, voting, elected."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import redis

from garrison.node.border import Follow, Promote
from garrison.node.core import nodes_file
from garrison.node.core.context import ReplicationFacts
from tests.conftest import find_free_port

from .bare_node import BareNode, now_ms

TIMEOUT_MS = 2000
SHARES = ((0, 5460), (5461, 10922), (10923, 16383))


class RealNode:
    """One redis-server process in cluster mode."""

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir(exist_ok=True)
        self.port = port
        self.folder = folder
        command = ["redis-server", "--port", str(port), "--cluster-enabled", "yes", "--save", ""]
        command += ["--dir", str(folder), "--cluster-node-timeout", str(TIMEOUT_MS), "--logfile", "log"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=port, socket_timeout=30)

    def call(self, *words: object) -> str:
        reply = self.client.execute_command("CLUSTER", *words)
        return reply.decode() if isinstance(reply, bytes) else str(reply)

    def nodes(self) -> dict[str, list[str]]:
        """id -> fields of CLUSTER NODES."""
        return {line.split()[0]: line.split() for line in self.call("NODES").splitlines()}

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[RealNode]]:
    """Three real primaries that know each other and own all slots."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: nothing to join")
    nodes = [RealNode(tmp_path / str(index), find_free_port()) for index in range(3)]
    try:
        for index, node in enumerate(nodes):
            wait_for_ping(node)
            node.call("ADDSLOTSRANGE", *SHARES[index])
            node.call("SET-CONFIG-EPOCH", index + 1)
        for node in nodes[1:]:
            node.call("MEET", "127.0.0.1", nodes[0].port)
        yield nodes
    finally:
        for node in nodes:
            node.client.close()
            node.process.kill()
            node.process.wait(10)


def wait_for_ping(node: RealNode) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            node.client.ping()
            return
        except (redis.ConnectionError, redis.TimeoutError):
            time.sleep(0.05)
    log = (node.folder / "log").read_text()
    raise AssertionError(f"redis-server does not answer on port {node.port}; its log ends:\n{log[-2000:]}")


async def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)


async def join(node: BareNode, three: list[RealNode]) -> None:
    assert node.call("MEET", "127.0.0.1", three[0].port) == "+OK"
    me = node.core.node_id
    await until(lambda: node.call("NODES").count("connected") >= 4, "we know all four nodes")
    await until(
        lambda: all(me in n.nodes() and n.nodes()[me][7] == "connected" for n in three), "all know us"
    )


def with_bare_node(
    test: Callable[[BareNode, list[RealNode]], Awaitable[None]], three: list[RealNode]
) -> None:
    async def run() -> None:
        async with BareNode(find_free_port(), TIMEOUT_MS) as node:
            await join(node, three)
            await test(node, three)

    asyncio.run(run())


def test_we_are_met_and_take_a_slot_with_a_lease(three: list[RealNode]) -> None:
    async def body(node: BareNode, three: list[RealNode]) -> None:
        me = node.core.node_id
        await until(lambda: node.core.state_ok, "the state is ok")
        assert node.call("SETSLOT", 5, "IMPORTING", three[0].call("MYID")) == "+OK"
        three[0].call("SETSLOT", 5, "MIGRATING", me)
        assert node.call("SETSLOT", 5, "NODE", me) == "+OK"
        three[0].call("SETSLOT", 5, "NODE", me)
        await until(lambda: all(n.nodes()[me][8:] == ["5"] for n in three), "all give us slot 5")
        await until(lambda: node.writes_until_ms > now_ms(), "real nodes' pongs renew our lease")

    with_bare_node(body, three)


def test_our_vote_elects_a_real_replica(three: list[RealNode], tmp_path: Path) -> None:
    """Of three voters one is dead and one is we, so the election needs our FAIL report and our vote."""

    async def body(node: BareNode, three: list[RealNode]) -> None:
        me = node.core.node_id
        first, second, third = three
        for real in (third, first, second):
            with contextlib.suppress(redis.ResponseError):  # It may have heard already that they are free.
                real.call("DELSLOTSRANGE", *SHARES[2])
        node.call("DELSLOTSRANGE", *SHARES[2])
        assert node.call("ADDSLOTSRANGE", *SHARES[2]) == "+OK"

        def is_ours_for_all() -> bool:
            for real in (first, second):
                if real.nodes()[me][8:] == ["10923-16383"]:
                    continue
                # A heartbeat of the former owner was on its way when they were told that the slots are free.
                with contextlib.suppress(redis.ResponseError):
                    real.call("DELSLOTSRANGE", *SHARES[2])
                return False
            return True

        await until(is_ours_for_all, "we own a share")
        third.call("REPLICATE", first.call("MYID"))
        await until(
            lambda: third.client.info("replication")["master_link_status"] == "up", "the replica is in sync"
        )
        await until(lambda: "slave" in second.nodes()[third.call("MYID")][2], "the replica is known as one")
        first.kill()
        await until(lambda: "master" in third.nodes()[third.call("MYID")][2], "the replica is elected")
        await until(lambda: node.call("NODES").count(" 0-5460") == 1, "we know who owns the slots")
        assert nodes_file.load(node.saved).last_vote_epoch > 0

    with_bare_node(body, three)


def test_real_primaries_elect_us(three: list[RealNode]) -> None:
    async def body(node: BareNode, three: list[RealNode]) -> None:
        first, second, _ = three
        me = node.core.node_id
        assert node.call("REPLICATE", first.call("MYID")) == "+OK"
        (follow,) = (action for action in node.actions if isinstance(action, Follow))
        assert (follow.host, follow.port) == ("127.0.0.1", first.port)
        node.facts = ReplicationFacts(offset=1, link_up=True, data_order=follow.order)
        await until(lambda: "slave" in second.nodes()[me][2], "we are known as a replica")
        first.kill()
        # How soon is up to the real primaries, who find the failure; bench/cluster.py measures our own.
        await until(lambda: not node.core.is_replica, "we are elected")
        assert any(isinstance(action, Promote) for action in node.actions)
        await until(lambda: second.nodes()[me][8:] == ["0-5460"], "the slots are ours for the others")
        await until(lambda: node.writes_until_ms > now_ms(), "we hold a lease")

    with_bare_node(body, three)


def test_a_real_redis_reads_our_nodes_file(three: list[RealNode], tmp_path: Path) -> None:
    """Another Redis, started on what our node has saved, is our node."""

    async def body(node: BareNode, three: list[RealNode]) -> None:
        folder = tmp_path / "heir"
        folder.mkdir()
        (folder / "nodes.conf").write_text(node.saved)
        heir = RealNode(folder, find_free_port())
        try:
            wait_for_ping(heir)
            assert heir.call("MYID") == node.core.node_id
            assert len(heir.nodes()) == 4
            assert "Skipping unknown cluster config variable" in (folder / "log").read_text()
        finally:
            heir.client.close()
            heir.process.kill()
            heir.process.wait(10)

    with_bare_node(body, three)


def test_we_read_the_file_of_a_real_redis(three: list[RealNode]) -> None:
    for node in three:
        text = saved_text(node)
        me = nodes_file.load(text).me()
        assert me is not None
        assert me.node_id == node.call("MYID")


def saved_text(node: RealNode) -> str:
    """The file once it knows all three; Redis writes it in place, so it may be met half written."""
    path = node.folder / "nodes.conf"
    deadline = time.monotonic() + 60
    while (text := path.read_text()).count("@") < 3 or "\nvars " not in text:
        assert time.monotonic() < deadline, f"the file never named three nodes: {text}"
        time.sleep(0.02)
    return text
