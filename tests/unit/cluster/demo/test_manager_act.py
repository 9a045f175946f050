"""What the manager's act promises, and when it does not hold."""

from __future__ import annotations

from garrison.cluster.core.manager.picture import NodePicture, Picture
from garrison.cluster.core.topology import Address
from garrison.cluster.demo.manager_act import (
    RELIEVED_S_MAX,
    REPLACED_S_MAX,
    SEEN_S_MAX,
    Measured,
    is_replaced,
    promises,
)

SPARE = Address("127.0.0.1", 7)


def test_promises_hold_for_quick_help() -> None:
    assert all(row.holds is not False for row in promises(Measured(relieved_s=1.0, replaced_s=1.0)))


def test_slow_help_breaks_a_promise() -> None:
    late = Measured(relieved_s=RELIEVED_S_MAX + 1, replaced_s=REPLACED_S_MAX + 1, seen_s=SEEN_S_MAX + 1)
    assert [row.holds for row in promises(late)] == [False, None, False, False]


def test_replica_is_replaced_when_its_heir_is_in_sync() -> None:
    dead = NodePicture(id="dead", address="127.0.0.1:1", role="replica")
    heir = NodePicture(id="heir", address=str(SPARE), role="replica", link_up=True)
    filling = heir.model_copy(update={"link_up": False})
    assert is_replaced(Picture(at_ms=0, nodes=(heir,)), "dead", SPARE)
    assert not is_replaced(Picture(at_ms=0, nodes=(filling,)), "dead", SPARE)
    assert not is_replaced(Picture(at_ms=0, nodes=(heir, dead)), "dead", SPARE)
