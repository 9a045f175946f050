"""Replies in RESP2 and RESP3, read back by hiredis."""

from __future__ import annotations

import doctest
import time
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.base import reply
from garrison.base.reply import Error, NullArray, Raw, Simple, Verbatim, encode

PLAIN = st.recursive(
    st.one_of(st.binary(), st.integers(-(2**63), 2**63 - 1), st.none()),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=30,
)


def test_examples_are_true() -> None:
    result = doctest.testmod(reply)
    assert result.failed == 0
    assert result.attempted > 0


def read(data: bytes) -> Any:
    reader = hiredis.Reader()
    reader.feed(data)
    value = reader.gets()
    assert reader.gets() is False, "bytes are left over"
    return value


@given(PLAIN)
def test_values_come_back(value: Any) -> None:
    assert read(encode(value, 2)) == value
    assert read(encode(value, 3)) == value


@pytest.mark.parametrize(
    ("value", "resp2", "resp3"),
    [
        ({"a": 1}, b"*2\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n"),
        (True, b":1\r\n", b"#t\r\n"),
        (False, b":0\r\n", b"#f\r\n"),
        (1.5, b"$3\r\n1.5\r\n", b",1.5\r\n"),
        (3.0, b"$1\r\n3\r\n", b",3\r\n"),
        (float("inf"), b"$3\r\ninf\r\n", b",inf\r\n"),
        (None, b"$-1\r\n", b"_\r\n"),
        (NullArray(), b"*-1\r\n", b"_\r\n"),
        ({7}, b"*1\r\n:7\r\n", b"~1\r\n:7\r\n"),
        (Simple("OK"), b"+OK\r\n", b"+OK\r\n"),
        (Error("ERR no"), b"-ERR no\r\n", b"-ERR no\r\n"),
        (Verbatim("hi"), b"$2\r\nhi\r\n", b"=6\r\ntxt:hi\r\n"),
        (Raw(b":1\r\n"), b":1\r\n", b":1\r\n"),
        (
            ("é", b"\xff"),
            b"*2\r\n$2\r\n\xc3\xa9\r\n$1\r\n\xff\r\n",
            b"*2\r\n$2\r\n\xc3\xa9\r\n$1\r\n\xff\r\n",
        ),
    ],
)
def test_types_and_their_resp2_form(value: object, resp2: bytes, resp3: bytes) -> None:
    assert encode(value, 2) == resp2
    assert encode(value, 3) == resp3


def test_a_line_end_cannot_break_the_framing() -> None:
    assert encode(Error("ERR a\r\n+OK\r\n")) == b"-ERR a  +OK  \r\n"


def test_what_has_no_resp_form_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="object"):
        encode(object())


def test_cluster_slots_of_a_thousand_nodes_is_quick() -> None:
    member = ["10.0.0.1", 6379, "0" * 40, {"hostname": "node.example.com"}]
    table = [[slot, slot + 15, member, member] for slot in range(0, 16384, 16)]
    began = time.process_time()
    encode(table, 3)
    assert time.process_time() - began < 0.2
