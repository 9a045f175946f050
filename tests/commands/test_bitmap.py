"""Bits of strings."""

from __future__ import annotations

import random

import pytest

from tests.commands.wire import Peers, Wire, Word

NOT_AN_OFFSET = "ERR bit offset is not an integer or out of range"
NOT_A_BIT = "ERR bit is not an integer or out of range"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


def test_bits_are_set_and_read(r: Wire) -> None:
    assert r("SETBIT", "k", 7, 1) == 0
    assert r("SETBIT", "k", 7, 0) == 1
    assert r("SETBIT", "k", 17, 1) == 0
    assert r("GET", "k") == b"\x00\x00\x40"
    assert [r("GETBIT", "k", bit) for bit in (16, 17, 18, 1000, 2**32 - 1)] == [0, 1, 0, 0, 0]
    assert r("GETBIT", "none", 5) == 0
    assert r("OBJECT", "ENCODING", "k") == b"raw"
    r("SET", "n", "12")
    assert r("GETBIT", "n", 2) == 1
    assert r("SETBIT", "n", 6, 1) == 0
    assert r("GET", "n") == b"32"
    assert r("TYPE", "n") == "string"


def test_offsets_and_bits_out_of_range_are_refused(r: Wire) -> None:
    for offset in (-1, "x", 2**32, "1.5", "", "#1", 2**63):
        assert r.error("SETBIT", "k", offset, 1) == NOT_AN_OFFSET
        assert r.error("GETBIT", "k", offset) == NOT_AN_OFFSET
    for bit in (2, -1, "x", "01", ""):
        assert r.error("SETBIT", "k", 1, bit) == NOT_A_BIT
    assert r("EXISTS", "k") == 0
    assert r("SETBIT", "k", 2**32 - 1, 1) == 0
    assert r("STRLEN", "k") == 2**29


def test_other_types_are_refused(r: Wire) -> None:
    r("HSET", "h", "f", "v")
    for words in (
        ("SETBIT", "h", 1, 1),
        ("GETBIT", "h", 1),
        ("BITCOUNT", "h"),
        ("BITPOS", "h", 1),
        ("BITFIELD", "h", "GET", "u8", 0),
        ("BITFIELD", "h", "SET", "u8", 0, 1),
        ("BITFIELD_RO", "h", "GET", "u8", 0),
        ("BITOP", "AND", "d", "h"),
    ):
        assert r.error(*words) == WRONG_TYPE, words


def test_counting_bits(r: Wire) -> None:
    r("SET", "k", "foobar")
    assert r("BITCOUNT", "k") == 26
    assert r("BITCOUNT", "k", 0, 0) == 4
    assert r("BITCOUNT", "k", 1, 1, "BYTE") == 6
    assert r("BITCOUNT", "k", 5, 30, "bit") == 17
    assert r("BITCOUNT", "k", -1, -2) == 0
    assert r("BITCOUNT", "none", 0, "x") == 0
    assert r.error("BITCOUNT", "k", 0) == "ERR syntax error"
    assert r.error("BITCOUNT", "k", 0, 1, "WORD") == "ERR syntax error"
    assert r.error("BITCOUNT", "k", 0, "x") == "ERR value is not an integer or out of range"


def test_finding_bits(r: Wire) -> None:
    r("SET", "k", b"\xff\xf0\x00")
    assert r("BITPOS", "k", 0) == 12
    assert r("BITPOS", "k", 1, 2) == -1
    assert r("BITPOS", "k", 1, 0, 1, "BIT") == 0
    r("SET", "ones", b"\xff\xff\xff")
    assert r("BITPOS", "ones", 0) == 24
    assert r("BITPOS", "ones", 0, 0, -1) == -1
    assert r("BITPOS", "none", 0) == 0
    assert r("BITPOS", "none", 1) == -1
    assert r.error("BITPOS", "k", 2) == "ERR The bit argument must be 1 or 0."


