"""Streams without groups, against real servers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import UsageError
from tests.unit.client.conftest import Setting


async def test_entries(setting: Setting) -> None:
    client, t = setting
    assert await client.xadd("s", {"f": "v", "n": 1}, id="1-1") == t("1-1")
    assert await client.xadd("s", {"g": "w"}, id="2-0") == t("2-0")
    assert await client.xadd("nope", {"g": "w"}, nomkstream=True) is None
    first, second = (t("1-1"), {t("f"): t("v"), t("n"): t("1")}), (t("2-0"), {t("g"): t("w")})
    assert await client.xrange("s") == [first, second]
    assert await client.xrange("s", min="(1-1", count=5) == [second]
    assert await client.xrevrange("s", count=1) == [second]
    assert await client.xread({"s": "1-1", "nope": 0}, count=3) == {t("s"): [second]}
    assert await client.xread({"nope": 0}) == {}
    assert [await client.xlen("s"), await client.xdel("s", "1-1", "9-9")] == [2, 1]
    assert await client.xsetid("s", "7-0", entries_added=5, max_deleted_id="3-0") is True
    info = await client.xinfo_stream("s")
    assert (info["length"], info["last-generated-id"], info["first-entry"]) == (1, t("7-0"), second)
    full = await client.xinfo_stream("s", full=True, count=1)
    assert (full["entries"], full["groups"]) == ([second], [])


async def test_trimming(setting: Setting) -> None:
    client, t = setting
    for n in range(1, 11):
        await client.xadd("s", {"n": n}, id=f"{n}-0", maxlen=8, approximate=False)
    assert await client.xlen("s") == 8
    assert await client.xtrim("s", maxlen=5, approximate=False) == 3
    assert await client.xtrim("s", minid="9-0", approximate=False) == 3
    assert await client.xtrim("s", maxlen=1000) == 0
    assert [id for id, _ in await client.xrange("s")] == [t("9-0"), t("10-0")]
    with pytest.raises(UsageError, match="MAXLEN and MINID"):
        await client.xadd("s", {"n": 1}, maxlen=1, minid="1")
    with pytest.raises(UsageError, match="give maxlen or minid"):
        await client.xtrim("s")


async def test_waiting_for_an_entry(setting: Setting) -> None:
    client, t = setting
    assert await client.xread({"s": "$"}, block=10) == {}
    reading = asyncio.create_task(client.xread({"s": "$"}, block=10_000))
    async with asyncio.timeout(10):
        while not reading.done():
            await client.xadd("s", {"n": 1})
            await asyncio.sleep(0.01)
    assert [fields for _, fields in reading.result()[t("s")]] == [{t("n"): t("1")}]


async def test_streams_in_a_cluster(in_cluster: Client[Any]) -> None:
    await in_cluster.xadd("{s}a", {"n": 1}, id="1-0")
    await in_cluster.xadd("{s}b", {"n": 2}, id="1-0")
    assert await in_cluster.xread({"{s}a": 0, "{s}b": 0}) == {
        b"{s}a": [(b"1-0", {b"n": b"1"})],
        b"{s}b": [(b"1-0", {b"n": b"2"})],
    }
