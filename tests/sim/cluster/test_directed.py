"""Single coincidences that random seeds meet too seldom, each arranged by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from .network import CLIENTS, Connection
from .simulation import Simulation
from .writer import key_of_slot

TIMEOUT_MS = 1000


def formed(nodes: int = 6, timeout_ms: int = TIMEOUT_MS, seed: int = 5) -> Simulation:
    """A, B and C own the slots, D, E, F (and G) follow them in turn; all have written for a while."""
    sim = Simulation(seed, nodes=nodes, timeout_ms=timeout_ms)
    sim.form(3)
    sim.run(2000)
    return sim


def stop_the_stream(sim: Simulation, replica: str, primary: str) -> Connection:
    """Nothing of the primary's stream reaches a replica any more; both believe that the link is up."""
    node, host = sim.nodes[replica], sim.nodes[primary]
    links: list[Connection] = []

    def find() -> bool:
        links[:] = [
            each
            for each in sim.network.connections
            if each.service == CLIENTS and each.ends == (node, host) and each.alive(0)
        ]
        return bool(links)

    assert sim.run_until(find, 1000, 1)
    links[0].stalled[0].append(("data", b""))
    return links[0]


def said(sim: Simulation, text: str) -> list[str]:
    return [line for line in sim.lines if text in line]


def was_said(sim: Simulation, text: str) -> bool:
    return bool(said(sim, text))


def test_replica_with_more_data_has_the_better_rank() -> None:
    sim = formed(nodes=7)
    d, g = sim.nodes["D"], sim.nodes["G"]
    assert d.core.node_id < g.core.node_id, "of equals D would come first"
    stop_the_stream(sim, "D", "A")
    sim.run(300)
    sim.nodes["A"].crash()
    sim.run(2 * TIMEOUT_MS)
    planned = {line.split()[1][0]: line for line in said(sim, "Start of election delayed")}
    assert "rank #1" in planned["D"]
    assert "rank #0" in planned["G"]
    assert not g.core.is_replica


def test_replica_without_its_primarys_data_hands_nothing_over() -> None:
    sim = formed()
    assert sim.nodes["D"].command("REPLICATE", sim.id("B")) == "OK"
    stop_the_stream(sim, "D", "B")
    sim.nodes["D"].command("FAILOVER")
    kept = {key: acked.value for key, acked in sim.checks.acked.items() if acked.node == "B"}
    assert kept
    sim.run(8000)
    owner = next(node for node in sim.nodes.values() if node.core.context.me.slots >> 5461 & 1)
    for key, value in kept.items():
        found = owner.plane.value(key)
        assert found is not None, f"{owner.name} does not have {key!r}"
        assert int(found) >= value


def test_owner_that_starts_without_its_data_serves_nobody() -> None:
    sim = formed()
    a = sim.nodes["A"]
    a.crash()
    a.start()
    sim.run(20)
    assert a.raw_command("SET", key_of_slot(0).decode(), "1").startswith(b"-CLUSTERDOWN")
    assert sim.run_until(lambda: not sim.nodes["D"].core.is_replica, 3 * TIMEOUT_MS)
    assert len(sim.nodes["D"].plane.contents()) > 0


def test_mark_of_a_move_waits_for_the_replica() -> None:
    sim = formed()
    sim.nodes["D"].pause()
    assert sim.nodes["A"].command("SETSLOT", 100, "MIGRATING", sim.id("B")).startswith("-NOREPLICAS")
    sim.nodes["D"].resume()
    sim.run(500)
    assert sim.nodes["A"].command("SETSLOT", 100, "MIGRATING", sim.id("B")) == "OK"
    sim.nodes["A"].crash()
    assert sim.run_until(lambda: not sim.nodes["D"].core.is_replica, 4 * TIMEOUT_MS)
    moving = sim.nodes["D"].core.context.table.migrating
    assert {slot: node.node_id for slot, node in moving.items()} == {100: sim.id("B")}


def test_import_whose_source_has_changed_is_stale() -> None:
    sim = formed()
    assert sim.nodes["B"].command("SETSLOT", 100, "IMPORTING", sim.id("A")) == "OK"
    assert sim.nodes["A"].command("SETSLOT", 100, "MIGRATING", sim.id("B")) == "OK"
    sim.nodes["A"].crash()
    assert sim.run_until(lambda: not sim.nodes["D"].core.is_replica, 4 * TIMEOUT_MS)
    sim.run(1000)
    assert "has changed since its import began" in sim.nodes["B"].command("SETSLOT", 100, "NODE", sim.id("B"))


def test_slot_on_its_way_is_not_promised_to_a_second_target() -> None:
    sim = formed()
    assert sim.nodes["A"].command("SETSLOT", 100, "MIGRATING", sim.id("B")) == "OK"
    assert "is already migrating" in sim.nodes["A"].command("SETSLOT", 100, "MIGRATING", sim.id("C"))
    assert sim.nodes["A"].command("SETSLOT", 100, "STABLE") == "OK"
    assert sim.nodes["A"].command("SETSLOT", 100, "MIGRATING", sim.id("C")) == "OK"


def test_primary_whose_flows_are_dropped_gets_its_lease_back() -> None:
    sim = formed()
    a = sim.nodes["A"]
    sim.network.drop_flows("A")
    sim.run(2 * TIMEOUT_MS)
    assert a.may_write()
    assert not said(sim, "Marking node")


