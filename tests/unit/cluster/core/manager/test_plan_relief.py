"""A shard beyond a limit gives its hottest slots to others."""

import pytest

from garrison.cluster.core.manager.desired import Balance, DesiredState, Harm, Limits
from garrison.cluster.core.manager.jobs import JobKind, Progress
from tests.unit.cluster.core.manager.cluster_model import ClusterModel, plan_for, settle

QUIET = Balance(enabled=False)


def hot() -> ClusterModel:
    """Three shards; the first uses 0.93 of a core, in nineteen slots, the others 0.1."""
    model = ClusterModel.of(3, 1)
    model.cpu_of = dict.fromkeys(range(0, 180, 10), 0.05) | {500: 0.03} | {6000: 0.1, 12000: 0.1}
    return model


def cpu(model: ClusterModel) -> list[float]:
    return [sum(model.cpu_of.get(slot, 0) for slot in node.slots) for node in model.primaries()]


def test_hot_shard_is_relieved_by_few_slots() -> None:
    model = hot()
    (job,) = settle(model, DesiredState(balance=QUIET))
    assert job.kind is JobKind.RELIEVE
    assert "uses 116% of its limit of 80 % of a core" in job.reason
    assert cpu(model) == pytest.approx([0.68, 0.25, 0.2])


def test_relieved_shard_is_not_filled_again() -> None:
    model = hot()
    jobs = settle(model, DesiredState(balance=Balance(threshold_percent=0)))
    assert [job.kind for job in jobs].count(JobKind.RELIEVE) == 1
    assert max(cpu(model)) <= 0.9 * 0.8 + 1e-9


def test_short_peak_is_not_relieved() -> None:
    desired = DesiredState(balance=QUIET, limits=Limits(load_window_s=60))
    assert plan_for(hot(), desired, held_s=40).jobs == ()
    assert len(plan_for(hot(), desired, held_s=60).jobs) == 1


def test_single_hot_slot_cannot_be_relieved() -> None:
    model = hot()
    model.cpu_of = {5: 0.85, 6: 0.05, 6000: 0.1, 12000: 0.1}
    plan = plan_for(model, DesiredState(balance=QUIET))
    assert plan.jobs == ()
    assert "slot 5 alone 106%: no move of slots relieves it." in plan.explanations[0]


def test_receivers_stay_below_the_limit() -> None:
    model = hot()
    model.cpu_of |= {6000: 0.7, 12000: 0.65}
    settle(model, DesiredState(balance=QUIET))
    assert cpu(model) == pytest.approx([0.88, 0.7, 0.7])
    plan = plan_for(model, DesiredState(balance=QUIET))
    assert "no other shard has room for more: add a shard" in plan.explanations[0]


def test_memory_limit_moves_keys() -> None:
    model = ClusterModel.of(3, 1)
    model.keys_of = dict.fromkeys(range(0, 1000, 10), 10) | {6000: 10, 12000: 10}
    for node in model.nodes.values():
        node.memory_max = 100_000
    settle(model, DesiredState(balance=QUIET))
    keys = [sum(model.keys_of.get(slot, 0) for slot in node.slots) for node in model.primaries()]
    assert keys[0] in (710, 720)
    assert sum(keys) == 1020


def test_relief_ends_with_the_budget() -> None:
    model = ClusterModel.of(2, 0)
    model.cpu_of = dict.fromkeys(range(8192), 1 / 8192)
    harm = Harm(points_per_hour_max=10)
    jobs = settle(model, DesiredState(balance=QUIET, harm=harm))
    assert [job.harm for job in jobs] == [10, 10, 3] or all(job.harm <= 10 for job in jobs)
    assert max(cpu(model)) <= 0.8


def test_too_many_slots_need_no_window() -> None:
    model = ClusterModel.of(2, 0)
    for node, slots in zip(model.primaries(), (range(10_000), range(10_000, 16_384)), strict=True):
        node.slots = set(slots)
    settle(model, DesiredState(balance=QUIET, limits=Limits(slots_max=9_500)), held_s=0)
    assert max(len(node.slots) for node in model.primaries()) <= 9_500


def test_node_that_lies_stops_relief() -> None:
    model = hot()
    model.cpu_of[6000] = float("nan")
    plan = plan_for(model, DesiredState(balance=QUIET))
    assert plan.jobs == ()
    assert any("No shard is relieved" in line for line in plan.explanations)


def test_load_is_measured_anew_before_the_next_relief() -> None:
    """Just after a move the whole load would be laid on the slots that stayed."""
    model = hot()
    job = plan_for(model, DesiredState(balance=QUIET)).jobs[0]
    done = job.model_copy(update={"state": Progress.DONE, "ended_ms": model.now_ms})
    began_ms = model.now_ms
    for later_ms, count in ((0, 0), (19_000, 0), (20_000, 1)):
        model.now_ms = began_ms + later_ms
        plan = plan_for(model, DesiredState(balance=QUIET), ended=(done,))
        assert len(plan.jobs) == count, (later_ms, plan.explanations)
        assert count or "load is measured anew" in plan.explanations[0]
