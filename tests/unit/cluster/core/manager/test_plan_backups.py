"""Backups by schedule."""

import pytest

from garrison.cluster.core.manager.desired import BackupWish, DesiredState
from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Records, Step, StepKind
from garrison.cluster.core.manager.picture import BackupPicture
from garrison.cluster.core.manager.planner import make_plan
from tests.unit.cluster.core.manager.cluster_model import NOW_MS, ClusterModel, plan_for, settle

DAILY = DesiredState(backups=(BackupWish(target="/backups"),))


def test_first_backup_is_made_and_proved() -> None:
    model = ClusterModel.of(3, 1)
    jobs = settle(model, DAILY)
    assert [job.steps[0].kind for job in jobs] == [StepKind.BACKUP, StepKind.PROVE]
    assert jobs[0].reason == "/backups shall have a backup every 24.0 h, and none is known."
    assert jobs[0].command == "garrison backup create /backups --from 10.0.0.1:7000"


def test_backup_is_due_after_its_time() -> None:
    model = ClusterModel.of(3, 1)
    made_ms = NOW_MS - 86_400_000
    fresh = BackupPicture(target="/backups", newest_ms=made_ms + 1000, proved_ms=NOW_MS - 1000)
    model.backups = {"/backups": fresh}
    assert plan_for(model, DAILY).jobs == ()
    model.backups = {"/backups": fresh.model_copy(update={"newest_ms": made_ms})}
    (job,) = plan_for(model, DAILY).jobs
    assert job.steps[0].arguments == {"target": "/backups", "since_ms": str(NOW_MS), "keep": "7"}


def test_same_backup_is_not_proved_twice() -> None:
    model = ClusterModel.of(3, 1)
    desired = DesiredState(backups=(BackupWish(target="/b", every_s=864_000, prove_every_s=864_000),))
    model.backups = {"/b": BackupPicture(target="/b", newest_ms=NOW_MS - 800_000_000, proved_ms=NOW_MS - 1)}
    assert plan_for(model, desired).jobs == ()


def backed_up(ended_ms: int) -> Records:
    step = Step(
        kind=StepKind.BACKUP, arguments={"target": "/backups"}, state=Progress.DONE, ended_ms=ended_ms
    )
    done = Job(
        id="job-1",
        kind=JobKind.BACKUP,
        title="",
        reason="",
        steps=(step,),
        state=Progress.DONE,
        made_ms=1,
    )
    return Records(jobs=(done,))


@pytest.mark.parametrize(
    ("looked_ms", "due"),
    [(None, StepKind.PROVE), (NOW_MS - 2000, StepKind.PROVE), (NOW_MS - 500, StepKind.BACKUP)],
    ids=["never looked", "looked before it was made", "it has gone since"],
)
def test_records_count_until_somebody_has_looked(looked_ms: int | None, due: StepKind) -> None:
    model = ClusterModel.of(3, 1)
    if looked_ms is not None:
        model.backups = {"/backups": BackupPicture(target="/backups", as_of_ms=looked_ms)}
    plan = make_plan(DAILY, model.picture(), backed_up(NOW_MS - 1000), NOW_MS)
    assert [job.steps[0].kind for job in plan.jobs] == [due]


def test_nothing_else_begins_while_a_backup_runs() -> None:
    model = ClusterModel.of(3, 1, spares=1)
    desired = DAILY.model_copy(update={"spares": model.spare_addresses})
    open_job = plan_for(ClusterModel.of(3, 1), DAILY).jobs[0].model_copy(update={"state": Progress.RUNNING})
    model.fail(f"{4:040x}")
    plan = make_plan(
        desired.model_copy(update={"node_dead_after_s": 1e-9, "replicas_per_shard": 1}),
        model.picture(),
        Records(jobs=(open_job,)),
        NOW_MS,
    )
    assert plan.jobs == ()
