"""The picture of a deployment as an SVG, drawn as the client draws its topology."""

from garrison.client.core.topology_svg import DrawnNode, DrawnShard, Health, draw_html, draw_svg
from garrison.cluster.core.manager.picture import NodePicture, NodeState, Picture
from garrison.cluster.core.ranges import parse_ranges

HEALTH: dict[NodeState, Health] = {
    NodeState.OK: "ok",
    NodeState.LOADING: "doubtful",
    NodeState.SLOW: "doubtful",
    NodeState.SUSPECTED: "doubtful",
    NodeState.SILENT: "down",
    NodeState.FAILED: "down",
    NodeState.DATA_LOST: "down",
}


def picture_svg(picture: Picture) -> str:
    """One self-contained SVG document."""
    return draw_svg(_title(picture), _shards(picture), has_slots=picture.kind == "cluster")


def picture_html(picture: Picture) -> str:
    """The same as a part of an HTML page."""
    return draw_html(_title(picture), _shards(picture), has_slots=picture.kind == "cluster")


def _title(picture: Picture) -> str:
    primaries = sum(node.role == "primary" for node in picture.nodes)
    parts = [picture.name, picture.kind, f"{primaries} primaries, {len(picture.nodes) - primaries} replicas"]
    if picture.kind == "cluster":
        parts.append(f"{picture.slots_covered} of 16384 slots served")
    return " · ".join(part for part in parts if part)


def _shards(picture: Picture) -> list[DrawnShard]:
    nodes = {node.id: node for node in picture.nodes}
    shards = []
    for shard in picture.shards:
        primary = nodes.get(shard.id)
        if primary is not None:
            replicas = [nodes[each] for each in shard.replica_ids if each in nodes]
            ranges = parse_ranges(shard.slots) if shard.slots else ()
            shards.append(DrawnShard(_node(primary), ranges, tuple(map(_node, replicas))))
    return shards


def _node(node: NodePicture) -> DrawnNode:
    state = "" if node.state is NodeState.OK else node.state.value
    cut_off = "no link" if node.link_up is False and not state else ""
    note = " ".join(word for word in (state, cut_off, node.zone) if word)
    return DrawnNode(node.address, note, "doubtful" if cut_off else HEALTH[node.state])
