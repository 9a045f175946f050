"""The table of a failover's steps: what is not in it raises, and every step can be reached and left."""

from __future__ import annotations

import itertools

import pytest

from garrison.sentinel.core.instances import State
from garrison.sentinel.core.transitions import TABLE, Happened, after, as_markdown

ILLEGAL = [pair for pair in itertools.product(State, Happened) if pair not in TABLE]


@pytest.mark.parametrize(("state", "happened"), ILLEGAL, ids=lambda each: each.name.lower())
def test_what_is_not_in_the_table_raises(state: State, happened: Happened) -> None:
    with pytest.raises(AssertionError, match=f"in state {state.value} it cannot be that"):
        after(state, happened)


def test_what_is_in_the_table_leads_there() -> None:
    assert {after(*pair) for pair in TABLE} == set(State)


@pytest.mark.parametrize("state", State)
def test_from_every_state_there_is_a_way_back_to_peace(state: State) -> None:
    reached, seen = {state}, set()
    while reached:
        seen |= reached
        reached = {to for (at, _), to in TABLE.items() if at in reached} - seen
    assert State.NONE in seen


def test_once_promoted_nothing_is_given_up() -> None:
    for state in (State.RECONFIGURE, State.UPDATE):
        assert (state, Happened.ABORTED) not in TABLE


def test_the_document_shows_every_row() -> None:
    assert len(as_markdown().splitlines()) == len(TABLE) + 2
