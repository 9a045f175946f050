"""For --soak-seconds: nodes are killed, stopped and restarted under a load that also gives up calls.

What must hold throughout: a reply belongs to its caller (every value names the key that it was written
to), nobody reads a value that was not written, and no caller sees an error but the ones it asked for.
(That an acknowledged write can be lost is the nature of asynchronous replication, and not looked at.)
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from garrison.client import Client, connect

from .servers import PROGRAMS, ServerProcess, running_cluster

TASKS = 60
EVENT_INTERVAL_S = 4.0


class Load:
    """Tasks that write and read keys of their own, some calls given up half-way."""

    def __init__(self, client: Client[bytes], rng: Random) -> None:
        self.client = client
        self.rng = rng
        self.calls = 0
        self.given_up = 0
        self.stopping = False

    async def run(self, number: int) -> None:
        key = f"soak:{number}"
        value = 0
        while not self.stopping:
            value += 1
            try:
                # A few calls are given up at a random moment: their replies must not reach anybody else.
                patience_s = self.rng.random() * 0.002 if self.rng.random() < 0.05 else None
                async with asyncio.timeout(patience_s):
                    await self.client.set(key, f"{key}={value}")
            except TimeoutError:
                if patience_s is None:
                    raise
                self.given_up += 1
            for reply in (await self.client.get(key), (await self.client.mget(key, "soak:other"))[0]):
                if reply is not None:
                    name, _, found = reply.decode().partition("=")
                    assert name == key, f"the reply {reply!r} was given to the reader of {key}"
                    assert int(found) <= value, f"{key} holds {found}, but only {value} were written"
            self.calls += 3
            await asyncio.sleep(0)


async def disturb(nodes: list[ServerProcess], client: Client[bytes], rng: Random) -> None:
    """Kill or stop a primary, see another take over, and bring it back."""
    ports = {address.port for address in client.primaries()}
    victim = rng.choice([node for node in nodes if node.port in ports])
    if rng.random() < 0.5:
        victim.kill()
        await asyncio.sleep(EVENT_INTERVAL_S)
        victim.start()
        await asyncio.to_thread(victim.wait)
    else:
        victim.stop()
        await asyncio.sleep(EVENT_INTERVAL_S)
        victim.resume()
    await asyncio.sleep(EVENT_INTERVAL_S)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", list(PROGRAMS))
async def test_replies_stay_with_their_callers(kind: str, tmp_path: Path, soak_seconds: int) -> None:
    seed = int(time.time())
    print(f"seed {seed}")
    rng = Random(seed)
    with running_cluster(kind, tmp_path) as nodes:
        url = "redis://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        async with await connect(url, decode=False) as client:
            load = Load(client, rng)
            tasks: list[asyncio.Task[Any]] = [
                asyncio.create_task(load.run(number)) for number in range(TASKS)
            ]
            stop_at = time.monotonic() + soak_seconds
            while time.monotonic() < stop_at and not any(task.done() for task in tasks):
                await disturb(nodes, client, rng)
            load.stopping = True
            await asyncio.gather(*tasks)
            print(f"{load.calls} calls, {load.given_up} given up, {client._router.refresh_count} refreshes")
            assert load.calls > 1000
