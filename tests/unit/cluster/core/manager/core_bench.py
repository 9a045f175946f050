"""A manager's core on a bench: three primaries that answer at once, unless a test says otherwise."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from garrison.cluster.core.manager.conditions import Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.effects import (
    AskLease,
    BeginStep,
    CancelStep,
    LeaseAnswer,
    ReadRecords,
    StepOutcome,
    StoredRecords,
    StoreRecords,
)
from garrison.cluster.core.manager.jobs import Job, JobKind, Plan, Records, Step, StepKind
from garrison.cluster.core.manager.manager_core import ManagerCore
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.picture import Event, NodePicture, NodeState, Picture
from garrison.cluster.core.manager.requests import Apply, Request

UNIX_MS = 1_800_000_000_000
SLOTS = {"a": "0-5460", "b": "5461-10922", "c": "10923-16383"}


def move(slots: str, source: str = "a", target: str = "b") -> Step:
    return Step(kind=StepKind.MOVE_SLOTS, arguments={"source": source, "target": target, "slots": slots})


def job(*steps: Step, kind: JobKind = JobKind.REBALANCE, subject: str = "a") -> Job:
    title = f"{kind} {subject}"
    return Job(id="job-0", kind=kind, title=title, reason="", subject=subject, steps=steps, made_ms=0)


class Bench:
    """Answers for the nodes; steps end only when a test says so."""

    def __init__(self, *jobs: Job, epoch: int = 3, **settings: Any) -> None:
        self.now_ms = 1_000
        self.wall_offset_ms = UNIX_MS
        self.jobs = jobs
        self.slots = dict(SLOTS)
        self.stored: dict[str, StoredRecords] = {}
        self.epoch = epoch
        self.settings_as_of_ms = 0
        """When the nodes' settings were asked for; 0 for now."""
        self.planned_by = Picture(at_ms=0)
        self.silent_nodes: set[str] = set()
        """Those that the pictures show as silent."""
        self.silent: set[str] = set()
        self.begun: list[BeginStep] = []
        self.cancelled: list[CancelStep] = []
        self.events: list[Event] = []
        self.answers: dict[int, str] = {}
        self._ticket = 0
        self.core = ManagerCore(
            ManagerSettings(id="me", **settings), random.Random(1), self.now_ms, UNIX_MS, self._plan
        )

    def _plan(
        self, desired: DesiredState, picture: Picture, records: Records, unix_ms: int, seen: Observations
    ) -> Plan:
        self.planned_by = picture
        open_or_done = {(each.kind, each.subject) for each in records.jobs}
        jobs = tuple(each for each in self.jobs if (each.kind, each.subject) not in open_or_done)
        return Plan(id=f"plan-{len(jobs)}", made_ms=unix_ms, jobs=jobs, explanations=())

    def picture(self, **more: Any) -> Picture:
        unix_ms = self.now_ms + self.wall_offset_ms
        nodes = tuple(
            NodePicture(
                id=id,
                address=f"{id}:1",
                role="primary",
                slots=slots,
                slot_count=100 if slots else 0,
                state=NodeState.SILENT if id in self.silent_nodes else NodeState.OK,
                settings={"hz": "10"},
                settings_as_of_ms=self.settings_as_of_ms or unix_ms,
                as_of_ms=unix_ms,
            )
            for id, slots in self.slots.items()
        )
        return Picture.model_validate({"at_ms": unix_ms, "nodes": nodes} | more)

    def pump(self) -> None:
        """Carry out what the core wants until it wants nothing."""
        while effects := self.core.take():
            self.begun += effects.begins
            self.cancelled += effects.cancels
            self.events += effects.events
            self.answers.update(effects.answers)
            for ask in effects.asks:
                node = ask.node_id
                if isinstance(ask, AskLease):
                    answer = LeaseAnswer(True, ask.epoch, "me", ask.ttl_ms)
                    self.core.lease_answered(node, None if node in self.silent else answer, self.now_ms)
                elif isinstance(ask, ReadRecords):
                    empty = StoredRecords(self.epoch, "", 0, 0, b"")
                    found = None if node in self.silent else self.stored.get(node, empty)
                    self.core.records_read(node, found, self.now_ms)
                elif isinstance(ask, StoreRecords):
                    self._store(ask)

    def _store(self, ask: StoreRecords) -> None:
        silent = ask.node_id in self.silent
        if not silent:
            self.stored[ask.node_id] = StoredRecords(
                ask.epoch, "me", ask.version, ask.epoch, ask.content, 9_000
            )
        self.core.records_stored(ask.node_id, "no answer" if silent else "", self.now_ms)

    def run(self, duration_ms: int, step_ms: int = 500, **more: Any) -> None:
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.now_ms += step_ms
            self.core.tick(self.now_ms)
            self.core.observed(self.picture(**more), self.now_ms)
            self.pump()

    def lead(self, **desired: Any) -> Bench:
        """It leads, and the desired state is stored."""
        self.run(12_000)
        assert self.core.leads, self.core.why_idle
        text = DesiredState(**({"mode": "act"} | desired)).model_dump_json()
        ticket = self.ask(lambda by, ticket: Apply(by, ticket, text))
        self.run(2_000)
        assert self.answers[ticket] == ""
        return self

    def ask(self, make: Callable[[str, int], Request]) -> int:
        self._ticket += 1
        self.core.request(make(f"p{self._ticket}", self._ticket), self.now_ms)
        self.pump()
        return self._ticket

    def end(self, result: Any = "done", why: str = "", number: int = -1) -> None:
        """The step that was begun last has ended."""
        begin = self.begun[number]
        self.core.step_ended(begin.job_id, begin.index, StepOutcome(begin.epoch, result, why), self.now_ms)
        self.pump()
        self.run(1_500)

    def set_clock_back(self, by_ms: int) -> None:
        self.wall_offset_ms -= by_ms
        self.core.wall_offset_ms = self.wall_offset_ms

    def states(self) -> list[str]:
        return [f"{each.id} {each.state}" for each in self.core.records.jobs]
