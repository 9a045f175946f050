"""The carrier ends each step once, and says how."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from garrison.cluster.core.creation import PlanError
from garrison.cluster.core.manager.effects import BeginStep, CancelStep, StepOutcome
from garrison.cluster.core.manager.jobs import Step, StepKind
from garrison.cluster.core.manager.picture import NodePicture, NodeState, Picture
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon import carrying
from garrison.cluster.daemon.carrying import CARRIERS, Carrier, address_of, entry_of
from garrison.cluster.daemon.step_context import StepContext, UnsureError
from garrison.cluster.errors import ManagerError, StoppedError, UnreachableError
from garrison.cluster.manager.admin_client import Access

Work = Callable[[StepContext], Awaitable[None]]
BEGUN = BeginStep("job-1", 0, Step(kind=StepKind.MEET, arguments={"address": "h:1"}), 4)
PICTURE = Picture(at_ms=1, nodes=(NodePicture(id="a", address="h:1", role="primary"),))


class Ended:
    """What was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
        monkeypatch.setitem(carrying.CARRIERS, "meet", work)
        self.outcomes: list[StepOutcome] = []
        self.fractions: list[float] = []
        self.carrier = Carrier(
            Access(),
            "m",
            True,
            lambda: PICTURE,
            lambda begun, fraction: self.fractions.append(fraction),
            lambda begun, outcome: self.outcomes.append(outcome),
        )

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def test_every_kind_but_verify_has_a_carrier() -> None:
    assert set(CARRIERS) == {kind.value for kind in StepKind} - {"verify"}


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (None, "done"),
        (ManagerError("w"), "failed"),
        (UnsureError("w"), "unsure"),
        (PlanError("w"), "unsure"),
        (StoppedError("w"), "cancelled"),
        (KeyError("w"), "unsure"),
        (ValueError("w"), "failed"),
    ],
)
async def test_outcome_follows_the_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, result: str
) -> None:
    async def work(context: StepContext) -> None:
        context.progress(0.5)
        assert context.session.lease is not None
        assert (context.session.lease.manager_id, context.session.lease.epoch) == ("m", 4)
        if error is not None:
            raise error

    ended = Ended(monkeypatch, work)
    ended.carrier.begin(BEGUN)
    await ended.settle()
    assert [(outcome.result, outcome.epoch) for outcome in ended.outcomes] == [(result, 4)]
    assert ended.fractions == [0.5]
    assert error is None or "w" in ended.outcomes[0].why


async def test_cancelled_step_ends_at_a_safe_moment_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(context: StepContext) -> None:
        await context.stop.wait()
        context.demand_going_on()

    ended = Ended(monkeypatch, work)
    ended.carrier.begin(BEGUN)
    await ended.settle()
    ended.carrier.cancel(CancelStep("job-2", 0, at_once=False))
    await ended.settle()
    assert ended.outcomes == []
    ended.carrier.cancel(CancelStep("job-1", 0, at_once=False))
    await ended.settle()
    assert [outcome.result for outcome in ended.outcomes] == ["cancelled"]


async def test_lost_lease_ends_a_step_at_once_and_untold(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []

    async def work(context: StepContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            context.progress(0.9)
            ends.append("ended")

    ended = Ended(monkeypatch, work)
    ended.carrier.begin(BEGUN)
    await ended.settle()
    ended.carrier.cancel(CancelStep("job-1", 0, at_once=True))
    await ended.settle()
    assert (ends, ended.outcomes, ended.fractions) == (["ended"], [], [])
    ended.carrier.begin(BEGUN)
    await ended.settle()
    await ended.carrier.close()
    assert (ends, ended.outcomes) == (["ended", "ended"], [])


def test_entry_is_a_node_that_is_well() -> None:
    def node(name: str, role: str, state: NodeState) -> NodePicture:
        return NodePicture.model_validate(
            {"id": name, "address": f"[::1]:{name}", "role": role, "state": state}
        )

    nodes = (
        node("1", "primary", NodeState.FAILED),
        node("2", "replica", NodeState.OK),
        node("3", "primary", NodeState.OK),
    )
    assert entry_of(Picture(at_ms=1, nodes=nodes)) == address_of("[::1]:3") == Address("::1", 3)
    with pytest.raises(UnreachableError):
        entry_of(Picture(at_ms=1, nodes=nodes[:1]))
