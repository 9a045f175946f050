"""RESTORE of sets and sorted sets: every encoding that a peer has written, and damaged ones."""

from __future__ import annotations

import pytest

from tests.commands.test_dump import DAMAGED, sealed
from tests.commands.wire import Peers, Wire


def ziplist(*entries: bytes) -> bytes:
    """A ziplist of short strings, as a string of RDB."""
    body, before = b"", 0
    for entry in entries:
        part = bytes([before, len(entry)]) + entry
        before = len(part)
        body += part
    total = 10 + len(body) + 1
    last = 10 + len(body) - before
    raw = total.to_bytes(4, "little") + last.to_bytes(4, "little") + len(entries).to_bytes(2, "little") + body
    return bytes([total]) + raw + b"\xff"


def listpack(*entries: bytes, count: int = -1) -> bytes:
    """A packed list of short strings, as a string of RDB."""
    body = b"".join(bytes([0x80 | len(entry)]) + entry + bytes([len(entry) + 1]) for entry in entries)
    total = 6 + len(body) + 1
    known = len(entries) if count < 0 else count
    return bytes([total]) + total.to_bytes(4, "little") + known.to_bytes(2, "little") + body + b"\xff"


def intset(width: int, *numbers: int, count: int = -1) -> bytes:
    """An intset, as a string of RDB."""
    known = len(numbers) if count < 0 else count
    body = b"".join(number.to_bytes(width, "little", signed=True) for number in numbers)
    raw = width.to_bytes(4, "little") + known.to_bytes(4, "little") + body
    return bytes([len(raw)]) + raw


ONE = b"\x00\x00\x00\x00\x00\x00\xf0\x3f"
NAN = b"\x00\x00\x00\x00\x00\x00\xf8\x7f"

SOUND = {
    "set of strings": b"\x02\x03\x01a\xc0\x05\x01b",
    "intset of 2": b"\x0b" + intset(2, -300, 0, 7),
    "intset of 4": b"\x0b" + intset(4, -70000, 7),
    "intset of 8": b"\x0b" + intset(8, -(2**40), 7, 2**62),
    "scores as text": b"\x03\x03\x01a\x031.5\x01b\xfe\x01c\xff",
    "scores in binary": b"\x05\x02\x01a" + ONE + b"\x01b" + ONE,
    "ziplist": b"\x0c" + ziplist(b"a", b"1.5", b"b", b"3x"[:1]),
    "packed": b"\x11" + listpack(b"a", b"1.5", b"b", b"inf"),
}

PACKED_SET = b"\x14" + listpack(b"a", b"b")

DAMAGE = {
    "empty set": b"\x02\x00",
    "member twice": b"\x02\x02\x01a\x01a",
    "more members than there are": b"\x02\x81" + (2**60).to_bytes(8, "big") + b"\x01a",
    "empty intset": b"\x0b" + intset(2),
    "intset of another count": b"\x0b" + intset(2, 1, 2, count=3),
    "intset of a huge count": b"\x0b" + intset(8, 1, count=2**31),
    "intset of another width": b"\x0b" + intset(3, 1),
    "intset without a width": b"\x0b\x08" + bytes(8),
    "intset in no order": b"\x0b" + intset(2, 2, 1),
    "intset with a number twice": b"\x0b" + intset(2, 1, 1),
    "packed set with a member twice": b"\x14" + listpack(b"a", b"a"),
    "packed set of another count": b"\x14" + listpack(b"a", count=2),
    "empty packed set": b"\x14" + listpack(),
    "empty sorted set": b"\x05\x00",
    "sorted set of a huge count": b"\x05\x81" + (2**62).to_bytes(8, "big") + b"\x01a" + ONE,
    "sorted member twice": b"\x05\x02\x01a" + ONE + b"\x01a" + ONE,
    "score that is not a number": b"\x05\x01\x01a" + NAN,
    "score cut off": b"\x05\x01\x01a" + ONE[:5],
    "text that is not a number": b"\x03\x01\x01a\x02xy",
    "text of nan": b"\x03\x01\x01a\xfd",
    "ziplist without a score": b"\x0c" + ziplist(b"a"),
    "ziplist with a member twice": b"\x0c" + ziplist(b"a", b"1", b"a", b"2"),
    "ziplist with a bad score": b"\x0c" + ziplist(b"a", b"x"),
    "packed without a score": b"\x11" + listpack(b"a", b"1", b"b"),
    "packed with a bad score": b"\x11" + listpack(b"a", b"x"),
    "packed with a score of nan": b"\x11" + listpack(b"a", b"nan"),
    "packed with a member twice": b"\x11" + listpack(b"a", b"1", b"a", b"2"),
    "packed of another count": b"\x11" + listpack(b"a", b"1", count=9),
}


@pytest.mark.parametrize("body", SOUND.values(), ids=SOUND.keys())
def test_every_encoding_of_redis_is_read(peers: Peers, body: bytes) -> None:
    assert peers.same("RESTORE", "k", 0, sealed(body)) == "OK"
    peers.same("DEBUG", "DIGEST-VALUE", "k")
    peers.same("TYPE", "k")
    peers.same("OBJECT", "ENCODING", "k") if body[0] not in (2, 20) else None


def test_packed_sets_of_redis_7_2_are_read(r: Wire) -> None:
    if not r.is_garrison:
        pytest.skip("Redis 7.0 does not know them")
    assert r("RESTORE", "k", 0, sealed(PACKED_SET, 11)) == "OK"
    assert set(r("SMEMBERS", "k")) == {b"a", b"b"}


@pytest.mark.parametrize("body", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_refused_and_changes_nothing(r: Wire, body: bytes) -> None:
    if not r.is_garrison:
        pytest.skip("some of these end a real Redis 7.0")
    assert r.error("RESTORE", "k", 0, sealed(body)) == DAMAGED
    assert r("EXISTS", "k") == 0


@pytest.mark.parametrize("body", [*SOUND.values(), PACKED_SET], ids=[*SOUND.keys(), "packed set"])
def test_flipped_bytes_never_end_the_server(r: Wire, body: bytes) -> None:
    if not r.is_garrison:
        pytest.skip("some of these end a real Redis 7.0")
    for at in range(len(body)):
        for value in (0, 1, 0x7F, 0x80, 0xFF, body[at] ^ 1):
            damaged = body[:at] + bytes([value]) + body[at + 1 :]
            r("RESTORE", "k", 0, sealed(damaged), "REPLACE")
            r("DEBUG", "DIGEST-VALUE", "k")
            r("DEL", "k")
    assert r("PING") == "PONG"
