"""A manager as a whole: lease, records, jobs, persons."""

from garrison.cluster.core.manager.desired import DesiredState, Harm
from garrison.cluster.core.manager.effects import CancelStep, LeaseAnswer, StepOutcome, StoredRecords
from garrison.cluster.core.manager.jobs import Progress
from garrison.cluster.core.manager.records_content import decoded
from garrison.cluster.core.manager.requests import Adopt, Apply, Consent, Pause, Resume, StartAnew

from .core_bench import UNIX_MS, Bench, job, move

LITTLE = Harm(points_per_hour_max=2, hand_over=1, full_sync=1, restart=1, backup=1)


def test_new_installation_leads_and_does_nothing() -> None:
    bench = Bench(job(move("0-9")))
    bench.run(20_000)
    assert bench.core.leads
    assert bench.core.epoch == 4
    assert "dry-run" in bench.core.why_idle
    assert bench.begun == []
    plan = bench.core.plan
    assert plan is not None
    assert "consent" in plan.jobs[0].waits_for


def test_step_begins_only_when_a_majority_has_stored_it() -> None:
    bench = Bench().lead()
    bench.jobs = (job(move("0-9")),)
    bench.silent = {"b", "c"}
    bench.run(4_000)
    assert bench.begun == []
    bench.silent = {"c"}
    bench.run(4_000)
    assert [begin.index for begin in bench.begun] == [0]
    stored = decoded(bench.stored["b"].content).jobs[0]
    assert stored.steps[0].state is Progress.RUNNING
    assert stored.epoch == bench.begun[0].epoch


def test_harm_is_stored_before_the_step_begins() -> None:
    bench = Bench(job(move("0-299"))).lead()
    assert bench.begun
    assert [cost for _, cost in decoded(bench.stored["a"].content).harm_spent] == [3]


def test_slots_wait_until_their_target_has_the_records() -> None:
    bench = Bench().lead()
    bench.silent = {"b"}
    bench.jobs = (job(move("0-9")),)
    bench.run(6_000)
    assert bench.begun == [], "b, the target, has not stored them"
    bench.silent = set()
    bench.run(6_000)
    assert len(bench.begun) == 1


def test_lost_lease_cancels_everything_at_once() -> None:
    bench = Bench(job(move("0-9"))).lead()
    begin = bench.begun[0]
    bench.core.lease_answered("c", LeaseAnswer(False, 99, "other", 9_000), bench.now_ms)
    effects = bench.core.take()
    assert effects.cancels == [CancelStep(begin.job_id, 0, at_once=True)]
    assert not bench.core.leads


def test_sleep_through_the_lease_cancels_before_anything() -> None:
    bench = Bench(job(move("0-9"), move("10-19"))).lead()
    begin = bench.begun[0]
    bench.now_ms += 60_000
    bench.core.step_progress(begin.job_id, 0, 0.5, bench.now_ms)
    effects = bench.core.take()
    assert [cancel.at_once for cancel in effects.cancels] == [True]
    assert effects.begins == []


def test_next_leader_begins_the_running_step_again() -> None:
    first = Bench(job(move("0-9"), move("10-19"))).lead()
    second = Bench(epoch=first.core.epoch)
    second.stored = {
        node: StoredRecords(first.core.epoch, "", copy.version, copy.written_epoch, copy.content)
        for node, copy in first.stored.items()
    }
    second.run(14_000)
    assert [(begin.job_id, begin.index) for begin in second.begun] == [("job-1", 0)]
    assert second.begun[0].epoch > first.begun[0].epoch
    assert [cost for _, cost in second.core.records.harm_spent] == [1], "it was paid for"


def test_clock_set_back_holds_no_job_up() -> None:
    """The next step waits for a picture by the new clock, not until that is past its old time again."""
    bench = Bench(job(move("0-9"), move("10-19"))).lead()
    begin = bench.begun[0]
    by_old_clock = bench.picture()
    bench.core.step_ended(begin.job_id, 0, StepOutcome(begin.epoch, "done"), bench.now_ms)
    bench.pump()
    bench.set_clock_back(3_600_000)
    bench.core.tick(bench.now_ms)
    bench.pump()
    nodes_by_old_clock = bench.picture().model_copy(update={"nodes": by_old_clock.nodes})
    bench.now_ms += 500
    bench.core.observed(nodes_by_old_clock.model_copy(update={"at_ms": bench.picture().at_ms}), bench.now_ms)
    bench.pump()
    assert len(bench.begun) == 1, "the nodes have not answered since"
    bench.run(2_000)
    assert [each.index for each in bench.begun] == [0, 1]


def test_settings_read_too_early_are_not_planned_by() -> None:
    """Before this manager led, another one may have set them; before a step ended, that step."""
    bench = Bench()
    bench.settings_as_of_ms = bench.now_ms + UNIX_MS
    bench.lead()
    assert [node.settings for node in bench.planned_by.nodes] == [{}] * 3
    bench.settings_as_of_ms = bench.now_ms + UNIX_MS
    bench.jobs = (job(move("0-9")),)
    bench.run(2_000)
    assert [node.settings for node in bench.planned_by.nodes] == [{"hz": "10"}] * 3
    bench.run(2_000)
    bench.end()
    assert [bool(node.settings) for node in bench.planned_by.nodes] == [False, False, True]


