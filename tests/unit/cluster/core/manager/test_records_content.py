"""Records as bytes."""

import random

import pytest

from garrison.cluster.core.manager.jobs import AuditEntry, Job, JobKind, Progress, Records
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.records_content import (
    DamagedRecordsError,
    RecordsTooLargeError,
    decoded,
    encoded,
    trimmed,
)

SETTINGS = ManagerSettings(id="m", ended_jobs_max=50, audit_entries_max=100)


def job(number: int, state: Progress) -> Job:
    title = f"job {number} " + "".join(chr(97 + (number * k) % 26) for k in range(60))
    return Job(
        id=f"job-{number}", kind=JobKind.DRAIN, title=title, reason="", steps=(), state=state, made_ms=number
    )


def full(ended: int, audit: int) -> Records:
    jobs = [job(n, Progress.DONE) for n in range(ended)]
    entries = tuple(AuditEntry(at_ms=n, by="p", what=f"what {n * n * 7919}") for n in range(audit))
    return Records(jobs=(*jobs, job(10_000, Progress.RUNNING)), audit=entries)


@pytest.mark.parametrize("ended", [0, 200])
def test_records_come_back_as_they_were(ended: int) -> None:
    records = full(ended, ended)
    content = encoded(records)
    assert decoded(content) == records
    assert (b"zlib" in content[:10]) == (ended > 0)


@pytest.mark.parametrize("ended", [0, 200])
def test_every_damaged_byte_is_noticed(ended: int) -> None:
    content = encoded(full(ended, ended))
    for place in range(0, len(content), max(1, len(content) // 97)):
        damaged = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(DamagedRecordsError):
            decoded(damaged)
    with pytest.raises(DamagedRecordsError):
        decoded(content[:-1])


@pytest.mark.parametrize("content", [b"", b"{}", b"GMR1 zlib 00000000\nno", b"GMR1 json 00000000\n[]"])
def test_what_no_manager_wrote_is_refused(content: bytes) -> None:
    with pytest.raises(DamagedRecordsError):
        decoded(content)


def test_oldest_are_dropped_and_open_jobs_stay() -> None:
    records, _ = trimmed(full(80, 150), SETTINGS, 1_000_000)
    assert [entry.id for entry in records.jobs] == [f"job-{n}" for n in range(30, 80)] + ["job-10000"]
    assert records.audit[0].at_ms == 50


def test_more_is_dropped_until_it_fits() -> None:
    records, content = trimmed(full(50, 100), SETTINGS, 1_500)
    assert len(content) <= 1_500
    assert records.jobs[-1].state is Progress.RUNNING
    assert 0 < len(records.audit) < 100


def test_former_wishes_are_dropped_last() -> None:
    before = tuple(random.Random(n).randbytes(100).hex() for n in range(10))
    records, _ = trimmed(full(5, 5).model_copy(update={"desired_before": before}), SETTINGS, 500)
    assert records.audit == ()
    assert records.desired_before == before[len(before) - len(records.desired_before) :]
    assert 0 < len(records.desired_before) < 10


def test_what_cannot_be_dropped_is_too_large() -> None:
    with pytest.raises(RecordsTooLargeError, match="at most 100"):
        trimmed(full(5, 5), SETTINGS, 100)
