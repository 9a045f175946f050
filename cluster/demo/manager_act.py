"""The demo's act of the manager: it relieves a hot shard and replaces a dead replica, by itself.

All load goes to the keys of one shard, which is beyond the limit that the desired state sets; then a replica
is killed for good, beside an idle node that the manager may take; then a primary is. What is measured is how
long each takes until it is mended, or seen, and what the callers saw.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from garrison.client import connect
from garrison.cluster.core.manager.desired import Balance, DesiredState, Limits
from garrison.cluster.core.manager.jobs import Job, JobKind
from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.topology import Address
from garrison.cluster.daemon.manager_calls import RemoteManager
from garrison.cluster.demo.cluster_act import TASKS_PER_SHARD, fill, findings_of
from garrison.cluster.demo.load import Load
from garrison.cluster.demo.story import Row, Story, loss_rows, show
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.cluster import LocalCluster, LocalNode
from garrison.cluster.local.ports import HOST, free_ports

SETTINGS = {"cluster-node-timeout": "1000", "cluster-slot-stats-enabled": "yes"}
MEASURE_S = 4.0
LIMIT_FRACTION = 0.5
"""The limit of a shard, as a part of the load that all goes to one."""
LOAD_WINDOW_S = 3.0
DEAD_AFTER_S = 2.0
RELIEVED_S_MAX = 60.0
REPLACED_S_MAX = 60.0
SEEN_S_MAX = 1.0
"""How long after the new primary serves the manager's picture may take to show it."""
SEEN_POLL_S = 0.02
POLL_S = 0.2
TIMEOUT_S = 30.0
LEASE_MS = 2_000


@dataclass
class Measured:
    """What the table shows."""

    before_per_s: float = 0.0
    after_per_s: float = 0.0
    relieved_s: float = 0.0
    replaced_s: float = 0.0
    seen_s: float = 0.0


async def play(story: Story, command: Sequence[str]) -> bool:
    """Start six nodes, a spare and a manager, load one shard, kill a replica. Whether every promise held."""
    spare_port, manager_port = free_ports(2)
    async with LocalCluster(command=command, settings=SETTINGS) as cluster:
        spare = LocalNode(Address(HOST, spare_port), cluster.directory / str(spare_port))
        manager = cluster.add_manager(manager_port, "--lease-ms", str(LEASE_MS))
        try:
            await spare.start(command, cluster.settings)
            await cluster.wait_ready(spare)
            await manager.start()
            story.tell(
                f"6 nodes, an idle one at {spare.address}, and a manager with its page at {manager.url}"
            )
            return await _tell_the_story(cluster, spare, Desk(manager.url), story)
        finally:
            await spare.stop()