def test_outcome_of_an_older_epoch_is_passed_over() -> None:
    bench = Bench(job(move("0-9"))).lead()
    stale = bench.begun[0]
    bench.core.lease_answered("c", LeaseAnswer(False, 99, "", 0), bench.now_ms)
    bench.pump()
    bench.epoch = 99
    bench.run(25_000)
    assert bench.begun[-1].epoch > stale.epoch
    bench.end("failed", "late", number=0)
    assert bench.states() == ["job-1 running"]


def test_desired_state_that_cannot_hold_is_refused_with_its_path() -> None:
    bench = Bench().lead()
    ticket = bench.ask(lambda by, t: Apply(by, t, '{"replicas_per_shard": 99}'))
    assert "replicas_per_shard" in bench.answers[ticket]
    ticket = bench.ask(lambda by, t: Apply(by, t, DesiredState(shards=9).model_dump_json()))
    assert bench.answers[ticket] != ""


def test_person_is_answered_only_by_a_majority() -> None:
    bench = Bench().lead()
    bench.silent = {"b", "c"}
    ticket = bench.ask(Pause)
    assert ticket not in bench.answers
    bench.run(12_000)
    assert "lost the lease" in bench.answers[ticket]


def test_follower_sends_persons_to_the_leader() -> None:
    bench = Bench()
    bench.core.observed(bench.picture(), bench.now_ms)
    for node in ("a", "b"):
        bench.core.records_read(node, StoredRecords(8, "boss", 0, 0, b"", 9_000), bench.now_ms)
    ticket = bench.ask(Pause)
    assert "boss leads" in bench.answers[ticket]


def test_consent_carries_out_a_plan_in_dry_run() -> None:
    bench = Bench(job(move("0-9"))).lead(mode="dry-run")
    plan = bench.core.plan
    assert plan is not None
    ticket = bench.ask(lambda by, t: Consent(by, t, "another"))
    assert "look at the new one" in bench.answers[ticket]
    bench.ask(lambda by, t: Consent(by, t, plan.id))
    bench.run(2_000)
    assert len(bench.begun) == 1
    assert bench.core.records.jobs[0].consented_by == "p3"


def test_pause_ends_steps_at_a_safe_moment_and_resume_goes_on() -> None:
    bench = Bench(job(move("0-9"))).lead()
    bench.ask(Pause)
    assert bench.cancelled == [CancelStep("job-1", 0, at_once=False)]
    bench.end("cancelled")
    bench.run(5_000)
    assert len(bench.begun) == 1
    assert "paused" in bench.core.why_idle
    bench.ask(Resume)
    bench.run(3_000)
    assert len(bench.begun) == 2


def test_old_or_contradictory_picture_begins_nothing() -> None:
    bench = Bench().lead()
    bench.jobs = (job(move("0-9")),)
    bench.run(5_000, majority_answers=False)
    assert bench.begun == []
    assert "majority" in bench.core.why_idle
    bench.run(5_000)
    assert len(bench.begun) == 1


def test_records_that_cannot_be_read_wait_for_a_person() -> None:
    bench = Bench()
    bench.stored = {node: StoredRecords(3, "", 5, 2, b"rubbish") for node in "ab"}
    bench.run(20_000)
    assert not bench.core.leads
    assert "cannot be read" in bench.core.why_idle
    ticket = bench.ask(Adopt)
    assert "start anew" in bench.answers[ticket]
    ticket = bench.ask(StartAnew)
    bench.run(1_000)
    assert bench.answers[ticket] == ""
    assert bench.core.leads


def test_manager_with_a_file_works_alone() -> None:
    bench = Bench(keeping="file")
    bench.run(2_000)
    assert set(bench.stored) == {"file"}
    assert bench.core.leads
    ticket = bench.ask(Pause)
    assert bench.answers[ticket] == ""


def test_budget_of_the_desired_state_is_kept() -> None:
    steps = tuple(move(f"{low}-{low + 99}") for low in range(0, 500, 100))
    bench = Bench(job(*steps)).lead(harm=LITTLE)
    bench.end()
    bench.end()
    assert len(bench.begun) == 2
    assert "budget" in bench.core.records.jobs[0].waits_for
    bench.run(3_700_000, step_ms=2_000)
    assert len(bench.begun) == 3


def test_requests_are_told_when_the_history_is_full() -> None:
    bench = Bench(audit_entries_max=2).lead()
    bench.events.clear()
    for _ in range(3):
        bench.ask(Pause)
        bench.ask(Resume)
    told = [event.text.partition(": ")[2] for event in bench.events if "records:" in event.text]
    assert told == [f"p{number} asks: {what}" for number, what in enumerate(["pause", "resume"] * 3, start=2)]
