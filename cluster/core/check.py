"""What is wrong with a cluster, as a list of findings.

Each finding says what is wrong, where, how bad it is and what to do. ``error`` means that some slot is
not served or may stop being served; ``warning`` that the cluster works but stands on fewer legs than
it could; ``note``, which only :mod:`garrison.cluster.core.doctor` gives, that something is unwise.
:mod:`garrison.cluster.core.repair` plans the repair of those that a tool may repair.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.ranges import SLOT_COUNT, format_slots
from garrison.cluster.core.topology import Node

Severity = Literal["error", "warning", "note"]
RANGES_SHOWN = 5
NAMES_SHOWN = 6
FIX = "run 'garrison cluster fix'"


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Severity
    code: str
    message: str
    advice: str = ""
    where: str = ""
    """The node that it is about; empty where it is about several."""
    why: str = ""
    """Why it matters."""
    commands: tuple[str, ...] = ()
    """What to type, in this order."""
    evidence: Mapping[str, float | str] = field(default_factory=dict)
    """The figures that it rests on, by name."""


def check(state: ClusterState, *, search_multiple_owners: bool = True) -> list[Finding]:
    """Return all findings, errors first; an empty list means a healthy cluster."""
    found = [
        *_unreachable(state),
        *_agreement(state),
        *_coverage(state),
        *_open_slots(state),
        *(_multiple_owners(state) if search_multiple_owners else ()),
        *_epochs(state),
        *_failing(state),
        *_data(state),
        *_states(state),
        *_membership(state),
        *_replication(state),
        *_placement(state),
    ]
    return sorted(found, key=lambda finding: finding.severity != "error")


def _unreachable(state: ClusterState) -> Iterator[Finding]:
    for address, why in state.unreachable.items():
        node = next((n for n in state.nodes.values() if n.address == address), None)
        serves = node is not None and node.is_primary and bool(state.slots_of.get(node.id))
        severity: Severity = "error" if serves else "warning"
        yield Finding(
            severity,
            "unreachable",
            f"{address} does not answer: {why}",
            "start it, or remove it with del-node",
        )


def _agreement(state: ClusterState) -> Iterator[Finding]:
    votes = Counter(view.signature for view in state.views.values())
    if len(votes) < 2:
        return
    common = votes.most_common(1)[0][0]
    reference = next(view for view in state.views.values() if view.signature == common)
    for view in state.views.values():
        if view.signature == common:
            continue
        differs = [s for s in range(SLOT_COUNT) if view.owners.get(s) != reference.owners.get(s)]
        yield Finding(
            "error",
            "disagreement",
            f"{view.myself.label} sees other owners than the rest for slots "
            f"{format_slots(differs, limit=RANGES_SHOWN)}",
            "gossip settles this within seconds; if it lasts, check the bus port between the nodes",
        )


def _coverage(state: ClusterState) -> Iterator[Finding]:
    missing = set(range(SLOT_COUNT)) - state.owners.keys()
    if missing:
        yield Finding(
            "error",
            "uncovered",
            f"{len(missing)} slots have no owner: {format_slots(missing, limit=RANGES_SHOWN)}",
            FIX,
        )


def _open_slots(state: ClusterState) -> Iterator[Finding]:
    by_kind: dict[str, list[int]] = {}
    for each in state.open_slots:
        for node_id, peer in each.migrating.items():
            by_kind.setdefault(f"migrating from {_name(state, node_id)} to {_name(state, peer)}", []).append(
                each.slot
            )
        for node_id, peer in each.importing.items():
            by_kind.setdefault(f"imported by {_name(state, node_id)} from {_name(state, peer)}", []).append(
                each.slot
            )
    for kind, slots in by_kind.items():
        advice = f"{FIX}, or the next reshard, to finish the move"
        yield Finding("error", "open", f"slots {format_slots(slots, limit=RANGES_SHOWN)} are {kind}", advice)


def _multiple_owners(state: ClusterState) -> Iterator[Finding]:
    by_claim: dict[tuple[str, ...], list[int]] = {}
    for slot, claimants in state.claims.items():
        if len(claimants) > 1:
            by_claim.setdefault(claimants, []).append(slot)
    for claimants, slots in by_claim.items():
        names = " and ".join(_name(state, node_id) for node_id in claimants)
        text = f"slots {format_slots(slots, limit=RANGES_SHOWN)} are claimed by {names}"
        yield Finding(
            "error", "multiple-owners", text, "the greatest epoch wins within seconds; if it lasts, " + FIX
        )


def _epochs(state: ClusterState) -> Iterator[Finding]:
    by_epoch: dict[int, list[Node]] = {}
    for node in state.primaries:
        if state.slots_of.get(node.id) and node.epoch:
            by_epoch.setdefault(node.epoch, []).append(node)
    for epoch, nodes in by_epoch.items():
        if len(nodes) > 1:
            names = _names(node.label for node in nodes)
            yield Finding(
                "warning",
                "epoch-collision",
                f"{names} have one configuration epoch, {epoch}",
                "they settle it within seconds",
            )


def _failing(state: ClusterState) -> Iterator[Finding]:
    for node in state.nodes.values():
        witnesses = [
            v.myself.label for v in state.views.values() if node.id in v.nodes and v.nodes[node.id].failing
        ]
        # A finding about silence is there already; this one is for a node that we reach and its peers do not.
        if witnesses and node.address not in state.unreachable:
            text = f"{node.label} is seen as failing by {_names(witnesses)}"
            yield Finding(
                "error" if state.slots_of.get(node.id) else "warning",
                "failing",
                text,
                "check its bus port and its load",
            )


def _data(state: ClusterState) -> Iterator[Finding]:
    """Findings about data and leases that only the owners themselves can report."""
    for node in state.primaries:
        status = state.statuses.get(node.id)
        if status is None:
            continue
        if status.data_lost:
            yield Finding(
                "error",
                "data-lost",
                f"{node.label} owns slots and has started without their data; it serves them to nobody",
                "start a replica that has the data; if none has it any more, send CLUSTER SERVE-EMPTY there",
            )
        elif not status.can_write and state.slots_of.get(node.id):
            yield Finding(
                "error",
                "no-lease",
                f"{node.label} has no write lease, so it acknowledges no writes",
                "check that its bus port reaches a majority of the primaries",
            )
        if status.stray_keys:
            yield Finding(
                "warning",
                "stray-keys",
                f"{node.label} holds {status.stray_keys} keys of slots that it does not own, where no client "
                "finds them",
                f"{FIX} to bring them to the owners",
            )


def _states(state: ClusterState) -> Iterator[Finding]:
    down = [view.myself.label for node_id, view in state.views.items() if not _state_ok(state, node_id)]
    if down:
        yield Finding(
            "error", "down", f"cluster_state is fail on {_names(down)}", "the other findings say why"
        )


def _membership(state: ClusterState) -> Iterator[Finding]:
    everyone = (
        frozenset().union(*(view.joined_ids for view in state.views.values())) if state.views else frozenset()
    )
    for view in state.views.values():
        strangers = everyone - view.joined_ids
        if strangers:
            names = _names(_name(state, node_id) for node_id in sorted(strangers))
            yield Finding(
                "warning",
                "unknown-node",
                f"{view.myself.label} does not know {names}",
                "CLUSTER MEET or CLUSTER FORGET it",
            )


def _replication(state: ClusterState) -> Iterator[Finding]:
    for node in state.nodes.values():
        status = state.statuses.get(node.id)
        if not node.is_primary and status is not None and status.link_up is False:
            primary = _name(state, node.primary_id or "")
            yield Finding(
                "warning",
                "replica-link",
                f"{node.label} has no link to its primary {primary}",
                "see the replica's log",
            )
    serving = [node for node in state.primaries if state.slots_of.get(node.id)]
    bare = [node for node in serving if not state.replicas_of(node.id)]
    if bare and len(bare) < len(serving):
        names = _names(node.label for node in bare)
        yield Finding(
            "warning",
            "no-replica",
            f"{names} has no replica while others do",
            "add one: garrison cluster add-node --replica",
        )


def _placement(state: ClusterState) -> Iterator[Finding]:
    hosts = {node.address.host for node in state.nodes.values()}
    if len(hosts) < 2:
        return
    for node in state.primaries:
        same = [r for r in state.replicas_of(node.id) if r.address.host == node.address.host]
        if same:
            text = f"{_names(r.label for r in same)} is on the host of its primary {node.label}"
            yield Finding("warning", "placement", text, "give each shard a replica on another host")


def _state_ok(state: ClusterState, node_id: str) -> bool:
    status = state.statuses.get(node_id)
    return status is None or status.state_ok


def _name(state: ClusterState, node_id: str) -> str:
    node = state.nodes.get(node_id)
    return node.label if node else f"unknown node {node_id[:8]}"


def _names(labels: Iterable[str]) -> str:
    listed = list(labels)
    hidden = len(listed) - NAMES_SHOWN
    return ", ".join(listed[:NAMES_SHOWN]) + (f" and {hidden} more" if hidden > 0 else "")
