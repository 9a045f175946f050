"""Job queues with a worker each: RQ, Huey, Dramatiq, saq."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dramatiq
import pytest
import redis
import saq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends import RedisBackend as LimitsBackend
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend as ResultsBackend
from huey import PriorityRedisExpireHuey, RedisHuey, crontab
from huey.exceptions import TaskLockedException
from rq import Queue, Retry, SimpleWorker
from rq.job import Job
from rq.registry import ScheduledJobRegistry

from tests.integration.libraries import jobs
from tests.integration.sentinels import NAME

TIMEOUT_S = 30.0


def until(done: Callable[[], Any]) -> Any:
    """Ask until the answer is true; that answer."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (answer := done()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return answer


def demand_rq_works(connection: redis.Redis) -> None:
    jobs.attempts.clear()
    queue = Queue("mails", connection=connection)
    first = queue.enqueue(jobs.double, 4)
    second = queue.enqueue(jobs.double, 5, depends_on=first, at_front=True)
    again = queue.enqueue(jobs.fail_once, retry=Retry(max=1))
    broken = queue.enqueue(jobs.double, "no", "such", "arguments", failure_ttl=60)
    only = queue.enqueue(jobs.double, 6, job_id="only", unique=True)
    late = queue.enqueue_in(timedelta(hours=1), jobs.double, 7)
    worker = SimpleWorker([queue], connection=connection)
    assert worker.work(burst=True)
    results = [job.latest_result() for job in (first, second, again, only)]
    assert [result.return_value for result in results if result] == [8, 10, "done", 12]
    assert broken.get_status() == "failed"
    assert broken.id in queue.failed_job_registry
    assert late.id in ScheduledJobRegistry(queue=queue)
    late.cancel()
    assert Job.fetch(first.id, connection=connection).is_finished
    queue.empty()


def test_rq(url: str) -> None:
    with redis.Redis.from_url(url) as connection:
        demand_rq_works(connection)


def test_rq_through_sentinel(sentinel: redis.Sentinel) -> None:
    demand_rq_works(sentinel.master_for(NAME))


@pytest.mark.parametrize("kind", [RedisHuey, PriorityRedisExpireHuey])
def test_huey(url: str, kind: type[RedisHuey]) -> None:
    huey = kind("shop", url=url, read_timeout=1)

    @huey.task()
    def double(number: int) -> int:
        return 2 * number

    @huey.task(retries=1, retry_delay=0)
    def fail_once() -> str:
        return jobs.fail_once()

    @huey.task()
    @huey.lock_task("report")
    def report() -> str:
        return "reported"

    @huey.periodic_task(crontab(minute="0"))
    def hourly() -> None: ...

    jobs.attempts.clear()
    consumer = huey.create_consumer(workers=1, periodic=False, initial_delay=0.01, max_delay=0.05)
    consumer.start()
    try:
        assert double(4).get(blocking=True, timeout=TIMEOUT_S) == 8
        assert double.schedule((5,), delay=0.1).get(blocking=True, timeout=TIMEOUT_S) == 10
        assert report().get(blocking=True, timeout=TIMEOUT_S) == "reported"
        chained = huey.enqueue(double.s(1).then(double))
        assert chained.get(blocking=True, timeout=TIMEOUT_S) == [2, 4]
        again = fail_once()
        assert until(lambda: len(jobs.attempts) == 2)
        assert until(lambda: again.get(preserve=True) == "done" if huey.result_count() else False)
    finally:
        consumer.stop(graceful=True)
    with huey.lock_task("report"), pytest.raises(TaskLockedException):
        huey.lock_task("report").__enter__()
    revoked = double.schedule((6,), delay=3600)
    revoked.revoke()
    assert revoked.is_revoked()
    assert huey.pending_count() == 1
    huey.flush()
    huey.storage.conn.close()


