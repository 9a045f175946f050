"""Sorted sets, in both encodings.

Scores are compared as numbers: Redis 7.0 writes 17 digits, we write the shortest text that reads back, as
7.2 does.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.commands.resp import Failure
from tests.commands.wire import Peers, Wire, Word

LISTPACK_ENTRIES = 128
LISTPACK_VALUE = 64
ALL = [(b"a", 1.0), (b"b", 2.0), (b"c", 2.0), (b"d", 4.5), (b"e", math.inf)]
NAMES = [name for name, _ in ALL]


@pytest.fixture(params=["listpack", "skiplist"])
def z(request: pytest.FixtureRequest, r: Wire) -> Wire:
    """The connection, with a sorted set `z` that has the members of `ALL` in either encoding."""
    if request.param == "skiplist":
        r("ZADD", "z", 0, "x" * (LISTPACK_VALUE + 1))
    r("ZADD", "z", "inf", "e", 4.5, "d", 2, "c", 2, "b", 1, "a")
    r("ZREM", "z", "x" * (LISTPACK_VALUE + 1))
    assert r("OBJECT", "ENCODING", "z") == request.param.encode()
    return r


def number(reply: Any) -> Any:
    """A score: a double in RESP3, its text in RESP2."""
    return float(reply) if isinstance(reply, bytes) else reply


def scored(reply: Any) -> list[tuple[bytes, float]]:
    """Members with scores: pairs in RESP3, flat in RESP2."""
    if reply and isinstance(reply[0], list):
        return [(member, float(score)) for member, score in reply]
    return [(member, float(score)) for member, score in zip(reply[::2], reply[1::2], strict=True)]


def scan(r: Wire, *options: Word) -> tuple[dict[bytes, float], int]:
    """All that ZSCAN gives, and after how many calls."""
    found: dict[bytes, float] = {}
    cursor, calls = b"0", 0
    while calls == 0 or cursor != b"0":
        cursor, flat = r("ZSCAN", "z", cursor, *options)
        found.update((member, float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True))
        calls += 1
    return found, calls


def test_add_and_score(z: Wire) -> None:
    assert z("ZADD", "z", 3, "a", 7, "new", 8, "new") == 1
    assert number(z("ZSCORE", "z", "a")) == 3
    assert z("ZSCORE", "z", "x") is None
    assert z("ZSCORE", "none", "x") is None
    assert [number(score) for score in z("ZMSCORE", "z", "new", "x", "e")] == [8, None, math.inf]
    assert z("ZMSCORE", "none", "a", "b") == [None, None]
    assert z("ZCARD", "z") == 6
    assert z("ZCARD", "none") == 0


@pytest.mark.parametrize(
    ("options", "words", "count", "changed"),
    [
        (["NX"], [9, "a", 9, "new"], 1, {b"new": 9.0}),
        (["XX"], [9, "a", 9, "new"], 0, {b"a": 9.0}),
        (["XX", "CH"], [9, "a", 9, "new"], 1, {b"a": 9.0}),
        (["CH"], [9, "a", 2, "b", 9, "new"], 2, {b"a": 9.0, b"new": 9.0}),
        (["GT", "CH"], [0, "a", 5, "d", 9, "new"], 2, {b"d": 5.0, b"new": 9.0}),
        (["LT", "CH"], [0, "a", 5, "d", 9, "new"], 2, {b"a": 0.0, b"new": 9.0}),
        (["gt", "xx", "ch"], [0, "a", 5, "d", 9, "new"], 1, {b"d": 5.0}),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, list) else None,
)
def test_add_options(
    z: Wire, options: list[str], words: list[Word], count: int, changed: dict[bytes, float]
) -> None:
    assert z("ZADD", "z", *options, *words) == count
    assert dict(scored(z("ZRANGE", "z", 0, -1, "WITHSCORES"))) == dict(ALL) | changed


def test_add_with_increment(z: Wire) -> None:
    assert number(z("ZADD", "z", "INCR", 2.5, "a")) == 3.5
    assert z("ZADD", "z", "NX", "INCR", 2, "a") is None
    assert z("ZADD", "z", "XX", "INCR", 2, "new") is None
    assert z("ZADD", "z", "GT", "INCR", -2, "a") is None
    assert number(z("ZADD", "z", "LT", "INCR", -2, "a")) == 1.5
    assert number(z("ZINCRBY", "z", "0.25", "a")) == 1.75
    assert number(z("ZINCRBY", "fresh", "-3", "a")) == -3
    assert z.error("ZINCRBY", "z", "-inf", "e") == "ERR resulting score is not a number (NaN)"
    assert z("ZADD", "none", "XX", "INCR", 2, "new") is None
    assert z("EXISTS", "none") == 0


def test_remove(z: Wire) -> None:
    assert z("ZREM", "z", "x", "a", "a") == 1
    assert z("ZREM", "none", "a") == 0
    assert z("ZREM", "z", *"bcde") == 4
    assert z("EXISTS", "z") == 0


def test_rank(z: Wire) -> None:
    assert [z("ZRANK", "z", name) for name in "abcdex"] == [0, 1, 2, 3, 4, None]
    assert [z("ZREVRANK", "z", name) for name in "abcdex"] == [4, 3, 2, 1, 0, None]
    assert z("ZRANK", "none", "a") is None


def test_rank_with_score_is_redis_7_2(z: Wire) -> None:
    if not z.is_garrison:
        pytest.skip("Redis 7.0 has no WITHSCORE")
    rank, score = z("ZRANK", "z", "d", "withscore")
    assert (rank, number(score)) == (3, 4.5)
    assert z("ZREVRANK", "z", "a", "WITHSCORE")[0] == 4
    z.send("ZRANK", "z", "x", "WITHSCORE")
    assert z.read() is None
    assert z.error("ZRANK", "z", "a", "SCORES") == "ERR syntax error"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((0, -1), NAMES),
        ((1, 2), NAMES[1:3]),
        ((-2, -1), NAMES[3:]),
        ((3, 100), NAMES[3:]),
        ((5, 9), []),
        ((2, 1), []),
        ((-100, 0), NAMES[:1]),
        ((0, 1, "REV"), [b"e", b"d"]),
        ((-1, -1, "REV"), [b"a"]),
        ((2, 2, "BYSCORE"), [b"b", b"c"]),
        (("(1", "(4.5", "BYSCORE"), [b"b", b"c"]),
        (("-inf", "+inf", "BYSCORE"), NAMES),
        (("(2", "inf", "BYSCORE", "LIMIT", 0, 1), [b"d"]),
        (("-inf", "inf", "BYSCORE", "LIMIT", 1, -1), NAMES[1:]),
        (("-inf", "inf", "BYSCORE", "LIMIT", -1, 2), []),
        (("-inf", "inf", "BYSCORE", "LIMIT", 9, 2), []),
        (("inf", "2", "BYSCORE", "REV"), [b"e", b"d", b"c", b"b"]),
        (("inf", "-inf", "BYSCORE", "REV", "LIMIT", 1, 2), [b"d", b"c"]),
        (("5", "1", "BYSCORE"), []),
        (("", "2", "BYSCORE"), NAMES[:3]),
        (("[b", "[c", "BYLEX", "LIMIT", 0, 0), []),
    ],
    ids=str,
)
def test_ranges(z: Wire, words: tuple[Word, ...], expected: list[bytes]) -> None:
    assert z("ZRANGE", "z", *words) == expected
    assert z("ZRANGESTORE", "d", "z", *words) == len(expected)
    assert z("ZCARD", "d") == len(expected)
    if "BYLEX" not in words:
        assert [name for name, _ in scored(z("ZRANGE", "z", *words, "WITHSCORES"))] == expected


def test_older_ranges(z: Wire) -> None:
    assert scored(z("ZRANGE", "z", 0, -1, "WITHSCORES")) == ALL
    assert scored(z("ZREVRANGE", "z", 0, 1, "WITHSCORES")) == ALL[:2:-1]
    assert scored(z("ZRANGEBYSCORE", "z", 2, "(5", "WITHSCORES")) == ALL[1:4]
    assert z("ZREVRANGEBYSCORE", "z", 4.5, 2, "LIMIT", 1, 1) == [b"c"]
    assert z("ZCOUNT", "z", 2, 4.5) == 3
    assert z("ZCOUNT", "z", "(2", "(4.5") == 0
    assert z("ZCOUNT", "none", 0, 1) == 0
    for command in ("ZRANGE", "ZREVRANGE", "ZRANGEBYSCORE"):
        assert z(command, "none", 0, 1, "WITHSCORES") == []


@pytest.mark.parametrize("filler", ["", "x" * (LISTPACK_VALUE + 1)], ids=["listpack", "skiplist"])
def test_ranges_by_name(r: Wire, filler: str) -> None:
    r("ZADD", "z", *(word for name in ("", "a", "aa", "b", "c") for word in (0, name)))
    if filler:
        r("ZADD", "z", 0, filler)
        r("ZREM", "z", filler)
    assert r("ZRANGEBYLEX", "z", "-", "+") == [b"", b"a", b"aa", b"b", b"c"]
    assert r("ZRANGEBYLEX", "z", "[a", "(b") == [b"a", b"aa"]
    assert r("ZRANGEBYLEX", "z", "(a", "[b", "LIMIT", 1, 5) == [b"b"]
    assert r("ZREVRANGEBYLEX", "z", "+", "[aa") == [b"c", b"b", b"aa"]
    assert r("ZRANGE", "z", "+", "-", "BYLEX", "REV", "LIMIT", 0, 2) == [b"c", b"b"]
    assert r("ZRANGEBYLEX", "z", "+", "-") == []
    assert r("ZLEXCOUNT", "z", "-", "(b") == 3
    assert r("ZLEXCOUNT", "none", "-", "+") == 0
    assert r("ZREMRANGEBYLEX", "z", "[a", "(b") == 2
    assert r("ZREMRANGEBYLEX", "z", "-", "+") == 3
    assert r("EXISTS", "z") == 0


def test_remove_ranges(z: Wire) -> None:
    assert z("ZREMRANGEBYSCORE", "z", "(2", "4.5") == 1
    assert z("ZREMRANGEBYRANK", "z", -1, -1) == 1
    assert z("ZRANGE", "z", 0, -1) == [b"a", b"b", b"c"]
    assert z("ZREMRANGEBYSCORE", "z", 5, 1) == 0
    assert z("ZREMRANGEBYRANK", "none", 0, 1) == 0
    assert z("ZREMRANGEBYRANK", "z", 0, -1) == 3
    assert z("EXISTS", "z") == 0


def test_pop(z: Wire) -> None:
    assert [z("ZPOPMIN", "z")[0], z("ZPOPMAX", "z")[0]] == [b"a", b"e"]
    assert scored(z("ZPOPMAX", "z", 2)) == [(b"d", 4.5), (b"c", 2.0)]
    assert z("ZPOPMIN", "z", 0) == []
    assert scored(z("ZPOPMIN", "z", 10)) == [(b"b", 2.0)]
    assert z("ZPOPMIN", "z") == []
    assert z("EXISTS", "z") == 0


def test_pop_of_the_first_that_has_any(z: Wire) -> None:
    key, popped = z("ZMPOP", 2, "none", "z", "MIN")
    assert (key, [(member, number(score)) for member, score in popped]) == (b"z", [(b"a", 1.0)])
    key, popped = z("ZMPOP", 1, "z", "MAX", "COUNT", 2)
    assert [member for member, _ in popped] == [b"e", b"d"]
    assert z("ZMPOP", 1, "none", "MAX") is None
    assert z("BZMPOP", 0, 1, "z", "MIN", "COUNT", 9)[0] == b"z"
    assert z("EXISTS", "z") == 0


def test_blocking_pops_of_what_is_there(z: Wire) -> None:
    key, member, score = z("BZPOPMIN", "none", "z", 0)
    assert (key, member, number(score)) == (b"z", b"a", 1.0)
    assert z("BZPOPMAX", "z", 0)[:2] == [b"z", b"e"]
    assert z("BZPOPMIN", "none", 0.01) is None
    assert z("BZMPOP", 0.01, 2, "none", "no", "MAX") is None


def test_blocked_clients_are_served_in_order(r: Wire) -> None:
    first, second, third = r.another(), r.another(), r.another()
    first.send("BZPOPMIN", "k", "z", 0)
    r.until(1, "INFO", "clients", read_as=lambda reply: blocked(reply))
    second.send("BZPOPMAX", "z", 0)
    r.until(2, "INFO", "clients", read_as=lambda reply: blocked(reply))
    third.send("BZMPOP", 0, 1, "z", "MIN", "COUNT", 5)
    r.until(3, "INFO", "clients", read_as=lambda reply: blocked(reply))
    r("SADD", "z", "another type")
    r("DEL", "z")
    assert r("ZADD", "z", 1, "a", 2, "b", 3, "c", 4, "d") == 4
    assert first.read()[:2] == [b"z", b"a"]
    assert second.read()[:2] == [b"z", b"d"]
    assert [member for member, _ in third.read()[1]] == [b"b", b"c"]
    assert r("EXISTS", "z") == 0


def blocked(info: Any) -> int:
    """The number of blocked clients that INFO tells."""
    text = bytes(info).decode()
    return int(text.split("blocked_clients:")[1].split("\r\n")[0])


def test_blocking_in_a_transaction_does_not_wait(r: Wire) -> None:
    r("MULTI")
    r("BZPOPMIN", "z", 0)
    r("BZMPOP", 0, 1, "z", "MIN")
    assert r("EXEC") == [None, None]


def test_scan(z: Wire) -> None:
    assert scan(z) == (dict(ALL), 1)
    assert scan(z, "MATCH", "[ab]")[0] == {b"a": 1.0, b"b": 2.0}
    assert z("ZSCAN", "none", "17") == [b"0", []]


def test_scan_of_a_big_one_in_steps(r: Wire) -> None:
    expected = {b"member:%d" % n: float(n) for n in range(1000)}
    r("ZADD", "z", *(word for member, score in expected.items() for word in (score, member)))
    found, calls = scan(r, "COUNT", 50)
    assert found == expected
    assert 5 <= calls <= 50


def test_random_members(z: Wire) -> None:
    assert {z("ZRANDMEMBER", "z") for _ in range(200)} == set(NAMES)
    assert z("ZRANDMEMBER", "none") is None
    assert z("ZRANDMEMBER", "none", 2) == []
    assert z("ZRANDMEMBER", "z", 0) == []
    assert sorted(z("ZRANDMEMBER", "z", 10)) == NAMES
    assert len(set(z("ZRANDMEMBER", "z", 3))) == 3
    drawn = z("ZRANDMEMBER", "z", -50)
    assert len(drawn) == 50
    assert set(drawn) <= set(NAMES)
    assert dict(scored(z("ZRANDMEMBER", "z", 5, "WITHSCORES"))) == dict(ALL)
    assert len(scored(z("ZRANDMEMBER", "z", -7, "WITHSCORES"))) == 7


def test_combinations(z: Wire) -> None:
    z("ZADD", "y", 10, "b", 20, "d", -1, "f")
    z("SADD", "s", "a", "b", "g")
    union = dict(scored(z("ZUNION", 3, "z", "y", "s", "WITHSCORES")))
    assert union == {b"a": 2, b"b": 13, b"c": 2, b"d": 24.5, b"e": math.inf, b"f": -1, b"g": 1}
    assert z("ZUNION", 2, "y", "none") == [b"f", b"b", b"d"]
    assert z("ZINTER", 2, "z", "y") == [b"b", b"d"]
    assert scored(z("ZINTER", 2, "z", "y", "WEIGHTS", 2, -1, "WITHSCORES")) == [(b"d", -11), (b"b", -6)]
    low = z("ZINTER", 2, "z", "y", "AGGREGATE", "MIN", "WITHSCORES")
    assert scored(low) == [(b"b", 2), (b"d", 4.5)]
    high = z("ZUNION", 2, "z", "s", "AGGREGATE", "max", "WEIGHTS", 1, 3, "WITHSCORES")
    assert dict(scored(high)) == {b"a": 3, b"b": 3, b"c": 2, b"d": 4.5, b"e": math.inf, b"g": 3}
    assert scored(z("ZDIFF", 2, "z", "y", "WITHSCORES")) == [(b"a", 1), (b"c", 2), (b"e", math.inf)]
    assert z("ZDIFF", 2, "none", "y") == []
    assert z("ZINTERCARD", 2, "z", "y") == 2
    assert z("ZINTERCARD", 2, "z", "y", "LIMIT", 1) == 1
    assert z("ZINTERCARD", 2, "z", "none") == 0


def test_opposite_infinities_add_up_to_zero(z: Wire) -> None:
    z("ZADD", "y", "-inf", "e")
    assert scored(z("ZINTER", 2, "z", "y", "WITHSCORES")) == [(b"e", 0)]
    assert scored(z("ZUNION", 1, "y", "WEIGHTS", 0, "WITHSCORES")) == [(b"e", 0)]
    z("ZADD", "x", 3, "e")
    assert scored(z("ZINTER", 2, "x", "y", "WEIGHTS", 1, 0, "WITHSCORES")) == [(b"e", 0)]
    assert scored(z("ZUNION", 2, "x", "y", "WEIGHTS", 1, 0, "WITHSCORES")) == [(b"e", 3)]


def test_combinations_are_stored(z: Wire) -> None:
    z("ZADD", "y", 10, "b", 20, "d", -1, "f")
    z("SET", "d", "text")
    assert z("ZUNIONSTORE", "d", 2, "z", "y") == 6
    assert z("ZINTERSTORE", "d", 2, "z", "y") == 2
    assert scored(z("ZRANGE", "d", 0, -1, "WITHSCORES")) == [(b"b", 12), (b"d", 24.5)]
    assert z("ZDIFFSTORE", "z", 2, "z", "y") == 3
    assert z("ZINTERSTORE", "d", 2, "z", "none") == 0
    assert z("EXISTS", "d") == 0


def test_the_encoding_changes_at_the_limits(r: Wire) -> None:
    r("ZADD", "z", *(word for n in range(LISTPACK_ENTRIES) for word in (n, n)))
    assert r("OBJECT", "ENCODING", "z") == b"listpack"
    r("ZADD", "z", 5, "0")
    assert r("OBJECT", "ENCODING", "z") == b"listpack"
    r("ZADD", "z", 5, "one more")
    assert r("OBJECT", "ENCODING", "z") == b"skiplist"
    r("ZADD", "v", 1, "x" * LISTPACK_VALUE)
    assert r("OBJECT", "ENCODING", "v") == b"listpack"
    r("ZADD", "v", 1, "x" * (LISTPACK_VALUE + 1))
    assert r("OBJECT", "ENCODING", "v") == b"skiplist"
    r("ZUNIONSTORE", "u", 1, "z")
    assert r("OBJECT", "ENCODING", "u") == b"skiplist"
    r("ZRANGESTORE", "u", "z", 0, 9)
    assert r("OBJECT", "ENCODING", "u") == b"listpack"


@pytest.mark.parametrize("size", [5, 300])
def test_dump_is_read_by_the_other_server(peers: Peers, size: int) -> None:
    words: list[Word] = [word for n in range(size) for word in (n * 37 % 100 / 8, f"m{n}")]
    peers.same("ZADD", "z", *words, "inf", "most", "-inf", "least", 1e300, "12")
    digest = peers.same("DEBUG", "DIGEST-VALUE", "z")
    for giver, taker in ((peers.redis, peers.garrison), (peers.garrison, peers.redis)):
        assert taker("RESTORE", "copy", 0, giver("DUMP", "z")) == "OK"
        assert taker("DEBUG", "DIGEST-VALUE", "copy") == digest
        assert taker("OBJECT", "ENCODING", "copy") == giver("OBJECT", "ENCODING", "z")
        taker("DEL", "copy")


COMMANDS: list[tuple[Word, ...]] = [
    ("ZADD", "k", "1", "m"),
    ("ZINCRBY", "k", "1", "m"),
    ("ZREM", "k", "m"),
    ("ZCARD", "k"),
    ("ZSCORE", "k", "m"),
    ("ZMSCORE", "k", "m"),
    ("ZRANK", "k", "m"),
    ("ZREVRANK", "k", "m"),
    ("ZCOUNT", "k", "0", "1"),
    ("ZLEXCOUNT", "k", "-", "+"),
    ("ZRANGE", "k", "0", "1"),
    ("ZREVRANGE", "k", "0", "1"),
    ("ZRANGEBYSCORE", "k", "0", "1"),
    ("ZREVRANGEBYSCORE", "k", "0", "1"),
    ("ZRANGEBYLEX", "k", "-", "+"),
    ("ZREVRANGEBYLEX", "k", "+", "-"),
    ("ZRANGESTORE", "d", "k", "0", "1"),
    ("ZREMRANGEBYRANK", "k", "0", "1"),
    ("ZREMRANGEBYSCORE", "k", "0", "1"),
    ("ZREMRANGEBYLEX", "k", "-", "+"),
    ("ZPOPMIN", "k"),
    ("ZPOPMAX", "k", "0"),
    ("ZMPOP", "2", "none", "k", "MIN"),
    ("BZPOPMIN", "none", "k", "0"),
    ("BZPOPMAX", "k", "0"),
    ("BZMPOP", "0", "1", "k", "MIN"),
    ("ZSCAN", "k", "0"),
    ("ZRANDMEMBER", "k"),
    ("ZRANDMEMBER", "k", "1"),
    ("ZUNION", "2", "none", "k"),
    ("ZUNIONSTORE", "d", "1", "k"),
    ("ZINTER", "2", "none", "k"),
    ("ZINTERSTORE", "d", "1", "k"),
    ("ZINTERCARD", "1", "k"),
    ("ZDIFF", "2", "none", "k"),
    ("ZDIFFSTORE", "d", "1", "k"),
    ("ZDIFFSTORE", "d", "1", "k", "NONSENSE"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(map(str, words)))
def test_another_type_is_refused(r: Wire, words: tuple[Word, ...]) -> None:
    r("SET", "k", "text")
    assert r.error(*words) == "WRONGTYPE Operation against a key holding the wrong kind of value"


REFUSED = """
ZADD z 1|ZADD z x a|ZADD z 1 a 2|ZADD z nan a|ZADD z 1e400 a|ZADD z NX XX 1 a|ZADD z GT LT 1 a
ZADD z GT NX 1 a|ZADD z INCR 1 a 2 b|ZADD z NX|ZADD z XX GT|ZADD none x a|ZADD z 1 a x b|ZINCRBY z x a
ZINCRBY z nan a|ZRANGE z a 1|ZRANGE z 0 1 LIMIT 0 1|ZRANGE z 0 1 LIMIT 0 -1|ZRANGE z 0 1 BYLEX
ZRANGE z - + BYLEX WITHSCORES|ZRANGE z 0 1 NONSENSE|ZRANGE z 0 1 LIMIT 1|ZRANGE z 0 1 BYSCORE LIMIT a b
ZRANGE z x 1 BYSCORE|ZRANGE z 1 (x BYSCORE|ZRANGE z nan 1 BYSCORE|ZRANGE none x 1
ZRANGEBYSCORE z 0 1 REV|ZREVRANGE z 0 1 LIMIT 0 1|ZRANGEBYLEX z a b|ZRANGEBYLEX z [a b
ZRANGEBYLEX z - + WITHSCORES|ZREVRANGEBYLEX z + -x|ZRANGESTORE d z 0 1 WITHSCORES
ZRANGESTORE d z 0 1 LIMIT 0 1|ZCOUNT z x 1|ZLEXCOUNT z - x|ZLEXCOUNT z -- +|ZREMRANGEBYRANK z a 1
ZREMRANGEBYSCORE z x 1|ZREMRANGEBYLEX z a b|ZREMRANGEBYSCORE none x 1|ZPOPMIN z -1|ZPOPMIN z x
ZPOPMIN z 1 2|ZMPOP 0 z MIN|ZMPOP x z MIN|ZMPOP 1 z|ZMPOP 1 z NO|ZMPOP 2 z MIN|ZMPOP 1 z MIN COUNT 0
ZMPOP 1 z MIN COUNT 1 COUNT 1|ZMPOP 1 z MIN COUNT|ZMPOP 99999999999999999999 z MIN|BZPOPMIN z x
BZPOPMIN z -1|BZMPOP -1 1 z MIN|BZMPOP 0 0 z MIN|BZMPOP 0 1 z NO|BZMPOP x 0 z MIN|ZRANDMEMBER z x
ZRANDMEMBER z 1 NO|ZRANDMEMBER z 1 WITHSCORES x|ZRANDMEMBER z -9223372036854775808
ZRANDMEMBER z 9223372036854775807 WITHSCORES|ZRANDMEMBER none x|ZSCAN z x|ZSCAN z 0 COUNT 0
ZSCAN none 0 NO|ZUNION 0 z|ZUNION x z|ZUNION 2 z|ZUNION 1 z WEIGHTS|ZUNION 1 z WEIGHTS x
ZUNION 1 z WEIGHTS 1 2|ZUNION 1 z AGGREGATE|ZUNION 1 z AGGREGATE AVG|ZUNIONSTORE d 0 z
ZUNIONSTORE d 1 z WITHSCORES|ZINTERSTORE d -1 z|ZINTERCARD 0 z|ZINTERCARD 1 z LIMIT -1
ZINTERCARD 1 z LIMIT x|ZINTERCARD 1 z LIMIT|ZINTERCARD 1 z WITHSCORES|ZDIFF 1 z WEIGHTS 1
ZDIFF 1 z AGGREGATE SUM|ZDIFFSTORE d 1 z WITHSCORES|ZDIFFSTORE d 0 z
""".replace("\n", "|")


@pytest.mark.parametrize("line", [line for line in REFUSED.split("|") if line])
def test_the_same_refusals(peers: Peers, line: str) -> None:
    peers.same("ZADD", "z", "1", "a", "2", "b")
    peers.same(*line.split(" "))
    peers.same("ZRANGE", "z", 0, -1)


def test_events(r: Wire) -> None:
    before = r.map("CONFIG", "GET", "notify-keyspace-events")[b"notify-keyspace-events"]
    r("CONFIG", "SET", "notify-keyspace-events", "EA")
    expected = []
    try:
        listener = r.another(protocol=2)
        listener("PSUBSCRIBE", "__keyevent@0__:*")
        for words, events in (
            (("ZADD", "z", 1, "a", 2, "b", 3, "c", 4, "d", 5, "e", 6, "f"), ["zadd z"]),
            (("ZADD", "z", 1, "a"), []),
            (("ZADD", "z", "INCR", 1, "a"), ["zincr z"]),
            (("ZINCRBY", "z", -1, "a"), ["zincr z"]),
            (("ZREM", "z", "x"), []),
            (("ZREM", "z", "a"), ["zrem z"]),
            (("ZREMRANGEBYSCORE", "z", 2, 2), ["zremrangebyscore z"]),
            (("ZRANGESTORE", "d", "z", 0, -1), ["zrangestore d"]),
            (("ZUNIONSTORE", "d", 1, "z"), ["zunionstore d"]),
            (("ZINTERSTORE", "d", 1, "z"), ["zinterstore d"]),
            (("ZDIFFSTORE", "d", 2, "z", "none"), ["zdiffstore d"]),
            (("ZDIFFSTORE", "d", 2, "z", "z"), ["del d"]),
            (("ZPOPMIN", "z"), ["zpopmin z"]),
            (("ZPOPMAX", "z", 1), ["zpopmax z"]),
            (("BZPOPMIN", "z", 0), ["zpopmin z"]),
            (("ZMPOP", 1, "z", "MIN"), ["zpopmin z", "del z"]),
            (("ZADD", "z", 1, "a"), ["zadd z"]),
            (("ZREMRANGEBYRANK", "z", 0, -1), ["zremrangebyrank z", "del z"]),
            (("ZADD", "z", 1, "a"), ["zadd z"]),
            (("ZREMRANGEBYLEX", "z", "-", "+"), ["zremrangebylex z", "del z"]),
        ):
            assert not isinstance(r(*words), Failure)
            expected += events
        received = [listener.read()[2:] for _ in expected]
    finally:
        r("CONFIG", "SET", "notify-keyspace-events", before)
    assert [f"{event.decode().split(':')[1]} {key.decode()}" for event, key in received] == expected


def _numbers(reply: Any) -> Any:
    """A reply with texts of scores as numbers, so that both ways to write them are equal."""
    if isinstance(reply, list):
        return [_numbers(item) for item in reply]
    if isinstance(reply, bytes):
        try:
            return float(reply)
        except ValueError:
            return reply
    return ("error", str(reply)) if isinstance(reply, Failure) else reply


@pytest.mark.parametrize("sizes", [(128, 64), (4, 8)], ids=["packed", "big"])
def test_random_changes_are_the_same(peers: Peers, sizes: tuple[int, int]) -> None:
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "zset-max-listpack-entries", sizes[0], "zset-max-listpack-value", sizes[1])
    try:
        for turn in range(300):
            key, other = f"z{turn % 3}", f"z{turn * 7 % 3}"
            score = [0, -0.5, 1e17, "inf", 3, 0.1, "-inf", 12345678.25][turn * 5 % 8]
            for words in (
                ("ZADD", key, score, f"m{turn % 13}", turn % 4, f"m{turn % 7}"),
                ("ZADD", other, ["NX", "XX", "GT", "LT", "CH"][turn % 5], turn % 9, f"m{turn % 17}"),
                ("ZINCRBY", key, turn / 8, f"m{turn % 11}"),
                ("ZREM", other, f"m{turn % 19}"),
                ("ZRANGE", key, 0, -1, "WITHSCORES"),
                ("ZRANGE", key, "inf", turn % 5, "BYSCORE", "REV", "LIMIT", turn % 3, 5),
                ("ZCOUNT", key, f"({turn % 4}", "9"),
                ("ZREVRANK", key, f"m{turn % 13}"),
                ("ZUNION", 2, key, other, "WITHSCORES", "AGGREGATE", ["SUM", "MIN", "MAX"][turn % 3]),
                ("ZINTERSTORE", "d", 2, key, other, "WEIGHTS", 2, -1),
                ("DEBUG", "DIGEST-VALUE", "d", key, other),
                ("ZREMRANGEBYRANK", other, -1, -1) if turn % 4 == 0 else ("ZPOPMIN", "none"),
            ):
                expected, got = _numbers(peers.redis(*words)), _numbers(peers.garrison(*words))
                assert got == expected, words
    finally:
        for wire in (peers.redis, peers.garrison):
            wire("CONFIG", "SET", "zset-max-listpack-entries", 128, "zset-max-listpack-value", 64)


@pytest.mark.parametrize("entries_max", [1, 128])
def test_minus_zero_is_the_same(peers: Peers, entries_max: int) -> None:
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "zset-max-listpack-entries", entries_max)
    try:
        peers.same("ZADD", "z", "-0", "a")
        peers.same("ZSCORE", "z", "a")
        peers.same("ZADD", "z", 5, "b", 6, "c")
        for words in (
            ("ZINCRBY", "z", "-0", "d"),
            ("ZINCRBY", "z", "0", "d"),
            ("ZADD", "z", "INCR", "-0", "d"),
        ):
            peers.same(*words)
            peers.same("ZRANGE", "z", 0, -1, "WITHSCORES")
        peers.same("DEBUG", "DIGEST-VALUE", "z")
        # A packed result becomes zero where it is stored, and not where it is answered.
        peers.same("ZADD", "plus", 0, "x", 1, "y")
        peers.same("ZUNION", 1, "plus", "WEIGHTS", -1, "WITHSCORES")
        peers.same("ZINTER", 2, "plus", "plus", "WEIGHTS", -1, -1, "WITHSCORES")
        peers.same("ZDIFF", 2, "z", "plus", "WITHSCORES")
        peers.same("ZUNIONSTORE", "stored", 1, "plus", "WEIGHTS", -1)
        peers.same("ZRANGE", "stored", 0, -1, "WITHSCORES")
    finally:
        for wire in (peers.redis, peers.garrison):
            wire("CONFIG", "SET", "zset-max-listpack-entries", 128)
