"""Every recipe at work without a pause, over two clients, and what must be true of it after a failover.

A failover may forget what the old primary had acknowledged last; each recipe says what that means for it.
So the checks are about what must hold nevertheless: numbers that agree with each other on the server,
tokens that never come twice, jobs that are done, and work that goes on.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

from garrison.client import Client, ClientError, ConnectionLostError
from garrison.client.errors import HoldLostError, InProgressError, NotAcquiredError
from garrison.client.recipes import (
    DelayedQueue,
    FlashSale,
    Hold,
    IdempotencyKeys,
    LeaderElection,
    Lock,
    Semaphore,
    SlidingWindow,
)

NAME = "r"
"""The name of every recipe's object; in a cluster the slot of ``{r}`` is the one that fails over."""
STOCK = 100_000
JOBS = 150
ALLOWED_ERRORS = (ConnectionLostError, HoldLostError, NotAcquiredError, InProgressError)
"""What callers may see: a call that may have been executed and is not repeated, or a promise that broke."""


class Exercise(ABC):
    """One recipe at work."""

    tasks_per_client = 2

    def __init__(self) -> None:
        self.rounds = 0
        self.errors: list[ClientError] = []
        self._stop = False
        self._tasks: list[asyncio.Task[None]] = []

    async def prepare(self, client: Client[Any]) -> None:
        """Set up what is there before the work begins; nothing, unless a recipe says so."""
        return

    @abstractmethod
    async def once(self, client: Client[Any], task: int) -> None:
        """One round of work."""

    @abstractmethod
    async def check(self, client: Client[Any]) -> None:
        """Assert what holds at the end."""

    def start(self, clients: list[Client[Any]]) -> None:
        numbered = enumerate([client for client in clients for _ in range(self.tasks_per_client)])
        self._tasks = [asyncio.create_task(self._run(client, task)) for task, client in numbered]

    async def _run(self, client: Client[Any], task: int) -> None:
        while not self._stop:
            try:
                await self.once(client, task)
                self.rounds += 1
            except ClientError as error:
                self.errors.append(error)
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)
        unexpected = [error for error in self.errors if not isinstance(error, ALLOWED_ERRORS)]
        assert unexpected == [], type(self).__name__


class Locking(Exercise):
    """Tokens never come twice, and grow."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[int] = []

    async def once(self, client: Client[Any], task: int) -> None:
        lock = Lock(client, NAME, ttl_s=2.0, poll_interval_s=0.01)
        async with lock.hold(60) as hold:
            self.tokens.append(hold.fencing_token)
            await asyncio.sleep(0.005)

    async def check(self, client: Client[Any]) -> None:
        assert self.tokens == sorted(set(self.tokens))
        await (await Lock(client, NAME, ttl_s=2.0).acquire(20)).release()


class Permits(Exercise):
    """All permits are free at the end, and their tokens never came twice."""

    tasks_per_client = 3

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[int] = []

    async def once(self, client: Client[Any], task: int) -> None:
        semaphore = Semaphore(client, NAME, permits_max=2, ttl_s=2.0, poll_interval_s=0.01)
        async with semaphore.hold(60) as hold:
            self.tokens.append(hold.fencing_token)
            await asyncio.sleep(0.005)

    async def check(self, client: Client[Any]) -> None:
        assert len(self.tokens) == len(set(self.tokens))
        semaphore = Semaphore(client, NAME, permits_max=2, ttl_s=2.0)
        for hold in [await semaphore.acquire(20), await semaphore.acquire(20)]:
            assert await hold.release()


class Selling(Exercise):
    """Stock and orders agree, whatever was forgotten: a script reaches a replica whole or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted: list[str] = []

    async def prepare(self, client: Client[Any]) -> None:
        assert await FlashSale(client, NAME).open(STOCK, keep_s=3600)

    async def once(self, client: Client[Any], task: int) -> None:
        sale, order = FlashSale(client, NAME), f"{task}:{self.rounds}"
        assert (await sale.take(order, 2)).accepted
        assert (await sale.take(order, 2)).accepted
        self.accepted.append(order)

    async def check(self, client: Client[Any]) -> None:
        orders = await client.hgetall(f"sale:{{{NAME}}}:orders")
        assert STOCK - await FlashSale(client, NAME).left() == sum(map(int, orders.values()))
        assert set(map(int, orders.values())) == {2}
        lost = set(self.accepted) - {order.decode() for order in orders}
        assert len(lost) < len(self.accepted) / 10, f"{len(lost)} of {len(self.accepted)} orders are lost"


class Working(Exercise):
    """Every job that the replicas had is done, at least once, and nothing is left over."""

    def __init__(self) -> None:
        super().__init__()
        self.done: Counter[bytes] = Counter()

    async def prepare(self, client: Client[Any]) -> None:
        queue = self._queue(client)
        for number in range(JOBS):
            await queue.put(f"{number}", job_id=f"{number}", delay_s=number / 100)

    async def once(self, client: Client[Any], task: int) -> None:
        queue = self._queue(client)
        for job in await queue.take(3):
            self.done[job.payload] += 1
            await queue.done(job)

    async def check(self, client: Client[Any]) -> None:
        async with asyncio.timeout(60):
            while sum(await self._queue(client).sizes()):
                await self.once(client, 0)
                await asyncio.sleep(0.02)
        assert set(self.done) == {b"%d" % number for number in range(JOBS)}
        assert await client.exists(self._queue(client).dead_key) == 0

    @staticmethod
    def _queue(client: Client[Any]) -> DelayedQueue:
        return DelayedQueue(client, NAME, visible_after_s=2.0, attempts_max=50)


class Limiting(Exercise):
    """A limit is exceeded by what was forgotten only."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed = 0

    async def once(self, client: Client[Any], task: int) -> None:
        verdict = await SlidingWindow(client, NAME, limit=200, window_s=3600).hit("ann")
        self.allowed += verdict.allowed

    async def check(self, client: Client[Any]) -> None:
        assert 150 <= self.allowed <= 250


class Repeating(Exercise):
    """Two callers of one key get the same, but for those of the moment of the failover."""

    tasks_per_client = 1

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[int, set[bytes]] = {}
        self.turns = Counter[int]()

    async def once(self, client: Client[Any], task: int) -> None:
        number = self.turns[task]
        self.turns[task] += 1

        async def work() -> bytes:
            return b"%d by %d" % (number, task)

        keys = IdempotencyKeys(client, NAME, work_s_max=2.0, poll_interval_s=0.01)
        outcome = await keys.run(f"{number}", work, wait_s=30)
        self.results.setdefault(number, set()).add(outcome.result)

    async def check(self, client: Client[Any]) -> None:
        different = [number for number, results in self.results.items() if len(results) > 1]
        assert len(different) <= 5, f"{len(different)} of {len(self.results)} keys were carried out twice"


class Leading(Exercise):
    """There is a leader again, and no term comes twice."""

    tasks_per_client = 1

    def __init__(self) -> None:
        super().__init__()
        self.terms: list[int] = []

    async def once(self, client: Client[Any], task: int) -> None:
        async def lead(hold: Hold) -> None:
            self.terms.append(hold.fencing_token)
            await asyncio.sleep(0.05)

        election = LeaderElection(client, NAME, candidate=f"{task}", ttl_s=2.0, poll_interval_s=0.05)
        await election.lead(lead)

    async def check(self, client: Client[Any]) -> None:
        assert self.terms == sorted(set(self.terms))


def all_exercises() -> list[Exercise]:
    return [Locking(), Permits(), Selling(), Working(), Limiting(), Repeating(), Leading()]
