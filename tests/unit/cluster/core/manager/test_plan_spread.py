"""Copies of a shard stand on different hosts and in different zones."""

from __future__ import annotations

from collections import Counter

from garrison.cluster.core.manager.desired import DesiredState, NodeWish
from garrison.cluster.core.manager.jobs import JobKind, StepKind
from tests.unit.cluster.core.manager.cluster_model import ClusterModel, plan_for, settle


def crowded(spares: int) -> ClusterModel:
    """Three shards of two; the second node of the first two shards is on the host of its primary."""
    model = ClusterModel.of(3, 1, spares=spares)
    nodes = list(model.nodes.values())
    for primary, replica in ((nodes[0], nodes[3]), (nodes[1], nodes[4])):
        primary.host = replica.host = f"of-{primary.address}"
    return model


def shared_hosts(model: ClusterModel) -> int:
    found = Counter((n.primary or n.id, n.host or n.address) for n in model.nodes.values())
    return sum(count - 1 for count in found.values())


def test_spare_takes_the_place_of_a_crowded_replica() -> None:
    model = crowded(spares=2)
    jobs = settle(model, DesiredState(spares=model.spare_addresses))
    assert [job.kind for job in jobs] == [JobKind.SPREAD, JobKind.SPREAD]
    assert shared_hosts(model) == 0
    assert "is on the host of-10.0.0.1:7000 with 1 more of its shard" in jobs[0].reason


def test_replicas_swap_while_a_spare_helps_out() -> None:
    model = crowded(spares=1)
    (spare,) = model.outside
    nodes = {spare: NodeWish(host="of-10.0.0.1:7000")}
    (first, *_) = plan_for(model, DesiredState(spares=(spare,), nodes=nodes)).jobs
    assert first.title.startswith("swap ")
    assert [step.kind for step in first.steps].count(StepKind.REPLICATE) == 3
    settle(model, DesiredState(spares=(spare,), nodes=nodes))
    assert shared_hosts(model) == 0
    assert spare in model.outside


def test_without_spare_nothing_is_swapped() -> None:
    model = crowded(spares=0)
    plan = plan_for(model, DesiredState())
    assert plan.jobs == ()
    assert "add one to `spares`" in plan.explanations[0]


def test_one_host_for_all_is_left_alone() -> None:
    assert plan_for(ClusterModel.of(3, 1, hosts=1), DesiredState()).jobs == ()


def test_zones_are_used_evenly() -> None:
    model = ClusterModel.of(3, 1, spares=1)
    for node in model.nodes.values():
        node.zone = "a" if node.id.endswith(("0", "3")) else ("b" if node.primary else "a")
    (spare,) = model.outside
    desired = DesiredState(spares=(spare,), zones=("a", "b"), nodes={spare: NodeWish(zone="b")})
    (job,) = plan_for(model, desired).jobs
    assert "is in the zone a with 1 more of the 2 of its shard" in job.reason


def test_primaries_on_one_host_are_handed_over() -> None:
    model = ClusterModel.of(4, 1)
    for index, node in enumerate(model.nodes.values()):
        node.host = "left" if index < 4 else "right"
    jobs = settle(model, DesiredState())
    assert [job.steps[0].kind for job in jobs] == [StepKind.HAND_OVER] * 2
    assert Counter(node.host for node in model.primaries()) == {"left": 2, "right": 2}
