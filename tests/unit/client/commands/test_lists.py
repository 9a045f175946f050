"""Lists, against real servers."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import UsageError
from tests.unit.client.conftest import Setting


async def test_lists(setting: Setting) -> None:
    client, t = setting
    assert await client.rpush("l", "b", "c") == 2
    assert await client.lpush("l", "a") == 3
    assert [await client.lpushx("nope", 1), await client.rpushx("nope", 1)] == [0, 0]
    assert [await client.lpushx("l", "x"), await client.rpushx("l", "y")] == [4, 5]
    assert await client.lrange("l", 0, -1) == [t(c) for c in "xabcy"]
    assert [await client.llen("l"), await client.lindex("l", -1), await client.lindex("l", 9)] == [
        5,
        t("y"),
        None,
    ]
    assert await client.lset("l", 0, "X") is True
    assert await client.linsert("l", "before", "a", "A") == 6
    assert await client.linsert("l", "AFTER", "nope", "A") == -1
    assert await client.lrem("l", 1, "X") == 1
    assert await client.ltrim("l", 0, 3) is True
    assert await client.lrange("l", 0, -1) == [t(c) for c in "Aabc"]


async def test_lists_are_taken_from_either_end(setting: Setting) -> None:
    client, t = setting
    await client.rpush("l", *"abcdef")
    assert [await client.lpop("l"), await client.rpop("l")] == [t("a"), t("f")]
    assert [await client.lpop("l", 2), await client.rpop("l", 1)] == [[t("b"), t("c")], [t("e")]]
    assert await client.lmove("l", "m") == t("d")
    assert await client.lmove("m", "l", "RIGHT", "LEFT") == t("d")
    assert await client.rpoplpush("l", "m") == t("d")
    assert [await client.lpop("l"), await client.lpop("l", 2), await client.rpoplpush("l", "m")] == [None] * 3
    await client.rpush("m", "e", "f")
    assert await client.lmpop(2, "l", "m", direction="LEFT", count=2) == (t("m"), [t("d"), t("e")])
    assert await client.lmpop(1, "l", direction="RIGHT") is None
    with pytest.raises(UsageError, match="3 keys are announced, but 1"):
        await client.lmpop(3, "l", direction="RIGHT")


async def test_positions_in_lists(setting: Setting) -> None:
    client, _ = setting
    await client.rpush("l", *"abcabc")
    assert await client.lpos("l", "c") == 2
    assert await client.lpos("l", "c", rank=-1) == 5
    assert await client.lpos("l", "c", count=0) == [2, 5]
    assert await client.lpos("l", "c", rank=2, count=1, maxlen=3) == []
    assert await client.lpos("l", "z") is None


async def test_lists_in_a_cluster(in_cluster: Client[Any]) -> None:
    await in_cluster.rpush("{l}1", "a", "b")
    assert await in_cluster.lmove("{l}1", "{l}2") == b"a"
    assert await in_cluster.lmpop(2, "{l}3", "{l}2", direction="LEFT") == (b"{l}2", [b"a"])
