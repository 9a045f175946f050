"""CLUSTER FAILOVER at a replica that has not its primary's data yet: the keys stay."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from garrison.client import ReplyError
from garrison.cluster.local.cluster import LocalCluster, LocalNode
from tests.integration.group_on_hosts import until
from tests.integration.shards import (
    Shard,
    ask_all,
    call,
    elected,
    is_primary,
    replica_is_linked,
    shards_of,
    stays,
    talking_to,
    write,
)

KEYS = 1_000
GIVES_UP_AFTER_S = 5.0
"""A replica gives a manual failover up by itself after this time."""
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def cluster() -> AsyncIterator[LocalCluster]:
    async with LocalCluster() as running:
        yield running


async def newcomer(cluster: LocalCluster) -> tuple[Shard, LocalNode, list[str]]:
    """A shard with keys, a node that may become its replica but will get no data, and the keys.

    What the node has of another shard goes by a larger offset.
    """
    shard, other, _ = await shards_of(cluster)
    keys = shard.keys(KEYS)
    await write(shard.owner, dict.fromkeys(keys, "kept"), copies=1)
    await write(other.owner, dict.fromkeys(other.keys(2 * KEYS), "of another shard"), copies=1)
    await call(shard.owner, "CONFIG", "SET", "repl-diskless-sync-delay", 600)
    return shard, other.replicas[0], keys


async def holds_all(node: LocalNode, keys: list[str]) -> bool:
    return bool(await ask_all(node, [("GET", key) for key in keys]) == [b"kept"] * len(keys))


@pytest.mark.parametrize("option", [(), ("FORCE",)], ids=["plain", "FORCE"])
async def test_a_replica_that_never_synced_does_not_take_over(
    cluster: LocalCluster, option: tuple[str, ...]
) -> None:
    shard, fresh, keys = await newcomer(cluster)
    async with talking_to(fresh) as connection:
        assert await connection.call("CLUSTER", "REPLICATE", shard.id) == b"OK"
        with contextlib.suppress(ReplyError):
            await connection.call("CLUSTER", "FAILOVER", *option)
    await stays(GIVES_UP_AFTER_S + 1, lambda: is_primary(shard.owner), "it was obeyed without data")
    assert await holds_all(shard.owner, keys)


async def test_a_replica_in_sync_takes_over_with_all_keys(cluster: LocalCluster) -> None:
    """The same replica, once it has the data."""
    shard, fresh, keys = await newcomer(cluster)
    await call(shard.owner, "CONFIG", "SET", "repl-diskless-sync-delay", 0)
    await call(fresh, "CLUSTER", "REPLICATE", shard.id)
    await until(lambda: replica_is_linked(fresh), "it is in sync")
    await call(fresh, "CLUSTER", "FAILOVER")
    await elected(fresh)
    assert await holds_all(fresh, keys)
    await until(lambda: replica_is_linked(shard.owner), "the old primary follows")
