"""The state of a cluster in numbers, from a node that is alone and from one that is cut off."""

from __future__ import annotations

from garrison.node.core import flags as fl
from garrison.node.core.nodes import Node

from .conftest import Solo


def add_primary(solo: Solo, slots: int, flags: int = 0) -> Node:
    """Another primary, as gossip would have brought it."""
    node = Node(f"{len(solo.core.context.table):040x}", created_ms=solo.now_ms)
    node.flags = fl.PRIMARY | flags
    solo.core.context.table.add(node)
    node.slots = slots
    return node


def test_a_node_alone_without_slots(solo: Solo) -> None:
    figures = solo.core.figures()
    assert (figures.is_ok, figures.has_majority) == (False, False)
    assert (figures.slots_owned, figures.slots_covered, figures.nodes_known) == (0, 0, 1)


def test_an_owner_of_everything_has_an_endless_lease(solo: Solo) -> None:
    solo.ask("ADDSLOTSRANGE", 0, 16383)
    for _ in range(30):
        solo.step()
    figures = solo.core.figures()
    assert (figures.is_ok, figures.has_majority, figures.has_data) == (True, True, True)
    assert (figures.slots_owned, figures.slots_covered) == (16384, 16384)
    assert (figures.lease, figures.lease_left_ms) == ("held", None)


def test_owners_that_failed_cover_nothing(solo: Solo) -> None:
    solo.ask("ADDSLOTSRANGE", 0, 99)
    add_primary(solo, 1 << 100, fl.FAIL)
    suspect = add_primary(solo, 1 << 101 | 1 << 102, fl.PFAIL)
    figures = solo.core.figures()
    assert (figures.nodes_known, figures.nodes_failing, figures.nodes_suspect) == (3, 1, 2)
    assert (figures.slots_owned, figures.slots_covered) == (100, 102)
    assert not figures.has_majority
    suspect.flags = fl.PRIMARY
    assert solo.core.figures().has_majority


def test_a_primary_without_the_majority_has_no_lease(solo: Solo) -> None:
    solo.ask("ADDSLOTSRANGE", 0, 99)
    for number in (100, 101):
        add_primary(solo, 1 << number, fl.PFAIL)
    for _ in range(30):
        solo.step()
    figures = solo.core.figures()
    assert (figures.lease, figures.lease_left_ms) == ("lapsed", 0)
    assert "cluster_write_lease:lapsed" in solo.core.info_text()
