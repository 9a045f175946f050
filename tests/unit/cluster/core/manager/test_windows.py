"""Windows in local time, over midnight and when clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.manager.desired import WEEKDAYS, Window
from garrison.cluster.core.manager.jobs import JobKind
from garrison.cluster.core.manager.windows import is_open, may_begin_ms, next_opening_ms

BERLIN = ZoneInfo("Europe/Berlin")


def window(**words: object) -> Window:
    return Window.model_validate({"timezone": "Europe/Berlin"} | words)


def at(text: str, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp() * 1000)


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2026-11-27T21:59", False),
        ("2026-11-27T22:00", True),
        ("2026-11-28T03:59", True),
        ("2026-11-28T04:00", False),
        ("2026-11-28T22:00", False),
    ],
)
def test_window_over_midnight_belongs_to_its_first_day(moment: str, opened: bool) -> None:
    assert is_open(window(days=["fri"], begins="22:00", ends="04:00"), at(moment)) is opened


def test_equal_times_are_a_whole_day() -> None:
    whole = window(days=["sun"], begins="06:00", ends="06:00")
    assert not is_open(whole, at("2026-11-29T05:59"))
    assert is_open(whole, at("2026-11-29T06:00"))
    assert is_open(whole, at("2026-11-30T05:59"))
    assert not is_open(whole, at("2026-11-30T06:00"))


def test_lost_hour_shifts_a_window() -> None:
    """On 2026-03-29 the hour from two to three does not exist in Berlin."""
    night = window(begins="02:15", ends="02:45")
    assert next_opening_ms(night, at("2026-03-29T00:00")) == at("2026-03-29T03:15")
    assert is_open(night, at("2026-03-29T03:30"))
    assert not is_open(night, at("2026-03-29T03:45"))


def test_repeated_hour_is_inside_both_times() -> None:
    """On 2026-10-25 the hour from two to three comes twice in Berlin."""
    night = window(begins="02:00", ends="03:00")
    assert is_open(night, at("2026-10-25T02:30"))
    assert is_open(night, at("2026-10-25T02:30", fold=1))
    assert not is_open(night, at("2026-10-25T03:00"))


def test_next_opening_of_another_weekday() -> None:
    assert next_opening_ms(window(days=["mon"], begins="01:00", ends="02:00"), at("2026-11-30T02:00")) == at(
        "2026-12-07T01:00"
    )


def test_window_without_days_never_opens() -> None:
    assert next_opening_ms(window(days=[]), at("2026-11-30T02:00")) is None


def test_job_may_begin_in_its_windows_only() -> None:
    now_ms = at("2026-11-30T12:00")
    assert may_begin_ms([], JobKind.BACKUP, now_ms) == now_ms
    night = window(begins="02:00", ends="03:00")
    noon = window(begins="11:00", ends="13:00", jobs=["backup"])
    assert may_begin_ms([night, noon], JobKind.BACKUP, now_ms) == now_ms
    assert may_begin_ms([night, noon], JobKind.UPGRADE, now_ms) == at("2026-12-01T02:00")
    assert may_begin_ms([noon], JobKind.UPGRADE, now_ms) is None


@given(
    st.integers(1_700_000_000_000, 1_900_000_000_000),
    st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True),
    st.times().map(lambda each: each.replace(second=0, microsecond=0, fold=0)),
    st.times().map(lambda each: each.replace(second=0, microsecond=0, fold=0)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_next_opening_is_the_first_open_moment(
    now_ms: int, days: list[str], begins: object, ends: object, zone: str
) -> None:
    each = window(days=days, begins=begins, ends=ends, timezone=zone)
    opening = next_opening_ms(each, now_ms)
    assert opening is not None
    assert is_open(each, opening)
    assert is_open(each, now_ms) is (opening == now_ms)
    if opening > now_ms:
        assert not is_open(each, opening - 1)
        assert not is_open(each, (now_ms + opening) // 2)
