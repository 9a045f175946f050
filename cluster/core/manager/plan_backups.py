"""Backups by schedule, and proofs that they can be restored.

When the last one was made is what stands at the target; where nobody has looked there since, what the
records say. So a backup that somebody has deleted is made anew. A backup reads all shards and so waits for
every other job; a proof touches no node of the cluster.
"""

from garrison.cluster.core.manager.desired import BackupWish
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.jobs import JobKind, Progress, Step, StepKind

PROOF = "prove:"
"""How the subject of a proof begins; a backup's is its target alone."""


def plan_backups(draft: Draft) -> None:
    """Add what is due."""
    for wish in draft.situation.desired.backups:
        made_ms, proved_ms = _last(wish, draft)
        if any(job.subject in (wish.target, PROOF + wish.target) for job in draft.situation.open_jobs):
            continue
        if made_ms is None or draft.situation.now_ms - made_ms >= wish.every_s * 1000:
            _back_up(wish, made_ms, draft)
        elif wish.prove_every_s is not None and (
            proved_ms is None
            or (made_ms > proved_ms and draft.situation.now_ms - proved_ms >= wish.prove_every_s * 1000)
        ):
            _prove(wish, proved_ms, draft)


def _last(wish: BackupWish, draft: Draft) -> tuple[int | None, int | None]:
    """When the last backup was made, and when the last was proved."""
    found = next((each for each in draft.situation.picture.backups if each.target == wish.target), None)
    made = [found.newest_ms] if found and found.newest_ms else []
    proved = [found.proved_ms] if found and found.proved_ms else []
    looked_ms = found.as_of_ms if found else 0
    for job in draft.situation.records.jobs:
        for step in job.steps:
            if step.arguments.get("target") != wish.target or step.state is not Progress.DONE:
                continue
            if step.kind is StepKind.BACKUP and step.ended_ms and step.ended_ms > looked_ms:
                made.append(step.ended_ms)
            elif step.kind is StepKind.PROVE and step.ended_ms:
                proved.append(step.ended_ms)
    return max(made, default=None), max(proved, default=None)


def _back_up(wish: BackupWish, made_ms: int | None, draft: Draft) -> None:
    now_ms = draft.situation.now_ms
    step = Step(
        kind=StepKind.BACKUP,
        arguments={"target": wish.target, "since_ms": str(now_ms), "keep": str(wish.keep)},
        explanation=f"Back all shards up to {wish.target}, and keep the newest {wish.keep}.",
    )
    last = "none is known" if made_ms is None else f"the newest is {_hours(now_ms - made_ms)} old"
    draft.add(
        JobKind.BACKUP,
        f"back up to {wish.target}",
        f"{wish.target} shall have a backup every {_hours(wish.every_s * 1000)}, and {last}.",
        [step],
        subject=wish.target,
        shards=draft.situation.shards,
    )


def _prove(wish: BackupWish, proved_ms: int | None, draft: Draft) -> None:
    step = Step(
        kind=StepKind.PROVE,
        arguments={"target": wish.target},
        explanation=f"Restore the newest backup of {wish.target} into throw-away nodes and compare.",
    )
    last = "never" if proved_ms is None else f"{_hours(draft.situation.now_ms - proved_ms)} ago"
    draft.add(
        JobKind.BACKUP,
        f"prove the newest backup of {wish.target}",
        f"A backup shall be proved every {_hours((wish.prove_every_s or 0) * 1000)}; the last was {last}.",
        [step],
        subject=PROOF + wish.target,
        shards=[],
    )


def _hours(span_ms: int) -> str:
    seconds = span_ms / 1000
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds:.0f} s"
