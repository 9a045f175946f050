"""Random commands on sets, sorted sets and coordinates: both servers answer the same and hold the same.

Small limits make the encodings change. Random members and the order of sets differ by nature: what is random
is left out, what has no order is sorted. Ranges by name are asked of a key whose scores are all equal, as
they are unspecified otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.random_source import Source
from tests.commands.resp import Failure, ReplySet
from tests.commands.wire import Peers, Word

COMMANDS = 1500
LIMITS: list[Word] = [
    *("set-max-intset-entries", 6),
    *("zset-max-listpack-entries", 5),
    *("zset-max-listpack-value", 8),
]
DEFAULTS: list[Word] = [
    *("set-max-intset-entries", 512),
    *("zset-max-listpack-entries", 128),
    *("zset-max-listpack-value", 64),
]

PLACE_HOLDERS: dict[str, list[str]] = {
    "K": [f"k{number}" for number in range(5)],
    "M": [*"abcdefg", "", "1", "2", "-3", "007", "70000", "99999999999", "a member of more than eight bytes"],
    "S": ["0", "1", "-1", "2.5", "-0.25", "1e3", "inf", "-inf", "100000000", "x", "nan"],
    "L": ["-inf", "+inf", "0", "1", "(1", "(-0.25", "2.5", "x", "("],
    "X": ["-", "+", "[a", "(a", "[c", "(e", "[", "x"],
    "N": ["0", "1", "-1", "2", "3", "-2", "10", "-10", "x", "9223372036854775807", "-9223372036854775808"],
    "C": ["1", "2", "5", "0", "-1", "x"],
    "W": ["0", "1", "2", "-1.5", "inf", "x"],
    "O": ["NX", "XX", "GT", "LT", "CH", "NX CH", "XX CH", "GT CH", "XX LT", "INCR", "NX GT"],
    "A": ["SUM", "MIN", "MAX", "sum", "AVG"],
    "P": ["0 0", "1 1", "-1.25 2", "179.9 80", "0.001 0.002", "13.361389 38.115556", "200 1", "x 1"],
    "R": ["0", "1", "150", "20000", "-1", "x"],
    "U": ["m", "km", "ft", "mi", "parsec"],
}

TEMPLATES = """
SADD K M|SADD K M M M|SREM K M|SREM K M M|SCARD K|SISMEMBER K M|SMISMEMBER K M M|SMEMBERS K|SMOVE K K M
SINTER K K|SUNION K K|SDIFF K K|SDIFF K K K|SINTERSTORE K K K|SUNIONSTORE K K K|SDIFFSTORE K K K
SINTERCARD 2 K K|SINTERCARD 2 K K LIMIT C|SPOP K 100|SRANDMEMBER K 100|ZADD K S M|ZADD K S M S M S M
ZADD K O S M|ZADD K O S M S M|ZINCRBY K S M|ZREM K M|ZREM K M M|ZCARD K|ZSCORE K M|ZMSCORE K M M
ZRANK K M|ZREVRANK K M|ZCOUNT K L L|ZRANGE K N N|ZRANGE K N N WITHSCORES|ZRANGE K N N REV
ZRANGE K L L BYSCORE|ZRANGE K L L BYSCORE REV LIMIT N N|ZREVRANGE K N N|ZRANGEBYSCORE K L L
ZRANGEBYSCORE K L L WITHSCORES LIMIT N N|ZREVRANGEBYSCORE K L L|ZRANGESTORE K K N N
ZRANGESTORE K K L L BYSCORE|ZREMRANGEBYRANK K N N|ZREMRANGEBYSCORE K L L|ZPOPMIN K|ZPOPMAX K C
ZMPOP 2 K K MIN|ZMPOP 1 K MAX COUNT C|ZUNION 2 K K WITHSCORES|ZUNION 2 K K WEIGHTS W W AGGREGATE A
ZINTER 2 K K WITHSCORES|ZINTER 3 K K K AGGREGATE A|ZINTERSTORE K 2 K K WEIGHTS W W
ZUNIONSTORE K 2 K K AGGREGATE A|ZUNIONSTORE K 1 K|ZDIFF 2 K K|ZDIFFSTORE K 2 K K|ZINTERCARD 2 K K
ZINTERCARD 2 K K LIMIT C|ZRANDMEMBER K 100 WITHSCORES|BZPOPMIN K K K K K 0.001|ZSCAN K 0 COUNT 1000
GEOADD K P M|GEOADD K NX P M P M|GEOADD K CH P M|GEOPOS K M M|GEOHASH K M M|GEODIST K M M U|GEODIST K M M
GEOSEARCH K FROMLONLAT P BYRADIUS R U|GEOSEARCH K FROMMEMBER M BYBOX R R U
GEOSEARCHSTORE K K FROMMEMBER M BYRADIUS R U|GEORADIUS K P R U COUNT C ANY
GEORADIUSBYMEMBER K M R U STORE K|GEORADIUSBYMEMBER K M R U STOREDIST K|DEL K|TYPE K|RENAME K K
COPY K K REPLACE|SET K text|EXPIRE K 1000|PERSIST K|ZADD equal 0 M 0 M|ZREM equal M|ZLEXCOUNT equal X X
ZRANGE equal X X BYLEX|ZRANGE equal X X BYLEX REV LIMIT N N|ZRANGEBYLEX equal X X
ZREVRANGEBYLEX equal X X LIMIT N N|ZREMRANGEBYLEX equal X X|ZRANGESTORE K equal X X BYLEX
"""

UNORDERED = {"SMEMBERS", "SINTER", "SUNION", "SDIFF", "SPOP", "SRANDMEMBER", "ZRANDMEMBER", "ZSCAN"}


def number_or_self(reply: Any) -> Any:
    """A reply in which both ways to write a score are equal."""
    if isinstance(reply, Failure):
        return ("error", str(reply))
    if isinstance(reply, list | ReplySet):
        return [number_or_self(item) for item in reply]
    if isinstance(reply, bytes):
        try:
            return float(reply)
        except ValueError:
            return reply
    return reply


def comparable(words: list[Word], reply: Any) -> Any:
    if words[0] in UNORDERED and isinstance(reply, list | ReplySet):
        if words[0] == "ZSCAN":
            reply = reply[1]
        if words[0] == "ZSCAN" or (words[0] == "ZRANDMEMBER" and reply and not isinstance(reply[0], list)):
            reply = [list(pair) for pair in zip(reply[::2], reply[1::2], strict=True)]
        return sorted(map(repr, map(number_or_self, reply)))
    return number_or_self(reply)


@pytest.fixture
def small(peers: Peers) -> Iterator[Peers]:
    """Both servers, with limits that few members pass."""
    for wire in (peers.redis, peers.garrison):
        assert wire("CONFIG", "SET", *LIMITS) == "OK"
    peers.garrison("CONFIG", "SET", "set-max-listpack-entries", 7, "set-max-listpack-value", 8)
    yield peers
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", *DEFAULTS)
    peers.garrison("CONFIG", "SET", "set-max-listpack-entries", 128, "set-max-listpack-value", 64)


@pytest.mark.parametrize("seed", range(8))
def test_random_commands_are_the_same(small: Peers, seed: int) -> None:
    source = Source(seed, TEMPLATES, PLACE_HOLDERS, several="OP")
    history: list[list[Word]] = []
    for turn in range(COMMANDS):
        words = source.draw()
        history.append(words)
        expected, got = (comparable(words, wire(*words)) for wire in (small.redis, small.garrison))
        assert got == expected, f"seed {seed}: {history[-8:]}"
        if turn % 10 == 0:
            small.same("DEBUG", "DIGEST")
