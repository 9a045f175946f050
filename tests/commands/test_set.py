"""Sets, in all encodings. The packed one is Redis 7.2's: a real 7.0 has a table in its place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.wire import Peers, Wire, Word

INTSET_ENTRIES = 512
LISTPACK_ENTRIES = 128
LISTPACK_VALUE = 64
EVERYTHING = {b"1", b"-20", b"300"}


def encoding(r: Wire, key: str, ours: str) -> None:
    """Demand an encoding; where we have 7.2's packed form, Redis 7.0 has a table."""
    expected = "hashtable" if ours == "listpack" and not r.is_garrison else ours
    assert r("OBJECT", "ENCODING", key) == expected.encode()


@pytest.fixture(params=["intset", "listpack", "hashtable"])
def s(request: pytest.FixtureRequest, r: Wire) -> Wire:
    """The connection, with a set `s` that has the members 1, -20 and 300 in either encoding."""
    guest = {"intset": "1", "listpack": "a", "hashtable": "x" * (LISTPACK_VALUE + 1)}[request.param]
    r("SADD", "s", guest)
    r("SADD", "s", "1", "-20", "300")
    if guest != "1":
        r("SREM", "s", guest)
    encoding(r, "s", request.param)
    return r


def members(reply: Any) -> set[bytes]:
    """A reply as a set, in which no member may come twice."""
    assert len(reply) == len(set(reply))
    return set(reply)


def scan(r: Wire, *options: Word) -> tuple[set[bytes], int]:
    """All that SSCAN gives, and after how many calls."""
    found: set[bytes] = set()
    cursor, calls = b"0", 0
    while calls == 0 or cursor != b"0":
        cursor, part = r("SSCAN", "s", cursor, *options)
        found.update(part)
        calls += 1
    return found, calls


def test_add_counts_new_members(s: Wire) -> None:
    assert s("SADD", "s", "1", "2", "2", "") == 2
    assert s("SADD", "s", "1") == 0
    assert s("SADD", "fresh", "a", "b", "a") == 2
    assert s("SCARD", "s") == 5
    assert s("SCARD", "none") == 0


def test_membership(s: Wire) -> None:
    assert [s("SISMEMBER", "s", member) for member in ("1", "-20", "01", "x")] == [1, 1, 0, 0]
    assert s("SISMEMBER", "none", "1") == 0
    assert s("SMISMEMBER", "s", "300", "x", "1") == [1, 0, 1]
    assert s("SMISMEMBER", "none", "300", "x") == [0, 0]
    assert members(s("SMEMBERS", "s")) == EVERYTHING
    assert members(s("SMEMBERS", "none")) == set()


def test_remove(s: Wire) -> None:
    assert s("SREM", "s", "x", "1", "1") == 1
    assert s("SREM", "none", "1") == 0
    assert s("SREM", "s", "-20", "300", "1") == 2
    assert s("EXISTS", "s") == 0


def test_move(s: Wire) -> None:
    assert s("SMOVE", "s", "t", "1") == 1
    assert s("SMOVE", "s", "t", "1") == 0
    assert s("SMOVE", "none", "t", "1") == 0
    assert s("SMOVE", "s", "s", "300") == 1
    assert s("SMOVE", "s", "s", "x") == 0
    s("SADD", "t", "300")
    assert s("SMOVE", "s", "t", "300") == 1
    assert s("SMOVE", "s", "t", "-20") == 1
    assert s("EXISTS", "s") == 0
    assert members(s("SMEMBERS", "t")) == EVERYTHING


def test_pop_one(s: Wire) -> None:
    popped = {s("SPOP", "s") for _ in range(3)}
    assert popped == EVERYTHING
    assert s("SPOP", "s") is None
    assert s("EXISTS", "s") == 0


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_pop_many(s: Wire, count: int) -> None:
    popped = members(s("SPOP", "s", count))
    assert len(popped) == min(count, 3)
    assert members(s("SMEMBERS", "s")) == EVERYTHING - popped
    assert members(s("SPOP", "none", count)) == set()


def test_random_members(s: Wire) -> None:
    assert {s("SRANDMEMBER", "s") for _ in range(100)} == EVERYTHING
    assert s("SRANDMEMBER", "none") is None
    assert s("SRANDMEMBER", "none", 2) == []
    assert s("SRANDMEMBER", "s", 0) == []
    assert members(s("SRANDMEMBER", "s", 10)) == EVERYTHING
    assert len(members(s("SRANDMEMBER", "s", 2))) == 2
    drawn = s("SRANDMEMBER", "s", -50)
    assert len(drawn) == 50
    assert set(drawn) == EVERYTHING


