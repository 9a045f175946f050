"""The driver between core and world."""

from __future__ import annotations

import asyncio

import pytest

from garrison.cluster.core.manager.requests import Consent, Pause
from garrison.cluster.daemon import driving
from garrison.cluster.daemon.driving import TicketError, TicketTimeoutError
from garrison.cluster.daemon.watching_core import WatchingCore
from tests.unit.cluster.daemon.desks import MemoryKeeper, make_desk


async def test_request_is_answered_when_it_is_stored() -> None:
    desk = await make_desk()
    await desk.driver.ask(lambda ticket: Pause("ann", ticket))
    keeper = desk.driver.keeper
    assert isinstance(keeper, MemoryKeeper)
    assert b'"paused_by":"ann"' in keeper.content
    with pytest.raises(TicketError, match="plan"):
        await desk.driver.ask(lambda ticket: Consent("ann", ticket, "none"))


async def test_request_that_nobody_answers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "TICKET_TIMEOUT_S", 0.01)
    desk = await make_desk()
    keeper = desk.driver.keeper
    assert isinstance(keeper, MemoryKeeper)
    monkeypatch.setattr(keeper, "ask", lambda ask: None)
    with pytest.raises(TicketTimeoutError):
        await desk.driver.ask(lambda ticket: Pause("ann", ticket))


async def test_loop_lets_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[int] = []

    class Counting(WatchingCore):
        def tick(self, now_ms: int) -> None:
            ticks.append(now_ms)

    driver = driving.Driver(Counting(), lambda events: None, lambda jobs: None)
    task = asyncio.create_task(driver.run())
    for _ in range(50):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert 1 <= len(ticks) <= 3


async def test_lease_is_given_back_at_every_node() -> None:
    desk = await make_desk()
    keeper = desk.driver.keeper
    assert isinstance(keeper, MemoryKeeper)
    keeper.asked.clear()
    desk.driver.release(["a", "b"])
    assert [type(ask).__name__ for ask in keeper.asked] == ["ReleaseLease", "ReleaseLease"]
