"""What the cluster core has to know of replication, from what the data plane reports."""

from __future__ import annotations

from garrison.node.border import ReplicationStatus
from garrison.node.core.context import ReplicationFacts


def facts_of(status: ReplicationStatus) -> ReplicationFacts:
    """The facts in a report of the data plane."""
    link_up = status.is_replica and status.link_up
    return ReplicationFacts(
        offset=status.offset,
        link_up=link_up,
        link_down_since_ms=status.last_io_boot_ms if status.is_replica and not link_up else 0,
        data_order=status.data_order,
        history=status.history,
        previous_history=status.previous_history,
        parted_at=status.parted_at,
        writes_paused=status.writes_paused,
    )
