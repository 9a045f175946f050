"""What must hold at every step, whatever fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from garrison.cluster.core.manager.effects import BeginStep
from garrison.cluster.core.manager.jobs import Progress, Records
from garrison.cluster.core.manager.records_content import decoded
from garrison.cluster.core.ranges import SLOT_COUNT

from .model import Model, ModelNode

HOUR_MS = 3_600_000
KNOWN_MS = 15_000
"""So old may be what a manager knows of a node."""


class BrokenInvariantError(Exception):
    """The run has shown a fault."""


@dataclass
class Checks:
    """Watches one run."""

    model: Model
    harm_per_hour: float = 100
    """The largest budget that was desired so far."""
    effects: int = 0
    """How many changes of nodes managers have made."""
    newest_acting: tuple[int, str] = (0, "")
    granted: int = 0
    """The newest epoch that was granted by most owners of slots."""
    acknowledged: dict[str, int] = field(default_factory=dict)
    """What persons were told is stored -> when."""
    _grants: dict[int, set[str]] = field(default_factory=dict)
    _spent: list[tuple[int, float]] = field(default_factory=list)
    _moved: set[tuple[str, int, int]] = field(default_factory=set)
    _contents: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    _records: dict[tuple[int, int], Records] = field(default_factory=dict)
    _copies: dict[str, int] = field(default_factory=dict)

    # Who acts.

    def grant(self, node: ModelNode, epoch: int) -> None:
        """A node has granted the lease, and its grant counts."""
        if epoch <= self.granted:
            return
        self._grants.setdefault(epoch, set()).add(node.id)
        owners = {owner.id for owner in self.model.owners}
        if len(self._grants[epoch] & owners) > len(owners) // 2:
            self.granted = epoch

    def effect(
        self, manager: str, begin: BeginStep, what: str, cost: float, nodes: Sequence[ModelNode]
    ) -> None:
        """A manager changes something."""
        self.effects += 1
        if begin.epoch < self.granted:
            self._broken(
                f"{manager} acts ({what}) under {begin.epoch}; {self.granted} was granted by a majority"
            )
        if begin.epoch < self.newest_acting[0]:
            self._broken(f"{manager} acts ({what}) under {begin.epoch}, after {self.newest_acting}")
        self.newest_acting = (begin.epoch, manager)
        self._spend(what, cost)

    def _spend(self, what: str, cost: float) -> None:
        now_ms = self.model.now_ms
        self._spent = [(at_ms, each) for at_ms, each in self._spent if at_ms > now_ms - HOUR_MS]
        self._spent.append((now_ms, cost))
        total = sum(each for _, each in self._spent)
        if total > self.harm_per_hour + 1e-6:
            self._broken(f"{what}: {total:.1f} points of harm in an hour, {self.harm_per_hour} are allowed")

    # What is begun.

    def stored(self, node: ModelNode) -> None:
        """A node has stored records."""
        key = (node.register.written_epoch, node.register.version)
        self._contents.setdefault(key, set()).add(node.id)
        if key not in self._records:
            self._records[key] = decoded(node.register.content)
            if len(self._records) > 50:
                oldest = next(iter(self._records))
                del self._records[oldest], self._contents[oldest]

    def begun(self, manager: str, begin: BeginStep) -> None:
        """A step begins: most must have stored that it does."""
        majority = len(self.model.owners) // 2 + 1
        for key, records in self._records.items():
            job = next((job for job in records.jobs if job.id == begin.job_id), None)
            if job is None or job.epoch != begin.epoch:
                continue
            if job.steps[begin.index].state is Progress.RUNNING and len(self._contents[key]) >= majority:
                return
        self._broken(f"{manager} begins {begin.job_id}/{begin.index}, which no majority has stored")

    def moved(self, begin: BeginStep, slots: Sequence[int]) -> None:
        """Slots were moved by a step: by each step only once."""
        for slot in slots:
            key = (begin.job_id, begin.index, slot)
            if key in self._moved:
                self._broken(f"{begin.job_id}/{begin.index} moves the slot {slot} for the second time")
            self._moved.add(key)

    def leaves(self, node: ModelNode, model: Model) -> None:
        """A manager takes a replica out of its shard: not one that the shard needs."""
        if node.role != "replica" or not node.in_sync(model.now_ms) or not node.alive:
            return
        primary = model.nodes.get(node.primary)
        if primary is None or not primary.slots:
            return
        if model.copies(primary, model.now_ms - KNOWN_MS) - 1 < self.copies_wanted:
            self._broken(f"{node.id} is taken from {primary.id}, which then has too few copies")

    copies_wanted: int = 2

    # What always holds.

    def look(self) -> None:
        """Each slot has an owner."""
        owned: set[int] = set()
        for node in self.model.nodes.values():
            if node.slots:
                if node.role != "primary" or not node.is_member:
                    self._broken(f"{node.id} has slots and is a {node.role}, member {node.is_member}")
                owned |= node.slots
        if len(owned) != SLOT_COUNT:
            self._broken(f"{SLOT_COUNT - len(owned)} slots have no owner")

    def leads(self, manager: str, records: Records, won_ms: int) -> None:
        """A manager has read the records: what was acknowledged before it won the lease is in them."""
        known = {entry.by for entry in records.audit}
        lost = [by for by, at_ms in self.acknowledged.items() if at_ms < won_ms and by not in known]
        if lost:
            self._broken(f"{manager} leads without what was acknowledged: {', '.join(lost)}")

    def _broken(self, what: str) -> None:
        raise BrokenInvariantError(f"at {self.model.now_ms} ms: {what}")
