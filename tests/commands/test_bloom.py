"""Bloom filters: Redis 7.0 has none, so these run on ours alone, by the public modules' documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.resp import Failure
from tests.commands.test_bitmap import events
from tests.commands.wire import Server, Wire

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
NOT_FOUND = "ERR not found"
FULL = "ERR non scaling filter is full"


@pytest.fixture
def b(r: Wire) -> Wire:
    """A connection to our server."""
    if not r.is_garrison:
        pytest.skip("Redis 7.0 has no Bloom filters")
    return r


def test_adding_and_asking(b: Wire) -> None:
    assert b("BF.ADD", "k", "a") == 1
    assert b("BF.ADD", "k", "a") == 0
    assert b("BF.MADD", "k", "a", "b", "c", "b") == [0, 1, 1, 0]
    assert b("BF.EXISTS", "k", "a") == 1
    assert b("BF.EXISTS", "k", "nobody") == 0
    assert b("BF.MEXISTS", "k", "a", "nobody", "c") == [1, 0, 1]
    assert b("BF.EXISTS", "none", "a") == 0
    assert b("BF.MEXISTS", "none", "a", "b") == [0, 0]
    assert b("BF.CARD", "k") == 3
    assert b("BF.CARD", "none") == 0
    assert b("TYPE", "k") == "MBbloom--"
    assert type(b("BF.EXISTS", "k", "a")) is (bool if b.protocol == 3 else int)


def test_what_a_filter_tells_of_itself(b: Wire) -> None:
    b("BF.ADD", "k", "a")
    told = b.map("BF.INFO", "k")
    assert told.pop("Size") == b("BF.INFO", "k", "size")[0] > 100
    assert told == {
        "Capacity": 100,
        "Number of filters": 1,
        "Number of items inserted": 1,
        "Expansion rate": 2,
    }
    assert [b("BF.INFO", "k", word) for word in ("CAPACITY", "filters", "ITEMS", "EXPANSION")] == [
        [100],
        [1],
        [1],
        [2],
    ]
    assert b.error("BF.INFO", "k", "weight") == "Invalid information value"
    assert b.error("BF.INFO", "none") == NOT_FOUND
    b("BF.RESERVE", "fixed", "0.1", 10, "NONSCALING")
    assert b("BF.INFO", "fixed", "EXPANSION") == [None]


def test_reserving(b: Wire) -> None:
    assert b("BF.RESERVE", "k", "0.001", 1000, "EXPANSION", 4) == "OK"
    assert b("BF.INFO", "k", "EXPANSION") == [4]
    assert b.error("BF.RESERVE", "k", "0.001", 1000) == "ERR item exists"
    for rate, wanted in (("x", "ERR bad error rate"), ("0", None), ("1", None), ("-1", None), ("nan", None)):
        got = b.error("BF.RESERVE", "n", rate, 10)
        assert got == (wanted or "ERR (0 < error rate range < 1)") or rate == "nan"
    for capacity in ("x", "1.5", 2**30 + 1, 2**63):
        assert b.error("BF.RESERVE", "n", "0.1", capacity) == "ERR bad capacity"
    for capacity in (0, -1):
        assert b.error("BF.RESERVE", "n", "0.1", capacity) == "ERR (capacity should be larger than 0)"
    assert b.error("BF.RESERVE", "n", "0.1", 10, "EXPANSION", "x") == "ERR bad expansion"
    assert b.error("BF.RESERVE", "n", "0.1", 10, "EXPANSION") == "ERR no expansion"
    both = b.error("BF.RESERVE", "n", "0.1", 10, "EXPANSION", 2, "NONSCALING")
    assert both == "Nonscaling filters cannot expand"
    assert b.error("BF.RESERVE", "n", "1e-300", 2**30) == "ERR could not create filter"
    assert b("EXISTS", "n") == 0


def test_a_full_filter_grows_or_refuses(b: Wire) -> None:
    b("BF.RESERVE", "k", "0.01", 10, "EXPANSION", 3)
    b("BF.MADD", "k", *range(100))
    assert b("BF.INFO", "k", "FILTERS") == [3]
    assert b("BF.INFO", "k", "CAPACITY") == [10 + 30 + 90]
    b("BF.RESERVE", "fixed", "0.001", 3, "NONSCALING")
    results = b("BF.MADD", "fixed", *"abcde")
    assert results[:3] == [1, 1, 1]
    assert len(results) == 4
    assert isinstance(results[3], Failure)
    assert str(results[3]) == FULL
    assert b.error("BF.ADD", "fixed", "x") == FULL
    assert b("BF.ADD", "fixed", "a") == 0
    assert b("BF.CARD", "fixed") == 3


def test_inserting_with_options(b: Wire) -> None:
    assert b.error("BF.INSERT", "k", "NOCREATE", "ITEMS", "a") == NOT_FOUND
    assert b("BF.INSERT", "k", "CAPACITY", 5, "ERROR", "0.1", "EXPANSION", 7, "ITEMS", "a", "b") == [1, 1]
    assert b("BF.INSERT", "k", "nocreate", "items", "a", "c") == [0, 1]
    assert b("BF.INFO", "k", "CAPACITY") == [5]
    assert b("BF.INFO", "k", "EXPANSION") == [7]
    assert b("BF.INSERT", "fixed", "NONSCALING", "CAPACITY", 1, "ITEMS", "a") == [1]
    assert b.error("BF.INSERT", "k", "SIZE", 5, "ITEMS", "a") == "Unknown argument received"
    arity = "ERR wrong number of arguments for 'bf.insert' command"
    assert b.error("BF.INSERT", "k", "NOCREATE", "ITEMS") == arity
    assert b.error("BF.INSERT", "k", "CAPACITY", "5") == arity


def test_settings_make_what_nobody_reserved(b: Wire) -> None:
    b("CONFIG", "SET", "bf-initial-size", 7, "bf-expansion-factor", 0, "bf-error-rate", "0.2")
    b("BF.ADD", "k", "a")
    b("CONFIG", "SET", "bf-initial-size", 100, "bf-expansion-factor", 2, "bf-error-rate", "0.01")
    assert b("BF.INFO", "k", "CAPACITY") == [7]
    assert b("BF.INFO", "k", "EXPANSION") == [None]
    for value in ("0", "1", "x", "nan"):
        assert "CONFIG SET failed" in b.error("CONFIG", "SET", "bf-error-rate", value)


def test_filters_move_in_chunks(b: Wire) -> None:
    b("BF.RESERVE", "k", "0.01", 1000)
    b("BF.MADD", "k", *range(5000))
    iterator, chunks = 0, []
    while True:
        iterator, data = b("BF.SCANDUMP", "k", iterator)
        if iterator == 0:
            break
        chunks.append((iterator, data))
    assert len(chunks) == 1 + b("BF.INFO", "k", "FILTERS")[0]
    for iterator, data in chunks:
        assert b("BF.LOADCHUNK", "copy", iterator, data) == "OK"
    assert b.map("BF.INFO", "copy") == b.map("BF.INFO", "k")
    assert b("BF.MEXISTS", "copy", *range(5000)) == [1] * 5000
    assert b("BF.ADD", "copy", "new one") == 1
    first, header = chunks[0]
    assert b.error("BF.LOADCHUNK", "x", first, header[:-1]) == "ERR received bad data"
    assert b.error("BF.LOADCHUNK", "x", 9, b"12345678") == NOT_FOUND
    too_big = "ERR invalid chunk - Too big for current filter"
    assert b.error("BF.LOADCHUNK", "copy", 10**6 + 1, b"x" * 10**6) == too_big
    assert b.error("BF.LOADCHUNK", "copy", 10**9, b"x") == "ERR invalid offset - no link found"
    assert b.error("BF.SCANDUMP", "none", 0) == NOT_FOUND
    assert b("BF.SCANDUMP", "k", -5) == [0, b""]


def test_filters_are_copied_dumped_and_restored(b: Wire) -> None:
    b("BF.RESERVE", "k", "0.01", 10)
    b("BF.MADD", "k", *range(200))
    digest = b("DEBUG", "DIGEST-VALUE", "k")
    assert b("COPY", "k", "copy") == 1
    payload = b("DUMP", "k")
    assert b("RESTORE", "restored", 0, payload) == "OK"
    assert b("DEBUG", "DIGEST-VALUE", "copy") == digest
    assert b("DEBUG", "DIGEST-VALUE", "restored") == digest
    assert b("MEMORY", "USAGE", "k") > b("BF.INFO", "k", "SIZE")[0]
    b("BF.ADD", "copy", "more")
    assert b("DEBUG", "DIGEST-VALUE", "copy") != digest
    assert b("DEBUG", "DIGEST-VALUE", "k") == digest
    assert b("UNLINK", "k", "copy", "restored") == 3


def test_other_types_are_refused(b: Wire) -> None:
    b("SET", "s", "v")
    for words in (
        ("BF.ADD", "s", "a"),
        ("BF.EXISTS", "s", "a"),
        ("BF.CARD", "s"),
        ("BF.INFO", "s"),
        ("BF.RESERVE", "s", "0.1", 10),
        ("BF.SCANDUMP", "s", 0),
        ("BF.LOADCHUNK", "s", 1, "x"),
    ):
        assert b.error(*words) == WRONG_TYPE, words
    b("BF.ADD", "k", "a")
    assert b.error("GET", "k") == WRONG_TYPE
    assert b.error("HSET", "k", "f", "v") == WRONG_TYPE
    assert b.error("PFADD", "k", "a") == WRONG_TYPE


def test_filter_events(b: Wire) -> None:
    assert events(
        b,
        ("BF.RESERVE", "k", "0.1", 10),
        ("BF.ADD", "k", "a"),
        ("BF.ADD", "k", "a"),
        ("BF.ADD", "other", "a"),
    ) == ["new", "bloom.reserve", "bloom.add", "new", "bloom.reserve", "bloom.add"]


def test_redis_refuses_a_filter_by_its_name(own_servers: dict[str, Server]) -> None:
    redis, ours = Wire(own_servers["redis"]), Wire(own_servers["garrison"])
    ours("CONFIG", "SET", "repl-diskless-sync-delay", 0)
    ours("BF.ADD", "k", "a")
    assert redis.error("RESTORE", "k", 0, ours("DUMP", "k")) == "ERR Bad data format"
    assert redis("PING") == "PONG"
    redis("REPLICAOF", "127.0.0.1", ours.server.port)
    # It ends by itself, as with the values of any module that it does not have.
    own_servers["redis"].process.wait(30)
    for wire in (redis, ours):
        wire.close_all()
    assert "no matching module type 'garrbloom'" in Path(own_servers["redis"].log).read_text()


def test_debug_describes_each_filter(b: Wire) -> None:
    b("BF.RESERVE", "k", "0.01", 10, "EXPANSION", 2)
    b("BF.MADD", "k", *range(25))
    size, *filters = b("BF.DEBUG", "k")
    assert size == b"size:" + str(b("BF.CARD", "k")).encode()
    assert [line.split()[4] for line in filters] == [b"capacity:10", b"capacity:20"]
    assert all(b" hashwidth:64 " in line for line in filters)
    assert b.error("BF.DEBUG", "none") == "ERR not found"
