"""Moves of slots as steps of a job: kept within limits of their receivers, number of copies and budget.

INVARIANTS  A receiver stays below `CLEAR_FRACTION` of each of its limits by what is known: where relief ends,
            filling must end too, or both would move the same slots for ever. Slots go only to a shard with as
            many copies as they have, or as many as are asked for. A job costs no more than the whole budget;
            what is cut off is planned again afterwards.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from garrison.cluster.core.manager import steps
from garrison.cluster.core.manager.conditions import CLEAR_FRACTION, MEASURES, use_of
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.harm import slots_affordable
from garrison.cluster.core.manager.jobs import Step, StepKind
from garrison.cluster.core.manager.situation import Shard, Situation
from garrison.cluster.core.manager.slot_costs import Measure, Priced, price_slots
from garrison.cluster.core.rebalance import plan_rebalance
from garrison.cluster.core.reshard_plan import Move, slot_count
from garrison.cluster.core.words import counted

MEASURED_BY: Mapping[str, Measure] = {"memory": "bytes", "cpu": "cpu", "ops": "ops", "slots": "slots"}
"""Limit -> in what measure slots use it."""
POINTS_UNBOUNDED = 1_000_000_000

MEASURED_ANEW_MS = 10_000
"""How long after a move the slots' figures are still of a time before it, beside `load_window_s`."""


@dataclass
class Room:
    """What part of its limits each shard uses, while slots are moved on paper."""

    situation: Situation
    used: dict[str, dict[str, float]] = field(default_factory=dict)
    _prices: dict[str, Priced] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for shard in self.situation.serving:
            self.used[shard.id] = use_of(shard.primary, self.situation.desired)

    def would_use(self, slot: int, source: str, target: str) -> dict[str, float]:
        """What the target would use with that slot. Nodes are taken to be alike where limits are of a
        node.
        """
        used = self.used.get(target, {})
        return {measure: part + self._part(measure, slot, source, target) for measure, part in used.items()}

    def fits(self, slot: int, source: str, target: str) -> bool:
        return all(part <= CLEAR_FRACTION for part in self.would_use(slot, source, target).values())

    def move(self, slot: int, source: str, target: str) -> None:
        for measure in MEASURES:
            if measure in self.used.get(target, {}):
                self.used[target][measure] += self._part(measure, slot, source, target)
            if measure in self.used.get(source, {}):
                self.used[source][measure] -= self._part(measure, slot, source, source)

    def parts(self, measure: str, shard_id: str) -> dict[int, float]:
        """What part of its own limit each slot of a shard uses."""
        costs, limit = self.prices(measure).of_shard.get(shard_id, {}), self._limit(measure, shard_id)
        return {slot: cost / limit for slot, cost in costs.items()}

    def prices(self, measure: str) -> Priced:
        """The costs of slots in the measure of a limit."""
        if measure not in self._prices:
            self._prices[measure] = price_slots(self.situation, MEASURED_BY[measure])
        return self._prices[measure]

    def _part(self, measure: str, slot: int, source: str, at: str) -> float:
        """What part of a limit of node `at` the slot of `source` uses."""
        costs = self.prices(measure).of_shard.get(source)
        return costs.get(slot, 0.0) / self._limit(measure, at) if costs else 0.0

    def _limit(self, measure: str, shard_id: str) -> float:
        limits = self.situation.desired.limits
        load = self.situation.nodes[shard_id].load
        return {
            "memory": (load.memory_max_bytes or 1) * limits.memory_percent_max / 100,
            "cpu": limits.cpu_percent_max / 100,
            "ops": float(limits.ops_per_s_max or 1),
            "slots": float(limits.slots_max or 1),
        }[measure]


def has_copies_for(source: Shard, target: Shard, situation: Situation) -> bool:
    """Whether slots of `source` keep their copies, or as many as are asked for, at `target`."""
    asked = situation.desired.replicas_per_shard
    needed = source.copies if asked is None else min(source.copies, asked + 1)
    return target.copies >= needed


