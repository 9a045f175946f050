"""Relieve a shard that has been beyond one of its limits for `load_window_s`: which slots go, and to whom.

INVARIANTS  A receiver stays below `CLEAR_FRACTION` of each of its limits, or relief would only move the heat.
            It ends when the shard is below the same fraction: a load that stays where it is does not come
            back.
BEHAVIOUR   The costliest slots go first, so that few move. A single slot that alone is beyond the limit
            cannot be relieved by moving it, nor by moving all others away; that is said, with what helps
            instead.
"""

import heapq

from garrison.cluster.core.manager.conditions import CLEAR_FRACTION, MEASURES, beyond, use_of
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.harm import slots_affordable
from garrison.cluster.core.manager.jobs import JobKind
from garrison.cluster.core.manager.moving import Room, as_steps, has_copies_for, shards_of, why_unsettled
from garrison.cluster.core.manager.situation import Shard
from garrison.cluster.core.reshard_plan import Move, slot_count
from garrison.cluster.core.words import counted

MEASURED_BY_LOAD = ("cpu", "ops")
RECEIVERS_TRIED_MAX = 3
"""How many of the coolest shards are asked whether they have room for a slot."""
NAMES = {"memory": "of maxmemory", "cpu": "of a core", "ops": "operations a second", "slots": "slots"}


def plan_relief(draft: Draft) -> None:
    """Add a job for each shard beyond a limit, the worst first."""
    situation = draft.situation
    hot: list[tuple[float, str, str]] = []
    for shard in situation.serving:
        uses = use_of(shard.primary, situation.desired)
        over = [(use, measure) for measure, use in uses.items() if use > 1 and _lasts(measure, shard, draft)]
        if over:
            use, measure = max(over, key=lambda each: (each[0], -MEASURES.index(each[1])))
            hot.append((-use, shard.id, measure))
    if hot and draft.doubts.figures:
        draft.explain(f"No shard is relieved: {draft.doubts.figures[0]}.")
        return
    room = Room(situation)
    for _, shard_id, measure in sorted(hot):
        _relieve(situation.shards[shard_id], measure, room, draft)


def _lasts(measure: str, shard: Shard, draft: Draft) -> bool:
    """Whether it has been beyond the limit for long enough; a number of slots needs no time."""
    situation = draft.situation
    held_ms = situation.observations.held_ms(beyond(measure, shard.id), situation.now_ms)
    return measure == "slots" or held_ms >= situation.desired.limits.load_window_s * 1000


def _relieve(shard: Shard, measure: str, room: Room, draft: Draft) -> None:
    situation, address = draft.situation, shard.primary.address
    use = room.used[shard.id][measure]
    wait = why_unsettled([shard.id], draft) if measure in MEASURED_BY_LOAD else ""
    if wait:
        draft.explain_of(address, f"is beyond a limit, and {wait}.")
        return
    costs = room.parts(measure, shard.id)
    slots = sorted((slot for slot in shard.slots if costs.get(slot, 0.0) > 0), key=lambda s: (-costs[s], s))
    said = f"{address} uses {use:.0%} of its limit of {limit_text(measure, draft)}"
    if slots and costs[slots[0]] > 1:
        draft.explain(
            f"{said}, slot {slots[0]} alone {costs[slots[0]]:.0%}: no move of slots relieves it. Give its "
            "keys other "
            "hash tags, read from replicas, or take a larger machine."
        )
        return
    receivers = [
        other
        for other in situation.serving
        if other.id != shard.id
        and draft.is_free(other)
        and has_copies_for(shard, other, situation)
        and not situation.wish_of(other.primary).drain
        and situation.wish_of(other.primary).weight > 0
        and measure in room.used[other.id]
    ]
    moves = _shed(shard, measure, slots, receivers, room, draft)
    rest = room.used[shard.id][measure]
    if rest > CLEAR_FRACTION:
        budget = slots_affordable(draft.situation.desired.harm.points_per_hour_max, situation.desired.harm)
        moved = sum(len(move.slots) for move in moves)
        why = (
            ("the budget of harm ends there")
            if moved == budget
            else "no other shard has room for more: add a shard"
        )
        draft.explain(f"{said}; moving slots brings it to {rest:.0%}, and {why}.")
    if moves:
        held_s = situation.observations.held_ms(beyond(measure, shard.id), situation.now_ms) / 1000
        draft.add(
            JobKind.RELIEVE,
            f"relieve {address} of {counted(slot_count(moves), 'slot')}",
            f"{said}, for {held_s:.0f} s; without these slots it is {rest:.0%}.",
            as_steps(moves, situation),
            subject=shard.id,
            shards=shards_of(moves),
        )


def _shed(
    shard: Shard, measure: str, slots: list[int], receivers: list[Shard], room: Room, draft: Draft
) -> list[Move]:
    """Move slots on paper until the shard is below `CLEAR_FRACTION`."""
    harm = draft.situation.desired.harm
    affordable = slots_affordable(harm.points_per_hour_max, harm)
    coolest = [(room.used[other.id][measure], other.id) for other in receivers]
    moved: dict[str, list[int]] = {}
    count = 0
    for slot in slots:
        if room.used[shard.id][measure] <= CLEAR_FRACTION or count == affordable:
            break
        tried = heapq.nsmallest(RECEIVERS_TRIED_MAX, coolest)
        fitting = next((other for _, other in tried if room.fits(slot, shard.id, other)), None)
        if fitting is None:
            continue
        coolest.remove((room.used[fitting][measure], fitting))
        room.move(slot, shard.id, fitting)
        coolest.append((room.used[fitting][measure], fitting))
        moved.setdefault(fitting, []).append(slot)
        count += 1
    return [Move(shard.id, target, tuple(sorted(chosen))) for target, chosen in sorted(moved.items())]


def limit_text(measure: str, draft: Draft) -> str:
    """A limit with its unit."""
    limits = draft.situation.desired.limits
    value = {
        "memory": f"{limits.memory_percent_max:g} %",
        "cpu": f"{limits.cpu_percent_max:g} %",
        "ops": f"{limits.ops_per_s_max or 0:,}",
        "slots": f"{limits.slots_max or 0:,}",
    }[measure]
    return f"{value} {NAMES[measure]}"
