"""What is wrong in a picture, in sentences, the worst first: the exit code of `garrison status` hangs on it.

`garrison cluster check` compares the tables of all nodes and advises; this looks only at what a picture has.
"""

from collections.abc import Iterator

from garrison.cluster.core.manager.picture import NodePicture, NodeState, Picture, ShardPicture

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
    if not picture.nodes:
        return ("no node is known",)
    return tuple(_complaints(picture))


def _complaints(picture: Picture) -> Iterator[str]:
    if picture.kind == "cluster" and picture.slots_covered < SLOT_COUNT:
        missing = SLOT_COUNT - picture.slots_covered
        yield f"{missing} of {SLOT_COUNT} slots are not served"
    if not picture.majority_answers:
        yield f"no majority of the {'Sentinels' if picture.kind == 'sentinel' else 'primaries'} answers"
    if picture.kind == "sentinel" and not any(node.role == "primary" for node in picture.nodes):
        yield "there is no primary: writes have nowhere to go"
    for state in _WORST_FIRST:
        yield from _limited([node for node in picture.nodes if node.state is state], _SAYS[state])
    cut_off = [
        node
        for node in picture.nodes
        if node.role == "replica" and node.link_up is False and node.state is NodeState.OK
    ]
    yield from _limited(cut_off, "has no link to its primary")
    for shard in picture.shards:
        yield from _about_shard(picture, shard)
    opened = [str(each.slot) for each in picture.open_slots if each.lasts]
    if opened:
        more = "" if len(opened) <= NODES_NAMED_MAX else " ..."
        slots = ", ".join(opened[:NODES_NAMED_MAX])
        yield f"{len(opened)} open slots (a migration runs, or has stopped): {slots}{more}"
    away = [each.address for each in picture.sentinels if not each.reachable]
    if away:
        yield f"{len(away)} of {len(picture.sentinels)} Sentinels do not answer: {', '.join(away)}"


def _about_shard(picture: Picture, shard: ShardPicture) -> Iterator[str]:
    """A shard that had replicas and has none that could take over."""
    replicas = [picture.node(replica_id) for replica_id in shard.replica_ids]
    fit = [node for node in replicas if node is not None and node.link_up and node.state in FIT_STATES]
    primary = picture.node(shard.id)
    if replicas and not fit and primary is not None:
        yield f"no replica of {primary.address} could take its place"


FIT_STATES = (NodeState.OK, NodeState.SLOW)


def _limited(nodes: list[NodePicture], says: str) -> Iterator[str]:
    for node in nodes[:NODES_NAMED_MAX]:
        yield f"{node.role} {node.address} {says}{f': {node.why}' if node.why else ''}"
    if len(nodes) > NODES_NAMED_MAX:
        yield f"{len(nodes) - NODES_NAMED_MAX} further nodes: {says}"
