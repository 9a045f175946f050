"""Records kept by most shards."""

import random

import pytest

from garrison.cluster.core.manager.effects import ReadRecords, StoredRecords, StoreRecords
from garrison.cluster.core.manager.jobs import Records
from garrison.cluster.core.manager.manager_settings import FILE_NODE, ManagerSettings
from garrison.cluster.core.manager.records_content import encoded
from garrison.cluster.core.manager.records_keeper import Keeping, RecordsKeeper
from garrison.cluster.core.manager.voters import ALONE, Shard, Voters

VOTERS = Voters((Shard("a"), Shard("b"), Shard("c")), ("a", "b", "c"))
SETTINGS = ManagerSettings(id="m", lease_ms=9_000)


def copy(name: str, version: int, epoch: int = 1, *, votes: bool = True) -> StoredRecords:
    content = encoded(Records(paused_by=name)) if version else b""
    return StoredRecords(epoch, "", version, epoch if version else 0, content, 0, votes)


def reading(epoch: int = 7, voters: Voters = VOTERS) -> RecordsKeeper:
    keeper = RecordsKeeper(SETTINGS, 0)
    keeper.seen(voters)
    keeper.won(epoch)
    assert keeper.take() == [ReadRecords(node) for node in voters.node_ids]
    return keeper


def settled() -> RecordsKeeper:
    keeper = reading()
    for node in ("a", "b", "c"):
        keeper.read(node, copy("x", 4))
    keeper.take()
    for node in ("a", "b", "c"):
        keeper.stored(node, "")
    assert keeper.settled
    return keeper


def test_newest_copy_is_stored_anew_before_it_counts() -> None:
    keeper = reading(7)
    keeper.read("a", copy("old", 9, epoch=2))
    keeper.read("b", copy("new", 3, epoch=5))
    keeper.read("c", copy("", 0))
    asks = keeper.take()
    assert {(ask.epoch, ask.version) for ask in asks if isinstance(ask, StoreRecords)} == {(7, 10)}
    keeper.stored("a", "")
    assert not keeper.settled
    keeper.stored("c", "")
    assert keeper.settled
    assert keeper.records.paused_by == "new"


def test_minority_of_answers_is_not_enough() -> None:
    keeper = reading()
    keeper.read("a", copy("x", 3))
    for node in ("b", "c"):
        keeper.read(node, None)
    keeper.tick(20_000)
    assert keeper.state is Keeping.READING
    assert "majority" in keeper.blocked


def test_damaged_copy_is_no_answer() -> None:
    keeper = reading()
    keeper.read("a", StoredRecords(1, "", 9, 1, b"rubbish"))
    keeper.read("b", copy("x", 8))
    keeper.read("c", copy("x", 8))
    assert keeper.state is Keeping.STORING
    assert any("a cannot be read" in note for note in keeper.notes)


def test_damaged_copy_no_newer_than_a_good_one_votes() -> None:
    damaged = StoredRecords(1, "", 9, 1, b"rubbish")
    keeper = reading()
    keeper.read("b", damaged)
    keeper.read("a", copy("x", 9))
    keeper.tick(5_000)
    assert keeper.take() == [ReadRecords("b")], "it is asked again; c has not answered"
    keeper.read("b", damaged)
    assert keeper.state is Keeping.STORING


def test_sound_copies_of_one_version_that_differ_do_not_vote() -> None:
    keeper = reading()
    keeper.read("a", copy("x", 9))
    keeper.read("b", copy("y", 9))
    keeper.tick(5_000)
    assert keeper.state is Keeping.READING
    assert "differ" in keeper.blocked


def test_majority_damaged_waits_for_a_person() -> None:
    keeper = reading()
    for node in ("a", "b"):
        keeper.read(node, StoredRecords(1, "", 9, 1, b"rubbish"))
    keeper.read("c", copy("good", 8))
    keeper.tick(5_000)
    assert keeper.state is Keeping.READING
    assert "manager recover" in keeper.blocked
    keeper.adopt()
    asks = [ask for ask in keeper.take() if isinstance(ask, StoreRecords)]
    assert {ask.version for ask in asks} == {10}, "newer than the damaged ones"
    keeper.stored("a", "")
    keeper.stored("b", "")
    assert keeper.records.paused_by == "good"


def test_readable_records_are_not_thrown_away() -> None:
    with pytest.raises(ValueError, match="not thrown away"):
        settled().start_anew()


