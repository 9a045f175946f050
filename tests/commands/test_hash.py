"""Hashes, in both encodings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.wire import Peers, Wire, Word

LISTPACK_ENTRIES = 512
LISTPACK_VALUE = 64


@pytest.fixture(params=["listpack", "hashtable"])
def h(request: pytest.FixtureRequest, r: Wire) -> Wire:
    """The connection, with a hash `h` that has the fields a, b and c in either encoding."""
    if request.param == "hashtable":
        r("HSET", "h", "long", "x" * (LISTPACK_VALUE + 1))
        r("HSET", "h", "a", "1", "b", "-20", "c", "three")
        r("HDEL", "h", "long")
    else:
        r("HSET", "h", "a", "1", "b", "-20", "c", "three")
    assert r("OBJECT", "ENCODING", "h") == request.param.encode()
    return r


def pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def scan(r: Wire, *options: Word) -> tuple[dict[bytes, bytes], int]:
    """All that HSCAN gives, and after how many calls."""
    found: dict[bytes, bytes] = {}
    cursor, calls = b"0", 0
    while calls == 0 or cursor != b"0":
        cursor, flat = r("HSCAN", "h", cursor, *options)
        found.update(pairs(flat))
        calls += 1
    return found, calls


def test_set_and_get(h: Wire) -> None:
    assert h("HGET", "h", "a") == b"1"
    assert h("HGET", "h", "c") == b"three"
    assert h("HGET", "h", "d") is None
    assert h("HGET", "none", "a") is None
    assert h("HSET", "h", "a", "one", "d", "4", "d", "5", "", "") == 2
    assert h("HMGET", "h", "a", "d", "", "e") == [b"one", b"5", b"", None]
    assert h("HMGET", "none", "a", "b") == [None, None]
    assert h("HMSET", "h", "a", "2", "f", "6") == "OK"
    assert h("HLEN", "h") == 6
    assert h("HLEN", "none") == 0


def test_the_whole_hash(h: Wire) -> None:
    expected = {b"a": b"1", b"b": b"-20", b"c": b"three"}
    assert h.map("HGETALL", "h") == expected
    assert isinstance(h("HGETALL", "h"), dict if h.protocol == 3 else list)
    assert dict(zip(h("HKEYS", "h"), h("HVALS", "h"), strict=True)) == expected
    assert h.map("HGETALL", "none") == {}
    assert h("HKEYS", "none") == []
    assert h("HVALS", "none") == []


def test_exists_and_length(h: Wire) -> None:
    assert [h("HEXISTS", "h", field) for field in "abx"] == [1, 1, 0]
    assert h("HEXISTS", "none", "a") == 0
    assert [h("HSTRLEN", "h", field) for field in "abcx"] == [1, 3, 5, 0]
    assert h("HSTRLEN", "none", "a") == 0


def test_setnx(h: Wire) -> None:
    assert h("HSETNX", "h", "a", "other") == 0
    assert h("HSETNX", "h", "d", "new") == 1
    assert h("HSETNX", "other", "d", "new") == 1
    assert h("HMGET", "h", "a", "d") == [b"1", b"new"]


def test_delete(h: Wire) -> None:
    assert h("HDEL", "h", "x", "a", "a") == 1
    assert h("HDEL", "none", "a") == 0
    assert h("HDEL", "h", "b", "c", "d") == 2
    assert h("EXISTS", "h") == 0


def test_increment(h: Wire) -> None:
    assert h("HINCRBY", "h", "a", "41") == 42
    assert h("HINCRBY", "h", "b", "-22") == -42
    assert h("HINCRBY", "h", "new", "7") == 7
    assert h("HINCRBY", "fresh", "new", "-7") == -7
    assert h.error("HINCRBY", "h", "c", "1") == "ERR hash value is not an integer"
    assert h.error("HINCRBY", "h", "a", "1.5") == "ERR value is not an integer or out of range"
    h("HSET", "h", "max", 2**63 - 1, "padded", " 1")
    assert h.error("HINCRBY", "h", "max", "1") == "ERR increment or decrement would overflow"
    assert h.error("HINCRBY", "h", "padded", "1") == "ERR hash value is not an integer"
    assert h("HINCRBY", "h", "max", f"-{2**63 - 1}") == 0


def test_increment_by_float(h: Wire) -> None:
    assert h("HINCRBYFLOAT", "h", "a", "0.1") == b"1.1"
    assert h("HINCRBYFLOAT", "h", "a", "0.2") == b"1.3"
    assert h("HINCRBYFLOAT", "h", "b", "5e2") == b"480"
    assert h("HINCRBYFLOAT", "h", "new", "-0.25") == b"-0.25"
    assert h("HINCRBYFLOAT", "fresh", "new", "3.0") == b"3"
    assert h("HGET", "h", "a") == b"1.3"
    assert h.error("HINCRBYFLOAT", "h", "c", "1") == "ERR hash value is not a float"
    assert h.error("HINCRBYFLOAT", "h", "a", "x") == "ERR value is not a valid float"
    assert h.error("HINCRBYFLOAT", "h", "a", "inf") == "ERR value is NaN or Infinity"
    assert h.error("HINCRBYFLOAT", "h", "a", "") == "ERR value is not a valid float"


def test_scan(h: Wire) -> None:
    assert scan(h) == ({b"a": b"1", b"b": b"-20", b"c": b"three"}, 1)
    assert scan(h, "MATCH", "[ab]", "COUNT", 100)[0] == {b"a": b"1", b"b": b"-20"}
    assert scan(h, "MATCH", "nothing*")[0] == {}
    assert h("HSCAN", "none", "0") == [b"0", []]
    assert h("HSCAN", "none", "17") == [b"0", []]


def test_scan_of_fields_alone(h: Wire) -> None:
    if not h.is_garrison:
        pytest.skip("NOVALUES came with Redis 7.4")
    cursor, fields = h("HSCAN", "h", 0, "NOVALUES", "COUNT", 100)
    assert (cursor, sorted(fields)) == (b"0", sorted(h("HKEYS", "h")))
    for words in (("SCAN", 0), ("SSCAN", "s", 0), ("ZSCAN", "z", 0)):
        h("SADD", "s", "a")
        h("ZADD", "z", 1, "a")
        assert h.error(*words, "NOVALUES") == "ERR NOVALUES option can only be used in HSCAN"


def test_scan_of_a_big_hash_in_steps(r: Wire) -> None:
    expected = {b"field:%d" % n: b"%d" % n for n in range(1000)}
    r("HSET", "h", *(word for pair in expected.items() for word in pair))
    found, calls = scan(r, "COUNT", 50)
    assert found == expected
    assert 5 <= calls <= 50
    found, _ = scan(r, "MATCH", "field:1?")
    assert sorted(found) == [b"field:%d" % n for n in range(10, 20)]


def test_scan_while_it_changes(r: Wire) -> None:
    staying = {b"stay:%d" % n: b"1" for n in range(500)}
    r("HSET", "h", *(word for pair in staying.items() for word in pair))
    found: set[bytes] = set()
    cursor, turn = b"0", 0
    while turn == 0 or cursor != b"0":
        cursor, flat = r("HSCAN", "h", cursor, "COUNT", 20)
        found.update(flat[::2])
        passing = [b"passing:%d:%d" % (turn, n) for n in range(100)]
        r("HSET", "h", *(word for field in passing for word in (field, b"2")))
        if turn % 2:
            r("HDEL", "h", *passing)
        turn += 1
        if turn > 10:
            r("HDEL", "h", *(b"passing:%d:%d" % (old, n) for old in range(turn) for n in range(100)))
    assert found >= staying.keys()


def test_random_fields(h: Wire) -> None:
    everything = {b"a": b"1", b"b": b"-20", b"c": b"three"}
    assert {h("HRANDFIELD", "h") for _ in range(100)} == everything.keys()
    assert h("HRANDFIELD", "none") is None
    assert h("HRANDFIELD", "none", 2) == []
    assert h("HRANDFIELD", "h", 0) == []
    assert sorted(h("HRANDFIELD", "h", 10)) == sorted(everything)
    assert len(set(h("HRANDFIELD", "h", 2))) == 2
    drawn = h("HRANDFIELD", "h", -50)
    assert len(drawn) == 50
    assert set(drawn) == everything.keys()


@pytest.mark.parametrize("count", [2, 3, -7])
def test_random_fields_with_values(h: Wire, count: int) -> None:
    everything = {b"a": b"1", b"b": b"-20", b"c": b"three"}
    reply = h("HRANDFIELD", "h", count, "WITHVALUES")
    entries = reply if h.protocol == 3 else [list(pair) for pair in zip(reply[::2], reply[1::2], strict=True)]
    assert len(entries) == abs(count)
    assert all(everything[field] == value for field, value in entries)


@pytest.mark.parametrize("fields", [100, 1000])
def test_few_random_fields_of_many(r: Wire, fields: int) -> None:
    r("HSET", "h", *(word for n in range(fields) for word in (n, n)))
    for count in (1, 10, fields // 2, fields - 1, fields):
        drawn = r("HRANDFIELD", "h", count)
        assert len(set(drawn)) == count
    assert len({r("HRANDFIELD", "h") for _ in range(50)}) > 20


def test_random_field_arguments(r: Wire) -> None:
    r("HSET", "h", "a", "1")
    assert r.error("HRANDFIELD", "h", "x") == "ERR value is not an integer or out of range"
    assert r.error("HRANDFIELD", "h", 1, "x") == "ERR syntax error"
    assert r.error("HRANDFIELD", "h", 1, "WITHVALUES", "x") == "ERR syntax error"
    assert "value must between" in r.error("HRANDFIELD", "h", -(2**63))
    assert r.error("HRANDFIELD", "h", 2**63 - 1, "WITHVALUES") == "ERR value is out of range"


def test_the_encoding_changes_at_the_limits(r: Wire) -> None:
    r("HSET", "h", *(word for n in range(LISTPACK_ENTRIES) for word in (n, n)))
    assert r("OBJECT", "ENCODING", "h") == b"listpack"
    r("HSET", "h", "one more", "1")
    assert r("OBJECT", "ENCODING", "h") == b"hashtable"
    r("HSET", "field", "x" * LISTPACK_VALUE, "x" * LISTPACK_VALUE)
    assert r("OBJECT", "ENCODING", "field") == b"listpack"
    r("HSET", "field", "x" * (LISTPACK_VALUE + 1), "1")
    assert r("OBJECT", "ENCODING", "field") == b"hashtable"
    r("HSET", "same", *(["f", "v"] * (LISTPACK_ENTRIES + 1)))
    assert r("OBJECT", "ENCODING", "same") == b"listpack"


def test_a_wrong_number_of_arguments(r: Wire) -> None:
    for command in ("hset", "hmset"):
        expected = f"ERR wrong number of arguments for '{command}' command"
        assert r.error(command, "h", "f", "v", "g") == expected
        assert r.error(command, "h", "f") == expected


COMMANDS: list[tuple[Word, ...]] = [
    ("HSET", "s", "f", "v"),
    ("HMSET", "s", "f", "v"),
    ("HSETNX", "s", "f", "v"),
    ("HGET", "s", "f"),
    ("HMGET", "s", "f"),
    ("HGETALL", "s"),
    ("HDEL", "s", "f"),
    ("HLEN", "s"),
    ("HSTRLEN", "s", "f"),
    ("HEXISTS", "s", "f"),
    ("HKEYS", "s"),
    ("HVALS", "s"),
    ("HINCRBY", "s", "f", "1"),
    ("HINCRBYFLOAT", "s", "f", "1"),
    ("HSCAN", "s", "0"),
    ("HRANDFIELD", "s"),
    ("HRANDFIELD", "s", "1"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: str(words[0]) + str(len(words)))
def test_another_type_is_refused(r: Wire, words: tuple[Word, ...]) -> None:
    r("SET", "s", "text")
    assert r.error(*words) == "WRONGTYPE Operation against a key holding the wrong kind of value"


@pytest.mark.parametrize(
    "words",
    [
        ("HSCAN", "h", "x"),
        ("HSCAN", "h", ""),
        ("HSCAN", "h", "0", "COUNT", "0"),
        ("HSCAN", "h", "0", "COUNT", "x"),
        ("HSCAN", "h", "0", "COUNT"),
        ("HSCAN", "h", "0", "TYPE", "hash"),
        ("HSCAN", "none", "0", "NOTHING"),
        ("HSETNX", "h", "f"),
        ("HGET", "h"),
        ("HINCRBY", "h", "f", "9223372036854775808"),
        ("HINCRBYFLOAT", "h", "f", "nan"),
        ("HINCRBYFLOAT", "h", "f", " 1"),
    ],
)
def test_the_same_refusals(peers: Peers, words: tuple[Word, ...]) -> None:
    peers.same("HSET", "h", "f", "1")
    peers.same(*words)


@pytest.mark.parametrize("protocol_events", ["KEA"])
def test_events(r: Wire, protocol_events: str) -> None:
    before = r.map("CONFIG", "GET", "notify-keyspace-events")[b"notify-keyspace-events"]
    r("CONFIG", "SET", "notify-keyspace-events", protocol_events)
    try:
        listener = r.another(protocol=2)
        listener("SUBSCRIBE", "__keyspace@0__:h")
        r("HSET", "h", "a", "1", "b", "2")
        r("HSETNX", "h", "a", "1")
        r("HSETNX", "h", "c", "1")
        r("HINCRBY", "h", "a", "1")
        r("HINCRBYFLOAT", "h", "a", "1")
        r("HDEL", "h", "x")
        r("HDEL", "h", "a", "b", "c")
        events: list[Any] = [listener.read()[2] for _ in range(6)]
    finally:
        r("CONFIG", "SET", "notify-keyspace-events", before)
    assert events == [b"hset", b"hset", b"hincrby", b"hincrbyfloat", b"hdel", b"del"]


def test_a_watched_hash(r: Wire) -> None:
    other = r.another()
    r("HSET", "h", "a", "1")
    r("WATCH", "h")
    other("HINCRBY", "h", "a", "1")
    r("MULTI")
    r("HGET", "h", "a")
    assert r("EXEC") is None
    r("WATCH", "h")
    assert other("HSETNX", "h", "a", "1") == 0
    r("MULTI")
    r("HGET", "h", "a")
    assert r("EXEC") == [b"2"]


def test_random_changes_are_the_same(peers: Peers) -> None:
    fields = [str(n) for n in range(12)]
    for turn in range(400):
        field, other = fields[turn * 7 % 12], fields[turn * 5 % 12]
        peers.same("HSET", "h", field, turn, other, "x" * (turn % 70))
        peers.same("HDEL", "h", fields[turn * 11 % 12], fields[turn * 3 % 12])
        peers.same("HMGET", "h", *fields)
        peers.same("HLEN", "h")
        peers.same("HSTRLEN", "h", field)
        if turn % 50 == 0:
            peers.same("DEL", "h")
