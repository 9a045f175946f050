"""Empty some slots of one node into another: pipelined MIGRATE until nothing is listed any more.

BACKGROUND  While a slot is MIGRATING its owner creates no key in it, so the keys listed are all there
            are, and a listing that comes back empty stays empty. MIGRATE moves keys atomically: each is
            on the source until the target has acknowledged it.
INVARIANTS  Only an empty listing ends a migration. A key that exists on both sides is overwritten only
            when this very run may have put it there (an earlier MIGRATE of it broke off), when both
            copies are equal, or when the user said ``--replace``. A Garrison source of a moving slot decides
            that itself: it overwrites, as its own copy is the one that was served.
BEHAVIOUR   Many slots travel together, in a load whose size follows the time it takes. A MIGRATE has keys of
            one slot and waits for replicas on both sides, so the load is spread over ``LANES`` connections.
            A broken or refused batch is listed again and carried in halves, with a pause that doubles,
            until ``FAILURES_MAX`` in a row.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from garrison.client import ReplyError
from garrison.cluster.core.batch_size import KEYS_MAX, BatchSizer
from garrison.cluster.core.ranges import format_slots
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient, Command, accepted
from garrison.cluster.manager.slot_commands import list_keys

LANES = 8
"""Connections to a source that are used side by side."""
FAILURES_MAX = 12
PAUSE_FIRST_S = 0.02
PAUSE_MAX_S = 2.0
TRANSIENT = ("IOERR", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "BUSY", "MASTERDOWN", "NOREPLICAS")


@dataclass(frozen=True)
class MigrateOptions:
    """How keys are carried; the defaults suit most clusters."""

    timeout_ms: int = 10_000
    """MIGRATE's own limit for each of its waits on the target."""
    keys_per_write_max: int = KEYS_MAX
    replace: bool = False

    @property
    def link_timeout_s(self) -> float:
        """A link waits longer than MIGRATE does, so that MIGRATE's own error is seen."""
        return self.timeout_ms / 1000 + 5


@dataclass
class KeyMigration:
    """Carries the keys of some slots from ``source`` to ``target``."""

    admin: AdminClient
    source: Address
    target: Address
    sizer: BatchSizer
    options: MigrateOptions
    moved: Callable[[int], None]
    _replace: bool = False
    _failures: int = field(default=0)

    async def run(self, slots: Sequence[int], listed: Sequence[Any] | None = None) -> int:
        """Move every key of ``slots``; return how many. ``listed`` is a first listing, if there is one."""
        total = 0
        if listed is None:
            listed = await self._list(slots)
        while pending := [(s, keys) for s, keys in zip(slots, listed, strict=True) if keys]:
            moved = await self._carry(pending)
            total += moved
            if not moved:
                await self._pause(pending)
            slots = [slot for slot, _ in pending]
            listed = await self._list(slots)
        return total

    async def _list(self, slots: Sequence[int]) -> list[Any]:
        return await self.admin.demand_many(self.source, [list_keys(slot) for slot in slots])

    async def _carry(self, pending: Sequence[tuple[int, Sequence[bytes]]]) -> int:
        """Send all listed keys, load by load; return how many arrived."""
        loop = asyncio.get_running_loop()
        total = 0
        queue = deque((slot, deque(keys)) for slot, keys in pending)
        while queue:
            batches = list(_cut(queue, self.sizer.keys))
            started = loop.time()
            replies = await self._send(batches)
            elapsed_ms = (loop.time() - started) * 1000
            arrived = await self._judge(batches, replies)
            self.sizer.moved(arrived, elapsed_ms)
            self.moved(arrived)
            total += arrived
        if total:
            self._failures = 0
        return total

    async def _send(self, batches: Sequence[Sequence[bytes]]) -> list[Any]:
        """MIGRATE the batches side by side; the replies in the order of the batches."""
        lanes = [batches[lane::LANES] for lane in range(min(LANES, len(batches)))]
        writes = (
            self.admin.call_many(self.source, [self._migrate(keys) for keys in share], lane)
            for lane, share in enumerate(lanes)
        )
        answers = await asyncio.gather(*writes, return_exceptions=True)
        replies: list[Any] = [None] * len(batches)
        for lane, answer in enumerate(answers):
            if isinstance(answer, BaseException):
                raise answer
            replies[lane::LANES] = answer
        return replies

    def _migrate(self, keys: Sequence[bytes]) -> Command:
        options: list[str | bytes | int] = ["REPLACE"] if self._replace or self.options.replace else []
        options += credentials(self.admin.access)
        target = (self.target.host, self.target.port, "", 0, self.options.timeout_ms)
        return ("MIGRATE", *target, *options, "KEYS", *keys)

    async def _judge(self, batches: Sequence[Sequence[bytes]], replies: Sequence[Any]) -> int:
        """Count the keys that arrived; decide what to do about the batches that failed."""
        arrived = 0
        for keys, reply in zip(batches, replies, strict=True):
            if not isinstance(reply, ReplyError):
                arrived += len(keys)
            elif "BUSYKEY" in str(reply):
                await self._resolve_busy(keys)
            elif reply.code in TRANSIENT:
                # The target may have keys whose acknowledgement got lost: the next try replaces them.
                self._replace = True
                self.sizer.failed()
            else:
                accepted(reply, self.source, self._migrate([])[:-1])
        return arrived

    async def _resolve_busy(self, keys: Sequence[bytes]) -> None:
        """Keys exist on both sides: equal copies may be replaced, others are the user's decision."""
        here = await self.admin.call_many(self.source, [("DUMP", key) for key in keys])
        asked: list[Command] = []
        for key in keys:
            asked += [("ASKING",), ("DUMP", key)]
        there = (await self.admin.call_many(self.target, asked))[1::2]
        for key, mine, other in zip(keys, here, there, strict=True):
            if isinstance(mine, bytes) and isinstance(other, bytes) and mine != other:
                raise ManagerError(
                    f"key {key[:64]!r} exists on {self.source} and on {self.target} with different "
                    f"values, so the move stopped; look at both, then run again with --replace to keep "
                    f"that of {self.source}"
                )
        self._replace = True

    async def _pause(self, pending: Sequence[tuple[int, Sequence[bytes]]]) -> None:
        self._failures += 1
        if self._failures > FAILURES_MAX:
            slots = format_slots((slot for slot, _ in pending), limit=5)
            raise ManagerError(
                f"{self.source} cannot send the keys of slots {slots} to {self.target} after "
                f"{FAILURES_MAX} attempts; check that it reaches that address, then run again"
            )
        await asyncio.sleep(min(PAUSE_FIRST_S * 2**self._failures, PAUSE_MAX_S))


def credentials(access: Access) -> list[str | bytes | int]:
    """MIGRATE's own words for logging in to the target."""
    if access.password is None:
        return []
    return ["AUTH2", access.username, access.password] if access.username else ["AUTH", access.password]


def _cut(queue: deque[tuple[int, deque[bytes]]], keys_max: int) -> Iterator[list[bytes]]:
    """Take up to ``keys_max`` keys off the queue, as one batch for each slot (a MIGRATE has one slot)."""
    room = keys_max
    while queue and room > 0:
        _, keys = queue[0]
        batch = [keys.popleft() for _ in range(min(room, len(keys)))]
        room -= len(batch)
        if not keys:
            queue.popleft()
        yield batch
