"""A flash sale: many want a few things at once, and not one more is sold than there is.

::

    sale = FlashSale(client, "gpu-5090", floor=10)          # ten are kept back
    await sale.open(stock=500, keep_s=86_400)
    outcome = await sale.take("order:4711", amount=2)
    if outcome.accepted: ...

Each order is remembered with what it took, so a call that is repeated, by the client after a broken
connection or by a user who clicks twice, takes once. The stock never falls below ``floor``; a negative
floor allows overbooking.

What it does not promise: a failover may forget the last orders that were accepted, and what they took is
sold again. Where that matters, record orders elsewhere before they are confirmed, or set
``min-replicas-to-write``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from garrison.client.client import Client
from garrison.client.errors import RecipeError
from garrison.client.recipes.basics import at_least, key_of, milliseconds

__all__ = ["FlashSale", "SaleOutcome"]

_OPEN = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_TAKE = """
local stock = tonumber(redis.call('GET', KEYS[1]))
if not stock then
  return {-1, 0}
end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then
  return {1, stock}
end
if stock - ARGV[2] < tonumber(ARGV[3]) then
  return {0, stock}
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
return {1, redis.call('DECRBY', KEYS[1], ARGV[2])}
"""
_CANCEL = """
local taken = redis.call('HGET', KEYS[2], ARGV[1])
if not taken or redis.call('HDEL', KEYS[2], ARGV[1]) == 0 then
  return 0
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('INCRBY', KEYS[1], taken)
end
return tonumber(taken)
"""


class SaleOutcome(NamedTuple):
    """What became of an order."""

    accepted: bool
    left: int
    """How many may still be sold, down to the floor."""


class FlashSale:
    """The sale of this name. All callers must give the same ``floor``: it is compared, not stored."""

    def __init__(
        self, client: Client[Any], name: str, *, floor: int = 0, amount_per_order_max: int = 1_000
    ) -> None:
        self.floor = at_least(floor, -(2**53), "floor")
        self.amount_per_order_max = at_least(amount_per_order_max, 1, "amount_per_order_max")
        self._client = client
        self._name = name
        self._keys = (key_of("sale", name), key_of("sale", name, "orders"))
        self._open_script = client.register_script(_OPEN, repeatable=True)
        self._take_script = client.register_script(_TAKE, repeatable=True)
        self._cancel_script = client.register_script(_CANCEL, repeatable=True)

    async def open(self, stock: int, *, keep_s: float) -> bool:
        """Put ``stock`` on sale, and forget all of it after ``keep_s``; False when it is on sale already."""
        args = (at_least(stock, 0, "stock"), milliseconds(keep_s, "keep_s"))
        return bool(await self._open_script(self._keys, args))

    async def take(self, order: str, amount: int = 1) -> SaleOutcome:
        """Sell ``amount`` to an order, unless too few are left; an order that has taken is accepted again.

        Raises :class:`RecipeError` when nothing is on sale.
        """
        at_least(amount, 1, "amount", self.amount_per_order_max)
        accepted, stock = await self._take_script(self._keys, (order, amount, self.floor))
        if accepted < 0:
            raise self._closed()
        return SaleOutcome(bool(accepted), stock - self.floor)

    async def cancel(self, order: str) -> int:
        """Take an order back; how many that returns to the stock, 0 when it had taken none."""
        return int(await self._cancel_script(self._keys, [order]))

    async def left(self) -> int:
        """How many may still be sold; raises :class:`RecipeError` when nothing is on sale."""
        stock = await self._client.get(self._keys[0])
        if stock is None:
            raise self._closed()
        return int(stock) - self.floor

    def _closed(self) -> RecipeError:
        return RecipeError(f"the sale {self._name!r} is not open: call open(stock=...) first")
