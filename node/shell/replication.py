"""What the cluster core has to know of replication, from what the data plane reports."""

from __future__ import annotations

from typing import Any

from garrison.node.core.world import ReplicationFacts


def facts_of(state: dict[str, Any]) -> ReplicationFacts:
    """The facts in an account of the data plane, as `replication()` and the event of that name give it."""
    is_replica = state["role"] == "slave"
    link_up = is_replica and state["link"] == "up"
    return ReplicationFacts(
        offset=state["offset"],
        link_up=link_up,
        link_down_since_ms=state["last_io_ms"] if is_replica and not link_up else 0,
        data_order=state["data_order"],
        history=state["history"],
        previous_history=state["previous_history"],
        parted_at=state["parted_at"],
        writes_paused=state["writes_paused"],
    )
