"""Documents of a deployment worth looking at: for tests of the page, and for the docs' pictures."""

from __future__ import annotations

import math
from typing import Any

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import AuditEntry, Job, JobKind, Plan, Progress, Step, StepKind
from garrison.cluster.core.manager.picture import (
    Event,
    LeasePicture,
    ManagerPicture,
    NodeLoad,
    NodePicture,
    NodeState,
    NotableKey,
    OpenSlotPicture,
    Picture,
    ShardPicture,
    SlotLoad,
    SlowCommand,
)
from garrison.cluster.core.manager.verdict import complaints_since

SLOT_COUNT = 16384
MIB = 1024 * 1024
ZONES = ("zone-a", "zone-b", "zone-c")
FIGURES = ("ops_per_s", "memory_bytes", "hit_rate", "p99_us", "lag_ms", "cpu_fraction")


def node_id(number: int) -> str:
    return f"{number:04x}" + "c3" * 18


def address(number: int) -> str:
    return f"10.0.{number // 250}.{1 + number % 250}:7000"


def bounds(shard: int, shards: int) -> tuple[int, int]:
    """The first slot of a shard, and the first after it."""
    return shard * SLOT_COUNT // shards, (shard + 1) * SLOT_COUNT // shards


def load(number: int, role: str) -> NodeLoad:
    wave = 1 + 0.3 * math.sin(number * 1.7)
    return NodeLoad(
        ops_per_s=round(41_300 * wave) if role == "primary" else 0.0,
        cpu_fraction=round(0.31 * wave, 3) if role == "primary" else 0.08,
        hit_rate=0.96 + 0.01 * math.sin(number) if role == "primary" else None,
        input_bytes_per_s=3.1e6 * wave,
        output_bytes_per_s=1.9e7 * wave,
        p99_us=round(310 * wave),
        clients=180,
        clients_blocked=2,
        memory_bytes=round(2_300 * MIB * wave),
        memory_max_bytes=4_096 * MIB,
        lag_bytes=None if role == "primary" else 120,
        lag_ms=None if role == "primary" else 4 + number % 9,
    )


