"""Jobs step by step.

BACKGROUND. A job belongs to the records, not to a manager: whoever leads goes on with it. What this file
decides is a change of the records; it is stored by a majority before anything of it is done.

INVARIANTS.
1. A step begins only when the records that count say that it is running under the epoch of the own lease, and
   its harm is noted in them (`begins` looks at nothing else).
2. A running step of an older epoch is begun again under the own one, after that too was stored. Steps are
   idempotent.
3. What a step ended with is in the records before the next one begins.
4. When the lease is lost, everything is cancelled at once and forgotten; the outcome of a step begun under
   another epoch is passed over.

BEHAVIOUR. A job of the plan enters the records when it may begin, and not before, so a plan that is no longer
wanted leaves nothing behind. A job that a person has agreed to enters at once and waits there. A failed step
is tried again after a wait that doubles, a few times; then its job has failed. A job whose step is
contradicted by the picture, or waits too long for what it needs, is stopped. After a failure or such a stop
the same job rests before it is planned again; one that a person has stopped rests until a person says
otherwise.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from garrison.cluster.core.manager import harm_budget, job_states
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.effects import BeginStep, CancelStep, StepOutcome
from garrison.cluster.core.manager.expectations import unmet
from garrison.cluster.core.manager.harm import cost_of, price_of
from garrison.cluster.core.manager.jobs import Job, Progress, Records, Step, StepKind
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.manager.premises import Doubt, doubt_about, not_back
from garrison.cluster.core.manager.windows import may_begin_ms

Key = tuple[str, int]
NODE_ARGUMENTS = ("node", "source", "target", "primary", "from", "address")
RATE_FRACTION_LEAST = 0.02
"""Below this much progress no time left is told."""
PROBLEMS_SHOWN = 3
APPLY = "apply"
UNDO_APPLY = "undo the desired state"
"""These words in the audit log say that the desired state was changed."""
DRY_RUN = "the mode dry-run"
"""Stops jobs that no person has agreed to."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the runner decides by."""

    now_ms: int
    unix_ms: int
    epoch: int
    desired: DesiredState
    picture: Picture
    seen_ms: int
    """When the picture came, on the clock of `now_ms`."""
    may_begin: bool
    """The manager is sure of the picture, and nobody has paused it."""
    offers: tuple[Job, ...] = ()
    """The jobs of the plan, when they may be taken up without a person."""

    def doubt_about(self, step: Step) -> Doubt | None:
        """What speaks against beginning this step now."""
        return doubt_about(step, self.picture, self.desired.replicas_per_shard)


@dataclass(slots=True)
class Running:
    """A step that was begun by this manager."""

    epoch: int
    done_fraction: float = 0.0
    is_cancelled: bool = False


