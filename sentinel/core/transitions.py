"""The steps of a failover as a table: state x event -> next state. What is not in it cannot happen.

`docs/sentinel.md` shows this table; a test holds the two against each other.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from garrison.sentinel.core.instances import State


class Happened(Enum):
    """The events that advance a failover."""

    STARTED = "a failover is tried"
    ELECTED = "this Sentinel leads it"
    CHOSEN = "a replica is chosen"
    CHOSEN_TO_TAKE_OVER = "a replica is chosen, and the primary is to hand over"
    TOLD = "the replica was sent REPLICAOF NO ONE"
    ACCEPTED = "the primary has begun to hand over"
    PROMOTED = "the replica is primary"
    FOLLOWED = "the replicas follow, or time is up"
    SWITCHED = "the new primary is the one that is watched"
    ABORTED = "it was given up"


TABLE: Final[dict[tuple[State, Happened], State]] = {
    (State.NONE, Happened.STARTED): State.WAIT_START,
    (State.WAIT_START, Happened.ELECTED): State.SELECT,
    (State.SELECT, Happened.CHOSEN): State.PROMOTE,
    (State.SELECT, Happened.CHOSEN_TO_TAKE_OVER): State.HAND_OVER,
    (State.PROMOTE, Happened.TOLD): State.WAIT_PROMOTION,
    (State.HAND_OVER, Happened.ACCEPTED): State.WAIT_PROMOTION,
    (State.WAIT_PROMOTION, Happened.PROMOTED): State.RECONFIGURE,
    (State.RECONFIGURE, Happened.FOLLOWED): State.UPDATE,
    (State.UPDATE, Happened.SWITCHED): State.NONE,
    (State.WAIT_START, Happened.ABORTED): State.NONE,
    (State.SELECT, Happened.ABORTED): State.NONE,
    (State.PROMOTE, Happened.ABORTED): State.NONE,
    (State.HAND_OVER, Happened.ABORTED): State.NONE,
    (State.WAIT_PROMOTION, Happened.ABORTED): State.NONE,
}


def after(state: State, happened: Happened) -> State:
    """The next state. An illegal pair is an error of ours: AssertionError."""
    following = TABLE.get((state, happened))
    assert following is not None, f"in state {state.value} it cannot be that {happened.value}"
    return following


def as_markdown() -> str:
    """The table as docs/sentinel.md shows it."""
    rows = [
        f"| `{state.value}` | {event.value} | `{following.value}` |"
        for (state, event), following in TABLE.items()
    ]
    return "\n".join(["| state | event | next state |", "|---|---|---|", *rows])
