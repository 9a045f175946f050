"""The states of jobs and steps as tables; a pair that is not in them is a programmer's error.

`docs/manager-reference.md` shows them as diagrams, which a test holds to these tables.
"""

from collections.abc import Mapping
from typing import Any, Final

from garrison.cluster.core.manager.jobs import Job, Progress, Step

PLANNED, WAITING, RUNNING = Progress.PLANNED, Progress.WAITING, Progress.RUNNING
DONE, FAILED, STOPPED, REFUSED = Progress.DONE, Progress.FAILED, Progress.STOPPED, Progress.REFUSED

Table = Mapping[tuple[Progress, Progress], str]
"""(from, to) -> when."""

JOB: Final[Table] = {
    (PLANNED, WAITING): "consent, or the mode act",
    (PLANNED, REFUSED): "it cannot be",
    (WAITING, RUNNING): "its window is open, its harm fits, no other job is in its way",
    (WAITING, STOPPED): "stop, or what it needs is gone",
    (RUNNING, DONE): "its last step is done",
    (RUNNING, FAILED): "a step failed for the last time",
    (RUNNING, STOPPED): "stop, or the manager is not sure",
    (STOPPED, WAITING): "resume",
    (FAILED, WAITING): "resume",
}
STEP: Final[Table] = {
    (WAITING, RUNNING): "stored by a majority, then begun",
    (RUNNING, RUNNING): "begun again under a new epoch",
    (RUNNING, DONE): "what it says is true",
    (RUNNING, WAITING): "cancelled, or to be tried again",
    (RUNNING, FAILED): "tried for the last time",
    (FAILED, WAITING): "resume",
}


def job_moved(job: Job, state: Progress, **changes: Any) -> Job:
    """The job in another state."""
    assert (job.state, state) in JOB, f"{job.id} cannot go from {job.state} to {state}"
    return job.model_copy(update={"state": state, **changes})


def step_moved(step: Step, state: Progress, **changes: Any) -> Step:
    """The step in another state."""
    assert (step.state, state) in STEP, f"a step cannot go from {step.state} to {state}"
    return step.model_copy(update={"state": state, **changes})


def diagram(table: Table) -> str:
    """A table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {old.value} --> {new.value}: {when}" for (old, new), when in table.items()]
    return "\n".join(lines)
