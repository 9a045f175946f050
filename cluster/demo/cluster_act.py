"""The demo's first act: a cluster of six nodes under load, a primary killed, 1,000 slots moved."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from garrison.client import Client, connect
from garrison.cluster.core.topology import Address
from garrison.cluster.demo.load import Load, Losses
from garrison.cluster.demo.story import Row, Story, loss_rows, show
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.cluster import POLL_INTERVAL_S, LocalCluster, LocalNode
from garrison.cluster.manager.admin_client import AdminClient
from garrison.cluster.manager.progress import Meter

NODE_TIMEOUT_MS = 1000
GAP_S_MAX = NODE_TIMEOUT_MS / 1000 + 1.5
SLOTS_MOVED = 1000
STEADY_S = 3.0
AFTER_S = 1.0
TASKS_PER_SHARD = 16
FILLED_KEYS = 100_000
FAILOVER_TIMEOUT_S = 20.0


@dataclass
class Result:
    """The measurements that the table shows."""

    elected_s: float = 0.0
    steady_per_s: float = 0.0
    meter: Meter | None = None
    losses: Losses | None = None
    findings: list[str] = field(default_factory=list)
    killed: Address | None = None


async def play(story: Story, command: Sequence[str]) -> bool:
    """Start six nodes, show what happens to them, stop them. Return whether every promise held."""
    settings = {"cluster-node-timeout": str(NODE_TIMEOUT_MS)}
    async with LocalCluster(command=command, settings=settings) as cluster:
        return await _tell_the_story(cluster, story)


async def _tell_the_story(cluster: LocalCluster, story: Story) -> bool:
    result = Result()
    state = await cluster.wait_healthy()
    story.tell(f"6 nodes serve all 16,384 slots ({cluster.url}, cluster-node-timeout {NODE_TIMEOUT_MS} ms)")
    async with await connect([f"redis://{node.address}" for node in cluster.nodes]) as client:
        await fill(client)
        shards = {node.address: state.slots_of[node.id] for node in state.primaries}
        load = Load(client, shards, TASKS_PER_SHARD)
        load.start()
        story.tell(f"{FILLED_KEYS:,} keys written; {TASKS_PER_SHARD * len(shards)} tasks keep writing")
        await asyncio.sleep(STEADY_S)
        result.steady_per_s = load.written / STEADY_S
        story.tell(f"{result.steady_per_s:,.0f} acknowledged writes a second")
        await _kill_a_primary(cluster, story, result)
        await asyncio.sleep(AFTER_S)
        await _reshard(cluster, story, result)
        await asyncio.sleep(AFTER_S)
        await load.stop()
        result.losses = await load.read_back()
        story.tell(f"load stopped, {result.losses.keys:,} keys read back")
    result.findings = await findings_of(cluster)
    notes = [*load.first_errors, *result.findings]
    return show("a cluster of six nodes", _rows(load, result), notes, result.losses)


async def fill(client: Client[bytes]) -> None:
    """Write the keys that are there before the load begins."""
    for first in range(0, FILLED_KEYS, 1000):
        await client.mset({f"filled:{number}": "x" * 32 for number in range(first, first + 1000)})


async def _kill_a_primary(cluster: LocalCluster, story: Story, result: Result) -> None:
    """SIGKILL a primary, wait until its replica serves, start the dead node again as the new replica."""
    async with cluster.admin() as admin:
        state = await admin.cluster_state()
        victim = state.primaries[1]
        heir = state.replicas_of(victim.id)[0]
        await cluster.node(victim.address).kill()
        killed_at = time.monotonic()
        story.tell(f"SIGKILL for the primary {victim.address} with {len(state.slots_of[victim.id]):,} slots")
        result.killed = victim.address
        await until_elected(cluster, admin, heir.address)
        result.elected_s = time.monotonic() - killed_at
        story.tell(f"its replica {heir.address} was elected {result.elected_s:.2f} s later")
        await cluster.restart(cluster.node(victim.address))
        await until_in_step(cluster, admin, victim.address)
        story.tell(f"{victim.address} is back as its replica, in step")


async def until_elected(cluster: LocalCluster, admin: AdminClient, heir: Address) -> None:
    """Wait until a replica says that it is a primary."""

    async def not_elected() -> str:
        return "" if (await admin.view(heir)).myself.is_primary else "its replica was not elected"

    await _until_no(not_elected, cluster.node(heir))


async def until_in_step(cluster: LocalCluster, admin: AdminClient, returned: Address) -> None:
    """Wait until all nodes agree and every replica has its primary's data."""
    from garrison.cluster.manager.form import unready

    async def not_in_step() -> str:
        return unready(await admin.cluster_state(), len(cluster.nodes), 3)

    await _until_no(not_in_step, cluster.node(returned))


