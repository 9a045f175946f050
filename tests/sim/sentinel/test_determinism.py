"""A failing run is one number: the same seed gives the same run, message for message."""

from __future__ import annotations

import pytest

from .chaos import Chaos


@pytest.mark.parametrize("seed", [3, 4])
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    runs = []
    for _ in range(2):
        chaos = Chaos(seed)
        chaos.run(15_000)
        disks = [host.disk for host in chaos.sim.sentinels.values()]
        runs.append((chaos.sim.lines, chaos.sim.network.delivered, disks))
    assert runs[0] == runs[1]
    assert len(runs[0][0]) > 20
