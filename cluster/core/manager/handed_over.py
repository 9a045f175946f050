"""Slots on their way from one table to another: who has a slot that no node claims in its last reply.

BACKGROUND  Nodes are asked one after the other. When a slot changes hands between two replies, the former
            owner's table, read afterwards, gives it away, and the new owner's, read before, does not have it
            yet: side by side nobody claims it, though it was served all the time.
INVARIANTS  A slot that some node claims for itself stays with that node. One that nobody claims belongs to a
            node only by the word of whom that node itself took for the owner, directly or along a chain of
            owners, and only until the node has been asked again: its own later word settles it. So a third
            table that is out of date, or that lies, gives a slot to nobody, and a slot that its owner has
            dropped, or that two nodes send to each other, is shown as served by nobody. Only a node that had
            just joined, and knew of no owner, is believed to have got a slot by any newer table.
BEHAVIOUR   A pure function: the last tables, and when each was asked for and first said so, in; tables that
            have what was handed over out. While each slot is claimed it costs one comparison.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.ranges import SLOT_COUNT, Range, merge_ranges, to_ranges
from garrison.cluster.core.topology import Node, View


@dataclass(frozen=True, slots=True)
class Told:
    """One node's last table. Times are Unix milliseconds."""

    view: View
    asked_ms: int
    since_ms: int
    """When the first table came in which the slots have the same owners as in this one."""


def with_handed_over(told: Mapping[str, Told]) -> Mapping[str, View]:
    """The tables, in which each node also claims what was handed to it after its own was asked for."""
    views = {node_id: each.view for node_id, each in told.items()}
    claims = ClusterState(views).claims
    if len(claims) == SLOT_COUNT:
        return views
    runs = _runs(to_ranges(set(range(SLOT_COUNT)) - claims.keys()), views.values())
    named = {node_id: _owners(view, list(runs)) for node_id, view in views.items()}
    handed: dict[tuple[str, str], list[Range]] = {}
    for first, last in runs.items():
        for heir in views:
            giver = _giver(heir, first, named, told)
            if giver is not None:
                handed.setdefault((giver, heir), []).append((first, last))
                break
    for (giver, heir), ranges in handed.items():
        view = views[heir]
        gained = _as_heir(view.myself, views[giver].nodes[heir], ranges)
        views[heir] = replace(view, nodes={**view.nodes, heir: gained})
    return views


def _runs(unclaimed: Sequence[Range], views: Iterable[View]) -> dict[int, int]:
    """First slot -> last slot of runs of unclaimed slots that have one owner each in every table."""
    # Tables share the objects of equal lines, so few are looked into.
    owning = {id(node): node for view in views for node in view.nodes.values() if node.ranges}
    bounds = sorted(
        {at for node in owning.values() for first, last in node.ranges for at in (first, last + 1)}
    )
    runs: dict[int, int] = {}
    for first, last in unclaimed:
        cuts = bounds[bisect_right(bounds, first) : bisect_right(bounds, last)]
        runs.update(zip([first, *cuts], [*(at - 1 for at in cuts), last], strict=True))
    return runs


def _owners(view: View, slots: Sequence[int]) -> dict[int, str]:
    """Who owns these slots, which are sorted, in this table."""
    found = {}
    for node in view.nodes.values():
        for first, last in node.ranges:
            for at in range(bisect_left(slots, first), bisect_left(slots, last + 1)):
                found[slots[at]] = node.id
    return found


def _giver(
    heir: str, slot: int, named: Mapping[str, Mapping[int, str]], told: Mapping[str, Told]
) -> str | None:
    """Who has handed the slot to `heir`: the end of the chain of owners that begins in its own table."""

    def later(giver: str) -> bool:
        return told[giver].since_ms >= told[heir].asked_ms

    seen, at = {heir}, named[heir].get(slot)
    if at is None and not told[heir].view.myself.ranges:
        return next((each for each in named if named[each].get(slot) == heir and later(each)), None)
    while at is not None and at in named and at not in seen:
        after = named[at].get(slot)
        if after == heir:
            return at if later(at) else None
        seen.add(at)
        at = after
    return None


def _as_heir(own: Node, described: Node, gained: Sequence[Range]) -> Node:
    """The heir as it must see itself by now: as its giver describes it, with its own slots and marks."""
    return replace(
        own,
        flags=described.flags | {"myself"},
        primary_id=described.primary_id,
        epoch=max(own.epoch, described.epoch),
        ranges=merge_ranges([*own.ranges, *gained]),
    )