@pytest.mark.parametrize("seed", range(4))
def test_counts_and_positions_in_random_ranges(peers: Peers, seed: int) -> None:
    rng = random.Random(seed)
    values = [b"", b"\x00", b"\xff" * 5, b"\x00" * 40 + b"\x01" + b"\x00" * 9, rng.randbytes(70), b"12345"]
    for index, value in enumerate(values):
        for wire in (peers.redis, peers.garrison):
            wire("SET", f"k{index}", value)
    numbers: list[Word] = [
        0,
        1,
        2,
        3,
        7,
        8,
        9,
        39,
        40,
        41,
        100,
        561,
        -1,
        -2,
        -8,
        -9,
        -400,
        2**63 - 1,
        -(2**63),
        "x",
    ]
    units: list[list[Word]] = [[], ["BYTE"], ["bit"], ["x"]]
    for _ in range(400):
        key = f"k{rng.randrange(len(values) + 1)}"
        start, end = rng.choice(numbers), rng.choice(numbers)
        words: list[Word] = ["BITCOUNT", key, start, end, *rng.choice(units)]
        peers.same(*words)
        bit = rng.choice([0, 1])
        span = [start] if rng.random() < 0.3 else [start, end, *rng.choice(units)]
        peers.same("BITPOS", key, bit, *span)


@pytest.mark.parametrize("seed", range(3))
def test_bitop_equals_redis_on_random_strings(peers: Peers, seed: int) -> None:
    rng = random.Random(seed)
    keys = [f"k{i}" for i in range(5)]
    for _ in range(150):
        key = rng.choice(keys)
        value = rng.choice([b"", b"123", rng.randbytes(rng.choice([1, 9, 70, 300, 9000]))])
        peers.same("SET", key, value)
        operation = rng.choice(["and", "OR", "xor", "NOT", "nand"])
        sources = [rng.choice([*keys, "none"]) for _ in range(rng.randrange(1, 5))]
        target = rng.choice([*keys, "t"])
        peers.same("BITOP", operation, target, *sources)
        peers.same("GET", target)
        peers.same("OBJECT", "ENCODING", target)
        peers.same("TTL", target)


def test_bitop_with_nothing_deletes_the_target(r: Wire) -> None:
    r("SET", "t", "x")
    assert r("BITOP", "AND", "t", "none", "none2") == 0
    assert r("EXISTS", "t") == 0
    assert r.error("BITOP", "NOT", "t", "a", "b") == "ERR BITOP NOT must be called with a single source key."


def test_newer_bit_operations(r: Wire) -> None:
    if not r.is_garrison:
        pytest.skip("Redis knows them from 8.2 on")
    r("MSET", "x", b"\xf0\xff", "y", b"\x3c", "z", b"\x0f\x01\x80")
    expected = {
        "DIFF": b"\xc0\xfe\x00",
        "DIFF1": b"\x0f\x00\x80",
        "ANDOR": b"\x30\x01\x00",
        "ONE": b"\xc3\xfe\x80",
    }
    for operation, result in expected.items():
        assert r("BITOP", operation, "t", "x", "y", "z") == 3
        assert r("GET", "t") == result, operation
    for operation in ("DIFF", "DIFF1", "ANDOR"):
        wanted = f"ERR BITOP {operation} must be called with at least two source keys."
        assert r.error("BITOP", operation.lower(), "t", "x") == wanted
    assert r("BITOP", "ONE", "t", "x") == 2
    assert r("GET", "t") == b"\xf0\xff"


def test_fields_wrap_saturate_and_fail(r: Wire) -> None:
    assert r("BITFIELD", "k", "INCRBY", "u2", 100, 1, "OVERFLOW", "SAT", "INCRBY", "u2", 102, 1) == [1, 1]
    for _ in range(2):
        r("BITFIELD", "k", "INCRBY", "u2", 100, 1, "OVERFLOW", "SAT", "INCRBY", "u2", 102, 1)
    assert r("BITFIELD", "k", "INCRBY", "u2", 100, 1, "OVERFLOW", "SAT", "INCRBY", "u2", 102, 1) == [0, 3]
    assert r("BITFIELD", "k", "OVERFLOW", "FAIL", "INCRBY", "u2", 102, 1, "GET", "u2", 102) == [None, 3]
    assert r("BITFIELD", "k", "SET", "i8", "#1", 200, "GET", "i8", 8, "GET", "u8", "#1") == [0, -56, 200]
    assert r("BITFIELD", "k") == []
    assert r("BITFIELD_RO", "k", "GET", "i5", 3, "GET", "u63", 200) == r(
        "BITFIELD", "k", "GET", "i5", 3, "GET", "u63", 200
    )


