"""A manager: inputs go in, one record of effects comes out. The shell owns sockets, files and clocks.

BACKGROUND. Several managers run; the one that holds the lease (`lease`) acts, by records that a majority
keeps (`records_keeper`). This file ties lease, records, plan and jobs together.

INVARIANTS.
1. Nothing is begun, and no person is answered, before what it follows from is stored by a majority.
2. Nothing is begun without the lease, by an old picture, or by one made before the last step ended.
3. A step that brings slots to a node begins only when that node knows of the lease and has the records. A
   hand-over waits while the lease would be lost by it: the new primary grants nothing in its waiting time.

BEHAVIOUR. Clocks: `now_ms` is a clock that never goes back and runs on while the machine sleeps
(CLOCK_BOOTTIME); the lease is counted on it. Unix times in documents are `now_ms + wall_offset_ms`, which the
shell keeps true. What the shell promises: for each ask exactly one answer, in order, also when a node is not
reached (None or an error, after a time-out of the shell). For each `BeginStep` one `step_ended`; after
`CancelStep(at_once=True)` none is awaited. It calls `take` after each input, `tick` at `next_deadline_ms`,
and observes anew after a step ended. `verify` steps are judged here and never come out.
"""

from collections.abc import Callable, Sequence
from itertools import chain

from garrison.cluster.core.manager.conditions import Conditions, Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.effects import Effects, LeaseAnswer, StepOutcome, StoredRecords
from garrison.cluster.core.manager.holding import refusals, refusals_in
from garrison.cluster.core.manager.job_runner import JobRunner, Moment, touched_by
from garrison.cluster.core.manager.jobs import AuditEntry, Job, Plan, Progress, Records, Step, StepKind
from garrison.cluster.core.manager.lease import Lease, LeaseOfOne, LeaseState, Rng
from garrison.cluster.core.manager.manager_names import shown_name
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.only_watching import why_only_watching
from garrison.cluster.core.manager.person_requests import Move, desired_of, reshard_plan, with_request
from garrison.cluster.core.manager.picture import Event, NodeState, Picture
from garrison.cluster.core.manager.planner import make_plan
from garrison.cluster.core.manager.premises import named
from garrison.cluster.core.manager.records_content import RecordsTooLargeError
from garrison.cluster.core.manager.records_keeper import Keeping, RecordsKeeper
from garrison.cluster.core.manager.requests import Adopt, Apply, Request, RequestError, StartAnew
from garrison.cluster.core.manager.settings_read import CLOCK_STEP_MS, SettingsRead
from garrison.cluster.core.manager.voters import ALONE, voters_of

Planner = Callable[[DesiredState, Picture, Records, int, Observations], Plan]
REFUSED = Progress.REFUSED
TURN_EVERY_MS = 1_000
"""How often a leader with open jobs looks at them, when nothing else happens."""


