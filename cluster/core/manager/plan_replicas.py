"""Replace replicas that have failed, and add those that are missing.

BACKGROUND  A failed replica may come back, with all its data; a replacement costs a full sync. So it is
            replaced only after `node_dead_after_s`, as the observations count it, and forgotten only once the
            replacement is in sync: until then its return is the fastest repair.
INVARIANTS  A surplus replica leaves its shard only while that keeps what is asked for. A node that is loading
            or silent counts as one that comes back.
BEHAVIOUR   One replica a job. Who comes: an idle member, a spare, a surplus replica; first by where it
            stands.
"""

from collections.abc import Iterator

from garrison.cluster.core.manager import placement, steps
from garrison.cluster.core.manager.conditions import failed
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.expectations import expectation
from garrison.cluster.core.manager.jobs import JobKind, Step
from garrison.cluster.core.manager.picture import NodePicture, NodeState
from garrison.cluster.core.manager.situation import Shard


def plan_replicas(draft: Draft) -> None:
    """Add the jobs."""
    situation = draft.situation
    gone = {node.id: node for node in situation.dead if _is_due(node, draft)}
    orphans = [node for node in gone.values() if not _shard_of(node, draft)]
    for shard in sorted(situation.serving, key=lambda shard: (len(shard.live), shard.primary.address)):
        dead_here = [node for node in shard.replicas if node.id in gone]
        coming = [n for n in shard.replicas if n not in shard.live and n.state is not NodeState.FAILED]
        coming += [n for n in shard.replicas if n.state is NodeState.FAILED and n.id not in gone]
        lacking = situation.wanted_replicas(shard) - len(shard.live) - len(coming)
        if situation.desired.replicas_per_shard is None and lacking <= 0 and orphans:
            lacking = 1
        if lacking > 0:
            replaced = dead_here[0] if dead_here else (orphans.pop(0) if orphans else None)
            _fill(shard, replaced, lacking, draft)
        elif dead_here:
            _forget(dead_here, shard, draft)
    if situation.desired.replicas_per_shard is not None:
        for node in orphans:
            _forget([node], None, draft)
    else:
        for node in orphans:
            draft.explain_of(node.address, "has failed, and no shard is free to take a replacement for it.")


def _is_due(node: NodePicture, draft: Draft) -> bool:
    situation = draft.situation
    held_s = situation.observations.held_ms(failed(node.id), situation.now_ms) / 1000
    if held_s < situation.desired.node_dead_after_s:
        draft.explain(
            f"{node.address} has been seen failed for {held_s:.0f} s; it is replaced after "
            f"{situation.desired.node_dead_after_s:.0f} s."
        )
        return False
    return True


def _shard_of(node: NodePicture, draft: Draft) -> Shard | None:
    return draft.situation.shards.get(node.primary_id or "") if node.role == "replica" else None


def candidates(draft: Draft, receiver: Shard) -> Iterator[placement.Candidate]:
    """Who could become a replica of a shard."""
    situation = draft.situation
    yield from map(placement.of_spare, draft.free)
    for donor in situation.serving:
        if donor.id != receiver.id and draft.is_free(donor) and situation.surplus(donor):
            for node in donor.live:
                if not situation.wish_of(node).drain:
                    yield placement.of_surplus(node, donor, situation)


def _fill(shard: Shard, dead: NodePicture | None, lacking: int, draft: Draft) -> None:
    situation = draft.situation
    address = shard.primary.address
    others = placement.places([node for node in shard.members if node is not dead], situation)
    chosen = placement.best(candidates(draft, shard), others)
    if chosen is None:
        draft.explain(
            f"The shard of {address} lacks {lacking} of {situation.wanted_replicas(shard)} replicas, and no "
            "spare is free: add one to `spares`."
        )
        return
    made: list[Step] = join(chosen, shard.id, draft)
    if dead is not None:
        made.append(steps.forget(dead))
    gone = [dead.id] if dead else []
    made.append(
        steps.verify(
            expectation(nodes={chosen.name: {"role": "replica", "primary_id": shard.id}}, gone=gone),
            f"Check that {chosen.address} is in sync with {address}.",
        )
    )
    if dead is not None:
        held_s = situation.observations.held_ms(failed(dead.id), situation.now_ms) / 1000
        kind, title = JobKind.REPLACE_REPLICA, f"replace {dead.address} by {chosen.address}"
        reason = f"{dead.address} has been failed for {held_s:.0f} s; the shard of {address} has "
    else:
        kind, title = JobKind.SCALE_OUT, f"add the replica {chosen.address} to the shard of {address}"
        reason = f"The shard of {address} has "
    reason += f"{len(shard.live)} of {situation.wanted_replicas(shard)} replicas."
    if chosen.donor is not None:
        reason += (
            f" The shard of {chosen.donor.primary.address} has {len(chosen.donor.live)}, more than asked for."
        )
    touched = [shard.id, *([chosen.donor.id] if chosen.donor else [])]
    subject = dead.id if dead else shard.id
    if draft.add(kind, title, reason, made, subject=subject, shards=touched) and chosen.spare is not None:
        draft.take(chosen.spare)


def join(chosen: placement.Candidate, primary: str, draft: Draft) -> list[Step]:
    """The steps after which a candidate is a replica in sync."""
    made = []
    if chosen.spare is not None and not chosen.spare.is_member:
        made.append(steps.meet(chosen.spare))
    made.append(steps.replicate(chosen.name, primary, draft.situation))
    return made


def _forget(dead: list[NodePicture], shard: Shard | None, draft: Draft) -> None:
    """Forget nodes that need no replacement."""
    names = ", ".join(node.address for node in dead)
    made = [steps.forget(node) for node in dead]
    made.append(
        steps.verify(expectation(gone=[node.id for node in dead]), f"Check that {names} is forgotten.")
    )
    where = (
        f"the shard of {shard.primary.address} has {len(shard.live)} replicas"
        if shard
        else "each shard is whole"
    )
    draft.add(
        JobKind.REPLACE_REPLICA,
        f"forget {names}",
        f"{names} has been failed for more than {draft.situation.desired.node_dead_after_s:.0f} s, and "
        f"{where} "
        "without it.",
        made,
        subject=dead[0].id,
        shards=[shard.id] if shard else [],
    )
