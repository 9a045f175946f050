"""The rate limiters: exact under many tasks and processes, and against a model of each."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from garrison.client import Client, UsageError
from garrison.client.recipes import FixedWindow, Gcra, SlidingWindow

from .conftest import Program, in_one_protocol

Limiter = FixedWindow | SlidingWindow | Gcra


def limiters(client: Client[Any], limit: int, window_s: float) -> list[Limiter]:
    return [
        FixedWindow(client, "f", limit=limit, window_s=window_s),
        SlidingWindow(client, "s", limit=limit, window_s=window_s),
        Gcra(client, "g", rate=limit, period_s=window_s, burst=limit),
    ]


async def test_a_limit_is_exact_under_many_tasks(client: Client[Any]) -> None:
    for limiter in limiters(client, 20, 600.0):
        verdicts = await asyncio.gather(*(limiter.hit("ann") for _ in range(100)))
        allowed = [verdict for verdict in verdicts if verdict.allowed]
        assert len(allowed) == 20
        assert sorted(verdict.remaining for verdict in allowed) == list(range(20))
        assert {verdict.retry_after_s for verdict in allowed} == {0}
        for verdict in verdicts:
            assert verdict.allowed or 0 < verdict.retry_after_s <= 600
            assert 0 < verdict.reset_after_s <= 600
        assert (await limiter.hit("bob")).allowed


@in_one_protocol
async def test_a_limit_is_exact_in_two_processes(client: Client[Any], processes: Program) -> None:
    source = """
async def work(client):
    fixed = FixedWindow(client, "f", limit=30, window_s=600)
    sliding = SlidingWindow(client, "s", limit=30, window_s=600)
    for limiter in (fixed, sliding, Gcra(client, "g", rate=30, period_s=600, burst=30)):
        verdicts = await asyncio.gather(*(limiter.hit("ann") for _ in range(50)))
        print(sum(verdict.allowed for verdict in verdicts))
"""
    first, second = ([int(line) for line in text.split()] for text in await processes(source, 2))
    assert [a + b for a, b in zip(first, second, strict=True)] == [30, 30, 30]


@in_one_protocol
async def test_a_refused_hit_is_allowed_when_it_says(client: Client[Any]) -> None:
    for limiter in limiters(client, 2, 0.4):
        assert [(await limiter.hit("ann")).allowed for _ in range(2)] == [True, True]
        refused = await limiter.hit("ann")
        assert not refused.allowed
        assert 0 < refused.retry_after_s <= 0.4
        await asyncio.sleep(refused.retry_after_s + 0.002)
        assert (await limiter.hit("ann")).allowed


async def test_costs_and_resets(client: Client[Any]) -> None:
    for limiter in limiters(client, 10, 600.0):
        assert (await limiter.hit("ann", cost=7)).remaining == 3
        assert not (await limiter.hit("ann", cost=4)).allowed
        assert (await limiter.hit("ann", cost=3)).remaining == 0
        await limiter.reset("ann")
        assert (await limiter.hit("ann", cost=10)).allowed
        with pytest.raises(UsageError, match="more than the limit of 10"):
            await limiter.hit("ann", cost=11)
        with pytest.raises(UsageError, match="cost=0"):
            await limiter.hit("ann", cost=0)


async def test_a_dearer_hit_waits_for_more_to_leave(client: Client[Any]) -> None:
    limiter = SlidingWindow(client, "s", limit=3, window_s=600)
    for _ in range(3):
        assert (await limiter.hit("ann")).allowed
        await asyncio.sleep(0.1)
    waits = [(await limiter.hit("ann", cost)).retry_after_s for cost in (1, 2, 3)]
    assert waits[1] - waits[0] > 0.08
    assert waits[2] - waits[1] > 0.08


@in_one_protocol
async def test_no_span_of_a_sliding_window_has_more(client: Client[Any]) -> None:
    """Hits without a pause for a while: those that were allowed, against a list of their times."""
    window_s, limit = 0.3, 5
    limiter = SlidingWindow(client, "s", limit=limit, window_s=window_s)
    allowed: list[tuple[float, float]] = []
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        before = time.monotonic()
        if (await limiter.hit("ann")).allowed:
            allowed.append((before, time.monotonic()))
    for first, sixth in zip(allowed, allowed[limit:], strict=False):
        assert sixth[1] - first[0] >= window_s  # From its end to its beginning: a busy machine adds only.
    assert len(allowed) >= 2 * limit
    assert await client.zcard("limit-sliding:s:ann") <= limit


@in_one_protocol
async def test_gcra_spreads_evenly_behind_its_burst(client: Client[Any]) -> None:
    limiter = Gcra(client, "g", rate=50, period_s=1.0, burst=3)
    started = time.monotonic()
    allowed = 0
    while (elapsed := time.monotonic() - started) < 0.8:
        allowed += (await limiter.hit("ann")).allowed
    assert 3 <= allowed <= 3 + elapsed * 50 + 1


async def test_keys_end_by_themselves(client: Client[Any]) -> None:
    for limiter in limiters(client, 3, 0.2):
        await limiter.hit("ann")
    async with asyncio.timeout(20):
        while await client.dbsize():
            await asyncio.sleep(0.05)


async def test_limits_have_bounds(client: Client[Any]) -> None:
    with pytest.raises(UsageError, match="limit=100001"):
        SlidingWindow(client, "s", limit=100_001, window_s=1)
    with pytest.raises(UsageError, match="window_s=0"):
        FixedWindow(client, "s", limit=1, window_s=0)
    with pytest.raises(UsageError, match="rate=0"):
        Gcra(client, "g", rate=0, period_s=1, burst=1)
