"""A stream is cut behind whole commands and transactions, however its bytes come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.backup.core.stream_cutter import StreamCutter
from garrison.cluster.errors import ManagerError


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


SET = command(b"SET", b"k", b"v\r\n*1\r\n")
TRANSACTION = command(b"MULTI") + SET + SET + command(b"EXEC")


def without_times(data: bytes) -> bytes:
    return b"".join(line for line in data.splitlines(keepends=True) if not line.startswith(b"#TS:"))


def test_time_goes_before_the_first_of_a_second() -> None:
    cutter = StreamCutter(100)
    assert cutter.take(SET, 7) == b"#TS:7\r\n" + SET
    assert cutter.take(SET, 7) == SET
    assert cutter.take(SET, 6) == SET
    assert cutter.take(SET, 9) == b"#TS:9\r\n" + SET
    assert cutter.offset == 100 + 4 * len(SET)


def test_half_command_and_transaction_wait_for_the_rest() -> None:
    cutter = StreamCutter(0)
    assert without_times(cutter.take(SET + TRANSACTION[:-3], 1)) == SET
    assert cutter.offset == len(SET)
    assert cutter.take(TRANSACTION[-3:], 1) == TRANSACTION


def test_nothing_behind_the_goal_comes_out() -> None:
    cutter = StreamCutter(0)
    goal = len(SET) + 1
    assert without_times(cutter.take(SET * 3, 1, goal)) == SET * 2
    assert cutter.take(SET, 1, goal) == b""
    assert cutter.offset == 2 * len(SET)


def test_selected_database_is_followed() -> None:
    cutter = StreamCutter(0, 3)
    assert cutter.database == 3
    cutter.take(command(b"select", b"5") + SET, 1)
    assert cutter.database == 5


@pytest.mark.parametrize(
    "data",
    [b"PING\r\n", b"*x\r\n", b"*1\r\n:3\r\n", b"*1\r\n$-1\r\n", command(b"SELECT", b"x"), b"*99999999\r\n"],
)
def test_what_is_no_command_is_refused(data: bytes) -> None:
    with pytest.raises(ManagerError, match="is no command"):
        StreamCutter(0).take(data + b"$1\r\n", 1)


@given(st.lists(st.sampled_from([SET, TRANSACTION, command(b"PING")]), max_size=8), st.data())
def test_pieces_of_any_size_give_the_same_stream(commands: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(commands)
    cutter = StreamCutter(50)
    out = b""
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, 40))
        out += cutter.take(stream[at : at + size], at)
        at += size
    assert without_times(out) == stream
    assert cutter.offset == 50 + len(stream)