def test_votes_after_the_limit_of_a_manual_failover_are_void() -> None:
    """D sleeps through the limit with the votes before it, or its timer."""
    slept = 0
    for seed in range(1, 20):
        sim = formed(timeout_ms=5000, seed=seed)
        d = sim.nodes["D"]
        assert d.command("FAILOVER") == "OK"
        assert sim.run_until(partial(was_said, sim, "Starting a failover election"), 4000, 1)
        if not d.core.is_replica:
            continue  # The votes came within the same millisecond: there was nothing to sleep through.
        slept += 1
        d.pause()
        sim.run(5500)
        d.resume()
        sim.run(1000)
        assert said(sim, "Failover auth granted")
        assert d.core.is_replica, f"seed {seed}"
        if slept == 6:
            return
    pytest.fail(f"only {slept} of the seeds have votes that wait")


def test_primary_replaced_unseen_has_no_lease_after_its_pause() -> None:
    """The voters trust in the pause and wait for no lease, and A, cut off, hears of no winner."""
    sim = formed(timeout_ms=8000)
    a, d = sim.nodes["A"], sim.nodes["D"]
    assert d.command("FAILOVER") == "OK"
    assert sim.run_until(lambda: bool(said(sim, "manual failover can start")), 4000, 1)
    for name in "BCDEF":
        sim.network.cut |= {("A", name), (name, "A")}
    assert sim.run_until(d.may_write, 4000, 1)
    assert not sim.run_until(a.may_write, 10_000, 1)
    assert said(sim, "A: Manual failover timed out")


def test_every_frame_advances_the_clock() -> None:
    sim = formed()
    b = sim.nodes["B"]
    seen = []
    for _ in range(20):
        sim.run(7)
        b.core.frame(-1, b"", b.now_ms())
        seen.append(b.core.context.now_ms - b.now_ms())
    assert seen == [0] * 20


def test_takeover_waits_for_no_lease_of_the_former_primary() -> None:
    sim = formed(timeout_ms=5000)
    sim.checks.lease_is_checked = False
    sim.nodes["A"].crash()
    sim.run(200)
    d = sim.nodes["D"]
    assert d.command("FAILOVER", "TAKEOVER") == "OK"
    assert sim.run_until(d.may_write, 2000)


@pytest.mark.parametrize("restarts", [False, True])
def test_voter_that_restarts_remembers_its_vote(restarts: bool) -> None:
    sim = formed()
    sim.nodes["A"].crash()
    assert sim.run_until(lambda: bool(said(sim, "Failover auth granted")), 4 * TIMEOUT_MS, 1)
    voter = next(node for node in (sim.nodes["B"], sim.nodes["C"]) if node.core.context.last_vote_epoch)
    promised = voter.core.context.last_vote_epoch, voter.core.context.last_vote_for
    if restarts:
        voter.crash()
        voter.start()
    assert (voter.core.context.last_vote_epoch, voter.core.context.last_vote_for) == promised
    assert promised[1] == sim.id("A")


def test_replica_that_is_reset_leaves_its_shard() -> None:
    sim = formed()
    d = sim.nodes["D"]
    shard_id = d.core.context.me.shard_id
    assert shard_id == sim.nodes["A"].core.context.me.shard_id
    assert d.command("RESET", "SOFT") == "OK"
    assert d.core.context.me.shard_id not in ("", shard_id)


def test_replica_that_never_synced_is_not_in_the_slot_map() -> None:
    sim = formed()
    row = sim.nodes["B"].core.context.table.by_id[sim.id("D")]
    assert b"10.0.0.4" in sim.nodes["B"].raw_command("CLUSTER", "SLOTS")
    row.offset = 0
    assert b"10.0.0.4" not in sim.nodes["B"].raw_command("CLUSTER", "SLOTS")


def test_claim_of_another_costs_no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = formed()
    disk = sim.nodes["E"].disk
    sync, synced = disk.sync, []

    def counted(text: str, done: Callable[[bool], None]) -> None:
        synced.append(text)
        sync(text, done)

    monkeypatch.setattr(disk, "sync", counted)
    first = sim.nodes["C"].core.context.me.slots.bit_length() - 1
    assert sim.nodes["A"].command("SETSLOT", first, "IMPORTING", sim.id("C")) == "OK"
    assert sim.nodes["C"].command("SETSLOT", first, "MIGRATING", sim.id("A")) == "OK"
    assert sim.nodes["A"].command("SETSLOT", first, "NODE", sim.id("A")) == "OK"
    sim.run(500)
    assert sim.nodes["E"].core.context.table.by_id[sim.id("A")].slots >> first & 1
    assert synced == []


def test_hand_over_waits_for_the_primarys_offset() -> None:
    """The stream stands still, so D lacks what A has acknowledged before it paused."""
    sim = formed()
    d = sim.nodes["D"]
    link = stop_the_stream(sim, "D", "A")
    sim.run(300)
    assert d.command("FAILOVER") == "OK"
    assert sim.run_until(lambda: bool(said(sim, "Received replication offset")), 2000, 1)
    sim.run(500)
    assert d.core.is_replica
    waiting, link.stalled[0] = link.stalled[0][1:], []
    assert waiting
    for kind, data in waiting:
        sim.network.send(link, 1, kind, data)
    assert sim.run_until(lambda: not d.core.is_replica, 2000)
    assert sim.nodes["A"].core.is_replica
