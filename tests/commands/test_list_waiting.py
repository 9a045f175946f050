"""Commands that wait for lists, and what replicas are told of them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.commands.test_propagation import Stream
from tests.commands.wire import Peers, Wire, Word

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


def test_streams_are_the_same(peers: Peers) -> None:
    streams = []
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        stream, waiting = Stream(wire), wire.another()
        wire("RPUSH", "l", "a", "b", "c", "d", "e", "f", "g")
        wire("LPOP", "l", 0)
        wire("LTRIM", "l", 0, -1)
        wire("LREM", "l", 0, "none")
        wire("LMPOP", 2, "none", "l", "LEFT", "COUNT", 2)
        wire("BLPOP", "none", "l", 0)
        wire("BLMOVE", "l", "o", "left", "right", 0)
        wire("BRPOPLPUSH", "l", "o", 0)
        wire("BLMPOP", 0, 1, "l", "LEFT", "COUNT", 9)
        waiting.send("BLPOP", "l", 0)
        wire.until(1, "INFO", "clients", read_as=_blocked)
        wire("RPUSH", "l", "x", "y")
        waiting.read()
        waiting.send("BLMOVE", "q", "o", "left", "left", 0)
        wire.until(1, "INFO", "clients", read_as=_blocked)
        wire("RPUSH", "q", "z")
        waiting.read()
        wire("PUBLISH", "channel", "end")
        streams.append(stream.until(b"end"))
    theirs, ours = streams
    assert ours == theirs


def _blocked(info: bytes) -> int:
    lines = bytes(info).split()
    return next(int(line.split(b":")[1]) for line in lines if line.startswith(b"blocked_clients:"))


def blocked(r: Wire, *words: Word) -> Wire:
    """A second connection that waits in this command."""
    before = _blocked(r("INFO", "clients"))
    other = r.another()
    other.send(*words)
    r.until(before + 1, "INFO", "clients", read_as=_blocked)
    return other


WAITING: list[tuple[tuple[Word, ...], Any]] = [
    (("BLPOP", "none", "l", 0), [b"l", b"a"]),
    (("BRPOP", "l", 0), [b"l", b"c"]),
    (("BLMOVE", "l", "o", "RIGHT", "LEFT", 0), b"c"),
    (("BRPOPLPUSH", "l", "o", 0), b"c"),
    (("BLMPOP", 0, 2, "none", "l", "LEFT", "COUNT", 2), [b"l", [b"a", b"b"]]),
]


@pytest.mark.parametrize(("words", "expected"), WAITING, ids=[str(words[0]) for words, _ in WAITING])
def test_waiting_until_a_push(r: Wire, words: tuple[Word, ...], expected: Any) -> None:
    other = blocked(r, *words)
    assert r("RPUSH", "l", "a", "b", "c") == 3
    assert other.read() == expected
    assert r("LLEN", "l") == 3 - (2 if words[0] == "BLMPOP" else 1)


@pytest.mark.parametrize(("words", "_expected"), WAITING, ids=[str(words[0]) for words, _ in WAITING])
def test_waiting_ends_at_its_time(r: Wire, words: tuple[Word, ...], _expected: Any) -> None:
    at = 1 if words[0] == "BLMPOP" else len(words) - 1
    timed = [*words[:at], "0.05", *words[at + 1 :]]
    began = time.monotonic()
    assert r(*timed) is None
    assert 0.04 < time.monotonic() - began < 20
    assert r("PING") == "PONG"


@pytest.mark.parametrize(("words", "_expected"), WAITING, ids=[str(words[0]) for words, _ in WAITING])
def test_transaction_does_not_wait(r: Wire, words: tuple[Word, ...], _expected: Any) -> None:
    r("MULTI")
    r(*words)
    assert r("EXEC") == [None]


def test_first_to_wait_is_served_first(r: Wire) -> None:
    first, second, third = (blocked(r, "BLPOP", "l", 0) for _ in range(3))
    assert r("RPUSH", "l", "a", "b") == 2
    assert (first.read(), second.read()) == ([b"l", b"a"], [b"l", b"b"])
    assert r("EXISTS", "l") == 0
    r("RPUSH", "l", "c")
    assert third.read() == [b"l", b"c"]


def test_transaction_serves_at_its_end(r: Wire) -> None:
    other = blocked(r, "BLPOP", "l", 0)
    for words in (("MULTI",), ("RPUSH", "l", "a"), ("LPUSH", "l", "b"), ("LLEN", "l"), ("EXEC",)):
        reply = r(*words)
    assert reply == [1, 2, 2]
    assert other.read() == [b"l", b"b"]


def test_pushed_and_gone_serves_nobody(r: Wire) -> None:
    other = blocked(r, "BLPOP", "l", 0)
    for words in (("MULTI",), ("RPUSH", "l", "a"), ("DEL", "l"), ("EXEC",)):
        r(*words)
    r("SET", "l", "text")
    r("DEL", "l")
    r("RPUSH", "l", "late")
    assert other.read() == [b"l", b"late"]


def test_a_move_serves_the_next(r: Wire) -> None:
    last, first = blocked(r, "BLPOP", "o", 0), blocked(r, "BLMOVE", "l", "o", "LEFT", "LEFT", 0)
    r("RPUSH", "l", "a")
    assert first.read() == b"a"
    assert last.read() == [b"o", b"a"]
    assert r("EXISTS", "l", "o") == 0


@pytest.mark.parametrize("command", ["RENAME", "COPY", "RESTORE", "SORT", "LMOVE", "LINSERT"])
def test_whatever_makes_a_list_serves(r: Wire, command: str) -> None:
    r("RPUSH", "{l}src", "a")
    dump = r("DUMP", "{l}src")
    other = blocked(r, "BLPOP", "l{l}", 0)
    commands: dict[str, tuple[Word, ...]] = {
        "RENAME": ("RENAME", "{l}src", "l{l}"),
        "COPY": ("COPY", "{l}src", "l{l}"),
        "RESTORE": ("RESTORE", "l{l}", 0, dump),
        "SORT": ("SORT", "{l}src", "ALPHA", "STORE", "l{l}"),
        "LMOVE": ("LMOVE", "{l}src", "l{l}", "LEFT", "LEFT"),
        "LINSERT": ("RPUSH", "l{l}", "a"),
    }
    r(*commands[command])
    assert other.read() == [b"l{l}", b"a"]


def test_wrong_type_of_target_leaves_the_element(r: Wire) -> None:
    r("SET", "o", "text")
    other = blocked(r, "BLMOVE", "l", "o", "LEFT", "LEFT", 0)
    r("RPUSH", "l", "a")
    assert other.read() == WRONG_TYPE
    assert r("LRANGE", "l", 0, -1) == [b"a"]


def test_unblock(r: Wire) -> None:
    other = r.another()
    number = other("CLIENT", "ID")
    for how, expected in (("TIMEOUT", None), ("ERROR", "UNBLOCKED client unblocked via CLIENT UNBLOCK")):
        other.send("BLPOP", "l", 0)
        r.until(1, "INFO", "clients", read_as=_blocked)
        assert r("CLIENT", "UNBLOCK", number, how) == 1
        assert other.read() == expected
    assert r("CLIENT", "UNBLOCK", number) == 0
