"""A counter that many processes add to all the time, spread over keys on all nodes.

::

    views = ShardedCounter(client, "views:video:7", shards=16)
    await views.add()
    total = await views.value()

One key is served by one node, and all that add to it wait for each other there. Here each addition goes to
one of ``shards`` keys at random, which deliberately have *no* common hash tag, and reading adds them up. So
adding scales with the nodes, and the value is a sum of numbers read at slightly different moments: it never
counts anything twice or misses what was added before the reading began.

An addition is not repeated when its connection breaks after it was sent (``ConnectionLostError``): the
caller decides between perhaps missing and perhaps counting twice. A failover may forget the last additions.
"""

from __future__ import annotations

from random import Random
from typing import Any

from garrison.client.client import Client
from garrison.client.recipes.basics import at_least, key_of

__all__ = ["ShardedCounter"]

SHARDS_MAX = 4_096


class ShardedCounter:
    """The counter of this name. All callers must give the same number of ``shards``, or a smaller one."""

    def __init__(
        self, client: Client[Any], name: str, *, shards: int = 16, rng: Random | None = None
    ) -> None:
        at_least(shards, 1, "shards", SHARDS_MAX)
        self._client = client
        self._keys = [key_of("counter", f"{name}:{shard}") for shard in range(shards)]
        self._rng = rng if rng is not None else Random()

    async def add(self, amount: int = 1) -> None:
        """Add to the counter; a negative amount subtracts."""
        await self._client.incrby(self._rng.choice(self._keys), amount)

    async def value(self) -> int:
        """The sum of all additions."""
        return sum(int(part) for part in await self._client.mget(self._keys) if part is not None)

    async def take(self) -> int:
        """The sum of all additions, which starts from zero again: each addition is in one taking only.

        Use it to carry the count on to a database in steps. What is taken is lost when the call fails
        half-way.
        """
        async with self._client.pipeline() as pipe:
            parts = [pipe.getdel(key) for key in self._keys]
        return sum(int(part) for part in (queued.result() for queued in parts) if part is not None)

    async def delete(self) -> None:
        """Forget all additions."""
        await self._client.delete(*self._keys)
