"""A lock: one holder at a time, with renewal and a fencing token.

::

    invoice = Lock(client, "invoice:7", ttl_s=10)
    async with invoice.hold(wait_s=5) as held:
        await database.save(invoice, fencing_token=held.fencing_token)

What it does not promise stands in :mod:`garrison.client.recipes.holds`: in short, that a process which
stands still, or a failover, cannot make two callers believe for a moment that they hold it. Where that
would do harm, the resource compares fencing tokens.
"""

from __future__ import annotations

from typing import Any

from garrison.client.client import Client
from garrison.client.commands.replies import as_fields, as_text
from garrison.client.recipes.basics import FENCE, key_of
from garrison.client.recipes.holds import HoldScripts, ScriptHolder

__all__ = ["Lock"]

_TAKE = (
    FENCE
    + """
local token = redis.call('HGET', KEYS[1], 'token')
if token and token ~= ARGV[1] then
  return {0, redis.call('PTTL', KEYS[1])}
end
if not token then
  redis.call('HSET', KEYS[1], 'token', ARGV[1], 'fence', next_fence(KEYS[2]), 'label', ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, redis.call('HGET', KEYS[1], 'fence')}
"""
)
_RENEW = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_GIVE_BACK = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
"""


class Lock(ScriptHolder):
    """A lock of this name; any number of tasks may use one object."""

    kind = "lock"

    def __init__(
        self,
        client: Client[Any],
        name: str,
        *,
        ttl_s: float = 10.0,
        poll_interval_s: float = 0.05,
        label: str = "",
    ) -> None:
        """``label`` is what :meth:`holder` shows of a holder, such as a host and process."""
        keys = (key_of(self.kind, name), key_of(self.kind, name, "fence"))
        scripts = HoldScripts(_TAKE, _RENEW, _GIVE_BACK)
        super().__init__(client, scripts, keys, ttl_s=ttl_s, poll_interval_s=poll_interval_s)
        self.what = f"{self.kind} {name!r}"
        self._details = (label,)

    async def holder(self) -> tuple[str, int] | None:
        """The label and the fencing token of who holds it now; None when it is free."""
        fields = as_fields(await self._client.hgetall(self._keys[0]))
        return (as_text(fields["label"]), int(fields["fence"])) if fields else None
