"""Fields of hashes that expire. Redis 7.0 does not know them: these tests run against ours alone."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.commands.wire import Wire

FAR_MS = 4_000_000_000_000


@pytest.fixture(params=["listpack", "hashtable"])
def h(request: pytest.FixtureRequest, r: Wire) -> Wire:
    """A connection, with a hash `h` of the fields a, b and c in either form."""
    if not r.is_garrison:
        pytest.skip("Redis 7.0 has no fields that expire")
    if request.param == "hashtable":
        r("HSET", "h", "long", "x" * 65)
        r("HDEL", "h", "long", "none")
        r("HSET", "h", "long", "x" * 65)
    r("HSET", "h", "a", 1, "b", 2, "c", 3)
    r("HDEL", "h", "long")
    return r


def fields(*names: str) -> tuple[str | int, ...]:
    return ("FIELDS", len(names), *names)


def test_time_is_set_told_and_removed(h: Wire) -> None:
    now = int(time.time())
    assert h("HEXPIRE", "h", 100, *fields("a", "none")) == [1, -2]
    assert h("HTTL", "h", *fields("a", "b", "none")) == [100, -1, -2]
    assert 99_000 < h("HPTTL", "h", *fields("a"))[0] <= 100_000
    assert h("HEXPIRETIME", "h", *fields("a"))[0] in (now + 100, now + 101, now + 102)
    assert h("HPEXPIREAT", "h", FAR_MS, *fields("b")) == [1]
    assert h("HPEXPIRETIME", "h", *fields("b", "c")) == [FAR_MS, -1]
    assert h("HEXPIREAT", "h", FAR_MS // 1000 + 1, *fields("b")) == [1]
    assert h("HPERSIST", "h", *fields("a", "c", "none")) == [1, -1, -2]
    assert h("HTTL", "h", *fields("a")) == [-1]
    assert h("HEXPIRE", "none", 100, *fields("a", "b")) == [-2, -2]
    assert h("HTTL", "none", *fields("a")) == [-2]
    assert h("HPERSIST", "none", *fields("a")) == [-2]


def test_conditions(h: Wire) -> None:
    assert h("HEXPIRE", "h", 100, "XX", *fields("a")) == [0]
    assert h("HEXPIRE", "h", 100, "GT", *fields("a")) == [0]
    assert h("HEXPIRE", "h", 100, "NX", *fields("a")) == [1]
    assert h("HEXPIRE", "h", 100, "NX", *fields("a", "b")) == [0, 1]
    assert h("HEXPIRE", "h", 50, "GT", *fields("a")) == [0]
    assert h("HEXPIRE", "h", 150, "GT", *fields("a")) == [1]
    assert h("HEXPIRE", "h", 200, "LT", *fields("a", "c")) == [0, 1]
    assert h("HEXPIRE", "h", 20, "LT", *fields("a")) == [1]


def test_past_time_deletes(h: Wire) -> None:
    assert h("HEXPIRE", "h", 0, *fields("a", "none", "a")) == [2, -2, -2]
    assert h("HPEXPIREAT", "h", 1, *fields("b")) == [2]
    assert h.map("HGETALL", "h") == {b"c": b"3"}
    assert h("HEXPIREAT", "h", 1, *fields("c")) == [2]
    assert h("EXISTS", "h") == 0


def test_field_is_gone_when_its_time_has_come(h: Wire) -> None:
    h("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    try:
        assert h("HPEXPIRE", "h", 10, *fields("a", "b")) == [1, 1]
        time.sleep(0.03)
        assert h("HGET", "h", "a") is None
        assert h("HMGET", "h", "a", "c") == [None, b"3"]
        assert h.map("HGETALL", "h") == {b"c": b"3"}
        assert h("HKEYS", "h") == [b"c"]
        assert h("HVALS", "h") == [b"3"]
        assert h("HEXISTS", "h", "a") == 0
        assert h("HSTRLEN", "h", "a") == 0
        assert h("HSCAN", "h", 0) == [b"0", [b"c", b"3"]]
        assert {h("HRANDFIELD", "h") for _ in range(20)} == {b"c"}
        assert h("HRANDFIELD", "h", 5) == [b"c"]
        assert h("HTTL", "h", *fields("a")) == [-2]
        assert h("HINCRBY", "h", "a", 5) == 5
        assert h("HSETNX", "h", "b", "new") == 1
        assert h("HTTL", "h", *fields("a", "b")) == [-1, -1]
        assert h("HDEL", "h", "a", "b", "c") == 3
    finally:
        h("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_background_removes_fields_and_hash(h: Wire) -> None:
    h("HPEXPIRE", "h", 20, *fields("a", "b"))
    h.until(1, "HLEN", "h")
    h("HPEXPIRE", "h", 20, *fields("c"))
    h("RENAME", "h", "renamed")
    h.until(0, "DBSIZE")


def test_writes_keep_or_clear_the_time(h: Wire) -> None:
    h("HEXPIRE", "h", 100, *fields("a", "b", "c"))
    h("HINCRBY", "h", "a", 1)
    h("HINCRBYFLOAT", "h", "b", "0.5")
    h("HSET", "h", "c", "new")
    assert h("HTTL", "h", *fields("a", "b", "c")) == [100, 100, -1]
    h("HDEL", "h", "a")
    h("HSET", "h", "a", 1)
    assert h("HTTL", "h", *fields("a")) == [-1]


def test_get_and_expire(h: Wire) -> None:
    assert h("HGETEX", "h", *fields("a", "none")) == [b"1", None]
    assert h("HGETEX", "h", "EX", 100, *fields("a", "none")) == [b"1", None]
    assert h("HTTL", "h", *fields("a")) == [100]
    assert h("HGETEX", "h", "PERSIST", *fields("a")) == [b"1"]
    assert h("HTTL", "h", *fields("a")) == [-1]
    assert h("HGETEX", "h", "PXAT", 1, *fields("a", "b", "c")) == [b"1", b"2", b"3"]
    assert h("EXISTS", "h") == 0
    assert h("HGETEX", "none", "EX", 1, *fields("a")) == [None]


def test_set_and_expire(h: Wire) -> None:
    assert h("HSETEX", "h", "EX", 100, "FIELDS", 2, "a", "x", "new", "y") == 1
    assert h("HTTL", "h", *fields("a", "new")) == [100, 100]
    assert h("HSETEX", "h", "KEEPTTL", "FIELDS", 1, "a", "z") == 1
    assert h("HTTL", "h", *fields("a")) == [100]
    assert h("HSETEX", "h", "FNX", "FIELDS", 2, "a", "q", "other", "q") == 0
    assert h("HSETEX", "h", "FXX", "FIELDS", 2, "a", "q", "other", "q") == 0
    assert h("HSETEX", "h", "FXX", "PX", 50_000, "FIELDS", 2, "a", "q", "b", "q") == 1
    assert h("HMGET", "h", "a", "b", "other") == [b"q", b"q", None]
    assert h("HSETEX", "h", "FIELDS", 1, "a", "plain") == 1
    assert h("HTTL", "h", *fields("a")) == [-1]
    assert h("HSETEX", "fresh", "FXX", "FIELDS", 1, "a", "q") == 0
    assert h("HSETEX", "fresh", "FNX", "EX", 10, "FIELDS", 1, "a", "q") == 1
    assert h("HTTL", "fresh", *fields("a")) == [10]


def test_get_and_delete(h: Wire) -> None:
    assert h("HGETDEL", "h", *fields("a", "none", "a")) == [b"1", None, b"1"]
    assert h("HGETDEL", "h", *fields("b", "c")) == [b"2", b"3"]
    assert h("EXISTS", "h") == 0
    assert h("HGETDEL", "h", *fields("a")) == [None]


def test_errors(h: Wire) -> None:
    h("SET", "text", "v")
    for words, text in (
        (("HEXPIRE", "h", 10, "FIELD", 1, "a"), "ERR Mandatory argument FIELDS is missing"),
        (("HEXPIRE", "h", 10, "FIELDS", 0, "a"), "ERR Parameter `numFields` should be greater than 0"),
        (("HEXPIRE", "h", 10, "FIELDS", 2, "a"), "ERR The `numfields` parameter must match"),
        (("HEXPIRE", "h", -1, "FIELDS", 1, "a"), "ERR invalid expire time, must be >= 0"),
        (("HEXPIRE", "h", 2**62, "FIELDS", 1, "a"), "ERR invalid expire time in 'hexpire' command"),
        (("HEXPIRE", "h", "x", "FIELDS", 1, "a"), "ERR value is not an integer or out of range"),
        (("HTTL", "text", "FIELDS", 1, "a"), "WRONGTYPE"),
        (("HSETEX", "text", "FIELDS", 1, "a", "b"), "WRONGTYPE"),
        (("HSETEX", "h", "EX", 1, "PX", 1, "FIELDS", 1, "a", "b"), "ERR Only one of EX, PX"),
        (("HSETEX", "h", "FNX", "FXX", "FIELDS", 1, "a", "b"), "ERR Only one of FXX or FNX"),
        (("HSETEX", "h", "FIELDS", 1, "a", "b", "c"), "ERR The `numfields` parameter must match"),
        (("HGETEX", "h", "KEEPTTL", "FIELDS", 1, "a"), "ERR unknown argument"),
        (("HGETDEL", "h", "FIELDS", 2, "a"), "ERR The `numfields` parameter must match"),
    ):
        assert h.error(*words).startswith(text), words


def test_times_survive_dump_copy_and_reload(h: Wire) -> None:
    h("HPEXPIREAT", "h", FAR_MS, *fields("a"))
    h("HPEXPIREAT", "h", FAR_MS + 77, *fields("b"))
    digest = h("DEBUG", "DIGEST-VALUE", "h")
    payload = h("DUMP", "h")
    assert h("RESTORE", "again", 0, payload) == "OK"
    h("COPY", "h", "copy")
    for key in ("again", "copy"):
        assert h("HPEXPIRETIME", key, *fields("a", "b", "c")) == [FAR_MS, FAR_MS + 77, -1]
        assert h("DEBUG", "DIGEST-VALUE", key) == digest
    for at in range(1, len(payload) - 10):
        damaged = payload[:at] + bytes([payload[at] ^ 0x41]) + payload[at + 1 :]
        assert isinstance(h("RESTORE", "t", 0, damaged), str)


def test_events(h: Wire) -> None:
    listener = h.another(2)
    h("CONFIG", "SET", "notify-keyspace-events", "Ehg")
    listener("PSUBSCRIBE", "*")
    h("HEXPIRE", "h", 100, *fields("a"))
    h("HPERSIST", "h", *fields("a"))
    h("HSETEX", "h", "EX", 100, "FIELDS", 1, "a", 1)
    h("HGETDEL", "h", *fields("a"))
    h("HPEXPIRE", "h", 20, *fields("b", "c"))
    h.until(0, "EXISTS", "h")
    h("CONFIG", "SET", "notify-keyspace-events", "")
    h("PUBLISH", "end", "")
    events: list[Any] = []
    while (message := listener.read())[2] != b"end":
        events.append(message[2].partition(b":")[2])
    assert events == [b"hexpire", b"hpersist", b"hset", b"hexpire", b"hdel", b"hexpire", b"hexpired", b"del"]


def test_replicas_get_absolute_times(r: Wire) -> None:
    if not r.is_garrison:
        pytest.skip("Redis 7.0 has no fields that expire")
    from tests.commands.test_propagation import Stream

    r("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    stream = Stream(r)
    r("HSET", "h", "a", 1, "b", 2, "c", 3)
    r("HPEXPIREAT", "h", FAR_MS, *fields("a", "none"))
    r("HPERSIST", "h", *fields("a", "b"))
    r("HGETEX", "h", "PXAT", FAR_MS, *fields("b"))
    r("HSETEX", "h", "FXX", "PXAT", FAR_MS, "FIELDS", 1, "c", 4)
    r("HINCRBYFLOAT", "h", "c", "0.5")
    r("HEXPIRE", "h", 0, *fields("a"))
    r("HGETDEL", "h", *fields("b", "none"))
    r("HPEXPIRE", "h", 30, *fields("c"))
    r.until(0, "EXISTS", "h")
    r("PUBLISH", "channel", "end")
    due, field = str(FAR_MS).encode(), (b"FIELDS", b"1")
    commands = [
        command for command in stream.until(b"end") if command[0] not in (b"MULTI", b"EXEC", b"SELECT")
    ]
    assert commands == [
        (b"HSET", b"h", b"a", b"1", b"b", b"2", b"c", b"3"),
        (b"HPEXPIREAT", b"h", due, *field, b"a"),
        (b"HPERSIST", b"h", *field, b"a"),
        (b"HPEXPIREAT", b"h", due, *field, b"b"),
        (b"HSET", b"h", b"c", b"4"),
        (b"HPEXPIREAT", b"h", due, *field, b"c"),
        (b"HSET", b"h", b"c", b"4.5"),
        (b"HPEXPIREAT", b"h", due, *field, b"c"),
        (b"HDEL", b"h", b"a"),
        (b"HDEL", b"h", b"b"),
        (b"HPEXPIREAT", b"h", b"<about now>", *field, b"c"),
        (b"HDEL", b"h", b"c"),
    ]
