"""Small clusters for tests of planners: every node's view, built from one picture."""

from collections.abc import Collection, Mapping
from typing import Any

from garrison.cluster.core.cluster_state import ClusterState, NodeStatus, cluster_state_of
from garrison.cluster.core.ranges import to_ranges
from garrison.cluster.core.topology import Address, Node, View


def node(name: str, slots: Collection[int] = (), **more: Any) -> Node:
    """A node whose id is its one-letter name, 40 times."""
    address = more.pop("address", Address("10.0.0.1", 7000 + ord(name)))
    return Node(id=name * 40, address=address, ranges=to_ranges(slots), **more)


def replica(name: str, primary: str, **more: Any) -> Node:
    return node(name, flags=frozenset({"slave"}), primary_id=primary * 40, **more)


def state(
    *nodes: Node,
    opinions: Mapping[str, tuple[Node, ...]] | None = None,
    statuses: Mapping[str, NodeStatus] | None = None,
    silent: Collection[str] = (),
) -> ClusterState:
    """All ``nodes`` see the same table, but for those whose own ``opinions`` are given by name."""
    table = {each.id: each for each in nodes}
    views = []
    for each in nodes:
        if each.id[0] in silent:
            continue
        seen = dict(table)
        seen.update({other.id: other for other in (opinions or {}).get(each.id[0], ())})
        views.append(View(seen, each.id))
    return cluster_state_of(views, {name * 40: status for name, status in (statuses or {}).items()})
