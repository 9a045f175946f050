"""Jobs, plans and records as documents."""

from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Records, Step, StepKind


def job(*done: float) -> Job:
    steps = tuple(Step(kind=StepKind.VERIFY, done_fraction=fraction) for fraction in done)
    return Job(id="job-1", kind=JobKind.DRAIN, title="t", reason="r", steps=steps, made_ms=0)


def test_done_fraction_counts_each_step_alike() -> None:
    assert job(1.0, 0.5).done_fraction == 0.75
    assert job().done_fraction == 1.0


def test_records_survive_their_text() -> None:
    records = Records(jobs=(job(0.5),), harm_spent=((1, 2),), desired="{}")
    assert Records.model_validate_json(records.model_dump_json()) == records


def test_ended_states() -> None:
    assert {state for state in Progress if state.has_ended} == {"done", "failed", "stopped", "refused"}
