"""Repairs of open slots: where the keys are decides."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.creation import PlanError
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.core.repair import Repair, plan_repairs, slots_to_examine
from tests.unit.cluster.cluster_views import node, state

A, B, C = "a" * 40, "b" * 40, "c" * 40
THIRD = SLOT_COUNT // 3
RANGES = {"a": range(THIRD), "b": range(THIRD, 2 * THIRD), "c": range(2 * THIRD, SLOT_COUNT)}


def repairs(
    counts: Mapping[int, Mapping[str, int]] | None = None,
    *,
    migrating: Mapping[str, Mapping[int, str]] | None = None,
    importing: Mapping[str, Mapping[int, str]] | None = None,
    without: range = range(0),
    gone: str = "",
) -> tuple[Repair, ...]:
    nodes = [
        node(
            name,
            set(slots) - set(without),
            migrating=(migrating or {}).get(name, {}),
            importing=(importing or {}).get(name, {}),
        )
        for name, slots in RANGES.items()
    ]
    return plan_repairs(state(*nodes, silent=gone), counts or {})


def test_a_healthy_cluster_needs_none() -> None:
    assert repairs() == ()


def test_a_move_with_both_marks_is_finished() -> None:
    found = repairs({5: {A: 3, B: 4}}, migrating={"a": {5: B}}, importing={"b": {5: A}})
    assert found == (Repair(5, "finish", B, (A,)),)


def test_lone_import_mark_is_finished_with_keys_closed_without() -> None:
    assert repairs({5: {A: 3, B: 1}}, importing={"b": {5: A}}) == (Repair(5, "finish", B, (A,)),)
    assert repairs({5: {A: 3}}, importing={"b": {5: A}}) == (Repair(5, "close", A, (), (B,)),)


def test_a_source_marked_alone_is_finished_as_its_target_lives() -> None:
    assert repairs({5: {A: 3}}, migrating={"a": {5: B}}) == (Repair(5, "finish", B, (A,)),)


def test_move_to_dead_node_goes_to_its_heir_or_is_undone() -> None:
    gone = "d" * 40
    assert repairs({5: {A: 3, C: 2}}, migrating={"a": {5: gone}}) == (Repair(5, "finish", C, (A,)),)
    assert repairs({5: {A: 3}}, migrating={"a": {5: gone}}) == (Repair(5, "close", A, (), (A,)),)


def test_unowned_slot_goes_to_most_keys_or_else_the_emptiest() -> None:
    found = repairs({0: {B: 5, C: 2}}, without=range(2))
    assert found == (Repair(0, "assign", B, (C,)), Repair(1, "assign", A))


def test_two_importers_send_everything_to_the_one_with_more_keys() -> None:
    found = repairs({5: {A: 1, B: 2, C: 7}}, importing={"b": {5: A}, "c": {5: A}})
    assert found == (Repair(5, "finish", C, (A, B)),)


def test_slots_without_owner_can_be_left_alone() -> None:
    silent = state(*(node(name, RANGES[name]) for name in "ab"))
    assert plan_repairs(silent, {}, assign_missing=False) == ()


def test_nothing_is_planned_for_a_cluster_that_does_not_answer() -> None:
    with pytest.raises(PlanError, match="no primary answers"):
        plan_repairs(state(node("a", RANGES["a"]), silent="a"), {})


marks = st.dictionaries(st.integers(0, SLOT_COUNT - 1), st.sampled_from([A, B, C, "d" * 40]), max_size=6)


@given(
    migrating=st.fixed_dictionaries(dict.fromkeys(RANGES, marks)),
    importing=st.fixed_dictionaries(dict.fromkeys(RANGES, marks)),
    data=st.data(),
)
def test_each_slot_has_one_repair_that_gathers_all_its_keys(
    migrating: Mapping[str, Mapping[int, str]],
    importing: Mapping[str, Mapping[int, str]],
    data: st.DataObject,
) -> None:
    nodes = [node(n, RANGES[n], migrating=migrating[n], importing=importing[n]) for n in RANGES]
    opened = state(*nodes)
    held = st.dictionaries(st.sampled_from([A, B, C]), st.integers(0, 9))
    counts = {slot: data.draw(held) for slot in slots_to_examine(opened)}
    planned = plan_repairs(opened, counts)
    assert [each.slot for each in planned] == list(slots_to_examine(opened))
    for each in planned:
        holders = {name for name, keys in counts[each.slot].items() if keys}
        assert holders <= {each.target, *each.sources}, "keys would be left behind"
        assert each.target not in each.sources
        marked = {n * 40 for n in RANGES if each.slot in migrating[n] or each.slot in importing[n]}
        assert marked <= {each.target, *each.sources, *each.clear}, "a mark would be left behind"


def test_keys_beside_their_owner_are_brought_to_it() -> None:
    assert repairs({5: {A: 3}, 6: {A: 1, C: 2}, 7: {}}) == (Repair(6, "finish", A, (C,)),)