@dataclass(slots=True)
class JobRunner:
    """The steps under way, and what becomes of them."""

    settings: ManagerSettings
    running: dict[Key, Running] = field(default_factory=dict)
    ended: dict[Key, StepOutcome] = field(default_factory=dict)
    _waits_since_ms: dict[Key, int] = field(default_factory=dict)

    # Inputs.

    def progressed(self, job_id: str, index: int, done_fraction: float) -> None:
        """How far a step is."""
        under_way = self.running.get((job_id, index))
        if under_way is not None:
            under_way.done_fraction = max(under_way.done_fraction, min(1.0, max(0.0, done_fraction)))

    def step_ended(self, job_id: str, index: int, outcome: StepOutcome) -> None:
        """A step has ended; one that we do not know of any more is passed over."""
        under_way = self.running.get((job_id, index))
        if under_way is not None and under_way.epoch == outcome.epoch:
            del self.running[job_id, index]
            self.ended[job_id, index] = outcome

    def lost(self) -> list[CancelStep]:
        """The lease is lost."""
        cancels = [CancelStep(job_id, index, at_once=True) for job_id, index in sorted(self.running)]
        self.running.clear()
        self.ended.clear()
        self._waits_since_ms.clear()
        return cancels

    # What is to be stored next.

    def advance(self, records: Records, moment: Moment) -> Records:
        """The records as they should be; equal to those given when nothing changes."""
        for key, outcome in sorted(self.ended.items()):
            records = self._with_outcome(records, key, outcome, moment)
        if moment.desired.mode == "dry-run":
            records = _with_jobs(records, map(_without_consent, records.jobs))
        for job in records.jobs:
            if job.state is Progress.RUNNING:
                records = self._go_on(records, job, moment)
        for job in records.jobs:
            if job.state is Progress.WAITING:
                records = self._perhaps_begin(records, job, moment)
        for job in moment.offers:
            records = self._perhaps_take_up(records, job, moment)
        return records

    def forget_ended(self) -> None:
        """What `advance` was told has been taken into the records."""
        self.ended.clear()

    # What is to be done by records that count.

    def begins(self, records: Records, moment: Moment, is_ready: Callable[[Step], bool]) -> list[BeginStep]:
        """The steps to begin. `is_ready` says whether the step's target is told of lease and records."""
        if not moment.may_begin:
            self._waits_since_ms.clear()
            return []
        found = []
        for job, index in _running_steps(records):
            key, step = (job.id, index), job.steps[index]
            if key in self.running or key in self.ended or job.epoch != moment.epoch or job.stopped_by:
                continue
            if step.kind is StepKind.VERIFY:
                self._verify(key, step, moment)
                continue
            if not is_ready(step) or moment.doubt_about(step):
                self._waits_since_ms.setdefault(key, moment.now_ms)
                continue
            self._waits_since_ms.pop(key, None)
            self.running[key] = Running(moment.epoch)
            found.append(BeginStep(job.id, index, step, moment.epoch))
        return found

    def cancels(self, records: Records) -> list[CancelStep]:
        """The steps to end at the next safe moment: somebody has stopped their job, or paused everything."""
        stopped = {job.id for job in records.jobs if job.stopped_by or job.state is not Progress.RUNNING}
        found = []
        for (job_id, index), under_way in sorted(self.running.items()):
            if not under_way.is_cancelled and (records.paused_by or job_id in stopped):
                under_way.is_cancelled = True
                found.append(CancelStep(job_id, index, at_once=False))
        return found

    def shown(self, records: Records, unix_ms: int) -> Records:
        """The records with how far running steps are, and how long they will take."""
        if not self.running:
            return records
        return _with_jobs(records, (self._with_progress(job, unix_ms) for job in records.jobs))

    def why_not(self, records: Records, job: Job, moment: Moment) -> str:
        """What a job would wait for; empty if it can begin now."""
        if job.began_ms is None:
            opens_ms = may_begin_ms(moment.desired.windows, job.kind, moment.unix_ms)
            if opens_ms is None:
                return f"a window: none is for jobs of the kind {job.kind}"
            if opens_ms > moment.unix_ms:
                opens = datetime.fromtimestamp(opens_ms / 1000, UTC)
                return f"its window, which opens {opens:%Y-%m-%d %H:%M} UTC"
        running = [other for other in records.jobs if other.state is Progress.RUNNING and other.id != job.id]
        touched = touched_by(job)
        for other in running:
            if touched & touched_by(other):
                return f"{other.id}, which is about the same node"
            if _has_both(job, other, StepKind.BACKUP, StepKind.MOVE_SLOTS):
                return f"{other.id}: a backup lacks what moves between shards while it is taken"
        if len(running) >= moment.desired.harm.jobs_at_once_max:
            return f"{running[0].id}: {len(running)} jobs run, as many as are allowed at once"
        index = _next_index(job)
        if index is None:
            return ""
        if any(step.kind is StepKind.RESTART for step in job.steps[index:]):
            for other in records.jobs:
                away = not_back(other, moment.picture) if other.state.has_ended else ""
                if away:
                    return f"{away}, which {other.id} has shut down, to be back"
        harm = moment.desired.harm
        cost = cost_of(job.steps[index:], harm)
        if cost > harm.points_per_hour_max:
            cost = price_of(job.steps[index], harm)
        why = harm_budget.why_too_much(records, harm, cost, moment.unix_ms)
        doubt = None if why else moment.doubt_about(job.steps[index])
        return doubt.why if doubt else why

    def why_rests(self, records: Records, job: Job, unix_ms: int) -> str:
        """Why a job of the plan is not taken up although it could begin."""
        for old in reversed(records.jobs):
            if (old.kind, old.subject) != (job.kind, job.subject) or old.state is Progress.DONE:
                continue
            if not old.state.has_ended:
                return f"{old.id}, which does the same"
            if old.stopped_by and (old.ended_ms or 0) >= applied_ms(records):
                return f"{old.stopped_by}, who has stopped {old.id}: resume it or change the desired state"
            failed = old.state is Progress.FAILED
            rest_ms = self.settings.failed_job_rest_ms if failed else self.settings.stopped_job_rest_ms
            if unix_ms - (old.ended_ms or 0) < rest_ms:
                return f"{rest_ms // 1000} s to pass since {old.id} {old.state}: {old.why}"
        return ""

    # Inner parts.

    def _with_outcome(self, records: Records, key: Key, outcome: StepOutcome, moment: Moment) -> Records:
        job = job_with(records, key[0])
        if job is None or job.state is not Progress.RUNNING or key[1] >= len(job.steps):
            return records
        step, unix_ms = job.steps[key[1]], moment.unix_ms
        if step.state is not Progress.RUNNING:
            return records
        if outcome.result == "done":
            step = job_states.step_moved(step, Progress.DONE, ended_ms=unix_ms, done_fraction=1.0, why="")
        elif outcome.result == "cancelled":
            step = job_states.step_moved(step, Progress.WAITING, why=outcome.why, attempts=step.attempts - 1)
        elif outcome.result == "failed" and step.attempts < self.settings.step_attempts_max:
            step = job_states.step_moved(step, Progress.WAITING, why=outcome.why, ended_ms=unix_ms)
        else:
            step = job_states.step_moved(step, Progress.FAILED, why=outcome.why, ended_ms=unix_ms)
        job = _with_step(job, key[1], step)
        if step.state is Progress.FAILED:
            unsure = outcome.result == "unsure"
            why = f"not sure: {outcome.why}" if unsure else outcome.why
            job = _ended(job, Progress.STOPPED if unsure else Progress.FAILED, unix_ms, why)
        return with_job(records, job)

    def _go_on(self, records: Records, job: Job, moment: Moment) -> Records:
        index = _next_index(job)
        if index is None:
            return with_job(records, _ended(job, Progress.DONE, moment.unix_ms, ""))
        step, key = job.steps[index], (job.id, index)
        if job.stopped_by and key not in self.running and key not in self.ended:
            return with_job(records, _stopped(job, index, moment.unix_ms, f"stopped by {job.stopped_by}"))
        if step.state is Progress.RUNNING:
            is_waiting = step.kind is not StepKind.VERIFY and key not in self.running and moment.may_begin
            if is_waiting and self._has_waited_too_long(key, moment):
                doubt = moment.doubt_about(step)
                why = doubt.why if doubt else "its target was not told of lease and records in time"
                return with_job(records, _stopped(job, index, moment.unix_ms, f"not sure: {why}"))
            if key not in self.running and job.epoch != moment.epoch:
                return self._with_begin_again(records, job, index, moment)
            return records
        if not moment.may_begin:
            return records
        doubt = moment.doubt_about(step)
        if doubt and (doubt.final or self._has_waited_too_long(key, moment)):
            return with_job(records, _stopped(job, index, moment.unix_ms, f"not sure: {doubt.why}"))
        if doubt:
            self._waits_since_ms.setdefault(key, moment.now_ms)
            return _with_wait(records, job, doubt.why)
        self._waits_since_ms.pop(key, None)
        if moment.unix_ms < self._retry_at_ms(step):
            return _with_wait(records, job, "some time to pass before the next try")
        return self._with_begin(records, job, index, moment)

    def _with_begin(self, records: Records, job: Job, index: int, moment: Moment) -> Records:
        step, harm = job.steps[index], moment.desired.harm
        cost = price_of(step, harm)
        why = harm_budget.why_too_much(records, harm, cost, moment.unix_ms)
        if why:
            return _with_wait(records, job, why)
        step = job_states.step_moved(
            step, Progress.RUNNING, began_ms=moment.unix_ms, ended_ms=None, attempts=step.attempts + 1
        )
        job = _with_step(job, index, step, epoch=moment.epoch, waits_for="")
        return harm_budget.with_spent(with_job(records, job), cost, moment.unix_ms)

    def _with_begin_again(self, records: Records, job: Job, index: int, moment: Moment) -> Records:
        """Go on with a step that another manager, or this one under an older epoch, has begun."""
        step, harm = job.steps[index], moment.desired.harm
        cost, paid_ms = price_of(step, harm), step.began_ms or 0
        paid = harm_budget.with_begun_again(records, harm, cost, paid_ms, moment.unix_ms)
        if isinstance(paid, str):
            return _with_wait(records, job, paid)
        step = job_states.step_moved(step, Progress.RUNNING, began_ms=moment.unix_ms)
        return with_job(paid, _with_step(job, index, step, epoch=moment.epoch, waits_for=""))

    def _perhaps_begin(self, records: Records, job: Job, moment: Moment) -> Records:
        if job.stopped_by:
            changes = {"ended_ms": moment.unix_ms, "why": f"stopped by {job.stopped_by}", "waits_for": ""}
            return with_job(records, job_states.job_moved(job, Progress.STOPPED, **changes))
        if not moment.may_begin:
            return records
        index = _next_index(job)
        doubt = moment.doubt_about(job.steps[index]) if index is not None else None
        if doubt and doubt.final:
            job = job_states.job_moved(job, Progress.STOPPED, ended_ms=moment.unix_ms, why=doubt.why)
            return with_job(records, job)
        why, key = self.why_not(records, job, moment), (job.id, index or 0)
        if doubt and why == doubt.why:
            self._waits_since_ms.setdefault(key, moment.now_ms)
            if self._has_waited_too_long(key, moment):
                changes = {"ended_ms": moment.unix_ms, "why": f"not sure: {why}", "waits_for": ""}
                return with_job(records, job_states.job_moved(job, Progress.STOPPED, **changes))
        else:
            self._waits_since_ms.pop(key, None)
        if why:
            return _with_wait(records, job, why)
        began_ms = job.began_ms if job.began_ms is not None else moment.unix_ms
        job = job_states.job_moved(
            job, Progress.RUNNING, began_ms=began_ms, waits_for="", why="", ended_ms=None
        )
        return self._go_on(with_job(records, job), job, moment)

    def _perhaps_take_up(self, records: Records, job: Job, moment: Moment) -> Records:
        if not moment.may_begin or self.why_rests(records, job, moment.unix_ms):
            return records
        if self.why_not(records, job, moment):
            return records
        records, job = admitted(records, job, moment.unix_ms)
        return self._perhaps_begin(records, job, moment)

    def _verify(self, key: Key, step: Step, moment: Moment) -> None:
        """Judge a `verify` step by a picture made after it began; it is given some time to come true."""
        since_ms = self._waits_since_ms.setdefault(key, moment.now_ms)
        if moment.seen_ms <= since_ms:
            return
        wrong = unmet(step.arguments.get("expect", "{}"), moment.picture)
        if not wrong:
            self.ended[key] = StepOutcome(moment.epoch, "done")
        elif moment.now_ms - since_ms >= self.settings.begin_patience_ms:
            self.ended[key] = StepOutcome(moment.epoch, "unsure", "; ".join(wrong[:PROBLEMS_SHOWN]))
        if key in self.ended:
            del self._waits_since_ms[key]

    def _has_waited_too_long(self, key: Key, moment: Moment) -> bool:
        since_ms = self._waits_since_ms.get(key)
        return since_ms is not None and moment.now_ms - since_ms >= self.settings.begin_patience_ms

    def _retry_at_ms(self, step: Step) -> int:
        if not step.attempts or step.ended_ms is None:
            return 0
        wait_ms = self.settings.step_retry_ms << min(30, step.attempts - 1)
        return step.ended_ms + min(wait_ms, self.settings.step_retry_ms_max)

    def _with_progress(self, job: Job, unix_ms: int) -> Job:
        for index, step in enumerate(job.steps):
            under_way = self.running.get((job.id, index))
            if under_way is not None:
                step = step.model_copy(update={"done_fraction": under_way.done_fraction})
                job = _with_step(job, index, step)
        if job.state is not Progress.RUNNING or job.began_ms is None:
            return job
        done = job.done_fraction
        if done < RATE_FRACTION_LEAST:
            return job
        left = (1 - done) / done * max(0, unix_ms - job.began_ms) / 1000
        return job.model_copy(update={"seconds_left": round(left, 1)})


