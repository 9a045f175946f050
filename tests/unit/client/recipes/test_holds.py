"""What every hold has in common, without a server: waiting, renewal, loss, and the way out."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from garrison.client import ConnectionLostError
from garrison.client.errors import HoldLostError, NotAcquiredError
from garrison.client.recipes.holds import Answer, Holder


class OneHolder(Holder):
    """A lock in memory, which fails as it is told."""

    what = "the thing"

    def __init__(self, ttl_s: float = 0.3) -> None:
        super().__init__(cast(Any, None), ttl_s=ttl_s, poll_interval_s=0.01)
        self.token: str | None = None
        self.fence = 0
        self.renewals = 0
        self.failures: list[Exception] = []
        self.hangs = False

    async def _take(self, token: str) -> Answer:
        if self.token not in (None, token):
            return Answer(False, 1000)
        self.token, self.fence = token, self.fence + 1
        await self._suffer()
        return Answer(True, self.fence)

    async def _renew(self, token: str) -> bool:
        self.renewals += 1
        await self._suffer()
        return self.token == token

    async def _give_back(self, token: str) -> bool:
        await self._suffer()
        was_mine, self.token = self.token == token, None if self.token == token else self.token
        return was_mine

    async def _suffer(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if self.hangs:
            await asyncio.sleep(60)


async def test_a_hold_is_renewed_until_the_block_ends() -> None:
    holder = OneHolder()
    async with holder.hold() as hold:
        assert (hold.is_valid, hold.fencing_token) == (True, 1)
        await asyncio.sleep(0.7)
        assert hold.is_valid
        assert "the thing, fencing_token=1" in repr(hold)
    assert (hold.is_valid, hold.remaining_s, holder.token) == (False, 0, None)
    assert holder.renewals >= 4
    assert await hold.renew() is False


async def test_without_renewal_the_block_has_its_ttl() -> None:
    holder = OneHolder()
    with pytest.raises(HoldLostError, match="work was cancelled") as caught:
        async with holder.hold(renew=False):
            await asyncio.sleep(10)
    assert caught.value.what == "the thing"
    assert (holder.renewals, holder.token) == (0, None)


async def test_work_is_cancelled_as_soon_as_a_loss_is_known() -> None:
    holder = OneHolder(ttl_s=60.0)
    holder.ttl_s = 0.15  # It asks every 50 ms, long before its time is over.
    started = asyncio.get_running_loop().time()

    async def lose() -> None:
        async with holder.hold():
            holder.token = "another"
            await asyncio.sleep(30)

    with pytest.raises(HoldLostError):
        await lose()
    assert asyncio.get_running_loop().time() - started < 10
    assert holder.token == "another"


async def test_a_failed_renewal_is_tried_again() -> None:
    holder = OneHolder(ttl_s=2.0)
    holder.ttl_s = 0.3
    async with holder.hold() as hold:
        holder.failures = [ConnectionLostError("broken", maybe_executed=True)] * 3
        await asyncio.sleep(0.5)
        assert hold.is_valid
        assert holder.renewals >= 4


async def test_a_server_that_hangs_ends_the_work_in_time() -> None:
    holder = OneHolder()

    async def hang() -> None:
        async with holder.hold():
            holder.hangs = True
            try:
                await asyncio.sleep(30)
            finally:
                holder.hangs = False

    with pytest.raises(HoldLostError):
        await hang()


async def test_a_hold_that_is_gone_at_the_end_is_reported() -> None:
    holder = OneHolder(ttl_s=30)
    with pytest.raises(HoldLostError, match="when it was given back"):
        async with holder.hold():
            holder.token = "another"


async def test_an_error_of_the_work_is_not_hidden() -> None:
    holder = OneHolder(ttl_s=30)

    async def fail() -> None:
        async with holder.hold():
            holder.token = "another"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    with pytest.raises(NotAcquiredError):
        await holder.acquire(0)
    holder.token = None
    with pytest.raises(TimeoutError, match="its own"):
        async with holder.hold():
            raise TimeoutError("its own")

    async def fail_at_the_end() -> None:
        async with holder.hold():
            holder.failures = [ConnectionLostError("broken", maybe_executed=False)]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_at_the_end()


async def test_who_waits_gets_it_or_is_told() -> None:
    holder = OneHolder(ttl_s=30)
    first = await holder.acquire()
    with pytest.raises(TimeoutError, match=r"not free in 0\.05 s"):
        await holder.acquire(0.05)
    waiting = asyncio.create_task(holder.acquire(20))
    await asyncio.sleep(0.05)
    assert await first.release() is True
    second = await waiting
    assert second.fencing_token > first.fencing_token
    assert await first.release() is False
    assert await second.release() is True


async def test_what_a_cancelled_caller_took_is_given_back() -> None:
    holder = OneHolder(ttl_s=30)
    holder.hangs = True
    waiting = asyncio.create_task(holder.acquire())
    await asyncio.sleep(0.02)
    assert holder.token is not None
    holder.hangs = False
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5):
        await holder.acquire(1)


async def test_a_release_whose_fate_is_unknown_is_repeated() -> None:
    holder = OneHolder(ttl_s=30)
    async with holder.hold():
        holder.failures = [ConnectionLostError("broken", maybe_executed=True)]
    assert holder.token is None
    hold = await holder.acquire()
    holder.failures = [ConnectionLostError("broken", maybe_executed=False)]
    with pytest.raises(ConnectionLostError):
        await hold.release()
