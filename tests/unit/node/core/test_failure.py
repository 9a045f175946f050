"""Suspicion, verdict and lease, seen on one node of a simulated cluster."""

from __future__ import annotations

import pytest

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core.effects import Send
from tests.sim.cluster.simulation import Simulation

TIMEOUT_MS = 1000


@pytest.fixture
def sim() -> Simulation:
    simulation = Simulation(3, nodes=6, timeout_ms=TIMEOUT_MS)
    simulation.form(3)
    simulation.run(1000)
    return simulation


def row(sim: Simulation, viewer: str, name: str) -> object:
    return sim.nodes[viewer].core.context.table.by_id[sim.id(name)]


def flags(sim: Simulation, viewer: str, name: str) -> int:
    return sim.nodes[viewer].core.context.table.by_id[sim.id(name)].flags


def test_silence_is_suspected_at_the_deadline_and_not_before(sim: Simulation) -> None:
    sim.nodes["A"].crash()
    sim.run(TIMEOUT_MS - 100)
    assert not flags(sim, "B", "A") & (fl.PFAIL | fl.FAIL)
    sim.run(150)
    assert flags(sim, "B", "A") & (fl.PFAIL | fl.FAIL)


def test_the_verdict_needs_a_majority(sim: Simulation) -> None:
    """B alone loses A: it suspects, and nobody follows."""
    sim.network.cut |= {("A", "B"), ("B", "A")}
    sim.run(4 * TIMEOUT_MS)
    assert flags(sim, "B", "A") & fl.PFAIL
    assert not flags(sim, "B", "A") & fl.FAIL
    assert not flags(sim, "C", "A") & (fl.PFAIL | fl.FAIL)
    assert sim.nodes["B"].command("COUNT-FAILURE-REPORTS", sim.id("A")) == "0"
    assert sim.nodes["C"].command("COUNT-FAILURE-REPORTS", sim.id("A")) == "1"


def test_a_pause_of_our_own_makes_nobody_suspect(sim: Simulation) -> None:
    """B is stopped for ten timeouts; awake, its timer fires before it has read a single frame."""
    node = sim.nodes["B"]
    node.core.take()
    late = node.now_ms() + 10 * TIMEOUT_MS
    node.core.tick(late, node.facts())
    node.core.tick(late + 100, node.facts())
    assert not any(n.is_suspect() for n in node.core.context.table)


def test_a_starved_node_is_slow_to_suspect(sim: Simulation) -> None:
    """Ticks that come every 400 ms count as 100 ms each: silence is measured in turns, not by the wall."""
    node = sim.nodes["B"]
    now = node.now_ms()
    for turn in range(1, 8):
        node.core.tick(now + 400 * turn, node.facts())
    assert not any(n.is_suspect() for n in node.core.context.table)
    for turn in range(8, 20):
        node.core.tick(now + 400 * turn, node.facts())
    node.core.tick(now + 400 * 19 + 100, node.facts())
    assert any(n.is_suspect() for n in node.core.context.table)


def test_the_lease_ends_before_the_others_may_elect(sim: Simulation) -> None:
    node = sim.nodes["A"]
    for other in "BCDEF":
        sim.network.cut |= {("A", other), (other, "A")}
    cut_ms = sim.now_ms
    assert node.writes_until_ms - node.clock_ms <= cut_ms + TIMEOUT_MS - 100
    assert node.may_write()
    assert sim.run_until(lambda: not sim.nodes["D"].core.is_replica, 5000, step_ms=1)
    assert node.writes_until_ms - node.clock_ms < sim.now_ms
    assert not node.may_write()


def test_a_woken_primary_writes_only_after_hearing_the_majority(sim: Simulation) -> None:
    """Nobody replaced A (its replica was dead): awake after two timeouts it has no lease at first."""
    sim.nodes["D"].crash()
    sim.run(100)
    node = sim.nodes["A"]
    node.pause()
    sim.run(2 * TIMEOUT_MS)
    node.paused = False
    assert not node.may_write()
    node.paused = True
    node.resume()
    assert sim.run_until(node.may_write, 6000)


def test_a_pong_to_a_suspect_refuses_the_lease(sim: Simulation) -> None:
    b = sim.nodes["B"]
    table = b.core.context.table
    suspect = table.by_id[sim.id("A")]
    suspect.flags |= fl.PFAIL
    assert suspect.inbound is not None
    ping = bus.Frame(bus.PING, sim.id("A"), 7000, 17000, config_epoch=1, ip="10.0.0.1", flags=fl.PRIMARY)
    ping.slots = suspect.slots.to_bytes(2048, "little")
    b.core.frame(suspect.inbound.link_id, bus.encode(ping), b.now_ms())
    pongs = [bus.decode(action.data) for action in b.core.take().wire if isinstance(action, Send)]
    (pong,) = [frame for frame in pongs if frame.type == bus.PONG]
    about_receiver = [entry for entry in pong.gossip if entry.node_id == sim.id("A")]
    assert [entry.flags & (fl.PFAIL | fl.FAIL) for entry in about_receiver] == [fl.PFAIL]


def test_a_replica_without_data_does_not_stand(sim: Simulation) -> None:
    """D restarts and cannot reach its primary for the data; then the primary dies."""
    sim.nodes["D"].crash()
    sim.nodes["D"].start()
    sim.network.cut |= {("A", "D"), ("D", "A")}
    sim.run(200)
    sim.nodes["A"].crash()
    sim.run(6000)
    assert sim.nodes["D"].core.is_replica
    assert any("no whole copy" in line for line in sim.lines)


def test_a_replica_that_must_not_fail_over_does_not(sim: Simulation) -> None:
    node = sim.nodes["D"]
    node.core.configure(node.settings.with_changes(cluster_replica_no_failover=True), node.now_ms())
    sim.run(500)
    assert "nofailover" in sim.nodes["B"].command("NODES")
    sim.nodes["A"].crash()
    sim.run(6000)
    assert node.core.is_replica


def test_writes_resume_within_1_5_timeouts_after_a_kill(sim: Simulation) -> None:
    sim.nodes["A"].crash()
    began = sim.now_ms
    assert sim.run_until(sim.nodes["D"].may_write, 10_000, step_ms=5)
    assert sim.now_ms - began < TIMEOUT_MS + 500
