"""Since when something holds."""

from garrison.cluster.core.manager.conditions import UNEVEN, Conditions, beyond, failed
from garrison.cluster.core.manager.desired import Balance, DesiredState
from garrison.cluster.core.manager.picture import NodeLoad, NodePicture, NodeState, Picture

DESIRED = DesiredState()
CPU = beyond("cpu", "a")


def fed(
    conditions: Conditions, at_s: float, *, cpu: float | None = None, state: NodeState = NodeState.OK
) -> int:
    """Feed a picture; how long the condition about the CPU has held, in seconds."""
    load = NodeLoad(cpu_fraction=cpu)
    node = NodePicture(id="a", address="h:1", role="primary", slots="0-9", state=state, load=load)
    seen = conditions.feed(DESIRED, Picture(at_ms=int(at_s * 1000), nodes=(node,)))
    return seen.held_ms(CPU, int(at_s * 1000)) // 1000


def test_condition_counts_from_its_beginning() -> None:
    conditions = Conditions()
    assert [fed(conditions, at_s, cpu=0.9) for at_s in (10, 20, 30)] == [0, 10, 20]


def test_swing_about_the_limit_does_not_start_anew() -> None:
    conditions = Conditions()
    assert [fed(conditions, at, cpu=cpu) for at, cpu in ((0, 0.9), (10, 0.75), (20, 0.9))] == [0, 10, 20]
    assert [fed(conditions, at, cpu=cpu) for at, cpu in ((30, 0.7), (40, 0.9))] == [0, 0]


def test_load_within_limits_begins_nothing() -> None:
    conditions = Conditions()
    assert [fed(conditions, at, cpu=0.79) for at in (0, 10)] == [0, 0]


def test_unknown_figure_changes_nothing() -> None:
    conditions = Conditions()
    assert [fed(conditions, at, cpu=cpu) for at, cpu in ((0, 0.9), (10, None), (20, 0.9))] == [0, 10, 20]


def test_gap_starts_anew() -> None:
    conditions = Conditions()
    assert [fed(conditions, at, cpu=0.9) for at in (0, 30, 61)] == [0, 30, 0]


def test_clock_set_back_starts_anew() -> None:
    """Otherwise nothing would be learned until the clock is past its old time again."""
    conditions = Conditions()
    assert [fed(conditions, at, cpu=0.9) for at in (3600, 3610, 10, 20)] == [0, 10, 0, 10]


def test_older_picture_is_passed_over() -> None:
    conditions = Conditions()
    fed(conditions, 10, cpu=0.9)
    fed(conditions, 5, cpu=0.1)
    assert fed(conditions, 20, cpu=0.9) == 10


def test_failure_ends_when_the_node_answers() -> None:
    conditions = Conditions()
    fed(conditions, 0, state=NodeState.FAILED)
    fed(conditions, 10, state=NodeState.SILENT)
    assert conditions.observations.held_ms(failed("a"), 10_000) == 10_000
    fed(conditions, 20)
    assert conditions.observations.held_ms(failed("a"), 20_000) == 0


def test_node_that_is_gone_is_dropped() -> None:
    conditions = Conditions()
    fed(conditions, 0, cpu=0.9)
    assert conditions.feed(DESIRED, Picture(at_ms=1)).since_ms == {}


def test_impossible_figure_begins_nothing() -> None:
    conditions = Conditions()
    assert [fed(conditions, at, cpu=cpu) for at, cpu in ((0, float("nan")), (10, -1.0))] == [0, 0]
    assert conditions.observations.since_ms == {}


def test_uneven_load_lasts_until_it_is_even_again() -> None:
    conditions = Conditions()
    desired = DesiredState(balance=Balance(by="load", threshold_percent=10))
    held = []
    for at_s, low in enumerate((0.5, 0.35, 0.36, 0.39, 0.35)):
        nodes = [
            NodePicture(
                id=name, address=f"{name}:1", role="primary", slots=slots, load=NodeLoad(cpu_fraction=cpu)
            )
            for name, slots, cpu in (("a", "0-9", low), ("b", "10-19", 0.4))
        ]
        seen = conditions.feed(desired, Picture(at_ms=at_s * 1000, nodes=tuple(nodes)))
        held.append(seen.since_ms.get(UNEVEN))
    assert held == [0, 0, 0, None, None]
