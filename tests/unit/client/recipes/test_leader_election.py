"""The leader election against each kind of server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import HoldLostError
from garrison.client.recipes import Hold, Leader, LeaderElection
from tests.unit.client.conftest import eventually

from .conftest import in_one_protocol


def candidate(client: Client[Any], name: str, ttl_s: float = 0.6) -> LeaderElection:
    return LeaderElection(client, "e", candidate=name, ttl_s=ttl_s, poll_interval_s=0.02)


async def test_one_leads_and_the_next_follows(client: Client[Any]) -> None:
    led: list[tuple[str, int]] = []
    leading = 0

    async def stand(name: str) -> None:
        async def work(hold: Hold) -> None:
            nonlocal leading
            leading += 1
            assert leading == 1
            led.append((name, hold.fencing_token))
            assert await candidate(client, "watcher").leader() == Leader(name, hold.fencing_token)
            await asyncio.sleep(0.05)
            leading -= 1

        await candidate(client, name).lead(work)

    await asyncio.gather(*(stand(f"host-{number}") for number in range(5)))
    assert len({name for name, _ in led}) == 5
    assert [term for _, term in led] == sorted(term for _, term in led)
    assert await candidate(client, "watcher").leader() is None


@in_one_protocol
async def test_a_dead_leader_is_replaced(client: Client[Any]) -> None:
    dead = await candidate(client, "dead")._lock.acquire()
    terms: list[int] = []

    async def work(hold: Hold) -> None:
        terms.append(hold.fencing_token)

    async with asyncio.timeout(30):
        await candidate(client, "alive").lead(work)
    assert terms[0] > dead.fencing_token


async def test_a_leader_that_lost_its_term_stands_again(client: Client[Any]) -> None:
    terms: list[int] = []

    async def work(hold: Hold) -> None:
        terms.append(hold.fencing_token)
        if len(terms) == 1:
            await asyncio.sleep(60)

    leading = asyncio.create_task(candidate(client, "a").lead(work))
    await eventually(lambda: len(terms) == 1)
    await client.delete("leadership:{e}")
    async with asyncio.timeout(30):
        await leading
    assert terms[1] > terms[0]


async def test_an_error_of_the_work_resigns(client: Client[Any]) -> None:
    async def fail(hold: Hold) -> None:
        raise ZeroDivisionError

    async def lose(hold: Hold) -> None:
        raise HoldLostError("something else", what="something else")

    for work, error in ((fail, ZeroDivisionError), (lose, HoldLostError)):
        with pytest.raises(error):
            await candidate(client, "a").lead(work)
        assert await candidate(client, "a").leader() is None
