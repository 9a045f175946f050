"""What is wrong in a picture, in sentences, the worst first: the exit code of `garrison status` hangs on it.

`garrison cluster check` compares the tables of all nodes and advises; this looks only at what a picture has.
"""

from collections.abc import Iterator
from typing import Literal

from garrison.cluster.core.manager.picture import Complaint, NodePicture, NodeState, Picture, ShardPicture
from garrison.cluster.core.words import counted

SLOT_COUNT = 16384
NODES_NAMED_MAX = 8
"""Sentences about single nodes of one kind; the rest is counted."""

_WORST_FIRST = (
    NodeState.DATA_LOST,
    NodeState.FAILED,
    NodeState.SILENT,
    NodeState.SUSPECTED,
    NodeState.LOADING,
    NodeState.SLOW,
)
_ERRORS = frozenset({NodeState.DATA_LOST, NodeState.FAILED, NodeState.SILENT})
_SAYS = {
    NodeState.DATA_LOST: "has lost the data of its slots",
    NodeState.FAILED: "has failed",
    NodeState.SILENT: "does not answer",
    NodeState.SUSPECTED: "is suspected to be down",
    NodeState.LOADING: "is loading its data",
    NodeState.SLOW: "answers slowly",
}


def complaints(picture: Picture) -> tuple[str, ...]:
    """One sentence for each thing that is wrong; none for a healthy deployment."""
    return tuple(text for _, _, text in _complaints(picture))


def complaints_since(picture: Picture, before: Picture) -> tuple[Complaint, ...]:
    """The same as documents; what `before` complained of already has lasted since then."""
    began = {each.about: each.since_ms for each in before.wrong}
    return tuple(
        Complaint(text=text, about=about, severity=severity, since_ms=began.get(about, picture.at_ms))
        for about, severity, text in _complaints(picture)
    )


_Found = tuple[str, Literal["warning", "error"], str]
"""What it is about, how bad it is, and the sentence."""


def _complaints(picture: Picture) -> Iterator[_Found]:
    if not picture.nodes:
        yield "nodes", "error", "no node is known"
        return
    if picture.kind == "cluster" and picture.slots_covered < SLOT_COUNT:
        missing = SLOT_COUNT - picture.slots_covered
        yield "slots", "error", f"{missing} of {SLOT_COUNT} slots are not served"
    if not picture.majority_answers:
        voters = "Sentinels" if picture.kind == "sentinel" else "primaries"
        yield "majority", "error", f"no majority of the {voters} answers"
    if picture.kind == "sentinel" and not any(node.role == "primary" for node in picture.nodes):
        yield "primary", "error", "there is no primary: writes have nowhere to go"
    for state in _WORST_FIRST:
        severity: Literal["warning", "error"] = "error" if state in _ERRORS else "warning"
        found = [node for node in picture.nodes if node.state is state]
        yield from _limited(found, _SAYS[state], severity)
    cut_off = [
        node
        for node in picture.nodes
        if node.role == "replica" and node.link_up is False and node.state is NodeState.OK
    ]
    yield from _limited(cut_off, "has no link to its primary", "warning")
    for shard in picture.shards:
        yield from _about_shard(picture, shard)
    opened = [str(each.slot) for each in picture.open_slots if each.lasts]
    if opened:
        more = "" if len(opened) <= NODES_NAMED_MAX else " ..."
        said = f"{counted(len(opened), 'open slot')} (a migration runs, or has stopped)"
        yield "open-slots", "warning", f"{said}: {', '.join(opened[:NODES_NAMED_MAX])}{more}"
    away = [each.address for each in picture.sentinels if not each.reachable]
    if away:
        text = f"{len(away)} of {len(picture.sentinels)} Sentinels do not answer: {', '.join(away)}"
        yield "sentinels", "warning", text


def _about_shard(picture: Picture, shard: ShardPicture) -> Iterator[_Found]:
    """A shard that had replicas and has none that could take over."""
    replicas = [picture.node(replica_id) for replica_id in shard.replica_ids]
    fit = [node for node in replicas if node is not None and node.link_up and node.state in FIT_STATES]
    primary = picture.node(shard.id)
    if replicas and not fit and primary is not None:
        yield f"shard {shard.id}", "warning", f"no replica of {primary.address} could take its place"


FIT_STATES = (NodeState.OK, NodeState.SLOW)


def _limited(nodes: list[NodePicture], says: str, severity: Literal["warning", "error"]) -> Iterator[_Found]:
    for node in nodes[:NODES_NAMED_MAX]:
        yield node.id, severity, f"{node.role} {node.address} {says}{f': {node.why}' if node.why else ''}"
    if len(nodes) > NODES_NAMED_MAX:
        yield says, severity, f"{len(nodes) - NODES_NAMED_MAX} further nodes: {says}"
