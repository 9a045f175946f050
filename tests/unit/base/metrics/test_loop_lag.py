"""The lag of a loop, on a loop whose time a test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from garrison.base.metrics.loop_lag import PERIOD_S, WINDOW_S, LoopLag


class Clock:
    """The part of a loop that is used; `pass_to` fires the timer that is due, as late as that is."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.due_s = 0.0
        self.fire: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now_s

    def call_at(self, at_s: float, fire: Callable[[], None]) -> Clock:
        self.due_s, self.fire = at_s, fire
        return self

    def cancel(self) -> None:
        self.fire = None

    def late_by(self, seconds: float) -> None:
        assert self.fire is not None
        self.now_s = self.due_s + seconds
        self.fire()


def started() -> tuple[Clock, LoopLag]:
    clock = Clock()
    lag = LoopLag(cast(asyncio.AbstractEventLoop, clock))
    lag.start()
    return clock, lag


def test_largest_lag_is_kept_for_a_window_and_then_forgotten() -> None:
    clock, lag = started()
    clock.late_by(0.0)
    assert lag.seconds == 0.0
    clock.late_by(0.7)
    clock.late_by(0.1)
    assert lag.seconds == pytest.approx(0.7)
    for _ in range(int(WINDOW_S / PERIOD_S)):
        clock.late_by(0.0)
    assert lag.seconds == pytest.approx(0.7)
    for _ in range(2 * int(WINDOW_S / PERIOD_S)):
        clock.late_by(0.0)
    assert lag.seconds == 0.0


def test_the_present_lag_counts_before_its_timer_fires() -> None:
    clock, lag = started()
    clock.now_s = clock.due_s + 2.0
    assert lag.seconds == pytest.approx(2.0)


def test_nothing_is_measured_after_the_stop() -> None:
    clock, lag = started()
    lag.stop()
    assert clock.fire is None
    clock.now_s += 50
    assert lag.seconds == 0.0
