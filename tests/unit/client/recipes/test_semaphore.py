"""The semaphore against each kind of server: never more than its permits, and dead holders are forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import Client, UsageError
from garrison.client.errors import HoldLostError, NotAcquiredError
from garrison.client.recipes import Semaphore

from .conftest import Program, in_one_protocol


async def test_no_more_tasks_than_permits(client: Client[Any]) -> None:
    inside, most = 0, 0

    async def work() -> None:
        nonlocal inside, most
        semaphore = Semaphore(client, "s", permits_max=3, poll_interval_s=0.005)
        async with semaphore.hold(60):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.005)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(40)))
    assert most == 3
    assert await Semaphore(client, "s", permits_max=3).held() == 0


@in_one_protocol
async def test_no_more_in_two_processes_than_permits(client: Client[Any], processes: Program) -> None:
    """Who is inside counts itself; the server tells each what the count was."""
    source = """
async def enter(client):
    async with Semaphore(client, "s", permits_max=2, poll_interval_s=0.005).hold(60):
        print(await client.incr("inside"))
        await asyncio.sleep(0.002)
        await client.decr("inside")

async def work(client):
    await asyncio.gather(*(enter(client) for _ in range(20)))
"""
    printed = " ".join(await processes(source, 2)).split()
    assert len(printed) == 40
    assert set(printed) <= {"1", "2"}


@in_one_protocol
async def test_permits_of_the_dead_come_back(client: Client[Any]) -> None:
    semaphore = Semaphore(client, "s", permits_max=2, ttl_s=0.3, poll_interval_s=0.02)
    first, second = await semaphore.acquire(0), await semaphore.acquire(0)
    assert first.fencing_token < second.fencing_token
    assert await semaphore.held() == 2
    with pytest.raises(NotAcquiredError):
        await semaphore.acquire(0)
    third, fourth = await semaphore.acquire(20), await semaphore.acquire(20)
    assert await first.renew() is False
    assert await third.renew() is True
    assert await second.release() is False
    assert await fourth.release() is True


async def test_a_long_holder_does_not_hide_a_short_one(client: Client[Any]) -> None:
    """The key lives as long as the last of its holders, also when a shorter one comes behind."""
    long = await Semaphore(client, "s", permits_max=2, ttl_s=30).acquire(0)
    await Semaphore(client, "s", permits_max=2, ttl_s=0.05).acquire(0)
    await asyncio.sleep(0.2)
    assert await Semaphore(client, "s", permits_max=2).held() == 1
    assert await long.release() is True


async def test_a_lost_permit_cancels_its_work(client: Client[Any]) -> None:

    async def lose() -> None:
        async with Semaphore(client, "s", permits_max=1, ttl_s=0.6).hold():
            await client.delete("semaphore:{s}")
            await asyncio.sleep(30)

    with pytest.raises(HoldLostError, match="semaphore 's' was lost"):
        await lose()


async def test_permits_have_bounds(client: Client[Any]) -> None:
    with pytest.raises(UsageError, match="permits_max=0"):
        Semaphore(client, "s", permits_max=0)
