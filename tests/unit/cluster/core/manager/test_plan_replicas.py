"""Failed replicas are replaced, missing ones added."""

import pytest

from garrison.cluster.core.manager.desired import DesiredState, NodeWish
from garrison.cluster.core.manager.jobs import JobKind, StepKind
from tests.unit.cluster.core.manager.cluster_model import ClusterModel, plan_for, settle


def node_id(index: int) -> str:
    return f"{index:040x}"


def test_failed_replica_is_replaced_by_spare() -> None:
    model = ClusterModel.of(3, 1, spares=1)
    model.fail(node_id(4))
    (job,) = plan_for(model, DesiredState(spares=model.spare_addresses)).jobs
    assert job.kind is JobKind.REPLACE_REPLICA
    assert [step.kind for step in job.steps] == [
        StepKind.MEET,
        StepKind.REPLICATE,
        StepKind.FORGET,
        StepKind.VERIFY,
    ]
    assert "120 s" in job.reason
    assert job.harm == 5
    assert "CLUSTER REPLICATE" in job.command


@pytest.mark.parametrize("failed", [4, 1])
@pytest.mark.parametrize("asked", [None, 1])
def test_replacement_makes_whole_again(failed: int, asked: int | None) -> None:
    model = ClusterModel.of(3, 1, spares=1)
    desired = DesiredState(spares=model.spare_addresses, replicas_per_shard=asked)
    model.fail(node_id(failed))
    assert len(settle(model, desired)) == 1
    assert [model.copies_of(node.id) for node in model.primaries()] == [2, 2, 2]
    assert node_id(failed) not in model.nodes


def test_short_failure_waits() -> None:
    model = ClusterModel.of(3, 1, spares=1)
    model.fail(node_id(4))
    plan = plan_for(model, DesiredState(spares=model.spare_addresses), held_s=40)
    assert plan.jobs == ()
    assert plan.explanations == ("10.0.0.5:7004 has been seen failed for 40 s; it is replaced after 60 s.",)


def test_without_spare_the_dead_node_stays_known() -> None:
    model = ClusterModel.of(3, 1)
    model.fail(node_id(4))
    plan = plan_for(model, DesiredState())
    assert plan.jobs == ()
    assert "no spare is free" in plan.explanations[0]


def test_surplus_replica_comes_to_help() -> None:
    model = ClusterModel.of(3, 1)
    model.nodes["extra"] = ClusterModel.of(1, 0).nodes[node_id(0)]
    model.nodes["extra"].id, model.nodes["extra"].address = "extra", "10.0.9.9:7000"
    model.nodes["extra"].slots, model.nodes["extra"].primary = set(), node_id(0)
    model.fail(node_id(4))
    model.copies_wanted = 2
    (job,) = settle(model, DesiredState(replicas_per_shard=1))
    assert [model.copies_of(node.id) for node in model.primaries()] == [2, 2, 2]
    assert "more than asked for" in job.reason


def test_surplus_is_not_taken_where_nothing_is_asked_for() -> None:
    model = ClusterModel.of(2, 2)
    model.fail(node_id(3))
    assert plan_for(model, DesiredState()).jobs == ()


def test_dead_node_beyond_what_is_asked_for_is_forgotten() -> None:
    model = ClusterModel.of(3, 2)
    model.fail(node_id(4))
    (job,) = settle(model, DesiredState(replicas_per_shard=1))
    assert [step.kind for step in job.steps] == [StepKind.FORGET, StepKind.VERIFY]


def test_spare_on_a_free_host_is_preferred() -> None:
    model = ClusterModel.of(3, 1, spares=2)
    first, second = model.spare_addresses
    nodes = {first: NodeWish(host="10.0.0.2"), second: NodeWish(host="elsewhere")}
    model.fail(node_id(4))
    (job,) = plan_for(model, DesiredState(spares=model.spare_addresses, nodes=nodes)).jobs
    assert job.steps[0].arguments["address"] == second


def test_missing_replicas_are_added_from_spares() -> None:
    model = ClusterModel.of(3, 0, spares=4)
    jobs = settle(model, DesiredState(spares=model.spare_addresses, replicas_per_shard=1))
    assert {job.kind for job in jobs} == {JobKind.SCALE_OUT}
    assert [model.copies_of(node.id) for node in model.primaries()] == [2, 2, 2]
    assert len(model.outside) == 1
