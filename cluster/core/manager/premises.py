"""Whether a step may begin, by the picture: what it needs is there, and nothing contradicts it.

A manager that is not sure does not act. What may still come (a node that the picture does not show yet, one
that is just failing over) is waited for, for a while; what contradicts the step stops its job, and the
planner plans anew.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from garrison.cluster.core.manager.jobs import Job, Progress, Step, StepKind
from garrison.cluster.core.manager.picture import NodePicture, NodeState, Picture
from garrison.cluster.core.ranges import parse_ranges, to_slots


def named(picture: Picture, name: str) -> NodePicture | None:
    """The node with this id or this address: a spare has no id yet when its job is planned."""
    return next((node for node in picture.nodes if name in (node.id, node.address)), None)


UNFIT: Final = frozenset({NodeState.FAILED, NodeState.DATA_LOST, NodeState.SILENT})


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a step cannot begin now."""

    why: str
    final: bool = False
    """Whether waiting does not help."""


def doubt_about(step: Step, picture: Picture, replicas: int | None) -> Doubt | None:
    """What speaks against beginning this step; None if nothing does. `replicas` are wanted of a shard."""
    match step.kind:
        case StepKind.MOVE_SLOTS:
            return _of_a_move(step, picture)
        case StepKind.HAND_OVER:
            return _of_a_hand_over(step, picture)
        case StepKind.REPLICATE:
            return _of_a_replica(step, picture) or _of_its_shard(step, picture, replicas)
        case StepKind.RESET | StepKind.FORGET:
            return _of_an_end(step, picture) or _of_its_shard(step, picture, replicas)
        case StepKind.RESTART:
            return _of_a_restart(step, picture)
        case StepKind.CONFIGURE:
            node = _fit(picture, step.arguments.get("node", ""))
            return node if isinstance(node, Doubt) else None
        case _:
            return None


def not_back(job: Job, picture: Picture) -> str:
    """The address of a node that a job has shut down and that does not serve again; empty for none."""
    for step in job.steps:
        if step.kind is StepKind.RESTART and step.began_ms is not None and step.state is not Progress.DONE:
            node = named(picture, step.arguments["node"])
            if node is not None and (node.state in UNFIT or node.state is NodeState.LOADING):
                return node.address
    return ""


def _fit(picture: Picture, node_id: str) -> NodePicture | Doubt:
    """The node, if it is there and answers; else why not."""
    node = named(picture, node_id)
    if node is None:
        return Doubt(f"the node {node_id} is not in the picture")
    return Doubt(f"{node.address} is {node.state}") if node.state in UNFIT else node


@lru_cache(maxsize=1_024)
def _slots(text: str) -> frozenset[int]:
    return frozenset(to_slots(parse_ranges(text))) if text else frozenset()


def _of_a_move(step: Step, picture: Picture) -> Doubt | None:
    source, target = step.arguments["source"], step.arguments["target"]
    to, wanted = _fit(picture, target), _slots(step.arguments["slots"])
    if isinstance(to, Doubt):
        return to
    if to.role != "primary":
        return Doubt(f"{to.address}, the target, is a replica", final=True)
    left = wanted - _slots(to.slots)
    if not left:
        return None
    of = _fit(picture, source)
    if isinstance(of, Doubt):
        return of
    strange = left - _slots(of.slots)
    if strange:
        where = f"{len(strange)} of its slots belong neither to {of.address} nor to {to.address}"
        return Doubt(where, final=of.role == "replica" or _others_own(picture, strange, {source, target}))
    return None


def _others_own(picture: Picture, slots: frozenset[int], but: set[str]) -> bool:
    return any(slots & _slots(node.slots) for node in picture.nodes if node.id not in but)


def _of_a_hand_over(step: Step, picture: Picture) -> Doubt | None:
    former = step.arguments["from"]
    node = _fit(picture, step.arguments["node"])
    if isinstance(node, Doubt):
        return node
    if node.role == "primary":
        if node.slot_count or not _owns(named(picture, former)):
            return None
        return Doubt(f"{node.address} is a primary without slots, not a replica of {former}", final=True)
    if node.primary_id != former and former != node.id:
        return Doubt(f"{node.address} is a replica of {node.primary_id}, not of {former}", final=True)
    return None if node.link_up else Doubt(f"{node.address} is not in sync with its primary")


def _owns(node: NodePicture | None) -> bool:
    return node is not None and node.slot_count > 0


def _of_a_replica(step: Step, picture: Picture) -> Doubt | None:
    node = _fit(picture, step.arguments["node"])
    if isinstance(node, Doubt):
        return node
    primary = _fit(picture, step.arguments["primary"])
    if isinstance(primary, Doubt):
        return primary
    if node.slot_count:
        return Doubt(f"{node.address} owns slots: it cannot become a replica", final=True)
    if primary.role != "primary":
        return Doubt(f"{primary.address} is not a primary any more", final=True)
    return None


def _of_a_restart(step: Step, picture: Picture) -> Doubt | None:
    """A replica goes only while the rest of its shard has the data; a primary when it owns nothing."""
    node = _fit(picture, step.arguments["node"])
    if isinstance(node, Doubt):
        return node
    if node.role == "primary":
        why = f"{node.address} is a primary that owns slots: hand its shard over first"
        return Doubt(why, final=True) if node.slot_count else None
    for other in picture.nodes:
        if other.id == node.primary_id and other.state in UNFIT:
            return Doubt(f"{other.address}, the primary of {node.address}, is {other.state}")
        if other.id != node.id and other.primary_id == node.primary_id and not _is_in_sync(other):
            return Doubt(f"{other.address} is not in sync, and {node.address} is of the same shard")
    return None


def _of_an_end(step: Step, picture: Picture) -> Doubt | None:
    node = named(picture, step.arguments["node"])
    if node is None:
        return None
    if node.slot_count:
        return Doubt(f"{node.address} owns slots: it cannot leave", final=True)
    followers = [other.address for other in picture.nodes if other.primary_id == node.id]
    if followers and step.kind is StepKind.RESET:
        return Doubt(f"{node.address} has the replica {followers[0]}")
    return None


def _of_its_shard(step: Step, picture: Picture, replicas: int | None) -> Doubt | None:
    """A replica in sync leaves its shard only when enough others stay."""
    node = named(picture, step.arguments["node"])
    if node is None or not _is_in_sync(node) or not _owns(named(picture, node.primary_id or "")):
        return None
    if step.kind is StepKind.REPLICATE and step.arguments["primary"] == node.primary_id:
        return None
    others = [n for n in picture.nodes if n.primary_id == node.primary_id and n.id != node.id]
    staying = sum(map(_is_in_sync, others))
    wanted = len(others) if replicas is None else replicas
    if staying >= wanted:
        return None
    return Doubt(f"{node.address} is in sync, and without it its shard has {staying} of {wanted} replicas")


def _is_in_sync(node: NodePicture) -> bool:
    return node.role == "replica" and bool(node.link_up) and node.state not in UNFIT