class ManagerCore:
    """One manager of one cluster."""

    def __init__(
        self,
        settings: ManagerSettings,
        rng: Rng,
        now_ms: int,
        wall_offset_ms: int = 0,
        make_plan: Planner = make_plan,
    ) -> None:
        self._wall_offset_ms = wall_offset_ms
        self._settings = settings
        self._make_plan = make_plan
        self._conditions = Conditions()
        self._settings_read = SettingsRead()
        self._now_ms = now_ms
        self._is_alone = settings.keeping == "file"
        self._lease = (LeaseOfOne if self._is_alone else Lease)(settings, rng, now_ms)
        self._keeper = RecordsKeeper(settings, now_ms)
        self._runner = JobRunner(settings)
        self._effects = Effects()
        self._picture: Picture | None = None
        self._seen_ms = 0
        self._fresh_from_unix_ms = 0
        """The picture has to be newer, and the nodes of the last step too."""
        self._fresh_nodes: set[str] = set()
        self._has_lease = False
        self._was_ready = False
        self._queue: list[Request] = []
        self._answers: list[tuple[int, str]] | None = None
        """Those of the change that is being stored; None when none is."""
        self._counted = Records()
        self._told = ""
        self._plan: Plan | None = None
        self._plan_is_fresh = False
        """Whether it was made by a picture newer than the last step, so that it may be carried out."""
        self._plan_is_due = True
        self._plan_at_ms = now_ms
        self._eager_until_ms = 0
        """Until then it plans by each picture: the desired state has changed, and nodes say more by it."""
        self._is_new = True
        """Whether something has come by which jobs may go on."""
        self._change_at_ms = now_ms
        self._offered: list[Plan] = []
        self._desired = ("", DesiredState())
        self._no_desired = ""
        if self._is_alone:
            self._keeper.seen(ALONE)
            self._turn()

    # Inputs.

    @property
    def wall_offset_ms(self) -> int:
        """What is added to the process's clock for Unix time."""
        return self._wall_offset_ms

    @wall_offset_ms.setter
    def wall_offset_ms(self, offset_ms: int) -> None:
        """Where the wall clock was set back, no picture would be newer than the last step until it is past
        that again: what was seen by the old clock is dropped, and a picture by the new one waited for."""
        was_ms, self._wall_offset_ms = self._wall_offset_ms, offset_ms
        if offset_ms < was_ms - CLOCK_STEP_MS:
            self._picture = None
            self._fresh_from_unix_ms = min(self._fresh_from_unix_ms, self._unix_ms)

    def tick(self, now_ms: int) -> None:
        """Let time pass."""
        self._clock(now_ms)
        self._turn()

    def observed(self, picture: Picture, now_ms: int) -> None:
        """A new picture, complete; wanted at least every `picture_age_ms_max` / 2."""
        self._clock(now_ms)
        self._picture, self._seen_ms = picture, now_ms
        self._is_new = self._plan_is_due = True
        self._conditions.feed(self.desired, picture)
        if not self._is_alone and not self.only_watches:
            voters = voters_of(picture)
            self._lease.seen(voters)
            self._keeper.seen(voters)
        self._turn()

    def lease_answered(self, node_id: str, answer: LeaseAnswer | None, now_ms: int) -> None:
        """The answer to `AskLease`; None when there was none. `ReleaseLease` has no answer."""
        self._clock(now_ms)
        self._lease.answered(node_id, answer)
        self._turn()

    def records_read(self, node_id: str, answer: StoredRecords | None, now_ms: int) -> None:
        """The answer to `ReadRecords`; None when there was none (an empty file is version 0)."""
        self._clock(now_ms)
        if answer is not None and not self._is_alone:
            self._lease.heard(node_id, answer.epoch, answer.holder, answer.left_ms)
            self._follow_lease()
        self._keeper.read(node_id, answer)
        self._turn()

    def records_stored(self, node_id: str, error: str, now_ms: int) -> None:
        """The answer to `StoreRecords`: empty for OK, else the error as the node says it."""
        self._clock(now_ms)
        if error.startswith("STALEMANAGER"):
            self._lease.lose(f"{node_id} knows a newer epoch")
            self._follow_lease()
        self._keeper.stored(node_id, error)
        self._turn()

    def step_progress(self, job_id: str, index: int, done_fraction: float, now_ms: int) -> None:
        """How far a running step is, from 0 to 1."""
        self._clock(now_ms)
        self._runner.progressed(job_id, index, done_fraction)

    def step_ended(self, job_id: str, index: int, outcome: StepOutcome, now_ms: int) -> None:
        """A step has ended; `outcome.epoch` is that of its `BeginStep`."""
        self._clock(now_ms)
        self._runner.step_ended(job_id, index, outcome)
        job = next((job for job in self._keeper.records.jobs if job.id == job_id), None)
        touched = touched_by(job) if job else set()
        self._settings_read.changed(touched, self._unix_ms)
        self._wants_fresh(touched)
        self._turn()

    def request(self, request: Request, now_ms: int) -> None:
        """A person asks. The answer comes in `Effects.answers` under the request's ticket."""
        self._clock(now_ms)
        why = self._why_refused(request)
        if why:
            self._effects.answers.append((request.ticket, why))
        elif isinstance(request, Adopt | StartAnew) and self._keeper.state is Keeping.READING:
            self._begin_anew(request)
        else:
            self._queue.append(request)
        self._turn()

    def offer_reshard(self, moves: Sequence[Move], now_ms: int) -> Plan:
        """A plan for (source id, target id, slot ranges), carried out by `Consent`. RequestError if unfit."""
        self._clock(now_ms)
        if self._picture is None:
            raise RequestError("nothing is known of the cluster yet")
        plan = reshard_plan(moves, self._picture, self.desired, self._unix_ms)
        self._offered = [*self._offered, plan][-self._settings.offers_max :]
        return plan

    # Outputs.

    def take(self) -> Effects:
        """What is to be done since the last call."""
        effects, self._effects = self._effects, Effects()
        effects.asks += chain(self._lease.take(), self._keeper.take())
        return effects

    def next_deadline_ms(self) -> int:
        """When `tick` is due, on the clock of `now_ms`."""
        deadlines = [self._keeper.next_deadline_ms]
        lease_ms = self._lease.next_deadline_ms
        if lease_ms is not None:
            deadlines.append(lease_ms)
        if self.leads:
            deadlines.append(self._now_ms + TURN_EVERY_MS)
        return min(deadlines)

    @property
    def leads(self) -> bool:
        """Whether this one holds the lease and has read and stored the records under it."""
        return self._has_lease and self._was_ready

    @property
    def epoch(self) -> int:
        """The epoch of the lease it holds or asked for last."""
        return self._lease.epoch

    @property
    def leader(self) -> str:
        """The id of the manager that holds the lease, as far as this one has heard; empty for none."""
        return self._settings.id if self._is_alone else self._lease.holder

    @property
    def records(self) -> Records:
        """The newest records that count, with the progress of steps; those of the leader when following."""
        return self._runner.shown(self._keeper.records, self._unix_ms)

    @property
    def desired(self) -> DesiredState:
        """The desired state of `records`; one that asks for nothing when it cannot be read."""
        text = self._keeper.records.desired
        if text != self._desired[0]:
            try:
                self._desired, self._no_desired = (text, desired_of(text)), ""
            except RequestError as error:
                self._desired, self._no_desired = (text, DesiredState()), str(error)
        return self._desired[1]

    @property
    def observations(self) -> Observations:
        """Since when conditions hold, as this manager has seen it: what the planner goes by."""
        return self._conditions.observations

    @property
    def plan(self) -> Plan | None:
        """What would be done now, each job with what it waits for."""
        if self._plan is None or self._picture is None:
            return self._plan
        moment, records = self._moment(), self._keeper.records
        jobs = tuple(self._with_wait(job, records, moment) for job in self._plan.jobs)
        return self._plan.model_copy(update={"jobs": jobs})

    @property
    def why_idle(self) -> str:
        """One sentence: why this manager does not act; empty when it does."""
        if self.only_watches:
            return self.only_watches
        if not self._has_lease:
            return self._why_not_leading()
        if not self._was_ready or not self._keeper.settled:
            return self._keeper.blocked or "the records are being read and stored by a majority of primaries"
        if self._now_ms < self._lease.act_after_ms:
            return "the lease of the manager before this one has not run out everywhere"
        paused_by = self._keeper.records.paused_by
        if paused_by:
            return f"{paused_by} has paused it"
        unsure = self._why_unsure()
        if unsure:
            return unsure
        if self.desired.mode == "dry-run":
            return self._no_desired or "the mode is dry-run: plans are shown, and carried out by consent only"
        return ""

    @property
    def only_watches(self) -> str:
        """One sentence: why it only watches this deployment; empty where it may act."""
        return why_only_watching(self._picture, self._settings.keeping) if self._picture else ""

    # Inner parts: time and lease.

    @property
    def _unix_ms(self) -> int:
        return self._now_ms + self._wall_offset_ms

    def _clock(self, now_ms: int) -> None:
        """The first thing at every input: a lease that has run out is lost before anything else is done."""
        self._now_ms = max(self._now_ms, now_ms)
        self._lease.tick(self._now_ms)
        self._follow_lease()
        self._keeper.tick(self._now_ms)

    def _follow_lease(self) -> None:
        if self._lease.held == self._has_lease:
            return
        self._has_lease = self._lease.held
        if self._has_lease:
            self._tell("lease", f"holds the lease under the epoch {self._lease.epoch}")
            self._was_ready, self._answers = False, None
            self._keeper.won(self._lease.epoch)
            return
        self._tell("lease", f"lost the lease: {self._lease.why_lost}", "warning")
        self._effects.cancels += self._runner.lost()
        self._keeper.lost()
        self._refuse_all(
            f"this manager lost the lease, so this may or may not be stored: {self._lease.why_lost}"
        )
        self._was_ready, self._plan = False, None

    def _refuse_all(self, why: str) -> None:
        tickets = [ticket for ticket, error in self._answers or [] if not error]
        tickets += [request.ticket for request in self._queue]
        self._effects.answers += [(ticket, why) for ticket in tickets]
        self._answers, self._queue = None, []

    # Inner parts: one turn, the same after every input.

    def _turn(self) -> None:
        self._follow_lease()
        for note in self._keeper.notes:
            self._tell("manager", note, "warning")
        self._keeper.notes.clear()
        if not self._has_lease or not self._keeper.settled:
            return
        self._count()
        if self._picture is None and not self._queue:
            return
        self._make_plan_if_due()
        moment = self._moment()
        records = self._keeper.records
        self._effects.begins += self._runner.begins(records, moment, self._is_ready)
        self._effects.cancels += self._runner.cancels(records)
        is_due = self._is_new or self._queue or self._runner.ended or self._now_ms >= self._change_at_ms
        if is_due:
            self._is_new, self._change_at_ms = False, self._now_ms + TURN_EVERY_MS
            self._change(records, moment)

    def _count(self) -> None:
        """What is stored counts: answer those who asked for it, and tell what has changed."""
        if not self._was_ready:
            self._was_ready = True
            self._settings_read.leads(self._unix_ms)
            self._wants_fresh(set())
            self._counted = self._keeper.records
            self._tell("lease", f"leads, with version {self._keeper.version} of the records")
        if self._answers is not None:
            self._effects.answers += self._answers
            self._answers = None
        if self._keeper.records is not self._counted:
            self._is_new = True
            self._tell_changes(self._counted, self._keeper.records)
            if self._keeper.records.desired != self._counted.desired:
                self._plan_is_due, self._plan_at_ms = True, self._now_ms
                self._eager_until_ms = self._now_ms + self._settings.plan_every_ms
            self._counted = self._keeper.records

    def _change(self, records: Records, moment: Moment) -> None:
        """Carry out requests and go on with jobs: as one change, which is stored."""
        plans = [*self._offered, *([self._plan] if self._plan and self._plan_is_fresh else [])]
        changed, answers = records, []
        for request in self._queue:
            try:
                changed = with_request(
                    changed, request, plans, self._settings, self._unix_ms, self._lease.epoch
                )
                answers.append((request.ticket, ""))
            except RequestError as error:
                answers.append((request.ticket, str(error)))
        self._queue = []
        if self._picture is not None:
            changed = self._runner.advance(changed, moment)
        if changed == records:
            self._effects.answers += answers
            return
        try:
            self._keeper.change(changed)
        except RecordsTooLargeError as error:
            self._effects.answers += [(ticket, why or str(error)) for ticket, why in answers]
            if str(error) != self._told:
                self._told = str(error)
                self._tell("manager", f"cannot store its records: {error}", "error")
            return
        self._told = ""
        self._runner.forget_ended()
        self._answers = answers

    def _begin_anew(self, request: Request) -> None:
        try:
            if isinstance(request, Adopt):
                self._keeper.adopt()
            else:
                self._keeper.start_anew()
        except ValueError as error:
            self._effects.answers.append((request.ticket, str(error)))
            return
        self._answers = [(request.ticket, "")]
        self._tell(
            "manager", f"{request.by} lets it go on with other records than those of a majority", "warning"
        )

    # Inner parts: what is decided by.

    def _moment(self) -> Moment:
        assert self._picture is not None or self._queue
        desired, records = self.desired, self._keeper.records
        unsure = self._why_unsure() or records.paused_by or self._no_desired
        acts = desired.mode == "act" and self._plan_is_fresh
        return Moment(
            now_ms=self._now_ms,
            unix_ms=self._unix_ms,
            epoch=self._lease.epoch,
            desired=desired,
            picture=self._picture or Picture(at_ms=0),
            seen_ms=self._seen_ms,
            may_begin=self.leads and not unsure and self._now_ms >= self._lease.act_after_ms,
            offers=tuple(job for job in self._plan.jobs if job.state is not REFUSED)
            if acts and self._plan
            else (),
        )

    def _make_plan_if_due(self) -> None:
        if not self._plan_is_due or self._now_ms < self._plan_at_ms or self._picture is None:
            return
        if self._why_unsure():
            return
        seen = self._conditions.observations
        records = self._keeper.records
        picture = self._settings_read.counted(self._picture)
        self._plan = self._make_plan(self.desired, picture, records, self._unix_ms, seen)
        self._plan_is_fresh, self._plan_is_due = True, False
        is_eager = self._now_ms < self._eager_until_ms
        self._plan_at_ms = self._now_ms + (0 if is_eager else self._settings.plan_every_ms)

    def _wants_fresh(self, nodes: set[str]) -> None:
        """Steps wait for a picture made from now on."""
        self._fresh_from_unix_ms = self._unix_ms
        self._fresh_nodes = nodes
        self._plan_is_fresh, self._plan_is_due, self._plan_at_ms = False, False, self._now_ms

    def _why_unsure(self) -> str:
        picture = self._picture
        if picture is None:
            return "nothing is known of the cluster yet"
        age_ms = self._now_ms - self._seen_ms
        if age_ms > self._settings.picture_age_ms_max:
            return f"the picture is {age_ms // 1000} s old"
        if self.only_watches:
            return self.only_watches
        if picture.read_only:
            return "this manager may only read"
        if not picture.majority_answers:
            return "no majority of primaries answers"
        if picture.at_ms <= self._fresh_from_unix_ms or any(map(self._is_behind, self._fresh_nodes)):
            return "it waits for a picture newer than its last step"
        return ""

    def _is_behind(self, node_id: str) -> bool:
        node = named(self._picture, node_id) if self._picture else None
        if node is None or node.state in (NodeState.SILENT, NodeState.FAILED) or not node.as_of_ms:
            return False
        asked_before_clock_was_set_back = node.as_of_ms > self._picture.at_ms if self._picture else False
        return asked_before_clock_was_set_back or node.as_of_ms < self._fresh_from_unix_ms - CLOCK_STEP_MS

    def _is_ready(self, step: Step) -> bool:
        if step.kind is StepKind.HAND_OVER:
            return self._lease.allows_hand_over(step.arguments["from"])
        if step.kind is not StepKind.MOVE_SLOTS or self._is_alone:
            return True
        target = named(self._picture, step.arguments["target"]) if self._picture else None
        if target is None or not (target.slot_count or self._lease.allows_one_more):
            return False
        return self._lease.is_known_at(target.id) and self._keeper.has_current(target.id)

    def _why_refused(self, request: Request) -> str:
        if not self._has_lease:
            return f"this manager does not lead: {self._why_not_leading()}"
        if isinstance(request, Apply) and (why := self._why_not_held(request)):
            return why
        if len(self._queue) >= self._settings.requests_max:
            return f"{self._settings.requests_max} requests wait already: try again"
        if self._keeper.state is Keeping.READING and not isinstance(request, Adopt | StartAnew):
            return self._keeper.blocked
        return ""

    def _why_not_held(self, request: Apply) -> str:
        """Why a desired state cannot be, with the paths of what is wrong."""
        try:
            desired = desired_of(request.desired)
        except RequestError as error:
            return str(error)
        found = refusals_in(desired, self._picture) if self._picture else refusals(desired)
        return "; ".join(map(str, found))

    def _why_not_leading(self) -> str:
        if self.leader:
            return f"{shown_name(self.leader)} leads"
        if self._lease.state is LeaseState.ASKING:
            return "it is asking for the lease"
        return "nobody holds the lease of most primaries" + (
            f"; {self._lease.why_lost}" if self._lease.why_lost else ""
        )

    def _with_wait(self, job: Job, records: Records, moment: Moment) -> Job:
        why = self._runner.why_rests(records, job, moment.unix_ms) or self._runner.why_not(
            records, job, moment
        )
        if not why and moment.desired.mode == "dry-run":
            why = "consent, because the mode is dry-run"
        return job.model_copy(update={"waits_for": why})

    # Inner parts: what people are told.

    def _tell(self, kind: str, text: str, severity: str = "info", subject: str = "") -> None:
        text = f"{shown_name(self._settings.id)} {text}" if kind in ("lease", "manager") else text
        event = Event.model_validate(
            {"at_ms": self._unix_ms, "kind": kind, "text": text, "subject": subject, "severity": severity}
        )
        self._effects.events.append(event)

    def _tell_changes(self, before: Records, after: Records) -> None:
        old = {job.id: job for job in before.jobs}
        for job in after.jobs:
            was = old.get(job.id)
            if was is job:
                continue
            if was is None or was.state is not job.state:
                bad = job.state in (Progress.FAILED, Progress.STOPPED)
                text = f"{job.id} {job.state}: {job.title}" + (f": {job.why}" if job.why else "")
                self._tell("job", text, "warning" if bad else "info", job.id)
        for entry in _gained(before.audit, after.audit):
            self._tell("manager", f"records: {entry.by} asks: {entry.what}")


def _gained(before: Sequence[AuditEntry], after: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
    """What `after` has more at its end; the oldest of `before` may have been dropped from it."""
    kept = next(n for n in range(len(before), -1, -1) if before[len(before) - n :] == after[:n])
    return after[kept:]
