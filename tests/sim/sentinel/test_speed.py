"""From the kill to the new primary: little more than down-after-milliseconds, whatever the moment."""

from __future__ import annotations

import pytest

from .speed import measure


@pytest.mark.parametrize(
    ("down_after_ms", "sentinels", "stopped"), [(500, 3, False), (1_000, 5, False), (1_000, 3, True)]
)
def test_a_failover_takes_little_more_than_down_after(
    down_after_ms: int, sentinels: int, stopped: bool
) -> None:
    for seed in range(1, 6):
        assert measure(seed, down_after_ms, sentinels, stopped=stopped).all_name_it < 800
