"""Coordinates on sorted sets: cells, distances and searches."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.wire import Peers, Wire, Word

SICILY: list[Word] = [13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"]
SEARCH: list[Word] = ["FROMLONLAT", 15, 37, "BYRADIUS", 200, "km"]


@pytest.fixture
def g(r: Wire) -> Wire:
    """The connection, with two towns in `g`."""
    assert r("GEOADD", "g", *SICILY) == 2
    return r


def test_add(g: Wire) -> None:
    assert g("GEOADD", "g", "NX", 0, 0, "Palermo") == 0
    assert g("GEOADD", "g", "XX", "CH", 13.4, 38.1, "Palermo", 1, 1, "new") == 1
    assert g("GEOADD", "g", "CH", 13.5, 38.1, "Palermo", 1, 1, "new") == 2
    assert g("TYPE", "g") == "zset"
    assert float(g("ZSCORE", "g", "Catania")) == 3479447370796909


def test_positions(g: Wire) -> None:
    palermo, nobody, catania = g("GEOPOS", "g", "Palermo", "x", "Catania")
    assert nobody is None
    assert [float(c) for c in palermo] == [13.36138933897018433, 38.11555639549629859]
    assert [float(c) for c in catania] == [15.08726745843887329, 37.50266842333162032]
    assert g("GEOPOS", "none", "a") == [None]
    assert g("GEOPOS", "g") == []


def test_hashes_and_distances(g: Wire) -> None:
    assert g("GEOHASH", "g", "Palermo", "Catania", "x") == [b"sqc8b49rny0", b"sqdtr74hyu0", None]
    assert g("GEOHASH", "none", "x") == [None]
    assert g("GEODIST", "g", "Palermo", "Catania") == b"166274.1516"
    assert g("GEODIST", "g", "Palermo", "Catania", "KM") == b"166.2742"
    assert g("GEODIST", "g", "Palermo", "Palermo", "mi") == b"0.0000"
    assert g("GEODIST", "g", "Palermo", "x") is None
    assert g("GEODIST", "none", "a", "b") is None


def test_search(g: Wire) -> None:
    assert g("GEOSEARCH", "g", *SEARCH, "ASC") == [b"Catania", b"Palermo"]
    assert g("GEOSEARCH", "g", *SEARCH, "COUNT", 1) == [b"Catania"]
    assert g("GEOSEARCH", "g", *SEARCH, "DESC", "COUNT", 1) == [b"Palermo"]
    assert g("GEOSEARCH", "g", "FROMMEMBER", "Palermo", "BYBOX", 400, 10, "km") == [b"Palermo"]
    assert g("GEOSEARCH", "none", *SEARCH) == []
    assert g("GEOSEARCH", "none", "FROMMEMBER", "x", "BYRADIUS", 1, "m") == []
    found = g("GEOSEARCH", "g", *SEARCH, "ASC", "WITHCOORD", "WITHDIST", "WITHHASH")
    assert [row[:3] for row in found] == [
        [b"Catania", b"56.4413", 3479447370796909],
        [b"Palermo", b"190.4424", 3479099956230698],
    ]
    assert [float(c) for c in found[0][3]] == [15.08726745843887329, 37.50266842333162032]


def test_search_is_stored(g: Wire) -> None:
    assert g("GEOSEARCHSTORE", "d", "g", *SEARCH) == 2
    assert g("ZRANGE", "d", 0, -1) == g("ZRANGE", "g", 0, -1)
    assert g("GEOSEARCHSTORE", "d", "g", *SEARCH, "STOREDIST") == 2
    assert float(g("ZSCORE", "d", "Catania")) == pytest.approx(56.4413, abs=1e-4)
    assert g("GEOSEARCHSTORE", "d", "none", *SEARCH) == 0
    assert g("EXISTS", "d") == 0


def test_older_searches(g: Wire) -> None:
    assert g("GEORADIUS", "g", 15, 37, 200, "km", "ASC") == [b"Catania", b"Palermo"]
    assert g("GEORADIUS_RO", "g", 15, 37, 100, "km", "WITHDIST") == [[b"Catania", b"56.4413"]]
    assert g("GEORADIUSBYMEMBER", "g", "Palermo", 10, "km") == [b"Palermo"]
    assert g("GEORADIUSBYMEMBER_RO", "g", "Palermo", 200, "km", "DESC") == [b"Catania", b"Palermo"]
    assert g("GEORADIUS", "g", 15, 37, 200, "km", "STORE", "d") == 2
    assert g("GEORADIUSBYMEMBER", "g", "Palermo", 10, "km", "STOREDIST", "d") == 1
    assert float(g("ZSCORE", "d", "Palermo")) == 0
    assert g("GEORADIUSBYMEMBER", "none", "x", 10, "km") == []
    assert g("GEORADIUSBYMEMBER", "none", "x", 10, "km", "STORE", "d") == 0
    assert g("EXISTS", "d") == 0


REFUSED = """
GEOADD g 1 2|GEOADD g 181 0 a|GEOADD g 0 86 a|GEOADD g x 0 a|GEOADD g NX XX 0 0 a|GEOADD g 0 0 a 1
GEOADD g CH NX|GEODIST g a b c|GEODIST g a b m m|GEOHASH k a|GEOPOS k a|GEODIST k a b|GEOADD k 0 0 a
GEOSEARCH k NONSENSE 1 2 3 4|GEORADIUS k 0 0 1 m|GEORADIUS g 200 0 1 m|GEORADIUS g 0 0 x m
GEORADIUS g 0 0 -1 m|GEORADIUS g 0 0 1 x|GEORADIUS g 0 0 1 m COUNT|GEORADIUS g 0 0 1 m COUNT 0
GEORADIUS g 0 0 1 m COUNT x|GEORADIUS g 0 0 1 m ANY|GEORADIUS g 0 0 1 m STORE d WITHDIST
GEORADIUS g 0 0 1 m STORE|GEORADIUS_RO g 0 0 1 m STORE d|GEORADIUSBYMEMBER g x 1 m
GEORADIUSBYMEMBER none x -1 m|GEORADIUSBYMEMBER_RO g Palermo 1 m STOREDIST d
GEOSEARCH g FROMLONLAT 0 0 ASC DESC ASC|GEOSEARCH g BYRADIUS 1 m ASC DESC
GEOSEARCH g FROMMEMBER x BYRADIUS 1 m|GEOSEARCH g FROMLONLAT 0 0 FROMMEMBER Palermo BYRADIUS 1 m
GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m BYBOX 1 1 m|GEOSEARCH g FROMLONLAT 0 0 BYBOX x 1 m
GEOSEARCH g FROMLONLAT 0 0 BYBOX 1 x m|GEOSEARCH g FROMLONLAT 0 0 BYBOX -1 1 m
GEOSEARCH g FROMLONLAT 0 0 BYBOX 1 1 x|GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 1 m STORE d
GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 1 m STOREDIST
GEOSEARCHSTORE d g FROMLONLAT 0 0 BYRADIUS 1 m WITHDIST|GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 1 m ANY
GEOSEARCH none FROMMEMBER x ASC DESC ASC DESC
""".replace("\n", "|")


@pytest.mark.parametrize("line", [line for line in REFUSED.split("|") if line])
def test_the_same_refusals(peers: Peers, line: str) -> None:
    peers.same("GEOADD", "g", *SICILY)
    peers.same("SET", "k", "text")
    peers.same(*line.split(" "))


@pytest.mark.parametrize("limits", [(-180, 180, -85, 85), (-3, 3, -3, 3), (170, 180, 60, 85)], ids=str)
def test_random_searches_are_the_same(peers: Peers, limits: tuple[int, int, int, int]) -> None:
    """The order too: without ASC or DESC members come in the order of Redis's cells."""
    chance = random.Random(7)
    west, east, south, north = limits
    places: list[Word] = []
    for number in range(500):
        places += [f"{chance.uniform(west, east):.6f}", f"{chance.uniform(south, north):.6f}", f"m{number}"]
    peers.same("GEOADD", "g", *places)
    peers.same("DEBUG", "DIGEST-VALUE", "g")
    peers.same("GEOHASH", "g", *(f"m{number}" for number in range(500)))
    for number in range(150):
        a, b = f"m{chance.randrange(500)}", f"m{chance.randrange(500)}"
        peers.same("GEODIST", "g", a, b, chance.choice(["m", "km", "ft", "mi"]))
        peers.same("GEOPOS", "g", a, b)
        center: list[Word] = ["FROMMEMBER", a]
        if number % 2:
            lon, lat = chance.uniform(west, east), chance.uniform(south, north)
            center = ["FROMLONLAT", f"{lon:.4f}", f"{lat:.4f}"]
        size = f"{10 ** chance.uniform(0, 4.2):.3f}"
        shape: list[Word] = ["BYRADIUS", size, "km"]
        if number % 3 == 0:
            shape = ["BYBOX", size, f"{10 ** chance.uniform(0, 4):.3f}", "km"]
        more: list[Word] = [[], ["ASC"], ["DESC", "COUNT", 7], ["COUNT", 5, "ANY"]][number % 4]  # type: ignore[assignment]
        found: Any = peers.same("GEOSEARCH", "g", *center, *shape, *more, "WITHDIST", "WITHHASH", "WITHCOORD")
        assert peers.same("GEOSEARCHSTORE", "d", "g", *center, *shape, *more) == len(found)
        peers.same("DEBUG", "DIGEST-VALUE", "d")


