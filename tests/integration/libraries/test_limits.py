"""Rate limiters that keep their counts in the server: limits, Flask-Limiter, walrus, dramatiq, cashews."""

from __future__ import annotations

import time

import limits
import pytest
import redis
import walrus
from cashews import Cache, RateLimitError
from dramatiq.rate_limits import BucketRateLimiter, ConcurrentRateLimiter, WindowRateLimiter
from dramatiq.rate_limits.backends import RedisBackend
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.aio import strategies as aio_strategies
from limits.storage import storage_from_string
from limits.strategies import STRATEGIES

from tests.integration.sentinels import NAME

TWO_A_MINUTE = limits.parse("2/minute")
LIMITERS = sorted(STRATEGIES)


def demand_limit_holds(storage_url: str, strategy: str) -> None:
    storage = storage_from_string(storage_url)
    assert storage.check()
    limiter = STRATEGIES[strategy](storage)
    assert [limiter.hit(TWO_A_MINUTE, "ann") for _ in range(3)] == [True, True, False]
    assert not limiter.test(TWO_A_MINUTE, "ann")
    assert limiter.hit(TWO_A_MINUTE, "bob")
    reset_time, remaining = limiter.get_window_stats(TWO_A_MINUTE, "ann")
    assert remaining == 0
    assert time.time() - 1 < reset_time <= time.time() + 61
    limiter.clear(TWO_A_MINUTE, "ann")
    assert limiter.hit(TWO_A_MINUTE, "ann", cost=2)
    assert storage.reset()
    assert limiter.get_window_stats(TWO_A_MINUTE, "ann").remaining == 2


@pytest.mark.parametrize("strategy", LIMITERS)
def test_limits(url: str, strategy: str) -> None:
    demand_limit_holds(url, strategy)


@pytest.mark.parametrize("strategy", LIMITERS)
def test_limits_through_sentinel(sentinel: redis.Sentinel, sentinel_port: int, strategy: str) -> None:
    demand_limit_holds(f"redis+sentinel://127.0.0.1:{sentinel_port}/{NAME}", strategy)


async def test_limits_asyncio(url: str) -> None:
    storage = storage_from_string(f"async+{url}", implementation="redispy")
    for strategy in aio_strategies.STRATEGIES.values():
        limiter = strategy(storage)
        assert [await limiter.hit(TWO_A_MINUTE, "ann") for _ in range(3)] == [True, True, False]
        await limiter.clear(TWO_A_MINUTE, "ann")
        assert await limiter.hit(TWO_A_MINUTE, "ann")
        await storage.reset()


def test_flask_limiter(url: str) -> None:
    app = Flask("shop")
    limiter = Limiter(
        get_remote_address, app=app, storage_uri=url, strategy="moving-window", headers_enabled=True
    )

    @app.route("/")
    @limiter.limit("2/minute")
    def home() -> str:
        return "welcome"

    with app.test_client() as browser:
        answers = [browser.get("/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]


def test_walrus_rate_limit(client: redis.Redis, node_port: int) -> None:
    with walrus.Database(port=node_port) as database:
        for kind in (database.rate_limit, database.rate_limit_lua):
            limiter = kind(kind.__name__, limit=2, per=60)
            assert [limiter.limit("ann") for _ in range(3)] == [False, False, True]


def test_dramatiq_rate_limiters(url: str) -> None:
    backend = RedisBackend(url=url)
    concurrent = ConcurrentRateLimiter(backend, "exports", limit=1)
    with concurrent.acquire() as first, concurrent.acquire(raise_on_failure=False) as second:
        assert (first, second) == (True, False)
    for kind in (
        BucketRateLimiter(backend, "bucket", limit=2, bucket=60_000),
        WindowRateLimiter(backend, "window", limit=2, window=60),
    ):
        allowed = []
        for _ in range(3):
            with kind.acquire(raise_on_failure=False) as each:
                allowed.append(each)
        assert allowed == [True, True, False]


async def test_cashews_rate_limits(url: str) -> None:
    cache = Cache()
    cache.setup(url)

    @cache.rate_limit(limit=2, period=60)
    async def fixed() -> str:
        return "done"

    @cache.slice_rate_limit(limit=2, period=60)
    async def sliding() -> str:
        return "done"

    for call in (fixed, sliding):
        assert [await call(), await call()] == ["done", "done"]
        with pytest.raises(RateLimitError):
            await call()
    await cache.close()
