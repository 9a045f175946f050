"""A queue of jobs that are due later, each of which is carried out at least once.

::

    mails = DelayedQueue(client, "mails", visible_after_s=60)
    await mails.put(b"remind ann", delay_s=3600)

    async for job in mails.jobs():                          # in any number of workers
        await send(job.payload)
        await mails.done(job)

BEHAVIOUR
    * A job that is due is given to one worker, which has ``visible_after_s`` to say
      :meth:`~DelayedQueue.done`, :meth:`~DelayedQueue.retry` or :meth:`~DelayedQueue.extend`. After that
      another worker gets it.
    * The attempt's number is part of what a worker says: one that comes too late, after another has got the
      job, is told so (False), and changes nothing.
    * A job that was given out ``attempts_max`` times without success goes to the stream :attr:`dead_key`, of
      which the newest ``dead_jobs_max`` are kept.
    * Jobs come in the order in which they are due, as far as their workers are equally fast.

What it does not promise: exactly once. A worker may die after its work and before ``done``, and a failover
may forget the last steps; so the work of a job must bear being done twice
(:mod:`garrison.client.recipes.idempotency`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Any, NamedTuple

from garrison.client.client import Client
from garrison.client.commands.replies import as_bytes, as_text
from garrison.client.core.resp import Arg
from garrison.client.errors import QueueFullError
from garrison.client.recipes.basics import NOW_MS, at_least, key_of, milliseconds

__all__ = ["DelayedQueue", "Job", "QueueSizes"]

JOBS_AT_ONCE_MAX = 100
"""How many jobs one call takes at the most, as it is one step for the server."""

# KEYS: due (sorted set by time), given (sorted set by when they are visible again), jobs and attempts
# (hashes), dead (stream).
_PUT = (
    NOW_MS
    + """
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then
  return 0
end
if redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[4]) then
  return -1
end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
return 1
"""
)
_TAKE = (
    NOW_MS
    + """
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', KEYS[1], redis.call('ZSCORE', KEYS[2], id), id)
  redis.call('ZREM', KEYS[2], id)
