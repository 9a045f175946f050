"""A semaphore: at most so many holders at a time, over all processes.

::

    exports = Semaphore(client, "exports", permits_max=3, ttl_s=30)
    async with exports.hold(wait_s=60):
        await export()

A holder that dies gives its permit back when ``ttl_s`` has passed. All callers must give the same
``permits_max``: the number is compared, not stored. It promises what a lock promises, and no more
(:mod:`garrison.client.recipes.holds`).
"""

from __future__ import annotations

from typing import Any

from garrison.client.client import Client
from garrison.client.recipes.basics import FENCE, NOW_MS, at_least, key_of
from garrison.client.recipes.holds import HoldScripts, ScriptHolder

__all__ = ["Semaphore"]

# The holders' tokens, in a sorted set by the moment at which each is forgotten.
_TAKE = (
    FENCE
    + NOW_MS
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local is_mine = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not is_mine and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return {0, first[2] - now}
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {1, next_fence(KEYS[2])}
"""
)
_RENEW = (
    NOW_MS
    + """
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now then
  return 0
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
"""
)
_GIVE_BACK = (
    NOW_MS
    + """
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
return (ends and tonumber(ends) > now) and 1 or 0
"""
)
_COUNT = NOW_MS + "return redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')"


class Semaphore(ScriptHolder):
    """A semaphore of this name with ``permits_max`` permits; any number of tasks may use one object."""

    def __init__(
        self,
        client: Client[Any],
        name: str,
        *,
        permits_max: int,
        ttl_s: float = 10.0,
        poll_interval_s: float = 0.05,
    ) -> None:
        keys = (key_of("semaphore", name), key_of("semaphore", name, "fence"))
        scripts = HoldScripts(_TAKE, _RENEW, _GIVE_BACK)
        super().__init__(client, scripts, keys, ttl_s=ttl_s, poll_interval_s=poll_interval_s)
        self.what = f"semaphore {name!r}"
        self.permits_max = at_least(permits_max, 1, "permits_max")
        self._details = (self.permits_max,)
        self._count_script = client.register_script(_COUNT, read_only=True)

    async def held(self) -> int:
        """How many permits are held now."""
        return int(await self._count_script([self._keys[0]]))
