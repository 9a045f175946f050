"""Groups of consumers, against real servers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import ReplyError, UsageError
from tests.unit.client.conftest import Setting


async def filled(client: Client[Any], count: int = 3) -> None:
    await client.xgroup_create("s", "g", id="0", mkstream=True)
    for n in range(1, count + 1):
        await client.xadd("s", {"n": n}, id=f"{n}-0")


async def test_groups_and_consumers(setting: Setting) -> None:
    client, t = setting
    await filled(client)
    with pytest.raises(ReplyError) as caught:
        await client.xgroup_create("s", "g")
    assert caught.value.code == "BUSYGROUP"
    assert await client.xgroup_createconsumer("s", "g", "c") is True
    assert await client.xgroup_createconsumer("s", "g", "c") is False
    assert await client.xreadgroup("g", "c", {"s": ">"}, count=2) == {
        t("s"): [(t("1-0"), {t("n"): t("1")}), (t("2-0"), {t("n"): t("2")})]
    }
    assert await client.xack("s", "g", "1-0", "9-9") == 1
    assert [group["name"] for group in await client.xinfo_groups("s")] == [t("g")]
    (consumer,) = await client.xinfo_consumers("s", "g")
    assert (consumer["name"], consumer["pending"]) == (t("c"), 1)
    full = await client.xinfo_stream("s", full=True)
    assert full["groups"][0]["consumers"][0]["name"] == t("c")
    assert await client.xgroup_setid("s", "g", "3-0") is True
    assert await client.xgroup_delconsumer("s", "g", "c") == 1
    assert await client.xgroup_destroy("s", "g") is True
    assert await client.xgroup_destroy("s", "g") is False


async def test_pending_entries(setting: Setting) -> None:
    client, t = setting
    await filled(client)
    assert await client.xpending("s", "g") == (0, None, None, {})
    await client.xreadgroup("g", "c", {"s": ">"}, count=1)
    await client.xreadgroup("g", "d", {"s": ">"})
    assert await client.xpending("s", "g") == (3, t("1-0"), t("3-0"), {t("c"): 1, t("d"): 2})
    entries = await client.xpending_range("s", "g", "-", "+", 10, consumername="d")
    assert [(entry.message_id, entry.consumer, entry.times_delivered) for entry in entries] == [
        (t("2-0"), t("d"), 1),
        (t("3-0"), t("d"), 1),
    ]
    assert await client.xpending_range("s", "g", "-", "+", 10, idle=timedelta(hours=1)) == []
    await client.xdel("s", "2-0")
    # Its own history: an entry that was deleted has no fields.
    assert (await client.xreadgroup("g", "d", {"s": "0"}))[t("s")][0] == (t("2-0"), {})


async def test_claiming(setting: Setting) -> None:
    client, t = setting
    await filled(client)
    await client.xreadgroup("g", "dead", {"s": ">"})
    assert await client.xclaim("s", "g", "c", 0, ["1-0"]) == [(t("1-0"), {t("n"): t("1")})]
    assert await client.xclaim("s", "g", "c", 0, ["2-0"], justid=True, idle=5, retrycount=7) == [t("2-0")]
    assert await client.xclaim("s", "g", "c", 3_600_000, ["3-0"]) == []
    await client.xdel("s", "2-0")
    cursor, entries, deleted = await client.xautoclaim("s", "g", "e", 0, count=10)
    assert (cursor, [id for id, _ in entries], deleted) == (t("0-0"), [t("1-0"), t("3-0")], [t("2-0")])
    assert await client.xautoclaim("s", "g", "e", 0, justid=True) == (t("0-0"), [t("1-0"), t("3-0")], [])
    with pytest.raises(UsageError, match="IDLE and TIME"):
        await client.xclaim("s", "g", "c", 0, ["1-0"], idle=1, time=1)


async def test_waiting_for_work(setting: Setting) -> None:
    client, t = setting
    await client.xgroup_create("s", "g", mkstream=True)
    reading = asyncio.create_task(client.xreadgroup("g", "c", {"s": ">"}, block=timedelta(seconds=10)))
    await asyncio.sleep(0.05)
    await client.xadd("s", {"n": 1}, id="1-0")
    assert await reading == {t("s"): [(t("1-0"), {t("n"): t("1")})]}
    assert await client.xreadgroup("g", "c", {"s": ">"}, block=10, noack=True) == {}


async def test_groups_in_a_cluster(in_cluster: Client[Any]) -> None:
    await filled(in_cluster)
    assert len((await in_cluster.xreadgroup("g", "c", {"s": ">"}, block=1000))[b"s"]) == 3
    assert (await in_cluster.xautoclaim("s", "g", "d", 0, count=1))[1] == [(b"1-0", {b"n": b"1"})]
