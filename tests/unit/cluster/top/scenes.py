"""Pictures for the tests of the terminal dashboard, and a source that a test feeds by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Step, StepKind
from garrison.cluster.core.manager.picture import (
    Event,
    ManagerPicture,
    NodeLoad,
    NodePicture,
    NodeState,
    Picture,
    ShardPicture,
    SlowCommand,
)
from garrison.cluster.top.picture_sources import SourceError

NOW_MS = 1_800_000_000_000
SLOT_COUNT = 16384


def node_id(number: int) -> str:
    return f"{number:040x}"


def load(number: int, *, is_replica: bool = False) -> NodeLoad:
    return NodeLoad(
        ops_per_s=0.0 if is_replica else 1_000.0 + 1_111 * number,
        cpu_fraction=0.1 + number % 7 / 10,
        hit_rate=None if is_replica else 0.9 + number % 10 / 100,
        p50_us=60.0,
        p99_us=180.0 + 100 * number,
        clients=10 + number,
        memory_bytes=(100 + number) * 1024 * 1024,
        memory_max_bytes=1024 * 1024 * 1024,
        lag_ms=20 * number if is_replica else None,
        lag_bytes=512 if is_replica else None,
    )


def cluster(shards: int = 3, replicas: int = 1) -> Picture:
    """A healthy cluster: primaries at ports from 7000 on, then their replicas."""
    nodes, drawn = [], []
    for at in range(shards):
        first, last = at * SLOT_COUNT // shards, (at + 1) * SLOT_COUNT // shards - 1
        slots, count = f"{first}-{last}", last + 1 - first
        members = [shards + at * replicas + each for each in range(replicas)]
        drawn.append(
            ShardPicture(
                id=node_id(at), replica_ids=tuple(map(node_id, members)), slots=slots, slot_count=count
            )
        )
        for number in (at, *members):
            is_replica = number != at
            nodes.append(
                NodePicture(
                    id=node_id(number),
                    address=f"10.0.{number // 250}.{number % 250 + 1}:7000",
                    role="replica" if is_replica else "primary",
                    primary_id=node_id(at) if is_replica else None,
                    slots="" if is_replica else slots,
                    slot_count=0 if is_replica else count,
                    keys=1_000 * (at + 1),
                    zone=f"zone-{number % 3}",
                    version="0.1.0",
                    link_up=True if is_replica else None,
                    uptime_s=90_000,
                    load=load(number, is_replica=is_replica),
                    as_of_ms=NOW_MS - 1_000,
                    answered_in_ms=0.8,
                )
            )
    return Picture(
        name="shop",
        at_ms=NOW_MS - 1_000,
        nodes=tuple(nodes),
        shards=tuple(drawn),
        slots_covered=SLOT_COUNT,
        managers=(ManagerPicture(id="m1", address="10.0.9.1:7900", leads=True, as_of_ms=NOW_MS),),
        events=(
            Event(at_ms=NOW_MS - 60_000, kind="manager", text="10.0.9.1:7900 leads"),
            Event(
                at_ms=NOW_MS - 30_000,
                kind="node-up",
                text="10.0.0.4:7000 answers again",
                subject=node_id(3),
            ),
        ),
        slow_commands=(
            SlowCommand(
                node_id=node_id(0),
                at_ms=NOW_MS - 5_000,
                duration_us=23_000,
                words=("KEYS", "*"),
                client="10.0.8.1:51234",
            ),
        ),
    )


def failover() -> Picture:
    """The first primary has failed; its replica takes its place, and its slots have no owner meanwhile."""
    healthy = cluster()
    changed = []
    for node in healthy.nodes:
        if node.id == node_id(0):
            node = node.model_copy(update={"state": NodeState.FAILED, "why": "declared by 2 of 3 primaries"})
        elif node.primary_id == node_id(0):
            node = node.model_copy(update={"link_up": False, "state": NodeState.OK})
        changed.append(node)
    first = healthy.shards[0]
    event = Event(
        at_ms=NOW_MS - 500,
        kind="failover",
        text="10.0.0.4:7000 asks for votes to take the place of 10.0.0.1:7000",
        subject=node_id(3),
        severity="warning",
    )
    return healthy.model_copy(
        update={
            "nodes": tuple(changed),
            "slots_covered": SLOT_COUNT - first.slot_count,
            "events": (*healthy.events, event),
        }
    )


def sentinel_group() -> Picture:
    """A primary with one replica under Sentinels: no slots."""
    healthy = cluster(1, 1)
    nodes = [node.model_copy(update={"slots": "", "slot_count": 0}) for node in healthy.nodes]
    shard = healthy.shards[0].model_copy(update={"slots": "", "slot_count": 0})
    return healthy.model_copy(
        update={
            "kind": "sentinel",
            "nodes": tuple(nodes),
            "shards": (shard,),
            "slots_covered": 0,
            "managers": (),
        }
    )


def running_job() -> Job:
    steps = (
        Step(kind=StepKind.MEET, state=Progress.DONE, done_fraction=1.0),
        Step(kind=StepKind.REPLICATE, state=Progress.RUNNING, done_fraction=0.5),
    )
    return Job(
        id="job-17",
        kind=JobKind.REPLACE_REPLICA,
        title="replace the replica 10.0.0.4:7000",
        reason="it has not answered for 60 s",
        steps=steps,
        state=Progress.RUNNING,
        made_ms=NOW_MS - 20_000,
        seconds_left=12.0,
    )


class FedSource:
    """A source whose pictures a test hands over one by one."""

    name = "10.0.0.1:7000"

    def __init__(self, jobs: tuple[Job, ...] = ()) -> None:
        self.jobs = jobs
        self._queue: asyncio.Queue[Picture | SourceError] = asyncio.Queue()

    async def pictures(self) -> AsyncIterator[Picture]:
        while True:
            item = await self._queue.get()
            try:
                if isinstance(item, SourceError):
                    raise item
                yield item
            finally:
                self._queue.task_done()

    async def once(self) -> Picture:
        item = self._queue.get_nowait()
        if isinstance(item, SourceError):
            raise item
        return item

    def put(self, item: Picture | SourceError) -> None:
        self._queue.put_nowait(item)

    async def feed(self, item: Picture | SourceError) -> None:
        """Hand over one picture, or an error, and return when whoever follows has taken it in."""
        self.put(item)
        await self._queue.join()
