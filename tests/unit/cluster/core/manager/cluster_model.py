"""A cluster on paper: makes pictures, and carries out the steps of jobs as their words say.

It holds what must never break while a step is carried out: every slot has one owner, a slot has never fewer
copies than at the beginning (or than is asked for), a replica is what it says, and nothing is taken from a
node that has the only copy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from garrison.cluster.core.manager.conditions import Conditions
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.expectations import unmet
from garrison.cluster.core.manager.jobs import Job, Plan, Progress, Records, Step, StepKind
from garrison.cluster.core.manager.picture import (
    BackupPicture,
    NodeLoad,
    NodePicture,
    NodeState,
    Picture,
    SlotLoad,
)
from garrison.cluster.core.manager.planner import make_plan
from garrison.cluster.core.ranges import SLOT_COUNT, format_slots, parse_ranges, to_slots

NOW_MS = 1_800_000_000_000
ROUNDS_MAX = 400


@dataclass
class ModelNode:
    """One node."""

    id: str
    address: str
    host: str = ""
    zone: str = ""
    primary: str | None = None
    slots: set[int] = field(default_factory=set)
    is_failed: bool = False
    version: str = "1.0"
    starts: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    memory_max: int | None = None


@dataclass
class ClusterModel:
    """All nodes, what their slots cost, and the steps that were carried out."""

    nodes: dict[str, ModelNode]
    now_ms: int = NOW_MS
    keys_of: dict[int, int] = field(default_factory=dict)
    cpu_of: dict[int, float] = field(default_factory=dict)
    bytes_per_key: int = 100
    backups: dict[str, BackupPicture] = field(default_factory=dict)
    next_release: str = "1.0"
    steps: list[Step] = field(default_factory=list)
    spent: list[tuple[int, int]] = field(default_factory=list)
    outside: dict[str, ModelNode] = field(default_factory=dict)
    """Nodes that run and are not members, by address."""

    @classmethod
    def of(
        cls, shards: int, replicas: int, *, hosts: int | None = None, spares: int = 0, zones: int = 1
    ) -> ClusterModel:
        """A healthy cluster, its slots in equal parts. Without `hosts` each node stands on its own."""
        model = cls({})
        count = shards * (replicas + 1)
        for index in range(count):
            host = (
                f"10.0.{index // 200}.{index % 200 + 1}" if hosts is None else f"10.0.0.{index % hosts + 1}"
            )
            node = ModelNode(f"{index:040x}", f"{host}:{7000 + index}", zone=f"z{index % zones}")
            if index < shards:
                edges = index * SLOT_COUNT // shards, (index + 1) * SLOT_COUNT // shards
                node.slots = set(range(*edges))
            else:
                node.primary = f"{index % shards:040x}"
            model.nodes[node.id] = node
        for index in range(count, count + spares):
            address = f"10.1.{index // 200}.{index % 200 + 1}:{7000 + index}"
            model.outside[address] = ModelNode(f"{index:040x}", address)
        return model

    @property
    def spare_addresses(self) -> tuple[str, ...]:
        return tuple(self.outside)

    def primaries(self) -> list[ModelNode]:
        return [node for node in self.nodes.values() if node.primary is None and node.slots]

    def copies_of(self, primary: str) -> int:
        return 1 + sum(n.primary == primary and not n.is_failed for n in self.nodes.values())

    def fail(self, node_id: str) -> None:
        """A node dies; a primary's first living replica takes its place."""
        node = self.nodes[node_id]
        node.is_failed = True
        heirs = [n for n in self.nodes.values() if n.primary == node_id and not n.is_failed]
        if node.slots and heirs:
            self._promote(heirs[0], node)
            node.primary = None

    def picture(self) -> Picture:
        nodes = tuple(self._node_picture(node) for node in self.nodes.values())
        loads = [
            SlotLoad(slot=slot, keys=self.keys_of.get(slot, 0), cpu_fraction=self.cpu_of.get(slot))
            for slot in sorted(self.keys_of.keys() | self.cpu_of.keys())
        ]
        return Picture(
            at_ms=self.now_ms,
            nodes=nodes,
            slots_covered=SLOT_COUNT,
            slot_load=tuple(loads),
            backups=tuple(self.backups.values()),
        )

    def _node_picture(self, node: ModelNode) -> NodePicture:
        keys = sum(map(self.keys_of.__getitem__, node.slots & self.keys_of.keys()))
        cpu = sum(map(self.cpu_of.__getitem__, node.slots & self.cpu_of.keys())) if self.cpu_of else None
        return NodePicture(
            id=node.id,
            address=node.address,
            role="replica" if node.primary else "primary",
            primary_id=node.primary,
            state=NodeState.FAILED if node.is_failed else NodeState.OK,
            host=node.host,
            zone=node.zone,
            slots=format_slots(node.slots),
            slot_count=len(node.slots),
            keys=keys,
            version=node.version,
            run_id=f"{node.id} {node.starts}",
            settings=node.settings,
            link_up=None if node.primary is None else not node.is_failed,
            load=NodeLoad(
                memory_bytes=keys * self.bytes_per_key, memory_max_bytes=node.memory_max, cpu_fraction=cpu
            ),
            as_of_ms=self.now_ms,
        )

    def named(self, name: str) -> ModelNode:
        by_address = {node.address: node for node in self.nodes.values()}
        return self.nodes.get(name) or by_address[name]

    def carry_out(self, steps: Iterable[Step]) -> None:
        """Make true what the steps of a job say; AssertionError when one would break what must hold."""
        before = self._copies_by_slot()
        for step in steps:
            self._carry_out(step, before)

    def _carry_out(self, step: Step, before: Mapping[int, int]) -> None:
        getattr(self, f"_{step.kind.name.lower()}")(step.arguments)
        self.steps.append(step)
        owned = sorted(slot for node in self.primaries() for slot in node.slots)
        assert owned == list(range(SLOT_COUNT)), "a slot has no owner, or two"
        self.assert_copies(before, step)

    copies_wanted: int | None = None

    def assert_copies(self, before: Mapping[int, int], step: Step) -> None:
        after = self._copies_by_slot()
        for slot, count in before.items():
            least = count if self.copies_wanted is None else min(count, self.copies_wanted)
            assert after[slot] >= least, (
                f"slot {slot} has {after[slot]} copies after {step.kind}, had {count}"
            )

    def _copies_by_slot(self) -> dict[int, int]:
        return {
            slot: count
            for node in self.primaries()
            for count in [self.copies_of(node.id)]
            for slot in node.slots
        }

    def _move_slots(self, words: Mapping[str, str]) -> None:
        slots = set(to_slots(parse_ranges(words["slots"])))
        source, target = self.named(words["source"]), self.named(words["target"])
        assert slots <= source.slots, "the source does not own these slots"
        assert target.primary is None, "the target is a replica"
        source.slots -= slots
        target.slots |= slots

    def _meet(self, words: Mapping[str, str]) -> None:
        node = self.outside.pop(words["address"])
        self.nodes[node.id] = node

    def _replicate(self, words: Mapping[str, str]) -> None:
        node, primary = self.named(words["node"]), self.named(words["primary"])
        assert not node.slots, "a primary with slots cannot become a replica"
        assert primary.primary is None, "a replica cannot be replicated"
        assert all(n.primary != node.id for n in self.nodes.values()), "it has replicas"
        node.primary = primary.id

    def _hand_over(self, words: Mapping[str, str]) -> None:
        node, former = self.named(words["node"]), self.named(words["from"])
        assert node.primary == former.id, "it is not a replica of this primary"
        assert not node.is_failed
        self._promote(node, former)
        former.primary = node.id

    def _promote(self, heir: ModelNode, former: ModelNode) -> None:
        heir.slots, former.slots, heir.primary = former.slots, set(), None
        for node in self.nodes.values():
            if node.primary == former.id:
                node.primary = heir.id

    def _forget(self, words: Mapping[str, str]) -> None:
        node = self.nodes.pop(self.named(words["node"]).id)
        assert not node.slots
        if not node.is_failed:
            node.primary = None
            self.outside[node.address] = node

    def _reset(self, words: Mapping[str, str]) -> None:
        assert words["address"] in self.outside, "it is still a member"

    def _configure(self, words: Mapping[str, str]) -> None:
        self.named(words["node"]).settings |= json.loads(words["settings"])

    def _restart(self, words: Mapping[str, str]) -> None:
        node = self.named(words["node"])
        assert not node.slots, "a restart of a primary with slots is an outage"
        assert words["run_id"] == f"{node.id} {node.starts}", "another process is meant"
        node.version, node.starts = self.next_release, node.starts + 1

    def _backup(self, words: Mapping[str, str]) -> None:
        target = words["target"]
        former = self.backups.get(target, BackupPicture(target=target))
        self.backups[target] = former.model_copy(update={"newest_ms": self.now_ms})

    def _prove(self, words: Mapping[str, str]) -> None:
        target = words["target"]
        self.backups[target] = self.backups[target].model_copy(update={"proved_ms": self.now_ms})

    def _verify(self, words: Mapping[str, str]) -> None:
        assert unmet(words["expect"], self.picture()) == []


