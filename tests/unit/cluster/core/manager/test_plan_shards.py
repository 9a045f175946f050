"""More shards, and fewer."""

import pytest

from garrison.cluster.core.manager.desired import DesiredState, Harm, Limits
from garrison.cluster.core.manager.jobs import JobKind, StepKind
from tests.unit.cluster.core.manager.cluster_model import ClusterModel, plan_for, settle


@pytest.mark.parametrize("replicas", [0, 1, 2])
@pytest.mark.parametrize("asked", [4, 6])
def test_scale_out_takes_spares_with_replicas(replicas: int, asked: int) -> None:
    model = ClusterModel.of(3, replicas, spares=(asked - 3) * (replicas + 1))
    desired = DesiredState(shards=asked, spares=model.spare_addresses, harm=Harm(points_per_hour_max=200))
    jobs = settle(model, desired)
    assert [job.kind for job in jobs] == [JobKind.SCALE_OUT]
    sizes = [len(node.slots) for node in model.primaries()]
    assert len(sizes) == asked
    assert max(sizes) - min(sizes) <= 1
    assert {model.copies_of(node.id) for node in model.primaries()} == {replicas + 1}


def test_new_shard_has_its_replica_before_its_slots() -> None:
    model = ClusterModel.of(3, 1, spares=2)
    (job,) = plan_for(model, DesiredState(shards=4, spares=model.spare_addresses)).jobs
    kinds = [step.kind for step in job.steps]
    assert kinds == [StepKind.MEET, StepKind.MEET, StepKind.REPLICATE] + [StepKind.MOVE_SLOTS] * 3


def test_idle_member_becomes_a_shard() -> None:
    model = ClusterModel.of(3, 0, spares=1)
    (spare,) = model.outside.values()
    model.nodes[spare.id] = spare
    model.outside.clear()
    assert "set `shards`" in plan_for(model, DesiredState()).explanations[0]
    settle(model, DesiredState(shards=4))
    assert len(model.primaries()) == 4


def test_missing_nodes_are_said() -> None:
    model = ClusterModel.of(3, 1, spares=1)
    plan = plan_for(model, DesiredState(shards=4, spares=model.spare_addresses))
    assert plan.jobs == ()
    assert "each needs 2 nodes, and 1 are free" in plan.explanations[0]


@pytest.mark.parametrize("replicas", [0, 1, 2])
@pytest.mark.parametrize("asked", [3, 4])
def test_scale_in_keeps_nodes_as_replicas(replicas: int, asked: int) -> None:
    model = ClusterModel.of(5, replicas)
    jobs = settle(model, DesiredState(shards=asked))
    assert [job.kind for job in jobs] == [JobKind.SCALE_IN] * (5 - asked)
    assert len(model.primaries()) == asked
    assert len(model.nodes) == 5 * (replicas + 1)


def test_scale_in_sets_free_what_nobody_needs() -> None:
    model = ClusterModel.of(4, 1)
    settle(model, DesiredState(shards=3, replicas_per_shard=1))
    assert len(model.nodes) == 6
    assert len(model.outside) == 2


def test_scale_in_goes_in_parts_within_the_budget() -> None:
    model = ClusterModel.of(4, 1)
    jobs = settle(model, DesiredState(shards=3, harm=Harm(points_per_hour_max=30)))
    assert [job.kind for job in jobs] == [JobKind.SCALE_IN] * 3
    assert len(model.primaries()) == 3


def test_scale_in_without_room_is_not_begun() -> None:
    model = ClusterModel.of(4, 0)
    plan = plan_for(model, DesiredState(shards=3, limits=Limits(slots_max=5500)))
    assert plan.jobs == ()
    assert any("stays: the others have room for" in line for line in plan.explanations)
