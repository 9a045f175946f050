"""Claims of slots, received from two peers in every order."""

from __future__ import annotations

import pytest

from garrison.node.border import DropSlots
from garrison.node.core import bus_codec as bus
from garrison.node.core import slots as sl
from garrison.node.core.bus_extensions import Extensions
from garrison.node.core.effects import Send

from .conftest import Solo
from .test_cluster_core import PEER, heartbeat, meet

OTHER = "e" * 40


class Claims:
    """Claims of two primaries on their own links to us."""

    def __init__(self, solo: Solo) -> None:
        self.solo = solo
        solo.core.frame(meet(solo), bus.encode(heartbeat(bus.PONG, gossip=[introduction()])), solo.now_ms)
        self.links = {name: solo.core.link_accepted("10.0.0.9", "10.0.0.1", 1000) for name in (PEER, OTHER)}
        solo.core.take()

    def receive(self, name: str, epoch: int, *slots: int) -> list[bus.Frame]:
        """What is sent when `name` claims the slots with that configuration epoch."""
        claim = heartbeat(bus.PING, sender=name, config_epoch=epoch, slots=sl.to_bitmap(sl.from_slots(slots)))
        self.solo.core.frame(self.links[name], bus.encode(claim), self.solo.now_ms)
        return [bus.decode(action.data) for action in self.solo.core.take().wire if isinstance(action, Send)]

    def announce_shard(self, name: str, shard_id: str) -> None:
        """`name` says which shard it belongs to."""
        frame = heartbeat(bus.PING, sender=name, slots=bytes(2048), extensions=Extensions(shard_id=shard_id))
        self.solo.core.frame(self.links[name], bus.encode(frame), self.solo.now_ms)

    def owner(self, slot: int) -> str:
        node = self.solo.core.context.table.owner(slot)
        return node.node_id if node is not None else ""


def introduction() -> bus.Gossip:
    return bus.Gossip(OTHER, 0, 0, "10.0.0.3", 7002, 17002, 1)


@pytest.fixture
def claims(solo: Solo) -> Claims:
    return Claims(solo)


def test_the_larger_epoch_has_the_slot_whoever_is_heard_first(claims: Claims) -> None:
    claims.receive(PEER, 10, 1, 2)
    claims.receive(OTHER, 11, 2, 3)
    claims.receive(PEER, 10, 1, 2)
    assert [claims.owner(slot) for slot in (1, 2, 3)] == [PEER, OTHER, OTHER]


def test_owner_that_won_slots_does_not_keep_unclaimed_ones(claims: Claims) -> None:
    """Seed 1181: we heard that PEER won slot 5 with epoch 21, not that it had lost slot 1 to epoch 20."""
    claims.receive(PEER, 17, 1)
    claims.receive(PEER, 21, 5)
    assert claims.owner(1) == PEER  # Nobody else is known to have it.
    answers = claims.receive(OTHER, 20, 1)
    assert (claims.owner(1), claims.owner(5)) == (OTHER, PEER)
    assert [answer.type for answer in answers] == [bus.PONG]
    assert claims.receive(PEER, 21, 5)[0].type != bus.UPDATE


def test_claim_older_than_the_slots_last_one_is_refuted(claims: Claims) -> None:
    claims.receive(PEER, 17, 1)
    claims.receive(PEER, 21, 5)
    update, pong = claims.receive(OTHER, 16, 1)
    assert (update.type, update.update_id, pong.type) == (bus.UPDATE, PEER, bus.PONG)
    assert sl.has(sl.from_bitmap(update.update_slots), 1)
    assert claims.owner(1) == PEER


def test_what_is_claimed_again_is_kept_with_the_new_epoch(claims: Claims) -> None:
    claims.receive(PEER, 17, 1)
    claims.receive(PEER, 21, 5)
    claims.receive(PEER, 22, 1, 5)
    claims.receive(OTHER, 20, 1)
    assert claims.owner(1) == PEER


def test_an_old_frame_that_was_overtaken_gives_nothing_away(claims: Claims) -> None:
    claims.receive(PEER, 17, 1)
    claims.receive(PEER, 21, 1, 5)
    claims.receive(PEER, 17)
    claims.receive(OTHER, 20, 1)
    assert claims.owner(1) == PEER


