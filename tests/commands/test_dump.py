"""DUMP and RESTORE, here and from one server to the other."""

from __future__ import annotations

import time
import zlib

import crcmod
import pytest

from tests.commands.test_propagation import Stream
from tests.commands.wire import Peers, Wire, Word

crc64 = crcmod.mkCrcFun(0x1AD93D23594C935A9, initCrc=0, rev=True, xorOut=0)

SEAL = "ERR DUMP payload version or checksum are wrong"
DAMAGED = "ERR Bad data format"

VALUES: dict[str, tuple[Word, ...]] = {
    "empty": ("SET", "k", ""),
    "short": ("SET", "k", "value"),
    "integer of 8 bits": ("SET", "k", "-7"),
    "integer of 16 bits": ("SET", "k", "300"),
    "integer of 32 bits": ("SET", "k", "-70000"),
    "integer of 64 bits": ("SET", "k", str(2**40)),
    "almost an integer": ("SET", "k", "007"),
    "compressible": ("SET", "k", "ab" * 5000),
    "incompressible": ("SET", "k", zlib.compress(bytes(i * i % 251 for i in range(30000)))),
    "packed hash": ("HSET", "k", "f", "v", "n", "-12345", "", "", "long", "x" * 64),
    "large packed hash": ("HSET", "k", *(str(n) for n in range(400))),
    "big hash": ("HSET", "k", *(str(n) for n in range(2000))),
    "hash with a long value": ("HSET", "k", "f", "y" * 3000),
}


def sealed(body: bytes, version: int = 10) -> bytes:
    """A payload with a right seal, whatever is in it."""
    data = body + version.to_bytes(2, "little")
    return data + int(crc64(data)).to_bytes(8, "little")


def contents(r: Wire, key: str) -> object:
    return r.map("HGETALL", key) if r("TYPE", key) == "hash" else r("GET", key)


@pytest.mark.parametrize("command", VALUES.values(), ids=VALUES.keys())
def test_a_value_comes_back(r: Wire, command: tuple[Word, ...]) -> None:
    r(*command)
    payload = r("DUMP", "k")
    assert r("RESTORE", "copy", 0, payload) == "OK"
    assert contents(r, "copy") == contents(r, "k")
    assert r("OBJECT", "ENCODING", "copy") == r("OBJECT", "ENCODING", "k")
    assert r("TTL", "copy") == -1


@pytest.mark.parametrize("command", VALUES.values(), ids=VALUES.keys())
def test_the_servers_restore_each_others_values(peers: Peers, command: tuple[Word, ...]) -> None:
    peers.same(*command)
    for giver, taker in ((peers.redis, peers.garrison), (peers.garrison, peers.redis)):
        assert taker("RESTORE", "copy", 0, giver("DUMP", "k")) == "OK"
        assert contents(taker, "copy") == contents(giver, "k")


@pytest.mark.parametrize(
    "name", ["empty", "short", "integer of 32 bits", "integer of 64 bits", "packed hash"]
)
def test_small_payloads_are_the_same_bytes(peers: Peers, name: str) -> None:
    peers.same(*VALUES[name])
    peers.same("DUMP", "k")


def test_a_missing_key(r: Wire) -> None:
    assert r("DUMP", "none") is None


def test_an_existing_key(r: Wire) -> None:
    r("SET", "k", "old")
    r("SET", "other", "new")
    payload = r("DUMP", "other")
    assert r.error("RESTORE", "k", 0, payload) == "BUSYKEY Target key name already exists."
    assert r("RESTORE", "k", 0, payload, "REPLACE") == "OK"
    assert r("GET", "k") == b"new"


def test_time_to_live(r: Wire) -> None:
    r("SET", "k", "v")
    payload = r("DUMP", "k")
    began = time.monotonic()
    assert r("RESTORE", "relative", 100_000, payload) == "OK"
    left_ms = r("PTTL", "relative")
    passed_ms = (time.monotonic() - began) * 1000
    assert 100_000 - passed_ms - 1 <= left_ms <= 100_000
    at = int(time.time() * 1000) + 200_000
    assert r("RESTORE", "absolute", at, payload, "ABSTTL") == "OK"
    assert r("PEXPIRETIME", "absolute") == at
    assert r("RESTORE", "absolute", 0, payload, "REPLACE") == "OK"
    assert r("TTL", "absolute") == -1


def test_a_time_beyond_all_clocks_leaves_the_key_alone(r: Wire) -> None:
    """Redis lets it overflow, and the key is gone."""
    if not r.is_garrison:
        pytest.skip("Redis 7.0 deletes the key")
    r("SET", "k", "v")
    payload = r("DUMP", "k")
    for ttl in (2**63 - 1, 2**63 - 1000):
        assert r.error("RESTORE", "k", ttl, payload, "REPLACE") == "ERR Invalid TTL value, must be >= 0"
        assert r("GET", "k") == b"v"


def test_a_time_that_has_passed(r: Wire) -> None:
    r("SET", "k", "v")
    payload = r("DUMP", "k")
    assert r("RESTORE", "past", 1000, payload, "ABSTTL") == "OK"
    assert r("EXISTS", "past") == 0
    assert r("RESTORE", "k", 1000, payload, "ABSTTL", "REPLACE") == "OK"
    assert r("EXISTS", "k") == 0


