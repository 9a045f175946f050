"""Drain nodes: they shall own no slot and be no replica.

INVARIANTS  Others take a node's place before it goes: first its copies, then its role, then it is forgotten.
            So a shard never has fewer copies than before, or than are asked for.
BEHAVIOUR   One job for all nodes of a shard that are to be drained. A node without replicas, and without a
            spare for it, gives its slots to the other shards. What was drained keeps running as an empty
            node.
"""

from garrison.cluster.core.manager import placement, steps
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.expectations import expectation
from garrison.cluster.core.manager.jobs import JobKind, Step
from garrison.cluster.core.manager.moving import as_steps, dissolve, shards_of
from garrison.cluster.core.manager.picture import NodePicture, NodeState
from garrison.cluster.core.manager.plan_replicas import candidates, join
from garrison.cluster.core.manager.situation import Shard, is_live


def plan_drain(draft: Draft) -> None:
    """Add a job for each shard with nodes to be drained."""
    situation = draft.situation
    for shard in situation.shards.values():
        leaving = [
            node
            for node in shard.members
            if situation.wish_of(node).drain and node.state is not NodeState.FAILED
        ]
        if leaving:
            _drain(shard, leaving, draft)


def _drain(shard: Shard, leaving: list[NodePicture], draft: Draft) -> None:
    situation = draft.situation
    staying = [node for node in shard.members if node not in leaving and is_live(node)]
    asked = situation.desired.replicas_per_shard
    copies = shard.copies if asked is None else min(shard.copies, asked + 1)
    names = ", ".join(node.address for node in leaving)
    away = [node for node in shard.replicas if not is_live(node)]
    if away or (asked is not None and len(shard.live) < asked):
        what = (
            f"{away[0].address} is not in sync"
            if away
            else f"its shard has {len(shard.live)} of {asked} replicas"
        )
        draft.explain(f"{names} is not drained yet: {what}.")
        return
    chosen = _replacements(shard, staying, copies - len(staying), draft)
    if chosen is None:
        if not staying and len(shard.members) == 1 and shard.slots:
            _give_away(shard, draft)
            return
        draft.explain(
            f"{names} cannot be drained: its shard has {shard.copies} copies and would have "
            f"{len(staying)}. Add "
            "a spare."
        )
        return
    made: list[Step] = [step for each in chosen for step in join(each, shard.id, draft)]
    if shard.primary in leaving:
        heir = staying[0].id if staying else chosen[0].name
        made.append(steps.hand_over(heir, shard.id, situation))
    made += _out(leaving)
    why = f"{names} is to be drained; its shard keeps {len(staying) + len(chosen)} copies."
    donors = [each.donor.id for each in chosen if each.donor is not None]
    subject = leaving[0].id if len(leaving) == 1 else shard.id
    if draft.add(JobKind.DRAIN, f"drain {names}", why, made, subject=subject, shards=[shard.id, *donors]):
        for each in chosen:
            if each.spare is not None:
                draft.take(each.spare)


def _replacements(
    shard: Shard, staying: list[NodePicture], count: int, draft: Draft
) -> list[placement.Candidate] | None:
    """So many nodes that take the place of those that leave; None when there are not enough."""
    chosen: list[placement.Candidate] = []
    places = placement.places(staying, draft.situation)
    for _ in range(max(count, 0)):
        used = {each.name for each in chosen} | {each.donor.id for each in chosen if each.donor}
        left = [
            each
            for each in candidates(draft, shard)
            if each.name not in used and (each.donor is None or each.donor.id not in used)
        ]
        found = placement.best(left, places)
        if found is None:
            return None
        chosen.append(found)
        places.append(found.place)
    return chosen


def _out(leaving: list[NodePicture]) -> list[Step]:
    """The steps after which nodes are not members."""
    made: list[Step] = []
    for node in leaving:
        made += [steps.forget(node), steps.reset(node)]
    names = ", ".join(node.address for node in leaving)
    expect = expectation(gone=[node.id for node in leaving])
    return [*made, steps.verify(expect, f"Check that {names} has left the cluster.")]


def _give_away(shard: Shard, draft: Draft) -> None:
    """Drain the only node of a shard: its slots go to the others."""
    situation, node = draft.situation, shard.primary
    shards = situation.desired.shards
    if shards is not None and len(situation.serving) <= shards:
        draft.explain(f"{node.address} cannot be drained: {shards} shards are asked for. Add a spare.")
        return
    moves, is_whole = dissolve(shard, draft)
    if not moves:
        return
    draft.add(
        JobKind.DRAIN,
        f"drain {node.address}",
        f"{node.address} is to be drained and owns {len(shard.slots)} slots, without a replica or a spare.",
        [*as_steps(moves, situation), *(_out([node]) if is_whole else [])],
        subject=node.id,
        shards=shards_of(moves),
    )
