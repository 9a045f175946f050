"""Nodes of a cluster that start again without their data, at once: who has the data serves it.

An owner that has lost its data serves nobody; a replica takes its place, by the lineage of its data.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from garrison.client import ReplyError, connect
from garrison.cluster.local.cluster import LocalCluster, LocalNode
from tests.integration.group_on_hosts import until
from tests.integration.processes import wait_stopped
from tests.integration.shards import (
    Shard,
    ask_all,
    call,
    elected,
    is_primary,
    replica_is_linked,
    shards_of,
    stays,
    write,
)
from tests.integration.test_cluster_manager import cli

NODE_TIMEOUT_MS = 1500
KEYS = 1_000
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def cluster() -> AsyncIterator[LocalCluster]:
    async with LocalCluster(settings={"cluster-node-timeout": str(NODE_TIMEOUT_MS)}) as running:
        yield running


async def filled(shard: Shard, count: int = KEYS) -> dict[str, str]:
    """What the shard holds after this: keys that its replicas have confirmed."""
    values = {key: f"value of {key}" for key in shard.keys(count)}
    await write(shard.owner, values, copies=len(shard.replicas))
    return values


async def holds(node: LocalNode, values: dict[str, str]) -> bool:
    replies = await ask_all(node, [("GET", key) for key in values])
    found = sum(reply == value.encode() for reply, value in zip(replies, values.values(), strict=True))
    assert found == len(values), f"{node.address} has {found} of {len(values)} keys; first: {replies[0]!r}"
    return True


async def test_a_primary_killed_and_restarted_at_once_is_replaced(cluster: LocalCluster) -> None:
    """Also when the node is back long before anybody notices that it was away."""
    for shard in await shards_of(cluster):
        values = await filled(shard)
        await shard.owner.kill()
        await cluster.restart(shard.owner)
        await elected(shard.replicas[0])
        await cluster.wait_healthy()
        await holds(shard.replicas[0], values)
        await until(lambda shard=shard: follows(shard.owner), "the restarted node follows")  # type: ignore[misc]


async def follows(node: LocalNode) -> bool:
    return not await is_primary(node) and await replica_is_linked(node)


async def test_a_shard_without_data_waits_for_an_administrator(cluster: LocalCluster) -> None:
    """It says what it waits for; check reports it; the way on that it names works."""
    shard, other, _ = await shards_of(cluster)
    await filled(shard, 100)
    kept = await filled(other, 100)
    key = shard.keys(1)[0]
    for node in (shard.owner, *shard.replicas):
        await node.kill()
    for node in (shard.owner, *shard.replicas):
        await cluster.restart(node)
    await until(lambda: reported(cluster, "data-lost"), "check reports the lost data")
    await stays(2 * NODE_TIMEOUT_MS / 1000, lambda: refuses(shard.owner, key), "an empty owner serves")
    log = shard.owner.log.read_text()
    assert "owns slots but has started without their data" in log
    assert "CLUSTER SERVE-EMPTY" in log
    assert await call(shard.owner, "CLUSTER", "SERVE-EMPTY") == b"OK"
    await cluster.wait_healthy()
    assert (await cli("check", other.owner.address)).exit_code == 0
    async with await connect([f"redis://{node.address}" for node in cluster.nodes]) as client:
        assert await client.set(key, "new")
        assert await client.get(key) == b"new"
    await holds(other.owner, kept)


async def reported(cluster: LocalCluster, code: str) -> bool:
    answer = await cli("check", cluster.nodes[0].address, "--json")
    assert answer.exit_code == 1, answer.out
    return code in {finding["code"] for finding in answer.document["findings"]}


async def refuses(node: LocalNode, key: str) -> bool:
    try:
        reply = await call(node, "GET", key)
    except ReplyError as error:
        return error.code == "CLUSTERDOWN"
    assert reply is not None, "the keys are back"
    return False


async def adopt(shard: Shard, other: Shard) -> LocalNode:
    """Make the other shard's replica one of this shard's; it."""
    node = other.replicas[0]
    await call(node, "CLUSTER", "REPLICATE", shard.id)
    return node


async def test_a_replica_without_this_shards_data_is_not_elected(cluster: LocalCluster) -> None:
    """A larger offset of another shard's history is not more of this shard's data."""
    shard, other, _ = await shards_of(cluster)
    values = await filled(shard, 100)
    await filled(other, 5 * KEYS)
    await call(shard.owner, "CONFIG", "SET", "repl-diskless-sync-delay", 600)
    stranger = await adopt(shard, other)
    await until(lambda: knows_replica(shard.replicas[0], stranger), "its sibling knows of it")
    await shard.owner.kill()
    await until(lambda: any_is_primary([stranger, *shard.replicas]), "somebody is elected")
    assert await is_primary(shard.replicas[0])
    await holds(shard.replicas[0], values)


async def knows_replica(node: LocalNode, replica: LocalNode) -> bool:
    """Whether a node has heard that another one is a replica of its own primary."""
    lines = [line.split() for line in (await call(node, "CLUSTER", "NODES")).decode().splitlines()]
    mine = next(fields for fields in lines if "myself" in fields[2])
    theirs = next(fields for fields in lines if fields[1].startswith(f"{replica.address}@"))
    return bool(theirs[3] == mine[3] and mine[3] != "-")


async def any_is_primary(nodes: list[LocalNode]) -> bool:
    return any([await is_primary(node) for node in nodes])


async def test_a_replica_with_all_data_outlives_two_primaries(cluster: LocalCluster) -> None:
    """The second primary dies before their first sync; the data is the shard's all the same."""
    shard, other, _ = await shards_of(cluster)
    second = await adopt(shard, other)
    await until(lambda: follows(second), "it is in sync")
    first = shard.replicas[0]
    values = dict.fromkeys(shard.keys(KEYS), "kept")
    await write(shard.owner, values, copies=2)
    for node in (second, shard.owner):
        node.signal(signal.SIGSTOP)
        assert node.process is not None
        await asyncio.to_thread(wait_stopped, node.process.pid)
    await elected(first)
    await first.kill()
    await shard.owner.kill()
    second.signal(signal.SIGCONT)
    await elected(second)
    await holds(second, values)