def admitted(records: Records, job: Job, unix_ms: int, **changes: str) -> tuple[Records, Job]:
    """The records with a job of a plan, waiting, under the next number."""
    number = records.next_job
    job = job.model_copy(update={"id": f"job-{number}", "made_ms": unix_ms, "waits_for": "", **changes})
    if job.state is Progress.PLANNED:
        job = job_states.job_moved(job, Progress.WAITING)
    return records.model_copy(update={"jobs": (*records.jobs, job), "next_job": number + 1}), job


def applied_ms(records: Records) -> int:
    """When the desired state was changed last, as far as the audit log goes back."""
    times = (entry.at_ms for entry in records.audit if entry.what in (APPLY, UNDO_APPLY))
    return max(times, default=0)


def touched_by(job: Job) -> set[str]:
    """The nodes that a job is about; jobs that share one do not run together."""
    named = {step.arguments.get(name, "") for step in job.steps for name in NODE_ARGUMENTS}
    return (named | {job.subject}) - {""}


def _has_both(one: Job, other: Job, kind: StepKind, another: StepKind) -> bool:
    """Whether one of two jobs has a step of one kind, and the other job one of the other kind."""
    has = [{step.kind for step in job.steps} for job in (one, other)]
    return any(kind in first and another in second for first, second in (has, has[::-1]))


