"""Both filters: never a false negative, few false positives, and a clear word where one does not exist."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import Client, UsageError
from garrison.client.recipes import BitmapFilter, BloomFilter, Filter, choose_filter


async def has_bloom(client: Client[Any]) -> bool:
    return await client.command_info("BF.INSERT") not in ([None], [])


async def false_positives(filter: Filter) -> int:
    """Add 500 values, find all of them, and count the mistakes in 500 others."""
    await asyncio.gather(*(filter.add(f"in:{n}") for n in range(500)))
    assert all(await asyncio.gather(*(filter.may_have(f"in:{n}") for n in range(500))))
    return sum(await asyncio.gather(*(filter.may_have(f"out:{n}") for n in range(500))))


async def test_a_bitmap_filter_keeps_its_rate(plain_client: Client[Any]) -> None:
    filter = BitmapFilter(plain_client, "f", capacity=500, error_rate=0.01)
    assert (filter.bits, filter.hashes) == (4793, 7)
    assert await filter.may_have("in:1") is False
    assert await false_positives(filter) < 25
    assert await plain_client.strlen("f") <= 4793 // 8 + 1


async def test_a_bloom_filter_keeps_its_rate(plain_client: Client[Any]) -> None:
    filter = BloomFilter(plain_client, "f", capacity=500, error_rate=0.01)
    if await has_bloom(plain_client):
        assert await false_positives(filter) < 25
        return
    for call in (filter.add("a"), filter.may_have("a")):
        with pytest.raises(UsageError, match="use BitmapFilter"):
            await call


async def test_the_filter_is_chosen_by_the_server(plain_client: Client[Any]) -> None:
    filter = await choose_filter(plain_client, "f", capacity=1000, error_rate=0.01)
    assert isinstance(filter, BloomFilter if await has_bloom(plain_client) else BitmapFilter)
    assert await false_positives(filter) < 25


async def test_filters_have_bounds(plain_client: Client[Any]) -> None:
    with pytest.raises(UsageError, match="error_rate=1"):
        BloomFilter(plain_client, "f", capacity=10, error_rate=1)
    with pytest.raises(UsageError, match="capacity=0"):
        BitmapFilter(plain_client, "f", capacity=0, error_rate=0.5)
    with pytest.raises(UsageError, match="does not fit"):
        BitmapFilter(plain_client, "f", capacity=10**10, error_rate=0.01)
