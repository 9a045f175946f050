"""Spread: no two nodes of a shard on one host, its nodes over the zones, primaries over the hosts.

INVARIANTS  A node that moves to another shard loses its data and takes a full sync, so another stands in its
            place first. Without a spare or a surplus replica that stands better nothing is moved: a plain
            swap would leave a shard with a copy less for as long as the sync takes.
BEHAVIOUR   Of two nodes on one host the replica moves. Who comes is a spare on another host (the replica
            becomes the spare), a surplus replica (the two swap), or, when no spare stands better, two
            replicas swap while a spare helps out and is a spare again afterwards. Primaries that crowd on a
            host are handed over to their replicas elsewhere.
"""

from collections import Counter

from garrison.cluster.core.manager import placement, steps
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.expectations import expectation
from garrison.cluster.core.manager.jobs import JobKind, Step
from garrison.cluster.core.manager.picture import NodePicture
from garrison.cluster.core.manager.placement import Candidate, Place, crowding, place_of, places
from garrison.cluster.core.manager.plan_replicas import candidates, join
from garrison.cluster.core.manager.situation import Shard, Situation, is_live

CROWD_MAX = 1
"""By how many primaries two hosts may differ before one is handed over."""


def plan_spread(draft: Draft) -> None:
    """Add the jobs."""
    for shard in draft.situation.serving:
        if draft.is_free(shard) and len(shard.live) == len(shard.replicas):
            _spread(shard, draft)
    _hand_over(draft)