def test_events(r: Wire) -> None:
    before = r.map("CONFIG", "GET", "notify-keyspace-events")[b"notify-keyspace-events"]
    r("CONFIG", "SET", "notify-keyspace-events", "EA")
    try:
        listener = r.another(protocol=2)
        listener("PSUBSCRIBE", "__keyevent@0__:*")
        r("GEOADD", "g", *SICILY)
        r("GEOADD", "g", *SICILY)
        r("GEOSEARCHSTORE", "d", "g", *SEARCH)
        r("GEORADIUS", "g", 15, 37, 200, "km", "STORE", "d")
        r("GEORADIUS", "g", 0, 0, 1, "m", "STORE", "d")
        events = [listener.read()[2] for _ in range(4)]
    finally:
        r("CONFIG", "SET", "notify-keyspace-events", before)
    assert [event.split(b":")[1] for event in events] == [
        b"zadd",
        b"geosearchstore",
        b"georadiusstore",
        b"del",
    ]


# What valkey-server 9.1 answers; the distances are from the mean direction of the corners.
SQUARE: list[Word] = ["BYPOLYGON", 4, 0, 0, 10, 0, 10, 10, 0, 10]
NOTCHED: list[Word] = ["BYPOLYGON", 5, 0, 0, 10, 0, 10, 10, 5, 2, 0, 10]
POLYGONS: list[tuple[list[Word], dict[bytes, bytes]]] = [
    (
        SQUARE,
        {
            b"a": b"630189.6284",
            b"b": b"472921.4269",
            b"c": b"2113.5207",
            b"d": b"630189.5817",
            b"e": b"665392.2035",
        },
    ),
    (NOTCHED, {b"a": b"584324.5252", b"b": b"427702.1981", b"d": b"584324.4749", b"e": b"712330.5466"}),
    (["BYPOLYGON", 3, 0, 0, 10, 0, 20, 0], {}),
    (
        ["BYPOLYGON", 4, -170, -80, 170, -80, 170, 80, -170, 80],
        {
            **{b"a": b"19863440.2985", b"b": b"19706170.2505", b"c": b"19234745.1137"},
            **{b"d": b"19013587.6788", b"e": b"19018166.3735"},
        },
    ),
]


