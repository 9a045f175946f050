"""Rebalance: each primary has its share of slots, keys, bytes or load by its weight, with few moves.

By slots the shared planner of `garrison cluster rebalance` decides. By the other measures a slot has a cost,
and the costliest slot that fits goes from whoever has most beyond its goal to whoever lacks most: never so
much that the giver falls below its goal or the taker rises above it. So no slot is moved twice, each move
brings both nearer, and a plan made after the last one was carried out finds nothing. It begins beyond the
threshold and ends within half of it, so that load that swings a little does not start it again; load must be
uneven for `load_window_s` besides.
"""

import heapq
from bisect import bisect_right
from collections.abc import Collection, Mapping

from garrison.cluster.core.creation import PlanError
from garrison.cluster.core.manager.conditions import UNEVEN
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.jobs import JobKind
from garrison.cluster.core.manager.moving import Room, as_steps, bounded, describe, shards_of, why_unsettled
from garrison.cluster.core.manager.situation import Shard
from garrison.cluster.core.manager.slot_costs import Costs, Measure, price_slots
from garrison.cluster.core.rebalance import plan_rebalance
from garrison.cluster.core.reshard_plan import Move

END_FRACTION = 0.5
"""A rebalance by cost ends within so much of the threshold."""
SUBJECT = "balance"
MEASURED_BY: Mapping[str, Measure] = {"keys": "keys", "bytes": "bytes", "load": "cpu"}


def plan_balance(draft: Draft) -> None:
    """Add the job, if slots should move."""
    situation, balance = draft.situation, draft.situation.desired.balance
    if not balance.enabled:
        return
    members = [shard for shard in situation.serving if not situation.wish_of(shard.primary).drain]
    weights = {shard.id: situation.wish_of(shard.primary).weight for shard in members}
    if len(members) < 2 or not sum(weights.values()):
        return
    moves = _by_slots(members, weights, draft) if balance.by == "slots" else _by_cost(members, weights, draft)
    if not moves:
        return
    if draft.moves_slots:
        draft.explain("A rebalance waits until the other job that moves slots has ended.")
        return
    moves = bounded(moves, draft, Room(situation))
    if not moves:
        return
    draft.add(
        JobKind.REBALANCE,
        f"move {describe(moves)}",
        _reason(members, weights, draft),
        as_steps(moves, situation),
        subject=SUBJECT,
        shards=shards_of(moves),
    )


def _reason(members: list[Shard], weights: Mapping[str, float], draft: Draft) -> str:
    balance = draft.situation.desired.balance
    measure = MEASURED_BY.get(balance.by, "slots")
    prices = price_slots(draft.situation, measure)
    totals = {shard.id: prices.total(shard.id) for shard in members if shard.id in prices.of_shard}
    whole, share = sum(totals.values()), sum(weights.values())

    def off(shard: Shard) -> float:
        return totals[shard.id] - whole * weights[shard.id] / share

    worst = max(members, key=lambda shard: (abs(off(shard)), shard.primary.address))
    goal = whole * weights[worst.id] / share
    return (
        f"{worst.primary.address} has {totals[worst.id]:,.4g} {balance.by} and its share is {goal:,.4g}; "
        f"{balance.threshold_percent:g} % off is allowed."
    )


def _by_slots(members: list[Shard], weights: Mapping[str, float], draft: Draft) -> list[Move]:
    owned = {shard.id: shard.slots for shard in members}
    threshold = draft.situation.desired.balance.threshold_percent
    try:
        return list(plan_rebalance(owned, weights, threshold_percent=threshold).moves)
    except PlanError as error:
        draft.explain(f"No rebalance: {error}.")
        return []


