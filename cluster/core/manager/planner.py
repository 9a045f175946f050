"""The planner: from a desired state and a picture to a plan, with every reason said.

BACKGROUND  Each kind of job has a function in a file of its own (`plan_*.py`) that adds jobs to a draft. They
            are asked in the order of `PLANNERS`: first what protects data, then what protects service, then
            order.
INVARIANTS  Nothing is planned on a picture that is not sure (`certainty`). No two jobs touch one shard at
            once (`draft`), no job lowers the number of copies, each fits into the budget of harm. The same
            input gives the same plan, and a plan made after the last one was carried out is empty.
BEHAVIOUR   A job that may begin is `planned`. One that must wait for its window, the budget or another job is
            `waiting`, and `waits_for` says for what and until when. One that never may is `refused`.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from garrison.cluster.core.manager.certainty import doubts_about
from garrison.cluster.core.manager.conditions import Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.harm import room_at_ms
from garrison.cluster.core.manager.holding import refusals
from garrison.cluster.core.manager.jobs import Job, Plan, Progress, Records
from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.manager.plan_backups import plan_backups
from garrison.cluster.core.manager.plan_balance import plan_balance
from garrison.cluster.core.manager.plan_drain import plan_drain
from garrison.cluster.core.manager.plan_relief import plan_relief
from garrison.cluster.core.manager.plan_replicas import plan_replicas
from garrison.cluster.core.manager.plan_roll import plan_settings, plan_upgrade
from garrison.cluster.core.manager.plan_shards import plan_shards
from garrison.cluster.core.manager.plan_spread import plan_spread
from garrison.cluster.core.manager.situation import Situation
from garrison.cluster.core.manager.windows import may_begin_ms

PLANNERS: tuple[Callable[[Draft], None], ...] = (
    plan_replicas,
    plan_relief,
    plan_backups,
    plan_drain,
    plan_shards,
    plan_spread,
    plan_settings,
    plan_upgrade,
    plan_balance,
)
NOTHING_SEEN = Observations()
EXPLANATIONS_MAX = 200
NOT_HASHED = ("since_ms",)
"""Arguments that differ each time a plan is made."""


def make_plan(
    desired: DesiredState,
    picture: Picture,
    records: Records,
    now_ms: int,
    observations: Observations = NOTHING_SEEN,
) -> Plan:
    """What a manager would do now, in this order. Never raises for what nodes or people say.

    `observations` come from `conditions.Conditions`, fed with every picture; without them nothing that needs
    time (a failed replica, a shard beyond a limit) has lasted yet.
    """
    held = refusals(desired)
    if held:
        return _plan((), [f"The desired state cannot hold: {each}." for each in held], now_ms)
    situation = Situation(desired, picture, records, observations, now_ms)
    doubts = doubts_about(situation)
    if doubts.everything:
        return _plan((), [f"Nothing is planned: {why}" for why in doubts.everything], now_ms)
    draft = Draft(situation, doubts)
    for why in doubts.nodes.values():
        draft.explain(f"Its shard is left alone: {why}.")
    for planner in PLANNERS:
        planner(draft)
    for address in situation.used_spares:
        draft.explain_of(address, "of `spares` serves already, and is not taken.")
    return _plan(_timed(draft), draft.explanations, now_ms)


def _plan(jobs: tuple[Job, ...], explanations: list[str], now_ms: int) -> Plan:
    return Plan(
        id=plan_id(jobs),
        made_ms=now_ms,
        jobs=jobs,
        explanations=_bounded(explanations),
        harm=sum(job.harm for job in jobs if job.state is not Progress.REFUSED),
    )


def _bounded(explanations: list[str]) -> tuple[str, ...]:
    more = len(explanations) - EXPLANATIONS_MAX
    return (*explanations[:EXPLANATIONS_MAX], *([f"And {more} more."] if more > 0 else []))


def plan_id(jobs: tuple[Job, ...]) -> str:
    """A hash of what the jobs do; when they were made and the figures of their reasons are not in it."""
    shown = [
        (job.kind, job.subject, [(step.kind, _hashed(step.arguments)) for step in job.steps]) for job in jobs
    ]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


def _hashed(arguments: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in arguments.items() if name not in NOT_HASHED}


def _timed(draft: Draft) -> tuple[Job, ...]:
    """The jobs with what each waits for. What may begin now spends the budget of those behind it."""
    situation = draft.situation
    desired, records, now_ms = situation.desired, situation.records, situation.now_ms
    running = len(situation.open_jobs)
    timed = []
    for job in draft.jobs:
        state, wait = _when(job, running, records, situation)
        if state is Progress.PLANNED:
            running += 1
            spending = (*records.harm_spent, (now_ms, job.harm))
            records = records.model_copy(update={"harm_spent": spending})
        word = "why" if state is Progress.REFUSED else "waits_for"
        timed.append(job.model_copy(update={"state": state, word: wait}))
    if records.paused_by:
        draft.explain(f"Nothing begins: {records.paused_by} has paused the manager.")
    if desired.mode == "dry-run" and timed:
        draft.explain("The mode is dry-run: nothing begins without consent. Write `mode: act` to let it.")
    return tuple(timed)


def _when(job: Job, running: int, records: Records, situation: Situation) -> tuple[Progress, str]:
    desired, now_ms = situation.desired, situation.now_ms
    room_ms = room_at_ms(job.harm, records, desired.harm, now_ms)
    if room_ms is None:
        most = desired.harm.points_per_hour_max
        return Progress.REFUSED, (
            f"it costs {job.harm} points, and harm.points_per_hour_max is {most}: raise it to {job.harm} "
            "or more"
        )
    window_ms = may_begin_ms(desired.windows, job.kind, now_ms)
    if window_ms is None:
        return Progress.REFUSED, f"no window lets {job.kind} begin: add one to `windows`"
    if window_ms > now_ms:
        return Progress.WAITING, f"its window, which opens {moment(window_ms, desired)}"
    if room_ms > now_ms:
        return Progress.WAITING, (
            f"the budget of harm: {job.harm} points have room again {moment(room_ms, desired)}"
        )
    if running >= desired.harm.jobs_at_once_max:
        return Progress.WAITING, f"another job to end: {desired.harm.jobs_at_once_max} may run at once"
    return Progress.PLANNED, ""


def moment(at_ms: int, desired: DesiredState) -> str:
    """A time as a person reads it, in the zone of the first window."""
    zone = ZoneInfo(desired.windows[0].timezone) if desired.windows else UTC
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%a %Y-%m-%d %H:%M %Z}"
