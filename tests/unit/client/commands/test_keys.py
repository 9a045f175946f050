"""Keys of any type, against real servers."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from garrison.client.errors import ReplyError
from tests.unit.client.conftest import Setting


async def test_keys(setting: Setting) -> None:
    client, t = setting
    await client.mset({"a": 1, "b": 2, "c": 3})
    assert await client.exists("a", "a", "nope") == 2
    assert await client.touch("a", "b") == 2
    assert await client.type("a") == t("string")
    assert await client.expire("a", 100) is True
    assert await client.expire("a", 50, gt=True) is False
    assert await client.pexpire("a", 50_000, lt=True) is True
    now = int(time.time())
    assert await client.expireat("a", now + 500) is True
    assert await client.expiretime("a") == now + 500
    assert await client.pexpireat("a", (now + 600) * 1000) is True
    assert await client.pexpiretime("a") == (now + 600) * 1000
    assert await client.persist("a") is True
    assert [await client.ttl("a"), await client.ttl("nope")] == [-1, -2]
    assert await client.copy("a", "b") is False
    assert await client.copy("a", "b", replace=True) is True
    assert await client.rename("b", "d") is True
    assert await client.renamenx("d", "a") is False
    payload = await client.dump("d")
    assert isinstance(payload, bytes)
    assert await client.restore("e", 5000, payload) is True
    with pytest.raises(ReplyError, match="BUSYKEY"):
        await client.restore("e", 0, payload)
    assert await client.restore("e", 0, payload, replace=True) is True
    assert await client.dump("nope") is None
    assert await client.object_encoding("a") == t("int")
    assert await client.object_idletime("a") == 0
    assert await client.object_refcount("a") is not None
    assert await client.delete("a", "nope") == 1
    assert await client.unlink("c", "d", "e") == 3
    assert await client.dbsize() == 0


async def test_memory_usage(setting: Setting) -> None:
    client, _ = setting
    await client.set("a", 1)
    try:
        assert (await client.memory_usage("a") or 0) > 10
    except ReplyError as error:
        pytest.skip(f"this server does not know MEMORY USAGE: {error}")
    assert await client.memory_usage("nope") is None


async def test_sorting(setting: Setting) -> None:
    client, t = setting
    await client.rpush("l", 3, 1, 2)
    await client.mset({"w1": 30, "w2": 20, "w3": 10, "n1": "one"})
    assert await client.sort("l") == await client.sort_ro("l") == [t("1"), t("2"), t("3")]
    assert await client.sort("l", desc=True, start=0, num=1) == [t("3")]
    assert await client.sort("l", by="w*", get=["#", "n*"], start=2, num=1) == [t("1"), t("one")]
    assert await client.sort("l", by="w*", get="n*") == [None, None, t("one")]
    assert await client.sort("l", alpha=True, store="s") == 3
    assert await client.sort_ro("s", by="nosort") == [t("1"), t("2"), t("3")]


async def test_other_databases(setting: Setting) -> None:
    client, _ = setting
    await client.mset({"a": 1, "b": 2})
    assert await client.copy("a", "a", destination_db=1) is True
    assert [await client.move("a", 1), await client.move("b", 1)] == [False, True]
    assert await client.swapdb(0, 1) is True
    assert await client.exists("b") == 1
    await client.flushall()


async def test_moments_and_lifetimes(setting: Setting) -> None:
    client, _ = setting
    await client.set("a", 1)
    assert await client.expire("a", timedelta(hours=1)) is True
    assert await client.expire("a", 5000, nx=True) is False
    assert await client.pexpire("a", timedelta(hours=2), xx=True) is True
    assert 7190 < await client.ttl("a") <= 7200
    moment = datetime.now() + timedelta(hours=3)
    assert await client.expireat("a", moment) is True
    assert await client.expiretime("a") == int(moment.timestamp())
    assert await client.pexpireat("a", moment, lt=True) is False
    payload = await client.dump("a")
    assert payload is not None
    assert await client.restore("b", timedelta(hours=1), payload, idletime=50) is True
    idle_s = await client.object_idletime("b")
    assert idle_s is not None
    assert idle_s >= 50
    assert 3590 < await client.ttl("b") <= 3600