def test_others_are_not_told_what_an_owner_no_longer_claims(claims: Claims) -> None:
    claims.receive(PEER, 17, 1)
    claims.receive(PEER, 21, 5)
    update, _ = claims.receive(OTHER, 18, 5)
    assert (update.update_id, sl.from_bitmap(update.update_slots)) == (PEER, sl.from_slots([5]))


def test_a_replica_learns_its_shard_from_its_primary(claims: Claims) -> None:
    context = claims.solo.core.context
    claims.solo.raw("REPLICATE", PEER)
    claims.announce_shard(PEER, "5" * 40)
    assert context.me.shard_id == "5" * 40
    claims.announce_shard(OTHER, "6" * 40)
    assert context.me.shard_id == "5" * 40


def test_who_lost_its_last_slot_elsewhere_follows_its_shard(claims: Claims) -> None:
    """A shard whose replica took over while this node was down: some of its slots have moved on since."""
    context = claims.solo.core.context
    claims.solo.raw("ADDSLOTS", 1, 2, 3)
    claims.announce_shard(PEER, context.me.shard_id)
    claims.receive(PEER, 20, 1, 2)
    assert context.me.is_primary()
    claims.receive(OTHER, 21, 3)
    assert context.me.primary is not None
    assert context.me.primary.node_id == PEER


def test_a_move_goes_on_to_the_successor_of_its_target(claims: Claims) -> None:
    """The target of the move has no slot yet: no claim tells that another node took its place."""
    table = claims.solo.core.context.table
    claims.solo.raw("ADDSLOTS", 1, 2)
    for name, shard in ((PEER, "5" * 40), (OTHER, "6" * 40)):
        claims.announce_shard(name, shard)
    claims.solo.raw("SETSLOT", 1, "MIGRATING", OTHER)
    table.set_replica(table.by_id[OTHER], table.by_id[PEER])
    assert table.migrating[1].node_id == OTHER
    table.set_primary(table.by_id[OTHER])
    claims.announce_shard(OTHER, "5" * 40)
    table.set_replica(table.by_id[OTHER], table.by_id[PEER])
    assert table.migrating[1].node_id == PEER


def import_slot(claims: Claims, shard_id: str) -> None:
    """We own slot 1 and take slot 2 from PEER, of that shard."""
    claims.solo.raw("ADDSLOTS", 1)
    claims.announce_shard(PEER, shard_id)
    claims.receive(PEER, 9, 2, 3)
    claims.solo.raw("SETSLOT", 2, "IMPORTING", PEER)
    assert claims.solo.ask("SETSLOT", 2, "NODE", claims.solo.core.node_id) == "+OK"


def test_slot_claimed_back_by_former_shard_is_an_import_again(claims: Claims) -> None:
    """OTHER was elected in the place of PEER and does not know that slot 2 is here: only we have its keys."""
    context = claims.solo.core.context
    import_slot(claims, "5" * 40)
    claims.announce_shard(OTHER, "5" * 40)
    assert context.table.imported == {2: "5" * 40}
    link = claims.links[OTHER]
    frame = heartbeat(bus.PING, sender=OTHER, config_epoch=99, slots=sl.to_bitmap(sl.from_slots([2, 3])))
    claims.solo.core.frame(link, bus.encode(frame), claims.solo.now_ms)
    effects = claims.solo.core.take()
    assert not any(isinstance(action, DropSlots) for action in effects.plane)
    assert claims.owner(2) == OTHER
    assert context.table.importing[2].node_id == OTHER
    assert context.table.stale_imports == {2}


def test_slot_origin_is_forgotten_once_that_shard_knows(claims: Claims) -> None:
    context = claims.solo.core.context
    import_slot(claims, "5" * 40)
    claims.announce_shard(OTHER, "5" * 40)
    claims.receive(OTHER, 8, 2)
    claims.receive(PEER, 9, 3)
    assert context.table.imported == {2: "5" * 40}
    claims.receive(OTHER, 8)
    assert context.table.imported == {}
    claims.receive(OTHER, 99, 2)
    assert context.table.importing == {}


def test_no_claim_is_made_in_an_epoch_that_was_voted_away(claims: Claims) -> None:
    context = claims.solo.core.context
    context.me.config_epoch = context.current_epoch = 30
    assert claims.solo.ask("BUMPEPOCH").startswith("+STILL 30")
    context.last_vote_epoch = 30
    assert claims.solo.ask("BUMPEPOCH").startswith("+BUMPED 31")
