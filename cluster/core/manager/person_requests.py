"""What a person's request makes of the records. Nothing here waits: the answer is sent when the change
counts."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from pydantic import ValidationError

from garrison.cluster.core.manager import job_states
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.harm import cost_of
from garrison.cluster.core.manager.history import changes_between
from garrison.cluster.core.manager.job_runner import (
    APPLY,
    UNDO_APPLY,
    admitted,
    applied_ms,
    job_with,
    with_job,
)
from garrison.cluster.core.manager.jobs import (
    AuditEntry,
    Job,
    JobKind,
    Plan,
    Progress,
    Records,
    Step,
    StepKind,
)
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.manager.requests import (
    Apply,
    Consent,
    Pause,
    Request,
    RequestError,
    Resume,
    ResumeJob,
    StopJob,
    Undo,
)
from garrison.cluster.core.manager.situation import Names
from garrison.cluster.core.manager.steps import reshard_command
from garrison.cluster.core.ranges import format_slots, parse_ranges, to_slots

SLOTS_PER_STEP_MAX = 100
"""A move of more slots becomes several steps: each is a point where it can stop."""
RANGES_SHOWN = 3

Move = tuple[str, str, str]
"""Source id, target id, slot ranges."""


def desired_of(text: str) -> DesiredState:
    """The desired state of its JSON; RequestError names the place that is wrong."""
    if not text:
        return DesiredState()
    try:
        return DesiredState.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RequestError(f"{'.'.join(map(str, first['loc'])) or 'the document'}: {first['msg']}") from error


def with_request(
    records: Records,
    request: Request,
    plans: Iterable[Plan],
    settings: ManagerSettings,
    unix_ms: int,
    epoch: int,
) -> Records:
    """The records with a request carried out; RequestError when it cannot be."""
    before = records
    what: str
    subject = ""
    match request:
        case Apply():
            records, what = _applied(records, request, settings), APPLY
            subject = told_of(desired_of(records.desired))
        case Consent():
            records, what = _consented(records, request, plans, unix_ms), f"consent {request.plan_id}"
        case Pause():
            records, what = records.model_copy(update={"paused_by": request.by}), "pause"
        case Resume():
            records, what = records.model_copy(update={"paused_by": ""}), "resume"
        case Undo():
            records, what = _undone(records, request, unix_ms)
        case StopJob():
            records, what = _job_stopped(records, request, unix_ms), f"stop {request.job_id}"
        case ResumeJob():
            records, what = _job_resumed(records, request), f"resume {request.job_id}"
        case _:
            raise RequestError("the records can be read: nothing is to be adopted or begun anew")
    entry = AuditEntry(
        at_ms=unix_ms,
        by=request.by,
        what=what,
        subject=subject,
        origin=request.origin,
        changes=changes_between(before, records),
        epoch=epoch,
    )
    return records.model_copy(update={"audit": (*records.audit, entry)})


def told_of(desired: DesiredState) -> str:
    """What the history says of a desired state: its name and mode."""
    return ", ".join(filter(None, (desired.name, f"mode {desired.mode}")))


def reshard_plan(moves: Sequence[Move], picture: Picture, desired: DesiredState, unix_ms: int) -> Plan:
    """A plan that moves these slots; RequestError when the picture does not allow it."""
    if not moves:
        raise RequestError("no move is given")
    names = Names(picture)
    named = [(_id_of(source, names), _id_of(target, names), slots) for source, target, slots in moves]
    steps: list[Step] = []
    taken: set[int] = set()
    for source_id, target_id, text in named:
        slots = _movable(source_id, target_id, text, picture)
        twice = taken & set(slots)
        if twice:
            raise RequestError(f"the slots {format_slots(twice, limit=RANGES_SHOWN)} are moved twice")
        taken |= set(slots)
        steps += _moving(source_id, target_id, slots, picture)
    job = Job(
        id="job-0",
        kind=JobKind.RESHARD,
        title=f"move {len(taken)} slots",
        reason="a person asks for it",
        steps=tuple(steps),
        harm=cost_of(steps, desired.harm),
        made_ms=unix_ms,
        command=" && ".join(_command(move, picture) for move in named),
    )
    return plan_of((job,), unix_ms)


def plan_of(jobs: tuple[Job, ...], unix_ms: int) -> Plan:
    """A plan with these jobs; its id is a hash of what they do."""
    text = "\n".join(f"{job.kind} {job.subject} {job.title} {job.steps!r}" for job in jobs)
    harm = sum(job.harm for job in jobs)
    id = sha256(text.encode()).hexdigest()[:16]
    return Plan(id=id, made_ms=unix_ms, jobs=jobs, explanations=(), harm=harm)


def _id_of(name: str, names: Names) -> str:
    """The id of the node that a person calls so; RequestError unless it is exactly one."""
    found = names.matches(name)
    if len(found) > 1:
        raise RequestError(f"{name} names {len(found)} nodes; write more of the id, or host:port")
    if not found:
        raise RequestError(f"there is no node {name}; name one by id or host:port")
    return found[0].id


def _movable(source_id: str, target_id: str, text: str, picture: Picture) -> list[int]:
    source, target = picture.node(source_id), picture.node(target_id)
    for name, node in ((source_id, source), (target_id, target)):
        assert node is not None, name
        if node.role != "primary":
            raise RequestError(f"{node.address} is a replica; slots belong to primaries")
    if source_id == target_id:
        raise RequestError("source and target are the same node")
    try:
        slots = to_slots(parse_ranges(text))
    except ValueError as error:
        raise RequestError(str(error)) from error
    assert source is not None
    missing = set(slots) - set(to_slots(parse_ranges(source.slots)) if source.slots else ())
    if missing:
        raise RequestError(f"{source.address} does not own {format_slots(missing, limit=RANGES_SHOWN)}")
    return slots


def _moving(source_id: str, target_id: str, slots: Sequence[int], picture: Picture) -> list[Step]:
    names = {id: node.address if (node := picture.node(id)) else id for id in (source_id, target_id)}
    return [
        Step(
            kind=StepKind.MOVE_SLOTS,
            arguments={"source": source_id, "target": target_id, "slots": format_slots(part)},
            explanation=f"move {format_slots(part)} from {names[source_id]} to {names[target_id]}",
        )
        for begin in range(0, len(slots), SLOTS_PER_STEP_MAX)
        for part in [slots[begin : begin + SLOTS_PER_STEP_MAX]]
    ]


def _command(move: Move, picture: Picture) -> str:
    target = picture.node(move[1])
    assert target is not None
    return reshard_command(target.address, target.address, move[2])


def _applied(records: Records, request: Apply, settings: ManagerSettings) -> Records:
    desired = desired_of(request.desired)
    before = (*records.desired_before, records.desired)[-settings.desired_before_max :]
    return records.model_copy(update={"desired": desired.model_dump_json(), "desired_before": before})


def _consented(records: Records, request: Consent, plans: Iterable[Plan], unix_ms: int) -> Records:
    plan = next((plan for plan in plans if plan.id == request.plan_id), None)
    if plan is None:
        raise RequestError(f"the plan {request.plan_id} is not what would be done now: look at the new one")
    if not plan.jobs:
        raise RequestError("that plan has no jobs: there is nothing to agree to")
    for job in plan.jobs:
        if any(_same(old, job) for old in records.jobs):
            continue
        records, _ = admitted(records, job, unix_ms, consented_by=request.by, by=request.by)
    return records


def _same(old: Job, new: Job) -> bool:
    return not old.state.has_ended and (old.kind, old.subject, old.title) == (
        new.kind,
        new.subject,
        new.title,
    )


def _undone(records: Records, request: Undo, unix_ms: int) -> tuple[Records, str]:
    reshard = _reshard_to_undo(records)
    if reshard is not None and (reshard.ended_ms or 0) >= applied_ms(records):
        records, job = admitted(records, _reversed(reshard), unix_ms, consented_by=request.by, by=request.by)
        return records, f"undo {reshard.id} by {job.id}"
    if not records.desired_before:
        raise RequestError("there is nothing to be undone")
    *before, desired = records.desired_before
    records = records.model_copy(update={"desired": desired, "desired_before": tuple(before)})
    return records, UNDO_APPLY


def _reshard_to_undo(records: Records) -> Job | None:
    """The newest reshard that moved something, unless its undoing was already asked for."""
    undone = {job.subject for job in records.jobs if job.kind is JobKind.UNDO}
    for job in reversed(records.jobs):
        is_open = job.kind is JobKind.RESHARD and job.state.has_ended and job.id not in undone
        if is_open and any(step.state is Progress.DONE for step in job.steps):
            return job
    return None


def _reversed(job: Job) -> Job:
    steps = tuple(
        Step(
            kind=StepKind.MOVE_SLOTS,
            arguments={
                "source": step.arguments["target"],
                "target": step.arguments["source"],
                "slots": step.arguments["slots"],
            },
            explanation=f"take back: {step.explanation}",
        )
        for step in reversed(job.steps)
        if step.kind is StepKind.MOVE_SLOTS and step.state is Progress.DONE
    )
    return Job(
        id="job-0", kind=JobKind.UNDO, title=f"take back {job.id}: {job.title}", subject=job.id,
        reason="a person asks for it", steps=steps, harm=job.harm, made_ms=0,
    )  # fmt: skip


def _found(records: Records, job_id: str) -> Job:
    job = job_with(records, job_id)
    if job is None:
        raise RequestError(f"there is no {job_id}")
    return job


def _job_stopped(records: Records, request: StopJob, unix_ms: int) -> Records:
    job = _found(records, request.job_id)
    if job.state is Progress.RUNNING:
        # It ends at its step's next safe moment.
        return with_job(records, job.model_copy(update={"stopped_by": request.by}))
    if job.state is not Progress.WAITING:
        raise RequestError(f"{job.id} is {job.state}")
    why = f"stopped by {request.by}"
    changes = {"stopped_by": request.by, "ended_ms": unix_ms, "why": why, "waits_for": ""}
    return with_job(records, job_states.job_moved(job, Progress.STOPPED, **changes))


def _job_resumed(records: Records, request: ResumeJob) -> Records:
    job = _found(records, request.job_id)
    if job.state not in (Progress.STOPPED, Progress.FAILED):
        if job.state is Progress.RUNNING and job.stopped_by:
            return with_job(records, job.model_copy(update={"stopped_by": ""}))
        raise RequestError(f"{job.id} is {job.state}")
    steps = tuple(
        step.model_copy(update={"attempts": 0, "ended_ms": None}) if step.state is Progress.WAITING else step
        for step in (
            job_states.step_moved(step, Progress.WAITING, why="") if step.state is Progress.FAILED else step
            for step in job.steps
        )
    )
    changes = {"steps": steps, "stopped_by": "", "why": "", "ended_ms": None, "consented_by": request.by}
    return with_job(records, job_states.job_moved(job, Progress.WAITING, **changes))