def job_with(records: Records, job_id: str) -> Job | None:
    """The job with this id."""
    return next((job for job in records.jobs if job.id == job_id), None)


def with_job(records: Records, job: Job) -> Records:
    """The records with a job in its new state."""
    return _with_jobs(records, (job if old.id == job.id else old for old in records.jobs))


def _with_jobs(records: Records, jobs: Iterable[Job]) -> Records:
    return records.model_copy(update={"jobs": tuple(jobs)})


def _with_wait(records: Records, job: Job, waits_for: str) -> Records:
    if job.waits_for == waits_for:
        return records
    return with_job(records, job.model_copy(update={"waits_for": waits_for}))


def _with_step(job: Job, index: int, step: Step, **changes: object) -> Job:
    steps = (*job.steps[:index], step, *job.steps[index + 1 :])
    return job.model_copy(update={"steps": steps, **changes})


def _ended(job: Job, state: Progress, unix_ms: int, why: str) -> Job:
    return job_states.job_moved(job, state, ended_ms=unix_ms, why=why, waits_for="", seconds_left=None)


def _stopped(job: Job, index: int, unix_ms: int, why: str) -> Job:
    step = job.steps[index]
    if step.state is Progress.RUNNING:
        job = _with_step(job, index, job_states.step_moved(step, Progress.WAITING))
    return _ended(job, Progress.STOPPED, unix_ms, why)


def _without_consent(job: Job) -> Job:
    if job.consented_by or job.stopped_by or job.state not in (Progress.WAITING, Progress.RUNNING):
        return job
    return job.model_copy(update={"stopped_by": DRY_RUN})


def _next_index(job: Job) -> int | None:
    return next((index for index, step in enumerate(job.steps) if step.state is not Progress.DONE), None)


def _running_steps(records: Records) -> list[tuple[Job, int]]:
    return [
        (job, index)
        for job in records.jobs
        if job.state is Progress.RUNNING
        for index, step in enumerate(job.steps)
        if step.state is Progress.RUNNING
    ]