def _by_cost(members: list[Shard], weights: Mapping[str, float], draft: Draft) -> list[Move]:
    balance = draft.situation.desired.balance
    if draft.doubts.figures:
        draft.explain(f"A rebalance by {balance.by} waits: {draft.doubts.figures[0]}.")
        return []
    situation = draft.situation
    held_s = situation.observations.held_ms(UNEVEN, situation.now_ms) / 1000
    if balance.by == "load" and held_s < situation.desired.limits.load_window_s:
        return []
    wait = why_unsettled((shard.id for shard in members), draft) if balance.by == "load" else ""
    if wait:
        draft.explain(f"A rebalance by load waits: {wait}.")
        return []
    prices = price_slots(situation, MEASURED_BY[balance.by])
    unknown = [shard.primary.address for shard in members if shard.id not in prices.of_shard]
    if unknown:
        draft.explain(f"A rebalance by {balance.by} waits: {unknown[0]} does not say its {prices.measure}.")
        return []
    costs = {shard.id: prices.of_shard[shard.id] for shard in members}
    return even_out(costs, weights, balance.threshold_percent / 100)


def even_out(costs: Mapping[str, Costs], weights: Mapping[str, float], threshold: float) -> list[Move]:
    """Moves after which each primary is within half of `threshold` (a fraction) of its share, or as near as
    whole slots allow; none when all are within `threshold` already.

    `costs`: for each primary its slots with their costs. `weights`: for each its share, not all 0.
    """
    totals = {name: sum(of.values()) for name, of in costs.items()}
    whole, share = sum(totals.values()), sum(weights.values())
    goals = {name: whole * weights[name] / share for name in costs}
    beyond = [name for name in costs if abs(totals[name] - goals[name]) > threshold * goals[name]]
    retiring = {name for name in costs if weights[name] == 0}
    if not beyond and not any(costs[name] for name in retiring):
        return []
    return _Evening(costs, totals, goals, threshold * END_FRACTION, retiring).run()


class _Evening:
    """One run of :func:`even_out`."""

    def __init__(
        self,
        costs: Mapping[str, Costs],
        totals: Mapping[str, float],
        goals: Mapping[str, float],
        tolerance: float,
        retiring: Collection[str],
    ) -> None:
        self.retiring = retiring
        self.pools = {name: sorted((cost, -slot) for slot, cost in of.items()) for name, of in costs.items()}
        self.goals = goals
        self.tolerance = tolerance
        self.over = {name: totals[name] - goals[name] for name in costs}
        self.off = {name for name in costs if self._is_off(name)}
        self.moved: dict[tuple[str, str], list[int]] = {}

    def run(self) -> list[Move]:
        takers = [(min(self.over[name], 0.0), name) for name in self.pools if name not in self.retiring]
        heapq.heapify(takers)
        for name in sorted(self.retiring):
            # A weight of 0 gives everything away, whatever it costs.
            while self.pools[name]:
                self._give(name, len(self.pools[name]) - 1, takers)
        givers = [(-self.over[name], name) for name in self.pools if self.over[name] > 0]
        heapq.heapify(givers)
        while self.off and givers and takers and takers[0][0] < 0:
            surplus, giver = -givers[0][0], givers[0][1]
            limit = min(surplus, -takers[0][0])
            index = bisect_right(self.pools[giver], (limit, 1)) - 1
            if index < 0 or self.pools[giver][index][0] <= 0:
                heapq.heappop(givers)
                continue
            self._give(giver, index, takers)
            heapq.heapreplace(givers, (-self.over[giver], giver))
        return [Move(source, target, tuple(sorted(slots))) for (source, target), slots in self.moved.items()]

    def _is_off(self, name: str) -> bool:
        return abs(self.over[name]) > self.tolerance * self.goals[name]

    def _give(self, giver: str, index: int, takers: list[tuple[float, str]]) -> None:
        cost, slot = self.pools[giver].pop(index)
        taker = takers[0][1]
        self.over[giver] -= cost
        self.over[taker] += cost
        for name in (giver, taker):
            (self.off.add if self._is_off(name) else self.off.discard)(name)
        self.moved.setdefault((giver, taker), []).append(-slot)
        heapq.heapreplace(takers, (min(self.over[taker], 0.0), taker))
