"""The sharded counter: exact under many tasks and processes, spread over the nodes of a cluster."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from garrison.client import Client, UsageError
from garrison.client.recipes import ShardedCounter

from .conftest import Program, in_one_protocol


async def test_additions_are_counted(plain_client: Client[Any]) -> None:
    counter = ShardedCounter(plain_client, "c", shards=4, rng=Random(1))
    assert await counter.value() == 0
    await asyncio.gather(*(counter.add(n) for n in range(100)))
    await counter.add(-50)
    assert await counter.value() == 4900
    assert await plain_client.dbsize() == 4
    assert await counter.take() == 4900
    assert await counter.value() == 0
    await counter.add()
    await counter.delete()
    assert await plain_client.dbsize() == 0


async def test_nothing_is_taken_twice_or_lost(plain_client: Client[Any]) -> None:
    counter = ShardedCounter(plain_client, "c", shards=8)
    adding = asyncio.gather(*(counter.add() for _ in range(2000)))
    taken = [await counter.take() for _ in range(20)]
    await adding
    assert sum(taken) + await counter.value() == 2000


@in_one_protocol
async def test_two_processes_count_together(plain_client: Client[Any], processes: Program) -> None:
    source = """
async def work(client):
    counter = ShardedCounter(client, "c", shards=8)
    await asyncio.gather(*(counter.add() for _ in range(500)))
"""
    await processes(source, 2)
    assert await ShardedCounter(plain_client, "c", shards=8).value() == 1000


async def test_shards_are_spread_over_the_nodes(in_cluster: Client[bytes]) -> None:
    counter = ShardedCounter(in_cluster, "c", shards=32)
    await asyncio.gather(*(counter.add() for _ in range(500)))
    assert await counter.value() == 500
    sizes = await in_cluster.call_primaries("DBSIZE")
    assert len(sizes) == 3
    assert min(sizes.values()) > 0


async def test_shards_have_bounds(plain_client: Client[Any]) -> None:
    with pytest.raises(UsageError, match="shards=0"):
        ShardedCounter(plain_client, "c", shards=0)