def bounded(moves: Iterable[Move], draft: Draft, room: Room, points_max: int | None = None) -> list[Move]:
    """The moves, cut to what may be; what was cut is explained."""
    situation = draft.situation
    harm = situation.desired.harm
    points = harm.points_per_hour_max if points_max is None else points_max
    affordable = slots_affordable(points, harm)
    found: list[Move] = []
    for move in moves:
        source, target = situation.shards.get(move.source), situation.shards.get(move.target)
        if source and target and not has_copies_for(source, target, situation):
            draft.explain(
                f"No slot goes from {source.primary.address} to {target.primary.address}: it has "
                f"{target.copies} "
                f"copies of its data and the source {source.copies}. Give it a replica, or set "
                "replicas_per_shard."
            )
            continue
        kept: list[int] = []
        for slot in move.slots:
            if affordable is not None and len(kept) >= affordable:
                break
            if target and not room.fits(slot, move.source, move.target):
                continue
            room.move(slot, move.source, move.target)
            kept.append(slot)
        if target and len(kept) < len(move.slots) and (affordable is None or len(kept) < affordable):
            draft.explain(
                f"{target.primary.address} takes {len(kept)} of {len(move.slots)} slots: with more it "
                "would be "
                f"beyond {CLEAR_FRACTION:.0%} of a limit."
            )
        if affordable is not None:
            affordable -= len(kept)
        if kept:
            found.append(Move(move.source, move.target, tuple(kept)))
    return found


def as_steps(moves: Iterable[Move], situation: Situation) -> list[Step]:
    return [steps.move_slots(move.source, move.target, move.slots, situation) for move in moves]


def shards_of(moves: Iterable[Move]) -> list[str]:
    """The shards that moves touch."""
    return sorted({name for move in moves for name in (move.source, move.target)})


def why_unsettled(shard_ids: Iterable[str], draft: Draft) -> str:
    """Why the load of these shards' slots is not known yet; empty when it is.

    Just after a move the figures still have the load of slots that have gone, and nobody says where it is.
    """
    situation, wanted = draft.situation, set(shard_ids)
    settles_ms = situation.desired.limits.load_window_s * 1000 + MEASURED_ANEW_MS
    for job in situation.records.jobs:
        if job.ended_ms is None or situation.now_ms - job.ended_ms >= settles_ms:
            continue
        moved = any(step.kind is StepKind.MOVE_SLOTS for step in job.steps)
        if moved and wanted & set(situation.shards_of_job(job)):
            left_s = (job.ended_ms + settles_ms - situation.now_ms) / 1000
            return f"load is measured anew for {left_s:.0f} s more, since {job.id} moved slots"
    return ""


def describe(moves: Iterable[Move]) -> str:
    """``300 slots from 2 shards to 1``."""
    listed = list(moves)
    count = sum(len(move.slots) for move in listed)
    sources, targets = ({getattr(move, end) for move in listed} for end in ("source", "target"))
    return f"{counted(count, 'slot')} from {counted(len(sources), 'shard')} to {len(targets)}"


def dissolve(shard: Shard, draft: Draft, points_kept: int = 0) -> tuple[list[Move], bool]:
    """Moves that take the slots of a shard away, and whether these are all: the budget may end before.

    `points_kept` are for the other steps of the job.

    No moves, and an explanation, when the others have no room for all: a shard that is half dissolved would
    only be filled again.
    """
    situation = draft.situation
    others = [
        other
        for other in situation.serving
        if other.id != shard.id and not situation.wish_of(other.primary).drain and draft.is_free(other)
    ]
    weights = {other.id: situation.wish_of(other.primary).weight for other in others}
    if not sum(weights.values()):
        draft.explain(f"No shard is free to take the slots of {shard.primary.address}.")
        return [], False
    owned = {other.id: other.slots for other in (shard, *others)}
    goals = plan_rebalance(owned, weights | {shard.id: 0.0}, threshold_percent=0).moves
    moves = [move for move in goals if move.source == shard.id]
    left = set(shard.slots) - {slot for move in moves for slot in move.slots}
    assert not left, "a weight of 0 gives everything away"
    fitting = bounded(moves, draft, Room(situation), points_max=POINTS_UNBOUNDED)
    if slot_count(fitting) < len(shard.slots):
        draft.explain(
            f"The shard of {shard.primary.address} stays: the others have room for {slot_count(fitting)} "
            "of its "
            f"{len(shard.slots)} slots."
        )
        return [], False
    points = max(situation.desired.harm.points_per_hour_max - points_kept, 0)
    cut = bounded(fitting, draft, Room(situation), points_max=points)
    return cut, slot_count(cut) == len(shard.slots)