@pytest.fixture
def five(r: Wire) -> Wire:
    if not r.is_garrison:
        pytest.skip("BYPOLYGON came with Valkey 9")
    assert r("GEOADD", "g", 1, 1, "a", 2, 2, "b", 5, 5, "c", 9, 1, "d", 0.5, 9, "e") == 5
    return r


@pytest.mark.parametrize(("polygon", "expected"), POLYGONS)
def test_search_in_polygon(five: Wire, polygon: list[Word], expected: dict[bytes, bytes]) -> None:
    assert dict(five("GEOSEARCH", "g", *polygon, "WITHDIST")) == expected
    nearest = sorted(expected, key=lambda member: float(expected[member]))
    assert five("GEOSEARCH", "g", *polygon, "ASC") == nearest
    assert five("GEOSEARCH", "g", *polygon, "COUNT", 2) == nearest[:2]
    assert five("GEOSEARCHSTORE", "stored", "g", *polygon, "STOREDIST") == len(expected)
    assert five("ZRANGE", "stored", 0, -1) == nearest
    assert five("GEOSEARCH", "none", *polygon) == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("BYPOLYGON x 0 0 1 1 2 0", "invalid number of vertices"),
        ("BYPOLYGON 9223372036854775807 0 0 1 1 2 0", "invalid number of vertices"),
        ("BYPOLYGON 2 0 0 1 1", "GEOSEARCH BYPOLYGON must have at least 3 vertices"),
        ("BYPOLYGON 3 0 0 1 1 2", "GEOSEARCH BYPOLYGON must have at least 3 vertices"),
        ("BYPOLYGON -3 0 0 1 1 2 0", "GEOSEARCH BYPOLYGON must have at least 3 vertices"),
        ("BYPOLYGON 3 0 0 1 1 2 99", "invalid longitude,latitude pair 2.000000,99.000000"),
        ("BYPOLYGON 3 0 0 1 1 2 x", "value is not a valid float"),
        ("BYPOLYGON 3 0 0 1 1 2 0 3", "syntax error"),
        ("BYPOLYGON 3 0 0 1 1 2 0 BYRADIUS 1 km", "syntax error"),
        ("BYPOLYGON 3 0 0 1 1 2 0 FROMLONLAT 1 1", "syntax error"),
        ("FROMLONLAT 1 1 BYPOLYGON 3 0 0 1 1 2 0", "syntax error"),
        ("FROMMEMBER a BYPOLYGON 3 0 0 1 1 2 0", "syntax error"),
    ],
)
def test_polygons_are_refused(five: Wire, words: str, error: str) -> None:
    assert five.error("GEOSEARCH", "g", *words.split()) == f"ERR {error}"
