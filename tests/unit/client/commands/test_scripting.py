"""Scripts by source and by digest, and calls of functions, against each kind of server."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from garrison.client import Client, NoScriptError, ReplyError, UsageError
from garrison.client.errors import CrossSlotError
from tests.unit.client.conftest import Setting, need

SUM = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
READ = "return redis.call('GET', KEYS[1])"
LIBRARY = """#!lua name=sums
redis.register_function('add', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)
redis.register_function{function_name='look', flags={'no-writes'},
  callback=function(keys, args) return redis.call('GET', keys[1]) end}
"""


async def test_scripts_run_by_source(scripted: Setting) -> None:
    client, t = scripted
    assert await client.eval(SUM, 1, "k", 5) == 5
    assert await client.eval("return {1, 'two', false, {3}, 3.9}", 0) == [1, t("two"), None, [3], 3]
    assert await client.eval("return {KEYS[2], ARGV[1], #ARGV}", 2, "k", "{k}2", "x") == [
        t("{k}2"),
        t("x"),
        1,
    ]
    assert await client.eval("return redis.status_reply('FINE')", 0) == t("FINE")
    assert await client.eval_ro(READ, 1, "k") == t("5")
    with pytest.raises(ReplyError, match="Write commands are not allowed"):
        await client.eval_ro(SUM, 1, "k", 1)
    with pytest.raises(ReplyError, match="MINE it went wrong"):
        await client.eval("return redis.error_reply('MINE it went wrong')", 0)


async def test_scripts_run_by_digest(scripted: Setting) -> None:
    client, t = scripted
    digest = hashlib.sha1(READ.encode()).hexdigest()
    with pytest.raises(NoScriptError, match="No matching script"):
        await client.evalsha(digest, 1, "k")
    assert await client.script_load(READ) == digest
    await client.set("k", "v")
    assert await client.evalsha(digest, 1, "k") == t("v")
    assert await client.evalsha_ro(digest, 1, "k") == t("v")


async def test_scripts_in_a_pipeline(scripted: Setting) -> None:
    client, t = scripted
    async with client.pipeline(transaction=True) as pipe:
        total = pipe.eval(SUM, 1, "k", 5)
        seen = pipe.eval_ro(READ, 1, "k")
    assert total.result() == 5
    assert seen.result() == t("5")


async def test_functions_are_called(setting: Setting) -> None:
    client, t = setting
    await need(client, "FUNCTION", "LIST")
    await client.function_load(LIBRARY, replace=True)
    assert await client.fcall("add", 1, "k", 5) == 5
    assert await client.fcall_ro("look", 1, "k") == t("5")
    with pytest.raises(ReplyError, match="Function not found"):
        await client.fcall("nothing", 0)
    async with client.pipeline() as pipe:
        total, seen = pipe.fcall("add", 1, "k", 1), pipe.fcall_ro("look", 1, "k")
    assert (total.result(), seen.result()) == (6, t("6"))


async def test_scripts_go_to_the_node_of_their_keys(scripted_cluster: Client[Any]) -> None:
    for number in range(50):
        assert await scripted_cluster.eval(SUM, 1, f"k{number}", number) == number
    assert await scripted_cluster.eval("return 'any node'", 0) == b"any node"
    with pytest.raises(CrossSlotError):
        await scripted_cluster.eval("return 1", 2, "a", "b")
    with pytest.raises(UsageError, match="holds no key"):
        await scripted_cluster.eval("return 1", 3, "a")
