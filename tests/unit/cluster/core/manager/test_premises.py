"""Whether a step may begin."""

import pytest

from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Step, StepKind
from garrison.cluster.core.manager.picture import NodePicture, NodeState, Picture
from garrison.cluster.core.manager.premises import Doubt, doubt_about, not_back


def primary(id: str, slots: str = "", **more: object) -> NodePicture:
    low, _, high = slots.partition("-")
    count = int(high) - int(low) + 1 if slots else 0
    fields = {"id": id, "address": f"{id}:1", "role": "primary", "slots": slots, "slot_count": count}
    return NodePicture.model_validate(fields | more)


def replica(id: str, of: str, **more: object) -> NodePicture:
    fields = {"id": id, "address": f"{id}:1", "role": "replica", "primary_id": of, "link_up": True}
    return NodePicture.model_validate(fields | more)


def picture(*nodes: NodePicture) -> Picture:
    return Picture(at_ms=1, nodes=nodes)


def step(kind: StepKind, **words: str) -> Step:
    return Step(kind=kind, arguments=words)


MOVE = step(StepKind.MOVE_SLOTS, source="a", target="b", slots="0-9")
HAND_OVER = Step(kind=StepKind.HAND_OVER, arguments={"node": "x", "from": "a"})
REPLICATE = step(StepKind.REPLICATE, node="x", primary="b")
FORGET = step(StepKind.FORGET, node="x")
RESTART = step(StepKind.RESTART, node="x")
TWO = (primary("a", "0-99"), primary("b", "100-199"))


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        (MOVE, TWO),
        (MOVE, (primary("b", "0-9"),)),
        (HAND_OVER, (primary("a", "0-99"), replica("x", "a"))),
        (HAND_OVER, (replica("a", "x"), primary("x", "0-99"))),
        (REPLICATE, (*TWO, primary("x"))),
        (step(StepKind.REPLICATE, node="x:1", primary="b"), (*TWO, primary("x"))),
        (FORGET, TWO),
        (FORGET, (*TWO, replica("x", "a", state=NodeState.FAILED, link_up=False))),
        (RESTART, (*TWO, replica("x", "a"), replica("y", "a"))),
        (RESTART, (*TWO, primary("x"))),
        (step(StepKind.BACKUP, target="/b"), ()),
    ],
)
def test_step_that_fits_the_picture_may_begin(asked: Step, seen: tuple[NodePicture, ...]) -> None:
    assert doubt_about(asked, picture(*seen), 1) is None


@pytest.mark.parametrize(
    ("seen", "why", "final"),
    [
        ((primary("x", "0-9"),), "x:1 is a primary that owns slots: hand its shard over first", True),
        (
            (primary("a", "0-99", state=NodeState.FAILED), replica("x", "a")),
            "a:1, the primary of x:1, is failed",
            False,
        ),
        (
            (*TWO, replica("x", "a"), replica("y", "a", link_up=False)),
            "y:1 is not in sync, and x:1 is of the same shard",
            False,
        ),
    ],
)
def test_restart_leaves_its_shard_a_copy_in_sync(
    seen: tuple[NodePicture, ...], why: str, final: bool
) -> None:
    assert doubt_about(RESTART, picture(*seen), 1) == Doubt(why, final)


@pytest.mark.parametrize(
    ("began_ms", "state"), [(5, "silent"), (5, "failed"), (5, "loading"), (5, "ok"), (None, "failed")]
)
def test_node_that_was_shut_down_is_missed_until_it_serves(began_ms: int | None, state: str) -> None:
    """Also when the step was cancelled after the shutdown, which does not count as an attempt."""
    restart = RESTART.model_copy(update={"began_ms": began_ms, "attempts": 0, "state": Progress.WAITING})
    job = Job(id="job-1", kind=JobKind.UPGRADE, title="", reason="", steps=(restart,), made_ms=1)
    seen = picture(*TWO, replica("x", "a", state=NodeState(state)))
    assert not_back(job, seen) == ("x:1" if began_ms and state != "ok" else "")
    done = job.model_copy(update={"steps": (restart.model_copy(update={"state": Progress.DONE}),)})
    assert not_back(done, seen) == ""


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        (MOVE, (primary("a", "0-99"),)),
        (MOVE, (primary("a", "0-99", state=NodeState.FAILED), primary("b"))),
        (MOVE, (primary("a", "5-99"), primary("b"))),
        (HAND_OVER, (primary("a", "0-99"), replica("x", "a", link_up=False))),
        (REPLICATE, TWO),
        (REPLICATE, (*TWO, replica("x", "a"))),
        (FORGET, (*TWO, replica("x", "a"))),
        (step(StepKind.RESET, node="x"), (*TWO, primary("x"), replica("y", "x"))),
        (step(StepKind.CONFIGURE, node="a"), (primary("a", "0-9", state=NodeState.SILENT),)),
    ],
)
def test_what_may_still_come_is_waited_for(asked: Step, seen: tuple[NodePicture, ...]) -> None:
    doubt = doubt_about(asked, picture(*seen), 1)
    assert doubt is not None
    assert not doubt.final


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        (MOVE, (primary("a", "0-99"), replica("b", "a"))),
        (MOVE, (primary("a", "5-99"), primary("b"), primary("c", "0-4"))),
        (MOVE, (replica("a", "c"), primary("b"), primary("c", "0-99"))),
        (HAND_OVER, (primary("a", "0-99"), replica("x", "b"))),
        (HAND_OVER, (primary("a", "0-99"), primary("x"))),
        (REPLICATE, (*TWO, primary("x", "200-300"))),
        (REPLICATE, (primary("a", "0-99"), replica("b", "a"), primary("x"))),
        (FORGET, (primary("x", "0-9"),)),
        (step(StepKind.RESET, node="x"), (primary("x", "0-9"),)),
    ],
)
def test_what_contradicts_a_step_stops_it(asked: Step, seen: tuple[NodePicture, ...]) -> None:
    doubt = doubt_about(asked, picture(*seen), 1)
    assert doubt is not None
    assert doubt.final


def test_replica_may_leave_when_enough_stay() -> None:
    seen = picture(*TWO, replica("x", "a"), replica("y", "a"))
    assert doubt_about(FORGET, seen, 1) is None
    assert doubt_about(FORGET, seen, 2) is not None
    assert doubt_about(FORGET, seen, None) is None
