"""Slots that move under writes, and whose source, target or manager fails: every acknowledged write is found.

Six real node processes serve all tests; each leaves the cluster healthy for the next one.
"""

# Commands of a pipeline are queued by the call; nobody has to await their results.
# mypy: disable-error-code="unused-coroutine"
from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from garrison.client import Client, ClientError, ReplyError, connect, key_slot
from garrison.cluster.core.check import check
from garrison.cluster.core.ranges import format_slots
from garrison.cluster.core.reshard_plan import Move
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.cluster import LocalCluster, LocalNode
from garrison.cluster.manager.key_by_key import KeyByKeyMigration
from garrison.cluster.manager.progress import Silent
from garrison.cluster.manager.slot_commands import set_slots
from tests.integration.group_on_hosts import until
from tests.integration.processes import wait_stopped
from tests.integration.shards import (
    Shard,
    ask_all,
    call,
    elected,
    shards_of,
    talking_to,
    write,
)
from tests.integration.test_cluster_manager import cli, start_cli

NODE_TIMEOUT_MS = 1500
MARKS = 2
TASKS = 16
BIG_BYTES = 40_000
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[LocalCluster]:
    async with LocalCluster(settings={"cluster-node-timeout": str(NODE_TIMEOUT_MS)}) as cluster:
        yield cluster


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(running: LocalCluster) -> AsyncIterator[LocalCluster]:
    """Empty, whole and at rest, before and after."""
    yield running
    for node in running.nodes:
        node.signal(signal.SIGCONT)
        if not node.running:
            await running.restart(node)
    await until(lambda: _repaired(running), "the cluster is mended")
    for shard in await shards_of(running):
        await call(shard.owner, "FLUSHALL")


async def _repaired(cluster: LocalCluster) -> bool:
    async with cluster.admin() as admin:
        state = await admin.cluster_state()
    findings = check(state)
    for node in state.primaries if any(each.code == "data-lost" for each in findings) else []:
        if state.statuses[node.id].data_lost:
            await call(cluster.node(node.address), "CLUSTER", "SERVE-EMPTY")
    if any(each.severity == "error" or each.code == "stray-keys" for each in findings):
        await cli("fix", cluster.nodes[0].address)
    assert not findings, findings
    return True


@pytest_asyncio.fixture(loop_scope="module")
async def client(cluster: LocalCluster) -> AsyncIterator[Client[bytes]]:
    await cluster.wait_healthy()
    async with await connect([f"redis://{node.address}" for node in cluster.nodes]) as connected:
        yield connected


class Counters:
    """Tasks that count in hashes of 40 KB each, and remember what was acknowledged."""

    def __init__(self, client: Client[bytes], keys: list[str], *, transaction: bool) -> None:
        self.client, self.keys, self.transaction = client, keys, transaction
        self.acknowledged: Counter[str] = Counter()
        self.errors: list[ClientError] = []
        self._stopping = False
        self._tasks = [asyncio.create_task(self._count(first)) for first in range(TASKS)]

    async def _count(self, first: int) -> None:
        while not self._stopping:
            for key in self.keys[first::TASKS]:
                try:
                    await self._increment(key)
                except ClientError as error:
                    self.errors.append(error)
                else:
                    self.acknowledged[key] += 1
            await asyncio.sleep(0)

    async def _increment(self, key: str) -> None:
        if not self.transaction:
            await self.client.hincrby(key, "count", 1)
            return
        async with self.client.pipeline(transaction=True) as pipe:
            pipe.hincrby(key, "count", 1)
            pipe.hget(key, "count")

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)


@pytest.mark.parametrize("transaction", [False, True], ids=["plain calls", "transactions"])
async def test_a_reshard_to_and_fro_keeps_every_increment(
    cluster: LocalCluster, client: Client[bytes], transaction: bool
) -> None:
    slot = key_slot("{moving}")
    keys = [f"{{moving}}:{number}" for number in range(400)]
    for key in keys:
        await client.hset(key, {"payload": "x" * BIG_BYTES, "count": 0})
    counters = Counters(client, keys, transaction=transaction)
    for _ in range(MARKS):
        target = next(shard for shard in await shards_of(cluster) if slot not in shard.slots)
        words = ("--ranges", str(slot), "--to", target.id, "--yes")
        answer = await cli("reshard", cluster.nodes[0].address, *words)
        assert answer.exit_code == 0, answer.out + answer.err
    await counters.stop()
    assert counters.errors == []
    assert len(counters.acknowledged) == len(keys), "some key was never written to"
    found = {key: int(await client.hget(key, "count") or 0) for key in keys}
    lost = {key: count - found[key] for key, count in counters.acknowledged.items() if found[key] < count}
    assert not lost, f"{sum(lost.values())} of {counters.acknowledged.total()} increments are lost"


