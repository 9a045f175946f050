"""Nodes are emptied without a copy less."""

import pytest

from garrison.cluster.core.manager.desired import DesiredState, NodeWish
from garrison.cluster.core.manager.jobs import JobKind, StepKind
from tests.unit.cluster.core.manager.cluster_model import ClusterModel, plan_for, settle


def drained(model: ClusterModel, *indexes: int, **wishes: object) -> DesiredState:
    nodes = {model.nodes[f"{index:040x}"].address: NodeWish(drain=True) for index in indexes}
    return DesiredState.model_validate({"nodes": nodes, "spares": model.spare_addresses} | wishes)


@pytest.mark.parametrize("indexes", [[3], [0], [0, 3], [0, 1, 2]])
def test_spares_take_the_place_of_drained_nodes(indexes: list[int]) -> None:
    model = ClusterModel.of(3, 1, spares=3)
    gone = [model.nodes[f"{index:040x}"].address for index in indexes]
    jobs = settle(model, drained(model, *indexes))
    assert {job.kind for job in jobs} == {JobKind.DRAIN}
    assert set(gone) <= set(model.outside)
    assert [model.copies_of(node.id) for node in model.primaries()] == [2, 2, 2]


def test_drained_primary_hands_over_before_it_goes() -> None:
    model = ClusterModel.of(3, 1, spares=1)
    (job,) = plan_for(model, drained(model, 0)).jobs
    kinds = [step.kind for step in job.steps]
    assert kinds == [
        StepKind.MEET,
        StepKind.REPLICATE,
        StepKind.HAND_OVER,
        StepKind.FORGET,
        StepKind.RESET,
        StepKind.VERIFY,
    ]


def test_without_spare_a_replica_is_not_drained() -> None:
    model = ClusterModel.of(3, 1)
    plan = plan_for(model, drained(model, 3))
    assert plan.jobs == ()
    assert "Add a spare" in plan.explanations[0]


def test_replica_beyond_what_is_asked_for_is_drained() -> None:
    model = ClusterModel.of(3, 2)
    model.copies_wanted = 2
    (job,) = settle(model, drained(model, 3, replicas_per_shard=1))
    assert "REPLICATE" not in job.command


def test_lone_primary_gives_its_slots_away() -> None:
    model = ClusterModel.of(4, 0)
    settle(model, drained(model, 0))
    assert len(model.primaries()) == 3
    assert "10.0.0.1:7000" in model.outside


def test_lone_primary_stays_when_its_shard_is_asked_for() -> None:
    model = ClusterModel.of(4, 0)
    plan = plan_for(model, drained(model, 0, shards=4))
    assert plan.jobs == ()
    assert "4 shards are asked for" in plan.explanations[0]