def test_fields_that_make_no_sense_are_refused(r: Wire) -> None:
    bad_type = (
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
    )
    for field in ("u64", "i65", "i0", "x8", "8", "I8", "u", "i-1", "u08"):
        assert r.error("BITFIELD", "k", "GET", field, 0) == bad_type
    for offset in ("x", -1, "#-1", "#x", 2**32, "##1"):
        assert r.error("BITFIELD", "k", "SET", "u8", offset, 1) == NOT_AN_OFFSET
    assert r.error("BITFIELD", "k", "OVERFLOW", "MAYBE") == "ERR Invalid OVERFLOW type specified"
    assert r.error("BITFIELD", "k", "SET", "u8", 0, "x") == "ERR value is not an integer or out of range"
    assert r.error("BITFIELD", "k", "SET", "u8", 0) == "ERR syntax error"
    wanted = "ERR BITFIELD_RO only supports the GET subcommand"
    assert r.error("BITFIELD_RO", "k", "SET", "u8", 0, 1) == wanted
    assert r("EXISTS", "k") == 0


@pytest.mark.parametrize("seed", range(6))
def test_random_fields_equal_redis(peers: Peers, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        words: list[Word] = []
        for _ in range(rng.randrange(1, 6)):
            width = rng.choice(["u", "i"]) + str(rng.choice([1, 2, 3, 5, 8, 16, 31, 32, 33, 62, 63]))
            width = rng.choice([width, "i64"])
            offset = rng.choice(["", "#"]) + str(rng.randrange(20))
            value = rng.choice([0, 1, -1, 5, -300, 2**31, 2**62, 2**63 - 1, -(2**63), rng.getrandbits(20)])
            words += rng.choice(
                [
                    ["GET", width, offset],
                    ["SET", width, offset, value],
                    ["INCRBY", width, offset, value],
                    ["OVERFLOW", rng.choice(["wrap", "SAT", "fail"])],
                ]
            )
        key = rng.choice(["a", "b"])
        peers.same("BITFIELD", key, *words)
        peers.same("GET", key)
        if rng.random() < 0.05:
            peers.same("DEL", key)


def events(r: Wire, *commands: tuple[Word, ...]) -> list[str]:
    """The keyspace events of these commands."""
    r("CONFIG", "SET", "notify-keyspace-events", "E$gn")
    listener = r.another()
    listener("PSUBSCRIBE", "__keyevent@*")
    for words in commands:
        r(*words)
    r("PUBLISH", "__keyevent@0__:end", "")
    received: list[str] = []
    while not received or received[-1] != "end":
        received.append(listener.read()[2].decode().partition(":")[2])
    r("CONFIG", "SET", "notify-keyspace-events", "")
    return received[:-1]


def test_bit_events(r: Wire) -> None:
    assert events(
        r,
        ("SETBIT", "k", 1, 1),
        ("SETBIT", "k", 1, 1),
        ("SETBIT", "k", 9, 0),
        ("BITFIELD", "k", "SET", "u8", 0, 5),
        ("BITFIELD", "k", "SET", "u8", 0, 5),
        ("BITFIELD", "k", "GET", "u8", 0),
        ("BITOP", "NOT", "t", "k"),
        ("BITOP", "AND", "t", "none"),
    ) == ["new", "setbit", "setbit", "setbit", "new", "set", "del"]


def test_bits_leave_the_expiry_but_bitop_does_not(r: Wire) -> None:
    r("SET", "k", "a", "EX", 1000)
    r("SETBIT", "k", 1, 0)
    r("BITFIELD", "k", "SET", "u8", 100, 5)
    assert r("TTL", "k") > 0
    r("BITOP", "NOT", "k", "k")
    assert r("TTL", "k") == -1
