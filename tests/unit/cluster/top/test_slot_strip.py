"""The slots on one line."""

from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.manager.picture import OpenSlotPicture, Picture, ShardPicture
from garrison.cluster.top.slot_strip import letters, ranges_of, strip
from tests.unit.cluster.top.scenes import cluster, failover, sentinel_group

SLOT_COUNT = 16384


def test_each_shard_has_its_share() -> None:
    assert strip(cluster(4, 0), 8) == "aabbccdd"


def test_failed_owner_serves_nothing() -> None:
    assert strip(failover(), 6) == "!!bbcc"


def test_one_slot_without_owner_is_seen() -> None:
    shard = ShardPicture(id="a", slots="0-999,1001-16383", slot_count=16383)
    assert strip(Picture(at_ms=0, shards=(shard,)), 16) == "!" + "a" * 15


def test_open_slot_is_seen() -> None:
    picture = cluster(1, 0).model_copy(update={"open_slots": (OpenSlotPicture(slot=16383),)})
    assert strip(picture, 4) == "aaa~"


def test_servers_without_slots_have_no_strip() -> None:
    assert strip(sentinel_group(), 40) == ""
    assert letters(sentinel_group()) == {}


def test_letters_begin_again() -> None:
    named = list(letters(cluster(53, 0)).values())
    assert named[0] == named[52] == "a"
    assert len(set(named)) == 52


def test_text_that_is_not_ranges_is_passed_over() -> None:
    assert ranges_of("0-5,7") == ((0, 5), (7, 7))
    assert ranges_of("") == ranges_of("x") == ranges_of("1-x") == ()


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, SLOT_COUNT - 1))
def test_line_agrees_with_counting_slot_by_slot(width: int, shards: int, missing: int) -> None:
    picture = cluster(shards, 0)
    owner = {}
    drawn = []
    for shard in picture.shards:
        slots = [slot for first, last in ranges_of(shard.slots) for slot in range(first, last + 1)]
        owner.update(dict.fromkeys(slots, letters(picture)[shard.id]))
        kept = [slot for slot in slots if slot != missing]
        text = ",".join(map(str, kept)) if missing in slots else shard.slots
        drawn.append(shard.model_copy(update={"slots": text}))
    del owner[missing]
    line = strip(picture.model_copy(update={"shards": tuple(drawn)}), width)
    assert len(line) == width
    for at, letter in enumerate(line):
        part = range(at * SLOT_COUNT // width, (at + 1) * SLOT_COUNT // width)
        owners = [owner.get(slot) for slot in part]
        most = max((owners.count(each) for each in set(owners) if each), default=0)
        assert (letter == "!") == (None in owners)
        assert letter == "!" or owners.count(letter) == most
