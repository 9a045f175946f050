"""Slots spread by weight, in four measures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.manager.desired import Balance, DesiredState, Harm, Limits, NodeWish
from garrison.cluster.core.manager.jobs import Records
from garrison.cluster.core.manager.plan_balance import even_out
from garrison.cluster.core.manager.planner import make_plan
from tests.unit.cluster.core.manager.cluster_model import NOW_MS, ClusterModel, plan_for, settle


def skewed() -> ClusterModel:
    """Three shards; the first has all keys and load, in a few slots."""
    model = ClusterModel.of(3, 1)
    model.keys_of = {slot: 10 + slot % 7 for slot in range(0, 5000, 10)}
    model.cpu_of = dict.fromkeys(range(0, 5000, 10), 0.001)
    return model


def test_slots_are_spread_by_weight() -> None:
    model = ClusterModel.of(3, 1)
    first = next(iter(model.nodes.values()))
    settle(model, DesiredState(nodes={first.address: NodeWish(weight=2)}))
    assert sorted(len(node.slots) for node in model.primaries()) == [4096, 4096, 8192]


def test_reason_has_figures_and_command() -> None:
    model = ClusterModel.of(3, 1)
    first = next(iter(model.nodes.values()))
    (job,) = plan_for(model, DesiredState(nodes={first.address: NodeWish(weight=2)})).jobs
    assert job.reason == "10.0.0.1:7000 has 5,461 slots and its share is 8,192; 5 % off is allowed."
    assert job.command.startswith("garrison cluster reshard 10.0.0.1:7000 --to 10.0.0.1:7000 --ranges ")
    assert job.harm == 28


@pytest.mark.parametrize("by", ["keys", "bytes", "load"])
def test_costs_are_spread_and_then_left_alone(by: str) -> None:
    model = skewed()
    desired = DesiredState(balance=Balance.model_validate({"by": by}))
    (job,) = settle(model, desired)
    keys = [sum(model.keys_of.get(slot, 0) for slot in node.slots) for node in model.primaries()]
    cpu = [sum(model.cpu_of.get(slot, 0) for slot in node.slots) for node in model.primaries()]
    spread = cpu if by == "load" else keys
    assert max(spread) <= 1.05 * sum(spread) / 3
    assert sum(len(step.arguments["slots"]) for step in job.steps) > 0


def test_nearly_even_cluster_is_left_alone() -> None:
    assert plan_for(ClusterModel.of(3, 1), DesiredState()).jobs == ()


def test_disabled_balance_moves_nothing() -> None:
    model = skewed()
    assert plan_for(model, DesiredState(balance=Balance(by="keys", enabled=False))).jobs == ()


def test_rebalance_beyond_the_budget_goes_in_parts() -> None:
    model = ClusterModel.of(2, 0)
    first = next(iter(model.nodes.values()))
    desired = DesiredState(
        nodes={first.address: NodeWish(weight=0)}, harm=Harm(points_per_hour_max=20, hand_over=0)
    )
    jobs = settle(model, desired)
    assert [job.harm for job in jobs] == [20, 20, 20, 20, 2]
    assert first.slots == set()


def test_receiver_without_replica_gets_nothing() -> None:
    model = ClusterModel.of(2, 1)
    del model.nodes[f"{3:040x}"]
    first = next(iter(model.nodes.values()))
    plan = plan_for(model, DesiredState(nodes={first.address: NodeWish(weight=0.5)}))
    assert plan.jobs == ()
    assert "set replicas_per_shard" in plan.explanations[0]


def test_unknown_figure_stops_a_rebalance_by_it() -> None:
    model = ClusterModel.of(3, 1)
    silent = model.picture()
    nodes = tuple(node.model_copy(update={"keys": None}) for node in silent.nodes)
    plan = make_plan(
        DesiredState(balance=Balance(by="keys")),
        silent.model_copy(update={"nodes": nodes}),
        Records(),
        NOW_MS,
    )
    assert plan.explanations == ("A rebalance by keys waits: 10.0.0.1:7000 does not say its keys.",)


def test_short_unevenness_of_load_moves_nothing() -> None:
    desired = DesiredState(balance=Balance(by="load"), limits=Limits(load_window_s=60))
    assert plan_for(skewed(), desired, held_s=40).jobs == ()
    assert len(plan_for(skewed(), desired, held_s=60).jobs) == 1


COSTS = st.dictionaries(st.integers(0, 400), st.floats(0, 100), min_size=1, max_size=40)


@given(
    st.lists(COSTS, min_size=2, max_size=6),
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=6, max_size=6),
    st.sampled_from([0.0, 0.02, 0.2]),
)
def test_evening_out_converges(parts: list[dict[int, float]], chosen: list[float], threshold: float) -> None:
    costs = {
        f"n{index}": {index * 1000 + slot: cost for slot, cost in of.items()}
        for index, of in enumerate(parts)
    }
    weights = dict(zip(costs, chosen, strict=False))
    if not sum(weights.values()):
        weights["n0"] = 1.0
    whole = sum(sum(of.values()) for of in costs.values())
    goals = {name: whole * weights[name] / sum(weights.values()) for name in costs}
    before = {name: abs(sum(of.values()) - goals[name]) for name, of in costs.items()}
    moves = even_out(costs, weights, threshold)
    for move in moves:
        for slot in move.slots:
            costs[move.target][slot] = costs[move.source].pop(slot)
    if all(weights.values()):
        after = {name: abs(sum(of.values()) - goals[name]) for name, of in costs.items()}
        assert all(after[name] <= before[name] + 1e-6 for name in costs), "nobody is farther off than before"
        moved = [slot for move in moves for slot in move.slots]
        assert len(moved) == len(set(moved)), "no slot is moved twice"
        assert even_out(costs, weights, max(threshold, 1e-9)) == []
    else:
        assert all(not costs[name] for name in costs if weights[name] == 0)
