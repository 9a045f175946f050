"""The state of the cluster as this node sees it, in numbers: for metrics and health checks."""

from __future__ import annotations

from dataclasses import dataclass

from garrison.node.core import slots as sl
from garrison.node.core.context import Context
from garrison.node.core.effects import LEASE_FOREVER_MS
from garrison.node.core.lease import Lease


@dataclass(frozen=True, slots=True)
class ClusterFigures:
    """One moment; slots are counted, times are milliseconds."""

    is_ok: bool
    """Whether this node serves, as cluster_state says."""
    has_majority: bool
    """Whether a majority of the voting primaries is reachable."""
    slots_owned: int
    """By this node itself."""
    slots_covered: int
    """Whose owner has not failed."""
    nodes_known: int
    nodes_failing: int
    """Marked as failed by a majority."""
    nodes_suspect: int
    """Failed, or not reachable from here."""
    replicas: int
    """Of this node, those that have failed left out."""
    has_data: bool
    """False for an owner of slots that has lost their data, and waits."""
    lease: str
    """held, lapsed, or none for a replica."""
    lease_left_ms: int | None
    """Until the lease ends; 0 without one, None for one that never ends."""


def figures(context: Context, lease: Lease) -> ClusterFigures:
    """The figures of this moment, by the context's clock."""
    table, me = context.table, context.me
    covered = sl.NO_SLOTS
    failing = suspect = known = 0
    for node in table:
        if node.in_handshake():
            continue
        known += 1
        failing += node.is_failing()
        suspect += node.is_suspect()
        if node.slots and not node.is_failing():
            covered |= node.slots
    voters = table.voters()
    reachable = sum(1 for node in voters if not node.is_suspect())
    state = lease.state()
    left_ms = max(0, lease.until_ms - context.now_ms) if state == "held" else 0
    return ClusterFigures(
        is_ok=context.state_ok,
        has_majority=bool(voters) and reachable >= table.majority(),
        slots_owned=sl.count(me.slots),
        slots_covered=sl.count(covered),
        nodes_known=known,
        nodes_failing=failing,
        nodes_suspect=suspect,
        replicas=sum(1 for replica in me.replicas if not replica.is_failing()),
        has_data=not (context.data.is_withheld and me.slots),
        lease=state,
        lease_left_ms=None if lease.until_ms == LEASE_FOREVER_MS and left_ms else left_ms,
    )
