"""Scripts of libraries in a cluster, where their keys share a slot."""

from __future__ import annotations

import pytest
import redis
import redis_lock
from cashews import Cache

from tests.integration.libraries.test_limits import LIMITERS, demand_limit_holds
from tests.integration.libraries.test_locks import demand_redis_lock_works


def test_redis_py_lock(cluster: redis.RedisCluster) -> None:
    demand_redis_lock_works(cluster)


def test_python_redis_lock(cluster: redis.RedisCluster) -> None:
    """Its names are one key and its signal: a hash tag keeps the two in one slot."""
    with redis_lock.Lock(cluster, "{jobs}", expire=10, strict=False) as held:
        assert not redis_lock.Lock(cluster, "{jobs}", expire=10, strict=False).acquire(blocking=False)
        held.extend(expire=30)
    assert redis_lock.Lock(cluster, "{jobs}", expire=10, strict=False).acquire(timeout=1)


@pytest.mark.parametrize("strategy", LIMITERS)
def test_limits(cluster: redis.RedisCluster, cluster_port: int, strategy: str) -> None:
    demand_limit_holds(f"redis+cluster://127.0.0.1:{cluster_port}", strategy)


async def test_cashews(cluster: redis.RedisCluster, cluster_port: int) -> None:
    cache = Cache()
    cache.setup(f"redis://127.0.0.1:{cluster_port}", cluster=True)
    await cache.set_many({f"key:{number}": number for number in range(20)}, expire=60)
    assert await cache.get_many("key:3", "key:7", "other") == (3, 7, None)
    async with cache.lock("report", expire=10):
        assert await cache.is_locked("report")
    assert [await cache.incr("hits", expire=60) for _ in range(2)] == [1, 2]
    await cache.close()
