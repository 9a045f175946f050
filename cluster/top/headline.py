"""The lines above the table of nodes: which deployment this is, who leads, how old the picture is, sums."""

from collections import Counter
from collections.abc import Iterable

from garrison.cluster.core.manager.picture import NodeState, Picture
from garrison.cluster.top import figures

SLOT_COUNT = 16384


def title_line(picture: Picture) -> str:
    """Name, kind, leader and mode."""
    parts = ["garrison top", picture.name, picture.kind]
    leader = next((each for each in picture.managers if each.leads), None)
    if leader is not None:
        parts.append(f"leader {leader.address or leader.id}")
    elif picture.managers:
        parts.append("no manager leads")
    parts.append(f"paused by {picture.paused_by}" if picture.paused_by else picture.mode)
    if picture.read_only:
        parts.append("read-only")
    return " | ".join(part for part in parts if part)


def age_words(picture: Picture, now_ms: int) -> str:
    """``1 s ago``; a clock that is behind the manager's gives ``now``."""
    past_ms = now_ms - picture.at_ms
    return "now" if past_ms < 1_000 else f"{figures.age(past_ms // 1000)} ago"


def sums_line(picture: Picture, width: int) -> str:
    """Nodes by state, slots, throughput, memory and hit rate of all primaries; as much of it as fits."""
    states = Counter(node.state for node in picture.nodes)
    counted = ", ".join(f"{states[state]} {state.value}" for state in NodeState if states[state])
    primaries = [node for node in picture.nodes if node.role == "primary"]
    parts = [f"{len(picture.nodes)} nodes ({counted})" if picture.nodes else "no nodes"]
    if picture.kind == "cluster":
        parts.append(f"{picture.slots_covered}/{SLOT_COUNT} slots")
    if picture.open_slots:
        parts.append(f"{len(picture.open_slots)} open")
    if picture.sentinels:
        answering = sum(each.reachable for each in picture.sentinels)
        parts.append(f"{answering}/{len(picture.sentinels)} Sentinels")
    parts.append(f"{figures.count(_sum(node.load.ops_per_s for node in primaries))} ops/s")
    parts.append(f"{figures.size(_sum(node.load.memory_bytes for node in primaries))} memory")
    parts.append(f"{figures.percent(_hit_rate(picture))} hits")
    parts.append(f"{figures.count(_sum(node.keys for node in primaries))} keys")
    while len(parts) > 1 and len("  ".join(parts)) > width:
        parts.pop()
    return "  ".join(parts)


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _hit_rate(picture: Picture) -> float | None:
    """The mean over the primaries that look something up, each by its throughput."""
    known = [
        (node.load.hit_rate, node.load.ops_per_s or 0.0)
        for node in picture.nodes
        if node.role == "primary" and node.load.hit_rate is not None
    ]
    weight = sum(ops for _, ops in known)
    return sum(rate * ops for rate, ops in known) / weight if weight else None
