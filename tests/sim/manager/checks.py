"""What must hold at every step, whatever fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.effects import BeginStep, StepOutcome
from garrison.cluster.core.manager.jobs import Job, Progress, Records, StepKind
from garrison.cluster.core.manager.records_content import decoded
from garrison.cluster.core.ranges import SLOT_COUNT

from .model import SAMPLED, Backup, Model, ModelNode

HOUR_MS = 3_600_000
UNSEEN_MS = 60_000
"""So long a change by somebody else may be unseen, and the job for it wait."""
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
    jobs_at_once: int = 1
    """The most jobs at once that were desired so far."""
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
    _done: set[tuple[str, int]] = field(default_factory=set)
    """The steps that some manager has carried out."""
    _checked: set[str] = field(default_factory=set)
    _restarted: dict[tuple[str, int], int] = field(default_factory=dict)
    """Step -> when it shut its node down."""
    _configured: set[str] = field(default_factory=set)

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
            self._all_done_is_true(self._records[key])
            if len(self._records) > 50:
                oldest = next(iter(self._records))
                del self._records[oldest], self._contents[oldest]

    def begun(self, manager: str, begin: BeginStep) -> None:
        """A step begins: most must have stored that it does."""
        self._changes_something(begin)
        majority = len(self.model.owners) // 2 + 1
        for key, records in self._records.items():
            job = next((job for job in records.jobs if job.id == begin.job_id), None)
            if job is None or job.epoch != begin.epoch:
                continue
            if job.steps[begin.index].state is Progress.RUNNING and len(self._contents[key]) >= majority:
                return
        self._broken(f"{manager} begins {begin.job_id}/{begin.index}, which no majority has stored")

    def _changes_something(self, begin: BeginStep) -> None:
        """A job that configures finds something to set, and is for all nodes of its shard that need it."""
        if begin.step.kind is not StepKind.CONFIGURE or begin.job_id in self._configured:
            return
        self._configured.add(begin.job_id)
        job = next((job for job in self._newest_jobs() if job.id == begin.job_id), None)
        if job is None or any(step.attempts > 1 for step in job.steps) or begin.index or job.consented_by:
            return
        wanted: dict[str, str] = {}
        for step in job.steps:
            wanted |= json.loads(step.arguments["settings"])
        named = {step.arguments["node"] for step in job.steps}
        shard = [n for n in self.model.nodes.values() if job.subject in (n.id, n.primary) or n.id in named]
        if any(self._may_be_unseen(node) for node in shard):
            return
        differ = {n.id for n in shard if any(n.settings.get(name) != wanted[name] for name in wanted)}
        if not differ & named:
            self._broken(f"{begin.job_id} configures {job.subject}, whose settings are as they shall be")
        if differ - named:
            self._broken(f"{begin.job_id} leaves {', '.join(differ - named)} of its shard for another job")

    def _may_be_unseen(self, node: ModelNode) -> bool:
        """Something has happened to it that the plan may not know of."""
        since_ms = self.model.now_ms - UNSEEN_MS
        return (
            not node.answers or node.has_failed or max(node.settings_moved_ms, node.well_since_ms) > since_ms
        )

    def _newest_jobs(self) -> tuple[Job, ...]:
        return self._records[max(self._records)].jobs if self._records else ()

    # What is done.

    def ended(self, begin: BeginStep, outcome: StepOutcome) -> None:
        """A manager has been told of the end of a step."""
        if outcome.result == "done":
            self._done.add((begin.job_id, begin.index))

    def _all_done_is_true(self, records: Records) -> None:
        """What the records call done was carried out."""
        for job in records.jobs:
            if job.id in self._checked:
                continue
            for index, step in enumerate(job.steps):
                is_done = step.state is Progress.DONE and step.kind is not StepKind.VERIFY
                if is_done and (job.id, index) not in self._done:
                    self._broken(f"{job.id}/{index} is done by the records, and nobody has carried it out")
            if job.state is Progress.DONE:
                self._checked.add(job.id)

    def restarts(self, begin: BeginStep, node: ModelNode) -> None:
        """A manager shuts a node down."""
        key, now_ms = (begin.job_id, begin.index), self.model.now_ms
        if key in self._restarted and node.started_ms > self._restarted[key]:
            self._broken(f"{begin.job_id}/{begin.index} restarts {node.id} for the second time")
        self._restarted[key] = now_ms
        down = [each for each in self.model.nodes.values() if each.is_restarting]
        if len(down) >= self.jobs_at_once:
            self._broken(f"{node.id} is shut down while {', '.join(each.id for each in down)} restart")
        if node.role != "replica":
            return
        primary = self.model.nodes.get(node.primary)
        if primary is not None and primary.slots:
            if any(each.primary == primary.id for each in down):
                self._broken(f"{node.id} is shut down while another replica of {primary.id} restarts")
            kept = self.model.copies(primary, now_ms - KNOWN_MS) - (node.good_at_ms >= now_ms - KNOWN_MS)
            if kept < 1:
                self._broken(f"{node.id} is shut down, and nobody else of its shard has the data")

    def backed_up(self, begin: BeginStep, backup: Backup) -> None:
        """A backup is whole, says the step: it holds all that was acknowledged before it began."""
        lacks = [slot for slot, count in backup.due.items() if backup.holds.get(slot, 0) < count]
        if lacks:
            self._broken(f"{begin.job_id} has made a backup that lacks writes to the slot {lacks[0]}")

    def unlike(self, desired: DesiredState) -> str:
        """What of the nodes, not of what managers believe, is not as desired; empty when all is."""
        for node in self.model.nodes.values():
            if not node.is_member:
                continue
            for name, value in desired.settings.items():
                for where, found in (("runs with", node.settings), ("has a file with", node.file)):
                    if found.get(name) != value:
                        return f"{node.id} {where} {name} {found.get(name)}, not {value}"
            if desired.release and node.version != desired.release:
                return f"{node.id} runs {node.version}, not {desired.release}"
        for wish in desired.backups:
            newest = self.model.target(wish.target).newest
            if newest is None or newest.holds != newest.says:
                return f"{wish.target} has no backup that can be restored"
        return ""

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
        """Each slot has an owner, which has all that was acknowledged."""
        owned: set[int] = set()
        for node in self.model.nodes.values():
            if node.slots:
                if node.role != "primary" or not node.is_member:
                    self._broken(f"{node.id} has slots and is a {node.role}, member {node.is_member}")
                owned |= node.slots
                for slot in SAMPLED:
                    if slot in node.slots and node.data.get(slot, 0) != self.model.acknowledged.get(slot, 0):
                        self._broken(f"{node.id} owns the slot {slot} and lacks acknowledged writes to it")
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
