"""Waiting calls that are cancelled, redirected or broken off: nothing is lost in silence."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

import pytest

from garrison.client import connect
from garrison.client.errors import CallTimeoutError, ConnectionLostError, TooManyWaitingError

from .conftest import FakeServer, Setting, eventually
from .servers import ServerProcess

HELLO = b"%3\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$2\r\nid\r\n:7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"


async def test_cancelled_call_frees_its_connection(setting: Setting) -> None:
    client, t = setting
    for _ in range(3):
        waiting = asyncio.create_task(client.blpop("l"))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await eventually(lambda: not client._waits._bringing_back)
    assert client._apart.count == 1
    # Nobody waits any more: the element stays.
    await client.rpush("l", "x")
    assert await client.lrange("l", 0, -1) == [t("x")]


async def test_no_element_is_lost_however_calls_are_cancelled(setting: Setting) -> None:
    """Consumers are cancelled at any moment while elements come; each is taken by somebody, or there."""
    client, _ = setting
    taken: list[Any] = []

    async def consume() -> None:
        for timeout_s in (0.001, 0.002, 0.003, 0.005) * 10:
            try:
                async with asyncio.timeout(timeout_s):
                    reply = await client.blpop("l")
            except TimeoutError:
                continue
            assert reply is not None
            taken.append(reply[1])

    async def produce() -> None:
        for n in range(300):
            await client.rpush("l", n)
            await asyncio.sleep(0.0003)

    await asyncio.gather(produce(), *(consume() for _ in range(8)))
    await eventually(lambda: not client._waits._bringing_back)
    left = await client.lrange("l", 0, -1)
    assert sorted(int(value) for value in [*taken, *left]) == list(range(300))


async def test_close_waits_until_all_is_put_back(any_server: ServerProcess) -> None:
    url = f"redis://127.0.0.1:{any_server.port}"
    async with await connect(url) as other:
        await other.flushall()
        client = await connect(url)
        waits = [asyncio.create_task(client.bzpopmin("z")) for _ in range(30)]
        await asyncio.sleep(0.05)
        adding = asyncio.create_task(other.zadd("z", {f"m{n}": n for n in range(30)}))
        for wait in waits:
            wait.cancel()
        await adding
        done = await asyncio.gather(*waits, return_exceptions=True)
        await client.close()
        taken = [reply for reply in done if not isinstance(reply, BaseException)]
        assert await other.zcard("z") + len(taken) == 30


class Queue:
    """A server with one list, which hands an element out although the caller has just gone."""

    def __init__(self) -> None:
        self.unblocked = asyncio.Event()
        self.pushed: list[list[bytes]] = []
        self.refuses_push = False
        self.answers = True

    async def __call__(self, command: list[bytes]) -> bytes | None:
        name = command[0].upper()
        if name == b"HELLO":
            return HELLO
        if name == b"BLPOP":
            await self.unblocked.wait()
            return b"*2\r\n$1\r\nl\r\n$3\r\njob\r\n" if self.answers else None
        if name == b"CLIENT":
            assert command[1:] == [b"UNBLOCK", b"7"]
            self.unblocked.set()
            return b":0\r\n"
        self.pushed.append(command)
        return b"-WRONGTYPE no list\r\n" if self.refuses_push else b":1\r\n"


async def cancelled_blpop(server: FakeServer, **options: Any) -> None:
    async with await connect(f"redis://127.0.0.1:{server.port}", **options) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.blpop("l")


async def test_element_for_a_cancelled_caller_is_put_back(fake: Any) -> None:
    queue = Queue()
    await cancelled_blpop(await fake(queue))
    assert queue.pushed == [[b"LPUSH", b"l", b"job"]]


async def test_element_that_cannot_be_put_back_is_logged(fake: Any, caplog: Any) -> None:
    queue = Queue()
    queue.refuses_push = True
    with caplog.at_level(logging.ERROR, "garrison.client"):
        await cancelled_blpop(await fake(queue))
    assert "b'job'" in caplog.text
    assert "lost" in caplog.text


async def test_silence_after_a_cancellation_is_logged(fake: Any, caplog: Any) -> None:
    queue = Queue()
    queue.answers = False
    await cancelled_blpop(await fake(queue), reply_timeout_s=0.2)
    assert "did not say whether it had taken an element" in caplog.text
    assert queue.pushed == []


async def test_unblocked_by_a_failover_waits_on(fake: Any) -> None:
    replies = deque(
        [
            b"-UNBLOCKED force unblock from blocking operation, "
            b"instance state changed (master -> replica?)\r\n",
            b"-LOADING loading\r\n",
            b"*2\r\n$1\r\nl\r\n$3\r\njob\r\n",
        ]
    )
    server = await fake(lambda command: HELLO if command[0] == b"HELLO" else replies.popleft())
    async with await connect(f"redis://127.0.0.1:{server.port}") as client:
        assert await client.blpop("l", 5) == (b"l", b"job")
    timeouts = [float(command[2]) for command in server.commands if command[0] == b"BLPOP"]
    assert 5 == timeouts[0] > timeouts[1] > timeouts[2] > 4


async def test_broken_connection_is_told(fake: Any) -> None:
    async def silent(command: list[bytes]) -> bytes | None:
        return HELLO if command[0] == b"HELLO" else None

    server = await fake(silent)
    async with await connect(f"redis://127.0.0.1:{server.port}") as client:
        waiting = asyncio.create_task(client.blpop("l"))
        await eventually(lambda: b"BLPOP" in [command[0] for command in server.commands])
        server.hang_up()
        with pytest.raises(ConnectionLostError) as caught:
            await waiting
        assert caught.value.maybe_executed


async def test_server_that_never_ends_the_wait_is_given_up(fake: Any) -> None:
    server = await fake(lambda command: HELLO if command[0] == b"HELLO" else None)
    url = f"redis://127.0.0.1:{server.port}"
    async with await connect(url, reply_timeout_s=0.1) as client:
        with pytest.raises(CallTimeoutError, match="after BLPOP should have ended"):
            await client.blpop("l", 0.05)


async def test_waiting_calls_are_bounded(setting: Setting, any_server: ServerProcess) -> None:
    async with await connect(f"redis://127.0.0.1:{any_server.port}", apart_connections_max=2) as client:
        waiting = [asyncio.create_task(client.blpop("never", 5)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(TooManyWaitingError, match="apart_connections_max"):
            await client.blpop("never", 5)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_node_that_cannot_be_reached_ends_the_call(fake: Any) -> None:
    """Also when each attempt to connect takes all of its time."""
    greeted = asyncio.Event()

    async def script(command: list[bytes]) -> bytes | None:
        if greeted.is_set():
            return None
        greeted.set()
        return HELLO

    server = await fake(script)
    url = f"redis://127.0.0.1:{server.port}"
    async with await connect(url, connect_timeout_s=0.1, call_timeout_s=0.5) as client:
        for timeout_s in (0, 0.2):
            with pytest.raises(CallTimeoutError, match=r"no node took BLPOP within 0\.5 s"):
                await client.blpop("l", timeout_s)
