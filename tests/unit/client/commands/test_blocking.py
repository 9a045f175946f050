"""Commands that wait, against real servers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import UsageError
from tests.unit.client.conftest import Setting


async def test_what_is_there_is_taken_at_once(setting: Setting) -> None:
    client, t = setting
    await client.rpush("l", *"abcdefgh")
    assert await client.blpop("l") == (t("l"), t("a"))
    assert await client.brpop(["nope", "l"], 1) == (t("l"), t("h"))
    assert await client.blmove("l", "m", 1) == t("b")
    assert await client.blmove("l", "m", timedelta(seconds=1), "RIGHT", "LEFT") == t("g")
    assert await client.brpoplpush("l", "m") == t("f")
    assert await client.blmpop(1, 2, "nope", "l", direction="LEFT", count=2) == (t("l"), [t("c"), t("d")])
    await client.zadd("z", {"a": 1, "b": 2, "c": 3, "d": 4})
    assert await client.bzpopmin("z") == (t("z"), t("a"), 1.0)
    assert await client.bzpopmax(["nope", "z"], timeout=1) == (t("z"), t("d"), 4.0)
    assert await client.bzmpop(1, 1, ["z"], max=True, count=5) == (t("z"), [(t("c"), 3.0), (t("b"), 2.0)])


async def test_a_timeout_is_none(setting: Setting) -> None:
    client, _ = setting
    waits = [
        client.blpop("l", 0.02),
        client.brpop("l", timedelta(milliseconds=20)),
        client.blmove("l", "m", 0.02),
        client.brpoplpush("l", "m", 0.02),
        client.blmpop(0.02, 1, "l", direction="LEFT"),
        client.bzpopmin("z", 0.02),
        client.bzpopmax("z", 0.02),
        client.bzmpop(0.02, 1, ["z"], min=True),
    ]
    assert await asyncio.gather(*waits) == [None] * len(waits)


async def test_waiting_holds_up_nothing_else(setting: Setting) -> None:
    client, t = setting
    waiting = [asyncio.create_task(client.blpop("l")) for _ in range(20)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await client.set("k", 1)
        assert await client.get("k") == t("1")
        await client.rpush("l", *range(20))
        assert set(await asyncio.gather(*waiting)) == {(t("l"), t(str(n))) for n in range(20)}
    # Their connections are kept, but not all of them.
    assert client._apart.count == client.settings.apart_idle_max
    assert await client.blpop("l", 0.01) is None
    assert client._apart.count == client.settings.apart_idle_max


async def test_any_command_by_name_waits_alone_too(setting: Setting) -> None:
    client, t = setting
    waiting = asyncio.create_task(client.call("BLPOP", "l", 5))
    node = client.primaries()[0]
    waiting_there = asyncio.create_task(client.call_node(node, "BRPOP", "m", 5))
    await asyncio.sleep(0.05)
    await client.rpush("l", "x")
    await client.rpush("m", "y")
    assert await waiting == [t("l"), t("x")]
    assert await waiting_there == [t("m"), t("y")]


async def test_a_pipeline_refuses_to_wait(setting: Setting) -> None:
    client, _ = setting
    pipe = client.pipeline()
    assert not hasattr(pipe, "blpop")
    with pytest.raises(UsageError, match="on the client"):
        pipe.xread({"s": "$"}, block=0)


async def test_waiting_in_a_cluster(in_cluster: Client[Any]) -> None:
    keys = [f"l{n}" for n in range(10)]
    waiting = [asyncio.create_task(in_cluster.blpop(key, 10)) for key in keys]
    await asyncio.sleep(0.05)
    for key in keys:
        await in_cluster.rpush(key, key)
    assert await asyncio.gather(*waiting) == [(key.encode(), key.encode()) for key in keys]
