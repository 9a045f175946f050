"""Six real node processes under a load of writes: killed, stopped, woken, and restarted one by one."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from garrison.client import Client, Connection, ReplyError, connect, key_slot, open_connection
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.demo.load import Load
from garrison.cluster.local.cluster import LocalCluster, LocalNode
from tests.integration.processes import wait_stopped

NODE_TIMEOUT_MS = 1000
SERVED_AGAIN_SECONDS_MAX = 60.0
TASKS_PER_SHARD = 4
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[LocalCluster]:
    async with LocalCluster(settings={"cluster-node-timeout": str(NODE_TIMEOUT_MS)}) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(cluster: LocalCluster) -> AsyncIterator[Client[bytes]]:
    await cluster.wait_healthy()
    client = await connect([f"redis://{node.address}" for node in cluster.nodes])
    yield client
    await client.close()


async def cluster_state_of(cluster: LocalCluster) -> ClusterState:
    async with cluster.admin() as admin:
        return await admin.cluster_state()


async def start_load(cluster: LocalCluster, client: Client[bytes]) -> Load:
    state = await cluster_state_of(cluster)
    shards = {node.address: state.slots_of[node.id] for node in state.primaries}
    load = Load(client, shards, TASKS_PER_SHARD)
    load.start()
    await asyncio.sleep(0.5)
    return load


async def stop_and_judge(load: Load) -> None:
    """No error reached a caller, and nothing that a replica had confirmed is missing."""
    await load.stop()
    losses = await load.read_back()
    assert load.error_count == 0, load.first_errors
    assert load.written > 0
    assert losses.confirmed == 0


def victim_of(state: ClusterState, cluster: LocalCluster, position: int) -> tuple[Node, LocalNode, Address]:
    """A primary, its process, and the address of its replica."""
    primary = state.primaries[position]
    return primary, cluster.node(primary.address), state.replicas_of(primary.id)[0].address


async def becomes_primary(address: Address) -> None:
    deadline = time.monotonic() + SERVED_AGAIN_SECONDS_MAX
    while True:
        connection = await open_connection(address.host, address.port)
        try:
            role = await connection.call("ROLE")
        finally:
            await connection.close()
        if role[0] == b"master":
            return
        assert time.monotonic() < deadline, f"{address} was not elected"
        await asyncio.sleep(0.05)


async def test_a_killed_primary_is_replaced_and_comes_back(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    load = await start_load(cluster, client)
    _, process, heir = victim_of(await cluster_state_of(cluster), cluster, 0)
    await process.kill()
    await becomes_primary(heir)
    await asyncio.sleep(0.5)
    await cluster.restart(process)
    await cluster.wait_healthy()
    await stop_and_judge(load)


async def test_a_killed_replica_disturbs_nobody(cluster: LocalCluster, client: Client[bytes]) -> None:
    load = await start_load(cluster, client)
    _, _, replica = victim_of(await cluster_state_of(cluster), cluster, 1)
    await cluster.node(replica).kill()
    await asyncio.sleep(2 * NODE_TIMEOUT_MS / 1000)
    await cluster.restart(cluster.node(replica))
    await cluster.wait_healthy()
    await stop_and_judge(load)


async def test_a_stopped_primary_acknowledges_nothing_when_it_wakes(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    """A write that waits in its socket while it sleeps through a failover must not be answered OK."""
    state = await cluster_state_of(cluster)
    primary, process, heir = victim_of(state, cluster, 0)
    key = next(
        name for name in (f"wake:{n}" for n in range(100_000)) if key_slot(name) in state.slots_of[primary.id]
    )
    late = [await open_connection(primary.address.host, primary.address.port, timeout=30) for _ in range(3)]
    process.signal(signal.SIGSTOP)
    assert process.process is not None
    wait_stopped(process.process.pid)
    writes = [asyncio.create_task(connection.call("SET", key, "too late")) for connection in late]
    try:
        await becomes_primary(heir)
        await client.set(key, "new")
    finally:
        process.signal(signal.SIGCONT)
    for outcome in await asyncio.gather(*writes, return_exceptions=True):
        assert isinstance(outcome, Exception), f"acknowledged {outcome!r} after the failover"
    for connection in late:
        await connection.close()
    await cluster.wait_healthy()
    assert await client.get(key) == b"new"


async def test_a_primary_without_its_majority_stops_writing(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    """Two of three primaries sleep, with all replicas: the third must refuse before anyone else could win."""
    state = await cluster_state_of(cluster)
    alone = state.primaries[0]
    others = [node for node in cluster.nodes if node.address != alone.address]
    key = next(
        name for name in (f"alone:{n}" for n in range(100_000)) if key_slot(name) in state.slots_of[alone.id]
    )
    connection = await open_connection(alone.address.host, alone.address.port)
    assert await connection.call("SET", key, "before") == b"OK"
    for node in others:
        node.signal(signal.SIGSTOP)
    try:
        assert await first_refusal(connection, key) == "CLUSTERDOWN"
    finally:
        for node in others:
            node.signal(signal.SIGCONT)
        await connection.close()
    await cluster.wait_healthy()


async def first_refusal(connection: Connection, key: str) -> str:
    """Write until the node refuses; the code of its error. It has its lease and a slow machine's delays."""
    deadline = time.monotonic() + NODE_TIMEOUT_MS / 1000 + 15.0
    while time.monotonic() < deadline:
        try:
            await connection.call("SET", key, "during")
        except ReplyError as error:
            return error.code
        await asyncio.sleep(0.05)
    return "it goes on acknowledging writes alone"


async def test_every_node_is_restarted_under_load(cluster: LocalCluster, client: Client[bytes]) -> None:
    """A rolling restart as docs/admin.md has it: a primary hands over first, as it comes back empty."""
    load = await start_load(cluster, client)
    for node in cluster.nodes:
        state = await cluster_state_of(cluster)
        primary = next((each for each in state.primaries if each.address == node.address), None)
        if primary is not None:
            heir = state.replicas_of(primary.id)[0].address
            async with cluster.admin() as admin:
                await admin.call(heir, "CLUSTER", "FAILOVER")
            await becomes_primary(heir)
            await cluster.wait_healthy()
        await node.stop()
        await asyncio.sleep(0.2)
        await cluster.restart(node)
        await cluster.wait_healthy()
    await stop_and_judge(load)
