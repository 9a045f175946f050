"""What the recipes share: names of keys, checks of their limits, and the server's clock in Lua.

Where an object of a recipe has several keys, they have one hash tag, its name, so that they share a slot
and a script may use them together: ``lock:{invoice:7}`` and ``lock:{invoice:7}:fence``. Time is always the
server's: the clocks of callers may disagree, the clock of one primary does not. After a failover it is the
new primary's; how far the clocks of the servers differ bounds how far a window or an expiry can be off
then.

>>> key_of("lock", "invoice:7", "fence")
'lock:{invoice:7}:fence'
>>> member_key("limit", "api:v2", "user:{7}")
'limit:api%3Av2:user:%7B7%7D'
>>> milliseconds(0.25, "ttl_s")
250
"""

from __future__ import annotations

from urllib.parse import quote

from garrison.client.errors import UsageError

__all__ = [
    "FENCE",
    "FENCE_KEEP_S",
    "MEMBER_CHARACTERS_MAX",
    "NOW_MS",
    "NOW_US",
    "SECONDS_MAX",
    "at_least",
    "key_of",
    "member_key",
    "milliseconds",
]

SECONDS_MAX = 366 * 24 * 3600.0
"""The longest time that a recipe takes: a leap year."""

MEMBER_CHARACTERS_MAX = 512
"""The longest name of a caller or a request that becomes part of a key."""

NOW_MS = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
"""Lua that sets ``now``, the Unix time in milliseconds, by the clock of the node."""

NOW_US = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""
"""Lua that sets ``now``, the Unix time in microseconds; a Lua number holds it exactly."""

FENCE_KEEP_S = 7 * 24 * 3600
"""How long the last fencing token is remembered when nobody takes a new one."""

FENCE = f"""
local function next_fence(key)
  local time = redis.call('TIME')
  local clock = time[1] * 1000000 + time[2]
  local last = tonumber(redis.call('GET', key) or '0')
  local fence = string.format('%.0f', math.max(last + 1, clock))
  redis.call('SET', key, fence, 'EX', {FENCE_KEEP_S})
  return fence
end
"""
"""Lua's ``next_fence(key)``: a number larger than all it gave before.

It is the Unix time in microseconds, or one more than the last where that is larger. So it also grows when
``key`` is lost in a failover, or expires after a week without use, as long as the clocks of the servers
agree within the time between two grants.
"""


def key_of(kind: str, name: str, *parts: str) -> str:
    """The name of a key of a recipe, with the name of its object as hash tag."""
    if not name or name.startswith("}"):
        raise UsageError(f"the name of a {kind} must be text that does not begin with '}}', not {name!r}")
    return ":".join((kind, f"{{{name}}}", *parts))


def member_key(kind: str, name: str, member: str) -> str:
    """The name of the one key of one caller or request, of which an object of a recipe has any number.

    They spread over a cluster. ``member`` may come from outside: quoting keeps it from being taken for that
    of another name, and from choosing its slot by a hash tag. Raises :class:`UsageError` when it is too
    long.
    """
    if len(member) > MEMBER_CHARACTERS_MAX:
        text = f"{len(member)} characters are too many for a {kind} key: give at most {MEMBER_CHARACTERS_MAX}"
        raise UsageError(text)
    quoted = quote(name, safe="/@", errors="surrogatepass"), quote(member, safe="/@:", errors="surrogatepass")
    return ":".join((kind, *quoted))


def milliseconds(seconds: float, what: str) -> int:
    """A time in whole milliseconds; raises :class:`UsageError` unless it is from 1 ms to a year."""
    if not 0.001 <= seconds <= SECONDS_MAX:
        raise UsageError(f"{what}={seconds!r}: give seconds from 0.001 to {SECONDS_MAX:.0f}")
    return int(seconds * 1000)


def at_least(value: int, least: int, what: str, most: int = 2**53) -> int:
    """A whole number within its bounds; raises :class:`UsageError` for any other."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{what}={value!r}: give a whole number from {least} to {most}")
    return value
