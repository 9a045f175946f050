"""Pipelines with typed replies, transactions and watched keys, against real servers."""

from __future__ import annotations

from .conftest import Setting


async def test_the_same_methods_in_a_pipeline(setting: Setting) -> None:
    client, t = setting
    async with client.pipeline() as pipe:
        pipe.set("k", 1)
        pipe.hset("h", {"a": 1})
        fields, several, gone = pipe.hgetall("h"), pipe.mget("k", "nope"), pipe.delete("k", "h")
        assert len(pipe) == 5
    assert await fields == {t("a"): t("1")}
    assert await several == [t("1"), None]
    assert await gone == 2
    pipe = client.pipeline()
    pipe.set("k", 1)
    await pipe.__aexit__(RuntimeError, RuntimeError("the block failed"), None)
    assert await client.exists("k") == 0
    values = await pipe.execute()
    assert values == []
