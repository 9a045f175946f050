"""What the last act promises, and when it does not hold."""

from __future__ import annotations

from garrison.cluster.demo.files_act import BACK_S_MAX, promises


def test_promises_hold_for_a_quick_return_without_a_loss() -> None:
    assert all(row.holds for row in promises(1.0, 0))


def test_loss_or_a_slow_return_breaks_a_promise() -> None:
    assert [row.holds for row in promises(BACK_S_MAX + 1, 0)] == [False, True]
    assert [row.holds for row in promises(1.0, 1)] == [True, False]
