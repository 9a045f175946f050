"""Caches and containers: cashews, aiocache, pottery, walrus."""

from __future__ import annotations

import asyncio

import pottery
import redis
import walrus
from aiocache import RedisCache, cached
from cashews import Cache


async def test_cashews(url: str) -> None:
    cache = Cache()
    cache.setup(url)
    calls: list[int] = []

    @cache(ttl="1m", key="square:{number}", tags=["squares"], lock=True)
    async def square(number: int) -> int:
        calls.append(number)
        await asyncio.sleep(0.01)
        return number * number

    assert await asyncio.gather(*(square(3) for _ in range(5))) == [9] * 5
    assert calls == [3]
    await cache.delete_tags("squares")
    assert await square(3) == 9
    assert calls == [3, 3]
    async with cache.lock("report", expire=10):
        assert await cache.is_locked("report")
    assert not await cache.is_locked("report")
    await cache.set_many({"a:1": 1, "a:2": "two"}, expire=60)
    assert await cache.get_many("a:1", "a:2", "a:3") == (1, "two", None)
    assert [key async for key in cache.scan("a:*")] in (["a:1", "a:2"], ["a:2", "a:1"])
    await cache.delete_match("a:*")
    assert await cache.get("a:1") is None
    assert [await cache.incr("hits", expire=60) for _ in range(2)] == [1, 2]
    assert 0 < await cache.get_expire("hits") <= 60
    assert await cache.incr_bits("bits", 0, 3, size=4, by=2) == (2, 2)
    async with cache.transaction():
        await cache.set("in", "transaction")
    assert await cache.get("in") == "transaction"
    await cache.close()


async def test_aiocache(client: redis.Redis, node_port: int) -> None:
    async with RedisCache(endpoint="127.0.0.1", port=node_port, namespace="shop") as cache:
        assert await cache.set("name", "ann", ttl=60)
        assert await cache.get("name") == "ann"
        assert await cache.add("other", 1)
        assert await cache.multi_set([("a", 1), ("b", [2])], ttl=60)
        assert await cache.multi_get(["a", "b", "c"]) == [1, [2], None]
        assert await cache.increment("hits", 2) == 2
        assert await cache.expire("hits", 60)
        assert client.ttl("shop:hits") > 0
        assert await cache.raw("llen", "nothing") == 0
        assert await cache.delete("name") == 1
        assert await cache.clear(namespace="shop")
        assert client.dbsize() == 0

    calls: list[int] = []

    @cached(ttl=60, cache=RedisCache, endpoint="127.0.0.1", port=node_port)
    async def double(number: int) -> int:
        calls.append(number)
        return 2 * number

    assert [await double(2), await double(2)] == [4, 4]
    assert calls == [2]
    await double.cache.close()


def test_pottery(url: str) -> None:
    client = redis.Redis.from_url(url)
    ids = pottery.NextID(key="orders", masters={client})
    assert [next(ids), next(ids)] == [1, 2]
    tel = pottery.RedisDict({"jack": 4098}, redis=client, key="tel")
    tel["ann"] = [1, "two"]
    assert tel == {"jack": 4098, "ann": [1, "two"]}
    squares = pottery.RedisList([1, 4, 9], redis=client, key="squares")
    squares[1:2] = [5]
    squares.insert(0, 0)
    assert list(squares) == [0, 1, 5, 9]
    fruit = pottery.RedisSet({"apple", "pear"}, redis=client, key="fruit")
    assert fruit.intersection(pottery.RedisSet({"pear", "plum"}, redis=client, key="other")) == {"pear"}
    letters = pottery.RedisDeque("ghi", redis=client, key="letters", maxlen=3)
    letters.append("j")
    assert list(letters) == ["h", "i", "j"]
    counter = pottery.RedisCounter("gallahad", redis=client, key="counter")
    assert counter["a"] == 3
    seen = pottery.HyperLogLog({"a", "b"}, redis=client, key="seen")
    assert len(seen) == 2
    dilberts = pottery.BloomFilter(num_elements=100, false_positives=0.01, redis=client, key="dilberts")
    dilberts.add("rajiv")
    assert "rajiv" in dilberts
    assert "dilbert" not in dilberts
    queue = pottery.RedisSimpleQueue(redis=client, key="queue")
    queue.put("job")
    assert queue.get(block=False) == "job"
    calls: list[int] = []

    @pottery.redis_cache(redis=client, key="cache", timeout=60)
    def double(number: int) -> int:
        calls.append(number)
        return 2 * number

    assert [double(2), double(2)] == [4, 4]
    assert calls == [2]
    client.close()


def test_walrus_containers(client: redis.Redis, node_port: int) -> None:
    with walrus.Database(port=node_port) as database:
        array = database.Array("array")
        array.extend([b"a", b"b", b"c", b"d"])
        array[1] = b"B"
        assert array.pop() == b"d"
        del array[0]
        assert [array[0], array[-1], len(array)] == [b"B", b"c", 2]
        ranking = database.ZSet("ranking")
        ranking.add({"ann": 3, "bob": 1})
        assert ranking[:] == [b"bob", b"ann"]
        assert database.cas("state", "", "new") is not None
        database["state"] = "old"
        assert database.cas("state", "old", "new")
        assert not database.cas("state", "old", "other")
        group = database.consumer_group("workers", ["stream"])
        group.create()
        group.set_id("$")
        database.Stream("stream").add({"job": "mail"})
        [(message_id, data)] = group.stream.read()
        assert data == {b"job": b"mail"}
        assert group.stream.ack(message_id) == 1


def test_walrus_models(client: redis.Redis, node_port: int) -> None:
    database = walrus.Database(port=node_port)

    class User(walrus.Model):
        __database__ = database
        name = walrus.TextField(primary_key=True)
        age = walrus.IntegerField(index=True)
        about = walrus.TextField(fts=True)

    User.create(name="ann", age=30, about="likes large clusters")
    User.create(name="bob", age=20, about="likes boats")
    assert [user.name for user in User.query(User.age > 25)] == ["ann"]
    assert [user.name for user in User.query(User.about.match("boats"))] == ["bob"]
    completion = database.autocomplete()
    completion.store("1", "garrison")
    completion.store("2", "garden")
    assert set(completion.search("gar")) == {"garrison", "garden"}
    graph = database.graph("follows")
    graph.store("ann", "follows", "bob")
    assert [triple["o"] for triple in graph.query(s="ann")] == ["bob"]
    cache = database.cache()
    cache.set_many({"a": 1, "b": "two"}, timeout=60)
    assert cache.get("a") == 1
    assert 0 < client.ttl("cache:a") <= 60
    database.close()
