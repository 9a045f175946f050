"""Transactions that watch keys, against real servers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.client import Client, Pipeline, connect
from garrison.client.errors import ReplyError, UsageError, WatchError

from .conftest import FakeServer, Setting
from .servers import ServerProcess


async def test_as_redis_py_writes_it(setting: Setting) -> None:
    client, t = setting
    await client.set("k", 5)
    async with client.pipeline(transaction=True) as pipe:
        await pipe.watch("k")
        value = int(await pipe.get("k") or 0)
        pipe.multi()
        pipe.set("k", value + 1)
        read = pipe.get("k")
        assert await pipe.execute() == [True, t("6")]
    assert read.result() == t("6")
    assert client._apart.count == 1


async def test_changed_key_runs_nothing(setting: Setting) -> None:
    client, t = setting
    pipe = client.pipeline()
    await pipe.watch("k", "l")
    await client.set("l", 1)
    pipe.multi()
    queued = pipe.set("k", "mine")
    with pytest.raises(WatchError, match="was changed"):
        await pipe.execute()
    with pytest.raises(WatchError):
        queued.result()
    assert await client.get("k") is None
    # The pipeline is as new.
    pipe.set("k", "later")
    assert await pipe.execute() == [True]
    assert await client.get("k") == t("later")


async def test_unwatch_queues_again(setting: Setting) -> None:
    client, _ = setting
    async with client.pipeline() as pipe:
        assert await pipe.watch("k") is True
        await client.set("k", 1)
        assert await pipe.unwatch() is True
        count = pipe.incr("k")
    assert count.result() == 2


async def test_commands_before_multi_run_when_awaited(setting: Setting) -> None:
    client, t = setting
    await client.hset("h", {"a": 1})
    async with client.pipeline() as pipe:
        await pipe.watch("h")
        reading = pipe.hgetall("h")
        assert not reading.done()
        with pytest.raises(UsageError, match="await it"):
            reading.result()
        assert await reading == {t("a"): t("1")} == reading.result()
        assert await asyncio.create_task(pipe.mget("h2", "h3")) == [None, None]
        with pytest.raises(ReplyError):
            await pipe.get("h")
        pipe.multi()
        with pytest.raises(UsageError, match="comes before multi"):
            await pipe.watch("x")
        pipe.discard()
    assert client._apart.count == 0  # Discarding closed the connection, and so ended the watch.


async def test_watch_comes_first(setting: Setting) -> None:
    client, _ = setting
    pipe = client.pipeline()
    pipe.set("k", 1)
    with pytest.raises(UsageError, match="before any command"):
        await pipe.watch("k")
    pipe.discard()
    with pytest.raises(UsageError, match="at least one"):
        await pipe.watch()


async def test_transaction_is_repeated_until_it_runs(setting: Setting) -> None:
    client, t = setting

    async def add(pipe: Pipeline[Any]) -> str:
        value = int(await pipe.get("count") or 0)
        await asyncio.sleep(0)
        pipe.multi()
        pipe.set("count", value + 1)
        return "done"

    replies = await asyncio.gather(*(client.transaction(add, "count") for _ in range(10)))
    assert replies == [[True]] * 10
    assert await client.get("count") == t("10")
    assert await client.transaction(add, "count", value_from_callable=True, watch_delay=0.001) == "done"


async def test_transaction_may_be_a_plain_function(setting: Setting) -> None:
    client, _ = setting

    def both(pipe: Pipeline[Any]) -> None:
        pipe.incr("a")
        pipe.incr("b")

    assert await client.transaction(both) == [1, 1]


async def test_refused_command_runs_nothing_and_says_why(setting: Setting) -> None:
    client, _ = setting
    pipe = client.pipeline()
    await pipe.watch("k")
    pipe.multi()
    pipe.set("k", 1)
    pipe.call("HSET", "k")
    with pytest.raises(ReplyError, match="wrong number of arguments"):
        await pipe.execute()
    assert await client.exists("k") == 0


async def test_watching_in_a_cluster(in_cluster: Client[Any]) -> None:
    for tag in range(5):
        pipe = in_cluster.pipeline()
        await pipe.watch(f"{{{tag}}}a", f"{{{tag}}}b")
        pipe.multi()
        pipe.set(f"{{{tag}}}a", tag)
        assert await pipe.execute() == [True]
    with pytest.raises(UsageError, match="hash tag"):
        await in_cluster.pipeline().watch("a", "b")


async def test_slot_that_moved_meanwhile_is_a_watch_error(fake: Any) -> None:
    def script(command: list[bytes]) -> bytes:
        return {
            b"HELLO": b"%2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$2\r\nid\r\n:7\r\n",
            b"SET": b"-MOVED 5 10.0.0.1:7000\r\n",
            b"EXEC": b"-EXECABORT Transaction discarded because of previous errors.\r\n",
        }.get(command[0], b"+OK\r\n")

    server: FakeServer = await fake(script)
    async with await connect(f"redis://127.0.0.1:{server.port}") as client:
        pipe = client.pipeline()
        await pipe.watch("k")
        pipe.multi()
        pipe.set("k", 1)
        with pytest.raises(WatchError, match="nothing ran"):
            await pipe.execute()


async def test_reading_what_is_on_the_move_is_a_watch_error(fake: Any) -> None:
    def script(command: list[bytes]) -> bytes:
        if command[0] == b"HELLO":
            return b"%2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$2\r\nid\r\n:7\r\n"
        return b"-ASK 5 10.0.0.1:7000\r\n" if command[0] == b"GET" else b"+OK\r\n"

    server: FakeServer = await fake(script)
    async with await connect(f"redis://127.0.0.1:{server.port}") as client:
        pipe = client.pipeline()
        await pipe.watch("k")
        with pytest.raises(WatchError, match="has moved"):
            await pipe.get("k")
        pipe.discard()


async def test_failing_block_ends_the_watch(any_server: ServerProcess) -> None:
    async with await connect(f"redis://127.0.0.1:{any_server.port}") as client:
        pipe = client.pipeline()
        await pipe.watch("k")
        await pipe.__aexit__(RuntimeError, RuntimeError("the block failed"), None)
        assert client._apart.count == 0
