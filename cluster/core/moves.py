"""Which slots go from whom to whom: the plans of ``reshard``, ``rebalance`` and ``del-node``.

A plan is a list of moves, each one source, one target and some slots. Plans are functions of the
slots owned now, without chance, so that ``--dry-run`` shows what the real run will do.

From a source, small fragments go first: after a move the cluster should be made of few long ranges,
since each range is a line in every client's slot map.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from garrison.cluster.core.creation import PlanError
from garrison.cluster.core.ranges import Range, to_ranges, to_slots

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
