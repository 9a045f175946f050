"""Registered scripts: alone, in pipelines and transactions, on nodes that know them and that do not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from garrison.client import Client, NoScriptError, UsageError, connect
from garrison.client.errors import ConnectionLostError, ReplyError
from tests.unit.client.conftest import HangupError, Setting, need

from .servers import ServerProcess, running_server
from .test_real_cluster import move_slot

ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])"


async def commands_of(client: Client[Any]) -> dict[str, int]:
    """How often the primaries have executed EVAL and EVALSHA since they began to count."""
    found = {"eval": 0, "evalsha": 0}
    for fields in (await client.info("commandstats")).values():
        for name in found:
            calls = re.match(r"calls=(\d+)", fields.get(f"cmdstat_{name}", ""))
            found[name] += int(calls[1]) if calls else 0
    return found


async def test_a_script_is_sent_once(scripted: Setting) -> None:
    client, _ = scripted
    add = client.register_script(ADD)
    assert await client.script_exists(add.sha) == [False]
    assert repr(add) == f"Script({add.sha}, {len(ADD)} bytes)"
    assert [await add(["k"], [n]) for n in range(1, 4)] == [1, 3, 6]
    assert await client.script_exists(add.sha) == [True]
    await client.script_flush()
    assert await add.load() == add.sha
    assert await client.evalsha(add.sha, 1, "k", 1) == 7


async def test_a_hundred_tasks_start_with_one_script(scripted: Setting) -> None:
    client, _ = scripted
    add = client.register_script(ADD)
    totals = await asyncio.gather(*(add(keys=["k"], args=[1]) for _ in range(100)))
    assert sorted(totals) == list(range(1, 101))


async def test_a_pipeline_keeps_its_order_on_a_new_node(scripted: Setting) -> None:
    client, t = scripted
    add = client.register_script(ADD)
    await client.config_resetstat()
    async with client.pipeline() as pipe:
        pipe.set("k", 10)
        first = add(keys=["k"], args=[1], client=pipe)
        seen = pipe.get("k")
        second = add(keys=["k"], args=[1], client=pipe)
    assert (first.result(), seen.result(), second.result()) == (11, t("11"), 12)
    assert await commands_of(client) == {"eval": 1, "evalsha": 1}


async def test_a_transaction_never_lacks_its_script(scripted: Setting) -> None:
    client, t = scripted
    add = client.register_script(ADD)
    async with client.pipeline(transaction=True) as pipe:
        first, second = add(["k"], [1], client=pipe), add(["k"], [1], client=pipe)
    assert (first.result(), second.result()) == (1, 2)
    await client.script_flush()
    async with client.pipeline() as watching:
        await watching.watch("k")
        assert await add(["k"], [1], client=watching) == 3
        await watching.unwatch()
    await client.script_flush()
    pipe = client.pipeline()
    await pipe.watch("k")
    assert await pipe.get("k") == t("3")
    pipe.multi()
    total = add(["k"], [1], client=pipe)
    assert await pipe.execute() == [4]
    assert total.result() == 4


async def test_a_read_only_script_may_not_write(scripted: Setting) -> None:
    client, t = scripted
    await client.set("k", "v")
    look = client.register_script("return redis.call('GET', KEYS[1])", read_only=True)
    assert await look(["k"]) == t("v")
    async with client.pipeline() as pipe:
        seen = look(["k"], client=pipe)
    assert seen.result() == t("v")
    with pytest.raises(ReplyError, match="Write commands are not allowed"):
        await client.register_script(ADD, read_only=True)(["k"], [1])


async def test_text_in_the_place_of_a_list_is_refused(scripted: Setting) -> None:
    add = scripted[0].register_script(ADD)
    with pytest.raises(UsageError, match=r"keys=\['key'\]"):
        add.call_of("k", [1])
    with pytest.raises(UsageError, match=r"args=\['argument'\]"):
        add.call_of(["k"], "text")


async def test_scripts_run_on_every_primary(scripted_cluster: Client[Any]) -> None:
    client = scripted_cluster
    add = client.register_script(ADD)
    keys = [f"k{number}" for number in range(60)]
    await client.config_resetstat()
    async with client.pipeline() as pipe:
        totals = [add([key], [1], client=pipe) for key in keys]
    assert [total.result() for total in totals] == [1] * 60
    assert await commands_of(client) == {"eval": 3, "evalsha": 57}
    await client.script_flush()
    assert await asyncio.gather(*(add([key], [1]) for key in keys)) == [2] * 60


async def test_a_script_follows_its_slot_to_a_new_node(scripted_cluster: Client[Any]) -> None:
    """While the key is on its way (ASK) as well as afterwards (MOVED), on a node that lacks the script."""
    client = scripted_cluster
    add = client.register_script(ADD)
    tag, slot = "{follow}", await client.cluster_keyslot("{follow}")
    source = client.node_of(tag)
    target = next(address for address in client.primaries() if address != source)
    assert await add([tag], [1]) == 1
    target_id = await client.call_node(target, "CLUSTER", "MYID")
    source_id = await client.call_node(source, "CLUSTER", "MYID")
    await client.call_node(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
    await client.call_node(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
    await client.config_resetstat()
    assert await add([f"{tag}2"], [5]) == 5  # It is at the target, behind ASKING, by EVALSHA and EVAL.
    assert "cmdstat_eval" not in (await client.info("commandstats"))[str(source)]
    assert await client.call_node(target, "SCRIPT", "EXISTS", add.sha) == [1]
    await move_slot(slot, source, target)
    await client.call_node(target, "SCRIPT", "FLUSH")
    assert await add([tag], [1]) == 2
    assert await add([f"{tag}2"], [1]) == 6
    await move_slot(slot, target, source)


async def test_a_restarted_server_gets_the_script_again(any_server: ServerProcess, tmp_path: Any) -> None:
    with running_server(any_server.kind, tmp_path) as server:
        async with await connect(f"redis://127.0.0.1:{server.port}") as client:
            await need(client, "EVAL", "return 1", 0)
            # The connection may break with the call on its way; the data are gone, so it may be repeated.
            add = client.register_script(ADD, repeatable=True)
            assert await add(["k"], [1]) == 1
            server.kill()
            server.start()
            assert await add(["k"], [1]) == 1


@pytest.mark.parametrize(("repeatable", "sent"), [(False, 1), (True, 2)])
async def test_only_a_repeatable_script_is_repeated(
    fake: Callable[..., Any], repeatable: bool, sent: int
) -> None:
    answers = iter([HangupError, b":1\r\n"])

    def script(command: list[bytes]) -> bytes:
        if command[0] != b"EVALSHA":
            return b"-ERR unknown\r\n"
        answer = next(answers)
        if answer is HangupError:
            raise HangupError
        assert isinstance(answer, bytes)
        return answer

    server = await fake(script)
    async with await connect(f"redis://127.0.0.1:{server.port}") as client:
        call = client.register_script("return 1", repeatable=repeatable)(["k"])
        if repeatable:
            assert await call == 1
        else:
            with pytest.raises(ConnectionLostError):
                await call
    assert server.names().count("EVALSHA") == sent


async def test_no_script_twice_is_an_error(fake: Callable[..., Any]) -> None:
    """A script that answers NOSCRIPT itself is not sent for ever."""
    server = await fake(
        lambda command: b"-NOSCRIPT my own\r\n" if command[0][:4] == b"EVAL" else b"-ERR x\r\n"
    )
    async with await connect(f"redis://127.0.0.1:{server.port}") as client:
        with pytest.raises(NoScriptError, match="my own"):
            await client.register_script("return 1")(["k"])
    assert server.names() == ["EVALSHA", "EVAL"]
