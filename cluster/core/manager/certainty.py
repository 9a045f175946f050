"""Whether a picture is sure enough to plan on: each reason to wait is a sentence.

BACKGROUND  A plan made on a wrong picture does harm with the best intentions: it moves slots twice, or
            replaces a node that lives.
INVARIANTS  A doubt about the *deployment* (no majority, tables that disagree, uncovered or open slots that no
            job of ours explains, old data) stops all planning. A doubt about a *node* (figures that cannot be
            true, data lost, silent) keeps jobs away from its shard, and everything that goes by figures
            waits: one node that lies about its load must not attract the slots of all.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from garrison.cluster.core.manager.jobs import StepKind
from garrison.cluster.core.manager.picture import NodePicture, NodeState
from garrison.cluster.core.manager.situation import Situation, slots_of
from garrison.cluster.core.ranges import SLOT_COUNT, format_slots, parse_ranges, to_slots

PICTURE_AGE_MS_MAX = 15_000
NODE_AGE_MS_MAX = 15_000
CLOCK_AHEAD_MS_MAX = 5_000
"""How far in the future a picture may be: another manager's clock."""
MEMORY_OF_MAX_MAX = 4.0
"""A node beyond so many times its maxmemory gives a figure that cannot be true."""
CPU_FRACTION_MAX = 1024.0
OPS_PER_S_MAX = 1e9
RANGES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Doubts:
    """Reasons to wait."""

    everything: tuple[str, ...]
    """Nothing is planned."""
    nodes: dict[str, str]
    """Node -> why its shard is left alone."""
    figures: tuple[str, ...]
    """Nothing is planned that goes by keys, bytes or load."""


def doubts_about(situation: Situation) -> Doubts:
    """All doubts, in an order that does not change."""
    lies = {node.id: lie for node in situation.picture.nodes if (lie := _lie(node))}
    nodes = {node_id: f"{situation.nodes[node_id].address} {lie}" for node_id, lie in lies.items()}
    for node in situation.picture.nodes:
        problem = _problem(node, situation)
        if problem:
            nodes.setdefault(node.id, problem)
    figures = tuple(nodes[node_id] for node_id in lies) + tuple(_slot_lies(situation))
    return Doubts(tuple(_of_everything(situation)), nodes, figures)


def _of_everything(situation: Situation) -> Iterator[str]:
    picture, now_ms = situation.picture, situation.now_ms
    if picture.kind != "cluster":
        yield f"This is a {picture.kind} deployment; plans are for clusters."
        return
    if not picture.nodes:
        yield "No node is known."
        return
    age_ms = now_ms - picture.at_ms
    if age_ms > PICTURE_AGE_MS_MAX:
        yield (
            f"The picture is {age_ms / 1000:.0f} s old; a plan needs one of the last "
            f"{PICTURE_AGE_MS_MAX // 1000} s."
        )
    if -age_ms > CLOCK_AHEAD_MS_MAX:
        yield f"The picture is from {-age_ms / 1000:.0f} s in the future: the clocks of managers differ."
    if not picture.majority_answers:
        yield "No majority of the primaries answers."
    yield from (f"Tables disagree: {each}" for each in picture.disagreements)
    yield from _twice(situation)
    yield from _coverage(situation)
    strange = _strange_open_slots(situation)
    if strange:
        yield (
            f"Slots {format_slots(strange, limit=RANGES_SHOWN)} are open, and no job of this manager opened "
            "them: finish the move, or run 'garrison cluster fix'."
        )


def _twice(situation: Situation) -> Iterator[str]:
    for what in ("id", "address"):
        counts = Counter(getattr(node, what) for node in situation.picture.nodes)
        for name, count in sorted(counts.items()):
            if count > 1 and name:
                yield f"{count} nodes have the {what} {name}."


def _coverage(situation: Situation) -> Iterator[str]:
    claims: Counter[int] = Counter()
    for node in situation.picture.nodes:
        if node.slots and not slots_of(node):
            yield f"The slots of {node.address} cannot be read: {node.slots[:40]!r}."
        if node.role == "primary":
            claims.update(slots_of(node))
        elif node.slots:
            yield f"{node.address} is a replica and claims slots."
    double = [slot for slot, count in claims.items() if count > 1]
    if double:
        yield f"Slots {format_slots(double, limit=RANGES_SHOWN)} have more than one owner."
    if len(claims) < SLOT_COUNT:
        missing = set(range(SLOT_COUNT)) - claims.keys()
        yield f"{len(missing)} slots have no owner: {format_slots(missing, limit=RANGES_SHOWN)}."
    for shard in situation.serving:
        if shard.primary.state is NodeState.FAILED:
            yield f"{shard.primary.address} has failed and owns slots: a failover must come first."


def _strange_open_slots(situation: Situation) -> set[int]:
    opened = {slot.slot for slot in situation.picture.open_slots}
    if not opened:
        return opened
    for job in situation.open_jobs:
        for step in job.steps:
            if step.kind is StepKind.MOVE_SLOTS:
                opened -= set(to_slots(parse_ranges(step.arguments["slots"])))
    return opened


def _problem(node: NodePicture, situation: Situation) -> str:
    if node.state is NodeState.DATA_LOST:
        return f"{node.address} has lost its data: start a replica that has it"
    if node.state in (NodeState.SUSPECTED, NodeState.SILENT, NodeState.LOADING):
        return f"{node.address} is {node.state}"
    age_ms = situation.now_ms - node.as_of_ms
    if node.state is not NodeState.FAILED and age_ms > NODE_AGE_MS_MAX:
        said = f"last answered {age_ms / 1000:.0f} s ago" if node.as_of_ms else "has never answered"
        return f"{node.address} {said}"
    return ""


def _lie(node: NodePicture) -> str:
    """What a node says of itself that cannot be true."""
    load = node.load
    for name, value in (*load, ("keys", node.keys), ("uptime_s", node.uptime_s)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            return f"says that its {name} is {value}, which cannot be"
    most = load.memory_max_bytes
    if load.memory_bytes and most and load.memory_bytes > MEMORY_OF_MAX_MAX * most:
        return f"says that it uses {load.memory_bytes} of {most} bytes, which cannot be"
    if load.cpu_fraction is not None and load.cpu_fraction > CPU_FRACTION_MAX:
        return f"says that it uses {load.cpu_fraction:.0f} cores, which cannot be"
    if load.ops_per_s is not None and load.ops_per_s > OPS_PER_S_MAX:
        return f"says that it carries out {load.ops_per_s:.0f} operations a second, which cannot be"
    if node.slot_count and node.slot_count != len(slots_of(node)):
        return f"says that it owns {node.slot_count} slots and names {len(slots_of(node))}"
    return ""


def _slot_lies(situation: Situation) -> Iterator[str]:
    for slot in situation.picture.slot_load:
        for name in ("keys", "cpu_fraction", "input_bytes_per_s", "output_bytes_per_s"):
            value = getattr(slot, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                yield f"The {name} of slot {slot.slot} is {value}, which cannot be"
