"""Rings of figures."""

from __future__ import annotations

from garrison.cluster.core.manager.picture import NodeLoad, NodePicture, Picture
from garrison.cluster.core.manager.series import POINTS_KEPT_MAX, POINTS_SHOWN_MAX, STEP_MS, SeriesKeeper


def picture(at_ms: int, *loads: float | None) -> Picture:
    nodes = tuple(
        NodePicture(id=str(n), address="h:1", role="primary", load=NodeLoad(ops_per_s=ops, p99_us=ops))
        for n, ops in enumerate(loads)
    )
    return Picture(at_ms=at_ms, nodes=nodes)


def test_whole_is_sum_or_worst() -> None:
    keeper = SeriesKeeper()
    keeper.add(picture(STEP_MS, 1.0, 2.0, None))
    series = keeper.last(15, STEP_MS)
    assert (series.whole["ops_per_s"], series.whole["p99_us"]) == ([3.0], [2.0])
    assert series.nodes["0"]["ops_per_s"] == [1.0]


def test_clock_set_back_drops_what_is_later() -> None:
    """Otherwise the charts would stand still until the clock is past its old time again."""
    keeper = SeriesKeeper()
    for step, ops in ((1, 1.0), (900, 2.0), (901, 3.0), (2, 4.0), (3, 5.0)):
        keeper.add(picture(step * STEP_MS, ops))
    assert keeper.last(15, 3 * STEP_MS).whole["ops_per_s"] == [1.0, 4.0, 5.0]


def test_late_node_has_gaps_and_gone_node_leaves() -> None:
    keeper = SeriesKeeper()
    keeper.add(picture(STEP_MS, 1.0))
    keeper.add(picture(STEP_MS + 10, 9.0))
    keeper.add(picture(2 * STEP_MS, 1.0, 2.0))
    series = keeper.last(15, 2 * STEP_MS)
    assert series.at_ms == [STEP_MS, 2 * STEP_MS]
    assert series.nodes["1"]["ops_per_s"] == [None, 2.0]
    for number in range(POINTS_KEPT_MAX + 1):
        keeper.add(picture((3 + number) * STEP_MS, 1.0))
    assert set(keeper.last(15, (3 + POINTS_KEPT_MAX) * STEP_MS).nodes) == {"0"}


def test_answer_is_bounded() -> None:
    keeper = SeriesKeeper()
    for number in range(POINTS_KEPT_MAX + 50):
        keeper.add(picture(number * STEP_MS, float(number)))
    now = (POINTS_KEPT_MAX + 49) * STEP_MS
    series = keeper.last(15, now)
    assert len(series.at_ms) <= POINTS_SHOWN_MAX
    assert len(series.at_ms) == len(series.nodes["0"]["ops_per_s"])
    assert len(keeper.last(1, now).at_ms) == 60_000 // STEP_MS + 1
