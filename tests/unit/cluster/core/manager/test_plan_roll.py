"""Settings and releases roll over the cluster, replicas first."""

import pytest

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Records, StepKind
from garrison.cluster.core.manager.plan_roll import same_value
from garrison.cluster.core.manager.planner import make_plan
from tests.unit.cluster.core.manager.cluster_model import NOW_MS, ClusterModel, plan_for, settle


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("1gb", "1073741824", True),
        ("YES", "yes", True),
        ("3600 1  300 100", "3600 1 300 100", True),
        ("", "0", False),
        ("1gb", "1g", False),
        ("no", "yes", False),
    ],
)
def test_values_are_compared_by_meaning(one: str, other: str, is_same: bool) -> None:
    assert same_value(one, other) is is_same


def test_settings_that_differ_are_set_replicas_first() -> None:
    model = ClusterModel.of(3, 1)
    for node in model.nodes.values():
        node.settings = {"maxmemory": "0", "appendonly": "yes"}
    desired = DesiredState(settings={"maxmemory": "1gb", "appendonly": "YES"})
    jobs = settle(model, desired)
    assert [job.kind for job in jobs] == [JobKind.CONFIGURE] * 3
    assert [step.arguments["node"] for step in jobs[0].steps] == [f"{3:040x}", f"{0:040x}"]
    assert jobs[0].steps[0].arguments["settings"] == '{"maxmemory": "1gb"}'
    assert "garrison cli -h 10.0.0.4 -p 7003 CONFIG SET maxmemory 1gb" in jobs[0].command


def test_setting_that_was_not_read_is_not_guessed() -> None:
    plan = plan_for(ClusterModel.of(3, 0), DesiredState(settings={"maxmemory": "1gb"}))
    assert plan.jobs == ()
    assert plan.explanations[0].startswith("Each of 10.0.0.1:7000, 10.0.0.2:7001 and 10.0.0.3:7002 has not ")


def test_upgrade_restarts_replicas_then_hands_over() -> None:
    model = ClusterModel.of(3, 2)
    model.next_release = "2.0"
    jobs = settle(model, DesiredState(release="2.0"))
    assert [step.kind for step in jobs[0].steps] == [
        StepKind.RESTART,
        StepKind.RESTART,
        StepKind.HAND_OVER,
        StepKind.RESTART,
        StepKind.VERIFY,
    ]
    assert len(jobs) == 3
    assert {node.version for node in model.nodes.values()} == {"2.0"}


def test_primary_without_replica_is_not_restarted() -> None:
    plan = plan_for(ClusterModel.of(3, 0), DesiredState(release="2.0"))
    assert plan.jobs == ()
    assert "no replica to take its place" in plan.explanations[0]


def test_upgrade_waits_for_replicas_in_sync() -> None:
    model = ClusterModel.of(3, 2)
    model.nodes[f"{4:040x}"].is_failed = True
    plan = plan_for(model, DesiredState(release="2.0"), held_s=0)
    assert len(plan.jobs) == 2
    assert any("10.0.0.5:7004 is not in sync" in line for line in plan.explanations)


@pytest.mark.parametrize(("state", "word"), [("failed", "failed"), ("stopped", "was stopped")])
def test_upgrade_that_went_wrong_stops_the_others(state: str, word: str) -> None:
    """Stopped, because the manager was not sure, is what a node that does not come back ends in."""
    model = ClusterModel.of(3, 1)
    failed = Job(
        id="job-9",
        kind=JobKind.UPGRADE,
        title="",
        reason="",
        steps=(),
        state=Progress(state),
        why="it did not come back",
        made_ms=1,
        ended_ms=NOW_MS - 1000,
    )
    desired = DesiredState(release="2.0")
    plan = make_plan(desired, model.picture(), Records(jobs=(failed,)), NOW_MS)
    assert plan.jobs == ()
    assert plan.explanations == (
        f"Upgrades wait: job-9 {word}, it did not come back; the next try is in 599 s.",
    )
    stopped = failed.model_copy(update={"state": Progress.STOPPED, "stopped_by": "p"})
    assert len(make_plan(desired, model.picture(), Records(jobs=(stopped,)), NOW_MS).jobs) == 3


def test_shard_is_configured_by_one_job_when_all_have_spoken() -> None:
    """A job for those that were heard first would be followed by another for the rest."""
    model = ClusterModel.of(3, 1)
    for node in model.nodes.values():
        node.settings = {"hz": "10"}
    desired = DesiredState(settings={"hz": "20"})
    primary, replica = model.nodes[f"{0:040x}"], model.nodes[f"{3:040x}"]
    primary.settings = {}
    plan = plan_for(model, desired)
    assert [job.subject for job in plan.jobs] == [f"{1:040x}", f"{2:040x}"]
    assert "10.0.0.1:7000 has not said its hz yet, or refuses CONFIG GET." in plan.explanations
    primary.settings = {"hz": "10"}
    jobs = settle(model, desired)
    assert [step.arguments["node"] for step in jobs[0].steps] == [replica.id, primary.id]
    assert len(jobs) == 3


def test_node_without_the_directive_keeps_no_other_waiting() -> None:
    model = ClusterModel.of(3, 1)
    for node in model.nodes.values():
        node.settings = {"hz": "10"}
    picture = model.picture()
    first = picture.nodes[0].model_copy(update={"settings": {}, "settings_unknown": ("hz",)})
    picture = picture.model_copy(update={"nodes": (first, *picture.nodes[1:])})
    plan = make_plan(DesiredState(settings={"hz": "20"}), picture, Records(), NOW_MS)
    named = [[step.arguments["node"] for step in job.steps] for job in plan.jobs]
    assert named[0] == [f"{3:040x}"]
    assert "10.0.0.1:7000 does not have the directive hz." in plan.explanations
