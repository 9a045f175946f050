"""What is wrong with a cluster, as a list of findings.

Each finding says what is wrong, where, how bad it is and what to do. ``error`` means that some slot is
not served or may stop being served; ``warning`` that the cluster works but stands on fewer legs than
it could. :mod:`garrison.cluster.core.repair` plans the repair of those that a tool may repair.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from garrison.cluster.core.ranges import SLOT_COUNT, format_slots
from garrison.cluster.core.survey import Survey
from garrison.cluster.core.topology import Node

Severity = Literal["error", "warning"]
RANGES_SHOWN = 5
NAMES_SHOWN = 6
FIX = "run 'garrison cluster fix'"


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Severity
    code: str
    message: str
    advice: str = ""


def check(survey: Survey, *, search_multiple_owners: bool = True) -> list[Finding]:
    """Return all findings, errors first; an empty list means a healthy cluster."""
    found = [
        *_unreachable(survey),
        *_agreement(survey),
        *_coverage(survey),
        *_open_slots(survey),
        *(_multiple_owners(survey) if search_multiple_owners else ()),
        *_epochs(survey),
        *_failing(survey),
        *_data(survey),
        *_states(survey),
        *_membership(survey),
        *_replication(survey),
        *_placement(survey),
    ]
    return sorted(found, key=lambda finding: finding.severity != "error")


def _unreachable(survey: Survey) -> Iterator[Finding]:
    for address, why in survey.unreachable.items():
        node = next((n for n in survey.nodes.values() if n.address == address), None)
        serves = node is not None and node.is_primary and bool(survey.slots_of.get(node.id))
        severity: Severity = "error" if serves else "warning"
        yield Finding(
            severity,
            "unreachable",
            f"{address} does not answer: {why}",
            "start it, or remove it with del-node",
        )


def _agreement(survey: Survey) -> Iterator[Finding]:
    votes = Counter(view.signature for view in survey.views.values())
    if len(votes) < 2:
        return
    common = votes.most_common(1)[0][0]
    reference = next(view for view in survey.views.values() if view.signature == common)
    for view in survey.views.values():
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


def _coverage(survey: Survey) -> Iterator[Finding]:
    missing = set(range(SLOT_COUNT)) - survey.owners.keys()
    if missing:
        yield Finding(
            "error",
            "uncovered",
            f"{len(missing)} slots have no owner: {format_slots(missing, limit=RANGES_SHOWN)}",
            FIX,
        )


def _open_slots(survey: Survey) -> Iterator[Finding]:
    by_kind: dict[str, list[int]] = {}
    for each in survey.open_slots:
        for node_id, peer in each.migrating.items():
            by_kind.setdefault(
                f"migrating from {_name(survey, node_id)} to {_name(survey, peer)}", []
            ).append(each.slot)
        for node_id, peer in each.importing.items():
            by_kind.setdefault(f"imported by {_name(survey, node_id)} from {_name(survey, peer)}", []).append(
                each.slot
            )
    for kind, slots in by_kind.items():
        advice = f"{FIX}, or the next reshard, to finish the move"
        yield Finding("error", "open", f"slots {format_slots(slots, limit=RANGES_SHOWN)} are {kind}", advice)


def _multiple_owners(survey: Survey) -> Iterator[Finding]:
    by_claim: dict[tuple[str, ...], list[int]] = {}
    for slot, claimants in survey.claims.items():
        if len(claimants) > 1:
            by_claim.setdefault(claimants, []).append(slot)
    for claimants, slots in by_claim.items():
        names = " and ".join(_name(survey, node_id) for node_id in claimants)
        text = f"slots {format_slots(slots, limit=RANGES_SHOWN)} are claimed by {names}"
        yield Finding(
            "error", "multiple-owners", text, "the greatest epoch wins within seconds; if it lasts, " + FIX
        )


def _epochs(survey: Survey) -> Iterator[Finding]:
    by_epoch: dict[int, list[Node]] = {}
    for node in survey.primaries:
        if survey.slots_of.get(node.id) and node.epoch:
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


def _failing(survey: Survey) -> Iterator[Finding]:
    for node in survey.nodes.values():
        witnesses = [
            v.myself.label for v in survey.views.values() if node.id in v.nodes and v.nodes[node.id].failing
        ]
        # A finding about silence is there already; this one is for a node that we reach and its peers do not.
        if witnesses and node.address not in survey.unreachable:
            text = f"{node.label} is seen as failing by {_names(witnesses)}"
            yield Finding(
                "error" if survey.slots_of.get(node.id) else "warning",
                "failing",
                text,
                "check its bus port and its load",
            )


def _data(survey: Survey) -> Iterator[Finding]:
    """What only the owners themselves know of their data and of their lease."""
    for node in survey.primaries:
        facts = survey.facts.get(node.id)
        if facts is None:
            continue
        if facts.data_lost:
            yield Finding(
                "error",
                "data-lost",
                f"{node.label} owns slots and has started without their data; it serves them to nobody",
                "start a replica that has the data; if none has it any more, send CLUSTER SERVE-EMPTY there",
            )
        elif not facts.can_write and survey.slots_of.get(node.id):
            yield Finding(
                "error",
                "no-lease",
                f"{node.label} has no write lease, so it acknowledges no writes",
                "check that its bus port reaches a majority of the primaries",
            )
        if facts.stray_keys:
            yield Finding(
                "warning",
                "stray-keys",
                f"{node.label} holds {facts.stray_keys} keys of slots that it does not own, where no client "
                "finds them",
                f"{FIX} to bring them to the owners",
            )


def _states(survey: Survey) -> Iterator[Finding]:
    down = [view.myself.label for node_id, view in survey.views.items() if not _state_ok(survey, node_id)]
    if down:
        yield Finding(
            "error", "down", f"cluster_state is fail on {_names(down)}", "the other findings say why"
        )


def _membership(survey: Survey) -> Iterator[Finding]:
    everyone = (
        frozenset().union(*(view.joined_ids for view in survey.views.values()))
        if survey.views
        else frozenset()
    )
    for view in survey.views.values():
        strangers = everyone - view.joined_ids
        if strangers:
            names = _names(_name(survey, node_id) for node_id in sorted(strangers))
            yield Finding(
                "warning",
                "unknown-node",
                f"{view.myself.label} does not know {names}",
                "CLUSTER MEET or CLUSTER FORGET it",
            )


def _replication(survey: Survey) -> Iterator[Finding]:
    for node in survey.nodes.values():
        facts = survey.facts.get(node.id)
        if not node.is_primary and facts is not None and facts.link_up is False:
            primary = _name(survey, node.primary_id or "")
            yield Finding(
                "warning",
                "replica-link",
                f"{node.label} has no link to its primary {primary}",
                "see the replica's log",
            )
    serving = [node for node in survey.primaries if survey.slots_of.get(node.id)]
    bare = [node for node in serving if not survey.replicas_of(node.id)]
    if bare and len(bare) < len(serving):
        names = _names(node.label for node in bare)
        yield Finding(
            "warning",
            "no-replica",
            f"{names} has no replica while others do",
            "add one: garrison cluster add-node --replica",
        )


def _placement(survey: Survey) -> Iterator[Finding]:
    hosts = {node.address.host for node in survey.nodes.values()}
    if len(hosts) < 2:
        return
    for node in survey.primaries:
        same = [r for r in survey.replicas_of(node.id) if r.address.host == node.address.host]
        if same:
            text = f"{_names(r.label for r in same)} is on the host of its primary {node.label}"
            yield Finding("warning", "placement", text, "give each shard a replica on another host")


def _state_ok(survey: Survey, node_id: str) -> bool:
    facts = survey.facts.get(node_id)
    return facts is None or facts.state_ok


def _name(survey: Survey, node_id: str) -> str:
    node = survey.nodes.get(node_id)
    return node.label if node else f"unknown node {node_id[:8]}"


def _names(labels: Iterable[str]) -> str:
    listed = list(labels)
    hidden = len(listed) - NAMES_SHOWN
    return ", ".join(listed[:NAMES_SHOWN]) + (f" and {hidden} more" if hidden > 0 else "")
