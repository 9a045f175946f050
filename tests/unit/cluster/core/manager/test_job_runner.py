"""Jobs step by step, on the bench of the core."""

from garrison.cluster.core.manager.desired import Harm, Window
from garrison.cluster.core.manager.effects import StepOutcome
from garrison.cluster.core.manager.expectations import expectation
from garrison.cluster.core.manager.jobs import JobKind, Progress, Step, StepKind
from garrison.cluster.core.manager.requests import Apply, ResumeJob, StopJob

from .core_bench import Bench, job, move

VERIFY = Step(kind=StepKind.VERIFY, arguments={"expect": expectation(slots={"b": "0-9"})})


def restart(node: str) -> Step:
    return Step(kind=StepKind.RESTART, arguments={"node": node})


OTHER = job(move("11000-11009", source="c", target="b"), kind=JobKind.RELIEVE, subject="c")


def test_steps_run_one_after_the_other() -> None:
    bench = Bench(job(move("0-9"), move("10-19"))).lead()
    bench.run(5_000)
    assert [begin.index for begin in bench.begun] == [0]
    bench.end()
    assert [begin.index for begin in bench.begun] == [0, 1]
    bench.end()
    assert bench.states() == ["job-1 done"]


def test_next_step_waits_for_a_newer_picture() -> None:
    bench = Bench(job(move("0-9"), move("10-19"))).lead()
    old = bench.picture()
    begin = bench.begun[0]
    bench.now_ms += 100
    bench.core.step_ended(begin.job_id, 0, StepOutcome(begin.epoch, "done"), bench.now_ms)
    bench.core.observed(old, bench.now_ms)
    bench.pump()
    assert len(bench.begun) == 1
    bench.now_ms += 100
    bench.core.observed(bench.picture(), bench.now_ms)
    bench.pump()
    assert len(bench.begun) == 2


def test_failed_step_is_tried_again_after_a_growing_wait() -> None:
    bench = Bench(job(move("0-9")), step_attempts_max=3).lead()
    bench.end("failed", "timeout")
    assert len(bench.begun) == 1
    bench.run(2_000)
    assert len(bench.begun) == 2
    bench.end("failed", "timeout")
    bench.run(2_000)
    assert len(bench.begun) == 2
    bench.run(2_000)
    assert len(bench.begun) == 3
    bench.end("failed", "the disk is full")
    assert bench.states() == ["job-1 failed"]
    assert bench.core.records.jobs[0].why == "the disk is full"


def test_step_that_is_unsure_stops_its_job() -> None:
    bench = Bench(job(move("0-9"), move("10-19"))).lead()
    bench.end("unsure", "a does not own 3")
    assert bench.states() == ["job-1 stopped"]
    assert bench.core.records.jobs[0].why == "not sure: a does not own 3"


def test_contradicting_picture_stops_a_job() -> None:
    bench = Bench(job(move("0-9"), move("10-19"))).lead()
    bench.slots = {"a": "100-5460", "b": "5461-10922,0-9", "c": "10923-16383,10-99"}
    bench.end()
    assert bench.states() == ["job-1 stopped"]
    assert len(bench.begun) == 1


def test_verify_is_judged_by_a_picture_and_never_comes_out() -> None:
    bench = Bench(job(move("0-9"), VERIFY)).lead()
    bench.slots = {"a": "10-5460", "b": "0-9,5461-10922", "c": "10923-16383"}
    bench.end()
    bench.run(3_000)
    assert bench.states() == ["job-1 done"]
    assert len(bench.begun) == 1


def test_verify_that_stays_untrue_stops_the_job() -> None:
    bench = Bench(job(VERIFY), begin_patience_ms=10_000).lead()
    bench.run(5_000)
    assert bench.states() == ["job-1 running"]
    bench.run(8_000)
    assert bench.states() == ["job-1 stopped"]
    assert "does not own 0-9" in bench.core.records.jobs[0].why


def test_jobs_about_one_node_do_not_run_together() -> None:
    bench = Bench(job(move("0-9")), OTHER).lead(harm=Harm(jobs_at_once_max=5))
    assert bench.states() == ["job-1 running"]
    plan = bench.core.plan
    assert plan is not None
    assert "job-1" in plan.jobs[-1].waits_for
    bench.end()
    bench.run(6_000)
    assert bench.states() == ["job-1 done", "job-2 running"]


