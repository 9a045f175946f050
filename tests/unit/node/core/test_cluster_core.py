"""ClusterCore from outside: inputs, effects and their order."""

from __future__ import annotations

import dataclasses

import pytest

from garrison.node.border import ClusterState, DropSlots, Publish
from garrison.node.core import bus_codec as bus
from garrison.node.core import slots as sl
from garrison.node.core.cluster_core import NO_TYPE
from garrison.node.core.effects import LEASE_FOREVER_MS, Connect, Drop, Effects, Send
from garrison.node.core.settings import ClusterSettings

from .conftest import Solo

PEER = "f" * 40


def meet(solo: Solo, port: int = 7001) -> int:
    """Introduce the peer PEER, a primary with the last slot; the number of our link to it."""
    solo.core.command(1, [b"CLUSTER", b"MEET", b"10.0.0.2", str(port).encode()], solo.now_ms)
    (connect,) = [action for action in solo.core.take().wire if isinstance(action, Connect)]
    solo.core.link_up(connect.link_id, "10.0.0.1", solo.now_ms)
    solo.core.frame(connect.link_id, bus.encode(heartbeat(bus.PONG)), solo.now_ms)
    return connect.link_id


def heartbeat(kind: int, **fields: object) -> bus.Frame:
    slots = sl.to_bitmap(sl.from_slots([16383]))
    frame = bus.Frame(kind, PEER, 7001, 17001, config_epoch=9, current_epoch=9, slots=slots, flags=1)
    return dataclasses.replace(frame, **fields)  # type: ignore[arg-type]


def sends(effects: Effects) -> list[bus.Frame]:
    return [bus.decode(action.data) for action in effects.wire if isinstance(action, Send)]


def test_the_fields_of_effects_are_in_the_order_of_doing() -> None:
    order = [field.name for field in dataclasses.fields(Effects)]
    assert order == [
        *("persist", "persist_sync", "wire", "slot_table", "plane"),
        *("writes_until_ms", "deliver", "closes", "replies", "records", "promised", "logs"),
    ]


def test_a_new_node_saves_its_id_before_anything_else(solo: Solo) -> None:
    assert solo.first.persist is not None
    assert solo.first.persist_sync
    assert solo.core.node_id in solo.first.persist
    assert solo.first.slot_table is not None
    assert solo.first.slot_table.state is ClusterState.DOWN


def test_many_commands_of_one_batch_cost_one_sync(solo: Solo) -> None:
    for slot in range(1000):
        solo.core.command(slot, [b"CLUSTER", b"ADDSLOTS", b"%d" % slot], solo.now_ms)
    effects = solo.core.take()
    assert len(effects.replies) == 1000
    assert effects.persist_sync
    assert effects.persist is not None
    assert " 0-999\n" in effects.persist


def test_merging_keeps_the_youngest_text_and_every_reply() -> None:
    first = Effects(persist="old", persist_sync=True, replies=[(1, b"+OK\r\n")], writes_until_ms=5)
    first.merge(Effects(persist="new", replies=[(2, b"+OK\r\n")]))
    assert (first.persist, first.persist_sync, first.writes_until_ms) == ("new", True, 5)
    assert [ticket for ticket, _ in first.replies] == [1, 2]
    assert first
    assert not Effects()


def test_a_lone_node_with_all_slots_serves_without_end(solo: Solo) -> None:
    solo.raw("ADDSLOTSRANGE", 0, 16383)
    assert solo.effects.slot_table is not None
    assert solo.effects.slot_table.state is ClusterState.OK
    assert solo.core.context.state_ok
    assert solo.effects.writes_until_ms in (None, LEASE_FOREVER_MS)


def test_the_slot_table_names_owners_moves_and_hosts() -> None:
    solo = Solo(cluster_announce_ip="10.0.0.1", cluster_preferred_endpoint_type="hostname")
    meet(solo)
    solo.raw("ADDSLOTSRANGE", 0, 16382)
    solo.raw("SETSLOT", 7, "MIGRATING", PEER)
    table = solo.effects.slot_table
    assert table is not None
    owner = int.from_bytes(table.owners[2 * 16383 :], "little")
    assert table.endpoints[owner].host == "?"
    assert table.migrating == {7: owner}
    assert int.from_bytes(table.owners[:2], "little") == table.myself == table.my_primary


