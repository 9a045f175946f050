"""Plan a rebalance: each primary gets slots in proportion to its weight, with the fewest moves.

How many slots a primary should own follows from the weights alone. The plan then only takes slots
from those above that number and gives them to those below it, so the number of moved slots is the
sum of the surpluses, and no plan with the same goal moves fewer. Remainders of the division go to
primaries that own more than their share already, which saves the last few moves.

The *threshold* keeps a nearly balanced cluster quiet: unless some primary is off its goal by more
than so many percent, nothing moves at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from garrison.cluster.core.creation import PlanError
from garrison.cluster.core.reshard_plan import Move, Ownership, apportion, take

THRESHOLD_PERCENT = 2.0


@dataclass(frozen=True, slots=True)
class RebalancePlan:
    goals: Mapping[str, int]
    """Primary -> how many slots it should own."""
    moves: tuple[Move, ...]


def plan_rebalance(
    owned: Ownership,
    weights: Mapping[str, float] | None = None,
    *,
    use_empty: bool = False,
    threshold_percent: float = THRESHOLD_PERCENT,
) -> RebalancePlan:
    """Plan moves after which each primary owns slots in proportion to its weight (1 unless given).

    A primary with weight 0 gives all its slots away. Primaries without slots take part only with
    ``use_empty`` or when their weight is given. PlanError for negative or all-zero weights.
    """
    goals = slot_goals(owned, weights or {}, use_empty=use_empty)
    if not _worth_moving(owned, goals, threshold_percent):
        return RebalancePlan(goals, ())
    surplus = {name: len(owned[name]) - goal for name, goal in goals.items()}
    return RebalancePlan(goals, tuple(_pair(owned, surplus)))


def slot_goals(owned: Ownership, weights: Mapping[str, float], *, use_empty: bool) -> dict[str, int]:
    unknown = sorted(set(weights) - set(owned))
    if unknown:
        raise PlanError(f"--weight names {', '.join(unknown)}, which is not a primary of this cluster")
    if any(weight < 0 for weight in weights.values()):
        raise PlanError("a weight is negative; weights are 0 (give all slots away) or more")
    active = {
        name: float(weights.get(name, 1.0))
        for name in sorted(owned)
        if owned[name] or use_empty or name in weights
    }
    if not sum(active.values()):
        raise PlanError("every primary has weight 0; leave at least one a place for the slots")
    total = sum(len(owned[name]) for name in active)
    whole = sum(active.values())
    # Rounding up whoever owns the most beyond its exact share keeps slots where they are.
    above = {name: len(owned[name]) - total * weight / whole for name, weight in active.items()}
    return apportion(total, active, above)


def _worth_moving(owned: Ownership, goals: Mapping[str, int], threshold_percent: float) -> bool:
    for name, goal in goals.items():
        gap = abs(len(owned[name]) - goal)
        # One slot more or less is rounding, not imbalance; an empty or retiring primary always counts.
        if gap > 1 and gap * 100 > threshold_percent * goal:
            return True
        if gap and (goal == 0 or not owned[name]):
            return True
    return False


def _pair(owned: Ownership, surplus: Mapping[str, int]) -> Sequence[Move]:
    """Match givers with takers, the largest first, so that there are few pairs."""
    pools = {name: list(take(owned[name], more)) for name, more in _largest_first(surplus) if more > 0}
    lacking = {name: -less for name, less in reversed(_largest_first(surplus)) if less < 0}
    moves = []
    for source, pool in pools.items():
        for target in lacking:
            count = min(len(pool), lacking[target])
            if count:
                moves.append(Move(source, target, tuple(pool[:count])))
                del pool[:count]
                lacking[target] -= count
    return moves


def _largest_first(amounts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
