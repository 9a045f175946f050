"""Callers under each kind of fault, a few seeds of each: what they were acknowledged survives."""

from __future__ import annotations

import pytest

from .scenario import KINDS, Scenario

SEEDS_PER_KIND = 1
SEEDS_SHARE = 10
"""A run takes some ten times as long as one of chaos: `make sim SEEDS=200` runs 20 of each kind."""
SHORTENED = 2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    asked = int(metafunc.config.getoption("--sim-seeds"))
    seeds = range(1, max(asked // SEEDS_SHARE, SEEDS_PER_KIND) + 1)
    metafunc.parametrize(("kind", "seed"), [(kind, seed) for kind in KINDS for seed in seeds])


@pytest.mark.timeout(300)
def test_acknowledged_operations_survive_faults(kind: str, seed: int) -> None:
    run = Scenario(seed, kind, shortened=SHORTENED)
    run.run()
    assert sum(caller.operations for caller in run.callers) > 100
    assert run.moved_slots > 0
