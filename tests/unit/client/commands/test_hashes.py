"""Hashes and the lifetimes of their fields, against real servers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import UsageError, WrongTypeError
from tests.unit.client.conftest import Setting


async def test_hashes(setting: Setting) -> None:
    client, t = setting
    assert await client.hgetall("h") == {}
    assert await client.hset("h", {"a": 1, "b": "two"}) == 2
    assert await client.hset("h", {"a": 1, "c": 3}) == 1
    assert await client.hsetnx("h", "a", 9) is False
    assert await client.hget("h", "a") == t("1")
    assert await client.hget("h", "nope") is None
    assert await client.hmget("h", "a", "nope") == [t("1"), None]
    assert await client.hgetall("h") == {t("a"): t("1"), t("b"): t("two"), t("c"): t("3")}
    assert await client.hexists("h", "a") is True
    assert [await client.hlen("h"), await client.hstrlen("h", "b")] == [3, 3]
    assert sorted(await client.hkeys("h")) == [t("a"), t("b"), t("c")]
    assert sorted(await client.hvals("h")) == [t("1"), t("3"), t("two")]
    assert await client.hincrby("h", "a", 4) == 5
    assert await client.hincrbyfloat("h", "a", 0.25) == 5.25
    assert len(await client.hrandfield("h", 2)) == 2
    pairs = await client.hrandfield("h", 3, withvalues=True)
    assert dict(pairs)[t("b")] == t("two")
    assert await client.hrandfield("nope", 3, withvalues=True) == []
    cursor, fields = await client.hscan("h", match="b*")
    assert (cursor, fields) == (0, {t("b"): t("two")})
    await client.hset("big", {f"f{n}": n for n in range(1000)})
    seen = {field: value async for field, value in client.hscan_iter("big", count=50)}
    assert seen == {t(f"f{n}"): t(str(n)) for n in range(1000)}
    assert await client.hdel("h", "a", "nope") == 1
    with pytest.raises(WrongTypeError):
        await client.get("h")


async def test_every_way_to_set_fields(setting: Setting) -> None:
    client, t = setting
    assert await client.hset("h", "a", 1) == 1
    assert await client.hset("h", {"a": 1, "b": 2}) == 1
    assert await client.hset("h", mapping={"c": 3}) == 1
    assert await client.hset("h", "d", 4, mapping={"e": 5}) == 2
    assert await client.hmset("h", {"f": 6}) is True
    assert await client.hset("items", items=["a", 1, "b", 2]) == 2
    assert await client.hset("items", "c", 3, mapping={"d": 4}, items=["e", 5]) == 3
    assert await client.hlen("items") == 5
    assert await client.hmget("h", ["a", "b"], "c") == [t("1"), t("2"), t("3")]
    assert await client.hincrby("h", "a") == 2
    assert await client.hincrby("h", "a", amount=3) == 5
    assert await client.hrandfield("nope") is None
    assert await client.hrandfield("h") in [t(c) for c in "abcdef"]
    wrong_calls: list[tuple[Callable[[], object], str]] = [
        (lambda: client.hset("h"), "at least one"),  # type: ignore[call-overload]
        (lambda: client.hset("h", "a"), "has no value"),  # type: ignore[call-overload]
        (lambda: client.hset("h", {"a": 1}, mapping={"b": 2}), "given twice"),  # type: ignore[call-overload]
        (lambda: client.hset("h", items=["a"]), "in turn"),
        (lambda: client.hset("h", {}, items=["a", 1]), "at least one"),  # type: ignore[call-overload]
        (lambda: client.hrandfield("h", withvalues=True), "needs a count"),  # type: ignore[call-overload]
    ]
    for call, message in wrong_calls:
        with pytest.raises(UsageError, match=message):
            call()


async def test_scan_of_fields_alone(ours: Setting) -> None:
    client, t = ours
    await client.hset("h", {"a": 1, "b": 2})
    cursor, fields = await client.hscan("h", no_values=True)
    assert (cursor, sorted(fields)) == (0, [t("a"), t("b")])
    assert sorted([field async for field in client.hscan_iter("h", no_values=True)]) == [t("a"), t("b")]


async def test_lifetimes_of_fields(ours: Setting) -> None:
    client, t = ours
    now = int(time.time())
    assert await client.hsetex("h", mapping={"a": 1, "b": 2}, ex=timedelta(seconds=100)) is True
    assert await client.hsetex("h", "c", 3) is True
    assert await client.hsetex("h", "c", 4, data_persist_option="FNX") is False
    assert await client.httl("h", "a", "c", "nope") == [100, -1, -2]
    assert await client.hexpire("h", timedelta(seconds=200), "a", gt=True) == [1]
    assert await client.hpexpire("h", 5000, "c", nx=True) == [1]
    assert 4000 < (await client.hpttl("h", "c"))[0] <= 5000
    assert await client.hexpireat("h", now + 500, "b") == [1]
    assert await client.hexpiretime("h", "b") == [now + 500]
    assert await client.hpexpireat("h", (now + 600) * 1000, "b") == [1]
    assert await client.hpexpiretime("h", "b") == [(now + 600) * 1000]
    assert await client.hpersist("h", "b", "b") == [1, -1]
    assert await client.hgetex("h", "a", "nope", persist=True) == [t("1"), None]
    assert await client.hgetex("h", "a", ex=50) == [t("1")]
    assert await client.hgetdel("h", "a", "nope") == [t("1"), None]
    with pytest.raises(UsageError, match="no fields"):
        await client.hgetdel("h")


async def test_hashes_in_a_cluster(in_cluster: Client[Any]) -> None:
    await in_cluster.hset("h", {f"f{n}": n for n in range(100)})
    assert len([item async for item in in_cluster.hscan_iter("h", match="f1*", count=10)]) == 11
