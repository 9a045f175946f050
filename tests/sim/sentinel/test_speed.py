"""From the kill to the new primary: little more than down-after-milliseconds, whatever the moment."""

from __future__ import annotations

import pytest

from .speed import measure


@pytest.mark.parametrize(("down_after_ms", "sentinels"), [(500, 3), (1_000, 5)])
def test_a_failover_takes_little_more_than_down_after(down_after_ms: int, sentinels: int) -> None:
    for seed in range(1, 6):
        assert measure(seed, down_after_ms, sentinels).all_name_it < 1_000