@pytest.mark.parametrize("size", [100, 2000])
def test_few_random_members_of_many(r: Wire, size: int) -> None:
    r("SADD", "s", *(f"m{n}" for n in range(size)))
    for count in (1, 10, size // 2, size - 1, size):
        assert len(members(r("SRANDMEMBER", "s", count))) == count
    popped = members(r("SPOP", "s", size // 2))
    assert len(popped) == size // 2
    assert members(r("SMEMBERS", "s")) == {b"m%d" % n for n in range(size)} - popped


def test_scan(s: Wire) -> None:
    assert scan(s) == (EVERYTHING, 1)
    assert scan(s, "MATCH", "*0", "COUNT", 100)[0] == {b"-20", b"300"}
    assert s("SSCAN", "none", "17") == [b"0", []]


def test_scan_while_it_changes(r: Wire) -> None:
    staying = {b"stay:%d" % n for n in range(500)}
    r("SADD", "s", *staying)
    found: set[bytes] = set()
    cursor, turn = b"0", 0
    while turn == 0 or cursor != b"0":
        cursor, part = r("SSCAN", "s", cursor, "COUNT", 20)
        found.update(part)
        passing = [b"passing:%d:%d" % (turn, n) for n in range(100)]
        r("SADD", "s", *passing)
        if turn % 2:
            r("SREM", "s", *passing)
        turn += 1
        if turn > 10:
            r("SREM", "s", *(b"passing:%d:%d" % (old, n) for old in range(turn) for n in range(100)))
    assert found >= staying


def test_combinations(s: Wire) -> None:
    s("SADD", "t", "1", "300", "other")
    s("SADD", "u", "1", "5")
    assert members(s("SINTER", "s", "t")) == {b"1", b"300"}
    assert members(s("SINTER", "s", "t", "u")) == {b"1"}
    assert members(s("SINTER", "s", "none")) == set()
    assert members(s("SUNION", "s", "t", "none", "u")) == EVERYTHING | {b"other", b"5"}
    assert members(s("SDIFF", "s", "t")) == {b"-20"}
    assert members(s("SDIFF", "s", "none")) == EVERYTHING
    assert members(s("SDIFF", "none", "s")) == set()
    assert members(s("SDIFF", "s", "s")) == set()
    assert members(s("SINTER", "s")) == EVERYTHING
    assert s("SINTERCARD", 2, "s", "t") == 2
    assert s("SINTERCARD", 2, "s", "t", "LIMIT", 1) == 1
    assert s("SINTERCARD", 2, "s", "t", "LIMIT", 0) == 2
    assert s("SINTERCARD", 2, "s", "none") == 0


def test_difference_with_many_sets(r: Wire) -> None:
    r("SADD", "all", *range(200))
    for part in range(30):
        r("SADD", f"part:{part}", *range(part * 5, part * 5 + 5))
    left = members(r("SDIFF", "all", *(f"part:{part}" for part in range(30))))
    assert left == {b"%d" % n for n in range(150, 200)}


def test_combinations_are_stored(s: Wire) -> None:
    s("SADD", "t", "1", "300", "other")
    s("SET", "d", "text")
    assert s("SINTERSTORE", "d", "s", "t") == 2
    assert members(s("SMEMBERS", "d")) == {b"1", b"300"}
    encoding(s, "d", "intset")
    assert s("SUNIONSTORE", "d", "s", "t") == 4
    assert s("SDIFFSTORE", "s", "s", "t") == 1
    assert members(s("SMEMBERS", "s")) == {b"-20"}
    assert s("SINTERSTORE", "d", "s", "t") == 0
    assert s("EXISTS", "d") == 0


def test_the_encoding_changes_at_the_limits(r: Wire) -> None:
    r("SADD", "i", *range(INTSET_ENTRIES))
    encoding(r, "i", "intset")
    r("SADD", "i", "1000")
    encoding(r, "i", "hashtable")
    r("SADD", "l", *(f"m{n}" for n in range(LISTPACK_ENTRIES)))
    encoding(r, "l", "listpack")
    r("SADD", "l", "one more")
    encoding(r, "l", "hashtable")
    r("SADD", "v", "x" * LISTPACK_VALUE)
    encoding(r, "v", "listpack")
    r("SADD", "v", "x" * (LISTPACK_VALUE + 1))
    encoding(r, "v", "hashtable")


@pytest.mark.parametrize(
    "filling",
    [["1", "-70000", "9223372036854775807"], ["a", "1", "b" * 60], ["x" * 100, "y", "12"]],
    ids=["integers", "packed", "table"],
)
def test_dump_is_read_by_the_other_server(peers: Peers, filling: list[str]) -> None:
    peers.same("SADD", "s", *filling)
    digest = peers.same("DEBUG", "DIGEST-VALUE", "s")
    for giver, taker in ((peers.redis, peers.garrison), (peers.garrison, peers.redis)):
        assert taker("RESTORE", "copy", 0, giver("DUMP", "s")) == "OK"
        assert taker("DEBUG", "DIGEST-VALUE", "copy") == digest
        taker("DEL", "copy")


COMMANDS: list[tuple[Word, ...]] = [
    ("SADD", "k", "m"),
    ("SREM", "k", "m"),
    ("SCARD", "k"),
    ("SISMEMBER", "k", "m"),
    ("SMISMEMBER", "k", "m"),
    ("SMEMBERS", "k"),
    ("SMOVE", "k", "t", "m"),
    ("SMOVE", "s", "k", "1"),
    ("SPOP", "k"),
    ("SPOP", "k", "1"),
    ("SRANDMEMBER", "k"),
    ("SRANDMEMBER", "k", "1"),
    ("SSCAN", "k", "0"),
    ("SINTER", "none", "k"),
    ("SINTERSTORE", "d", "s", "k"),
    ("SINTERCARD", "2", "s", "k"),
    ("SUNION", "s", "k"),
    ("SUNIONSTORE", "d", "k", "s"),
    ("SDIFF", "none", "k"),
    ("SDIFFSTORE", "d", "s", "k"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(map(str, words)))
def test_another_type_is_refused(r: Wire, words: tuple[Word, ...]) -> None:
    r("SET", "k", "text")
    r("SADD", "s", "1")
    assert r.error(*words) == "WRONGTYPE Operation against a key holding the wrong kind of value"


@pytest.mark.parametrize(
    "words",
    [
        ("SPOP", "s", "-1"),
        ("SPOP", "s", "x"),
        ("SPOP", "s", "1", "2"),
        ("SRANDMEMBER", "s", "x"),
        ("SRANDMEMBER", "s", -(2**63)),
        ("SRANDMEMBER", "s", "1", "2"),
        ("SSCAN", "s", "x"),
        ("SSCAN", "s", "0", "COUNT", "0"),
        ("SSCAN", "s", "0", "TYPE", "set"),
        ("SSCAN", "none", "0", "NOTHING"),
        ("SINTERCARD", "0", "s"),
        ("SINTERCARD", "x", "s"),
        ("SINTERCARD", "2", "s"),
        ("SINTERCARD", "1", "s", "LIMIT", "-1"),
        ("SINTERCARD", "1", "s", "LIMIT", "x"),
        ("SINTERCARD", "1", "s", "LIMIT"),
        ("SINTERCARD", "1", "s", "MORE", "1"),
        ("SADD", "s"),
        ("SMOVE", "s", "t"),
    ],
    ids=lambda words: " ".join(map(str, words)),
)
def test_the_same_refusals(peers: Peers, words: tuple[Word, ...]) -> None:
    peers.same("SADD", "s", "1", "2")
    peers.same(*words)


def test_events(r: Wire) -> None:
    before = r.map("CONFIG", "GET", "notify-keyspace-events")[b"notify-keyspace-events"]
    r("CONFIG", "SET", "notify-keyspace-events", "EA")
    try:
        listener = r.another(protocol=2)
        listener("PSUBSCRIBE", "__keyevent@0__:*")
        r("SADD", "s", "a", "b", "c")
        r("SADD", "s", "a")
        r("SREM", "s", "x")
        r("SREM", "s", "a")
        r("SMOVE", "s", "t", "b")
        r("SMOVE", "s", "t", "c")
        r("SINTERSTORE", "d", "t", "t")
        r("SUNIONSTORE", "d", "t", "t")
        r("SDIFFSTORE", "d", "t", "t")
        r("SPOP", "t")
        r("SPOP", "t", 5)
        events = [tuple(listener.read()[2:]) for _ in range(13)]
    finally:
        r("CONFIG", "SET", "notify-keyspace-events", before)
    names = [(event.split(b":")[1].decode(), key.decode()) for event, key in events]
    assert names == [
        ("sadd", "s"),
        ("srem", "s"),
        ("srem", "s"),
        ("sadd", "t"),
        ("srem", "s"),
        ("del", "s"),
        ("sadd", "t"),
        ("sinterstore", "d"),
        ("sunionstore", "d"),
        ("del", "d"),
        ("spop", "t"),
        ("spop", "t"),
        ("del", "t"),
    ]


def test_random_changes_are_the_same(peers: Peers) -> None:
    words = [str(n) for n in range(-8, 8)] + ["a", "b", "x" * 70, "70000", str(2**40)]
    for turn in range(400):
        one, other = words[turn * 7 % len(words)], words[turn * 5 % len(words)]
        key, more = f"s{turn % 3}", f"s{turn * 11 % 3}"
        peers.same("SADD", key, one, other)
        peers.same("SREM", more, words[turn * 3 % len(words)])
        peers.same("SMOVE", key, more, other)
        peers.same("SMISMEMBER", key, *words)
        peers.same("SCARD", more)
        for command in ("SINTER", "SUNION", "SDIFF"):
            expected, got = (members(wire(command, key, more)) for wire in (peers.redis, peers.garrison))
            assert got == expected
            peers.same(command + "STORE", "d", more, key)
            peers.same("DEBUG", "DIGEST-VALUE", "d")
        if turn % 60 == 0:
            peers.same("DEL", key)
