"""Bloom filters, against our server."""

from __future__ import annotations

from typing import Any

from garrison.client import Client
from tests.unit.client.conftest import Setting


async def test_filters(ours: Setting) -> None:
    client, _ = ours
    assert await client.bf_reserve("f", 0.001, 1000, expansion=4) is True
    assert [await client.bf_add("f", "a"), await client.bf_add("f", "a")] == [True, False]
    assert await client.bf_madd("f", "a", "b") == [False, True]
    assert await client.bf_insert("g", ["a", "b"], capacity=10, error=0.1, no_scale=True) == [True, True]
    assert [await client.bf_exists("f", "b"), await client.bf_exists("f", "nope")] == [True, False]
    assert await client.bf_mexists("f", "a", "nope") == [True, False]
    assert await client.bf_card("f") == 2
    info = await client.bf_info("f")
    assert (info["Capacity"], info["Expansion rate"]) == (1000, 4)


async def test_filters_are_copied_in_pieces(ours: Setting) -> None:
    client, _ = ours
    await client.bf_madd("f", *range(100))
    at = 0
    while True:
        at, data = await client.bf_scandump("f", at)
        if at == 0:
            break
        assert isinstance(data, bytes)
        assert await client.bf_loadchunk("copy", at, data) is True
    assert all(await client.bf_mexists("copy", *range(100)))


async def test_filters_in_a_cluster(in_cluster: Client[Any]) -> None:
    if await in_cluster.command_info("BF.ADD") == [None]:
        return
    assert await in_cluster.bf_insert("f", ["a", "b"]) == [True, True]