def plan_for(
    model: ClusterModel, desired: DesiredState, *, held_s: float = 120, ended: tuple[Job, ...] = ()
) -> Plan:
    """The plan for a model whose conditions have all held for so long."""
    conditions = Conditions()
    picture = model.picture()
    at_ms = model.now_ms - int(held_s * 1000)
    while at_ms < model.now_ms:
        conditions.feed(desired, picture.model_copy(update={"at_ms": at_ms}))
        at_ms += 20_000
    observations = conditions.feed(desired, picture)
    records = Records(harm_spent=tuple(model.spent), jobs=ended)
    return make_plan(desired, picture, records, model.now_ms, observations)


def settle(model: ClusterModel, desired: DesiredState, *, held_s: float = 120) -> list[Job]:
    """Carry plans out, job after job, until a plan is empty; all jobs that were carried out.

    The clock moves on to when a waiting job may begin, an hour at most.
    """
    done: list[Job] = []
    for _ in range(ROUNDS_MAX):
        plan = plan_for(model, desired, held_s=held_s)
        assert_disjoint(plan)
        ready = [job for job in plan.jobs if job.state is Progress.PLANNED]
        if not [job for job in plan.jobs if job.state is not Progress.REFUSED]:
            return done
        for job in ready[: desired.harm.jobs_at_once_max]:
            model.carry_out(job.steps)
            model.spent.append((model.now_ms, job.harm))
            done.append(job)
        within_hour = sum(cost for at_ms, cost in model.spent if at_ms > model.now_ms - 3_600_000)
        assert within_hour <= desired.harm.points_per_hour_max
        model.now_ms += 1_000 if ready else 1_200_000
    raise AssertionError(f"no end after {ROUNDS_MAX} plans: {[job.title for job in done[-6:]]}")


def assert_disjoint(plan: Plan) -> None:
    """No node is named by two jobs of a plan."""
    seen: dict[str, str] = {}
    for job in plan.jobs:
        for name in _named(job.steps):
            assert seen.setdefault(name, job.id) == job.id, f"{name} is in {seen[name]} and {job.id}"


def _named(steps: Iterable[Step]) -> set[str]:
    words = ("source", "target", "node", "primary", "from")
    return {
        step.arguments[word]
        for step in steps
        if step.kind not in (StepKind.BACKUP, StepKind.PROVE)
        for word in words
        if word in step.arguments
    }
