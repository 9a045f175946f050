"""Nodes of a cluster that keep their data in files: a start knows what it has, and who has more serves it."""

from __future__ import annotations

import asyncio

import pytest

from garrison.client import connect
from garrison.cluster.local.cluster import LocalCluster
from tests.integration.group_on_hosts import until
from tests.integration.shards import ask_all, call, is_primary, replica_is_linked, shards_of, write

NODE_TIMEOUT_MS = 1500
KEYS = 300
LOGGED = {"appendonly": "yes", "appendfsync": "always"}
pytestmark = pytest.mark.timeout(180)


def settings(**more: str) -> dict[str, str]:
    return {"cluster-node-timeout": str(NODE_TIMEOUT_MS)} | {k.replace("_", "-"): v for k, v in more.items()}


async def values_missing(cluster: LocalCluster, values: dict[str, str]) -> int:
    """How many of these a client does not find."""
    async with await connect(cluster.url, decode=True) as client:
        found = [await client.get(key) for key in values]
    return sum(text != value for text, value in zip(found, values.values(), strict=True))


async def test_whole_cluster_killed_at_once_has_every_key_again() -> None:
    async with LocalCluster(settings=settings(appendonly="yes", appendfsync="always")) as cluster:
        values: dict[str, str] = {}
        for shard in await shards_of(cluster):
            mine = {key: f"value of {key}" for key in shard.keys(KEYS)}
            await write(shard.owner, mine, copies=0)
            values |= mine
        for node in cluster.nodes:
            await node.kill()
        await asyncio.gather(*(cluster.restart(node) for node in cluster.nodes))
        await cluster.wait_healthy()
        assert await values_missing(cluster, values) == 0


async def test_promoted_replica_has_its_shards_data_after_a_restart() -> None:
    """Its files say which shard they are of, and it was of another one when it was new."""
    async with LocalCluster(settings=settings(appendonly="yes", appendfsync="always")) as cluster:
        shard = (await shards_of(cluster))[0]
        values = dict.fromkeys(shard.keys(KEYS), "v")
        await write(shard.owner, values, copies=1)
        await shard.owner.kill()
        await until(lambda: is_primary(shard.replicas[0]), "the replica takes over")
        await cluster.restart(shard.owner)
        await cluster.wait_healthy()
        for node in cluster.nodes:
            await node.kill()
        await asyncio.gather(*(cluster.restart(node) for node in cluster.nodes))
        await cluster.wait_healthy()
        assert await values_missing(cluster, values) == 0


async def test_replica_with_more_than_the_files_takes_over() -> None:
    async with LocalCluster(settings=settings()) as cluster:
        shard = (await shards_of(cluster))[0]
        keys = shard.keys(2 * KEYS)
        old, new = (dict.fromkeys(part, "v") for part in (keys[:KEYS], keys[KEYS:]))
        await write(shard.owner, old, copies=1)
        assert await call(shard.owner, "SAVE") == b"OK"
        await write(shard.owner, new, copies=1)
        await shard.owner.kill()
        await cluster.restart(shard.owner)
        await until(lambda: is_primary(shard.replicas[0]), "the replica takes over")
        await cluster.wait_healthy()
        assert await values_missing(cluster, old | new) == 0
        await until(lambda: replica_is_linked(shard.owner), "the restarted node follows")
        assert None not in await ask_all(shard.replicas[0], [("GET", key) for key in new])


async def test_owner_with_all_data_serves_on_and_resyncs_partially() -> None:
    async with LocalCluster(settings=settings(**{"appendonly": "yes"})) as cluster:
        shard = (await shards_of(cluster))[0]
        values = dict.fromkeys(shard.keys(KEYS), "v")
        await write(shard.owner, values, copies=1)
        await shard.owner.stop()
        await cluster.restart(shard.owner)
        await cluster.wait_healthy()
        assert await values_missing(cluster, values) == 0
        owners = [node for node in (shard.owner, *shard.replicas) if await is_primary(node)]
        info = await call(owners[0], "INFO", "stats")
        assert "sync_full:0" in str(info)


async def test_primary_that_is_told_to_end_hands_over_first() -> None:
    """Each confirmed write is with the successor, and clients see no error but a redirect."""
    async with LocalCluster(settings=settings()) as cluster:
        shard = (await shards_of(cluster))[0]
        (key,) = shard.keys(1)
        confirmed, longest_s = 0, 0.0
        async with await connect(cluster.url) as client:
            await client.set(key, 0)
            stopping = asyncio.create_task(shard.owner.stop())
            loop = asyncio.get_running_loop()
            while not stopping.done() or confirmed < 200:
                began = loop.time()
                confirmed = await client.incr(key)
                longest_s = max(longest_s, loop.time() - began)
            await stopping
            assert int(await client.get(key) or 0) == confirmed
        assert await is_primary(shard.replicas[0])
        assert "Handed over" in shard.owner.log.read_text()
        # An election would take a node timeout and more.
        assert longest_s < NODE_TIMEOUT_MS / 1000


async def test_cluster_that_ends_as_a_whole_does_not_wait() -> None:
    async with LocalCluster(settings=settings()) as cluster:
        await shards_of(cluster)
        async with asyncio.timeout(20):
            await asyncio.gather(*(node.stop() for node in cluster.nodes))
