"""The lock against each kind of server: exclusion between tasks and processes, expiry, tokens."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import pytest

from garrison.client import Client
from garrison.client.errors import HoldLostError, NotAcquiredError
from garrison.client.recipes import Lock
from tests.unit.client.servers import ServerProcess

from .conftest import Program, in_one_protocol


async def test_one_task_at_a_time(client: Client[Any]) -> None:
    inside, most, tokens = 0, 0, []

    async def work() -> None:
        nonlocal inside, most
        async with Lock(client, "a", poll_interval_s=0.005).hold(30) as hold:
            inside += 1
            most = max(most, inside)
            tokens.append(hold.fencing_token)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(30)))
    assert most == 1
    assert tokens == sorted(set(tokens))
    assert await client.exists("lock:{a}") == 0


@in_one_protocol
async def test_one_process_at_a_time(client: Client[Any], processes: Program) -> None:
    """Each adds to a number by reading and writing it, which goes wrong without a lock."""
    source = """
async def add(client):
    for _ in range(20):
        async with Lock(client, "number", poll_interval_s=0.005).hold(60):
            number = int(await client.get("number") or 0)
            await asyncio.sleep(0.0005)
            await client.set("number", number + 1)

async def work(client):
    await asyncio.gather(add(client), add(client))
"""
    await processes(source, 2)
    assert int(await client.get("number") or 0) == 80


@in_one_protocol
async def test_a_dead_holder_is_forgotten(client: Client[Any]) -> None:
    lock = Lock(client, "a", ttl_s=0.3, poll_interval_s=0.02, label="host-1")
    dead = await lock.acquire()
    assert await lock.holder() == ("host-1", dead.fencing_token)
    with pytest.raises(NotAcquiredError, match="lock 'a' is held by others"):
        await lock.acquire(0)
    alive = await lock.acquire(20)
    assert alive.fencing_token > dead.fencing_token
    assert not dead.is_valid
    assert await dead.release() is False
    assert await lock.holder() == ("host-1", alive.fencing_token)
    assert await alive.release() is True
    assert await lock.holder() is None


@in_one_protocol
async def test_a_hold_outlives_its_ttl_by_renewal(client: Client[Any]) -> None:
    lock = Lock(client, "a", ttl_s=0.5)
    async with lock.hold():
        for _ in range(4):
            await asyncio.sleep(0.2)
            with pytest.raises(NotAcquiredError):
                await lock.acquire(0)
    await (await lock.acquire(0)).release()


async def test_a_lost_lock_cancels_its_work(client: Client[Any]) -> None:

    async def lose() -> None:
        async with Lock(client, "a", ttl_s=0.6).hold():
            await client.delete("lock:{a}")  # As a failover may do.
            await asyncio.sleep(30)

    with pytest.raises(HoldLostError, match="lock 'a' was lost"):
        await lose()


@in_one_protocol
async def test_a_process_that_stood_still_is_fenced_off(
    client: Client[Any], any_server: ServerProcess
) -> None:
    """It wakes up as if it held the lock: its work is cancelled, and its token is too old."""
    code = f"""
import asyncio
from garrison.client import connect
from garrison.client.recipes import HoldLostError, Lock

async def main():
    client = await connect("redis://127.0.0.1:{any_server.port}")
    try:
        async with Lock(client, "a", ttl_s=0.5).hold() as hold:
            print(hold.fencing_token, flush=True)
            await asyncio.sleep(600)
    except HoldLostError:
        print("lost", flush=True)

asyncio.run(main())
"""
    sleeper = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert sleeper.stdout is not None
    token = int(await sleeper.stdout.readline())
    sleeper.send_signal(signal.SIGSTOP)
    async with Lock(client, "a", ttl_s=30, poll_interval_s=0.02).hold(30) as hold:
        assert hold.fencing_token > token
        sleeper.send_signal(signal.SIGCONT)
        assert await sleeper.stdout.readline() == b"lost\n"
        assert await sleeper.wait() == 0
        assert await hold.renew() is True


async def test_taking_twice_with_one_token_takes_once(client: Client[Any]) -> None:
    """What makes it safe to repeat the call after a broken connection."""
    lock = Lock(client, "a")
    first = await lock._take("token")
    assert await lock._take("token") == first
    assert first.granted
    refused = await lock._take("other")
    assert not refused.granted
    assert 0 < refused.number <= 10_000
    assert await lock._renew("other") is False
    assert await lock._give_back("other") is False
