"""Rate limiters: how often somebody may do something, counted on the server for all processes together.

::

    per_user = SlidingWindow(client, "api", limit=100, window_s=60)
    verdict = await per_user.hit("user:7")
    if not verdict.allowed:
        raise TooManyRequests(retry_after=verdict.retry_after_s)

==================  =====================================  =================  ================================
limiter             what it allows                         memory a caller    choose it when
==================  =====================================  =================  ================================
FixedWindow         ``limit`` from the first hit on, for   one number         a quota: a number a day
                    ``window_s``; up to twice as many
                    around the end of a window
SlidingWindow       ``limit`` in any ``window_s``          one entry a hit    the limit must be exact
Gcra                an even rate, and bursts up to         one number         requests shall be spread evenly
                    ``burst``
==================  =====================================  =================  ================================

A refused hit does not count. One caller's hits are one key, so callers spread over a cluster. A hit is not
repeated when its connection breaks after it was sent: the caller gets ``ConnectionLostError``, as for every
error, and decides whether to let the request pass. After a failover the last hits may be forgotten.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from secrets import token_hex
from typing import Any, NamedTuple

from garrison.client.client import Client
from garrison.client.core.resp import Arg
from garrison.client.errors import UsageError
from garrison.client.recipes.basics import NOW_US, at_least, member_key, milliseconds

__all__ = ["FixedWindow", "Gcra", "SlidingWindow", "Verdict"]

SLIDING_LIMIT_MAX = 100_000
"""The largest limit of a sliding window, which keeps an entry for each hit."""

# Each answers {allowed, remaining, retry_after, reset_after}; the times are in microseconds. The server's
# clock of expiries counts whole milliseconds, so what is set now to expire in 300 ms may be gone after 299.1:
# keys whose contents are exact to the microsecond live for a millisecond more.
_FIXED = """
local cost, limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local left = redis.call('PTTL', KEYS[1])
local used = left > 0 and tonumber(redis.call('GET', KEYS[1])) or 0
if left <= 0 then
  left = window
end
if used + cost > limit then
  return {0, limit - used, left * 1000, left * 1000}
end
if used == 0 then
  redis.call('SET', KEYS[1], cost, 'PX', left)
else
  redis.call('INCRBY', KEYS[1], cost)
end
return {1, limit - used - cost, 0, left * 1000}
"""
_SLIDING = (
    NOW_US
    + """
local cost, limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) * 1000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local used = redis.call('ZCARD', KEYS[1])
local allowed = used + cost <= limit
if allowed then
  for i = 1, cost do
    redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[4] .. i)
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[3] + 1)
  used = used + cost
end
local function leaves(index)
  local entry = redis.call('ZRANGE', KEYS[1], index, index, 'WITHSCORES')
  return entry[2] and (entry[2] + window - now) or 0
end
local retry = allowed and 0 or leaves(used + cost - limit - 1)
return {allowed and 1 or 0, limit - used, retry, leaves(-1)}
"""
)
_GCRA = (
    NOW_US
    + """
local cost, burst, interval = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local paid_until = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
local after = paid_until + cost * interval
local early = after - burst * interval - now
if early > 0 then
  return {0, math.floor(burst - (paid_until - now) / interval), math.ceil(early), math.ceil(paid_until - now)}
end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
return {1, math.floor(burst - (after - now) / interval), 0, math.ceil(after - now)}
"""
)


class Verdict(NamedTuple):
    """What a limiter says to a hit."""

    allowed: bool
    remaining: int
    """How many more hits would be allowed at this moment."""
    retry_after_s: float
    """After how many seconds this hit would be allowed; 0 when it was."""
    reset_after_s: float
    """After how many seconds nothing of what was used is left."""


class _Limiter(ABC):
    kind = ""
    script = ""

    def __init__(self, client: Client[Any], name: str, limit: int) -> None:
        self.limit = at_least(limit, 1, "limit")
        self._client = client
        self._name = name
        self._script = client.register_script(self.script)

    @abstractmethod
    def _args(self, cost: int) -> tuple[Arg, ...]:
        """What the script wants to know."""

    async def hit(self, caller: str, cost: int = 1) -> Verdict:
        """Count a hit of ``caller`` that costs as much as ``cost`` hits, if it is allowed."""
        if at_least(cost, 1, "cost") > self.limit:
            raise UsageError(f"cost={cost} is more than the limit of {self.limit}: it would never be allowed")
        allowed, remaining, retry_after, reset_after = await self._script(
            [self._key(caller)], self._args(cost)
        )
        return Verdict(bool(allowed), max(0, remaining), retry_after / 1e6, reset_after / 1e6)

    async def reset(self, caller: str) -> None:
        """Forget the hits of ``caller``."""
        await self._client.delete(self._key(caller))

    def _key(self, caller: str) -> str:
        return member_key(f"limit-{self.kind}", self._name, caller)


class FixedWindow(_Limiter):
    """At most ``limit`` hits in a window that begins with the first one."""

    kind, script = "fixed", _FIXED

    def __init__(self, client: Client[Any], name: str, *, limit: int, window_s: float) -> None:
        super().__init__(client, name, limit)
        self._window_ms = milliseconds(window_s, "window_s")

    def _args(self, cost: int) -> tuple[Arg, ...]:
        return (cost, self.limit, self._window_ms)


class SlidingWindow(_Limiter):
    """At most ``limit`` hits in any time span of ``window_s`` seconds, each of which is remembered."""

    kind, script = "sliding", _SLIDING

    def __init__(self, client: Client[Any], name: str, *, limit: int, window_s: float) -> None:
        super().__init__(client, name, at_least(limit, 1, "limit", SLIDING_LIMIT_MAX))
        self._window_ms = milliseconds(window_s, "window_s")

    def _args(self, cost: int) -> tuple[Arg, ...]:
        return (cost, self.limit, self._window_ms, token_hex(8))


class Gcra(_Limiter):
    """``rate`` hits in each ``period_s``, evenly, and at most ``burst`` of them at once.

    The generic cell rate algorithm (ITU-T I.371): the key holds the moment until which hits are paid for; a
    hit is allowed when that is less than a burst ahead.
    """

    kind, script = "gcra", _GCRA

    def __init__(self, client: Client[Any], name: str, *, rate: int, period_s: float, burst: int) -> None:
        super().__init__(client, name, at_least(burst, 1, "burst"))
        self._interval_us = milliseconds(period_s, "period_s") * 1000 / at_least(rate, 1, "rate")

    def _args(self, cost: int) -> tuple[Arg, ...]:
        return (cost, self.limit, self._interval_us)