def test_access(r: Wire) -> None:
    r("SET", "k", "v")
    payload = r("DUMP", "k")
    began = time.monotonic()
    assert r("RESTORE", "idle", 0, payload, "IDLETIME", 1000) == "OK"
    idle_s = r("OBJECT", "IDLETIME", "idle")
    assert 1000 <= idle_s <= 1001 + time.monotonic() - began
    assert r("RESTORE", "frequent", 0, payload, "FREQ", 200) == "OK"


@pytest.mark.parametrize(
    "options",
    [
        ("-1", ""),
        ("x", ""),
        ("0", "x"),
        ("0", "IDLETIME"),
        ("0", "IDLETIME", "-1"),
        ("0", "IDLETIME", "x"),
        ("0", "FREQ", "256"),
        ("0", "FREQ", "1", "IDLETIME", "1"),
        ("0", "REPLACE", "ABSTTL", "x"),
    ],
)
def test_the_same_refusals(peers: Peers, options: tuple[Word, ...]) -> None:
    peers.same("SET", "k", "v")
    payload = peers.redis("DUMP", "k")
    ttl, *rest = options
    kind, _ = peers.same("RESTORE", "new", ttl, payload, *(word for word in rest if word))
    assert kind == "error"
    peers.same("EXISTS", "new")
    peers.same("RESTORE", "k", ttl, payload, *(word for word in rest if word))


def test_every_changed_byte_is_noticed(r: Wire) -> None:
    r("HSET", "k", "f", "v")
    payload = bytearray(r("DUMP", "k"))
    for at in range(len(payload)):
        payload[at] ^= 0x10
        assert r.error("RESTORE", "new", 0, bytes(payload)) == SEAL
        payload[at] ^= 0x10
    assert r.error("RESTORE", "new", 0, bytes(payload[:9])) == SEAL
    assert r.error("RESTORE", "new", 0, "") == SEAL
    assert r.error("RESTORE", "new", 0, sealed(b"\0\1a", version=3000)) == SEAL


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        b"\0\x40\xffab",
        b"\xff\1a",
        b"\0\xc3\x02\x50\x00\x00",  # compressed, and too short
        b"\x04\0",  # a hash without fields
        b"\x04\2\1a\1b",  # a hash that ends in the middle
        b"\x04\x81\xff\xff\xff\xff\xff\xff\xff\xff\1a\1b",
        b"\x10\1x",  # a packed hash that is none
        b"\x10\x0b\x0b\0\0\0\1\0\x81a\2\xff",  # a field without a value
    ],
)
def test_damage_under_a_right_seal(r: Wire, body: bytes) -> None:
    assert r.error("RESTORE", "new", 0, sealed(body)) == DAMAGED
    assert r("EXISTS", "new") == 0
    assert r("PING") == "PONG"


def test_a_type_that_is_not_built_says_so(peers: Peers) -> None:
    reply = str(peers.garrison("RESTORE", "k", 0, sealed(b"\x07\0")))
    assert reply == "ERR Bad data format: the type value of a module is not supported yet"


def test_restore_asking_is_restore(r: Wire) -> None:
    r("SET", "k", "v")
    assert r("RESTORE-ASKING", "copy", 0, r("DUMP", "k")) == "OK"
    assert r("GET", "copy") == b"v"


def test_events(r: Wire) -> None:
    before = r.map("CONFIG", "GET", "notify-keyspace-events")[b"notify-keyspace-events"]
    r("CONFIG", "SET", "notify-keyspace-events", "KEA")
    try:
        r("SET", "k", "v")
        payload = r("DUMP", "k")
        listener = r.another(protocol=2)
        listener("SUBSCRIBE", "__keyspace@0__:new")
        r("RESTORE", "new", 0, payload)
        r("RESTORE", "new", 5, payload, "ABSTTL", "REPLACE")
        events = [listener.read()[2] for _ in range(2)]
    finally:
        r("CONFIG", "SET", "notify-keyspace-events", before)
    assert events == [b"restore", b"del"]


def test_streams_are_the_same(peers: Peers) -> None:
    peers.same("SET", "k", "v")
    payload = peers.redis("DUMP", "k")
    streams = []
    for wire in (peers.redis, peers.garrison):
        wire("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        stream = Stream(wire)
        wire("RESTORE", "a", 0, payload)
        wire("RESTORE", "a", 99_999_999_999_999, payload, "ABSTTL", "REPLACE", "IDLETIME", 10)
        wire("RESTORE", "a", 100_000, payload)
        wire("RESTORE", "a", 1, payload, "ABSTTL", "REPLACE")
        wire("RESTORE", "a", 1, payload, "ABSTTL", "REPLACE")
        wire("PUBLISH", "channel", "end")
        streams.append(stream.until(b"end"))
    theirs, ours = streams
    assert ours == theirs


def test_a_time_to_live_is_replicated_as_a_time(r: Wire) -> None:
    r("SET", "k", "v")
    payload = r("DUMP", "k")
    r("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    stream = Stream(r)
    r("RESTORE", "a", 100_000, payload, "REPLACE")
    r("PUBLISH", "channel", "end")
    command = stream.until(b"end")[-1]
    assert command == (b"RESTORE", b"a", b"<about now>", payload, b"REPLACE", b"ABSTTL")