@pytest.mark.parametrize(
    ("preferred", "host"), [("ip", b"$8\r\n10.0.0.1"), ("hostname", b"$1\r\n?"), ("unknown-endpoint", b"$-1")]
)
def test_cluster_slots_names_the_preferred_endpoint(preferred: str, host: bytes) -> None:
    solo = Solo(cluster_announce_ip="10.0.0.1", cluster_preferred_endpoint_type=preferred)
    solo.raw("ADDSLOTS", 0)
    assert host + b"\r\n:7000\r\n" in solo.raw("SLOTS")
    assert (b"10.0.0.1" in solo.raw("SLOTS")) is (preferred in ("ip", "hostname", "unknown-endpoint"))


def test_changed_settings_reach_the_table(solo: Solo) -> None:
    solo.core.configure(ClusterSettings(port=7000, cluster_announce_ip="10.9.9.9"), solo.now_ms)
    effects = solo.core.take()
    assert effects.slot_table is not None
    assert effects.slot_table.endpoints[0].host == "10.9.9.9"


def test_a_bad_frame_is_counted_and_ends_its_link(solo: Solo) -> None:
    link_id = solo.core.link_accepted("10.0.0.9", "10.0.0.1", solo.now_ms)
    solo.core.frame(link_id, b"RCmb" + bytes(3000), solo.now_ms)
    effects = solo.core.take()
    assert Drop(link_id) in effects.wire
    assert "cluster_bus_refused_version:1" in solo.ask("INFO")


def test_a_stranger_is_answered_but_not_believed(solo: Solo) -> None:
    link_id = solo.core.link_accepted("10.0.0.9", "10.0.0.1", solo.now_ms)
    solo.core.frame(link_id, bus.encode(heartbeat(bus.PING)), solo.now_ms)
    solo.core.frame(
        link_id,
        bus.encode(dataclasses.replace(heartbeat(bus.FAIL), failing_id=PEER)),
        solo.now_ms,
    )
    assert [frame.type for frame in sends(solo.core.take())] == [bus.PONG]
    assert solo.ask("NODES").count("\n") == 0
    assert "cluster_slots_assigned:0" in solo.ask("INFO")


def test_strangers_introductions_are_limited() -> None:
    solo = Solo(cluster_handshakes_max=3)
    for index in range(10):
        link_id = solo.core.link_accepted(f"10.0.1.{index}", "10.0.0.1", solo.now_ms)
        solo.core.frame(link_id, bus.encode(heartbeat(bus.MEET)), solo.now_ms)
    assert sum(isinstance(action, Connect) for action in solo.core.take().wire) == 3
    assert "cluster_bus_refused_handshakes:7" in solo.ask("INFO")


def test_peer_at_our_address_is_not_mistaken_for_the_old_one(solo: Solo) -> None:
    link_id = meet(solo)
    solo.core.take()
    solo.core.frame(
        link_id,
        bus.encode(dataclasses.replace(heartbeat(bus.PONG), sender="e" * 40)),
        solo.now_ms,
    )
    assert Drop(link_id) in solo.core.take().wire
    assert "noaddr" in solo.ask("NODES")


def test_published_messages_are_handed_on_both_ways(solo: Solo) -> None:
    link_id = meet(solo)
    solo.core.take()
    solo.core.publish(b"news", b"hello", False, solo.now_ms)
    solo.core.publish(b"shard", b"only mine", True, solo.now_ms)
    (frame,) = sends(solo.core.take())
    assert (frame.type, frame.channel, frame.message) == (bus.PUBLISH, b"news", b"hello")
    incoming = heartbeat(bus.PUBLISH_SHARD, channel=b"c", message=b"m")
    solo.core.frame(link_id, bus.encode(incoming), solo.now_ms)
    assert solo.core.take().deliver == [Publish(b"c", b"m", True)]


def test_a_message_too_long_for_the_bus_stays_here_and_says_so(solo: Solo) -> None:
    meet(solo)
    solo.core.take()
    solo.core.publish(b"news", bytes(1 << 20), False, solo.now_ms)
    effects = solo.core.take()
    assert not effects.wire
    assert "too long for the bus" in effects.logs[0][1]


