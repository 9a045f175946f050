"""django-redis: Django's cache, with what it adds to it. Django is too large for `make test`."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import caches


@pytest.fixture
def cache(url: str) -> Any:
    if not settings.configured:
        shop = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "KEY_PREFIX": "shop"}
        settings.configure(CACHES={"default": shop})
    return caches["default"]


def test_django_redis(cache: Any, client: redis.Redis) -> None:
    cache.set("name", {"first": "ann"}, timeout=60)
    assert cache.get("name") == {"first": "ann"}
    assert 0 < cache.ttl("name") <= 60
    assert client.exists("shop:1:name")
    assert cache.add("name", "bob") is False
    cache.set_many({"a": 1, "b": "two"}, timeout=None)
    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": "two"}
    assert cache.get_or_set("c", lambda: 3) == 3
    assert [cache.incr("hits", ignore_key_check=True), cache.incr("hits", 2), cache.decr("hits")] == [1, 3, 2]
    with pytest.raises(ValueError, match="nothing"):
        cache.incr("nothing")
    assert cache.touch("a", 60)
    assert cache.persist("a")
    assert cache.expire("a", 60)
    assert cache.pexpire("b", 60_000)
    assert sorted(cache.iter_keys("[abc]")) == ["a", "b", "c"]
    assert cache.delete_pattern("[ab]") == 2
    assert cache.has_key("c")
    assert cache.incr_version("c") == 2
    assert cache.get("c", version=2) == 3
    cache.clear()
    assert client.dbsize() == 0


def test_django_redis_lock(cache: Any) -> None:
    with cache.lock("job", timeout=10) as lock:
        assert lock.owned()
        assert not cache.lock("job", timeout=10).acquire(blocking=False)
        assert lock.extend(5)
    assert cache.lock("job").acquire(blocking=False)


def test_django_redis_structures(cache: Any) -> None:
    assert cache.sadd("set", "a", "b") == 2
    assert cache.smembers("set") == {"a", "b"}
    assert cache.hset("hash", "field", 1) == 1
    assert cache.hkeys("hash") == ["field"]
