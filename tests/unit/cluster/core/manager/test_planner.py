"""Whole plans: they converge, keep every copy, stay within the budget, and say why they wait."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.cluster.core.manager.desired import BackupWish, Balance, DesiredState, Harm, NodeWish, Window
from garrison.cluster.core.manager.jobs import Plan, Progress, Records
from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.manager.planner import make_plan, plan_id
from tests.unit.cluster.core.manager.cluster_model import (
    NOW_MS,
    ClusterModel,
    assert_disjoint,
    plan_for,
    settle,
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[ClusterModel, DesiredState]:
    """A cluster with failures, crowded hosts and uneven load, and a wish."""
    shards, replicas = draw(st.integers(2, 4)), draw(st.integers(0, 2))
    model = ClusterModel.of(
        shards, replicas, hosts=draw(st.none() | st.integers(2, 4)), spares=draw(st.integers(0, 4))
    )
    nodes = list(model.nodes.values())
    for node in nodes:
        node.zone = draw(st.sampled_from(["a", "b"]))
        node.settings = {"appendonly": draw(st.sampled_from(["yes", "no"]))}
    if draw(st.booleans()):
        model.keys_of = {slot: draw(st.integers(0, 50)) for slot in range(0, 16384, 512)}
        model.cpu_of = {slot: draw(st.floats(0, 0.09)) for slot in range(0, 6000, 400)}
    for node in draw(st.lists(st.sampled_from(nodes), max_size=2, unique_by=lambda node: node.id)):
        if node.primary or model.copies_of(node.id) > 1:
            model.fail(node.id)
    asked = draw(st.none() | st.integers(0, 2))
    model.copies_wanted = None if asked is None else asked + 1
    model.next_release = "2.0"
    wishes = {}
    for node in draw(st.lists(st.sampled_from(nodes), max_size=2, unique_by=lambda node: node.id)):
        weight = draw(st.sampled_from([0.0, 0.5, 2.0]))
        wishes[node.address] = NodeWish(weight=weight, drain=draw(st.booleans()))
    desired = DesiredState(
        shards=draw(st.none() | st.integers(1, 6)),
        replicas_per_shard=asked,
        nodes=wishes,
        spares=model.spare_addresses,
        balance=Balance(by=draw(st.sampled_from(["slots", "keys", "bytes", "load"])), threshold_percent=5),
        harm=Harm(points_per_hour_max=draw(st.integers(40, 150)), jobs_at_once_max=draw(st.integers(1, 3))),
        settings=draw(st.sampled_from([{}, {"appendonly": "yes"}])),
        release=draw(st.sampled_from([None, "2.0"])),
        backups=draw(st.sampled_from([(), (BackupWish(target="/b"),)])),
    )
    return model, desired


@settings(max_examples=15, deadline=None)
@given(situations())
def test_plans_converge_without_losing_a_copy(situation: tuple[ClusterModel, DesiredState]) -> None:
    model, desired = situation
    settle(model, desired)
    again = plan_for(model, desired)
    assert [job for job in again.jobs if job.state is not Progress.REFUSED] == []
    assert_disjoint(again)


def moving() -> tuple[ClusterModel, DesiredState]:
    model = ClusterModel.of(3, 1)
    first = next(iter(model.nodes.values()))
    return model, DesiredState(nodes={first.address: NodeWish(weight=2)})


def planned(desired: DesiredState, records: Records | None = None) -> Plan:
    return make_plan(desired, moving()[0].picture(), records or Records(), NOW_MS)


def test_same_input_gives_the_same_plan() -> None:
    model, desired = moving()
    assert plan_for(model, desired) == plan_for(model, desired)
    assert plan_for(model, desired).id == make_plan(desired, model.picture(), Records(), NOW_MS + 5).id


def test_id_changes_with_what_is_done() -> None:
    model, desired = moving()
    other = desired.model_copy(update={"balance": Balance(threshold_percent=100)})
    assert plan_for(model, desired).id != plan_for(model, other).id
    assert plan_id(()) == plan_for(model, other).id


def test_window_is_waited_for() -> None:
    _, desired = moving()
    night = Window.model_validate({"begins": "02:00", "ends": "03:00", "timezone": "Europe/Berlin"})
    (job,) = planned(desired.model_copy(update={"windows": (night,)})).jobs
    assert job.state is Progress.WAITING
    assert job.waits_for == "its window, which opens Sat 2027-01-16 02:00 CET"


def test_budget_is_waited_for() -> None:
    _, desired = moving()
    records = Records(harm_spent=((NOW_MS - 1_800_000, 90),))
    (job,) = planned(desired, records).jobs
    assert job.state is Progress.WAITING
    assert "28 points have room again" in job.waits_for


def test_window_that_never_lets_a_job_is_a_refusal() -> None:
    _, desired = moving()
    window = Window.model_validate({"jobs": ["backup"]})
    (job,) = planned(desired.model_copy(update={"windows": (window,)})).jobs
    assert job.state is Progress.REFUSED
    assert "no window lets rebalance begin" in job.why


def test_one_job_at_once_lets_the_others_wait() -> None:
    model = ClusterModel.of(3, 1)
    for node in model.nodes.values():
        node.settings = {"appendonly": "no"}
    plan = plan_for(model, DesiredState(settings={"appendonly": "yes"}))
    assert [job.state for job in plan.jobs] == [Progress.PLANNED, Progress.WAITING, Progress.WAITING]
    assert plan.jobs[1].waits_for == "another job to end: 1 may run at once"
    assert [job.id for job in plan.jobs] == ["job-1", "job-2", "job-3"]


def test_state_that_cannot_hold_is_not_planned() -> None:
    plan = planned(DesiredState(settings={"port": "1"}))
    assert plan.jobs == ()
    assert plan.explanations[0].startswith("The desired state cannot hold: settings.port: ")


def test_pause_and_mode_are_said() -> None:
    plan = planned(moving()[1], Records(paused_by="ada"))
    assert "Nothing begins: ada has paused the manager." in plan.explanations
    assert any("dry-run" in line for line in plan.explanations)


@pytest.mark.parametrize("kind", ["sentinel", "single"])
def test_other_deployments_are_not_planned(kind: str) -> None:
    picture = Picture.model_validate({"at_ms": NOW_MS, "kind": kind})
    plan = make_plan(DesiredState(), picture, Records(), NOW_MS)
    assert plan.explanations == (f"Nothing is planned: This is a {kind} deployment; plans are for clusters.",)
