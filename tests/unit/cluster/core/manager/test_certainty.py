"""What makes a picture unsure."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.cluster.core.manager.certainty import Doubts, doubts_about
from garrison.cluster.core.manager.conditions import Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Records, Step, StepKind
from garrison.cluster.core.manager.picture import NodeLoad, NodeState, OpenSlotPicture, SlotLoad
from garrison.cluster.core.manager.situation import Situation
from tests.unit.cluster.core.manager.cluster_model import NOW_MS, ClusterModel

FIRST = f"{0:040x}"


def doubts(records: Records | None = None, **changes: Any) -> Doubts:
    picture = ClusterModel.of(3, 1).picture().model_copy(update=changes)
    return doubts_about(Situation(DesiredState(), picture, records or Records(), Observations(), NOW_MS))


def about_first(**changes: object) -> Doubts:
    """Doubts when the first node is changed."""
    picture = ClusterModel.of(3, 1).picture()
    first = picture.nodes[0].model_copy(update=changes)
    return doubts(nodes=(first, *picture.nodes[1:]))


def test_healthy_picture_raises_no_doubt() -> None:
    assert doubts() == Doubts((), {}, ())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"majority_answers": False}, "No majority of the primaries answers."),
        ({"at_ms": NOW_MS - 16_000}, "The picture is 16 s old; a plan needs one of the last 15 s."),
        ({"at_ms": NOW_MS + 9_000}, "The picture is from 9 s in the future: the clocks of managers differ."),
        ({"disagreements": ("a sees b own 5.",)}, "Tables disagree: a sees b own 5."),
        ({"nodes": ()}, "No node is known."),
    ],
)
def test_doubt_about_everything(changes: dict[str, Any], said: str) -> None:
    assert doubts(**changes).everything == (said,)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"slots": "0-5000", "slot_count": 5001}, "460 slots have no owner: 5001-5460."),
        ({"slots": "0-5461", "slot_count": 5462}, "Slots 5461 have more than one owner."),
        ({"slots": "zero"}, "The slots of 10.0.0.1:7000 cannot be read: 'zero'."),
        ({"state": NodeState.FAILED}, "10.0.0.1:7000 has failed and owns slots: a failover must come first."),
        ({"address": "10.0.0.2:7001"}, "2 nodes have the address 10.0.0.2:7001."),
    ],
)
def test_doubt_about_owners(changes: dict[str, object], said: str) -> None:
    assert said in about_first(**changes).everything


def test_open_slots_of_our_own_jobs_are_known() -> None:
    opened = (OpenSlotPicture(slot=5), OpenSlotPicture(slot=6))
    step = Step(kind=StepKind.MOVE_SLOTS, arguments={"source": FIRST, "target": "x", "slots": "0-5"})
    job = Job(id="job-1", kind=JobKind.REBALANCE, title="", reason="", steps=(step,), made_ms=1)
    (said,) = doubts(Records(jobs=(job,)), open_slots=opened).everything
    assert said.startswith("Slots 6 are open, and no job of this manager opened them")
    ended = job.model_copy(update={"state": Progress.DONE})
    assert doubts(Records(jobs=(ended,)), open_slots=opened).everything[0].startswith("Slots 5-6 are open")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": NodeState.DATA_LOST}, "has lost its data"),
        ({"state": NodeState.SILENT}, "is silent"),
        ({"state": NodeState.LOADING}, "is loading"),
        ({"as_of_ms": NOW_MS - 20_000}, "last answered 20 s ago"),
        ({"as_of_ms": 0}, "has never answered"),
    ],
)
def test_doubt_about_a_node(changes: dict[str, object], said: str) -> None:
    found = about_first(**changes)
    assert found.everything == ()
    assert said in found.nodes[FIRST]
    assert found.figures == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"load": NodeLoad.model_construct(cpu_fraction=float("nan"))},
        {"load": NodeLoad(ops_per_s=-1)},
        {"load": NodeLoad(ops_per_s=1e12)},
        {"load": NodeLoad(cpu_fraction=5000)},
        {"load": NodeLoad(memory_bytes=5000, memory_max_bytes=1000)},
        {"keys": -5},
        {"slot_count": 9000},
    ],
)
def test_node_that_lies_stops_what_goes_by_figures(changes: dict[str, object]) -> None:
    found = about_first(**changes)
    assert found.everything == ()
    assert "cannot be" in found.figures[0] or "names 5461" in found.figures[0]
    assert FIRST in found.nodes


def test_slot_that_cannot_be_stops_figures() -> None:
    slot = SlotLoad.model_construct(slot=5, cpu_fraction=float("inf"))
    assert doubts(slot_load=(slot,)).figures == ("The cpu_fraction of slot 5 is inf, which cannot be",)