end
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', KEYS[1], id)
  local payload = redis.call('HGET', KEYS[3], id)
  if payload then
    local attempt = redis.call('HINCRBY', KEYS[4], id, 1)
    if attempt > tonumber(ARGV[3]) then
      redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[4], '*', 'id', id, 'payload', payload)
      redis.call('HDEL', KEYS[3], id)
      redis.call('HDEL', KEYS[4], id)
    else
      redis.call('ZADD', KEYS[2], now + ARGV[2], id)
      taken[#taken + 1] = {id, payload, attempt}
    end
  end
end
local wait = -1
for i = 1, 2 do
  local first = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')
  if first[2] and (wait < 0 or first[2] - now < wait) then
    wait = math.max(0, first[2] - now)
  end
end
return {taken, wait}
"""
)
# ARGV: id, attempt, and "done" or, in milliseconds, when the job is due again; "extend" is of the given set.
_SETTLE = (
    NOW_MS
    + """
if redis.call('HGET', KEYS[4], ARGV[1]) ~= ARGV[2] then
  return 0
end
if ARGV[3] == 'extend' then
  if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
    return 0
  end
  redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
  return 1
end
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[3] == 'retry' then
  redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
  return 1
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
return 1
"""
)
_CANCEL = """
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
return 1
"""


class Job(NamedTuple):
    """A job as one worker has got it."""

    id: str
    payload: bytes
    attempt: int
    """The how-manieth time it was given out, from 1."""


class QueueSizes(NamedTuple):
    """How many jobs there are."""

    waiting: int
    """Not due yet, or due and not taken."""
    given: int
    """With a worker, or lost with one and not yet taken by another."""


class DelayedQueue:
    """The queue of this name. Workers and those who put may be any number of tasks and processes."""

    def __init__(
        self,
        client: Client[Any],
        name: str,
        *,
        visible_after_s: float = 60.0,
        attempts_max: int = 5,
        jobs_max: int = 1_000_000,
        dead_jobs_max: int = 1_000,
        poll_interval_s: float = 0.5,
    ) -> None:
        self.jobs_max = at_least(jobs_max, 1, "jobs_max")
        self.poll_interval_s = poll_interval_s
        """How long a waiting worker sleeps at the most; less, when it knows that a job is due before."""
        milliseconds(poll_interval_s, "poll_interval_s")
        self._name = name
        self._client = client
        self._visible_ms = milliseconds(visible_after_s, "visible_after_s")
        limits = (at_least(attempts_max, 1, "attempts_max"), at_least(dead_jobs_max, 0, "dead_jobs_max"))
        self._take_args = (self._visible_ms, *limits)
        self.dead_key = key_of("queue", name, "dead")
        """The stream of jobs that were given up, with the fields ``id`` and ``payload``."""
        parts = ("due", "given", "jobs", "attempts")
        self._keys = [*(key_of("queue", name, part) for part in parts), self.dead_key]
        self._put_script = client.register_script(_PUT, repeatable=True)
        self._take_script = client.register_script(_TAKE, repeatable=True)
        self._settle_script = client.register_script(_SETTLE, repeatable=True)
        self._cancel_script = client.register_script(_CANCEL, repeatable=True)

    async def put(self, payload: Arg, *, delay_s: float = 0.0, job_id: str | None = None) -> str:
        """Add a job that is due after ``delay_s``; its id. One whose id is in the queue is left as it is.

        Raises :class:`QueueFullError` when there are ``jobs_max`` jobs.
        """
        delay_ms = milliseconds(delay_s, "delay_s") if delay_s else 0
        id = token_hex(16) if job_id is None else job_id
        if await self._put_script(self._keys, (id, payload, delay_ms, self.jobs_max)) < 0:
            raise QueueFullError(f"the queue {self._name!r} holds {self.jobs_max} jobs (jobs_max): try later")
        return id

    async def take(self, count: int = 1) -> list[Job]:
        """Jobs that are due, at most ``count``; an empty list when there are none."""
        return (await self._take(count))[0]

    async def jobs(self, count: int = 10) -> AsyncIterator[Job]:
        """All jobs as they become due, without end; up to ``count`` are taken at a time.

        All of those must be done within ``visible_after_s``: choose ``count`` small where work takes long.
        """
        while True:
            jobs, next_due_s = await self._take(count)
            for job in jobs:
                yield job
            if not jobs:
                await asyncio.sleep(min(self.poll_interval_s, next_due_s))

    async def done(self, job: Job) -> bool:
        """Forget a job that was carried out; False when it had been given to another worker meanwhile."""
        return await self._settle(job, "done", 0)

    async def retry(self, job: Job, *, delay_s: float = 0.0) -> bool:
        """Let a job be due again after ``delay_s``; False when another worker has got it meanwhile."""
        return await self._settle(job, "retry", milliseconds(delay_s, "delay_s") if delay_s else 0)

    async def extend(self, job: Job) -> bool:
        """Keep a job for another ``visible_after_s`` from now; False when that is over already."""
        return await self._settle(job, "extend", self._visible_ms)

    async def cancel(self, job_id: str) -> bool:
        """Forget a job that no worker has; whether there was one."""
        return bool(await self._cancel_script(self._keys, [job_id]))

    async def sizes(self) -> QueueSizes:
        """How many jobs wait, and how many are with workers."""
        async with self._client.pipeline() as pipe:
            waiting, given = pipe.zcard(self._keys[0]), pipe.zcard(self._keys[1])
        return QueueSizes(waiting.result(), given.result())

    async def _take(self, count: int) -> tuple[list[Job], float]:
        """Jobs that are due, and in how many seconds the next one is."""
        at_least(count, 1, "count", JOBS_AT_ONCE_MAX)
        taken, wait_ms = await self._take_script(self._keys, (count, *self._take_args))
        jobs = [Job(as_text(id), as_bytes(payload), attempt) for id, payload, attempt in taken]
        return jobs, self.poll_interval_s if wait_ms < 0 else max(0.001, wait_ms / 1000)

    async def _settle(self, job: Job, how: str, delay_ms: int) -> bool:
        return bool(await self._settle_script(self._keys, (job.id, job.attempt, how, delay_ms)))
