"""Replies become parts of a reading, and what is not such a reply becomes None."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.client import ReplyError
from garrison.cluster.core.doctor.readings import NodeReading, SlowEntry
from garrison.cluster.core.doctor.replies import (
    DOCTOR_NAME,
    NODE_COMMANDS,
    clients_of,
    clock_ahead_ms,
    fields_of,
    login_of,
    members_of,
    node_reading,
    pairs_of_list,
    rows_of,
    slow_of,
)
from garrison.cluster.core.topology import Address

REFUSED = ReplyError("NOPERM this user has no permissions to run the command")
HERE = Address("127.0.0.1", 7000)


def test_info_becomes_fields() -> None:
    assert fields_of(b"# Server\r\nrole:master\r\ndb0:keys=1\r\nmaster_host:::1\r\nodd\xff:1\r\n") == {
        "role": "master",
        "db0": "keys=1",
        "master_host": "::1",
        "odd\\xff": "1",
    }


@pytest.mark.parametrize("reply", [[b"save", b"", b"dir", b"/"], {b"save": b"", b"dir": b"/"}])
def test_settings_come_as_list_or_map(reply: Any) -> None:
    assert pairs_of_list(reply) == {"save": "", "dir": "/"}


def test_clients_are_read_without_the_doctor_itself() -> None:
    reply = f"id=3 addr=h:1 name= flags=N\nid=4 name={DOCTOR_NAME} flags=N\n".encode()
    assert clients_of(reply) == [{"id": "3", "addr": "h:1", "name": "", "flags": "N"}]


def test_slow_log_is_read_and_odd_entries_are_passed_over() -> None:
    entry = [1, 1_700_000_000, 15_000, [b"GET", b"a\xff"], b"h:1", b""]
    assert slow_of([entry, [1, 2], b"x", [1, 2, 3, []]]) == [SlowEntry(15_000, ("GET", "a\\xff"))]


@pytest.mark.parametrize(
    ("flags", "nopass"),
    [([b"on", b"nopass"], True), ([b"off", b"nopass"], False), ([b"on"], False)],
)
def test_login_of_the_default_user(flags: list[bytes], nopass: bool) -> None:
    assert login_of([b"flags", flags, b"passwords", [b"ab"], b"keys", b"~*"]) == (nopass, frozenset({"ab"}))


def test_clock_is_compared_with_the_middle_of_the_question() -> None:
    assert clock_ahead_ms([b"1000", b"500000"], 999.0, 1001.0) == 500.0


@pytest.mark.parametrize("reply", [REFUSED, None, 5, [b"x"]])
def test_refused_replies_are_not_known(reply: Any) -> None:
    assert login_of(reply) == (None, None)
    assert clock_ahead_ms(reply, 0, 0) is None
    assert clients_of(reply) is None
    if not isinstance(reply, list):
        assert pairs_of_list(reply) is None
        assert slow_of(reply) is None
    assert fields_of(reply) == {}


def test_node_that_refuses_nearly_all_keeps_what_it_said() -> None:
    replies = dict.fromkeys(NODE_COMMANDS, REFUSED) | {"info": b"role:master\r\n"}
    node = node_reading(HERE, replies)
    assert node.info == {"role": "master"}
    assert not any(node.has(need) for need in ("config:save", "clients", "slow", "nopass", "clock_ahead_ms"))


def test_members_are_the_primary_and_the_replicas() -> None:
    info = {
        "slave0": "ip=h1,port=1,state=online",
        "slave1": "ip=h2,port=zwei",
        "master_host": "h3",
        "master_port": "3",
    }
    assert members_of(NodeReading(HERE, info=info)) == [Address("h1", 1), Address("h3", 3)]


JUNK = st.recursive(
    st.one_of(st.none(), st.integers(), st.binary(max_size=9), st.just(REFUSED)),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=30)
@given(st.fixed_dictionaries(dict.fromkeys(NODE_COMMANDS, JUNK)))
def test_no_reply_breaks_the_reading(replies: dict[str, Any]) -> None:
    members_of(node_reading(HERE, replies))
    rows_of(replies["slow"])