def demand_dramatiq_works(broker: RedisBroker, results: ResultsBackend, limits: LimitsBackend) -> None:
    dramatiq.set_broker(broker)
    broker.add_middleware(Results(backend=results))
    broker.add_middleware(GroupCallbacks(limits))
    jobs.attempts.clear()
    completed = threading.Event()

    @dramatiq.actor(broker=broker, store_results=True)
    def double(number: int) -> int:
        return 2 * number

    @dramatiq.actor(broker=broker, store_results=True, max_retries=1, min_backoff=1, max_backoff=1)
    def fail_once() -> str:
        return jobs.fail_once()

    @dramatiq.actor(broker=broker)
    def finished() -> None:
        completed.set()

    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=100)
    worker.start()
    try:
        wait_ms = int(TIMEOUT_S * 1000)
        assert double.send(4).get_result(block=True, timeout=wait_ms) == 8
        assert double.send_with_options(args=(5,), delay=100).get_result(block=True, timeout=wait_ms) == 10
        assert fail_once.send().get_result(block=True, timeout=wait_ms) == "done"
        together = dramatiq.group([double.message(n) for n in range(5)])
        together.add_completion_callback(finished.message())
        assert list(together.run().get_results(block=True, timeout=wait_ms)) == [0, 2, 4, 6, 8]
        piped = double.message(1) | double.message()
        assert piped.run().get_result(block=True, timeout=wait_ms) == 4
        assert completed.wait(TIMEOUT_S)
        broker.join("default", timeout=wait_ms)
    finally:
        worker.stop()
    broker.close()


def test_dramatiq(url: str) -> None:
    demand_dramatiq_works(RedisBroker(url=url), ResultsBackend(url=url), LimitsBackend(url=url))


def test_dramatiq_through_sentinel(sentinel: redis.Sentinel) -> None:
    primary = sentinel.master_for(NAME)
    demand_dramatiq_works(
        RedisBroker(client=primary), ResultsBackend(client=primary), LimitsBackend(client=primary)
    )


async def test_saq(url: str) -> None:
    jobs.attempts.clear()
    ticks: list[int] = []

    async def double(_: Any, *, number: int) -> int:
        return 2 * number

    async def fail_once(_: Any) -> str:
        return jobs.fail_once()

    async def endless(_: Any) -> None:
        await asyncio.sleep(600)

    async def tick(_: Any) -> None:
        ticks.append(1)

    queue = saq.Queue.from_url(url, name="shop")
    await queue.connect()
    worker: saq.Worker[Any] = saq.Worker(
        queue,
        functions=[("double", double), ("fail_once", fail_once), ("endless", endless)],
        cron_jobs=[saq.CronJob(tick, cron="* * * * * */1")],
        timers={"schedule": 1, "abort": 0.05},
        dequeue_timeout=0.2,
    )
    running = asyncio.create_task(worker.start())
    await asyncio.sleep(
        0.2
    )  # Its first sweep would take a job that is not marked as running yet for a lost one.
    assert await queue.apply("double", number=4, timeout=30) == 8
    assert await queue.map("double", [{"number": n} for n in range(5)], timeout=30) == [0, 2, 4, 6, 8]
    again = await queue.enqueue("fail_once", retries=2)
    assert again is not None
    await again.refresh(until_complete=30)
    assert (again.result, again.attempts) == ("done", 2)
    late = await queue.enqueue("double", number=7, scheduled=time.time() + 1, key="late")
    assert late is not None
    assert await queue.enqueue("double", number=7, key="late") is None
    stuck = await queue.enqueue("endless", timeout=0)
    assert stuck is not None
    while (await queue.job(stuck.key)).status != saq.Status.ACTIVE:
        await asyncio.sleep(0.01)
    await stuck.abort("not needed")
    await stuck.refresh(until_complete=30)
    assert stuck.status == saq.Status.ABORTED
    await late.refresh(until_complete=30)
    assert late.result == 14
    assert ticks
    assert (await queue.info(jobs=True))["queued"] == 0
    assert await queue.sweep(lock=1) == []
    await worker.stop()
    await running
    await queue.disconnect()
