"""A manager's process: its core, its clock, its messages, and the steps that it carries out."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from garrison.cluster.core.manager.effects import (
    AskLease,
    BeginStep,
    CancelStep,
    Effects,
    ReadRecords,
    ReleaseLease,
    StepOutcome,
    StoreRecords,
)
from garrison.cluster.core.manager.manager_core import ManagerCore
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.requests import Request

from .pictures import Observer
from .steps import Execution

if TYPE_CHECKING:
    from .simulation import Simulation

ASK_TIMEOUT_MS = 2_000
OBSERVE_QUIET_MS = 5_000
PLAN_EVERY_MS = 10_000
UNIX_MS = 1_800_000_000_000

Ask = AskLease | ReleaseLease | ReadRecords | StoreRecords


class ManagerHost:
    """One manager: alive, dead or asleep. A process that sleeps finds its messages when it wakes."""

    def __init__(self, sim: Simulation, id: str, rate: float, skew_ms: int) -> None:
        self.sim = sim
        self.model = sim.model
        self.checks = sim.checks
        self.id = id
        self.rate = rate
        self.skew_ms = skew_ms
        self.alive = False
        self.asleep_until_ms = 0
        self.life = 0
        """Counts starts: what belongs to an older life is dropped."""
        self.acts = 0
        """What the core has asked for, for tests that kill it at each of them."""
        self.kill_at_act: int | None = None
        self._core: ManagerCore | None = None
        self._steps: dict[tuple[str, int], Execution] = {}
        self._wanted_tick_ms = -1
        self._led = False
        self._won_ms = 0

    @property
    def core(self) -> ManagerCore:
        assert self._core is not None
        return self._core

    @property
    def now_ms(self) -> int:
        """Its own clock, which runs a little fast or slow, and on while it sleeps."""
        return round(self.sim.events.now_ms * self.rate) + 1_000

    @property
    def unix_ms(self) -> int:
        """The time on its wall, which may be off by seconds."""
        return self.now_ms + self.core.wall_offset_ms

    @property
    def leads(self) -> bool:
        return self.alive and self.core.leads

    # Life.

    def start(self) -> None:
        self.alive, self.life = True, self.life + 1
        self.asleep_until_ms = 0
        self._steps.clear()
        self._led = False
        self._observer = Observer(
            self.model, self.id, random.Random(f"{self.sim.seed} {self.id} {self.life} observer")
        )
        settings = ManagerSettings(id=self.id, plan_every_ms=PLAN_EVERY_MS, **self.sim.settings)
        rng = random.Random(f"{self.sim.seed} {self.id} {self.life}")
        offset_ms = UNIX_MS - self.now_ms + self.sim.events.now_ms + self.skew_ms
        self._core = ManagerCore(settings, rng, self.now_ms, wall_offset_ms=offset_ms)
        self._observe()
        self._drain()

    def kill(self) -> None:
        self.alive, self._core = False, None
        self._steps.clear()

    def sleep(self, duration_ms: int) -> None:
        self.asleep_until_ms = self.sim.events.now_ms + duration_ms

    def later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Do it in a while, if it then still lives; when it sleeps, after that."""
        life = self.life

        def run() -> None:
            if self.life != life or not self.alive:
                return
            left_ms = self.asleep_until_ms - self.sim.events.now_ms
            if left_ms > 0:
                self.sim.events.schedule(left_ms, run)
                return
            action()

        self.sim.events.schedule(delay_ms, run)

    # Inputs.

    def ask(self, request: Request) -> None:
        """A person asks."""
        self.core.request(request, self.now_ms)
        self._drain()

    def _observe(self) -> None:
        self._look()
        busy = self.leads and (self._steps or any(not job.state.has_ended for job in self.core.records.jobs))
        self.later(self.sim.observe_ms if busy else OBSERVE_QUIET_MS, self._observe)

    def _look(self, *, again: bool = False) -> None:
        picture = self._observer.picture(self.unix_ms, self.core.desired, again=again)
        if picture.nodes:
            self.core.observed(picture, self.now_ms)
            self._drain()

    def _tick(self) -> None:
        self._wanted_tick_ms = -1
        self.core.tick(self.now_ms)
        self._drain()

    def progressed(self, step: Execution, fraction: float) -> None:
        self.core.step_progress(step.begin.job_id, step.begin.index, fraction, self.now_ms)
        self._drain()

    def ended(self, step: Execution, outcome: StepOutcome) -> None:
        key = (step.begin.job_id, step.begin.index)
        if self._steps.get(key) is not step:
            return
        del self._steps[key]
        self.sim.tell(f"{self.id} {key[0]}/{key[1]} {outcome.result} {outcome.why}")
        self.checks.ended(step.begin, outcome)
        self.core.step_ended(*key, outcome, self.now_ms)
        self._drain()
        if self.alive:
            self.later(100, lambda: self._look(again=True))

    # Effects.

    def _drain(self) -> None:
        while self.alive:
            effects = self.core.take()
            if not effects:
                break
            self._carry_out(effects)
        if not self.alive:
            return
        leads = self.core.leads
        if leads and not self._led:
            self.checks.leads(self.id, self.core.records, self._won_ms)
        self._led = leads
        self._arm()

    def _arm(self) -> None:
        due_ms = self.core.next_deadline_ms()
        if due_ms == self._wanted_tick_ms:
            return
        self._wanted_tick_ms = due_ms
        wanted = due_ms
        delay_ms = max(1, int((due_ms - self.now_ms) / self.rate) + 1)
        self.later(delay_ms, lambda: self._tick() if self._wanted_tick_ms == wanted else None)

    def _carry_out(self, effects: Effects) -> None:
        for act in (*effects.asks, *effects.begins, *effects.cancels):
            self.acts += 1
            if self.kill_at_act == self.acts:
                self.kill()
                return
            if isinstance(act, BeginStep):
                self._begin(act)
            elif isinstance(act, CancelStep):
                self._cancel(act)
            else:
                self._send(act)
        for event in effects.events:
            if event.text.endswith(f"holds the lease under the epoch {self.core.epoch}"):
                self._won_ms = self.sim.events.now_ms
            text = event.text if event.text.startswith(self.id) else f"{self.id} {event.text}"
            self.sim.tell(text)
        for ticket, error in effects.answers:
            self.sim.answered(ticket, error)

    def _begin(self, begin: BeginStep) -> None:
        self.checks.begun(self.id, begin)
        key = (begin.job_id, begin.index)
        assert key not in self._steps, f"{key} is under way already"
        self.sim.tell(f"{self.id} {key[0]}/{key[1]} begins: {begin.step.explanation}")
        step = self._steps[key] = Execution(self, begin)
        self.later(self.sim.latency_ms(), step.go_on)

    def _cancel(self, cancel: CancelStep) -> None:
        step = self._steps.get((cancel.job_id, cancel.index))
        if step is None:
            return
        step.is_cancelled = True
        when = "at once" if cancel.at_once else "at a safe moment"
        self.sim.tell(f"{self.id} {cancel.job_id}/{cancel.index} is cancelled {when}")
        if cancel.at_once:
            step.is_over = True
            del self._steps[cancel.job_id, cancel.index]

    # Messages: there, and back, or nothing.

    def _send(self, ask: Ask) -> None:
        node, sim = self.model.nodes[ask.node_id], self.sim
        sent_ms = sim.events.now_ms
        there_ms = sim.latency_ms() + node.slow_ms
        back_ms = sim.latency_ms() + node.slow_ms // 4
        answered = False

        def arrive() -> None:
            if node.answers and self.model.hears(self.id, node.id):
                answer = self._at_node(ask)
                sim.events.schedule(back_ms, lambda: come_back(answer))

        def come_back(answer: object) -> None:
            if self.model.hears(self.id, node.id):
                self.later(0, lambda: reply(answer))

        def reply(answer: object) -> None:
            nonlocal answered
            if not answered:
                answered = True
                self._reply(ask, answer)

        sim.events.schedule(there_ms, arrive)
        self.later(max(1, sent_ms + ASK_TIMEOUT_MS - sim.events.now_ms), lambda: reply(None))

    def _at_node(self, ask: Ask) -> object:
        node = self.model.nodes[ask.node_id]
        register, clock = node.register, self.model.clock(node)
        counts = node.counts(self.sim.events.now_ms)
        match ask:
            case AskLease():
                answer = register.lease(self.id, ask.epoch, ask.ttl_ms, clock, counts)
                if answer.granted:
                    self.checks.grant(node, ask.epoch)
                return answer
            case ReleaseLease():
                register.release(self.id, ask.epoch)
                return None
            case ReadRecords():
                return register.read(clock, counts)
            case StoreRecords():
                error = register.store(self.id, ask.epoch, ask.version, ask.content, clock, counts)
                if not error:
                    self.checks.stored(node)
                return error

    def _reply(self, ask: Ask, answer: object) -> None:
        core, now_ms = self.core, self.now_ms
        if isinstance(ask, AskLease):
            core.lease_answered(ask.node_id, answer, now_ms)  # type: ignore[arg-type]
        elif isinstance(ask, ReadRecords):
            core.records_read(ask.node_id, answer, now_ms)  # type: ignore[arg-type]
        elif isinstance(ask, StoreRecords):
            core.records_stored(ask.node_id, "no answer" if answer is None else str(answer), now_ms)
        self._drain()
