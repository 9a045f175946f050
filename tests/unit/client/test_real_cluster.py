"""The client before a real cluster: 3 primaries and 3 replicas, one killed, slots moved."""

# Commands of a pipeline are queued by the call; nobody has to await their results.
# mypy: disable-error-code="unused-coroutine"
from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from garrison.client import Address, Client, Pipeline, connect, key_slot, open_connection
from garrison.client.errors import ReplyError, UsageError

from .conftest import eventually
from .servers import ServerProcess

pytestmark = pytest.mark.timeout(120)


async def client_of(nodes: list[ServerProcess], **options: Any) -> Client[bytes]:
    url = f"redis://127.0.0.1:{nodes[0].port}"
    client: Client[bytes] = await connect(url, decode=False, **options)
    return client


def primary_of(nodes: list[ServerProcess], client: Client[bytes], key: str) -> ServerProcess:
    port = client.node_of(key).port
    return next(node for node in nodes if node.port == port)


async def move_slot(slot: int, source: Address, target: Address) -> None:
    """Move a slot key by key, as reshard tools do."""
    a = await open_connection(*source)
    b = await open_connection(*target)
    a_id, b_id = await a.call("CLUSTER", "MYID"), await b.call("CLUSTER", "MYID")
    await b.call("CLUSTER", "SETSLOT", slot, "IMPORTING", a_id)
    await a.call("CLUSTER", "SETSLOT", slot, "MIGRATING", b_id)
    while batch := await a.call("CLUSTER", "GETKEYSINSLOT", slot, 5):
        await a.call("MIGRATE", *target, "", 0, 1000, "KEYS", *batch)
        await asyncio.sleep(0.005)
    await b.call("CLUSTER", "SETSLOT", slot, "NODE", b_id)
    await a.call("CLUSTER", "SETSLOT", slot, "NODE", b_id)
    await a.close()
    await b.close()


async def test_calls_reach_the_owner_of_their_key(shared_cluster: list[ServerProcess]) -> None:
    async with await client_of(shared_cluster) as client:
        assert client.is_cluster
        assert len(client.primaries()) == 3
        await client.flushall()
        keys = [f"key:{n}" for n in range(300)]
        assert await client.mset({key: key for key in keys}) is True
        assert await client.mget(*keys, "absent") == [*(key.encode() for key in keys), None]
        assert await client.dbsize() == 300
        assert sorted([key async for key in client.scan_iter(count=20)]) == sorted(
            key.encode() for key in keys
        )
        assert await client.exists(*keys[:10], keys[0], "absent") == 11
        assert await client.delete(*keys) == 300
        async with client.pipeline() as pipe:
            for key in keys:
                pipe.incr(key)
            total = pipe.call("STRLEN", "key:0")
        assert total.result() == 1
        assert await client.call("OBJECT", "ENCODING", "key:7") == b"int"
        # Not in the client's table, so the server is asked for its key.
        if shared_cluster[0].kind == "redis":
            with pytest.raises(ReplyError, match="WRONGTYPE"):
                await client.call("PFDEBUG", "ENCODING", "key:7")
        with pytest.raises(UsageError, match="call_node"):
            await client.call("DBSIZE")
        assert int(await client.call_node(client.primaries()[0], "DBSIZE")) == int(
            shared_cluster[0].cli("DBSIZE")
        )


async def test_transactions_run_whole_or_not_at_all(shared_cluster: list[ServerProcess]) -> None:
    async with await client_of(shared_cluster) as client:
        async with client.pipeline(transaction=True) as pipe:
            pipe.set("{t}a", 1)
            pipe.incr("{t}a")
            last = pipe.get("{t}a")
        assert await last == b"2"
        pipe = client.pipeline(transaction=True)
        pipe.set("{t}a", 9)
        pipe.call("HSET", "{t}a")
        with pytest.raises(ReplyError, match="wrong number of arguments"):
            await pipe.execute()
        assert await client.get("{t}a") == b"2"
        pipe.set("a", 1)
        pipe.set("b", 1)
        with pytest.raises(UsageError, match="hash tag"):
            await pipe.execute()


async def test_a_killed_primary_costs_time_but_no_error(own_cluster: list[ServerProcess]) -> None:
    async with await client_of(own_cluster) as client:
        keys = [f"key:{n}" for n in range(60)]
        victim = primary_of(own_cluster, client, "key:0")
        acknowledged: dict[str, int] = {}
        longest = {"gap": 0.0}
        stop = asyncio.Event()

        async def write(key: str) -> None:
            value = 0
            while not stop.is_set():
                started = time.monotonic()
                await client.set(key, value)
                longest["gap"] = max(longest["gap"], time.monotonic() - started)
                acknowledged[key] = value
                value += 1
                await asyncio.sleep(0.001)

        tasks = [asyncio.create_task(write(key)) for key in keys]
        await asyncio.sleep(0.5)
        victim.kill()
        await eventually(lambda: client.node_of("key:0").port != victim.port)
        await asyncio.sleep(0.5)
        stop.set()
        await asyncio.gather(*tasks)
        assert longest["gap"] > 0.5
        for key in keys:
            assert int(await client.get(key) or -1) == acknowledged[key]
        assert client._router.refresh_count < 10 * (longest["gap"] + 2)  # refresh_interval_min_s is 0.1


