"""Links to peers that cannot be reached, seen on one node of a simulated cluster."""

from __future__ import annotations

import pytest

from garrison.node.core.heartbeat import DIAL_PAUSE_FAILED_MS_MAX
from garrison.node.core.nodes import Node
from tests.sim.cluster.simulation import Simulation

TIMEOUT_MS = 1000


@pytest.fixture
def sim() -> Simulation:
    simulation = Simulation(3, nodes=6, timeout_ms=TIMEOUT_MS)
    simulation.form(3)
    simulation.run(1000)
    return simulation


def dials(sim: Simulation, monkeypatch: pytest.MonkeyPatch, viewer: str, name: str) -> list[int]:
    """When `viewer` dials `name` from now on, in milliseconds."""
    context = sim.nodes[viewer].core.context
    open_link, times = context.open_link, list[int]()

    def counted(node: Node) -> None:
        if node.node_id == sim.id(name):
            times.append(context.now_ms)
        open_link(node)

    monkeypatch.setattr(context, "open_link", counted)
    return times


def test_dead_peer_is_dialled_less_and_less_often(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    times = dials(sim, monkeypatch, "B", "A")
    sim.nodes["A"].crash()
    sim.run(TIMEOUT_MS)
    assert 3 <= len(times) <= 10
    sim.run(3 * DIAL_PAUSE_FAILED_MS_MAX)
    before = len(times)
    sim.run(3 * DIAL_PAUSE_FAILED_MS_MAX)
    assert 2 <= len(times) - before <= 7
    pauses = [later - earlier for earlier, later in zip(times[before:], times[before + 1 :], strict=False)]
    assert len(set(pauses)) > 1, "no jitter"


def test_suspect_without_a_verdict_is_dialled_every_quarter(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = dials(sim, monkeypatch, "B", "A")
    for name in "AC":
        sim.nodes[name].crash()
    sim.run(2 * TIMEOUT_MS)
    before = len(times)
    sim.run(2 * TIMEOUT_MS)
    assert 2 * 3 <= len(times) - before <= 2 * 8


def test_peer_that_returns_is_dialled_at_once(sim: Simulation) -> None:
    sim.nodes["A"].crash()
    sim.run(3 * DIAL_PAUSE_FAILED_MS_MAX)
    row = sim.nodes["B"].core.context.table.by_id[sim.id("A")]
    assert row.outbound is None
    sim.nodes["A"].start()
    assert sim.run_until(lambda: row.outbound is not None and row.outbound.up, 500, 10)
    assert row.dials == 0
