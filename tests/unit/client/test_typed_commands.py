"""The typed methods against a real server: in RESP2 and RESP3, as bytes and decoded."""

# Commands of a pipeline are queued by the call; nobody has to await their results.
# mypy: disable-error-code="unused-coroutine"
from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from garrison.client import Client, connect
from garrison.client.errors import ReplyError, UsageError, WrongTypeError

from .servers import ServerProcess

Text = Callable[[str], Any]


@pytest.fixture(
    params=[(2, False), (3, False), (2, True), (3, True)], ids=["resp2", "resp3", "resp2-str", "resp3-str"]
)
async def setting(any_server: ServerProcess, request: Any) -> AsyncIterator[tuple[Client[Any], Text]]:
    """A client, and a function that gives text as this client's replies have it."""
    protocol, decode = request.param
    client: Client[Any] = await connect(
        f"redis://127.0.0.1:{any_server.port}", decode=decode, protocol=protocol, client_name="tests"
    )
    await client.flushall()
    yield client, (lambda text: text) if decode else str.encode
    await client.close()


async def test_strings(setting: tuple[Client[Any], Text]) -> None:
    client, t = setting
    assert await client.get("k") is None
    assert await client.set("k", "v") is True
    assert await client.get("k") == t("v")
    assert await client.set("k", "w", nx=True) is False
    assert await client.set("k", "w", xx=True, ex=100) is True
    assert 90 < await client.ttl("k") <= 100
    assert await client.set("k", "x", keepttl=True) is True
    assert await client.ttl("k") > 90
    assert await client.set_and_get("k", "y", px=50_000) == t("x")
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
    assert await client.mset({"a": 1, "b": "2", b"c": b"3"}) == t("OK")
    assert await client.mget("a", "nope", "c") == [t("1"), None, t("3")]
    assert await client.msetnx({"a": 1, "new": 2}) is False
    assert await client.setex("k", 10, "v") is True
    assert await client.psetex("k", 10_000, "v") is True
    assert 9000 < await client.pttl("k") <= 10_000


async def test_keys(setting: tuple[Client[Any], Text]) -> None:
    client, t = setting
    await client.mset({"a": 1, "b": 2, "c": 3})
    assert await client.exists("a", "a", "nope") == 2
    assert await client.touch("a", "b") == 2
    assert await client.type("a") == t("string")
    assert await client.expire("a", 100) is True
    assert await client.expire("a", 50, "GT") is False
    assert await client.pexpire("a", 50_000, "LT") is True
    now = int(time.time())
    assert await client.expireat("a", now + 500) is True
    assert await client.expiretime("a") == now + 500
    assert await client.pexpireat("a", (now + 600) * 1000) is True
    assert await client.pexpiretime("a") == (now + 600) * 1000
    assert await client.persist("a") is True
    assert [await client.ttl("a"), await client.ttl("nope")] == [-1, -2]
    assert await client.copy("a", "b") is False
    assert await client.copy("a", "b", replace=True) is True
    assert await client.rename("b", "d") == t("OK")
    assert await client.renamenx("d", "a") is False
    payload = await client.dump("d")
    assert isinstance(payload, bytes)
    assert await client.restore("e", payload, ttl_ms=5000) == t("OK")
    with pytest.raises(ReplyError, match="BUSYKEY"):
        await client.restore("e", payload)
    assert await client.restore("e", payload, replace=True) == t("OK")
    assert await client.dump("nope") is None
    assert await client.object_encoding("a") == t("int")
    assert await client.object_idletime("a") == 0
    assert await client.object_refcount("a") is not None
    assert await client.delete("a", "nope") == 1
    assert await client.unlink("c", "d", "e") == 3
    assert await client.dbsize() == 0


async def test_memory_usage(setting: tuple[Client[Any], Text]) -> None:
    client, _ = setting
    await client.set("a", 1)
    try:
        assert (await client.memory_usage("a") or 0) > 10
    except ReplyError as error:
        pytest.skip(f"this server does not know MEMORY USAGE: {error}")
    assert await client.memory_usage("nope") is None


async def test_hashes(setting: tuple[Client[Any], Text]) -> None:
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
    pairs = await client.hrandfield_with_values("h", 3)
    assert dict(pairs)[t("b")] == t("two")
    assert await client.hrandfield_with_values("nope", 3) == []
    cursor, fields = await client.hscan("h", match="b*")
    assert (cursor, fields) == (0, {t("b"): t("two")})
    await client.hset("big", {f"f{n}": n for n in range(1000)})
    seen = {field: value async for field, value in client.hscan_iter("big", count=50)}
    assert seen == {t(f"f{n}"): t(str(n)) for n in range(1000)}
    assert await client.hdel("h", "a", "nope") == 1
    with pytest.raises(WrongTypeError):
        await client.get("h")


async def test_the_whole_server(setting: tuple[Client[Any], Text]) -> None:
    client, t = setting
    assert not client.is_cluster
    assert client.topology is None
    assert await client.ping() is True
    assert await client.echo("x") == t("x")
    assert abs(await client.time() - time.time()) < 5
    assert await client.randomkey() is None
    await client.mset({f"k{n}": n for n in range(100)})
    assert await client.randomkey() is not None
    assert len(await client.keys("k1*")) == 11
    assert len({key async for key in client.scan_iter(match="k*", count=10, type="string")}) == 100
    info = await client.info("server", "keyspace")
    assert [section["redis_mode"] for section in info.values()] == ["standalone"]
    await client.config_set("maxmemory-samples", 6)
    assert [
        config[t("maxmemory-samples")] for config in (await client.config_get("maxmemory-samples")).values()
    ] == [t("6")]
    assert await client.call("CLIENT", "GETNAME", key="x") == t("tests")
    assert await client.call("DBSIZE") == 100
    await client.flushdb()
    assert await client.dbsize() == 0


async def test_the_same_methods_in_a_pipeline(setting: tuple[Client[Any], Text]) -> None:
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


async def test_bytes_that_are_not_text_survive_decoding(setting: tuple[Client[Any], Text]) -> None:
    client, _ = setting
    raw = bytes(range(256))
    await client.set("raw", raw)
    value = await client.get("raw")
    assert value is not None
    await client.set("copy", value)
    assert await client.call("STRLEN", "copy") == 256
    assert await client.dump("raw") == await client.dump("copy")


async def test_contradictory_options_are_refused_before_sending(
    setting: tuple[Client[Any], Text],
) -> None:
    client, _ = setting
    with pytest.raises(UsageError, match="EX and PX"):
        await client.set("k", "v", ex=1, px=1)
    with pytest.raises(UsageError, match=r"nx .* xx"):
        await client.set("k", "v", nx=True, xx=True)
    for call in (lambda: client.mset({}), lambda: client.hset("h", {}), lambda: client.delete()):
        with pytest.raises(UsageError, match="at least one"):
            await call()
    assert await client.dbsize() == 0
