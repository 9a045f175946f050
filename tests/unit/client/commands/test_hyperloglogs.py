"""HyperLogLogs, against real servers."""

from __future__ import annotations

from typing import Any

from garrison.client import Client
from tests.unit.client.conftest import Setting


async def test_counting(setting: Setting) -> None:
    client, _ = setting
    assert [await client.pfadd("p", "a", "b"), await client.pfadd("p", "a")] == [True, False]
    await client.pfadd("q", "b", "c")
    assert [await client.pfcount("p"), await client.pfcount("p", "q")] == [2, 3]
    assert await client.pfmerge("r", "p", "q") is True
    assert await client.pfcount("r") == 3


async def test_counting_in_a_cluster(in_cluster: Client[Any]) -> None:
    await in_cluster.pfadd("{p}a", 1, 2)
    assert await in_cluster.pfmerge("{p}b", "{p}a") is True
    assert await in_cluster.pfcount("{p}a", "{p}b") == 2