def misplaced(shard: Shard, situation: Situation) -> NodePicture | None:
    """A replica that shares a host with another node of its shard, or a zone with too many of them."""
    members = [shard.primary, *shard.live]
    found = {node.id: place_of(node, situation) for node in members}
    zones = len(situation.zones)
    zone_max = -(-len(members) // zones) if zones else len(members)
    worst: tuple[tuple[int, int], NodePicture] | None = None
    for node in reversed(shard.live):
        others = [place for node_id, place in found.items() if node_id != node.id]
        same_host, same_zone = crowding(found[node.id], others)
        excess = same_host, max(same_zone + 1 - zone_max, 0)
        if excess > (0, 0) and (worst is None or excess > worst[0]):
            worst = excess, node
    return worst[1] if worst else None


def is_better(place: Place, others: list[Place], now: tuple[int, int]) -> bool:
    """Whether a place stands better beside `others` than one that is crowded as `now` says."""
    host, zone = crowding(place, others)
    return host < now[0] or (host == now[0] == 0 and bool(place[1]) and zone < now[1])


def _spread(shard: Shard, draft: Draft) -> None:
    situation = draft.situation
    node = misplaced(shard, situation)
    if node is None:
        return
    others = places([n for n in (shard.primary, *shard.live) if n is not node], situation)
    now = crowding(place_of(node, situation), others)
    chosen = placement.best(_fitting(node, shard, draft), others)
    if chosen is not None and is_better(chosen.place, others, now):
        _exchange(node, chosen, shard, now, draft)
        return
    partner = _partner(node, others, now, shard, draft)
    if partner is not None and draft.free:
        _swap(node, partner, shard, now, draft)
        return
    helper = "" if draft.free else ", and none is free to help out while two replicas swap"
    why = _where(node, shard, now, situation)
    draft.explain_of(node.address, f"{why}, and no spare stands better{helper}: add one to `spares`.")


def _fitting(node: NodePicture, shard: Shard, draft: Draft) -> list[Candidate]:
    """Who could come: spares, and surplus replicas whose shard the node may join instead."""
    situation = draft.situation
    place = place_of(node, situation)
    return [
        each
        for each in candidates(draft, shard)
        if each.donor is None
        or crowding(
            place,
            places([n for n in (each.donor.primary, *each.donor.live) if n.id != each.name], situation),
        )[0]
        == 0
    ]


def _exchange(node: NodePicture, chosen: Candidate, shard: Shard, now: tuple[int, int], draft: Draft) -> None:
    """`chosen` comes first, then the node goes where that came from."""
    situation = draft.situation
    made: list[Step] = join(chosen, shard.id, draft)
    touched = [shard.id]
    if chosen.donor is not None:
        made.append(steps.replicate(node.id, chosen.donor.id, situation))
        touched.append(chosen.donor.id)
    else:
        made += [steps.forget(node), steps.reset(node)]
    title = f"{chosen.address} takes the place of {node.address}"
    if not _add(node, title, made, touched, shard, now, draft) or chosen.spare is None:
        return
    draft.take(chosen.spare)
    if node.address not in situation.desired.spares:
        draft.explain(f"{node.address} becomes an empty node outside: list it in `spares` to use it again.")


def _partner(
    node: NodePicture, others: list[Place], now: tuple[int, int], shard: Shard, draft: Draft
) -> tuple[NodePicture, Shard] | None:
    """A replica of another shard with which the node can change places, so that both stand well."""
    situation = draft.situation
    place = place_of(node, situation)
    for other in situation.serving:
        if other.id == shard.id or not draft.is_free(other):
            continue
        for replica in other.live:
            if situation.wish_of(replica).drain:
                continue
            rest = places([n for n in (other.primary, *other.live) if n is not replica], situation)
            there = crowding(place_of(replica, situation), rest)
            here = place_of(replica, situation)
            if (
                is_better(here, others, now)
                and crowding(place, rest) <= there
                and not crowding(place, rest)[0]
            ):
                return replica, other
    return None


def _swap(
    node: NodePicture,
    partner: tuple[NodePicture, Shard],
    shard: Shard,
    now: tuple[int, int],
    draft: Draft,
) -> None:
    situation, helper = draft.situation, draft.free[0]
    replica, other = partner
    made = join(placement.of_spare(helper), shard.id, draft)
    made += [
        steps.replicate(node.id, other.id, situation),
        steps.replicate(replica.id, shard.id, situation),
        *steps.dismiss(helper),
    ]
    title = f"swap {node.address} and {replica.address} while {helper.address} helps out"
    if _add(node, title, made, [shard.id, other.id], shard, now, draft):
        draft.take(helper)


def _add(
    node: NodePicture,
    title: str,
    made: list[Step],
    touched: list[str],
    shard: Shard,
    now: tuple[int, int],
    draft: Draft,
) -> bool:
    replicas = {
        step.arguments["node"]: step.arguments["primary"] for step in made if "primary" in step.arguments
    }
    gone = {step.arguments.get("address", "") for step in made if step.kind.value == "reset"}
    expect = expectation(
        nodes={
            name: {"primary_id": primary}
            for name, primary in replicas.items()
            if steps.label(name, draft.situation) not in gone
        }
    )
    made.append(steps.verify(expect, "Check that each stands where it should."))
    why = f"{node.address} {_where(node, shard, now, draft.situation)}."
    return draft.add(JobKind.SPREAD, title, why, made, subject=node.id, shards=touched)


def _where(node: NodePicture, shard: Shard, now: tuple[int, int], situation: Situation) -> str:
    """What is wrong with its place, as it goes on after its name."""
    if now[0]:
        return f"is on the host {situation.host_of(node)} with {now[0]} more of its shard"
    zone = situation.zone_of(node)
    return f"is in the zone {zone} with {now[1]} more of the {len(shard.members)} of its shard"


def _hand_over(draft: Draft) -> None:
    """Hand primaries over from hosts with many to hosts with few."""
    situation = draft.situation
    counts = Counter(situation.host_of(shard.primary) for shard in situation.serving)
    for shard in situation.serving:
        host = situation.host_of(shard.primary)
        heirs = [node for node in shard.live if not situation.wish_of(node).drain and is_live(node)]
        heir = min(heirs, key=lambda node: (counts[situation.host_of(node)], node.address), default=None)
        if heir is None or not draft.is_free(shard):
            continue
        there = situation.host_of(heir)
        if counts[host] - counts[there] <= CROWD_MAX:
            continue
        made = [
            steps.hand_over(heir.id, shard.id, situation),
            steps.verify(
                expectation(nodes={heir.id: {"role": "primary"}}), f"Check that {heir.address} leads."
            ),
        ]
        reason = f"{counts[host]} primaries are on the host {host} and {counts[there]} on {there}."
        title = f"hand {shard.primary.address} over to {heir.address}"
        if draft.add(JobKind.SPREAD, title, reason, made, subject=shard.id, shards=[shard.id]):
            counts[host] -= 1
            counts[there] += 1
