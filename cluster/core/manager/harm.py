"""What a job costs of the budget of harm, and when there is room for it.

A step has a price in points (`desired.Harm`), the budget is a number of points within *any* hour: what was
spent at t counts until t + 1 h. Spending is noted when a job begins, so the sum within an hour of beginnings
is what is bounded.
"""

from collections.abc import Iterable

from garrison.cluster.core.manager.desired import Harm
from garrison.cluster.core.manager.jobs import Records, Step, StepKind
from garrison.cluster.core.ranges import parse_ranges

HOUR_MS = 3_600_000
SLOTS_A_POINT = 100


def price_of(step: Step, harm: Harm) -> int:
    """The points of one step."""
    if step.kind is StepKind.MOVE_SLOTS:
        return moving(slots_in(step), harm)
    return {
        StepKind.REPLICATE: harm.full_sync,
        StepKind.HAND_OVER: harm.hand_over,
        StepKind.RESTART: harm.restart,
        StepKind.BACKUP: harm.backup,
    }.get(step.kind, 0)


def cost_of(steps: Iterable[Step], harm: Harm) -> int:
    """The points of a job. Slots of all its moves are counted together."""
    listed = list(steps)
    moved = sum(slots_in(step) for step in listed if step.kind is StepKind.MOVE_SLOTS)
    return moving(moved, harm) + sum(
        price_of(step, harm) for step in listed if step.kind is not StepKind.MOVE_SLOTS
    )


def moving(slots: int, harm: Harm) -> int:
    """The points of moving so many slots."""
    return -(-slots // SLOTS_A_POINT) * harm.slots_moved_100


def slots_affordable(points: int, harm: Harm) -> int | None:
    """How many slots may move for so many points; None for as many as there are."""
    return points // harm.slots_moved_100 * SLOTS_A_POINT if harm.slots_moved_100 else None


def slots_in(step: Step) -> int:
    """How many slots a step moves."""
    return sum(last - first + 1 for first, last in parse_ranges(step.arguments["slots"]))


def spent(records: Records, now_ms: int) -> int:
    """The points spent within the hour before `now_ms`."""
    return sum(cost for at_ms, cost in records.harm_spent if at_ms > now_ms - HOUR_MS)


def left(records: Records, harm: Harm, now_ms: int) -> int:
    """The points that may still be spent at `now_ms`; never negative."""
    return max(harm.points_per_hour_max - spent(records, now_ms), 0)


def room_at_ms(cost: int, records: Records, harm: Harm, now_ms: int) -> int | None:
    """When `cost` points may be spent: `now_ms`, or later, or None when they are more than the whole
    budget.
    """
    if cost > harm.points_per_hour_max:
        return None
    times = [now_ms, *sorted(at_ms + HOUR_MS for at_ms, _ in records.harm_spent if at_ms > now_ms - HOUR_MS)]
    return next(at_ms for at_ms in times if cost <= left(records, harm, at_ms))
