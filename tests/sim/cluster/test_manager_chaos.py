"""Two managers under faults: at most one leads, and nobody does what a superseded one says."""

from __future__ import annotations

import pytest

from .manager_chaos import ManagerChaos

SEEDS_MIN = 2
SEEDS_SHARE = 5


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    asked = int(metafunc.config.getoption("--sim-seeds"))
    metafunc.parametrize("seed", range(1, max(asked // SEEDS_SHARE, SEEDS_MIN) + 1))


@pytest.mark.timeout(120)
def test_at_most_one_manager_acts(seed: int) -> None:
    run = ManagerChaos(seed)
    run.run()
    assert len(run.elections) > 1
    assert run.acts > 0
    assert run.record > (0, 0)
