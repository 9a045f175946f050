"""The history: what requests led to, how jobs ended, and what is found in it."""

from garrison.cluster.core.manager.desired import DesiredState, Limits
from garrison.cluster.core.manager.history import CHANGES_MAX, changes_between, history_of
from garrison.cluster.core.manager.jobs import AuditEntry, Job, JobKind, Progress, Records


def job(number: int, state: Progress = Progress.WAITING, **more: object) -> Job:
    fields = {"title": "relieve a:1", "reason": "", "steps": (), "made_ms": 1, "state": state, **more}
    return Job.model_validate({"id": f"job-{number}", "kind": JobKind.RELIEVE, **fields})


def wishing(desired: DesiredState) -> Records:
    return Records(desired=desired.model_dump_json())


def test_changes_name_fields_that_differ_from_the_defaults() -> None:
    after = DesiredState(name="shop", shards=4, limits=Limits(memory_percent_max=90), spares=("a:1",))
    assert changes_between(Records(), wishing(after)) == (
        'spares: [] -> ["a:1"]',
        "limits.memory_percent_max: 80 -> 90",
        "name: not set -> shop",
        "shards: not set -> 4",
    )
    assert changes_between(wishing(after), wishing(after)) == ()


def test_field_that_is_taken_out_is_not_set() -> None:
    before, after = wishing(DesiredState(shards=4)), wishing(DesiredState())
    assert changes_between(before, after) == ("shards: 4 -> not set",)


def test_jobs_that_begin_or_stop_are_changes() -> None:
    before = Records(jobs=(job(1, Progress.RUNNING),))
    stopping = Records(jobs=(job(1, Progress.RUNNING, stopped_by="ann"), job(2)))
    assert changes_between(before, stopping) == (
        "job-1 stops after its step: relieve a:1",
        "job-2 waiting: relieve a:1",
    )
    assert changes_between(stopping, before) == ("job-1 goes on: relieve a:1",)


def test_many_changes_are_counted_and_long_ones_cut() -> None:
    many = DesiredState(settings={f"directive-{number}": "v" * 400 for number in range(CHANGES_MAX + 6)})
    changes = changes_between(Records(), wishing(many))
    assert len(changes) == CHANGES_MAX + 1
    assert changes[-1] == "and 6 more"
    assert max(map(len, changes)) == 200


def test_ends_of_jobs_stand_among_requests_newest_first() -> None:
    asked = tuple(AuditEntry(at_ms=at, by="ann", what=f"what {at}") for at in (10, 30, 30))
    jobs = (job(1, Progress.DONE, ended_ms=40), job(2), job(3, Progress.FAILED, ended_ms=20, why="no answer"))
    found = history_of(Records(audit=asked, jobs=jobs))
    assert [(entry.at_ms, entry.by, entry.what) for entry in found] == [
        (40, "manager", "job-1 done"),
        (30, "ann", "what 30"),
        (30, "ann", "what 30"),
        (20, "manager", "job-3 failed"),
        (10, "ann", "what 10"),
    ]
    assert found[3].changes == ("no answer",)


def test_all_words_must_occur_somewhere_in_any_case() -> None:
    entry = AuditEntry(at_ms=1, by="Ann", what="apply", origin="10.0.0.9", changes=("shards: 3 -> 4",))
    records = Records(audit=(entry, AuditEntry(at_ms=2, by="bob", what="pause")))
    for words in (["ann"], ["SHARDS:", "10.0.0.9"], ["apply", "ann"]):
        assert history_of(records, words) == [entry]
    assert history_of(records, ["ann", "pause"]) == []
