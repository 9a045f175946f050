"""The tables of states, and their diagrams in the docs."""

from pathlib import Path

import pytest

from garrison.cluster.core.manager import job_states
from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Step, StepKind


def job(state: Progress) -> Job:
    return Job(id="job-1", kind=JobKind.DRAIN, title="", reason="", steps=(), made_ms=1, state=state)


def test_every_pair_of_states_is_allowed_or_refused() -> None:
    for old in Progress:
        for new in Progress:
            if (old, new) in job_states.JOB:
                assert job_states.job_moved(job(old), new, why="so").why == "so"
            else:
                with pytest.raises(AssertionError):
                    job_states.job_moved(job(old), new)


def test_a_done_step_is_never_begun_again() -> None:
    step = Step(kind=StepKind.MEET, state=Progress.DONE)
    for new in Progress:
        with pytest.raises(AssertionError):
            job_states.step_moved(step, new)


def test_docs_show_the_tables(root: Path) -> None:
    text = (root / "docs" / "manager-reference.md").read_text()
    for table in (job_states.JOB, job_states.STEP):
        assert job_states.diagram(table) in text
