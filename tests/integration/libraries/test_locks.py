"""Locks of SET NX and Lua: redis-py, python-redis-lock, pottery, walrus, aiocache."""

from __future__ import annotations

import asyncio
import time

import pottery
import pytest
import redis
import redis_lock
import walrus
from aiocache import RedisCache
from aiocache.lock import RedLock
from redis.exceptions import LockNotOwnedError

from tests.integration.sentinels import NAME


def demand_redis_lock_works(client: redis.Redis | redis.RedisCluster) -> None:
    """Acquire, refuse, extend, reacquire, release and lose redis-py's Lock."""
    lock = client.lock("lock", timeout=10)
    assert lock.acquire(blocking=False)
    assert not client.lock("lock", timeout=10).acquire(blocking=False)
    assert lock.owned()
    assert lock.extend(20)
    assert 20_000 < client.pttl("lock") <= 30_000
    assert lock.extend(5, replace_ttl=True)
    assert client.pttl("lock") <= 5_000
    assert lock.reacquire()
    assert 5_000 < client.pttl("lock") <= 10_000
    lock.release()
    assert not client.exists("lock")
    lock.acquire()
    client.set("lock", "somebody else")
    with pytest.raises(LockNotOwnedError):
        lock.release()


def test_redis_py_lock(client: redis.Redis) -> None:
    demand_redis_lock_works(client)


def test_redis_py_lock_through_sentinel(sentinel: redis.Sentinel) -> None:
    demand_redis_lock_works(sentinel.master_for(NAME))


async def test_redis_py_asyncio_lock_excludes(url: str) -> None:
    async with redis.asyncio.from_url(url) as client:
        inside = most = 0

        async def work() -> None:
            nonlocal inside, most
            async with client.lock("lock", timeout=10, sleep=0.005):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.002)
                inside -= 1

        await asyncio.gather(*(work() for _ in range(10)))
        assert most == 1


def demand_python_redis_lock_works(client: redis.Redis) -> None:
    """Acquire, refuse, wait for, extend, renew, release and reset python-redis-lock's Lock."""
    lock = redis_lock.Lock(client, "jobs", expire=1, auto_renewal=True)
    other = redis_lock.Lock(client, "jobs", expire=10)
    assert lock.acquire()
    assert not other.acquire(blocking=False)
    time.sleep(1.1)
    assert lock.locked()
    lock.release()
    with redis_lock.Lock(client, "jobs", expire=10) as held:
        held.extend(expire=30)
        assert client.ttl("lock:jobs") > 10
        assert held.get_owner_id() == held.id
    assert other.acquire(timeout=1)
    redis_lock.reset_all(client)
    assert not other.locked()
    with pytest.raises(redis_lock.NotAcquired):
        other.release()


def test_python_redis_lock(node_port: int, client: redis.Redis) -> None:
    with redis.Redis(port=node_port) as plain:
        demand_python_redis_lock_works(plain)


def test_python_redis_lock_through_sentinel(sentinel: redis.Sentinel) -> None:
    demand_python_redis_lock_works(sentinel.master_for(NAME))


def test_pottery_redlock(node_port: int, client: redis.Redis) -> None:
    with redis.Redis(port=node_port) as plain:
        lock = pottery.Redlock(key="printer", masters={plain}, auto_release_time=5)
        assert lock.acquire()
        other = pottery.Redlock(key="printer", masters={plain})
        assert not other.acquire(blocking=False)
        assert 0 < lock.locked() <= 5
        lock.extend()
        lock.release()
        assert not lock.locked()
        assert other.acquire(blocking=False)
        other.release()


def test_walrus_lock(client: redis.Redis, node_port: int) -> None:
    with walrus.Database(port=node_port) as database:
        lock = database.lock("report", ttl=10_000)
        other = database.lock("report", ttl=10_000)
        assert lock.acquire(block=False)
        assert not other.acquire(block=False)
        assert not other.release()
        assert lock.release()
        with other:
            assert not lock.acquire(block=False)


async def test_aiocache_red_lock(client: redis.Redis, node_port: int) -> None:
    async with RedisCache(endpoint="127.0.0.1", port=node_port) as cache:
        done: list[int] = []

        async def work(number: int) -> None:
            async with RedLock(cache, "rebuild", lease=2):
                if await cache.get("rebuild") is None:
                    await cache.set("rebuild", number)
                    done.append(number)

        await asyncio.gather(*(work(number) for number in range(5)))
        assert len(done) == 1
