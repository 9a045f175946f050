"""Properties of the reshard and rebalance plans."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.creation import PlanError
from garrison.cluster.core.ranges import SLOT_COUNT, parse_ranges, to_ranges, to_slots
from garrison.cluster.core.rebalance import plan_rebalance
from garrison.cluster.core.reshard_plan import (
    Move,
    Ownership,
    ReshardPlan,
    apportion,
    plan_reshard,
    plan_slots,
    slot_count,
    take,
)
from garrison.cluster.core.topology import Node
from tests.unit.cluster.cluster_views import node, replica, state


@st.composite
def ownerships(draw: st.DrawFn, primaries_min: int = 2) -> dict[str, frozenset[int]]:
    """Primaries that own all slots in pieces of any size; some may own none."""
    names = [f"node-{index}" for index in range(draw(st.integers(primaries_min, 7)))]
    edges = sorted(draw(st.sets(st.integers(1, SLOT_COUNT - 1), max_size=25)))
    owned: dict[str, set[int]] = {name: set() for name in names}
    for first, after in zip([0, *edges], [*edges, SLOT_COUNT], strict=True):
        owned[draw(st.sampled_from(names))].update(range(first, after))
    return {name: frozenset(slots) for name, slots in owned.items()}


def applied(owned: Ownership, moves: tuple[Move, ...]) -> dict[str, set[int]]:
    """The naive model: carry out the moves, and demand of each that it can be."""
    after = {name: set(slots) for name, slots in owned.items()}
    for move in moves:
        assert set(move.slots) <= after[move.source], "moves a slot that the source does not own"
        assert move.source != move.target
        after[move.source] -= set(move.slots)
        after[move.target] |= set(move.slots)
    return after


@given(ownerships(), st.data())
def test_reshard_moves_exactly_what_was_asked_each_slot_once(
    owned: dict[str, frozenset[int]], data: st.DataObject
) -> None:
    target = data.draw(st.sampled_from(sorted(owned)))
    available = SLOT_COUNT - len(owned[target])
    if not available:
        return
    count = data.draw(st.integers(1, available))
    moves = plan_reshard(owned, count, target)
    moved = Counter(slot for move in moves for slot in move.slots)
    assert slot_count(moves) == count
    assert set(moved.values()) == {1}
    after = applied(owned, moves)
    assert len(after[target]) == len(owned[target]) + count
    assert moves == plan_reshard(dict(reversed(owned.items())), count, target), (
        "depends on the order of a dict"
    )
    for move in moves:
        exact = count * len(owned[move.source]) / available
        assert abs(len(move.slots) - exact) < 1, "a source gives out of proportion"


@given(ownerships(), st.data())
def test_rebalance_reaches_the_weights_with_the_fewest_moves(
    owned: dict[str, frozenset[int]], data: st.DataObject
) -> None:
    weights = {name: float(data.draw(st.integers(0, 4))) for name in owned}
    if not sum(weights.values()):
        return
    plan = plan_rebalance(owned, weights, threshold_percent=0)
    after = applied(owned, plan.moves)
    moved = Counter(slot for move in plan.moves for slot in move.slots)
    assert set(moved.values()) <= {1}, "a slot moves twice"
    whole = sum(weights.values())
    for name, weight in weights.items():
        exact = SLOT_COUNT * weight / whole
        # Differences of one slot are rounding and start no rebalance.
        assert abs(len(after[name]) - exact) < 2
        if not weight:
            assert not after[name]
    if plan.moves:
        assert {name: len(slots) for name, slots in after.items()} == plan.goals
        assert slot_count(plan.moves) == fewest_moves(owned, weights)
    assert plan == plan_rebalance(dict(reversed(owned.items())), weights, threshold_percent=0)
    assert plan_rebalance(after, weights, threshold_percent=0).moves == (), "a second run moves again"


def fewest_moves(owned: Ownership, weights: dict[str, float]) -> int:
    """The naive model: the least sum of surpluses over all ways to round the shares to an exact sum."""
    whole = sum(weights.values())
    floors = {name: int(SLOT_COUNT * weight // whole) for name, weight in weights.items()}
    fractional = [name for name, weight in weights.items() if (SLOT_COUNT * weight) % whole]
    ups = SLOT_COUNT - sum(floors.values())
    base = sum(max(len(owned[name]) - floor, 0) for name, floor in floors.items())
    saved = sorted((1 if len(owned[name]) > floors[name] else 0 for name in fractional), reverse=True)
    return base - sum(saved[:ups])


def test_rebalance_leaves_a_nearly_balanced_cluster_alone() -> None:
    owned = {"a": range(0, 8100), "b": range(8100, SLOT_COUNT)}
    assert plan_rebalance(owned).moves == ()
    assert slot_count(plan_rebalance(owned, threshold_percent=1).moves) == 92


def test_rebalance_fills_an_empty_primary_only_when_asked() -> None:
    owned = {"a": range(SLOT_COUNT), "b": ()}
    assert plan_rebalance(owned).moves == ()
    assert slot_count(plan_rebalance(owned, use_empty=True).moves) == SLOT_COUNT // 2
    assert slot_count(plan_rebalance(owned, {"b": 3}).moves) == SLOT_COUNT * 3 // 4


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"x": 1.0}, "not a primary"), ({"a": -1.0}, "negative"), ({"a": 0.0, "b": 0.0}, "every primary")],
)
def test_rebalance_refuses_senseless_weights(weights: dict[str, float], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        plan_rebalance({"a": range(9), "b": range(9, SLOT_COUNT)}, weights)


@pytest.mark.parametrize(
    ("count", "target", "sources", "message"),
    [
        (0, "a", (), "1 or more"),
        (20, "a", (), "own 5 slots"),
        (1, "a", ("a",), "also a source"),
    ],
)
def test_reshard_refuses_what_cannot_be(
    count: int, target: str, sources: tuple[str, ...], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        plan_reshard({"a": range(5), "b": range(5, 10)}, count, target, sources)


def test_named_slots_move_from_whoever_owns_them() -> None:
    owners = {1: "a", 2: "b", 3: "c"}
    assert plan_slots(owners, [3, 1, 2], "c") == (Move("a", "c", (1,)), Move("b", "c", (2,)))
    with pytest.raises(PlanError, match="slot 4 has no owner"):
        plan_slots(owners, [4], "c")


@given(st.sets(st.integers(0, SLOT_COUNT - 1), max_size=200), st.integers(0, 200))
def test_take_leaves_no_more_ranges_than_there_were(slots: set[int], count: int) -> None:
    taken = take(slots, count)
    assert set(taken) <= slots
    assert len(taken) == min(count, len(slots))
    assert len(to_ranges(slots - set(taken))) <= len(to_ranges(slots))


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 100), min_size=1, max_size=9), st.data())
def test_apportion_is_exact_and_overdraws_nobody(weights: dict[str, int], data: st.DataObject) -> None:
    whole = sum(weights.values())
    if not whole:
        return
    total = data.draw(st.integers(0, whole))
    shares = apportion(total, weights)
    assert sum(shares.values()) == total
    assert all(shares[name] <= weight for name, weight in weights.items())


@given(ownerships(), st.data())
def test_stored_plan_reads_back_as_the_same_moves(
    owned: dict[str, frozenset[int]], data: st.DataObject
) -> None:
    target = data.draw(st.sampled_from(sorted(owned)))
    available = SLOT_COUNT - len(owned[target])
    moves = plan_reshard(owned, min(available, 100), target) if available else ()
    stored = ReshardPlan.of(moves).model_dump_json()
    read = ReshardPlan.model_validate_json(stored)
    assert read == ReshardPlan.of(moves)
    assert [to_slots(parse_ranges(each.slots)) for each in read.moves] == [list(each.slots) for each in moves]


A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
PLAN = ReshardPlan.of([Move(A, B, (0, 1, 2))])


def test_resumed_plan_leaves_out_slots_that_have_moved() -> None:
    assert PLAN.remaining(state(node("a", range(1, 101)), node("b", [0]))) == (Move(A, B, (1, 2)),)
    assert PLAN.remaining(state(node("a", range(3, 101)), node("b", range(0, 3)))) == ()


def test_resumed_plan_follows_a_failed_over_source_and_target() -> None:
    after = state(node("c", range(0, 101)), replica("a", "c"), node("d"), replica("b", "d"))
    assert PLAN.remaining(after) == (Move(C, D, (0, 1, 2)),)


def test_resumed_plan_takes_slots_from_the_heir_of_a_dead_source() -> None:
    assert PLAN.remaining(state(node("c", range(0, 101)), node("b"))) == (Move(C, B, (0, 1, 2)),)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((node("a", range(0, 101)),), "gives slots to b+, which is gone"),
        (
            (node("a", range(2, 101)), node("b"), node("c", range(0, 2))),
            "given to c+ after the plan was made",
        ),
        ((node("a", range(1, 101)), node("b")), "slot 0 has no owner"),
    ],
)
def test_resumed_plan_refuses_another_cluster(nodes: tuple[Node, ...], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        PLAN.remaining(state(*nodes))


@pytest.mark.parametrize("text", ["", "{}", '{"moves": [{"source": "a", "target": "b", "slots": "9-5"}]}'])
def test_damaged_plan_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid JSON|Field required|must rise"):
        ReshardPlan.model_validate_json(text)
