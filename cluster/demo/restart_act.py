"""The demo's second act: a primary of a cluster is killed and restarted at once, without its data.

A supervisor restarts a crashed process within a fraction of the node timeout, so no other node finds it
down. It still owns its slots, by its nodes.conf, but what it held is gone; were it to serve them, every key
would be missing, and its replica would copy that. So it serves nobody and says so, until its replica, which
has the data, has been elected in its place.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from garrison.client import Client, connect
from garrison.cluster.core.topology import Address
from garrison.cluster.demo.cluster_act import (
    AFTER_S,
    FILLED_KEYS,
    TASKS_PER_SHARD,
    fill,
    findings_of,
    until_elected,
    until_in_step,
)
from garrison.cluster.demo.load import Load, Losses
from garrison.cluster.demo.story import Row, Story, loss_rows, show
from garrison.cluster.local.cluster import LocalCluster, LocalNode

NODE_TIMEOUT_MS = 5000
"""Long, so that the failover cannot be the work of nodes that find the primary down."""
GAP_S_MAX = 3.0
READ_BACK_CHUNK = 1000


@dataclass
class Result:
    """The measurements that the table shows."""

    down_s: float = 0.0
    killed: Address | None = None
    filled_lost: int = 0
    losses: Losses | None = None
    findings: list[str] = field(default_factory=list)


async def play(story: Story, command: Sequence[str]) -> bool:
    """Start six nodes, show what happens to them, stop them. Return whether every promise held."""
    settings = {"cluster-node-timeout": str(NODE_TIMEOUT_MS)}
    async with LocalCluster(command=command, settings=settings) as cluster:
        state = await cluster.wait_healthy()
        result = Result()
        story.tell(f"6 nodes serve all 16,384 slots, cluster-node-timeout {NODE_TIMEOUT_MS} ms")
        async with await connect([f"redis://{node.address}" for node in cluster.nodes]) as client:
            await fill(client)
            shards = {node.address: state.slots_of[node.id] for node in state.primaries}
            load = Load(client, shards, TASKS_PER_SHARD)
            load.start()
            story.tell(f"{FILLED_KEYS:,} keys written; {TASKS_PER_SHARD * len(shards)} tasks keep writing")
            await asyncio.sleep(AFTER_S)
            await _kill_and_restart(cluster, story, result)
            await asyncio.sleep(AFTER_S)
            await load.stop()
            result.losses = await load.read_back()
            result.filled_lost = await count_lost(client)
            story.tell(f"load stopped, {result.losses.keys + FILLED_KEYS:,} keys read back")
        result.findings = await findings_of(cluster)
    return show(
        "a primary restarted at once, without its data",
        _rows(load, result),
        [*load.first_errors, *result.findings],
        result.losses,
    )


async def _kill_and_restart(cluster: LocalCluster, story: Story, result: Result) -> None:
    """SIGKILL a primary, start it again before anybody has missed it, wait until its replica serves."""
    async with cluster.admin() as admin:
        state = await admin.cluster_state()
        victim = state.primaries[1]
        heir = state.replicas_of(victim.id)[0]
        node = cluster.node(victim.address)
        await node.kill()
        killed_at = time.monotonic()
        _forget_data(node)
        await cluster.restart(node)
        result.down_s, result.killed = time.monotonic() - killed_at, victim.address
        story.tell(
            f"SIGKILL for the primary {victim.address}, started again at once: "
            f"it answers {result.down_s:.2f} s later, without its data"
        )
        await until_elected(cluster, admin, heir.address)
        elapsed = time.monotonic() - killed_at - result.down_s
        story.tell(f"its replica {heir.address}, which has the data, was elected {elapsed:.2f} s after that")
        await until_in_step(cluster, admin, victim.address)
        story.tell(f"{victim.address} is its replica, in step")


def _forget_data(node: LocalNode) -> None:
    """Remove the files with keys, as a lost disk does; nodes.conf, which says who it is, stays."""
    for pattern in ("*.rdb", "appendonlydir/*"):
        for file in node.directory.glob(pattern):
            file.unlink()


async def count_lost(client: Client[bytes]) -> int:
    """How many of the keys that were there before the load are missing."""
    lost = 0
    for first in range(0, FILLED_KEYS, READ_BACK_CHUNK):
        keys = [f"filled:{number}" for number in range(first, first + READ_BACK_CHUNK)]
        lost += sum(value is None for value in await client.mget(*keys))
    return lost


def _rows(load: Load, result: Result) -> list[Row]:
    assert result.losses is not None
    killed = next(shard for shard in load.shards if shard.primary == result.killed)
    unnoticed = result.down_s < NODE_TIMEOUT_MS / 1000
    return [
        Row("acknowledged writes", f"{load.written:,}"),
        Row("errors seen by the callers", str(load.error_count), "0", not load.error_count),
        Row(
            "down for, with a node timeout of 5 s",
            f"{result.down_s:.2f} s",
            f"< {NODE_TIMEOUT_MS / 1000:.1f} s",
            unnoticed,
        ),
        Row(
            "longest time without a successful write, killed shard",
            f"{killed.longest_gap_s:.2f} s",
            f"<= {GAP_S_MAX:.1f} s",
            killed.longest_gap_s <= GAP_S_MAX,
        ),
        Row(
            "keys lost of those written before the load",
            f"{result.filled_lost} of {FILLED_KEYS:,}",
            "0",
            not result.filled_lost,
        ),
        *loss_rows(result.losses),
        Row("problems found by the check at the end", str(len(result.findings)), "0", not result.findings),
    ]
