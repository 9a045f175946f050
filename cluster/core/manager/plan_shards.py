"""Scale out and in: as many shards as are asked for.

INVARIANTS  A new shard has its replicas before its first slot, so that no slot has fewer copies than before.
            A shard that is dissolved gives its slots away first; what it was made of then becomes replicas
            where some are missing, else spares.
BEHAVIOUR   All new shards are made by one job: adding them one by one would move slots twice. Shards are
            dissolved one a job, the smallest first; one that the others have no room for stays.
"""

from garrison.cluster.core.manager import placement, steps
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.expectations import expectation
from garrison.cluster.core.manager.harm import cost_of
from garrison.cluster.core.manager.jobs import JobKind, Step
from garrison.cluster.core.manager.moving import Room, as_steps, bounded, describe, dissolve, shards_of
from garrison.cluster.core.manager.picture import NodePicture
from garrison.cluster.core.manager.situation import Shard, is_live
from garrison.cluster.core.rebalance import plan_rebalance


def plan_shards(draft: Draft) -> None:
    """Add the job that brings the number of shards nearer to what is asked for."""
    situation = draft.situation
    asked, serving = situation.desired.shards, len(situation.serving)
    if asked is None:
        for node in situation.idle:
            if node.address not in situation.desired.spares and not situation.wish_of(node).drain:
                draft.explain(
                    f"{node.address} is a member and owns nothing: set `shards`, or list it in `spares`."
                )
    elif asked > serving:
        _scale_out(asked, draft)
    elif asked < serving:
        _scale_in(asked, draft)


def _scale_out(asked: int, draft: Draft) -> None:
    situation = draft.situation
    if draft.moves_slots:
        draft.explain("Scaling out waits until the other job that moves slots has ended.")
        return
    missing, harm = asked - len(situation.serving), situation.desired.harm
    wanted = situation.desired.replicas_per_shard
    replicas = max(len(shard.live) for shard in situation.serving) if wanted is None else wanted
    begun = [shard for shard in situation.shards.values() if not shard.slots and draft.is_free(shard)]
    begun = [s for s in begun if not situation.wish_of(s.primary).drain and len(s.live) >= replicas][:missing]
    free = [placement.of_spare(spare) for spare in draft.free]
    primaries = placement.places([shard.primary for shard in situation.serving], situation)
    made: list[Step] = []
    new = [shard.id for shard in begun]
    used: list[placement.Candidate] = []
    while len(new) < missing and len(free) >= replicas + 1:
        first = placement.best(free, primaries)
        assert first is not None
        team = [first]
        free.remove(first)
        for _ in range(replicas):
            replica = placement.best(free, [each.place for each in team])
            assert replica is not None
            team.append(replica)
            free.remove(replica)
        joining = [steps.meet(each.spare) for each in team if each.spare and not each.spare.is_member]
        joining += [steps.replicate(each.name, first.name, situation) for each in team[1:]]
        if used and cost_of([*made, *joining], harm) >= harm.points_per_hour_max:
            break
        made += joining
        primaries.append(first.place)
        new.append(first.name)
        used += team
    if len(new) < missing and len(free) <= replicas:
        draft.explain(
            f"{missing - len(new)} of {asked} shards cannot be made: each needs {replicas + 1} nodes, and "
            f"{len(free)} are free. Add some to `spares`."
        )
    if not new:
        return
    owned: dict[str, tuple[int, ...]] = {shard.id: shard.slots for shard in situation.serving}
    weights = {shard.id: situation.wish_of(shard.primary).weight for shard in situation.serving}
    for name in new:
        owned[name], weights[name] = (), situation.wish_of_name(name).weight or 1.0
    goals = plan_rebalance(owned, weights, threshold_percent=0).moves
    points = max(harm.points_per_hour_max - cost_of(made, harm), 0)
    moves = bounded(goals, draft, Room(situation), points_max=points)
    if not moves:
        return
    if draft.add(
        JobKind.SCALE_OUT,
        f"add {len(new)} shards",
        f"{asked} shards are asked for and {len(situation.serving)} own slots; {describe(moves)}.",
        [*made, *as_steps(moves, situation)],
        subject="shards",
        shards=shards_of(moves),
    ):
        for each in used:
            if each.spare is not None:
                draft.take(each.spare)


def _scale_in(asked: int, draft: Draft) -> None:
    situation = draft.situation
    if draft.moves_slots:
        draft.explain("Scaling in waits until the other job that moves slots has ended.")
        return
    shard = min(situation.serving, key=lambda each: _rank(each, draft))
    freed, hosts = _freed(shard, draft)
    moves, is_whole = dissolve(shard, draft, points_kept=cost_of(freed, situation.desired.harm))
    if not moves:
        return
    made = as_steps(moves, situation)
    touched = shards_of(moves)
    if is_whole:
        made += freed
        touched += hosts
    draft.add(
        JobKind.SCALE_IN,
        f"dissolve the shard of {shard.primary.address}",
        f"{asked} shards are asked for and {len(situation.serving)} own slots; this one is the smallest, "
        "with "
        f"{len(shard.slots)}.",
        made,
        subject=shard.id,
        shards=touched,
    )


def _rank(shard: Shard, draft: Draft) -> tuple[bool, float, int, int, str]:
    """Who is dissolved first."""
    wish = draft.situation.wish_of(shard.primary)
    return not wish.drain, wish.weight, len(shard.slots), len(shard.live), shard.primary.address


def _freed(shard: Shard, draft: Draft) -> tuple[list[Step], list[str]]:
    """What becomes of the nodes of a dissolved shard: the steps, and the shards that get them."""
    situation = draft.situation
    asked = situation.desired.replicas_per_shard
    counts = {s.id: len(s.replicas) for s in situation.serving if s.id != shard.id and draft.is_free(s)}
    places = {name: placement.places(situation.shards[name].members, situation) for name in counts}
    made: list[Step] = []
    gone: list[NodePicture] = []
    replicas: dict[str, dict[str, object]] = {}
    for node in (*shard.replicas, shard.primary):
        place = placement.place_of(node, situation)
        lacking = [name for name in counts if asked is None or counts[name] < asked]
        is_usable = node is shard.primary or is_live(node)
        if lacking and is_usable and not situation.wish_of(node).drain:
            target = min(lacking, key=lambda n: (counts[n], *placement.crowding(place, places[n]), n))
            made.append(steps.replicate(node.id, target, situation))
            counts[target] += 1
            places[target].append(place)
            replicas[node.id] = {"primary_id": target}
        else:
            gone.append(node)
            made.append(steps.forget(node))
            if is_usable:
                made.append(steps.reset(node))
    expect = expectation(nodes=replicas, gone=[node.id for node in gone])
    made.append(steps.verify(expect, "Check that its nodes are replicas of others, or have left."))
    return made, [str(each["primary_id"]) for each in replicas.values()]
