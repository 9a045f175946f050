"""The step that moves slots."""

from __future__ import annotations

import pytest

from garrison.cluster.core.manager.jobs import Step, StepKind
from garrison.cluster.core.ranges import format_ranges, to_ranges
from garrison.cluster.daemon.step_context import StepContext, UnsureError
from garrison.cluster.daemon.step_moves import move_slots
from garrison.cluster.errors import StoppedError
from tests.unit.cluster.daemon.tiny_cluster import TinySession
from tests.unit.cluster.fake_cluster import FakeCluster

KEYS = {f"key:{number}".encode(): "v" for number in range(60)}


def step_of(cluster: FakeCluster, slots: str, told: list[float]) -> StepContext:
    session = TinySession(cluster=cluster)  # type: ignore[arg-type]
    arguments = {"source": "a" * 40, "target": "b" * 40, "slots": slots}
    entry = next(iter(cluster.nodes.values())).address
    return StepContext(Step(kind=StepKind.MOVE_SLOTS, arguments=arguments), entry, session, told.append)


def cluster_of() -> FakeCluster:
    cluster = FakeCluster.of({"a": range(8192), "b": range(8192, 16384), "c": ()}, KEYS)
    cluster.watch = True
    return cluster


async def test_slots_move_once_and_every_key_is_reached() -> None:
    cluster, told = cluster_of(), list[float]()
    await move_slots(step_of(cluster, "0-99", told))
    assert [slot for slot, owner in cluster.nodes["b" * 40].owners.items() if owner == "b" * 40][:100]
    mine = [slot for slot, owner in cluster.nodes["a" * 40].owners.items() if owner == "a" * 40]
    assert format_ranges(to_ranges(mine)) == "100-8191"
    executed = cluster.executed
    await move_slots(step_of(cluster, "0-99", told))
    assert cluster.executed == executed
    assert told == sorted(told)


async def test_slots_of_a_third_are_not_taken() -> None:
    cluster = cluster_of()
    for node in cluster.nodes.values():
        node.owners[5] = "c" * 40
    with pytest.raises(Exception, match="after the plan was made"):
        await move_slots(step_of(cluster, "0-9", []))


@pytest.mark.parametrize("slots", ["", "x", "9-1", "99999"])
async def test_unreadable_slots_are_refused(slots: str) -> None:
    with pytest.raises(UnsureError):
        await move_slots(step_of(cluster_of(), slots, []))


async def test_stop_comes_before_the_first_mark() -> None:
    cluster = cluster_of()
    step = step_of(cluster, "0-9", [])
    step.stop.set()
    with pytest.raises(StoppedError):
        await move_slots(step)
    assert cluster.executed == 0
