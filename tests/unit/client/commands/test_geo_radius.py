"""The older searches of geo sets, against real servers."""

from __future__ import annotations

import pytest

from garrison.client.errors import UsageError
from tests.unit.client.conftest import Setting

SICILY = (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")


async def test_radius_around_a_position(setting: Setting) -> None:
    client, t = setting
    await client.geoadd("g", SICILY)
    assert await client.georadius("g", 15, 37, 200, "km", sort="ASC") == [t("Catania"), t("Palermo")]
    (found,) = await client.georadius("g", 15, 37, 200, "km", count=1, withdist=True, withcoord=True)
    assert found.member == t("Catania")
    assert found.distance == pytest.approx(56.44, abs=0.01)
    assert await client.georadius("g", 15, 37, 200, "km", store="d") == 2
    assert await client.georadius("g", 15, 37, 100, "km", store_dist="d") == 1
    assert await client.georadius_ro("g", 15, 37, 100, "km") == [t("Catania")]
    with pytest.raises(UsageError, match="leave withdist"):
        await client.georadius("g", 15, 37, 200, store="d", withdist=True)


async def test_radius_around_a_member(setting: Setting) -> None:
    client, t = setting
    await client.geoadd("g", SICILY)
    assert await client.georadiusbymember("g", "Palermo", 1, "km") == [t("Palermo")]
    assert await client.georadiusbymember("g", "Palermo", 1, store="d") == 1
    (found,) = await client.georadiusbymember_ro("g", "Palermo", 1, withhash=True)
    assert (found.hash, found.distance) == (3479099956230698, None)
