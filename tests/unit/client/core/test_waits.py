"""For how long commands wait, and how what they took is put back."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client.core.commands import Retry, find_command
from garrison.client.core.resp import Arg
from garrison.client.core.waits import cannot_return, patience_s, put_back, takes_away, with_patience


@pytest.mark.parametrize(
    ("words", "patience", "later"),
    [
        (["BLPOP", "a", "b", 1.5], 1.5, ["a", "b", "0.250"]),
        (["BLMOVE", "a", "b", "LEFT", "LEFT", "0"], None, ["a", "b", "LEFT", "LEFT", "0.250"]),
        (["BLMPOP", "2", 1, "a", "LEFT"], 2.0, ["0.250", 1, "a", "LEFT"]),
        (["BZMPOP", 0, 1, "a", "MIN"], None, ["0.250", 1, "a", "MIN"]),
        (["XREAD", "block", "1500", "STREAMS", "block", "0"], 1.5, ["block", 250, "STREAMS", "block", "0"]),
        (["BLPOP", "a", "soon"], 0.0, ["a", "0.250"]),
    ],
)
def test_patience(words: list[Any], patience: float | None, later: list[Any]) -> None:
    row = find_command(words)
    assert row is not None
    assert row.blocks(words[1:])
    assert patience_s(row, words[1:]) == patience
    assert with_patience(row, words[1:], 0.25) == later


def test_no_time_left_is_not_for_ever() -> None:
    row = find_command(["BLPOP"])
    assert row is not None
    assert with_patience(row, ["a", 5], -1.0) == ["a", "0.001"]


def test_a_stream_called_block_does_not_block() -> None:
    row = find_command(["XREAD"])
    assert row is not None
    assert not row.blocks(["COUNT", 1, "STREAMS", "block", "0"])


@pytest.mark.parametrize(
    ("words", "reply", "undo"),
    [
        (["BLPOP", "a", 0], [b"a", b"x"], [("LPUSH", b"a", b"x")]),
        (["BRPOP", "a", 0], ["a", "x"], [("RPUSH", "a", "x")]),
        (["BLMPOP", 0, 2, "a", "b", "left"], [b"b", [b"1", b"2"]], [("LPUSH", b"b", b"2", b"1")]),
        (["BLMPOP", 0, 1, "a", "RIGHT"], [b"a", [b"2", b"1"]], [("RPUSH", b"a", b"1", b"2")]),
        (["BZPOPMIN", "z", 0], [b"z", b"m", b"1.5"], [("ZADD", b"z", "NX", b"1.5", b"m")]),
        (["BZPOPMAX", "z", 0], [b"z", b"m", 1.5], [("ZADD", b"z", "NX", "1.5", b"m")]),
        (["BZMPOP", 0, 1, "z", "MIN"], [b"z", [[b"m", 1.0], [b"n", 2.0]]],
         [("ZADD", b"z", "NX", "1.0", b"m", "2.0", b"n")]),
        (["BLMOVE", "a", "b", "LEFT", "LEFT", 0], b"x", []),
        (["BLPOP", "a", 0], None, []),
        (["XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">"], {b"s": []}, []),
    ],
)  # fmt: skip
def test_what_was_taken_goes_back(words: list[Any], reply: Any, undo: list[Any]) -> None:
    row = find_command(words)
    assert row is not None
    assert put_back(row, words[1:], reply) == undo


def test_what_is_read_without_ack_cannot_be_returned() -> None:
    row = find_command(["XREADGROUP"])
    assert row is not None
    words: list[Arg] = ["GROUP", "g", "c", "NOACK", "BLOCK", 0, "STREAMS", "s", ">"]
    assert takes_away(row, words)
    assert cannot_return(row, words, {b"s": []})
    assert not cannot_return(row, words, None)
    assert not takes_away(row, ["GROUP", "g", "c", "BLOCK", 0, "STREAMS", "NOACK", ">"])


def test_reading_from_now_on_is_not_repeated() -> None:
    row = find_command(["XREAD"])
    assert row is not None
    assert row.retry_of(["BLOCK", 0, "STREAMS", "s", "$"]) is Retry.ONCE
    assert row.retry_of(["BLOCK", 0, "STREAMS", "s", "5-0"]) is Retry.READ
