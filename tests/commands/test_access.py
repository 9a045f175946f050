"""How often a key was used, and when: every command leaves the trace that it leaves in Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands.wire import Peers

MAKE = [
    ("SET", "s", "12"),
    ("SETRANGE", "text", "0", "abc"),
    ("HSET", "h", "f", "1"),
    ("PFADD", "p", "a"),
    ("SET", "volatile", "1", "EX", "1000"),
]
USES = [
    "SET s 1",
    "SET s 1 KEEPTTL",
    "SET s 1 GET",
    "GETSET s 2",
    "SETEX s 100 1",
    "MSET s 1 text 2",
    "INCR s",
    "INCRBYFLOAT s 0.5",
    "APPEND text x",
    "SETRANGE text 1 x",
    "GET s",
    "STRLEN s",
    "GETEX s PERSIST",
    "SETBIT text 1 1",
    "GETBIT text 1",
    "BITCOUNT text",
    "BITPOS text 1",
    "BITFIELD text SET u8 0 1",
    "BITFIELD text GET u8 0",
    "BITOP NOT text s",
    "PFADD p b",
    "PFADD p a",
    "PFCOUNT p",
    "PFMERGE q p",
    "HSET h f 2",
    "HSET h g 2",
    "HSETNX h f 2",
    "HINCRBY h f 2",
    "HDEL h none",
    "HGET h f",
    "HLEN h",
    "EXPIRE s 1000",
    "PERSIST volatile",
    "TTL s",
    "TYPE s",
    "EXISTS s",
    "TOUCH s",
    "DUMP s",
    "OBJECT ENCODING s",
    "MEMORY USAGE s",
    "RENAME s renamed",
    "COPY s copied",
    "APPEND new x",
]


@pytest.fixture
def counting(peers: Peers) -> Iterator[Peers]:
    """Both servers under LFU, where every use counts exactly one."""
    options = ("maxmemory-policy", "lfu-log-factor", "lfu-decay-time")
    before = {name: peers.redis.map("CONFIG", "GET", name)[name.encode()] for name in options}
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu", "lfu-log-factor", 0, "lfu-decay-time", 0)
    yield peers
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", *[word for pair in before.items() for word in pair])


@pytest.mark.parametrize("use", USES)
def test_uses_are_counted_as_in_redis(counting: Peers, use: str) -> None:
    for words in MAKE:
        counting.same(*words)
    for _ in range(3):
        counting.same(*use.split())
    for key in ("s", "text", "h", "p", "q", "volatile", "renamed", "copied", "new"):
        expected, got = (wire("OBJECT", "FREQ", key) for wire in (counting.redis, counting.garrison))
        assert got == expected, f"{key} after {use}: Redis says {expected}, Garrison {got}"
