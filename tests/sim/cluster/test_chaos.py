"""Random failures, one seed a run: the invariants hold at every step and the cluster converges."""

from __future__ import annotations

import pytest

from .run import run_seed

SEEDS_PER_TEST = 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    seeds = max(int(metafunc.config.getoption("--sim-seeds")), 30)
    metafunc.parametrize("first", range(1, seeds + 1, SEEDS_PER_TEST))


def test_a_cluster_survives_chaos(first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        run_seed(seed)
