"""The flash sale: never more than there is, however many want it, and once an order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import Client, UsageError
from garrison.client.errors import RecipeError
from garrison.client.recipes import FlashSale, SaleOutcome

from .conftest import Program, in_one_protocol


async def test_not_one_more_than_the_stock(client: Client[Any]) -> None:
    sale = FlashSale(client, "s", floor=10)
    assert await sale.open(50, keep_s=60) is True
    assert await sale.open(99, keep_s=60) is False
    outcomes = await asyncio.gather(*(sale.take(f"order:{n}") for n in range(200)))
    assert sum(outcome.accepted for outcome in outcomes) == 40
    assert await sale.left() == 0
    assert int(await client.get("sale:{s}") or 0) == 10


@in_one_protocol
async def test_not_one_more_from_two_processes(client: Client[Any], processes: Program) -> None:
    await FlashSale(client, "s").open(100, keep_s=600)
    source = """
import os

async def work(client):
    sale = FlashSale(client, "s")
    outcomes = await asyncio.gather(*(sale.take(f"{os.getpid()}:{n}", 1 + n % 3) for n in range(60)))
    print(sum(1 + n % 3 for n, outcome in enumerate(outcomes) if outcome.accepted))
"""
    sold = sum(int(text) for text in await processes(source, 2))
    assert 98 <= sold <= 100
    assert await FlashSale(client, "s").left() == 100 - sold


async def test_an_order_takes_once(client: Client[Any]) -> None:
    sale = FlashSale(client, "s")
    await sale.open(5, keep_s=60)
    outcomes = await asyncio.gather(*(sale.take("order:1", 2) for _ in range(20)))
    assert set(outcomes) == {SaleOutcome(True, 3)}
    assert await sale.take("order:2", 4) == SaleOutcome(False, 3)
    assert await sale.cancel("order:1") == 2
    assert await sale.cancel("order:1") == 0
    assert await sale.take("order:2", 4) == SaleOutcome(True, 1)


async def test_a_negative_floor_overbooks(client: Client[Any]) -> None:
    sale = FlashSale(client, "s", floor=-2)
    await sale.open(1, keep_s=60)
    assert [(await sale.take(f"order:{n}")).accepted for n in range(4)] == [True, True, True, False]


async def test_a_sale_is_open_for_its_time(client: Client[Any]) -> None:
    sale = FlashSale(client, "s", amount_per_order_max=2)
    for call in (sale.take("order:1"), sale.left()):
        with pytest.raises(RecipeError, match="not open"):
            await call
    await sale.open(5, keep_s=0.3)
    with pytest.raises(UsageError, match="amount=3"):
        await sale.take("order:1", 3)
    await sale.take("order:1", 2)
    async with asyncio.timeout(20):
        while await client.dbsize():
            await asyncio.sleep(0.05)
    assert await sale.cancel("order:1") == 0
    assert await sale.open(5, keep_s=60) is True
    assert await sale.take("order:1", 2) == SaleOutcome(True, 3)
