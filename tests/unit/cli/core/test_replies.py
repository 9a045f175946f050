"""The typed reader: whatever the pieces in which bytes come, and what is no RESP."""

from __future__ import annotations

from random import Random

import hiredis
import pytest

from garrison.cli.core.replies import Attributed, Map, Status, TypedReader, Verbatim
from garrison.client.errors import ProtocolError, ReplyError
from tests.unit.cli.core.test_formats import random_reply


def drain(reader: TypedReader) -> list[object]:
    found = []
    while (reply := reader.gets()) is not ...:
        found.append(reply)
    return found


def test_pieces_of_any_size_give_the_same_replies() -> None:
    random = Random(3)
    data = b"".join(random_reply(random) for _ in range(100))
    whole = TypedReader(...)
    whole.feed(data)
    expected = drain(whole)
    assert len(expected) == 100
    for size in (1, 2, 7, 1000):
        reader = TypedReader(...)
        found: list[object] = []
        for at in range(0, len(data), size):
            reader.feed(data[at : at + size])
            found += drain(reader)
        assert repr(found) == repr(expected)


def test_types_that_hiredis_makes_one_are_told_apart() -> None:
    reader = TypedReader(...)
    reader.feed(
        b"+OK\r\n$2\r\nOK\r\n=6\r\nmkd:OK\r\n$-1\r\n*-1\r\n>1\r\n+m\r\n!5\r\nERR x\r\n"
        b"|1\r\n+a\r\n:1\r\n:2\r\n"
    )
    status, bulk, verbatim, null, null_array, push, error, attributed = drain(reader)
    assert (type(status), type(bulk), type(verbatim)) == (Status, bytes, Verbatim)
    assert isinstance(verbatim, Verbatim)
    assert verbatim.format == b"mkd"
    assert null is None
    assert null_array is None
    assert isinstance(push, hiredis.PushNotification)
    assert isinstance(error, ReplyError)
    assert error.code == "ERR"
    assert attributed == Attributed(Map([(b"a", 1)]), 2)


@pytest.mark.parametrize("data", [b"HTTP/1.1 400\r\n", b":x\r\n", b"*1\r\n" * 200, b"+" + b"x" * 2_000_000])
def test_what_is_not_resp_is_refused(data: bytes) -> None:
    reader = TypedReader(...)
    reader.feed(data)
    with pytest.raises(ProtocolError):
        reader.gets()