def make_node(number: int, role: str, primary: int, shards: int, at_ms: int) -> NodePicture:
    first, end = bounds(primary, shards)
    is_primary = role == "primary"
    return NodePicture(
        id=node_id(number),
        address=address(number),
        role="primary" if is_primary else "replica",
        primary_id=None if is_primary else node_id(primary),
        zone=ZONES[(primary + number // shards) % len(ZONES)],
        host=f"host-{number}",
        slots=f"{first}-{end - 1}" if is_primary else "",
        slot_count=end - first if is_primary else 0,
        keys=1_200_000 + number * 13_000,
        version="0.2.0",
        link_up=None if is_primary else True,
        uptime_s=400_000 + number * 60,
        last_save_age_s=620,
        load=load(number, role),
        as_of_ms=at_ms - 300,
        answered_in_ms=1.4,
    )


def make_shard(number: int, shards: int, replicas: int, nodes: list[NodePicture]) -> ShardPicture:
    first, end = bounds(number, shards)
    primary = nodes[number]
    return ShardPicture(
        id=node_id(number),
        replica_ids=tuple(node_id(number + shards * (1 + each)) for each in range(replicas)),
        slots=f"{first}-{end - 1}",
        slot_count=end - first,
        keys=primary.keys,
        memory_bytes=primary.load.memory_bytes,
        ops_per_s=primary.load.ops_per_s,
        cpu_fraction=primary.load.cpu_fraction,
    )


def slot_loads() -> tuple[SlotLoad, ...]:
    """A few hot slots, many warm ones."""
    found = []
    for rank in range(260):
        slot = (rank * 6151 + 977) % SLOT_COUNT
        found.append(SlotLoad(slot=slot, keys=80 + rank % 40, cpu_fraction=0.18 / (1 + rank) ** 0.9))
    return tuple(found)


def make_picture(at_ms: int, shards: int = 5, replicas: int = 2, **more: Any) -> Picture:
    """A healthy deployment: primaries first, then the first replica of each, and so on."""
    nodes = [make_node(number, "primary", number, shards, at_ms) for number in range(shards)]
    for each in range(replicas):
        nodes += [
            make_node(number + shards * (1 + each), "replica", number, shards, at_ms)
            for number in range(shards)
        ]
    made = Picture(
        name="orders",
        at_ms=at_ms,
        nodes=tuple(nodes),
        shards=tuple(make_shard(number, shards, replicas, nodes) for number in range(shards)),
        slots_covered=SLOT_COUNT,
        slot_load=slot_loads(),
        managers=(
            ManagerPicture(id="manager-1", address="10.0.0.21:7200", leads=True, as_of_ms=at_ms),
            ManagerPicture(id="manager-2", address="10.0.0.22:7200", as_of_ms=at_ms),
        ),
        shown_by="manager-1",
        lease=LeasePicture(holder="manager-1", epoch=7, left_ms=8_000),
        mode="dry-run",
        slow_commands=slow_commands(at_ms),
    )
    return made.model_copy(update=more)


def slow_commands(at_ms: int) -> tuple[SlowCommand, ...]:
    return (
        SlowCommand(
            node_id=node_id(1), at_ms=at_ms - 90_000, duration_us=84_200, words=("KEYS", "session:*")
        ),
        SlowCommand(
            node_id=node_id(3), at_ms=at_ms - 700_000, duration_us=12_900, words=("SMEMBERS", "followers:17")
        ),
    )


def failed_over(picture: Picture, number: int) -> Picture:
    """The same, one second later: the first replica of a shard has taken the place of its failed primary."""
    shard = picture.shards[number]
    heir = shard.replica_ids[0]
    at_ms = picture.at_ms + 1000
    nodes = []
    for node in picture.nodes:
        if node.id == shard.id:
            failed = {
                "role": "replica",
                "primary_id": heir,
                "state": NodeState.FAILED,
                "slots": "",
                "slot_count": 0,
            }
            node = node.model_copy(update={**failed, "why": "no answer for 15 s"})
        elif node.id == heir:
            taken = {
                "role": "primary",
                "primary_id": None,
                "slots": shard.slots,
                "slot_count": shard.slot_count,
            }
            node = node.model_copy(update=taken)
        elif node.primary_id == shard.id:
            node = node.model_copy(update={"primary_id": heir})
        nodes.append(node)
    shards = list(picture.shards)
    members = (shard.id, *shard.replica_ids[1:])
    shards[number] = shard.model_copy(update={"id": heir, "replica_ids": members})
    new = picture.node(heir)
    text = f"{new.address if new else heir} took the place of {address(number)}"
    event = Event(at_ms=at_ms, kind="failover", text=text, subject=heir, severity="warning")
    changes = {"at_ms": at_ms, "nodes": tuple(nodes), "shards": tuple(shards)}
    return picture.model_copy(update={**changes, "events": (*picture.events, event)})


def busy_picture(at_ms: int) -> Picture:
    """What the docs show: a failover behind, a move under way, a replica that lags."""
    picture = failed_over(make_picture(at_ms - 1000), 2)
    nodes = [
        node.model_copy(
            update={"state": NodeState.LOADING, "why": "takes its first full sync", "link_up": False}
        )
        if node.id == node_id(14)
        else node
        for node in picture.nodes
    ]
    past = [
        Event(at_ms=at_ms - 2_900_000, kind="lease", text="manager-1 leads, epoch 7"),
        Event(at_ms=at_ms - 2_400_000, kind="job", text="job-16 ended: rebalance by load", subject="job-16"),
        Event(
            at_ms=at_ms - 640_000,
            kind="node-down",
            text=f"{address(2)} does not answer",
            subject=node_id(2),
            severity="error",
        ),
        Event(
            at_ms=at_ms - 625_000,
            kind="failover",
            text=f"{address(7)} took the place of {address(2)}",
            subject=node_id(7),
            severity="warning",
        ),
        Event(at_ms=at_ms - 500_000, kind="job", text="job-17 began: relieve the shard of 10.0.0.4:7000"),
    ]
    began = picture.model_copy(update={"nodes": tuple(nodes), "at_ms": at_ms - 640_000})
    return picture.model_copy(
        update={
            "nodes": tuple(nodes),
            "wrong": complaints_since(began, picture),
            "events": tuple(past),
            "mode": "act",
            "open_slots": (OpenSlotPicture(slot=9_900, source=node_id(3), target=node_id(0)),),
        }
    )


def make_job(at_ms: int, number: int = 17, state: Progress = Progress.RUNNING) -> Job:
    ended = at_ms - 60_000 if state.has_ended else None
    fractions = (1.0, 1.0, 1.0) if state is Progress.DONE else (1.0, 0.4, 0.0)
    states = (Progress.DONE, state if state.has_ended else Progress.RUNNING, Progress.WAITING)
    if state is Progress.DONE:
        states = (Progress.DONE,) * 3
    texts = (
        "Move the slots 9830-9920, the costliest, to 10.0.0.1:7000",
        "Move the slots 9921-10010 to 10.0.0.2:7000",
        "Check that all slots are served and the load is below its limit",
    )
    kinds = (StepKind.MOVE_SLOTS, StepKind.MOVE_SLOTS, StepKind.VERIFY)
    return Job(
        id=f"job-{number}",
        kind=JobKind.RELIEVE,
        title="relieve the shard of 10.0.0.4:7000",
        reason="its primary has used 0.93 of a core for 10 s; the limit is 0.80, the mean of the others 0.31",
        steps=tuple(
            Step(kind=kind, explanation=text, state=each, done_fraction=fraction)
            for kind, text, each, fraction in zip(kinds, texts, states, fractions, strict=True)
        ),
        state=state,
        harm=2,
        made_ms=at_ms - 510_000 - 1000 * (100 - number),
        began_ms=at_ms - 500_000,
        ended_ms=ended,
        seconds_left=None if ended else 42,
        command="garrison manager move 9830-9920 --from 10.0.0.4:7000 --to 10.0.0.1:7000",
    )


def make_plan(at_ms: int, plan_id: str = "plan-1f3a") -> Plan:
    steps = (
        Step(kind=StepKind.REPLICATE, explanation="Make the spare 10.0.0.40:7000 a replica of 10.0.0.8:7000"),
        Step(kind=StepKind.FORGET, explanation="Have every node forget 10.0.0.3:7000"),
        Step(kind=StepKind.VERIFY, explanation="Check that the shard has two replicas in sync"),
    )
    job = Job(
        id="job-18",
        kind=JobKind.REPLACE_REPLICA,
        title="replace the replica 10.0.0.3:7000",
        reason="failed for 10 min; its shard has one replica of two, and a spare stands in zone-c",
        steps=steps,
        harm=5,
        made_ms=at_ms,
        command="garrison manager consent plan-1f3a",
    )
    explanations = (
        "Slots are spread by load within 3.1 % of the weights; the threshold is 5 %.",
        "No node is beyond 80 % of its maxmemory.",
    )
    return Plan(id=plan_id, made_ms=at_ms, jobs=(job,), explanations=explanations, harm=5)


def make_history(at_ms: int) -> list[AuditEntry]:
    """A night of requests and ends of jobs, the oldest first."""
    changes = (
        "mode: dry-run -> act",
        "limits.memory_percent_max: 80 -> 75",
        "harm.points_per_hour_max: 100 -> 60",
        'spares: [] -> ["10.0.0.40:7000"]',
    )
    why = "10.0.0.40:7000 does not answer"

    def entry(seconds: int, by: str, what: str, **more: Any) -> AuditEntry:
        return AuditEntry(at_ms=at_ms - 1000 * seconds, by=by, what=what, epoch=7, **more)

    return [
        entry(9_000, "ann", "apply", subject="orders, mode act", origin="10.0.3.17", changes=changes),
        entry(2_400, "manager", "job-16 done", subject="rebalance by load"),
        entry(1_900, "bob", "pause", origin="10.0.3.20"),
        entry(1_200, "bob", "resume", origin="10.0.3.20"),
        entry(700, "manager", "job-15 failed", subject="replace the replica 10.0.0.3:7000", changes=(why,)),
        entry(
            60,
            "ann",
            "consent 1f3a52c09b7d4e11",
            origin="10.0.3.17",
            changes=("job-18 waiting: replace the replica 10.0.0.3:7000",),
        ),
    ]


def make_series(picture: Picture, points: int = 90) -> dict[str, Any]:
    """Some minutes of waves, in the shape of `/api/series`."""

    def wave(scale: float, number: int) -> list[float | None]:
        return [
            scale * (1 + 0.25 * math.sin((at + 7 * number) / 6) + 0.1 * math.sin(at * 1.3))
            for at in range(points)
        ]

    scales = {
        "ops_per_s": 41e3,
        "memory_bytes": 2.4e9,
        "hit_rate": 0.7,
        "p99_us": 320,
        "lag_ms": 6,
        "cpu_fraction": 0.3,
    }
    whole = {figure: wave(scales[figure] * (5 if figure in FIGURES[:2] else 1), 1) for figure in FIGURES}
    nodes = {
        node.id: {figure: wave(scales[figure], number) for figure in FIGURES}
        for number, node in enumerate(picture.nodes)
    }
    step_ms = 10_000
    at_ms = [picture.at_ms - step_ms * (points - 1 - at) for at in range(points)]
    return {"at_ms": at_ms, "step_ms": step_ms, "whole": whole, "nodes": nodes}


def make_desired() -> DesiredState:
    return DesiredState(
        name="orders", shards=5, replicas_per_shard=2, zones=ZONES, spares=("10.0.0.40:7000",)
    )


def notable_keys() -> tuple[NotableKey, ...]:
    return (
        NotableKey(node_id=node_id(1), key="timeline:global", type="list", bytes=312 * MIB),
        NotableKey(node_id=node_id(1), key="feature-flags", type="hash", bytes=48_000, ops_per_s=9_100),
    )
