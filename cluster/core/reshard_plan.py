"""Which slots go from whom to whom: the plans of ``reshard``, ``rebalance`` and ``del-node``.

A plan is a list of moves, each one source, one target and some slots. Plans are functions of the
slots owned now, without chance, so that ``--dry-run`` shows what the real run will do.

:class:`ReshardPlan` is the plan as a document: it can be stored, shown, carried out later, and resumed.
What is left of it is not noted down but seen: the slots that their targets do not own yet. So a copy that is
stale by a crash does no harm, and a plan that is carried out twice changes nothing the second time.

From a source, small fragments go first: after a move the cluster should be made of few long ranges,
since each range is a line in every client's slot map.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.creation import PlanError
from garrison.cluster.core.ranges import Range, format_ranges, parse_ranges, to_ranges, to_slots

Ownership = Mapping[str, Collection[int]]
"""Id of a primary -> the slots that it owns."""


@dataclass(frozen=True, slots=True)
class Move:
    """Give ``slots`` of ``source`` to ``target``."""

    source: str
    target: str
    slots: tuple[int, ...]

    @property
    def ranges(self) -> tuple[Range, ...]:
        return to_ranges(self.slots)


class PlannedMove(BaseModel):
    """A :class:`Move` in a stored plan."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(description="id of the primary that owned the slots when the plan was made")
    target: str = Field(description="id of the primary that gets them")
    slots: str = Field(description="ranges, as 0-99,205")

    @field_validator("slots")
    @classmethod
    def _are_ranges(cls, text: str) -> str:
        parse_ranges(text)
        return text


class ReshardPlan(BaseModel):
    """A plan of ``reshard`` or ``rebalance`` that can be stored as JSON and resumed."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["garrison-reshard-plan"] = "garrison-reshard-plan"
    version: Literal[1] = 1
    moves: list[PlannedMove]

    @classmethod
    def of(cls, moves: Iterable[Move]) -> Self:
        return cls(
            moves=[
                PlannedMove(source=m.source, target=m.target, slots=format_ranges(m.ranges)) for m in moves
            ]
        )

    def remaining(self, state: ClusterState) -> tuple[Move, ...]:
        """The moves that are still to be made in the cluster as it is now.

        A primary that was replaced in a failover counts as its successor. PlanError if a target is gone, or
        if somebody else has given a slot of the plan to a third primary since.
        """
        left: dict[tuple[str, str], list[int]] = {}
        for planned in self.moves:
            target = _successor(state, planned.target)
            if target is None:
                raise PlanError(
                    f"the plan gives slots to {planned.target[:8]}, which is gone; make a new plan"
                )
            for slot in to_slots(parse_ranges(planned.slots)):
                owner = state.owners.get(slot)
                if owner is None:
                    raise PlanError(f"slot {slot} has no owner; run 'garrison cluster fix' first")
                if owner == target:
                    continue
                if _successor(state, planned.source) not in (owner, None):
                    raise PlanError(
                        f"slot {slot} was given to {owner[:8]} after the plan was made; make a new plan"
                    )
                left.setdefault((owner, target), []).append(slot)
        return tuple(Move(source, target, tuple(slots)) for (source, target), slots in left.items())


def _successor(state: ClusterState, node_id: str) -> str | None:
    """The primary that serves for a node now: itself, or its primary; None if the node is gone."""
    node = state.nodes.get(node_id)
    if node is None or (node.is_primary and node_id not in state.views):
        return None
    return node_id if node.is_primary else node.primary_id


def slot_count(moves: Iterable[Move]) -> int:
    return sum(len(move.slots) for move in moves)


def plan_reshard(owned: Ownership, count: int, target: str, sources: Sequence[str] = ()) -> tuple[Move, ...]:
    """Plan to give ``count`` slots to ``target``, each source in proportion to what it has.

    ``sources`` empty means all other primaries. PlanError if they have too few slots.
    """
    givers = list(dict.fromkeys(sources)) or sorted(set(owned) - {target})
    if target in givers:
        raise PlanError("the target is also a source; name another --to or --from")
    sizes = {node_id: len(owned.get(node_id, ())) for node_id in givers}
    available = sum(sizes.values())
    if count < 1:
        raise PlanError(f"--slots is {count}; it must be 1 or more")
    if count > available:
        raise PlanError(f"--slots is {count}, but the sources own {available} slots")
    shares = apportion(count, sizes)
    return tuple(
        Move(source, target, take(owned[source], share)) for source, share in shares.items() if share > 0
    )


def plan_slots(owners: Mapping[int, str], slots: Iterable[int], target: str) -> tuple[Move, ...]:
    """Plan to give exactly these slots to ``target``; what it has already stays."""
    by_source: dict[str, list[int]] = {}
    for slot in sorted(set(slots)):
        if slot not in owners:
            raise PlanError(f"slot {slot} has no owner; run 'garrison cluster fix' first")
        if owners[slot] != target:
            by_source.setdefault(owners[slot], []).append(slot)
    return tuple(Move(source, target, tuple(moved)) for source, moved in sorted(by_source.items()))


def apportion(
    total: int, weights: Mapping[str, float], prefer: Mapping[str, float] | None = None
) -> dict[str, int]:
    """Share ``total`` in proportion to ``weights``: each share rounded up or down, exact in the sum.

    Who is rounded up is decided by ``prefer``, greatest first (by default the remainder of the division),
    then by the smaller id. Exact fractions: a whole share is never rounded, so while the weights are
    whole numbers and sum to ``total`` or more, no share exceeds its weight.
    """
    whole = sum(map(Fraction, weights.values()))
    exact = {name: total * Fraction(weight) / whole for name, weight in weights.items()}
    shares = {name: int(share) for name, share in exact.items()}
    fractional = [name for name in weights if exact[name] != shares[name]]
    rank = prefer if prefer is not None else {name: exact[name] - shares[name] for name in weights}
    fractional.sort(key=lambda name: (-rank[name], name))
    for name in fractional[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def take(slots: Collection[int], count: int) -> tuple[int, ...]:
    """Choose ``count`` of ``slots``: whole small ranges first, then the start of the next."""
    ranges = sorted(to_ranges(slots), key=lambda each: (each[1] - each[0], each[0]))
    return tuple(sorted(to_slots(ranges)[:count]))
