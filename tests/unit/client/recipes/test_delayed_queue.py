"""The delayed queue: in time, at least once, by one worker at a time, and bounded."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from typing import Any

import pytest

from garrison.client import Client, UsageError
from garrison.client.errors import QueueFullError
from garrison.client.recipes import DelayedQueue, QueueSizes
from tests.unit.client.servers import ServerProcess

from .conftest import Program, in_one_protocol


async def test_jobs_come_when_they_are_due(client: Client[Any]) -> None:
    queue = DelayedQueue(client, "q", poll_interval_s=5)
    started = time.monotonic()
    for name, delay_s in (("late", 0.4), ("now", 0.0), ("soon", 0.2)):
        await queue.put(name, delay_s=delay_s)
    came: dict[bytes, float] = {}
    async for job in queue.jobs():
        came[job.payload] = time.monotonic() - started
        assert await queue.done(job)
        if len(came) == 3:
            break
    assert list(came) == [b"now", b"soon", b"late"]
    assert came[b"soon"] >= 0.2
    assert came[b"late"] >= 0.4
    assert max(came.values()) < 4  # It does not sleep past a job that is due.
    assert await client.keys("*") == []


async def test_each_job_goes_to_one_worker(client: Client[Any]) -> None:
    queue = DelayedQueue(client, "q")
    await asyncio.gather(*(queue.put(f"{number}") for number in range(200)))
    done: Counter[bytes] = Counter()

    async def work() -> None:
        while jobs := await queue.take(7):
            for job in jobs:
                done[job.payload] += 1
                assert job.attempt == 1
                assert await queue.done(job)

    await asyncio.gather(*(work() for _ in range(8)))
    assert set(done.values()) == {1}
    assert len(done) == 200
    assert await queue.sizes() == QueueSizes(0, 0)


@in_one_protocol
async def test_each_job_goes_to_one_process(client: Client[Any], processes: Program) -> None:
    queue = DelayedQueue(client, "q")
    for number in range(100):
        await queue.put(f"{number}")
    source = """
async def work(client):
    queue = DelayedQueue(client, "q")
    while jobs := await queue.take(3):
        for job in jobs:
            print(job.payload.decode())
            assert await queue.done(job)
"""
    printed = " ".join(await processes(source, 2)).split()
    assert sorted(map(int, printed)) == list(range(100))


@in_one_protocol
async def test_a_job_of_a_killed_worker_comes_back(client: Client[Any], any_server: ServerProcess) -> None:
    queue = DelayedQueue(client, "q", visible_after_s=0.5, poll_interval_s=0.05)
    await queue.put("precious")
    code = f"""
import asyncio
from garrison.client import connect
from garrison.client.recipes import DelayedQueue

async def main():
    client = await connect("redis://127.0.0.1:{any_server.port}")
    print((await DelayedQueue(client, "q", visible_after_s=0.5).take())[0].attempt, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert worker.stdout is not None
    assert await worker.stdout.readline() == b"1\n"
    worker.kill()
    await worker.wait()
    async with asyncio.timeout(30):
        async for job in queue.jobs():
            assert (job.payload, job.attempt) == (b"precious", 2)
            assert await queue.done(job)
            break


async def test_a_worker_that_is_late_is_told_so(client: Client[Any]) -> None:
    queue = DelayedQueue(client, "q", visible_after_s=0.2)
    id = await queue.put("job")
    [slow] = await queue.take()
    assert await queue.extend(slow)
    assert await queue.cancel(id) is False
    await asyncio.sleep(0.3)
    [quick] = await queue.take()
    assert (quick.id, quick.attempt) == (id, 2)
    assert [await queue.done(slow), await queue.retry(slow), await queue.extend(slow)] == [False] * 3
    assert await queue.retry(quick, delay_s=0.05)
    assert await queue.extend(quick) is False
    await asyncio.sleep(0.1)
    [again] = await queue.take()
    assert again.attempt == 3
    assert await queue.done(again)


async def test_a_job_that_always_fails_is_set_aside(client: Client[Any]) -> None:
    queue = DelayedQueue(client, "q", attempts_max=3, dead_jobs_max=100)
    id = await queue.put("poison")
    for attempt in range(1, 4):
        [job] = await queue.take()
        assert job.attempt == attempt
        await queue.retry(job)
    assert await queue.take() == []
    [(_, fields)] = await client.xrange(queue.dead_key, "-", "+")
    assert list(fields.values()) in ([id, "poison"], [id.encode(), b"poison"])
    assert await queue.sizes() == QueueSizes(0, 0)
    assert await client.keys("*") in ([queue.dead_key], [queue.dead_key.encode()])


async def test_the_same_id_is_one_job(client: Client[Any]) -> None:
    queue = DelayedQueue(client, "q")
    assert await queue.put("first", job_id="mail:7", delay_s=60) == "mail:7"
    assert await queue.put("second", job_id="mail:7") == "mail:7"
    assert await queue.sizes() == QueueSizes(1, 0)
    assert await queue.take() == []
    assert await queue.cancel("mail:7") is True
    assert await queue.cancel("mail:7") is False


async def test_a_full_queue_says_so(client: Client[Any]) -> None:
    queue = DelayedQueue(client, "q", jobs_max=2)
    await queue.put("a")
    await queue.put("b")
    with pytest.raises(QueueFullError, match=r"2 jobs \(jobs_max\)"):
        await queue.put("c")
    [job] = await queue.take()
    await queue.done(job)
    await queue.put("c")
    with pytest.raises(UsageError, match="count=101"):
        await queue.take(101)
