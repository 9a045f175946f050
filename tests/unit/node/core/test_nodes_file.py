"""nodes.conf: what is written is read back, what is damaged is refused in one sentence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.node.core import flags as fl
from garrison.node.core import nodes_file
from garrison.node.core import slots as sl
from garrison.node.core.nodes_file import DamagedNodesFileError, SavedCluster, SavedNode, load, write

from .conftest import Solo

IDS = st.text("0123456789abcdef", min_size=40, max_size=40)
EPOCHS = st.integers(0, 2**64 - 1)
FLAGS = st.lists(
    st.sampled_from([fl.PRIMARY, fl.REPLICA, fl.PFAIL, fl.FAIL, fl.NOADDR, fl.NO_FAILOVER, fl.HANDSHAKE])
)


@st.composite
def clusters(draw: st.DrawFn) -> SavedCluster:
    ids = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    owner_of = draw(st.lists(st.integers(0, len(ids)), min_size=64, max_size=64))
    nodes = []
    for index, node_id in enumerate(ids):
        flags = 0
        for bit in draw(FLAGS):
            flags |= bit
        nodes.append(
            SavedNode(
                node_id,
                draw(st.ip_addresses().map(str) | st.just("")),
                draw(st.integers(0, 65535)),
                draw(st.integers(0, 65535)),
                draw(st.text("ab.-1", max_size=20)),
                draw(st.text("ab.-1", max_size=20)),
                draw(IDS | st.just("")),
                flags | (fl.MYSELF if index == 0 else 0),
                draw(st.sampled_from(["", *ids])),
                draw(EPOCHS),
                draw(EPOCHS),
                draw(EPOCHS),
                draw(st.booleans()),
                sl.from_slots(256 * part + part for part in range(64) if owner_of[part] == index),
            )
        )
    largest = max(node.config_epoch for node in nodes)
    moves = st.dictionaries(st.integers(0, 16383), st.sampled_from(ids), max_size=3)
    return SavedCluster(
        nodes,
        draw(moves),
        draw(moves),
        draw(st.sets(st.integers(0, 16383), max_size=5)),
        draw(st.integers(largest, 2**64 - 1)),
        draw(EPOCHS),
        draw(st.lists(IDS, max_size=3)),
    )


@given(clusters())
def test_what_is_written_is_read_back(saved: SavedCluster) -> None:
    assert load(write(saved)) == saved


@given(clusters(), st.data())
def test_no_changed_byte_goes_unnoticed(saved: SavedCluster, data: st.DataObject) -> None:
    text = write(saved)
    at = data.draw(st.integers(0, len(text) - len("vars checksum 01234567\n") - 1))
    other = data.draw(st.sampled_from("0a x\n").filter(lambda c: c != text[at]))
    with pytest.raises(DamagedNodesFileError):
        load(text[:at] + other + text[at + 1 :])


FIRST = "9108c512af8cac64045a1c8495d2fc1eaa70e65c"
REDIS_7_0 = f"""\
{FIRST} 127.0.0.1:7001@17001 master - 0 1795313744082 2 connected 5461-10922
9fce5e4c00d5e47f4aaf2b6c00f6f1e6de122019 127.0.0.1:7000@17000,h.example.com myself,master - 0 0 1 connected \
0-5460 [77->-{FIRST}] [9000-<-{FIRST}]
c218cf68697ee8b8ad6f779eb4e5f5405ddcf5cd 127.0.0.1:7002@17002 slave {FIRST} 0 0 2 disconnected
vars currentEpoch 3 lastVoteEpoch 2
"""
REDIS_7_2 = """\
9fce5e4c00d5e47f4aaf2b6c00f6f1e6de122019 127.0.0.1:7000@17000,,tls-port=0,\
shard-id=c218cf68697ee8b8ad6f779eb4e5f5405ddcf5cd myself,master - 0 0 1 connected 0-5460
vars currentEpoch 3 lastVoteEpoch 2
"""


def test_a_file_of_redis_7_0_is_understood() -> None:
    saved = load(REDIS_7_0)
    assert (saved.current_epoch, saved.last_vote_epoch) == (3, 2)
    me = saved.me()
    assert me is not None
    assert (me.ip, me.port, me.bus_port, me.hostname) == ("127.0.0.1", 7000, 17000, "h.example.com")
    assert me.slots == sl.from_range(0, 5460)
    assert saved.migrating == {77: saved.nodes[0].node_id}
    assert saved.importing == {9000: saved.nodes[0].node_id}
    assert saved.nodes[2].primary_id == saved.nodes[0].node_id


def test_a_file_of_redis_7_2_is_understood() -> None:
    assert load(REDIS_7_2).nodes[0].shard_id == "c218cf68697ee8b8ad6f779eb4e5f5405ddcf5cd"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vars currentEpoch 1 lastVoteEpoch 0", "was cut off"),
        ("vars currentEpoch 1 lastVoteEpoch 0\n", "myself"),
        (REDIS_7_0.replace("2 connected 5461", "two connected 5461"), "line 1 .*'two' is not a number"),
        (REDIS_7_0.replace("0-5460 ", "0-16384 "), "line 2 .*'16384'"),
        (REDIS_7_0.replace("0-5460 ", "10-5 "), "line 2 .*ends before it begins"),
        (REDIS_7_0.replace("slave", "sheep"), "line 3 .*sheep"),
        (REDIS_7_0.replace("lastVoteEpoch 2", "lastVoteEpoch"), "line 4"),
        (REDIS_7_0.replace("0-5460 ", "0-6000 "), "slots 5461-6000 have two owners"),
        (
            REDIS_7_0.replace("9108c512af8cac64045a1c8495d2fc1eaa70e65c 127", "9108 127"),
            "line 1 .*not a node id",
        ),
        (REDIS_7_0 + "hello world\n", "line 5"),
    ],
)
def test_a_damaged_file_says_where_and_why(text: str, message: str) -> None:
    with pytest.raises(DamagedNodesFileError) as error:
        load(text)
    assert re.search(message, str(error.value))
    assert "\n" not in str(error.value)


def test_a_changed_file_names_its_checksum(solo: Solo) -> None:
    text = solo.first.persist
    assert text is not None
    with pytest.raises(DamagedNodesFileError, match="checksum"):
        load(text.replace("currentEpoch 0", "currentEpoch 9"))


def test_a_node_starts_from_its_file(solo: Solo) -> None:
    solo.raw("ADDSLOTSRANGE", 0, 16383)
    solo.raw("SET-CONFIG-EPOCH", 7)
    text = solo.effects.persist
    assert text is not None
    again = Solo(saved=text, seed=2)
    assert again.core.node_id == solo.core.node_id
    assert again.ask("MYSHARDID") == solo.ask("MYSHARDID")
    assert nodes_file.from_context(again.core.context) == load(text)
