"""The SCRIPT commands on all primaries, and ending a script that runs on and on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import Client, NoScriptError, ReplyError, connect
from garrison.client.errors import BusyError
from tests.unit.client.conftest import Setting, need
from tests.unit.client.servers import ServerProcess

ENDLESS = "while true do end"


async def test_scripts_are_loaded_and_forgotten(scripted: Setting) -> None:
    client, _ = scripted
    digest = await client.script_load("return 1")
    assert await client.script_exists(digest, "0" * 40) == [True, False]
    assert await client.script_flush() is True
    assert await client.script_flush("ASYNC") is True
    assert await client.script_exists(digest) == [False]


async def test_the_source_of_a_script_is_shown(scripted: Setting) -> None:
    client, t = scripted
    digest = await client.script_load("return 'shown'")
    try:
        source = await client.script_show(digest)
    except ReplyError as error:
        if "subcommand" not in str(error):
            raise
        pytest.skip(f"the server has no SCRIPT SHOW: {error}")
    assert source == t("return 'shown'")
    with pytest.raises(NoScriptError):
        await client.script_show("0" * 40)


async def test_scripts_are_loaded_on_all_primaries(scripted_cluster: Client[Any]) -> None:
    digest = await scripted_cluster.script_load("return 1")
    replies = await scripted_cluster.call_primaries("SCRIPT", "EXISTS", digest)
    assert list(replies.values()) == [[1], [1], [1]]
    await scripted_cluster.call_node(scripted_cluster.primaries()[0], "SCRIPT", "FLUSH")
    assert await scripted_cluster.script_exists(digest) == [False]


async def test_an_endless_script_is_killed(any_server: ServerProcess) -> None:
    """Also by the client whose own connection waits for it; other calls wait, and then go on."""
    url = f"redis://127.0.0.1:{any_server.port}"
    async with await connect(url, client_name="killer") as client:
        await need(client, "EVAL", "return 1", 0)
        await client.config_set("busy-reply-threshold", 50)
        with pytest.raises(ReplyError, match="NOTBUSY"):
            await client.script_kill()
        async with await connect(url, protocol=2) as other:
            running = asyncio.create_task(client.eval(ENDLESS, 0))
            await asyncio.sleep(0.3)
            with pytest.raises(BusyError):
                await other.call_node(other.primaries()[0], "PING")
            waiting = asyncio.create_task(other.set("k", "v"))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            assert await client.script_kill() is True
            assert await waiting is True
        with pytest.raises(ReplyError, match="killed"):
            await running
        await client.config_set("busy-reply-threshold", 5000)
