"""Strings, against real servers: in RESP2 and RESP3, as bytes and decoded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import UsageError
from tests.unit.client.conftest import Setting


async def test_strings(setting: Setting) -> None:
    client, t = setting
    assert await client.get("k") is None
    assert await client.set("k", "v") is True
    assert await client.get("k") == t("v")
    assert await client.set("k", "w", nx=True) is False
    assert await client.set("k", "w", xx=True, ex=100) is True
    assert 90 < await client.ttl("k") <= 100
    assert await client.set("k", "x", keepttl=True) is True
    assert await client.ttl("k") > 90
    assert await client.set("k", "y", px=50_000, get=True) == t("x")
    assert await client.getset("k", "z") == t("y")
    assert await client.getex("k", persist=True) == t("z")
    assert await client.getex("k", ex=5) == t("z")
    assert await client.getdel("k") == t("z")
    assert await client.setnx("k", 1) is True
    assert await client.setnx("k", 1) is False
    assert [await client.incr("k"), await client.incr("k", 5), await client.incrby("k", 2)] == [2, 7, 9]
    assert [await client.decr("k"), await client.decrby("k", 3)] == [8, 5]
    assert await client.incrbyfloat("k", 0.5) == 5.5
    assert await client.append("s", "hello") == 5
    assert await client.setrange("s", 1, "a") == 5
    assert await client.getrange("s", 0, 1) == t("ha")
    assert await client.strlen("s") == 5
    assert await client.mset({"a": 1, "b": "2", b"c": b"3"}) is True
    assert await client.mget("a", "nope", "c") == [t("1"), None, t("3")]
    assert await client.msetnx({"a": 1, "new": 2}) is False
    assert await client.setex("k", 10, "v") is True
    assert await client.psetex("k", 10_000, "v") is True
    assert 9000 < await client.pttl("k") <= 10_000


async def test_bytes_that_are_not_text_survive_decoding(setting: Setting) -> None:
    client, _ = setting
    raw = bytes(range(256))
    await client.set("raw", raw)
    value = await client.get("raw")
    assert value is not None
    await client.set("copy", value)
    assert await client.call("STRLEN", "copy") == 256
    assert await client.dump("raw") == await client.dump("copy")


async def test_contradictory_options_are_refused_before_sending(
    setting: Setting,
) -> None:
    client, _ = setting
    with pytest.raises(UsageError, match="EX and PX"):
        await client.set("k", "v", ex=1, px=1)
    with pytest.raises(UsageError, match=r"nx .* xx"):
        await client.set("k", "v", nx=True, xx=True)
    without_arguments: list[Callable[[], Awaitable[Any]]] = [
        lambda: client.mset({}),
        lambda: client.hset("h", {}),
        lambda: client.delete(),
    ]
    for call in without_arguments:
        with pytest.raises(UsageError, match="at least one"):
            await call()
    assert await client.dbsize() == 0


async def test_longest_common_subsequences(setting: Setting) -> None:
    client, t = setting
    await client.mset({"a": "ohmytext", "b": "mynewtext"})
    assert await client.lcs("a", "b") == t("mytext")
    assert await client.lcs("a", "b", len=True) == 6
    found = await client.lcs("a", "b", idx=True, minmatchlen=4, withmatchlen=True)
    assert found == {"matches": [[[4, 7], [5, 8], 4]], "len": 6}
    with pytest.raises(UsageError, match="idx=True"):
        await client.lcs("a", "b", minmatchlen=4)  # type: ignore[call-overload]


async def test_habits_of_redis_py_work(setting: Setting) -> None:
    client, t = setting
    assert await client.mset({"a": 1, "b": 2}) is True
    assert await client.mget(["a", "b"]) == await client.mget(["a"], "b") == [t("1"), t("2")]
    assert await client.set("a", 5, 100) is True
    assert await client.incr("a", amount=2) == 7
    assert await client.decr("a", 2) == 5
    assert await client.set("a", "x", ex=timedelta(hours=1)) is True
    assert 3590 < await client.ttl("a") <= 3600
    assert await client.set("a", "x", pxat=datetime.now() + timedelta(hours=2)) is True
    assert 7190 < await client.ttl("a") <= 7200
    assert await client.setex("a", timedelta(minutes=1), "y") is True
    assert await client.psetex("a", timedelta(minutes=1), "y") is True
    assert 50_000 < await client.pttl("a") <= 60_000
    assert await client.getex("a", exat=datetime.now(UTC) + timedelta(hours=1)) == t("y")
    assert 3590 < await client.ttl("a") <= 3600
    assert await client.substr("a", 0) == t("y")
    assert await client.execute_command("OBJECT ENCODING", "a") == t("embstr")
    assert await client.execute_command("GET", "a") == t("y")


async def test_many_keys_with_one_lifetime(ours: Setting) -> None:
    client, _ = ours
    assert await client.msetex({"a": 1, "b": 2}, ex=timedelta(seconds=100)) is True
    assert await client.msetex({"a": 1, "c": 2}, data_persist_option="NX") is False
    assert 90 < await client.ttl("b") <= 100
    assert await client.msetex({"a": 3}, "XX", keepttl=True) is True


async def test_many_keys_in_a_cluster(in_cluster: Client[Any]) -> None:
    assert await in_cluster.mset({"a": 1, "b": 2, "c": 3}) is True
    assert await in_cluster.mget(["a", "b"], "c", "d") == [b"1", b"2", b"3", None]
    assert await in_cluster.msetnx({"{m}1": 1, "{m}2": 2}) is True
