"""Several sorted sets together, against real servers."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import UsageError
from tests.unit.client.conftest import Setting


async def test_unions_intersections_differences(setting: Setting) -> None:
    client, t = setting
    await client.zadd("x", {"a": 1, "b": 2})
    await client.zadd("y", {"b": 3, "c": 4})
    assert await client.zdiff(["x", "y"]) == [t("a")]
    assert await client.zdiff(["x", "y"], withscores=True) == [(t("a"), 1.0)]
    assert await client.zinter(["x", "y"]) == [t("b")]
    assert await client.zinter(["x", "y"], aggregate="MAX", withscores=True) == [(t("b"), 3.0)]
    assert await client.zunion(["x", "y"]) == [t("a"), t("c"), t("b")]
    assert await client.zunion({"x": 10, "y": 0.5}, withscores=True) == [
        (t("c"), 2.0),
        (t("a"), 10.0),
        (t("b"), 21.5),
    ]
    assert await client.zintercard(2, ["x", "y"]) == 1
    assert await client.zintercard(2, ["x", "y"], limit=5) == 1
    assert await client.zdiffstore("d", ["x", "y"]) == 1
    assert await client.zinterstore("d", {"x": 2, "y": 1}, aggregate="min") == 1
    assert await client.zscore("d", "b") == 3.0
    assert await client.zunionstore("d", ["x", "y"]) == 3
    with pytest.raises(UsageError, match="at least one"):
        await client.zunion([])


async def test_unions_in_a_cluster(in_cluster: Client[Any]) -> None:
    await in_cluster.zadd("{u}x", {"a": 1})
    assert await in_cluster.zunionstore("{u}d", ["{u}x", "{u}y"]) == 1
    assert await in_cluster.zunion(["{u}x", "{u}d"], withscores=True) == [(b"a", 2.0)]
