"""Slot sets as numbers, beside the naive model: a Python set."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from garrison.node.core import slots as sl

SETS = st.one_of(
    st.sets(st.integers(0, 16383), max_size=40),
    st.tuples(st.integers(0, 16383), st.integers(0, 16383)).map(lambda p: set(range(min(p), max(p) + 1))),
)


@given(SETS)
def test_a_set_survives_every_form(members: set[int]) -> None:
    slots = sl.from_slots(members)
    assert set(sl.each(slots)) == members
    assert sl.count(slots) == len(members)
    assert sl.from_bitmap(sl.to_bitmap(slots)) == slots
    assert {s for a, b in sl.ranges(slots) for s in range(a, b + 1)} == members


@given(SETS)
def test_ranges_are_ascending_and_maximal(members: set[int]) -> None:
    ranges = sl.ranges(sl.from_slots(members))
    for (_, end), (begin, _) in pairwise(ranges):
        assert end + 1 < begin


@given(SETS, st.integers(0, 16383))
def test_membership(members: set[int], slot: int) -> None:
    assert sl.has(sl.from_slots(members), slot) == (slot in members)


def test_bits_are_where_the_bus_has_them() -> None:
    bitmap = sl.to_bitmap(sl.from_slots([0, 9, 16383]))
    assert (bitmap[0], bitmap[1], bitmap[2047]) == (1, 2, 128)
    assert sum(bitmap) == 131


def test_description() -> None:
    assert sl.describe(sl.from_range(0, 5460) | sl.from_slots([7000])) == "0-5460 7000"
    assert sl.describe(sl.NO_SLOTS) == ""
    assert sl.describe(sl.ALL_SLOTS) == "0-16383"
