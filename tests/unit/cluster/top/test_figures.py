"""Figures in few columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.top import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0"), (9_999, "9999"), (10_000, "10.0k"), (999_499, "999k"), (999_500, "1.00M")],
)
def test_count(value: float | None, text: str) -> None:
    assert figures.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (512, "512B"), (1023, "1.00K"), (1536, "1.50K"), (1 << 30, "1.00G")]
)
def test_size(value: float | None, text: str) -> None:
    assert figures.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0us"), (999.4, "999us"), (999.6, "1.0ms"), (12_300, "12ms"), (3_400_000, "3.4s")],
)
def test_microseconds(value: float | None, text: str) -> None:
    assert figures.microseconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (20, "20ms"), (1_500, "1.5s"), (90_000, "90s")])
def test_milliseconds(value: float | None, text: str) -> None:
    assert figures.milliseconds(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (200_000, "2 days")]
)
def test_age(seconds: float, text: str) -> None:
    assert figures.age(seconds) == text


def test_percent() -> None:
    assert [figures.percent(value) for value in (None, 0.0, 0.987, 2.5)] == ["-", "0%", "99%", "250%"]


@given(st.floats(0, 1e14))
def test_figures_fit_their_columns(value: float) -> None:
    assert len(figures.count(value)) <= 5
    assert len(figures.size(value)) <= 5


@given(st.floats(0, 9e8))
def test_durations_fit_their_columns(value: float) -> None:
    assert len(figures.microseconds(value)) <= 5
