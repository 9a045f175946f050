"""What persons' requests make of the records."""

import pytest

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import Job, JobKind, Plan, Progress, Records
from garrison.cluster.core.manager.manager_settings import ManagerSettings
from garrison.cluster.core.manager.person_requests import reshard_plan, with_request
from garrison.cluster.core.manager.picture import NodePicture, Picture
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

SETTINGS = ManagerSettings(id="m", desired_before_max=2)
NOW_MS = 1_800_000_000_000
PICTURE = Picture(
    at_ms=NOW_MS,
    nodes=(
        NodePicture(id="a", address="a:1", role="primary", slots="0-499", slot_count=500),
        NodePicture(id="b", address="b:1", role="primary", slots="500-999", slot_count=500),
        NodePicture(id="x", address="x:1", role="replica", primary_id="a"),
    ),
)


def carried_out(records: Records, request: Request, *plans: Plan, at_ms: int = NOW_MS) -> Records:
    return with_request(records, request, plans, SETTINGS, at_ms, 3)


def wish(name: str) -> str:
    return DesiredState(name=name).model_dump_json()


def reshard(slots: str = "0-249") -> Plan:
    return reshard_plan([("a", "b", slots)], PICTURE, DesiredState(), NOW_MS)


def ended(records: Records, state: Progress = Progress.DONE, at_ms: int = NOW_MS) -> Records:
    jobs = tuple(
        job.model_copy(
            update={
                "state": state,
                "ended_ms": at_ms,
                "steps": tuple(step.model_copy(update={"state": Progress.DONE}) for step in job.steps),
            }
        )
        for job in records.jobs
    )
    return records.model_copy(update={"jobs": jobs})


def test_wishes_are_kept_for_undo_newest_last() -> None:
    records = Records()
    for name in "abcd":
        records = carried_out(records, Apply("p", 1, wish(name)))
    assert [DesiredState.model_validate_json(text).name for text in records.desired_before] == ["b", "c"]
    records = carried_out(records, Undo("p", 1))
    assert DesiredState.model_validate_json(records.desired).name == "c"
    assert len(records.audit) == 5
    assert records.audit[-1].by == "p"


@pytest.mark.parametrize("text", ["{", '{"mode": "maybe"}', '{"unknown": 1}', "[]"])
def test_document_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        carried_out(Records(), Apply("p", 1, text))


def test_reshard_becomes_steps_of_bounded_size() -> None:
    (job,) = reshard().jobs
    assert [step.arguments["slots"] for step in job.steps] == ["0-99", "100-199", "200-249"]
    assert job.harm == 3
    assert "--ranges 0-249" in job.command


@pytest.mark.parametrize(
    "moves",
    [
        [],
        [("a", "b", "600")],
        [("a", "a", "0")],
        [("a", "x", "0")],
        [("a", "nobody", "0")],
        [("a", "b", "rubbish")],
        [("a", "b", "0-9"), ("a", "b", "9-10")],
    ],
)
def test_move_that_cannot_be_is_refused(moves: list[tuple[str, str, str]]) -> None:
    with pytest.raises(RequestError):
        reshard_plan(moves, PICTURE, DesiredState(), NOW_MS)


def test_consent_takes_the_jobs_of_that_plan_once() -> None:
    plan = reshard()
    records = carried_out(Records(), Consent("p", 1, plan.id), plan)
    records = carried_out(records, Consent("p", 2, plan.id), plan)
    (job,) = records.jobs
    assert (job.id, job.state, job.by, job.consented_by) == ("job-1", Progress.WAITING, "p", "p")
    with pytest.raises(RequestError, match="look at the new one"):
        carried_out(records, Consent("p", 3, "other"), plan)


def test_undo_of_a_reshard_moves_back_in_reverse() -> None:
    plan = reshard()
    records = ended(carried_out(Records(), Consent("p", 1, plan.id), plan))
    records = carried_out(records, Undo("p", 2))
    job = records.jobs[-1]
    assert job.kind is JobKind.UNDO
    assert [step.arguments["slots"] for step in job.steps] == ["200-249", "100-199", "0-99"]
    assert {(step.arguments["source"], step.arguments["target"]) for step in job.steps} == {("b", "a")}
    with pytest.raises(RequestError, match="nothing to be undone"):
        carried_out(records, Undo("p", 3))


def test_undo_takes_back_what_was_newest() -> None:
    plan = reshard()
    records = ended(carried_out(Records(), Consent("p", 1, plan.id), plan))
    records = carried_out(records, Apply("p", 2, wish("later")), at_ms=NOW_MS + 1)
    records = carried_out(records, Undo("p", 3), at_ms=NOW_MS + 2)
    assert records.desired == ""
    assert len(records.jobs) == 1


def test_pause_names_who_and_resume_ends_it() -> None:
    records = carried_out(Records(), Pause("eve", 1))
    assert records.paused_by == "eve"
    assert carried_out(records, Resume("eve", 2)).paused_by == ""


def test_jobs_are_stopped_and_resumed_by_their_state() -> None:
    plan = reshard()
    records = carried_out(Records(), Consent("p", 1, plan.id), plan)
    records = carried_out(records, StopJob("p", 2, "job-1"))
    assert records.jobs[0].state is Progress.STOPPED
    with pytest.raises(RequestError, match="job-1 is stopped"):
        carried_out(records, StopJob("p", 3, "job-1"))
    records = carried_out(records, ResumeJob("p", 4, "job-1"))
    assert records.jobs[0].state is Progress.WAITING
    assert records.jobs[0].stopped_by == ""
    with pytest.raises(RequestError, match="no job-9"):
        carried_out(records, StopJob("p", 5, "job-9"))


def test_failed_job_is_tried_anew_when_resumed() -> None:
    plan = reshard()
    records = carried_out(Records(), Consent("p", 1, plan.id), plan)
    step = records.jobs[0].steps[0].model_copy(update={"state": Progress.FAILED, "attempts": 4})
    failed: Job = records.jobs[0].model_copy(update={"state": Progress.FAILED, "steps": (step,)})
    records = carried_out(records.model_copy(update={"jobs": (failed,)}), ResumeJob("p", 2, "job-1"))
    assert records.jobs[0].steps[0].attempts == 0
    assert records.jobs[0].steps[0].state is Progress.WAITING


def test_nodes_of_a_move_are_named_as_people_do() -> None:
    address = {node.id: node.address for node in PICTURE.nodes}
    made = reshard_plan([(address["a"], address["b"], "0-9")], PICTURE, DesiredState(), NOW_MS)
    assert made.jobs[0].steps[0].arguments == {"source": "a", "target": "b", "slots": "0-9"}


def test_nothing_is_agreed_to_where_nothing_is_planned() -> None:
    empty = Plan(id="p0", made_ms=NOW_MS)
    with pytest.raises(RequestError, match="nothing to agree to"):
        carried_out(Records(), Consent("p", 1, "p0"), empty)