def some_slots(shard: Shard, count: int = 20) -> tuple[int, ...]:
    return tuple(sorted(shard.slots)[:count])


def values_in(slots: tuple[int, ...], count: int) -> dict[str, str]:
    """Keys of these slots, and a value for each."""
    numbers = (number for number in range(10_000_000) if key_slot(f"key:{number}") in slots)
    return {f"key:{number}": str(number) for number, _ in zip(numbers, range(count), strict=False)}


async def mark(source: Shard, target: Shard, slots: tuple[int, ...]) -> None:
    """Open the slots as a migration does: on the target, then on the source."""
    for node, state, peer in ((target, "IMPORTING", source.id), (source, "MIGRATING", target.id)):
        replies = await ask_all(node.owner, [tuple(each) for each in set_slots(slots, state, peer)])
        assert replies == [b"OK"] * len(slots)


async def migrate(source: Shard, target: Shard, keys: Iterable[str], timeout_ms: int = 10_000) -> list[Any]:
    """MIGRATE them, each by itself; the replies."""
    host, port = target.owner.address.host, target.owner.address.port
    return await ask_all(source.owner, [("MIGRATE", host, port, key, 0, timeout_ms) for key in keys])


async def demand_values(client: Client[bytes], values: dict[str, str]) -> None:
    found = await client.mget(*values)
    wrong = {key: got for key, got in zip(values, found, strict=True) if got != values[key].encode()}
    assert not wrong, f"{len(wrong)} of {len(values)} keys are lost or wrong: {dict(list(wrong.items())[:5])}"


async def demand_finished(cluster: LocalCluster, slots: tuple[int, ...], owners: set[str]) -> None:
    """Finish what is open, and demand that one of these nodes owns all of the slots."""

    async def fixed() -> bool:
        entry = next(node for node in cluster.nodes if node.running).address
        answer = await cli("fix", entry)
        assert answer.exit_code == 0, answer.out + answer.err
        async with cluster.admin() as admin:
            state = await admin.cluster_state()
        return not state.open_slots and {state.owners.get(slot) for slot in slots} <= owners

    await until(fixed, "fix finishes the move")


async def id_of(node: LocalNode) -> str:
    name: bytes = await call(node, "CLUSTER", "MYID")
    return name.decode()


async def reshard_for_a_while(cluster: LocalCluster, slots: tuple[int, ...], target: Shard) -> None:
    """Let a reshard run to its end, or until it has tried for some time."""
    words = ("--ranges", format_slots(slots), "--to", target.id, "--yes")
    process = await start_cli("reshard", cluster.nodes[0].address, *words)
    try:
        async with asyncio.timeout(2 * NODE_TIMEOUT_MS / 1000):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()


@pytest.mark.parametrize("what_of_the_replica", [signal.SIGKILL, signal.SIGSTOP], ids=["absent", "behind"])
async def test_a_target_without_its_replica_takes_no_key(
    cluster: LocalCluster, client: Client[bytes], what_of_the_replica: signal.Signals
) -> None:
    """The target is killed after the reshard, and its replica took nothing: all keys are at the source."""
    source, target, _ = await shards_of(cluster)
    slots = some_slots(source)
    values = values_in(slots, 1_000)
    await write(source.owner, values, copies=1)
    if what_of_the_replica is signal.SIGKILL:
        await target.replicas[0].kill()
    else:
        await stop(target.replicas[0])
    await reshard_for_a_while(cluster, slots, target)
    await target.owner.kill()
    replies = await ask_all(source.owner, [("GET", key) for key in values])
    assert replies == [value.encode() for value in values.values()]


async def stop(node: LocalNode) -> None:
    node.signal(signal.SIGSTOP)
    assert node.process is not None
    await asyncio.to_thread(wait_stopped, node.process.pid)