def test_node_that_is_behind_counts_only_with_all() -> None:
    keeper = reading()
    keeper.read("a", copy("", 0, votes=False))
    keeper.read("b", copy("x", 3))
    keeper.tick(10_000)
    assert not any(isinstance(ask, StoreRecords) for ask in keeper.take())
    keeper.read("c", copy("x", 3))
    assert any(isinstance(ask, StoreRecords) for ask in keeper.take())


def test_replica_in_sync_must_have_them_too() -> None:
    voters = Voters((Shard("a", ("x", "y")),), ("a", "x", "y"))
    keeper = reading(7, voters)
    for node in voters.node_ids:
        keeper.read(node, copy("", 0))
    keeper.stored("a", "")
    assert not keeper.settled
    keeper.stored("y", "")
    assert keeper.settled


def test_answer_asked_for_before_the_lease_is_read_again() -> None:
    keeper = RecordsKeeper(SETTINGS, 0)
    keeper.seen(VOTERS)
    keeper.tick(0)
    keeper.take()
    keeper.won(7)
    assert keeper.take() == []
    keeper.read("a", copy("before", 3))
    assert keeper.take() == [ReadRecords("a")]


def test_nodes_that_are_behind_are_repaired() -> None:
    keeper = reading()
    for node in ("a", "b", "c"):
        keeper.read(node, copy("x", 4))
    keeper.take()
    keeper.stored("a", "")
    keeper.stored("b", "")
    keeper.stored("c", "no answer")
    assert keeper.settled
    keeper.tick(keeper.next_deadline_ms)
    assert [ask.node_id for ask in keeper.take() if isinstance(ask, StoreRecords)] == ["c"]


def test_lost_copy_is_found_and_stored_anew() -> None:
    keeper = settled()
    keeper.tick(keeper.next_deadline_ms)
    assert keeper.take() == [ReadRecords("b")]
    keeper.read("b", copy("", 0))
    assert [ask.node_id for ask in keeper.take()] == ["b"]
    assert any("b has lost" in note for note in keeper.notes)


def test_full_node_lowers_the_limit() -> None:
    keeper = settled()
    keeper.change(Records(paused_by=random.Random(1).randbytes(20_000).hex()))
    keeper.take()
    keeper.stored("a", "MANAGERFULL too large")
    assert any("no room" in note for note in keeper.notes)
    keeper.stored("b", "")
    keeper.stored("c", "")
    assert keeper.settled, "two of three have room"


def test_follower_shows_the_newest_it_sees() -> None:
    keeper = RecordsKeeper(SETTINGS, 0)
    keeper.seen(VOTERS)
    keeper.read("a", copy("new", 5))
    keeper.read("b", copy("old", 4))
    assert keeper.records.paused_by == "new"


def test_damaged_file_is_named_and_not_written() -> None:
    keeper = RecordsKeeper(ManagerSettings(id="me", keeping="file", records_file="/var/r.json"), 0)
    keeper.seen(ALONE)
    keeper.won(1)
    for now_ms in range(0, 60_000, 1_000):
        keeper.tick(now_ms)
        for ask in keeper.take():
            assert isinstance(ask, ReadRecords), "it is never written"
            keeper.read(FILE_NODE, StoredRecords(1, "", 1, 1, b"torn"))
    assert keeper.blocked.startswith("the records in /var/r.json are damaged (they begin with b'torn'")
    assert "/var/r.json.previous" in keeper.blocked
    assert len(keeper.notes) == 1, "said once"
    keeper.tick(70_000)
    assert keeper.take() == [ReadRecords(FILE_NODE)]
    keeper.read(FILE_NODE, StoredRecords(1, "", 4, 1, encoded(Records(paused_by="ann"))))
    (stored,) = keeper.take()
    assert isinstance(stored, StoreRecords)
    keeper.stored(FILE_NODE, "")
    assert keeper.settled
    assert (keeper.records.paused_by, keeper.blocked) == ("ann", "")


def test_file_that_cannot_be_read_is_named() -> None:
    keeper = RecordsKeeper(ManagerSettings(id="me", keeping="file", records_file="/var/r.json"), 0)
    keeper.seen(ALONE)
    keeper.won(1)
    for now_ms in range(0, 20_000, 1_000):
        keeper.tick(now_ms)
        for ask in keeper.take():
            keeper.read(ask.node_id, None)
    assert keeper.blocked == "cannot read the records in /var/r.json"
