"""The demo's last act: every node of a cluster is killed at once, and started again on its files.

The nodes keep an append-only file that is synced before each reply. So what was acknowledged is on the disk,
and a cluster that comes back as a whole has every key, without anybody's help.
"""

import asyncio
import time
from collections.abc import Sequence

from garrison.client import connect
from garrison.cluster.demo.cluster_act import TASKS_PER_SHARD, fill, findings_of
from garrison.cluster.demo.load import Load
from garrison.cluster.demo.restart_act import count_lost
from garrison.cluster.demo.story import Row, Story, loss_rows, show
from garrison.cluster.local.cluster import LocalCluster

SETTINGS = {"cluster-node-timeout": "2000", "appendonly": "yes", "appendfsync": "always"}
LOAD_S = 2.0
BACK_S_MAX = 20.0


async def play(story: Story, command: Sequence[str]) -> bool:
    """Start six nodes, kill and start them all, stop them. Return whether every promise held."""
    async with LocalCluster(command=command, settings=SETTINGS) as cluster:
        state = await cluster.wait_healthy()
        story.tell("6 nodes keep an append-only file, synced before each reply")
        urls = [f"redis://{node.address}" for node in cluster.nodes]
        async with await connect(urls) as client:
            await fill(client)
            shards = {node.address: state.slots_of[node.id] for node in state.primaries}
            load = Load(client, shards, TASKS_PER_SHARD)
            load.start()
            await asyncio.sleep(LOAD_S)
            await load.stop()
            story.tell(f"{load.written:,} acknowledged writes, the last of them just now")
        for node in cluster.nodes:
            await node.kill()
        killed_at = time.monotonic()
        story.tell("SIGKILL for all six nodes at once")
        await asyncio.gather(*(cluster.restart(node) for node in cluster.nodes))
        await cluster.wait_healthy()
        back_s = time.monotonic() - killed_at
        story.tell(f"all started again; the cluster serves after {back_s:.2f} s")
        async with await connect(urls) as client:
            load.use(client)
            losses = await load.read_back()
            filled_lost = await count_lost(client)
        findings = await findings_of(cluster)
    rows = [
        Row("acknowledged writes", f"{load.written:,}"),
        *promises(back_s, filled_lost),
        *loss_rows(losses),
    ]
    return show("a whole cluster killed and started again", rows, [*load.first_errors, *findings], losses)


def promises(back_s: float, filled_lost: int) -> list[Row]:
    """What is promised of the restart."""
    return [
        Row("all nodes back and serving", f"{back_s:.2f} s", f"<= {BACK_S_MAX:.0f} s", back_s <= BACK_S_MAX),
        Row("keys of before the load lost", str(filled_lost), "0", not filled_lost),
    ]
