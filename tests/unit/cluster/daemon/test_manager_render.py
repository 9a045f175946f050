"""What people see."""

from __future__ import annotations

import io

from rich.console import Console

from garrison.cluster.core.manager.jobs import AuditEntry, Job, JobKind, Plan, Progress, Step, StepKind
from garrison.cluster.core.manager.status import ManagerStatus
from garrison.cluster.daemon import manager_render as render

STEP = Step(kind=StepKind.MEET, explanation="Introduce [bold]it", why="no answer", done_fraction=0.5)
JOB = Job(
    id="job-1",
    kind=JobKind.DRAIN,
    title="drain 10.0.0.1:7001",
    reason="somebody asked",
    steps=(STEP,),
    state=Progress.RUNNING,
    made_ms=1,
    seconds_left=7.2,
    command="garrison x",
)


def shown(show: object, *arguments: object, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show(*arguments, console)  # type: ignore[operator]
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_plan_shows_reason_steps_and_id() -> None:
    text = shown(render.show_plan, Plan(id="p9", made_ms=1, jobs=(JOB,), explanations=("all well",)))
    for part in ("1. drain 10.0.0.1:7001", "because somebody asked", "Introduce [bold]it", "all well", "p9"):
        assert part in text


def test_jobs_show_progress_and_time_left() -> None:
    text = shown(render.show_jobs, [JOB])
    assert "50%" in text
    assert "7 s" in text
    assert "no answer" in shown(render.show_job, JOB)
    assert "by hand: garrison x" in shown(render.show_job, JOB)


def test_status_says_why_nothing_is_done() -> None:
    text = shown(render.show_status, ManagerStatus(id="m", leader="n", why_idle="n leads", problems=("[x]",)))
    assert "n leads" in text
    assert "[x]" in text
    idle = ManagerStatus(id="m", why_idle="it waits", problems=("it waits",))
    assert shown(render.show_status, idle).count("it waits") == 1


def test_status_of_one_that_watches_claims_no_records() -> None:
    watching = ManagerStatus(id="m", kind="sentinel", only_watches=True, why_idle="it watches")
    assert shown(render.show_status, watching) == "manager   m, only watches\nidle      it watches\n"


def test_history_names_people() -> None:
    assert "ann: pause" in shown(render.show_history, [AuditEntry(at_ms=1, by="ann", what="pause")])
    entry = AuditEntry(at_ms=1, by="ann", what="apply", origin="10.0.0.9", changes=("shards: 3 -> 4",))
    assert "ann from 10.0.0.9: apply\n  shards: 3 -> 4" in shown(render.show_history, [entry])


def test_plan_folds_lines_below_their_text() -> None:
    console = Console(file=io.StringIO(), width=40, highlight=False)
    render.show_plan(Plan(id="p9", made_ms=1, explanations=("one two three " * 6,)), console)
    file = console.file
    assert isinstance(file, io.StringIO)
    head, listed, *lines = file.getvalue().splitlines()
    assert (head, listed) == ("nothing to do", "looked at:")
    assert lines[0].startswith("- one")
    assert len(lines) > 2
    assert all(line.startswith("  ") for line in lines[1:])
    assert [line for line in lines if line.endswith(" ")] == []


def test_command_line_is_not_folded() -> None:
    command = "garrison cluster reshard 10.0.0.1:7000 --to 10.0.0.1:7000 --ranges 0-99 --yes"
    job = JOB.model_copy(update={"command": command})
    assert f"by hand: {command}\n" in shown(render.show_job, job, width=40)
    plan = Plan(id="p9", made_ms=1, jobs=(job,))
    assert f"by hand: {command}\n" in shown(render.show_plan, plan, width=40)


def test_stored_state_says_how_it_goes_on() -> None:
    waiting = JOB.model_copy(update={"waits_for": "consent, because the mode is dry-run"})
    text = shown(render.show_stored, Plan(id="p9", made_ms=1, jobs=(waiting,)))
    assert "garrison manager consent p9" in text
    assert "jobs" in shown(render.show_stored, Plan(id="p9", made_ms=1, jobs=(JOB,)))
    assert shown(render.show_stored, Plan(id="p9", made_ms=1)) == "stored\n"
