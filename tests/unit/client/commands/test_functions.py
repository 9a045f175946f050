"""Libraries of functions: loaded, listed, saved and restored, on one server and on all primaries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from garrison.client import Client, ReplyError, connect
from garrison.client.commands.functions import Function, FunctionStats, Library
from tests.unit.client.conftest import Setting, need
from tests.unit.client.servers import ServerProcess

CODE = """#!lua name=shop
redis.register_function('sell', function(keys, args) return redis.call('DECR', keys[1]) end)
redis.register_function{function_name='price', description='What it costs',
  flags={'no-writes', 'allow-stale'}, callback=function(keys, args) return redis.call('GET', keys[1]) end}
redis.register_function('endless', function() while true do end end)
"""
FUNCTIONS = [
    Function("endless", None, frozenset()),
    Function("price", "What it costs", frozenset(("no-writes", "allow-stale"))),
    Function("sell", None, frozenset()),
]


@pytest.fixture
async def functions(setting: Setting) -> AsyncIterator[Setting]:
    await need(setting[0], "FUNCTION", "LIST")
    await setting[0].function_flush()
    yield setting
    await setting[0].function_flush()


async def test_libraries_are_loaded_and_listed(functions: Setting) -> None:
    client, _ = functions
    assert await client.function_load(CODE) == "shop"
    with pytest.raises(ReplyError, match="already exists"):
        await client.function_load(CODE)
    assert await client.function_load(CODE, replace=True) == "shop"
    [listed] = (await client.function_list()).values()
    assert listed == [Library("shop", "LUA", FUNCTIONS, None)]
    [with_code] = (await client.function_list("sh*", withcode=True)).values()
    assert with_code[0].code == CODE
    assert list((await client.function_list("other*")).values()) == [[]]
    assert await client.function_delete("shop") is True
    assert list((await client.function_list()).values()) == [[]]


async def test_libraries_are_saved_and_restored(functions: Setting) -> None:
    client, _ = functions
    await client.function_load(CODE)
    dump = await client.function_dump()
    assert isinstance(dump, bytes)
    with pytest.raises(ReplyError, match="already exists"):
        await client.function_restore(dump)
    assert await client.function_restore(dump, "REPLACE") is True
    assert await client.function_flush("ASYNC") is True
    assert await client.function_restore(dump) is True
    [stats] = (await client.function_stats()).values()
    assert stats == FunctionStats(None, {"LUA": {"libraries_count": 1, "functions_count": 3}})


async def test_libraries_are_on_all_primaries(in_cluster: Client[Any]) -> None:
    await need(in_cluster, "FUNCTION", "LIST")
    await in_cluster.function_load(CODE, replace=True)
    dump = await in_cluster.function_dump()
    await in_cluster.function_flush()
    await in_cluster.function_restore(dump, "FLUSH")
    for number in range(30):
        assert await in_cluster.fcall("sell", 1, f"stock:{number}") == -1
    listed = await in_cluster.function_list()
    assert [len(libraries) for libraries in listed.values()] == [1, 1, 1]
    await in_cluster.function_delete("shop")


async def test_an_endless_function_is_killed(any_server: ServerProcess) -> None:
    async with await connect(f"redis://127.0.0.1:{any_server.port}") as client:
        await need(client, "FUNCTION", "LIST")
        await client.function_load(CODE, replace=True)
        await client.config_set("busy-reply-threshold", 50)
        with pytest.raises(ReplyError, match="NOTBUSY"):
            await client.function_kill()
        async with await connect(f"redis://127.0.0.1:{any_server.port}") as other:
            running = asyncio.create_task(client.fcall("endless", 0))
            await asyncio.sleep(0.3)
            [stats] = (await other.function_stats()).values()
        assert stats.running is not None
        assert stats.running.name == "endless"
        assert stats.running.command == [b"FCALL", b"endless", b"0"]
        assert stats.running.duration_ms > 50
        assert await client.function_kill() is True
        with pytest.raises(ReplyError, match="killed"):
            await running
        await client.config_set("busy-reply-threshold", 5000)
        await client.function_flush()
