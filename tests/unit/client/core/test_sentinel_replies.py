"""Reading what Sentinels and nodes say: both protocols, and replies of the wrong shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.client.core.sentinel_replies import (
    Other,
    Reason,
    Refusal,
    Report,
    Role,
    questions,
    read_names,
    read_report,
    read_role,
    read_switch,
)
from garrison.client.core.topology import Address
from garrison.client.errors import ReplyError, reply_error

PRIMARY = {"name": "db", "flags": "master,s_down", "config-epoch": "7"}
OTHER = {"ip": "h", "port": "2", "runid": "b"}


def flat(fields: dict[str, str]) -> list[bytes]:
    return [word.encode() for pair in fields.items() for word in pair]


@pytest.mark.parametrize(
    "replies",
    [
        [PRIMARY, ["n", "1"], [OTHER], "a"],
        [flat(PRIMARY), [b"n", b"1"], [flat(OTHER)], b"a"],
    ],
    ids=["RESP3 and str", "RESP2 and bytes"],
)
def test_a_report_is_read_in_both_protocols(replies: list[Any]) -> None:
    others = (Other("b", Address("h", 2)),)
    assert read_report(replies, "db") == Report("a", Address("n", 1), 7, "master,s_down", others)
    assert len(questions("db")) == len(replies)


def test_sentinel_reply_without_myid_or_names_is_read() -> None:
    unknown = reply_error("ERR Unknown subcommand 'MYID'")
    report = read_report([PRIMARY, ["n", "1"], [{"ip": "h", "port": "0"}], unknown], "db")
    assert report == Report("", Address("n", 1), 7, "master,s_down", ())


@pytest.mark.parametrize(
    ("line", "reason", "text"),
    [
        ("ERR No such master with that name", Reason.UNKNOWN_NAME, "nothing named 'db'"),
        ("ERR No such primary with that name", Reason.UNKNOWN_NAME, "nothing named 'db'"),
        ("NOAUTH Authentication required.", Reason.NOT_ALLOWED, "sentinel_password"),
        ("NOPERM no", Reason.NOT_ALLOWED, "sentinel_username"),
        ("ERR unknown command 'SENTINEL'", Reason.UNREADABLE, "not a Sentinel"),
        ("ERR busy", Reason.UNREADABLE, "ERR busy"),
    ],
)
def test_a_refusal_says_why(line: str, reason: Reason, text: str) -> None:
    refusal = read_report([reply_error(line)] * 4, "db")
    assert isinstance(refusal, Refusal)
    assert refusal.reason is reason
    assert text in refusal.text


json = st.recursive(
    st.none() | st.integers() | st.text() | st.binary() | st.builds(ReplyError, st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(json, min_size=4, max_size=4))
def test_whatever_is_sent_is_a_report_or_a_refusal(replies: list[Any]) -> None:
    assert isinstance(read_report(replies, "db"), (Report, Refusal))


@given(json)
def test_whatever_a_node_sends_is_a_role(reply: Any) -> None:
    assert isinstance(read_role(reply), Role)
    assert isinstance(read_names(reply), list)


def test_names_and_switches() -> None:
    assert read_names([{"name": "b"}, {"name": "a"}]) == ["a", "b"]
    assert read_switch("db h 1 h 2", "db")
    assert not read_switch("db2 h 1 h 2", "db")


@pytest.mark.parametrize(
    ("reply", "role"),
    [
        ([b"master", 5, []], Role.PRIMARY),
        (["slave", "h", 1, "connected", 5], Role.REPLICA),
        ([b"sentinel", []], Role.REPLICA),
        ({b"server": b"redis", b"role": b"master"}, Role.PRIMARY),
        ([b"server", b"redis", b"role", b"replica"], Role.REPLICA),
    ],
)
def test_the_role_is_read_from_role_and_from_hello(reply: Any, role: Role) -> None:
    assert read_role(reply) is role