async def test_a_replica_of_a_killed_source_goes_on_with_the_move(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    """Keys that have moved already count on from where they were, and fix ends the move."""
    source, target, _ = await shards_of(cluster)
    slots = some_slots(source)
    values = values_in(slots, 200)
    await write(source.owner, values, copies=1)
    await mark(source, target, slots)
    assert set(await migrate(source, target, list(values)[::2])) == {b"OK"}
    await source.owner.kill()
    heir = source.replicas[0]
    await elected(heir)
    counted = {key: str(await client.incr(key)) for key in values}
    assert counted == {key: str(int(value) + 1) for key, value in values.items()}
    await cluster.restart(source.owner)
    await demand_finished(cluster, slots, {target.id})
    await demand_values(client, counted)


@dataclass
class HeldUpMigration(KeyByKeyMigration):
    """A migration that stands still between its last listing and the hand-over, as one that got SIGSTOP."""

    at_rest: asyncio.Event = field(default_factory=asyncio.Event)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def hand_over(self, window: Move) -> None:
        self.at_rest.set()
        await self.woken.wait()
        await super().hand_over(window)


async def test_a_mover_that_slept_through_a_failover_loses_nothing(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    source, target, third = await shards_of(cluster)
    slots = some_slots(source)
    old, new = values_in(slots, 100), {f"{{{key}}}new": "1" for key in values_in(slots, 100)}
    await write(source.owner, old, copies=1)
    addresses = {shard.id: shard.primary.address for shard in (source, target, third)}
    heir = source.replicas[0]
    async with cluster.admin() as admin:
        migration = HeldUpMigration(admin, addresses, Silent())
        moving = asyncio.create_task(migration.run([Move(source.id, target.id, slots)]))
        await migration.at_rest.wait()
        await source.owner.kill()
        await elected(heir)
        for key, value in new.items():
            await client.set(key, value)
        await cluster.restart(source.owner)
        await cluster.wait_healthy()
        migration.woken.set()
        with contextlib.suppress(ManagerError):
            await moving
    await demand_finished(cluster, slots, {target.id, await id_of(heir)})
    await demand_values(client, old | new)


async def test_a_late_copy_of_a_deleted_key_does_not_come_back(
    cluster: LocalCluster, client: Client[bytes]
) -> None:
    """MIGRATE was carried out while its answer got lost; then the key was deleted, and the move went on."""
    source, target, _ = await shards_of(cluster)
    slots = some_slots(source, 1)
    deleted, kept = values_in(slots, 2)
    await write(source.owner, {deleted: "old", kept: "here"}, copies=1)
    await mark(source, target, slots)
    await stop(target.owner)
    try:
        (reply,) = await migrate(source, target, [deleted], timeout_ms=100)
        assert "IOERR" in str(reply)
    finally:
        target.owner.signal(signal.SIGCONT)
    await until(lambda: count_keys(target.owner, slots[0]), "the late copy has arrived")
    assert await client.delete(deleted) == 1
    await demand_finished(cluster, slots, {target.id})
    assert await client.mget(deleted, kept) == [None, b"here"]


async def count_keys(node: LocalNode, slot: int) -> bool:
    return bool(await call(node, "CLUSTER", "COUNTKEYSINSLOT", slot))


async def test_a_slot_on_its_way_is_not_sent_elsewhere(cluster: LocalCluster, client: Client[bytes]) -> None:
    source, target, third = await shards_of(cluster)
    slots = some_slots(source, 1)
    await mark(source, target, slots)
    with pytest.raises(ReplyError, match="already migrating"):
        await call(source.owner, "CLUSTER", "SETSLOT", slots[0], "MIGRATING", third.id)
    assert await call(source.owner, "CLUSTER", "SETSLOT", slots[0], "STABLE") == b"OK"
    assert await call(source.owner, "CLUSTER", "SETSLOT", slots[0], "MIGRATING", third.id) == b"OK"


async def test_one_key_named_twice_is_served_during_a_move(cluster: LocalCluster) -> None:
    """Only commands with keys of both sides have to be tried again."""
    source, target, _ = await shards_of(cluster)
    slots = some_slots(source, 1)
    key, other = values_in(slots, 2)
    await write(source.owner, {other: "1"})
    await mark(source, target, slots)
    async with talking_to(source.owner) as connection:
        with pytest.raises(ReplyError, match=r"^ASK "):
            await connection.call("MGET", key, key)
        with pytest.raises(ReplyError, match=r"^TRYAGAIN "):
            await connection.call("MGET", key, other)
    transaction = [("ASKING",), ("MULTI",), ("SET", key, "1"), ("EXPIRE", key, "100"), ("EXEC",)]
    assert (await ask_all(target.owner, transaction))[-1] == [b"OK", 1]


async def test_exec_with_control_commands_obeys_a_slot_that_left(cluster: LocalCluster) -> None:
    """The slot leaves while EXEC waits for the control plane's answers."""
    source, target, _ = await shards_of(cluster)
    slots = some_slots(source, 1)
    (key,) = values_in(slots, 1)
    assert await call(target.owner, "CLUSTER", "SETSLOT", slots[0], "IMPORTING", source.id) == b"OK"
    async with talking_to(source.owner) as busy, talking_to(source.owner) as other:
        await busy.call_many([("MULTI",), ("SET", key, "lost"), *[("CONFIG", "GET", "*")] * 300])
        executing = asyncio.create_task(busy.call("EXEC"))
        await asyncio.sleep(0.01)
        assert await other.call("CLUSTER", "SETSLOT", slots[0], "NODE", target.id) == b"OK"
        assert not executing.done(), "the control plane was too quick for this test"
        assert await call(target.owner, "CLUSTER", "SETSLOT", slots[0], "NODE", target.id) == b"OK"
        with pytest.raises(ReplyError, match="MOVED"):
            await executing
    assert await call(target.owner, "GET", key) is None
