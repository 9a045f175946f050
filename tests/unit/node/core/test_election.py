"""Votes: to whom a primary gives its vote, to whom not, and that it is synced first."""

from __future__ import annotations

import dataclasses

import pytest

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core import nodes_file
from garrison.node.core.effects import Effects, Send
from garrison.node.core.nodes import Node
from tests.sim.cluster.node import SimNode
from tests.sim.cluster.simulation import Simulation

TIMEOUT_MS = 1000
EPOCH = 50


@pytest.fixture
def sim() -> Simulation:
    """A is dead for long enough, but its replicas D and G are held back; B is the voter under test."""
    simulation = Simulation(5, nodes=7, timeout_ms=TIMEOUT_MS)
    simulation.form(3)
    for name in ("D", "G"):
        node = simulation.nodes[name]
        node.core.configure(node.settings.with_changes(cluster_replica_no_failover=True), node.now_ms())
    simulation.run(1500)
    simulation.nodes["A"].crash()
    simulation.run(TIMEOUT_MS + 400)
    return simulation


def row(sim: Simulation, name: str) -> Node:
    return sim.nodes["B"].core.context.table.by_id[sim.id(name)]


def request(sim: Simulation, candidate: str = "D", **changes: object) -> bus.Frame:
    primary = row(sim, "A")
    frame = bus.Frame(
        bus.AUTH_REQUEST,
        sim.id(candidate),
        current_epoch=EPOCH,
        config_epoch=primary.config_epoch,
        offset=100,
        slots=primary.slots.to_bytes(2048, "little"),
        primary_id=primary.node_id,
        flags=fl.REPLICA,
    )
    return dataclasses.replace(frame, **changes)  # type: ignore[arg-type]


def ask(sim: Simulation, frame: bus.Frame) -> Effects:
    """What B does about the request."""
    voter: SimNode = sim.nodes["B"]
    voter.core.take()
    link_id = voter.core.link_accepted("10.0.0.4", "10.0.0.2", voter.now_ms())
    voter.core.frame(link_id, bus.encode(frame), voter.now_ms())
    return voter.core.take()


def frames(effects: Effects) -> list[bus.Frame]:
    return [bus.decode(action.data) for action in effects.wire if isinstance(action, Send)]


def votes(effects: Effects) -> int:
    return sum(frame.type == bus.AUTH_ACK for frame in frames(effects))


def test_a_vote_is_synced_with_its_epoch_and_primary(sim: Simulation) -> None:
    effects = ask(sim, request(sim))
    assert votes(effects) == 1
    assert effects.persist_sync
    assert effects.persist is not None
    assert f"lastVoteEpoch {EPOCH}" in effects.persist
    assert f"lastVoteFor {row(sim, 'A').node_id}" in effects.persist


def test_votes_that_may_still_decide_survive_a_restart(sim: Simulation) -> None:
    voter = sim.nodes["B"]
    row(sim, "C").voted_ms = voter.core.context.now_ms - 100
    ask(sim, request(sim))
    voter.core.context.save(sync=True)
    text = voter.core.take().persist or ""
    assert f"lastVoteFor {sim.id('A')},{sim.id('C')}" in text
    again = nodes_file.load(text)
    assert again.votes_for == [sim.id("A"), sim.id("C")]


def test_one_vote_an_epoch(sim: Simulation) -> None:
    assert votes(ask(sim, request(sim))) == 1
    assert votes(ask(sim, request(sim))) == 0
    assert votes(ask(sim, request(sim, current_epoch=EPOCH - 1))) == 0


def test_second_replica_waits_but_same_candidate_may_ask_again(sim: Simulation) -> None:
    assert votes(ask(sim, request(sim))) == 1
    assert votes(ask(sim, request(sim, "G", current_epoch=EPOCH + 1))) == 0
    assert votes(ask(sim, request(sim, current_epoch=EPOCH + 2))) == 1
    sim.run(max(2 * TIMEOUT_MS, 2000) + 1)
    assert votes(ask(sim, request(sim, "G", current_epoch=EPOCH + 3))) == 1


def test_an_epoch_of_the_past_gets_no_vote(sim: Simulation) -> None:
    context = sim.nodes["B"].core.context
    assert votes(ask(sim, request(sim, current_epoch=context.current_epoch - 1))) == 0


def test_a_claim_with_an_old_epoch_gets_the_news_instead(sim: Simulation) -> None:
    primary = row(sim, "A")
    primary.config_epoch = 40
    effects = ask(sim, request(sim, config_epoch=3))
    assert votes(effects) == 0
    (update,) = [frame for frame in frames(effects) if frame.type == bus.UPDATE]
    assert (update.update_id, update.update_epoch) == (primary.node_id, 40)


def test_candidate_without_data_gets_no_vote_if_shard_had_data(sim: Simulation) -> None:
    row(sim, "A").offset = 5
    assert votes(ask(sim, request(sim, offset=0))) == 0
    assert votes(ask(sim, request(sim, offset=5))) == 1


def test_vote_while_primary_is_up_needs_a_manual_failover(sim: Simulation) -> None:
    row(sim, "A").flags &= ~fl.FAIL
    assert votes(ask(sim, request(sim))) == 0
    assert votes(ask(sim, request(sim, current_epoch=EPOCH + 1, message_flags=bus.FLAG_FORCE_ACK))) == 1


def test_a_voter_that_has_just_heard_the_primary_votes_later(sim: Simulation) -> None:
    """The others' verdict came while this node still heard it: its answer may have renewed the lease."""
    voter = sim.nodes["B"]
    row(sim, "A").data_awake_ms = voter.core.context.awake_ms - TIMEOUT_MS + 300
    assert votes(ask(sim, request(sim))) == 0
    given = []
    for _ in range(10):
        voter.core.tick(sim.now_ms + voter.clock_ms, voter.facts())
        given.append(votes(voter.core.take()))
        sim.events.now_ms += 50
    assert sum(given) == 1
    assert 3 < given.index(1) < 7


def test_a_voter_that_has_just_started_votes_later(sim: Simulation) -> None:
    voter = sim.nodes["B"]
    voter.crash()
    voter.start()
    sim.run(300)
    assert votes(ask(sim, request(sim))) == 0


def test_a_primary_without_slots_has_no_vote(sim: Simulation) -> None:
    voter = sim.nodes["B"]
    voter.core.context.table.assign(voter.core.context.me.slots, None)
    assert votes(ask(sim, request(sim))) == 0


@pytest.mark.parametrize("synced_since", [False, True], ids=["in sync before", "in sync since"])
def test_a_primary_that_serves_empty_again_is_not_replaced(synced_since: bool) -> None:
    """Its replica is in sync with it before it is told that the primary has its data again."""
    simulation = Simulation(5, nodes=6, timeout_ms=TIMEOUT_MS)
    simulation.form(3)
    simulation.run(1500)
    replica = simulation.nodes["D"]
    context, synced = replica.core.context, replica.core.context.facts
    primary = context.me.primary
    assert primary is not None
    assert context.data.is_in_sync()
    primary.data_lost_ms = context.now_ms
    if synced_since:
        replica.core.replication(dataclasses.replace(synced, link_up=False), replica.now_ms())
        replica.core.replication(synced, replica.now_ms())
    replica.core.take()
    replica.core.tick(replica.now_ms() + 1, synced)
    assert bool(replica.core._election.stand_ms) is not synced_since
