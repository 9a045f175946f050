"""Idempotency keys: a request that comes twice is carried out once, and answered the same both times.

::

    payments = IdempotencyKeys(client, "payments", keep_s=86_400, work_s_max=30)
    outcome = await payments.run(request.key, charge, fingerprint=request.body)
    return outcome.result                       # outcome.replayed tells whether it was kept from before

The first caller with a key carries the work out; its result is kept for ``keep_s``. Whoever comes meanwhile
waits for it, or gets :class:`~garrison.client.errors.InProgressError`. Work that fails is forgotten, so
that it can be tried again; a process that dies in the middle blocks its key for ``work_s_max``.

What it does not promise: that the work runs at most once. A process may die after the work and before the
result is kept, and a failover may forget a key. So work that must not happen twice carries the key on to
where it happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from secrets import token_hex
from typing import Any, NamedTuple

from garrison.client.client import Client
from garrison.client.commands.replies import as_bytes
from garrison.client.core.resp import Arg, to_bytes
from garrison.client.errors import ClientError, HoldLostError, InProgressError, KeyReusedError, UsageError
from garrison.client.recipes.basics import at_least, member_key, milliseconds

__all__ = ["IdempotencyKeys", "IdempotentOutcome"]

_BEGUN, _DONE, _BUSY, _REUSED = range(4)

_BEGIN = """
local print, token, result = unpack(redis.call('HMGET', KEYS[1], 'fingerprint', 'token', 'result'))
if not print then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'token', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {0}
end
if print ~= ARGV[2] then
  return {3}
end
if result then
  return {1, result}
end
if token == ARGV[1] then
  return {0}
end
return {2, redis.call('PTTL', KEYS[1])}
"""
# It is kept too when the beginning was forgotten in a failover, as long as nobody else has begun since.
_FINISH = """
local token, result = unpack(redis.call('HMGET', KEYS[1], 'token', 'result'))
if token and token ~= ARGV[1] then
  return 0
end
if not result then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'token', ARGV[1], 'result', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 1
"""
_FORGET = """
local token, result = unpack(redis.call('HMGET', KEYS[1], 'token', 'result'))
if token == ARGV[1] and not result then
  return redis.call('DEL', KEYS[1])
end
return 0
"""


class IdempotentOutcome(NamedTuple):
    """The result of a request."""

    result: bytes
    replayed: bool
    """Whether an earlier request with this key was carried out, and this is its result."""


class IdempotencyKeys:
    """The idempotency keys of one operation, such as ``payments``."""

    def __init__(
        self,
        client: Client[Any],
        name: str,
        *,
        keep_s: float = 86_400.0,
        work_s_max: float = 30.0,
        result_bytes_max: int = 1024 * 1024,
        poll_interval_s: float = 0.05,
    ) -> None:
        self.work_s_max = work_s_max
        """How long the work may take; it is cancelled then, as another caller may begin."""
        self.result_bytes_max = at_least(result_bytes_max, 1, "result_bytes_max", 512 * 1024 * 1024)
        self._name = name
        self._poll_interval_s = poll_interval_s
        self._keep_ms = milliseconds(keep_s, "keep_s")
        self._work_ms = milliseconds(work_s_max, "work_s_max")
        milliseconds(poll_interval_s, "poll_interval_s")
        self._begin_script = client.register_script(_BEGIN, repeatable=True)
        self._finish_script = client.register_script(_FINISH, repeatable=True)
        self._forget_script = client.register_script(_FORGET, repeatable=True)

    async def run(
        self, key: str, work: Callable[[], Awaitable[Arg]], *, fingerprint: Arg = b"", wait_s: float = 0.0
    ) -> IdempotentOutcome:
        """Carry ``work`` out and keep its result, or give the result that is kept.

        ``fingerprint`` is what the request says; the same key with another one raises
        :class:`KeyReusedError`. While another caller is at work this one waits, at most ``wait_s``, and
        then raises :class:`InProgressError`. Work beyond ``work_s_max`` is cancelled and raises
        :class:`HoldLostError`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        token, print_ = token_hex(16), sha256(to_bytes(fingerprint)).hexdigest()
        while True:
            began = loop.time()
            state, *details = await self._begin_script([self._key(key)], (token, print_, self._work_ms))
            if state == _DONE:
                return IdempotentOutcome(as_bytes(details[0]), replayed=True)
            if state == _REUSED:
                raise KeyReusedError(
                    f"the idempotency key {key!r} was used with another request: make a new one"
                )
            if state == _BEGUN:
                return await self._carry_out(key, work, token, print_, began)
            left_s = deadline - loop.time()
            if left_s <= 0:
                text = f"another caller is at work on the idempotency key {key!r}: ask again later"
                raise InProgressError(text, retry_after_s=max(0, details[0]) / 1000)
            await asyncio.sleep(min(left_s, self._poll_interval_s))

    async def _carry_out(
        self, key: str, work: Callable[[], Awaitable[Arg]], token: str, print_: str, began: float
    ) -> IdempotentOutcome:
        scope = asyncio.timeout_at(began + self.work_s_max)
        try:
            async with scope:
                result = to_bytes(await work())
            if len(result) > self.result_bytes_max:
                raise UsageError(f"a result of {len(result)} bytes is more than result_bytes_max allows")
        except BaseException as error:
            await self._forget(key, token)
            if scope.expired() and isinstance(error, TimeoutError):
                raise self._lost(key) from error
            raise
        if not await self._finish_script([self._key(key)], (token, print_, result, self._keep_ms)):
            raise self._lost(key)
        return IdempotentOutcome(result, replayed=False)

    async def _forget(self, key: str, token: str) -> None:
        try:
            await self._forget_script([self._key(key)], [token])
        except ClientError:
            pass  # The key is free again after work_s_max.

    def _lost(self, key: str) -> HoldLostError:
        what = f"idempotency key {key!r}"
        text = f"the work for the {what} took longer than work_s_max: another caller may have done it too"
        return HoldLostError(text, what=what)

    def _key(self, key: str) -> str:
        return member_key("idempotency", self._name, key)
