"""Points of jobs, and when there is room for them."""

from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.manager.desired import Harm
from garrison.cluster.core.manager.harm import HOUR_MS, cost_of, left, moving, room_at_ms, slots_affordable
from garrison.cluster.core.manager.jobs import Records, Step, StepKind

HARM = Harm()
NOW_MS = 1_800_000_000_000


def step(kind: StepKind, **words: str) -> Step:
    return Step(kind=kind, arguments=words)


def test_prices_are_those_of_the_desired_state() -> None:
    made = [
        step(StepKind.REPLICATE),
        step(StepKind.HAND_OVER),
        step(StepKind.RESTART),
        step(StepKind.BACKUP),
        step(StepKind.FORGET),
        step(StepKind.MOVE_SLOTS, slots="0-98"),
        step(StepKind.MOVE_SLOTS, slots="200,300"),
    ]
    assert cost_of(made, HARM) == 5 + 10 + 5 + 2 + 0 + 2


def test_begun_hundred_counts_whole() -> None:
    assert [moving(slots, HARM) for slots in (0, 1, 100, 101)] == [0, 1, 1, 2]


def test_slots_for_a_budget() -> None:
    assert slots_affordable(7, Harm(slots_moved_100=2)) == 300
    assert slots_affordable(7, Harm(slots_moved_100=0)) is None


def test_room_comes_back_after_an_hour() -> None:
    records = Records(harm_spent=((NOW_MS - 1000, 60), (NOW_MS - HOUR_MS + 5, 30), (NOW_MS - HOUR_MS, 100)))
    assert left(records, HARM, NOW_MS) == 10
    assert room_at_ms(10, records, HARM, NOW_MS) == NOW_MS
    assert room_at_ms(40, records, HARM, NOW_MS) == NOW_MS + 5
    assert room_at_ms(100, records, HARM, NOW_MS) == NOW_MS - 1000 + HOUR_MS
    assert room_at_ms(101, records, HARM, NOW_MS) is None


@given(st.lists(st.integers(1, 100), max_size=30))
def test_no_hour_costs_more_than_the_budget(costs: list[int]) -> None:
    spent: list[tuple[int, int]] = []
    now_ms = NOW_MS
    for cost in costs:
        begun_ms = room_at_ms(cost, Records(harm_spent=tuple(spent)), HARM, now_ms)
        assert begun_ms is not None
        spent.append((begun_ms, cost))
        now_ms = begun_ms
    for begin_ms, _ in spent:
        assert sum(cost for at_ms, cost in spent if begin_ms <= at_ms < begin_ms + HOUR_MS) <= 100
