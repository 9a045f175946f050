"""What is publicly known to have broken servers of this kind: ours refuses it, changes nothing, and goes on.

docs/security.md lists the entries. Real servers are left alone: some of these end theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands.test_dump import DAMAGED, sealed
from tests.commands.wire import Server, Wire, Word

HUGE = 2**63 - 1
LEAST = -(2**63)
OUT_OF_RANGE = "ERR value is out of range"
NOT_AN_INTEGER = "ERR value is not an integer or out of range"

SETUP: list[tuple[Word, ...]] = [
    ("SET", "s", "text"),
    ("RPUSH", "l", 3, 1, 2),
    ("SADD", "set", "a", "b"),
    ("SADD", "ints", 1, 2, 3),
    ("ZADD", "z", 1, "a", 2, "b"),
    ("HSET", "h", "f", "v", "n", "1"),
    *(("XADD", "x", f"{n}-0", "a", n) for n in range(1, 6)),
    ("XGROUP", "CREATE", "x", "g", 0),
    ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">"),
    ("PFADD", "hll", "a"),
]

# The entry, a command, and how its error begins.
REFUSED: list[tuple[str, tuple[Word, ...], str]] = [
    ("CVE-2019-10192", ("PFCOUNT", "s"), "WRONGTYPE Key is not a valid HyperLogLog"),
    ("CVE-2021-29477", ("STRALGO", "LCS", "STRINGS", "a", "b"), "ERR unknown command"),
    ("CVE-2021-41099", ("SETRANGE", "s", 2**29, "x"), "ERR string exceeds maximum allowed size"),
    ("CVE-2021-41099", ("SETRANGE", "s", HUGE, "x"), "ERR string exceeds maximum allowed size"),
    ("CVE-2021-32761", ("SETBIT", "s", 2**32, 1), "ERR bit offset is not an integer or out of range"),
    ("CVE-2021-32761", ("BITFIELD", "s", "SET", "u8", f"#{HUGE}", 1), "ERR bit offset is not an integer"),
    ("CVE-2022-35951", ("XAUTOCLAIM", "x", "g", "d", 0, "-", "COUNT", HUGE), "ERR COUNT must be > 0"),
    ("CVE-2022-35951", ("XAUTOCLAIM", "x", "g", "d", 0, "-", "COUNT", 0), "ERR COUNT must be > 0"),
    ("CVE-2023-22458", ("HRANDFIELD", "h", LEAST, "WITHVALUES"), OUT_OF_RANGE),
    ("CVE-2023-22458", ("ZRANDMEMBER", "z", LEAST, "WITHSCORES"), OUT_OF_RANGE),
    ("CVE-2023-25155", ("SRANDMEMBER", "set", LEAST), OUT_OF_RANGE),
    ("CVE-2023-25155", ("SRANDMEMBER", "set", LEAST + 1), OUT_OF_RANGE),
    ("CVE-2023-25155", ("ZRANDMEMBER", "z", LEAST + 1), OUT_OF_RANGE),
    ("CVE-2023-28856", ("HINCRBYFLOAT", "h", "f", "1"), "ERR hash value is not a float"),
    ("CVE-2023-28856", ("HINCRBYFLOAT", "h", "n", "inf"), "ERR value is NaN or Infinity"),
    (
        "CVE-2023-36824",
        ("COMMAND", "GETKEYS", "ZUNION", HUGE, "a"),
        "ERR Invalid arguments specified for command",
    ),
    ("CVE-2023-36824", ("COMMAND", "GETKEYS", "LMPOP", -1, "a", "LEFT"), "ERR Invalid arguments"),
]

# The entry, a command, and what it answers.
HARMLESS: list[tuple[str, tuple[Word, ...], object]] = [
    ("CVE-2022-35977", ("SORT", "l", "LIMIT", HUGE, HUGE), []),
    ("CVE-2022-35977", ("SORT", "l", "LIMIT", LEAST, HUGE), [b"1", b"2", b"3"]),
    ("CVE-2022-35977", ("SORT", "l", "LIMIT", 1, HUGE), [b"2", b"3"]),
    ("CVE-2023-28425", ("MSETNX", "new", 1, "new", 2), 1),
    ("CVE-2022-36021", ("KEYS", "a*" * 500 + "b"), []),
    ("CVE-2024-31228", ("SCAN", 0, "MATCH", "*?" * 400 + "[" * 200, "COUNT", 1000), [b"0", []]),
    ("CVE-2024-31228", ("PUBSUB", "CHANNELS", "*" * 100_000), []),
]


@pytest.fixture
def ours(servers: dict[str, Server | str]) -> Iterator[Wire]:
    server = servers["garrison"]
    if isinstance(server, str):
        pytest.skip(server)
    wire = Wire(server)
    wire("FLUSHALL")
    wire.many(*SETUP)
    yield wire
    wire.close_all()


def content(wire: Wire) -> object:
    return wire("DEBUG", "DIGEST")


@pytest.mark.parametrize(("entry", "words", "error"), REFUSED, ids=str)
def test_known_attack_is_refused(ours: Wire, entry: str, words: tuple[Word, ...], error: str) -> None:
    before = content(ours)
    assert ours.error(*words).startswith(error), entry
    assert content(ours) == before


@pytest.mark.parametrize(("entry", "words", "reply"), HARMLESS, ids=lambda value: str(value)[:60])
def test_known_attack_is_harmless(ours: Wire, entry: str, words: tuple[Word, ...], reply: object) -> None:
    assert ours(*words) == reply, entry
    assert ours("PING") == "PONG"


def test_deleted_entries_are_dropped_by_autoclaim(ours: Wire) -> None:
    """CVE-2022-31144: the reply has room for entries and for deleted ids."""
    assert ours("XDEL", "x", "1-0", "2-0", "3-0", "4-0") == 4
    cursor, entries, deleted = ours("XAUTOCLAIM", "x", "g", "d", 0, "-", "COUNT", 5)
    assert (cursor, [entry[0] for entry in entries]) == (b"0-0", [b"5-0"])
    assert deleted == [b"1-0", b"2-0", b"3-0", b"4-0"]


@pytest.mark.parametrize("limit", ["set-max-intset-entries", "hash-max-listpack-entries"])
def test_huge_limits_do_not_overflow_packed_values(ours: Wire, limit: str) -> None:
    """CVE-2021-29478, CVE-2021-32687, CVE-2021-32628: a packed value ends before its length overflows."""
    assert ours("CONFIG", "SET", limit, 2**31) == "OK"
    try:
        ours("SADD", "big", *range(5000))
        ours("HSET", "wide", *(word for number in range(3000) for word in (f"f{number}", "v" * 50)))
        assert (ours("SCARD", "big"), ours("HLEN", "wide")) == (5000, 3000)
    finally:
        default = 512 if limit.startswith("set") else 128
        ours("CONFIG", "SET", limit, default)


def hll(body: bytes, *, encoding: int = 1) -> bytes:
    """A HyperLogLog string with this encoding and these registers."""
    return b"HYLL" + bytes([encoding, 0, 0, 0]) + bytes(8) + body


@pytest.mark.parametrize(
    "value",
    [
        hll(b"\x7f\xff" * 3),
        hll(b"\x7f\xff" * 70_000),
        hll(b"\x80" * 16_385),
        hll(b"\x40"),
        hll(b""),
        hll(b"", encoding=0),
        hll(bytes(12_287), encoding=0),
        hll(bytes(12_288), encoding=7),
    ],
    ids=["too long", "wraps round", "too many", "cut off", "empty", "no registers", "short", "unknown"],
)
def test_hostile_registers_are_refused(ours: Wire, value: bytes) -> None:
    """CVE-2025-32023, CVE-2019-10193: runs of a sparse HyperLogLog beyond its registers."""
    assert ours("SET", "p", value) == "OK"
    for words in (("PFCOUNT", "p", "hll"), ("PFMERGE", "hll", "p"), ("PFMERGE", "p", "hll")):
        assert ours.error(*words).split()[0] in ("WRONGTYPE", "INVALIDOBJ"), words
        assert ours("GET", "p") == value
    # It looks no farther than to its own register, as in Redis.
    ours("PFADD", "p", *range(100))
    assert ours("PING") == "PONG"


def bulk(raw: bytes) -> bytes:
    return b"\x80" + len(raw).to_bytes(4, "big") + raw


@pytest.mark.parametrize(
    "body",
    [
        b"\x0b" + bulk((8).to_bytes(4, "little") + (2**29 + 1).to_bytes(4, "little") + bytes(8)),
        b"\x0a" + bulk((2**31).to_bytes(4, "little") + bytes(7)),
        b"\x0d"
        + bulk((20).to_bytes(4, "little") + (16).to_bytes(4, "little") + b"\x02\x00" + b"\xfe" + b"\xff" * 9),
        b"\x12\x81" + (2**62).to_bytes(8, "big"),
        b"\x10" + bulk((2**32 - 1).to_bytes(4, "little") + b"\xff\xff\xff"),
        b"\x13\x81" + (2**60).to_bytes(8, "big"),
    ],
    ids=["intset", "ziplist list", "ziplist hash", "list of nodes", "listpack", "stream"],
)
def test_hostile_lengths_in_payloads_are_refused(ours: Wire, body: bytes) -> None:
    """CVE-2021-32627, CVE-2021-32628, CVE-2021-32687 by way of RESTORE."""
    assert ours.error("RESTORE", "new", 0, sealed(body)) == DAMAGED
    assert ours("EXISTS", "new") == 0


def test_stranger_cannot_make_long_requests(ours: Wire) -> None:
    """CVE-2021-32675, CVE-2025-21605: before AUTH few and small arguments are read."""
    ours("CONFIG", "SET", "requirepass", "secret")
    try:
        for head in (b"*11\r\n", b"*1\r\n$20000\r\n", b"*2147483647\r\n"):
            stranger = ours.another(2)
            stranger.raw(head)
            assert b"unauthenticated" in stranger.read_bytes()
    finally:
        ours("CONFIG", "SET", "requirepass", "")