class Desk:
    """What is asked of the manager, over its HTTP API."""

    def __init__(self, url: str) -> None:
        self._manager = RemoteManager(url, "", None, TIMEOUT_S)

    async def apply(self, desired: DesiredState) -> None:
        """Store what is wanted, as soon as the manager leads."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            reply = await self._manager.call("PUT", "/api/desired", desired.model_dump_json().encode())
            if reply.status < 400:
                return
            if time.monotonic() > deadline:
                reply.document()
            await asyncio.sleep(POLL_S)

    async def picture(self) -> Picture:
        """What the manager knows."""
        return Picture.model_validate((await self._manager.call("GET", "/api/picture")).document())

    async def wait_for(self, kind: JobKind, story: Story, until: Callable[[Picture], bool]) -> None:
        """Tell what a job of this kind is about, and wait until it is done and the picture agrees."""
        deadline, told = time.monotonic() + max(RELIEVED_S_MAX, REPLACED_S_MAX), ""
        while True:
            found = (await self._manager.call("GET", "/api/jobs")).document()
            jobs = [job for job in map(Job.model_validate, found) if job.kind is kind]
            if jobs and jobs[-1].id != told:
                told = jobs[-1].id
                story.tell(f"manager: {jobs[-1].title}, because {jobs[-1].reason}")
            picture = await self.picture()
            if jobs and all(job.state.has_ended for job in jobs) and until(picture):
                return
            if time.monotonic() > deadline:
                seen = "; ".join(f"{job.id} is {job.state} {job.why or job.waits_for}" for job in jobs)
                raise ManagerError(f"no {kind} job came to its end: {seen or 'there was none'}")
            await asyncio.sleep(POLL_S)


async def _tell_the_story(cluster: LocalCluster, spare: LocalNode, desk: Desk, story: Story) -> bool:
    measured = Measured()
    state = await cluster.wait_healthy()
    hot, *others = state.primaries
    wish = DesiredState(balance=Balance(enabled=False), node_dead_after_s=DEAD_AFTER_S)
    async with await connect([f"redis://{node.address}" for node in cluster.nodes]) as client:
        await fill(client)
        load = Load(client, {hot.address: state.slots_of[hot.id]}, TASKS_PER_SHARD)
        load.start()
        await asyncio.sleep(MEASURE_S)
        measured.before_per_s = await _rate(desk, hot.id)
        limit = round(measured.before_per_s * LIMIT_FRACTION)
        story.tell(f"all load, {measured.before_per_s:,.0f} commands a second, goes to {hot.address}")
        wish = wish.model_copy(
            update={"mode": "act", "limits": Limits(ops_per_s_max=limit, load_window_s=LOAD_WINDOW_S)}
        )
        await desk.apply(wish)
        story.tell(f"applied: at most {limit:,} a second for a shard, and the manager may act")
        measured.relieved_s = await _relieve(desk, hot.id, limit, story)
        measured.after_per_s = await _rate(desk, hot.id)
        story.tell(f"{hot.address} is down to {measured.after_per_s:,.0f} a second")
        victim = state.replicas_of(others[0].id)[0]
        await desk.apply(wish.model_copy(update={"spares": (str(spare.address),)}))
        await cluster.node(victim.address).kill()
        killed_at = time.monotonic()
        story.tell(f"SIGKILL for the replica {victim.address}, which never comes back")
        await desk.wait_for(
            JobKind.REPLACE_REPLICA, story, lambda seen: is_replaced(seen, victim.id, spare.address)
        )
        measured.replaced_s = time.monotonic() - killed_at
        story.tell(f"{spare.address} has its place, in sync, {measured.replaced_s:.1f} s later")
        measured.seen_s = await _fail_over(cluster, desk, others[1].id, story)
        await load.stop()
        losses = await load.read_back()
    findings = await findings_of(cluster)
    rows = [
        Row("acknowledged writes", f"{load.written:,}"),
        Row("errors seen by the callers", str(load.error_count), "0", not load.error_count),
        *promises(measured),
        *loss_rows(losses),
        Row("problems found by the check at the end", str(len(findings)), "0", not findings),
    ]
    return show("a cluster with a manager", rows, [*load.first_errors, *findings], losses)


async def _fail_over(cluster: LocalCluster, desk: Desk, victim_id: str, story: Story) -> float:
    """Kill a primary; how long after its heir serves the manager's picture shows it."""
    async with cluster.admin() as admin:
        state = await admin.cluster_state()
        victim, heir = state.nodes[victim_id], state.replicas_of(victim_id)[0]
        await cluster.node(victim.address).kill()
        story.tell(f"SIGKILL for the primary {victim.address}")

        async def serves() -> bool:
            return bool((await admin.view(heir.address)).myself.ranges)

        async def is_seen() -> bool:
            node = (await desk.picture()).node(heir.id)
            return node is not None and node.role == "primary" and node.slot_count > 0

        served_at, seen_at = await asyncio.gather(_when(serves), _when(is_seen))
        seen_s = max(0.0, seen_at - served_at)
        story.tell(f"{heir.address} serves in its place; the page shows it {seen_s:.2f} s later")
        await cluster.restart(cluster.node(victim.address))
    return seen_s


async def _when(is_so: Callable[[], Awaitable[bool]]) -> float:
    """When it came true. ManagerError when it does not."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if await is_so():
            return time.monotonic()
        await asyncio.sleep(SEEN_POLL_S)
    raise ManagerError(f"the failover was not seen within {TIMEOUT_S:.0f} s")


async def _relieve(desk: Desk, hot: str, limit: int, story: Story) -> float:
    began_at = time.monotonic()

    def below(seen: Picture) -> bool:
        node = seen.node(hot)
        return node is not None and node.load.ops_per_s is not None and node.load.ops_per_s <= limit

    await desk.wait_for(JobKind.RELIEVE, story, below)
    return time.monotonic() - began_at


async def _rate(desk: Desk, node_id: str) -> float:
    node = (await desk.picture()).node(node_id)
    return node.load.ops_per_s or 0.0 if node is not None else 0.0


def is_replaced(seen: Picture, victim: str, spare: Address) -> bool:
    heirs = [node for node in seen.nodes if node.address == str(spare) and node.role == "replica"]
    return seen.node(victim) is None and any(node.link_up for node in heirs)


def promises(measured: Measured) -> list[Row]:
    """What is promised of the manager."""
    return [
        Row(
            "hot shard relieved, from the moment that the limit was set",
            f"{measured.relieved_s:.1f} s",
            f"<= {RELIEVED_S_MAX:.0f} s",
            measured.relieved_s <= RELIEVED_S_MAX,
        ),
        Row("  commands a second there, before and after", _before_and_after(measured)),
        Row(
            "dead replica replaced and in sync",
            f"{measured.replaced_s:.1f} s",
            f"<= {REPLACED_S_MAX:.0f} s",
            measured.replaced_s <= REPLACED_S_MAX,
        ),
        Row(
            "failover on the page, after the new primary serves",
            f"{measured.seen_s:.2f} s",
            f"<= {SEEN_S_MAX:.0f} s",
            measured.seen_s <= SEEN_S_MAX,
        ),
    ]


def _before_and_after(measured: Measured) -> str:
    return f"{measured.before_per_s:,.0f} -> {measured.after_per_s:,.0f}"
