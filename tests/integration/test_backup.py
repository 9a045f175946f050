"""Backups of a cluster of real processes, restored into other shapes."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from garrison.client import Client, connect
from garrison.cluster.backup.backup_commands import RestoreRequest, create, restore, verify
from garrison.cluster.backup.core.record import BackupRecord
from garrison.cluster.backup.target import FolderTarget
from garrison.cluster.local.cluster import LocalCluster
from garrison.cluster.manager.session import Session
from tests.unit.cluster.backup.conftest import address_of, started_node

KEYS = 5_000
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[LocalCluster]:
    async with LocalCluster(primaries=3, replicas=1) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(cluster: LocalCluster) -> AsyncIterator[Client[bytes]]:
    """A client of the cluster, which has ``KEYS`` keys and no others."""
    async with await connect([f"redis://{node.address}" for node in cluster.nodes]) as connected:
        await connected.flushall()
        await connected.mset({f"key:{number}": str(number) for number in range(KEYS)})
        yield connected


@pytest.fixture
def target(tmp_path: Path) -> FolderTarget:
    return FolderTarget(tmp_path / "backups")


async def take(cluster: LocalCluster, target: FolderTarget, *, incremental: bool = False) -> BackupRecord:
    entry = next(node.address for node in cluster.nodes if node.running)
    return (await create(Session(), target, entry, incremental=incremental)).backup


async def demand_values(client: Client[bytes], count: int = KEYS) -> None:
    wanted = [str(number).encode() for number in range(count)]
    assert await client.mget([f"key:{number}" for number in range(count)]) == wanted


async def test_cluster_is_restored_into_node_and_back(
    cluster: LocalCluster, client: Client[bytes], target: FolderTarget, tmp_path: Path
) -> None:
    record = await take(cluster, target)
    assert len(record.shards) == 3
    assert (record.keys, sum(len(shard.slot_set) for shard in record.shards)) == (KEYS, 16384)
    assert sum(shard.keys for shard in (await verify(Session(), target, record.id)).shards) == KEYS
    async with started_node(tmp_path / "node") as alone:
        await restore(Session(), target, RestoreRequest(record.id, address_of(alone)))
        await demand_values(alone)
        other = FolderTarget(tmp_path / "other")
        single = (await create(Session(), other, address_of(alone))).backup
    await client.flushall()
    await restore(Session(), other, RestoreRequest(single.id, cluster.nodes[0].address))
    await demand_values(client)


async def test_increment_goes_on_after_a_failover(
    cluster: LocalCluster, client: Client[bytes], target: FolderTarget
) -> None:
    first = await take(cluster, target)
    await client.set("before", "1")
    shard = first.shards[0]
    primary = next(node for node in cluster.nodes if str(node.address) == shard.address)
    await primary.kill()
    async with asyncio.timeout(60):
        while shard.address in {str(address) for address in client.primaries()}:
            await asyncio.sleep(0.1)
            await client.refresh_topology()
    try:
        await client.mset({f"key:{number}": "changed" for number in range(10)})
        second = await take(cluster, target, incremental=True)
    finally:
        await cluster.restart(primary)
        await cluster.wait_healthy()
    assert {each.file.kind for each in second.shards} == {"increment"}
    assert shard.address not in {each.address for each in second.shards}
    await verify(Session(), target, second.id)
    await client.flushall()
    await restore(Session(), target, RestoreRequest(second.id, cluster.nodes[0].address))
    assert await client.mget("before", "key:0", "key:10") == [b"1", b"changed", b"10"]


async def test_slot_on_its_way_is_warned_of(
    cluster: LocalCluster, client: Client[bytes], target: FolderTarget
) -> None:
    async with cluster.admin() as admin:
        state = await admin.cluster_state()
        source = state.nodes[state.owners[0]]
        other = next(node for node in state.primaries if node.id != source.id)
        await admin.call(other.address, "CLUSTER", "SETSLOT", 0, "IMPORTING", source.id)
        record = await take(cluster, target)
        await admin.call(other.address, "CLUSTER", "SETSLOT", 0, "STABLE")
    assert "slots 0 were moving" in record.warnings[0]
    assert (await take(cluster, target)).warnings == []


async def test_backups_under_writes_are_whole(
    cluster: LocalCluster, client: Client[bytes], target: FolderTarget
) -> None:
    count = 0

    async def write() -> None:
        nonlocal count
        while True:
            async with client.pipeline(transaction=True) as pipe:
                pipe.incr("{t}:a")
                pipe.incr("{t}:b")
            count += 1

    await take(cluster, target)
    writing = asyncio.create_task(write())
    for _ in range(3):
        await asyncio.sleep(0.2)
        last = await take(cluster, target, incremental=True)
    writing.cancel()
    assert last.parent
    await verify(Session(), target, last.id)
    await client.flushall()
    await restore(Session(), target, RestoreRequest(last.id, cluster.nodes[0].address))
    a, b = map(int, filter(None, await client.mget("{t}:a", "{t}:b")))
    assert a == b
    assert 0 < a <= count + 1


async def test_ctrl_c_leaves_no_half_backup(
    cluster: LocalCluster, client: Client[bytes], target: FolderTarget
) -> None:
    await take(cluster, target)
    before = await target.folders()
    words = [
        "create",
        str(target.path),
        "--from",
        str(cluster.nodes[0].address),
        "--incremental",
        "--for",
        "1h",
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "garrison", "backup", *words, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        while len(await target.folders()) == len(before):
            await asyncio.sleep(0.05)
    # Twice before the first was heeded: at once.
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, err = await process.communicate()
    assert process.returncode == 4, err
    assert await target.folders() == before


async def test_real_redis_is_backed_up(target: FolderTarget, tmp_path: Path) -> None:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not here")
    async with started_node(tmp_path / "redis", command=[program]) as redis:
        await redis.mset({f"key:{number}": str(number) for number in range(KEYS)})
        first = (await create(Session(), target, address_of(redis))).backup
        await redis.set("later", "1")
        second = (await create(Session(), target, address_of(redis), incremental=True)).backup
    assert (first.keys, second.parent) == (KEYS, first.id)
    assert [shard.keys for shard in (await verify(Session(), target, second.id)).shards] == [KEYS + 1]
