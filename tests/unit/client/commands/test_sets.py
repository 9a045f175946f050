"""Sets, against real servers."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import CrossSlotError
from tests.unit.client.conftest import Setting


async def test_sets(setting: Setting) -> None:
    client, t = setting
    assert await client.sadd("s", "a", "b", "c") == 3
    assert await client.srem("s", "c", "nope") == 1
    assert await client.scard("s") == 2
    assert [await client.sismember("s", "a"), await client.sismember("s", "z")] == [True, False]
    assert await client.smismember("s", "a", "z") == await client.smismember("s", ["a", "z"]) == [True, False]
    assert await client.smembers("s") == {t("a"), t("b")}
    assert await client.smembers("nope") == set()
    assert await client.srandmember("s") in {t("a"), t("b")}
    assert len(await client.srandmember("s", -5)) == 5
    assert await client.smove("s", "z", "a") is True
    assert await client.smove("s", "z", "a") is False
    assert await client.spop("s") == t("b")
    assert [await client.spop("s"), await client.srandmember("s")] == [None, None]
    assert await client.spop("z", 5) == {t("a")}


async def test_several_sets(setting: Setting) -> None:
    client, t = setting
    await client.sadd("a", 1, 2, 3)
    await client.sadd("b", 2, 3, 4)
    assert await client.sdiff("a", "b") == {t("1")}
    assert await client.sinter(["a", "b"]) == {t("2"), t("3")}
    assert await client.sunion(["a"], "b") == {t(c) for c in "1234"}
    assert await client.sintercard(2, ["a", "b"]) == 2
    assert await client.sintercard(2, ["a", "b"], limit=1) == 1
    assert await client.sdiffstore("d", "a", "b") == 1
    assert await client.sinterstore("d", ["a", "b"]) == 2
    assert await client.sunionstore("d", "a", "b") == 4


async def test_walking_through_a_set(setting: Setting) -> None:
    client, t = setting
    await client.sadd("s", *range(500))
    cursor, some = await client.sscan("s", count=10)
    assert cursor != 0 or len(some) == 500
    assert {member async for member in client.sscan_iter("s", match="1*", count=50)} == {
        t(str(n)) for n in range(500) if str(n).startswith("1")
    }


async def test_sets_in_a_cluster(in_cluster: Client[Any]) -> None:
    await in_cluster.sadd("{s}a", 1, 2)
    await in_cluster.sadd("{s}b", 2, 3)
    assert await in_cluster.sinter("{s}a", "{s}b") == {b"2"}
    assert await in_cluster.sunionstore("{s}c", "{s}a", "{s}b") == 3
    with pytest.raises(CrossSlotError):
        await in_cluster.sinter("a", "b")
