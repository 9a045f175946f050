"""Geo sets, against real servers."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest

from garrison.client import Client
from garrison.client.commands.geo import Unit
from garrison.client.commands.replies import Place
from garrison.client.errors import UsageError
from tests.unit.client.conftest import Setting

SICILY = (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")


class Center(TypedDict):
    """Where to search, as keywords of GEOSEARCH."""

    longitude: float
    latitude: float
    unit: Unit


async def test_places(setting: Setting) -> None:
    client, t = setting
    assert await client.geoadd("g", SICILY) == 2
    assert await client.geoadd("g", (13.4, 38.1, "Palermo"), xx=True, ch=True) == 1
    await client.geoadd("g", SICILY)
    assert await client.geodist("g", "Palermo", "Catania") == pytest.approx(166_274, abs=1)
    assert await client.geodist("g", "Palermo", "Catania", "km") == pytest.approx(166.274, abs=0.01)
    assert await client.geodist("g", "Palermo", "nope") is None
    assert await client.geohash("g", "Palermo", "nope") == [t("sqc8b49rny0"), None]
    position, nothing = await client.geopos("g", "Palermo", "nope")
    assert position == pytest.approx(SICILY[:2], abs=1e-5)
    assert nothing is None
    with pytest.raises(UsageError, match="triples"):
        await client.geoadd("g", (1, 2))


async def test_searching(setting: Setting) -> None:
    client, t = setting
    await client.geoadd("g", SICILY)
    at: Center = {"longitude": 15, "latitude": 37, "unit": "km"}
    assert await client.geosearch("g", **at, radius=200, sort="ASC") == [t("Catania"), t("Palermo")]
    assert await client.geosearch("g", member="Palermo", width=2, height=2, unit="km") == [t("Palermo")]
    (found,) = await client.geosearch(
        "g", **at, radius=100, count=1, any=True, withdist=True, withcoord=True, withhash=True
    )
    assert isinstance(found, Place)
    assert found.member == t("Catania")
    assert found.distance == pytest.approx(56.44, abs=0.01)
    assert found.position == pytest.approx(SICILY[3:5], abs=1e-5)
    assert found.hash == 3479447370796909
    (found,) = await client.geosearch("g", **at, radius=100, withdist=True)
    assert (found.hash, found.position) == (None, None)
    assert await client.geosearchstore("d", "g", **at, radius=100, storedist=True) == 1
    assert await client.zscore("d", "Catania") == pytest.approx(56.44, abs=0.01)
    with pytest.raises(UsageError, match="where to search"):
        await client.geosearch("g", member="a", longitude=1, latitude=2, radius=1)
    with pytest.raises(UsageError, match="how far"):
        await client.geosearch("g", member="a", radius=1, width=1, height=2)
    with pytest.raises(UsageError, match="give count"):
        await client.geosearch("g", member="a", radius=1, any=True)


async def test_places_in_a_cluster(in_cluster: Client[Any]) -> None:
    await in_cluster.geoadd("{g}a", SICILY)
    assert await in_cluster.geosearchstore("{g}b", "{g}a", member="Palermo", radius=1) == 1
