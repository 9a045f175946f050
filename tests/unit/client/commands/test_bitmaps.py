"""Bitmaps, against real servers."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import UsageError
from tests.unit.client.conftest import Setting


async def test_bits(setting: Setting) -> None:
    client, _ = setting
    assert [
        await client.setbit("b", 7, 1),
        await client.setbit("b", 7, True),
        await client.getbit("b", 7),
    ] == [
        0,
        1,
        1,
    ]
    await client.set("b", b"\xff\xf0\x00")
    assert [await client.bitcount("b"), await client.bitcount("b", 1, 2)] == [12, 4]
    assert await client.bitcount("b", 0, 3, "BIT") == 4
    assert [
        await client.bitpos("b", 0),
        await client.bitpos("b", 1, 2),
        await client.bitpos("b", 1, 0, -1),
    ] == [
        12,
        -1,
        0,
    ]
    assert await client.bitpos("b", 0, 12, 20, "BIT") == 12
    assert await client.bitop("NOT", "c", "b") == 3
    assert await client.bitop("AND", "d", "b", "c") == 3
    assert await client.bitcount("d") == 0
    with pytest.raises(UsageError, match="both its ends"):
        await client.bitcount("b", 1)


async def test_fields_of_bits(setting: Setting) -> None:
    client, _ = setting
    field = client.bitfield("b").set("u8", 0, 250).incrby("u8", 0, 10).get("u8", "#1")
    assert await field.execute() == [0, 4, 0]
    field = client.bitfield("b", default_overflow="SAT").incrby("u8", 0, 300).incrby("u8", 0, 1, "FAIL")
    assert await field.execute() == [255, None]
    assert await client.bitfield_ro("b", "u8", 0, [("u4", 0), ("u8", "#1")]) == [255, 15, 0]
    with pytest.raises(UsageError, match="no operations"):
        await client.bitfield("b").execute()


async def test_fields_of_bits_in_a_pipeline(setting: Setting) -> None:
    client, _ = setting
    async with client.pipeline() as pipe:
        values = pipe.bitfield("b").set("u8", 0, 7).get("u8", 0).execute()
    assert values.result() == [0, 7]


async def test_newer_operations(ours: Setting) -> None:
    client, _ = ours
    await client.set("a", b"\xff")
    await client.set("b", b"\x0f")
    assert await client.bitop("DIFF", "c", "a", "b") == 1
    assert await client.bitcount("c") == 4


async def test_bits_in_a_cluster(in_cluster: Client[Any]) -> None:
    await in_cluster.set("{b}a", b"\xff")
    assert await in_cluster.bitop("NOT", "{b}c", "{b}a") == 1
