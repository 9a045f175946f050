"""A failing run is one number: the same seed gives the same run, frame for frame."""

from __future__ import annotations

from .chaos import Chaos
from .scenario import Scenario


def test_the_same_seed_gives_the_same_run() -> None:
    runs = []
    for _ in range(2):
        chaos = Chaos(7)
        chaos.run(8_000)
        runs.append((chaos.sim.lines, chaos.sim.network.frames, chaos.sim.checks.writes))
    assert runs[0] == runs[1]
    assert runs[0][2] > 0
    assert len(runs[0][0]) > 20


def test_same_seed_of_a_scenario_gives_the_same_trace() -> None:
    runs = []
    for _ in range(2):
        run = Scenario(3, "flows", shortened=4)
        run.run()
        operations = [(caller.operations, caller.errors) for caller in run.callers]
        runs.append((run.sim.lines, run.sim.network.frames, run.sim.now_ms, run.notes, operations))
    assert runs[0] == runs[1]
    assert runs[0][1] > 1000
    assert runs[0][4][0][0] > 0
