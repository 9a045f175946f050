"""A failover moves no slots; a reshard does."""

from __future__ import annotations

from garrison.cluster.backup.core.moved_slots import moved_slots

FIRST, SECOND = frozenset(range(10)), frozenset(range(10, 20))


def owned(*parts: tuple[str, range]) -> dict[int, str]:
    return {slot: owner for owner, slots in parts for slot in slots}


def test_nothing_has_moved_where_owners_are_the_same() -> None:
    assert moved_slots([FIRST, SECOND], owned(("a", range(10)), ("b", range(10, 20)))) == set()


def test_failover_is_no_move() -> None:
    assert moved_slots([FIRST, SECOND], owned(("replica", range(10)), ("b", range(10, 20)))) == set()


def test_slots_of_a_reshard_have_moved() -> None:
    assert moved_slots([FIRST, SECOND], owned(("a", range(8)), ("b", range(8, 20)))) == {8, 9}


def test_slot_without_owner_has_not_moved() -> None:
    assert moved_slots([FIRST], owned(("a", range(9)))) == set()
    assert moved_slots([FIRST], {}) == set()