def test_keys_of_a_slot_that_a_newer_claim_takes_are_dropped(solo: Solo) -> None:
    link_id = meet(solo)
    solo.raw("ADDSLOTSRANGE", 0, 9)
    claim = heartbeat(bus.PONG, slots=sl.to_bitmap(sl.from_slots([5, 6, 16383])))
    solo.core.frame(link_id, bus.encode(claim), solo.now_ms)
    effects = solo.core.take()
    assert effects.plane == [DropSlots(((5, 6),))]
    assert effects.persist is not None
    assert not effects.persist_sync  # Who forgets a claim of another is told again.
    assert " 0-4 7-9" in solo.ask("NODES")


def test_an_older_claim_is_answered_with_update_before_the_pong(solo: Solo) -> None:
    meet(solo)
    solo.raw("ADDSLOTS", 5)
    solo.raw("BUMPEPOCH")
    inbound = solo.core.link_accepted("10.0.0.2", "10.0.0.1", solo.now_ms)
    claim = heartbeat(bus.PING, slots=sl.to_bitmap(sl.from_slots([5, 16383])))
    solo.core.frame(inbound, bus.encode(claim), solo.now_ms)
    effects = solo.core.take()
    on_link = [bus.decode(a.data) for a in effects.wire if isinstance(a, Send) and a.link_id == inbound]
    assert [frame.type for frame in on_link] == [bus.UPDATE, bus.PONG]
    assert on_link[0].update_id == solo.core.node_id
    assert on_link[0].update_epoch == 10


def test_a_slot_with_keys_is_not_given_away(solo: Solo) -> None:
    meet(solo)
    solo.raw("ADDSLOTSRANGE", 0, 9)
    refusal = solo.ask("SETSLOT", 3, "NODE", PEER, keys_in_slot=1)
    assert refusal == (
        "-ERR Can't assign hashslot 3 to a different node while I still hold keys for this hash slot."
    )
    assert solo.ask("SETSLOT", 3, "NODE", PEER, keys_in_slot=0) == "+OK"


@pytest.mark.parametrize("command", ["REPLICATE", "RESET", "FLUSHSLOTS"])
def test_commands_that_want_an_empty_node(command: str, solo: Solo) -> None:
    meet(solo)
    words = [command, PEER] if command == "REPLICATE" else [command]
    assert solo.ask(*words, keys_total=1).startswith("-ERR")
    assert solo.ask(*words, keys_total=0) == "+OK"


def test_a_forgotten_node_stays_out_for_a_minute(solo: Solo) -> None:
    link_id = meet(solo)
    other = "e" * 40
    entry = bus.Gossip(other, 0, 0, "10.0.0.3", 7002, 17002, 1)
    news = bus.encode(heartbeat(bus.PONG, gossip=[entry]))
    solo.core.frame(link_id, news, solo.now_ms)
    assert other in solo.ask("NODES")
    assert solo.ask("FORGET", other) == "+OK"
    solo.core.frame(link_id, news, solo.now_ms)
    assert other not in solo.ask("NODES")
    assert solo.ask("FORGET", other) == "+OK"
    solo.now_ms += 60_001
    solo.core.frame(link_id, news, solo.now_ms)
    assert other in solo.ask("NODES")


def test_a_hard_reset_is_a_new_node(solo: Solo) -> None:
    meet(solo)
    solo.raw("ADDSLOTS", 5)
    before = solo.core.node_id
    assert solo.ask("RESET", "HARD") == "+OK"
    assert solo.core.node_id != before
    assert PEER not in solo.ask("NODES")
    assert "cluster_current_epoch:0" in solo.ask("INFO")
    assert solo.effects is not None


def test_ignored_frames_are_as_if_they_had_not_come(solo: Solo) -> None:
    link = meet(solo)
    solo.core.take()
    solo.core.ignore_frames(bus.PING)
    solo.core.frame(link, bus.encode(heartbeat(bus.PING)), solo.now_ms)
    assert sends(solo.core.take()) == []
    solo.core.ignore_frames(NO_TYPE)
    solo.core.frame(link, bus.encode(heartbeat(bus.PING)), solo.now_ms)
    assert [frame.type for frame in sends(solo.core.take())] == [bus.PONG]


def test_killed_link_is_opened_anew(solo: Solo) -> None:
    link = meet(solo)
    solo.core.take()
    assert not solo.core.kill_links("0" * 40, solo.now_ms, to=True, coming=True)
    assert solo.core.kill_links(PEER, solo.now_ms, to=True, coming=False)
    assert Drop(link) in solo.core.take().wire
    assert any(isinstance(action, Connect) for action in solo.step().wire)
