"""Sorted sets, against real servers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import UsageError
from tests.unit.client.conftest import Setting


async def test_scores(setting: Setting) -> None:
    client, t = setting
    assert await client.zadd("z", {"a": 1, "b": 2.5, "c": math.inf}) == 3
    assert await client.zadd("z", {"a": 2, "d": 4}, ch=True, xx=True) == 1
    assert await client.zadd("z", {"a": 1}, gt=True, ch=True) == 0
    assert await client.zadd("z", {"a": 1}, incr=True) == 3.0
    assert await client.zadd("z", {"a": 1}, incr=True, nx=True) is None
    assert await client.zincrby("z", 0.5, "a") == 3.5
    assert [await client.zscore("z", "c"), await client.zscore("z", "nope")] == [math.inf, None]
    assert await client.zmscore("z", "a", "nope") == await client.zmscore("z", ["a", "nope"]) == [3.5, None]
    assert [await client.zcard("z"), await client.zcount("z", "(2.5", math.inf)] == [3, 2]
    assert [await client.zrank("z", "b"), await client.zrevrank("z", "b"), await client.zrank("z", "x")] == [
        0,
        2,
        None,
    ]
    assert await client.zrem("z", "b", "nope") == 1
    assert await client.zpopmin("z") == [(t("a"), 3.5)]
    assert await client.zpopmax("z", 5) == [(t("c"), math.inf)]
    assert await client.zpopmax("z") == []


async def test_ranks_with_scores(ours: Setting) -> None:
    client, _ = ours
    await client.zadd("z", {"a": 1, "b": 2})
    assert await client.zrank("z", "b", withscore=True) == (1, 2.0)
    assert await client.zrevrank("z", "b", withscore=True) == (0, 2.0)
    assert await client.zrank("z", "x", withscore=True) is None


async def test_ranges(setting: Setting) -> None:
    client, t = setting
    a, b, c = t("a"), t("b"), t("c")
    await client.zadd("z", {"a": 1, "b": 2, "c": 3})
    assert await client.zrange("z", 0, 1) == [a, b]
    assert await client.zrange("z", 0, 0, desc=True, withscores=True) == [(c, 3.0)]
    assert await client.zrange("z", "(1", math.inf, byscore=True, offset=1, num=5) == [c]
    assert await client.zrange("z", "[b", "+", bylex=True) == [b, c]
    assert await client.zrevrange("z", 0, 0) == [c]
    assert await client.zrevrange("z", 0, 0, withscores=True) == [(c, 3.0)]
    assert await client.zrangebyscore("z", -math.inf, 2) == [a, b]
    assert await client.zrangebyscore("z", 1, 3, start=1, num=1, withscores=True) == [(b, 2.0)]
    assert await client.zrevrangebyscore("z", 3, "(1") == [c, b]
    assert await client.zrevrangebyscore("z", 3, 1, withscores=True) == [(c, 3.0), (b, 2.0), (a, 1.0)]
    assert await client.zrangestore("y", "z", 0, 1) == 2
    assert await client.zremrangebyrank("y", 0, 0) == 1
    assert await client.zremrangebyscore("y", 0, 5) == 1
    with pytest.raises(UsageError, match="belong together"):
        await client.zrangebyscore("z", 1, 3, num=1)
    with pytest.raises(UsageError, match="byscore and bylex"):
        await client.zrange("z", 1, 3, byscore=True, bylex=True)


async def test_ranges_of_names(setting: Setting) -> None:
    client, t = setting
    await client.zadd("z", dict.fromkeys("abcd", 0))
    assert await client.zrangebylex("z", "-", "(c") == [t("a"), t("b")]
    assert await client.zrevrangebylex("z", "+", "-", start=1, num=2) == [t("c"), t("b")]
    assert [await client.zlexcount("z", "[b", "+"), await client.zremrangebylex("z", "[b", "[c")] == [3, 2]


async def test_taking_and_choosing_members(setting: Setting) -> None:
    client, t = setting
    await client.zadd("z", {"a": 1, "b": 2, "c": 3})
    assert await client.zmpop(2, ["x", "z"], min=True, count=2) == (t("z"), [(t("a"), 1.0), (t("b"), 2.0)])
    assert await client.zmpop(1, ["x"], max=True) is None
    assert await client.zrandmember("z") == t("c")
    assert await client.zrandmember("z", -2) == [t("c"), t("c")]
    assert await client.zrandmember("z", 5, withscores=True) == [(t("c"), 3.0)]
    assert await client.zrandmember("nope") is None
    with pytest.raises(UsageError, match="which end"):
        await client.zmpop(1, ["z"])


async def test_walking_through_a_sorted_set(setting: Setting) -> None:
    client, t = setting
    await client.zadd("z", {f"m{n}": n for n in range(300)})
    assert {member: score async for member, score in client.zscan_iter("z", count=20)} == {
        t(f"m{n}"): float(n) for n in range(300)
    }
    assert await client.zscan("nope") == (0, [])


async def test_sorted_sets_in_a_cluster(in_cluster: Client[Any]) -> None:
    await in_cluster.zadd("{z}a", {"a": 1, "b": 2})
    assert await in_cluster.zrangestore("{z}b", "{z}a", 0, 0) == 1
    assert await in_cluster.zmpop(2, ["{z}x", "{z}a"], max=True) == (b"{z}a", [(b"b", 2.0)])