async def test_a_stopped_primary_is_replaced_too(own_cluster: list[ServerProcess]) -> None:
    async with await client_of(own_cluster) as client:
        await client.set("key", 0)
        victim = primary_of(own_cluster, client, "key")
        victim.stop()
        assert await client.set("key", 1)
        assert client.node_of("key").port != victim.port
        assert await client.get("key") == b"1"


async def test_slots_move_under_load_without_an_error(own_cluster: list[ServerProcess]) -> None:
    async with await client_of(own_cluster) as client:
        tag = "{moving}"
        slot = key_slot(tag)
        source = client.node_of(tag)
        target = next(address for address in client.primaries() if address != source)
        keys = [f"{tag}:{n}" for n in range(200)]
        await client.mset(dict.fromkeys(keys, 0))
        stop = asyncio.Event()
        writes = {"count": 0}

        async def write(mine: list[str]) -> None:
            value = 0
            while not stop.is_set():
                value += 1
                for key in mine:
                    await client.set(key, value)
                    assert await client.get(key) == b"%d" % value
                assert await client.mget(*mine) == [b"%d" % value] * len(mine)
                writes["count"] += len(mine)

        tasks = [asyncio.create_task(write(keys[at::4])) for at in range(4)]
        await move_slot(slot, source, target)
        moved_at = writes["count"]
        await eventually(lambda: writes["count"] > moved_at + 200)
        stop.set()
        await asyncio.gather(*tasks)
        assert client.node_of(tag) == target


async def test_a_sharded_channel_is_followed_when_its_slot_moves(own_cluster: list[ServerProcess]) -> None:
    async with await client_of(own_cluster) as client:
        source = client.node_of("channel")
        target = next(address for address in client.primaries() if address != source)
        async with client.ssubscribe("channel") as messages:
            await move_slot(key_slot("channel"), source, target)
            async with asyncio.timeout(60):
                while await client.spublish("channel", "after the move") == 0:
                    await asyncio.sleep(0.02)
                assert (await messages.get()).data == b"after the move"
            assert client.node_of("channel") == target
            assert messages.gaps == 1


async def test_a_waiting_call_follows_its_slot(own_cluster: list[ServerProcess]) -> None:
    async with await client_of(own_cluster) as client:
        source = client.node_of("jobs")
        target = next(address for address in client.primaries() if address != source)
        waiting = [asyncio.create_task(client.blpop("jobs", 60)) for _ in range(3)]
        await asyncio.sleep(0.1)
        await move_slot(key_slot("jobs"), source, target)
        async with asyncio.timeout(30):
            for number in range(3):
                await client.rpush("jobs", number)
            taken = await asyncio.gather(*waiting)
        assert set(taken) == {(b"jobs", b"%d" % number) for number in range(3)}
        assert client.node_of("jobs") == target


async def test_a_waiting_call_outlives_a_failover_by_hand(own_cluster: list[ServerProcess]) -> None:
    async with await client_of(own_cluster) as client:
        old = client.node_of("jobs")
        waiting = asyncio.create_task(client.bzpopmin("jobs"))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(60):
            while not (client.topology and client.topology.replicas[old]):
                await client.refresh_topology()
            await client.call_node(client.topology.replicas[old][0], "CLUSTER", "FAILOVER")
            while client.node_of("jobs") == old:
                await client.refresh_topology()
                await asyncio.sleep(0.05)
            await client.zadd("jobs", {"a": 1})
            assert await waiting == (b"jobs", b"a", 1.0)


async def test_transactions_that_watch_survive_a_reshard(own_cluster: list[ServerProcess]) -> None:
    async with await client_of(own_cluster) as client:
        source = client.node_of("{t}")
        target = next(address for address in client.primaries() if address != source)
        stop = asyncio.Event()
        counted = {"runs": 0}

        async def count() -> None:
            async def add(pipe: Pipeline[bytes]) -> None:
                value = int(await pipe.get("{t}") or 0)
                pipe.multi()
                pipe.set("{t}", value + 1)

            while not stop.is_set():
                await client.transaction(add, "{t}", watch_delay=0.01)
                counted["runs"] += 1

        tasks = [asyncio.create_task(count()) for _ in range(3)]
        await asyncio.sleep(0.2)
        await move_slot(key_slot("{t}"), source, target)
        moved_at = counted["runs"]
        await eventually(lambda: counted["runs"] > moved_at + 20)
        stop.set()
        await asyncio.gather(*tasks)
        assert int(await client.get("{t}") or 0) == counted["runs"]
