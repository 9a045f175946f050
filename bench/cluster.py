"""How long writes stand still after a kill, and how long a reshard takes, on six local processes under load.

    python bench/cluster.py                 # kills at cluster-node-timeout 1000 and 5000, and a reshard
    python bench/cluster.py --kills 5

The load is that of `garrison demo`. The gap is the longest time without a write in the killed shard.
The reshard moves 1,000 slots that hold 100,000 keys of 32 bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

import uvloop

from garrison.client import Client, connect, key_slot
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.reshard_plan import plan_reshard
from garrison.cluster.demo.load import Load
from garrison.cluster.local.cluster import LocalCluster
from garrison.cluster.manager.key_by_key import KeyByKeyMigration
from garrison.cluster.manager.progress import Silent

TASKS_PER_SHARD = 16
SLOTS, KEYS = 1_000, 100_000


async def cluster_state_of(cluster: LocalCluster) -> ClusterState:
    async with cluster.admin() as admin:
        return await admin.cluster_state()


async def loaded(cluster: LocalCluster) -> tuple[Client[bytes], Load]:
    """A client and a load that has run for a second."""
    state = await cluster.wait_healthy()
    client = await connect([f"redis://{node.address}" for node in cluster.nodes])
    shards = {node.address: state.slots_of[node.id] for node in state.primaries}
    load = Load(client, shards, TASKS_PER_SHARD)
    load.start()
    await asyncio.sleep(1)
    return client, load


async def kill(timeout_ms: int) -> tuple[float, int]:
    """Seconds without a write in the shard whose primary is killed, and errors that callers saw."""
    async with LocalCluster(settings={"cluster-node-timeout": str(timeout_ms)}) as cluster:
        client, load = await loaded(cluster)
        victim = load.shards[0]
        await cluster.node(victim.primary).kill()
        await asyncio.sleep(timeout_ms / 1000 + 3)
        await load.stop()
        await client.close()
        return victim.longest_gap_s, load.error_count


async def reshard() -> tuple[float, float, int]:
    """Seconds for the slots and keys, the longest gap without a write, and errors that callers saw."""
    async with LocalCluster(settings={"cluster-node-timeout": "5000"}) as cluster:
        state = await cluster_state_of(cluster)
        target = state.primaries[0]
        moves = plan_reshard(state.slots_of, SLOTS, target.id)
        moving = {slot for move in moves for slot in move.slots}
        client, load = await loaded(cluster)
        names: list[str] = []
        number = 0
        while len(names) < KEYS:
            number += 1
            if key_slot(f"{{{number}}}") in moving:
                names.extend(f"{{{number}}}:{copy}" for copy in range(10))
        for first in range(0, KEYS, 1000):
            await client.mset(dict.fromkeys(names[first : first + 1000], "x" * 32))
        async with cluster.admin() as admin:
            addresses = {node.id: node.address for node in state.primaries}
            sizes = {node_id: status.bytes_per_key for node_id, status in state.statuses.items()}
            begun = time.monotonic()
            await KeyByKeyMigration(admin, addresses, Silent(), bytes_per_key=sizes).run(moves)
            elapsed = time.monotonic() - begun
        await load.stop()
        assert sum(value is not None for value in await client.mget(*names[:KEYS])) == KEYS
        await client.close()
        return elapsed, max(shard.longest_gap_s for shard in load.shards), load.error_count


async def measure(kills: int) -> None:
    for timeout_ms in (1000, 5000):
        gaps = [await kill(timeout_ms) for _ in range(kills)]
        seconds = sorted(gap for gap, _ in gaps)
        errors = sum(count for _, count in gaps)
        print(
            f"SIGKILL of a primary, cluster-node-timeout {timeout_ms}: writes flow again after "
            f"{statistics.median(seconds):.2f} s (worst of {kills}: {seconds[-1]:.2f} s), {errors} errors",
            flush=True,
        )
    elapsed, gap, errors = await reshard()
    print(
        f"{SLOTS:,} slots with {KEYS:,} keys moved under load in {elapsed:.2f} s, "
        f"longest gap {gap:.2f} s, {errors} errors"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=3, help="kills at each cluster-node-timeout")
    uvloop.run(measure(parser.parse_args().kills))


if __name__ == "__main__":
    main()
