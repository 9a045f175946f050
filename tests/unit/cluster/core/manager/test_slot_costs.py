"""What slots cost, measured or estimated."""

import pytest

from garrison.cluster.core.manager.conditions import Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import Records
from garrison.cluster.core.manager.picture import NodeLoad, NodePicture, Picture, SlotLoad
from garrison.cluster.core.manager.situation import Situation
from garrison.cluster.core.manager.slot_costs import Costs, Measure, price_slots

LOAD = NodeLoad(cpu_fraction=0.8, ops_per_s=1000, memory_bytes=10_000)
NODE = NodePicture(id="a", address="h:1", role="primary", slots="0-3", slot_count=4, keys=100, load=LOAD)


def costs(measure: Measure, *loads: SlotLoad, node: NodePicture = NODE) -> Costs:
    picture = Picture(at_ms=1, nodes=(node,), slot_load=loads)
    return price_slots(Situation(DesiredState(), picture, Records(), Observations(), 1), measure).of_shard[
        "a"
    ]


def test_slots_cost_one_each() -> None:
    assert costs("slots") == {0: 1, 1: 1, 2: 1, 3: 1}


def test_without_figures_the_whole_is_shared_alike() -> None:
    assert costs("keys") == dict.fromkeys(range(4), 25)
    assert costs("cpu") == pytest.approx(dict.fromkeys(range(4), 0.2))


def test_unnamed_slots_share_the_rest() -> None:
    assert costs("keys", SlotLoad(slot=0, keys=70)) == {0: 70, 1: 10, 2: 10, 3: 10}
    assert costs("bytes", SlotLoad(slot=0, keys=70)) == {0: 7000, 1: 1000, 2: 1000, 3: 1000}
    assert costs("cpu", SlotLoad(slot=1, cpu_fraction=0.5)) == pytest.approx({0: 0.1, 1: 0.5, 2: 0.1, 3: 0.1})


def test_more_than_the_whole_is_scaled_down() -> None:
    assert costs("keys", SlotLoad(slot=0, keys=150), SlotLoad(slot=1, keys=50)) == {0: 75, 1: 25, 2: 0, 3: 0}


def test_operations_follow_cpu_then_traffic() -> None:
    assert costs(
        "ops", SlotLoad(slot=0, cpu_fraction=0.1), SlotLoad(slot=1, cpu_fraction=0.3)
    ) == pytest.approx({0: 250, 1: 750, 2: 0, 3: 0})
    assert costs("ops", SlotLoad(slot=0, input_bytes_per_s=5, output_bytes_per_s=5)) == {
        0: 1000,
        1: 0,
        2: 0,
        3: 0,
    }


def test_primary_that_says_nothing_has_no_costs() -> None:
    silent = NODE.model_copy(update={"load": NodeLoad()})
    picture = Picture(at_ms=1, nodes=(silent,))
    priced = price_slots(Situation(DesiredState(), picture, Records(), Observations(), 1), "cpu")
    assert priced.of_shard == {}
    assert priced.unknown == ("h:1",)
