"""HyperLogLogs: the same strings as Redis's, byte by byte."""

from __future__ import annotations

import random

import pytest

from tests.commands.test_bitmap import events
from tests.commands.wire import Peers, Wire

NOT_A_SKETCH = "WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPTED = "INVALIDOBJ Corrupted HLL object detected"
HEADER = b"HYLL\x01\x00\x00\x00" + b"\x00" * 7 + b"\x80"


def test_adding_and_counting(r: Wire) -> None:
    assert r("PFADD", "k") == 1
    assert r("PFADD", "k") == 0
    assert r("PFADD", "k", "a", "b", "c") == 1
    assert r("PFADD", "k", "a", "c") == 0
    assert r("PFCOUNT", "k") == 3
    assert r("PFCOUNT", "none") == 0
    assert r("PFCOUNT", "none", "k", "none2") == 3
    assert r("TYPE", "k") == "string"
    assert r("OBJECT", "ENCODING", "k") == b"raw"
    assert r("PFDEBUG", "ENCODING", "k") == "sparse"


def test_merging(r: Wire) -> None:
    r("PFADD", "a", "1", "2", "3")
    r("PFADD", "b", "3", "4")
    assert r("PFMERGE", "t", "a", "b", "none") == "OK"
    assert r("PFCOUNT", "t") == 4
    assert r("PFCOUNT", "a", "b") == 4
    r("EXPIRE", "t", 1000)
    assert r("PFMERGE", "t", "a") == "OK"
    assert r("TTL", "t") > 0
    assert r("PFMERGE", "new") == "OK"
    assert r("PFCOUNT", "new") == 0


@pytest.mark.parametrize("seed", range(6))
def test_bytes_are_those_of_redis(peers: Peers, seed: int) -> None:
    rng = random.Random(seed)
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "hll-sparse-max-bytes", rng.choice([0, 40, 300, 3000]) if seed else 3000)
        rng = random.Random(seed)
    keys = ["a", "b", "c"]
    for step in range(300):
        key = rng.choice(keys)
        many = rng.choice([0, 1, 3, 40 if step < 200 else 2000])
        elements = [str(rng.randrange(20_000)) for _ in range(many)]
        peers.same("PFADD", key, *elements)
        if rng.random() < 0.2:
            peers.same("PFMERGE", rng.choice([*keys, "t"]), *[rng.choice(keys) for _ in range(2)])
        if rng.random() < 0.3:
            peers.same("PFCOUNT", rng.choice(keys))
        if rng.random() < 0.1:
            peers.same("PFCOUNT", *keys)
        for name in (*keys, "t"):
            peers.same("GET", name)
        if rng.random() < 0.02:
            peers.same("DEL", key)
    for name in keys:
        peers.same("PFDEBUG", "ENCODING", name)
        peers.same("PFDEBUG", "DECODE", name)
        peers.same("PFDEBUG", "TODENSE", name)
        peers.same("GET", name)
        peers.same("PFDEBUG", "GETREG", name)
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "hll-sparse-max-bytes", 3000)


def test_many_elements_become_dense_and_stay_near(r: Wire) -> None:
    for start in range(0, 50_000, 5_000):
        r("PFADD", "k", *range(start, start + 5_000))
    assert r("PFDEBUG", "ENCODING", "k") == "dense"
    assert r("STRLEN", "k") == 12304
    assert abs(r("PFCOUNT", "k") - 50_000) < 50_000 * 0.0081 * 3


def test_strings_that_are_no_sketch_are_refused(r: Wire) -> None:
    dense = b"HYLL\x00" + b"\x00" * 11 + b"\x00" * 12288
    for value in (b"", b"12", b"HYLL", HEADER[:15], b"HYLX" + HEADER[4:], b"HYLL\x02" + HEADER[5:]):
        r("SET", "k", value)
        assert r.error("PFADD", "k", "a") == NOT_A_SKETCH
        assert r.error("PFCOUNT", "k") == NOT_A_SKETCH
        assert r.error("PFCOUNT", "k", "k") == NOT_A_SKETCH
        assert r.error("PFMERGE", "t", "k") == NOT_A_SKETCH
        assert r.error("PFDEBUG", "DECODE", "k") == NOT_A_SKETCH
    for value in (dense + b"\x00", dense[:-1]):
        r("SET", "k", value)
        assert r.error("PFADD", "k", "a") == NOT_A_SKETCH
    r("HSET", "h", "f", "v")
    assert r.error("PFADD", "h", "a") == "WRONGTYPE Operation against a key holding the wrong kind of value"
    assert r("EXISTS", "t") == 0


@pytest.mark.parametrize(
    "runs", [b"", b"\x7f", b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f\xff\x7f\xff", b"\xff" * 20, b"\x3f" * 255]
)
def test_runs_that_do_not_cover_are_refused(r: Wire, runs: bytes) -> None:
    r("SET", "k", HEADER + runs)
    assert r.error("PFCOUNT", "k") == CORRUPTED
    assert r.error("PFCOUNT", "k", "none") == CORRUPTED
    assert r.error("PFMERGE", "t", "k") == CORRUPTED
    assert r.error("PFDEBUG", "GETREG", "k") == CORRUPTED
    assert r("EXISTS", "t") == 0
    assert r("GET", "k") == HEADER + runs


def test_the_count_is_kept_until_something_changes(r: Wire) -> None:
    r("PFADD", "k", "a", "b")
    assert r("GET", "k")[8:16] == b"\x00" * 7 + b"\x80"
    assert r("PFCOUNT", "k") == 2
    assert r("GET", "k")[8:16] == b"\x02" + b"\x00" * 7
    r("PFADD", "k", "a")
    assert r("GET", "k")[8:16] == b"\x02" + b"\x00" * 7
    r("SETRANGE", "k", 8, b"\x63" + b"\x00" * 7)
    assert r("PFCOUNT", "k") == 99
    r("PFADD", "k", "c")
    assert r("PFCOUNT", "k") == 3


def test_debugging(r: Wire) -> None:
    assert r.error("PFDEBUG", "ENCODING", "none") == "ERR The specified key does not exist"
    r("PFADD", "k", "a", "b", "c")
    assert r("PFDEBUG", "DECODE", "k") == b"Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"
    assert r.error("PFDEBUG", "NOTHING", "k") == "ERR Unknown PFDEBUG subcommand 'NOTHING'"
    assert r("PFDEBUG", "TODENSE", "k") == 1
    assert r("PFDEBUG", "TODENSE", "k") == 0
    assert r.error("PFDEBUG", "DECODE", "k") == "ERR HLL encoding is not sparse"
    registers = r("PFDEBUG", "GETREG", "k")
    assert len(registers) == 16384
    assert sum(registers) == 4
    assert r("PFSELFTEST") == "OK"


def test_sketch_events(r: Wire) -> None:
    commands = ["PFADD k a", "PFADD k a", "PFCOUNT k", "PFMERGE t k", "PFMERGE t k"]
    received = events(r, *[tuple(command.split()) for command in commands])
    assert received == ["new", "pfadd", "new", "pfadd", "pfadd"]
