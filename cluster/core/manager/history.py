"""The history: who asked for what, what that led to, and how jobs ended.

Requests are kept in the audit log. The ends of jobs are read from the jobs, so nothing is stored twice.
A request that was refused changed nothing and is not in the history.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import AuditEntry, Job, Records

CHANGES_MAX = 24
CHANGE_CHARACTERS_MAX = 200


def changes_between(before: Records, after: Records) -> tuple[str, ...]:
    """What a request has changed, one line each: fields of the desired state, then jobs."""
    found = [*_desired_changes(before.desired, after.desired), *_job_changes(before.jobs, after.jobs)]
    shown = [line[:CHANGE_CHARACTERS_MAX] for line in found[:CHANGES_MAX]]
    if len(found) > CHANGES_MAX:
        shown.append(f"and {len(found) - CHANGES_MAX} more")
    return tuple(shown)


def history_of(records: Records, words: Sequence[str] = ()) -> list[AuditEntry]:
    """Requests and ends of jobs, newest first; only those in which all of `words` occur, in any case."""
    ends = [_end_of(job) for job in records.jobs if job.ended_ms is not None]
    newest_first = sorted((*records.audit, *ends), key=lambda entry: entry.at_ms)[::-1]
    wanted = [word.casefold() for word in words]
    return [entry for entry in newest_first if all(word in _text_of(entry) for word in wanted)]


def _end_of(job: Job) -> AuditEntry:
    assert job.ended_ms is not None
    return AuditEntry(
        at_ms=job.ended_ms,
        by="manager",
        what=f"{job.id} {job.state}",
        subject=job.title,
        changes=(job.why,) if job.why else (),
        epoch=job.epoch,
    )


def _text_of(entry: AuditEntry) -> str:
    return "\n".join((entry.by, entry.what, entry.subject, entry.origin, *entry.changes)).casefold()


def _desired_changes(before: str, after: str) -> Iterator[str]:
    if before == after:
        return
    old, new = dict(_fields(_loaded(before))), dict(_fields(_loaded(after)))
    for path in dict.fromkeys((*old, *new)):
        if old.get(path) != new.get(path):
            yield f"{path}: {old.get(path, 'not set')} -> {new.get(path, 'not set')}"


def _loaded(text: str) -> Any:
    """The fields of a stored desired state; the defaults before the first."""
    return json.loads(text) if text else DesiredState().model_dump(mode="json")


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each field that is set and not an empty text, by its path; a list is one field."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _fields(each, f"{path}.{name}" if path else name)
    elif isinstance(value, float) and value.is_integer():
        yield path, str(int(value))
    elif value not in (None, ""):
        yield path, value if isinstance(value, str) else json.dumps(value)


def _job_changes(before: Sequence[Job], after: Sequence[Job]) -> Iterator[str]:
    old = {job.id: job for job in before}
    for job in after:
        was = old.get(job.id)
        if was is None or was.state is not job.state:
            yield f"{job.id} {job.state}: {job.title}"
        elif was.stopped_by != job.stopped_by:
            yield f"{job.id} {'stops after its step' if job.stopped_by else 'goes on'}: {job.title}"
