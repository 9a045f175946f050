"""MULTI, EXEC, DISCARD, WATCH, UNWATCH."""

from __future__ import annotations

import time

import pytest

from tests.commands.resp import Failure
from tests.commands.wire import Peers, Wire


def test_queued_commands_run_together(r: Wire) -> None:
    assert r("MULTI") == "OK"
    assert r("SET", "a", "1") == "QUEUED"
    assert r("INCR", "a") == "QUEUED"
    assert r("HSET", "a", "f", "v") == "QUEUED"
    assert r("GET", "a") == "QUEUED"
    replies = r("EXEC")
    assert replies[:2] == ["OK", 2]
    assert isinstance(replies[2], Failure)
    assert replies[2].startswith("WRONGTYPE")
    assert replies[3] == b"2"


def test_an_empty_transaction(r: Wire) -> None:
    assert r("MULTI") == "OK"
    assert r("EXEC") == []


def test_discard(r: Wire) -> None:
    r("MULTI")
    r("SET", "a", "1")
    assert r("DISCARD") == "OK"
    assert r("GET", "a") is None


@pytest.mark.parametrize(
    "words",
    [("EXEC",), ("DISCARD",), ("EXEC", "x"), ("WATCH",), ("UNWATCH", "x"), ("MULTI", "x")],
)
def test_errors_outside(peers: Peers, words: tuple[str, ...]) -> None:
    assert peers.same(*words)[0] == "error"


def test_errors_inside_leave_the_transaction_open(peers: Peers) -> None:
    peers.same("MULTI")
    assert peers.same("MULTI")[0] == "error"
    assert peers.same("WATCH", "a")[0] == "error"
    peers.same("PING")
    assert peers.same("EXEC") == ["PONG"]


@pytest.mark.parametrize(
    "spoiler", [("SET", "a"), ("NOTHING",), ("SYNC",), ("CLIENT", "NOTHING"), ("EXEC", "x")]
)
def test_what_cannot_be_queued_spoils_the_transaction(peers: Peers, spoiler: tuple[str, ...]) -> None:
    peers.same("MULTI")
    peers.same("SET", "a", "1")
    assert peers.same(*spoiler)[0] == "error"
    assert peers.same("EXEC")[0] == "error"
    assert peers.same("EXISTS", "a") == 0
    assert peers.same("EXEC")[0] == "error"


@pytest.mark.parametrize(
    ("before", "change", "is_changed"),
    [
        ([], [("SET", "k", "2")], True),
        ([], [("GET", "k")], False),
        ([], [("SET", "other", "2")], False),
        ([], [("DEL", "k")], True),
        ([], [("EXPIRE", "k", "100")], True),
        ([], [("APPEND", "k", "")], True),
        ([], [("RENAME", "k", "l")], True),
        ([], [("FLUSHDB",)], True),
        ([], [("FLUSHALL",)], True),
        ([("DEL", "k")], [("FLUSHALL",)], False),
        ([("DEL", "k")], [("SET", "k", "1"), ("DEL", "k")], True),
        ([], [("SWAPDB", "0", "1")], True),
        ([("DEL", "k")], [("SWAPDB", "0", "1")], False),
        ([], [("SELECT", "1"), ("SET", "k", "2")], False),
        ([], [("COPY", "k", "l")], False),
        ([], [("COPY", "other", "k", "REPLACE")], False),
        ([], [("PERSIST", "k")], False),
        ([], [("HSETNX", "k", "f", "v")], False),
    ],
    ids=lambda value: " ".join(" ".join(words) for words in value) if isinstance(value, list) else None,
)
def test_watch(
    r: Wire, before: list[tuple[str, ...]], change: list[tuple[str, ...]], is_changed: bool
) -> None:
    r("SET", "k", "1")
    r.many(*before) if before else None
    assert r("WATCH", "k", "unused") == "OK"
    r.another().many(*change)
    r("MULTI")
    r("PING")
    assert r("EXEC") == (None if is_changed else ["PONG"])


def test_own_changes_count_too(r: Wire) -> None:
    r("WATCH", "k")
    r("SET", "k", "1")
    r("MULTI")
    assert r("EXEC") is None
    r("MULTI")
    assert r("EXEC") == []


@pytest.mark.parametrize("ender", ["UNWATCH", "DISCARD", "EXEC", "RESET"])
def test_what_ends_a_watch(r: Wire, ender: str) -> None:
    r("WATCH", "k")
    if ender in ("DISCARD", "EXEC"):
        r("MULTI")
    r(ender)
    if ender == "RESET" and r.protocol == 3:
        r("HELLO", "3")
    r.another()("SET", "k", "1")
    r("MULTI")
    assert r("EXEC") == []


def test_a_key_that_expires_while_watched(r: Wire) -> None:
    life_ms = 15
    while not r("EXISTS", "k"):  # On a slow machine it may be gone before it is watched: longer, then.
        r("UNWATCH")
        life_ms *= 2
        r("SET", "k", "1", "PX", life_ms)
        r("WATCH", "k")
    time.sleep(2 * life_ms / 1000)
    r("MULTI")
    r("PING")
    assert r("EXEC") is None


def test_a_key_that_had_expired_already(r: Wire) -> None:
    r("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    r("SET", "k", "1", "PX", "1")
    time.sleep(0.01)
    r("WATCH", "k")
    r.another()("GET", "k")
    r("MULTI")
    r("PING")
    reply = r("EXEC")
    r("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    assert reply == ["PONG"]


def test_subscribing_inside(r: Wire) -> None:
    r("MULTI")
    r("SUBSCRIBE", "x")
    r("GET", "a")
    assert r("EXEC") == [[b"subscribe", b"x", 1], None]


def test_selecting_inside(r: Wire) -> None:
    r("MULTI")
    r("SELECT", "5")
    r("SET", "a", "1")
    assert r("EXEC") == ["OK", "OK"]
    assert r("DBSIZE") == 1
    r("SELECT", "0")
    assert r("DBSIZE") == 0


def test_configuring_inside(r: Wire) -> None:
    r("MULTI")
    r("CONFIG", "SET", "hz", "12")
    r("SET", "a", "1")
    r("CONFIG", "GET", "hz")
    r("CONFIG", "SET", "hz", "often")
    first, second, third, fourth = r("EXEC")
    assert (first, second) == ("OK", "OK")
    assert list(third.items() if isinstance(third, dict) else [tuple(third)]) == [(b"hz", b"12")]
    assert isinstance(fourth, Failure)
    assert r("PING") == "PONG"