async def _until_no(problem: Callable[[], Awaitable[str]], node: LocalNode) -> None:
    """Wait until the problem is gone; on a timeout show the problem and a node's log."""
    deadline = time.monotonic() + FAILOVER_TIMEOUT_S
    while text := await problem():
        if time.monotonic() > deadline:
            log = f"the log of {node.address} ends:\n{node.last_words()}"
            raise ManagerError(f"after {FAILOVER_TIMEOUT_S:.0f} s: {text}; {log}")
        await asyncio.sleep(POLL_INTERVAL_S)


async def _reshard(cluster: LocalCluster, story: Story, result: Result) -> None:
    from garrison.cluster.core.reshard_plan import plan_reshard
    from garrison.cluster.manager.key_by_key import KeyByKeyMigration
    from garrison.cluster.manager.progress import Silent

    async with cluster.admin() as admin:
        state = await admin.cluster_state()
        target = state.primaries[0]
        moves = plan_reshard(state.slots_of, SLOTS_MOVED, target.id)
        addresses = {node.id: node.address for node in state.primaries}
        sizes = {node_id: status.bytes_per_key for node_id, status in state.statuses.items()}
        story.tell(f"moving {SLOTS_MOVED:,} slots to {target.address} under the load")
        migration = KeyByKeyMigration(admin, addresses, Silent(), bytes_per_key=sizes)
        started = time.monotonic()
        await migration.run(moves)
        meter = result.meter = migration.meter
        elapsed = time.monotonic() - started
    story.tell(f"{meter.slots_moved:,} slots with {meter.keys_moved:,} keys moved in {elapsed:.2f} s")


async def findings_of(cluster: LocalCluster) -> list[str]:
    """The findings of the check once the cluster has settled."""
    from garrison.cluster.core.check import check

    await cluster.wait_healthy()
    async with cluster.admin() as admin:
        # Everything is on one host here, so placement says nothing.
        return [f"{f.severity}: {f.message}" for f in check(await admin.cluster_state())]


def _rows(load: Load, result: Result) -> list[Row]:
    """The table: what was measured, what is promised, whether it holds."""
    assert result.losses is not None
    assert result.meter is not None
    killed = next(shard for shard in load.shards if shard.primary == result.killed)
    others = [shard for shard in load.shards if shard is not killed]
    return [
        Row("acknowledged writes", f"{load.written:,}"),
        Row("errors seen by the callers", str(load.error_count), "0", not load.error_count),
        Row(
            "longest time without a successful write, killed shard",
            f"{killed.longest_gap_s:.2f} s",
            f"<= {GAP_S_MAX:.1f} s",
            killed.longest_gap_s <= GAP_S_MAX,
        ),
        Row("  the same, other shards", f"{max(s.longest_gap_s for s in others):.2f} s"),
        Row(
            "slots moved under load",
            f"{result.meter.slots_moved:,}",
            f"{SLOTS_MOVED:,}",
            result.meter.slots_moved == SLOTS_MOVED,
        ),
        *loss_rows(result.losses),
        Row("problems found by the check at the end", str(len(result.findings)), "0", not result.findings),
    ]
