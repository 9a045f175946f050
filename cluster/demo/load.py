"""The load of the demo: many tasks that write, remember what was acknowledged, and read it all back.

Each task owns a few keys of one shard and writes 1, 2, 3 ... to them in turn, so the value that a key must at
least have is the last number acknowledged. A greater one is a write that was carried out and whose reply got
lost, which does not count.

*Acknowledged* comes in two strengths. A plain OK is the word of one primary, whose replica follows a
moment later: replication is asynchronous, as in Redis. A *confirmed* write is one that a WAIT 1 has
covered, so that it is in two processes. A probe a shard keeps confirming: it writes a key of its own
and waits for it, which covers all that the node had executed before.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from garrison.client import Client, ClientError, key_slot, open_connection
from garrison.cluster.core.topology import Address

KEYS_PER_TASK = 25
CONFIRM_INTERVAL_S = 0.02
CONFIRM_TIMEOUT_MS = 1000
READ_BACK_CHUNK = 500
ERRORS_KEPT_MAX = 3
ERROR_PAUSE_S = 0.01
"""An error may come without waiting for a socket; a writer that repeats at once would starve all others."""


@dataclass
class ShardRecord:
    """What happened to the writes of one shard (named by the primary that owned it at the start)."""

    primary: Address
    slots: frozenset[int]
    written: int = 0
    error_count: int = 0
    first_errors: list[str] = field(default_factory=list)
    log: list[tuple[str, int]] = field(default_factory=list)
    """Every acknowledged write, in the order of the acknowledgements."""
    confirmed: int = 0
    """How many entries of the log are known to be on a replica."""
    last_success_at: float = 0.0
    longest_gap_s: float = 0.0

    def succeeded(self, key: str, value: int) -> None:
        now = time.monotonic()
        if self.last_success_at:
            self.longest_gap_s = max(self.longest_gap_s, now - self.last_success_at)
        self.last_success_at = now
        self.written += 1
        self.log.append((key, value))

    def failed(self, error: str) -> None:
        self.error_count += 1
        if len(self.first_errors) < ERRORS_KEPT_MAX:
            self.first_errors.append(error)


@dataclass(frozen=True)
class Losses:
    """Keys whose value is older than what was acknowledged."""

    keys: int
    plain: int
    confirmed: int


class Load:
    """``tasks_per_shard`` writers for each shard, over one client."""

    def __init__(
        self, client: Client[bytes], shards: Mapping[Address, frozenset[int]], tasks_per_shard: int
    ) -> None:
        self._client = client
        self.shards = [ShardRecord(primary, slots) for primary, slots in shards.items()]
        self._keys = _keys_in(self.shards, tasks_per_shard * KEYS_PER_TASK)
        self._tasks_per_shard = tasks_per_shard
        self._running: list[asyncio.Task[None]] = []
        self._stopping = False

    @property
    def written(self) -> int:
        return sum(shard.written for shard in self.shards)

    @property
    def error_count(self) -> int:
        return sum(shard.error_count for shard in self.shards)

    @property
    def first_errors(self) -> list[str]:
        return [error for shard in self.shards for error in shard.first_errors]

    def start(self) -> None:
        for shard in self.shards:
            keys = self._keys[shard.primary]
            for first in range(0, len(keys), KEYS_PER_TASK):
                task = self._write(shard, keys[first : first + KEYS_PER_TASK])
                self._running.append(asyncio.create_task(task))
            self._running.append(asyncio.create_task(self._confirm(shard)))

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._running)

    async def _write(self, shard: ShardRecord, keys: Sequence[str]) -> None:
        value = 0
        while not self._stopping:
            value += 1
            for key in keys:
                if self._stopping:
                    return
                try:
                    await self._client.set(key, str(value))
                except ClientError as error:
                    shard.failed(f"{key}: {type(error).__name__}: {error}")
                    await asyncio.sleep(ERROR_PAUSE_S)
                else:
                    shard.succeeded(key, value)

    async def _confirm(self, shard: ShardRecord) -> None:
        """Keep moving ``shard.confirmed`` behind the log, by WAIT on the node that serves the shard now."""
        probe = self._keys[shard.primary][0] + ":confirm"
        tag = "{" + self._keys[shard.primary][0] + "}"
        while not self._stopping:
            await asyncio.sleep(CONFIRM_INTERVAL_S)
            covered = len(shard.log)
            try:
                if await self._on_a_replica(tag + probe):
                    shard.confirmed = covered
            except ClientError:
                # The primary is down or has changed; the next round asks whoever took over.
                continue

    async def _on_a_replica(self, key: str) -> bool:
        """Write ``key`` on the node that serves it and wait until one replica has it."""
        node = self._client.node_of(key)
        connection = await open_connection(node.host, node.port)
        try:
            await connection.call("SET", key, "1")
            return int(await connection.call("WAIT", 1, CONFIRM_TIMEOUT_MS)) >= 1
        finally:
            await connection.close()

    def use(self, client: Client[bytes]) -> None:
        """Go on with another client."""
        self._client = client

    async def read_back(self) -> Losses:
        """Compare every key with what was acknowledged for it."""
        plain: dict[str, int] = {}
        confirmed: dict[str, int] = {}
        for shard in self.shards:
            plain.update(shard.log)
            confirmed.update(shard.log[: shard.confirmed])
        keys = list(plain)
        lost_plain = lost_confirmed = 0
        for first in range(0, len(keys), READ_BACK_CHUNK):
            chunk = keys[first : first + READ_BACK_CHUNK]
            for key, value in zip(chunk, await self._client.mget(*chunk), strict=True):
                found = int(value or 0)
                lost_plain += found < plain[key]
                lost_confirmed += found < confirmed.get(key, 0)
        return Losses(len(keys), lost_plain, lost_confirmed)


def _keys_in(shards: Sequence[ShardRecord], count: int) -> dict[Address, list[str]]:
    """``count`` keys for each shard; slots of other shards are left out."""
    owner = {slot: shard.primary for shard in shards for slot in shard.slots}
    keys: dict[Address, list[str]] = {shard.primary: [] for shard in shards}
    number = 0
    while min(map(len, keys.values())) < count:
        place = owner.get(key_slot(f"demo:{number}"))
        if place is not None and len(keys[place]) < count:
            keys[place].append(f"demo:{number}")
        number += 1
    return keys