def test_upgrade_waits_for_a_node_that_another_has_shut_down() -> None:
    """A job that was stopped half-way counts: its node is away by the manager's doing."""
    first, second = (job(restart(name), kind=JobKind.UPGRADE, subject=name) for name in ("x", "y"))
    bench = Bench(first, stopped_job_rest_ms=0)
    bench.slots |= {"x": "", "y": ""}
    bench.lead()
    bench.end("unsure", "it does not come back")
    bench.silent_nodes = {"x"}
    bench.jobs = (second,)
    bench.run(4_000)
    assert len(bench.begun) == 1
    assert bench.core.plan is not None
    assert bench.core.plan.jobs[0].waits_for == "x:1, which job-1 has shut down, to be back"
    bench.silent_nodes = set()
    bench.run(4_000)
    assert [begin.step for begin in bench.begun][1].arguments == {"node": "y"}


def test_backup_and_moves_do_not_run_together() -> None:
    """A key that moves while a backup is taken may be in none of its files."""
    copy = Step(kind=StepKind.BACKUP, arguments={"target": "/b", "since_ms": "1", "keep": "1"})
    backup = job(copy, kind=JobKind.BACKUP, subject="/b")
    for first, second in ((backup, OTHER), (OTHER, backup)):
        bench = Bench(first).lead(harm=Harm(jobs_at_once_max=2))
        bench.jobs = (second,)
        bench.run(4_000)
        assert [begin.step.kind for begin in bench.begun] == [first.steps[0].kind]
        bench.end()
        bench.run(4_000)
        assert [begin.step.kind for begin in bench.begun] == [first.steps[0].kind, second.steps[0].kind]


def test_job_waits_for_its_window() -> None:
    closed = Window(jobs=(JobKind.BACKUP,))
    bench = Bench(job(move("0-9"))).lead(windows=(closed,))
    bench.run(10_000)
    assert bench.states() == []
    plan = bench.core.plan
    assert plan is not None
    assert "window" in plan.jobs[0].waits_for


def test_stopped_job_rests_until_a_person_resumes_it() -> None:
    bench = Bench(job(move("0-9"), move("10-19"))).lead()
    bench.ask(lambda by, t: StopJob(by, t, "job-1"))
    assert bench.cancelled[-1].at_once is False
    bench.end("cancelled")
    assert bench.states() == ["job-1 stopped"]
    bench.run(20_000)
    assert len(bench.begun) == 1
    bench.ask(lambda by, t: ResumeJob(by, t, "job-1"))
    bench.run(3_000)
    assert len(bench.begun) == 2
    assert bench.states() == ["job-1 running"]


def test_resumed_job_whose_node_has_left_is_stopped() -> None:
    """It would wait for ever, and keep its shard from all other jobs."""
    bench = Bench(job(move("0-9"))).lead()
    bench.ask(lambda by, ticket: StopJob(by, ticket, "job-1"))
    bench.end("cancelled")
    assert bench.states() == ["job-1 stopped"]
    del bench.slots["b"]
    bench.run(1_000)
    bench.ask(lambda by, ticket: ResumeJob(by, ticket, "job-1"))
    bench.run(10_000)
    assert bench.states() == ["job-1 waiting"]
    bench.run(60_000)
    assert bench.states() == ["job-1 stopped"]
    assert bench.core.records.jobs[0].why == "not sure: the node b is not in the picture"


def test_dry_run_stops_what_nobody_has_agreed_to() -> None:
    bench = Bench(job(move("0-9"), move("10-19"))).lead()
    bench.ask(lambda by, t: Apply(by, t, '{"mode": "dry-run"}'))
    bench.run(2_000)
    assert len(bench.cancelled) == 1
    bench.end("cancelled")
    assert bench.core.records.jobs[0].state is Progress.STOPPED


def test_progress_and_time_left_are_shown() -> None:
    bench = Bench(job(move("0-9"), move("10-19"))).lead()
    bench.run(9_000)
    bench.core.step_progress("job-1", 0, 0.5, bench.now_ms)
    shown = bench.core.records.jobs[0]
    assert shown.done_fraction == 0.25
    began_ms = shown.began_ms
    assert began_ms is not None
    elapsed_s = (bench.now_ms + 1_800_000_000_000 - began_ms) / 1000
    assert shown.seconds_left == round(elapsed_s * 3, 1)
