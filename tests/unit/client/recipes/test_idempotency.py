"""Idempotency keys: once, the same answer, and free again after a failure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import Client, UsageError
from garrison.client.errors import HoldLostError, InProgressError, KeyReusedError
from garrison.client.recipes import IdempotencyKeys, IdempotentOutcome

from .conftest import Program, in_one_protocol


class Work:
    """Counts how often it is carried out."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.count = 0
        self.takes_s = takes_s
        self.fails = False

    async def __call__(self) -> bytes:
        self.count += 1
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise ZeroDivisionError
        return b"receipt %d" % self.count


async def test_the_second_request_gets_the_first_result(client: Client[Any]) -> None:
    keys, work = IdempotencyKeys(client, "pay"), Work()
    assert await keys.run("k", work, fingerprint="10 EUR") == IdempotentOutcome(b"receipt 1", False)
    assert await keys.run("k", work, fingerprint="10 EUR") == IdempotentOutcome(b"receipt 1", True)
    assert await keys.run("other", work) == IdempotentOutcome(b"receipt 2", False)
    with pytest.raises(KeyReusedError, match="'k' was used with another request"):
        await keys.run("k", work, fingerprint="20 EUR")


async def test_a_hundred_requests_are_one(client: Client[Any]) -> None:
    keys, work = IdempotencyKeys(client, "pay", poll_interval_s=0.01), Work(takes_s=0.1)
    outcomes = await asyncio.gather(*(keys.run("k", work, wait_s=60) for _ in range(100)))
    assert {outcome.result for outcome in outcomes} == {b"receipt 1"}
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    assert work.count == 1


@in_one_protocol
async def test_two_processes_do_it_once(client: Client[Any], processes: Program) -> None:
    source = """
async def work(client):
    keys = IdempotencyKeys(client, "pay", poll_interval_s=0.01)

    async def pay():
        return await client.incr("paid")

    for key in range(20):
        print((await keys.run(str(key), pay, wait_s=60)).result.decode())
"""
    first, second = await processes(source, 2)
    assert first == second
    assert int(await client.get("paid") or 0) == 20


async def test_who_does_not_wait_is_told(client: Client[Any]) -> None:
    keys, work = IdempotencyKeys(client, "pay", work_s_max=20), Work(takes_s=0.5)
    first = asyncio.create_task(keys.run("k", work))
    await asyncio.sleep(0.2)
    with pytest.raises(InProgressError, match="another caller is at work") as caught:
        await keys.run("k", work)
    assert 0 < caught.value.retry_after_s <= 20
    assert (await first).result == b"receipt 1"


async def test_failed_work_may_be_tried_again(client: Client[Any]) -> None:
    keys, work = IdempotencyKeys(client, "pay", result_bytes_max=9), Work()
    work.fails = True
    with pytest.raises(ZeroDivisionError):
        await keys.run("k", work)
    work.fails = False
    assert (await keys.run("k", work)).result == b"receipt 2"
    work.count = 10
    with pytest.raises(UsageError, match="result_bytes_max"):
        await keys.run("other", work)
    assert await client.exists("idempotency:pay:other") == 0


async def test_work_without_an_end_is_cancelled(client: Client[Any]) -> None:
    keys = IdempotencyKeys(client, "pay", work_s_max=0.2)
    with pytest.raises(HoldLostError, match="work_s_max"):
        await keys.run("k", Work(takes_s=60))
    assert (await keys.run("k", Work())).replayed is False


async def test_a_beginning_that_was_forgotten_is_kept(client: Client[Any]) -> None:
    """As after a failover: nobody else has begun, so the result stands; else it does not."""
    keys = IdempotencyKeys(client, "pay")

    async def forgotten() -> bytes:
        await client.delete("idempotency:pay:k")
        return b"done"

    async def overtaken() -> bytes:
        await client.delete("idempotency:pay:other")
        await keys.run("other", Work())
        return b"done twice"

    assert (await keys.run("k", forgotten)).result == b"done"
    assert await keys.run("k", Work()) == IdempotentOutcome(b"done", True)
    with pytest.raises(HoldLostError, match="another caller may have done it too"):
        await keys.run("other", overtaken)
    assert (await keys.run("other", Work())).result == b"receipt 1"


async def test_results_are_kept_for_their_time(client: Client[Any]) -> None:
    keys, work = IdempotencyKeys(client, "pay", keep_s=0.2), Work()
    await keys.run("k", work)
    await asyncio.sleep(0.4)
    assert await keys.run("k", work) == IdempotentOutcome(b"receipt 2", False)
