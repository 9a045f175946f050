"""MSETEX, which Redis 7.0 does not know."""

from __future__ import annotations

import time

import pytest

from tests.commands.test_list import events_of
from tests.commands.test_propagation import Stream
from tests.commands.wire import Wire


@pytest.fixture
def g(r: Wire) -> Wire:
    """The connection, to a server that has the command."""
    if not r.is_garrison:
        pytest.skip("Redis has it since 8.4")
    return r


def test_stores_all(g: Wire) -> None:
    assert g("MSETEX", 2, "a", "1", "b", "two") == 1
    assert g("MGET", "a", "b") == [b"1", b"two"]
    assert g("TTL", "a") == -1


def test_conditions_hold_for_all_keys(g: Wire) -> None:
    g("SET", "a", "old")
    assert g("MSETEX", 2, "a", "1", "b", "2", "NX") == 0
    assert g("MSETEX", 2, "a", "1", "b", "2", "XX") == 0
    assert g("MGET", "a", "b") == [b"old", None]
    assert g("MSETEX", 1, "b", "2", "nx", "EX", 100) == 1
    assert g("MSETEX", 2, "a", "3", "b", "4", "KEEPTTL", "XX") == 1
    assert g("MGET", "a", "b") == [b"3", b"4"]
    assert (g("TTL", "a"), 0 < g("TTL", "b") <= 100) == (-1, True)


def test_one_expiry_for_all(g: Wire) -> None:
    at = int(time.time()) + 1000
    assert g("MSETEX", 2, "a", "1", "b", "2", "EXAT", at) == 1
    assert [g("EXPIRETIME", key) for key in "ab"] == [at, at]
    assert g("MSETEX", 1, "a", "1", "PXAT", at * 1000 + 7) == 1
    assert g("PEXPIRETIME", "a") == at * 1000 + 7
    assert g("MSETEX", 1, "a", "1") == 1
    assert g("TTL", "a") == -1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 a 1", "ERR invalid numkeys value"),
        ("x a 1", "ERR invalid numkeys value"),
        ("9223372036854775807 a 1", "ERR invalid numkeys value"),
        ("2 a 1", "ERR wrong number of key-value pairs"),
        ("1 a 1 b", "ERR syntax error"),
        ("1 a 1 GET", "ERR syntax error"),
        ("1 a 1 NX XX", "ERR syntax error"),
        ("1 a 1 EX 1 KEEPTTL", "ERR syntax error"),
        ("1 a 1 EX 0", "ERR invalid expire time in 'msetex' command"),
        ("1 a 1 EX x", "ERR value is not an integer or out of range"),
        ("1 a", "ERR wrong number of arguments for 'msetex' command"),
    ],
)
def test_refusals(g: Wire, line: str, expected: str) -> None:
    assert g.error("MSETEX", *line.split()) == expected
    assert g("EXISTS", "a") == 0


def test_keys_and_events(g: Wire) -> None:
    assert g("COMMAND", "GETKEYS", "MSETEX", 2, "a", "1", "b", "2", "NX") == [b"a", b"b"]
    found = events_of(g, ("MSETEX", 2, "a", "1", "b", "2", "EX", 100), ("MSETEX", 1, "a", "1", "NX"))
    assert found == [(b"a", b"set"), (b"a", b"expire"), (b"b", b"set"), (b"b", b"expire")]


def test_replicas_get_commands_that_they_know(g: Wire) -> None:
    g("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    stream = Stream(g)
    g("MSETEX", 2, "a", "1", "b", "2", "PXAT", "99999999999999")
    g("MSETEX", 1, "a", "1", "KEEPTTL")
    g("PUBLISH", "channel", "end")
    commands = [command for command in stream.until(b"end") if command[0] != b"SELECT"]
    assert commands == [
        (b"MULTI",),
        (b"SET", b"a", b"1", b"PXAT", b"99999999999999"),
        (b"SET", b"b", b"2", b"PXAT", b"99999999999999"),
        (b"EXEC",),
        (b"SET", b"a", b"1", b"KEEPTTL"),
    ]
