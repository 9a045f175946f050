"""taskiq-redis: brokers, results, schedules. aiohttp, which taskiq needs, is too large for `make test`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from taskiq import AsyncBroker, InMemoryBroker
from taskiq.api import run_receiver_task
from taskiq.scheduler.scheduled_task import ScheduledTask
from taskiq_redis import (
    ListQueueBroker,
    ListQueueSentinelBroker,
    ListRedisScheduleSource,
    PubSubBroker,
    RedisAsyncResultBackend,
    RedisAsyncSentinelResultBackend,
    RedisScheduleSource,
    RedisStreamBroker,
    RedisStreamSentinelBroker,
)

from tests.integration.sentinels import NAME

TIMEOUT_S = 30


async def demand_tasks_work(broker: AsyncBroker) -> None:
    @broker.task
    async def double(number: int) -> int:
        return 2 * number

    broker.is_worker_process = True
    await broker.startup()
    worker = asyncio.create_task(run_receiver_task(broker))
    await asyncio.sleep(0.3)
    sent = [await double.kiq(number) for number in range(5)]
    results = [await task.wait_result(timeout=TIMEOUT_S) for task in sent]
    assert [result.return_value for result in results] == [0, 2, 4, 6, 8]
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await broker.shutdown()


@pytest.mark.parametrize("kind", [ListQueueBroker, PubSubBroker, RedisStreamBroker])
async def test_taskiq(url: str, kind: Any) -> None:
    results: Any = RedisAsyncResultBackend(url, result_ex_time=60)
    await demand_tasks_work(kind(url).with_result_backend(results))


@pytest.mark.parametrize("kind", [ListQueueSentinelBroker, RedisStreamSentinelBroker])
async def test_taskiq_through_sentinel(sentinel: redis.Sentinel, sentinel_port: int, kind: Any) -> None:
    servers = [("127.0.0.1", sentinel_port)]
    results: Any = RedisAsyncSentinelResultBackend(servers, NAME)
    await demand_tasks_work(kind(servers, NAME).with_result_backend(results))


@pytest.mark.parametrize("kind", [RedisScheduleSource, ListRedisScheduleSource])
async def test_taskiq_schedules(url: str, kind: Any) -> None:
    source = kind(url)
    await source.startup()
    broker = InMemoryBroker()

    @broker.task
    async def double(number: int) -> int:
        return 2 * number

    due = await double.schedule_by_time(source, datetime(2020, 1, 1, tzinfo=UTC), 4)
    hourly = await double.schedule_by_cron(source, "0 * * * *", 5)
    found: list[ScheduledTask] = await source.get_schedules()
    assert {task.schedule_id for task in found} == {due.schedule_id, hourly.schedule_id}
    await source.delete_schedule(hourly.schedule_id)
    assert hourly.schedule_id not in [task.schedule_id for task in await source.get_schedules()]
    await source.shutdown()
