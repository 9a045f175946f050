"""What steps have spent of the budget of harm."""

from garrison.cluster.core.manager.desired import Harm
from garrison.cluster.core.manager.harm_budget import spent, why_too_much, with_begun_again, with_spent
from garrison.cluster.core.manager.jobs import Records

HARM = Harm(points_per_hour_max=100)
HOUR_MS = 3_600_000
NOW_MS = 1_800_000_000_000


def test_what_was_spent_counts_for_an_hour() -> None:
    records = with_spent(Records(), 70, NOW_MS)
    assert spent(records, NOW_MS + HOUR_MS) == 70
    assert spent(records, NOW_MS + HOUR_MS + 60_001) == 0
    assert why_too_much(records, HARM, 31, NOW_MS) != ""
    assert why_too_much(records, HARM, 30, NOW_MS) == ""


def test_entries_of_a_faster_clock_count() -> None:
    assert spent(with_spent(Records(), 5, NOW_MS + 50_000), NOW_MS) == 5


def test_past_entries_are_dropped() -> None:
    records = with_spent(with_spent(Records(), 5, NOW_MS), 6, NOW_MS + 2 * HOUR_MS)
    assert [cost for _, cost in records.harm_spent] == [6]


def test_what_costs_nothing_leaves_no_entry() -> None:
    assert with_spent(Records(), 0, NOW_MS) == Records()


def test_step_that_goes_on_counts_from_now() -> None:
    records = with_begun_again(with_spent(Records(), 90, NOW_MS), HARM, 90, NOW_MS, NOW_MS + 60_000)
    assert isinstance(records, Records)
    assert records.harm_spent == ((NOW_MS + 60_000, 90),)


def test_step_of_another_hour_is_paid_again() -> None:
    later_ms = NOW_MS + 2 * HOUR_MS
    full = with_spent(with_spent(Records(), 90, NOW_MS), 20, later_ms)
    assert isinstance(with_begun_again(full, HARM, 90, NOW_MS, later_ms), str)
