"""Roll a change of settings or a release over the cluster: replicas first, one shard a job.

INVARIANTS  A primary with slots is never restarted: a replica that has been restarted and is in sync takes
            its role first. No restart while another node of the shard is not in sync, nor while a node that
            an ended job has shut down is not back (`premises`, `job_runner`). When one upgrade has failed, or
            stopped because the manager was not sure, no other begins until some time has passed: a release
            that does not start takes one node, not one of each shard.
            A shard gets one job for all its nodes: it waits until each has said its settings, as a job for
            those that were heard first would be followed by another for the rest.
BEHAVIOUR   Values are compared by their meaning: ``1gb`` is ``1073741824``. What a node does not say is not
            guessed: a setting that has not been read yet, or an unknown version. Settings that were read too
            early to count are taken out of the picture before (`settings_read`).
"""

from collections.abc import Iterator

from garrison.base.value_types import parse_memory
from garrison.cluster.core.manager import steps
from garrison.cluster.core.manager.draft import RETRY_AFTER_MS, Draft
from garrison.cluster.core.manager.expectations import expectation
from garrison.cluster.core.manager.jobs import JobKind, Progress, Step
from garrison.cluster.core.manager.picture import NodePicture, NodeState
from garrison.cluster.core.manager.situation import Shard
from garrison.cluster.core.words import counted


def plan_settings(draft: Draft) -> None:
    """Add a job for each shard, and each idle node, whose settings are not those asked for."""
    wanted = draft.situation.desired.settings
    if not wanted:
        return
    for subject, members, shards in _groups(draft):
        living = [node for node in members if node.state is not NodeState.FAILED]
        unread = [node for node in living if _unread(node, wanted)]
        for node in unread:
            draft.explain_of(
                node.address, f"has not said its {_unread(node, wanted)[0]} yet, or refuses CONFIG GET."
            )
        if unread:
            continue
        made: list[Step] = []
        said: list[str] = []
        for node in living:
            if node.settings_unknown:
                draft.explain_of(node.address, f"does not have the directive {node.settings_unknown[0]}.")
            differ = {
                name: value
                for name, value in wanted.items()
                if name in node.settings and not same_value(node.settings[name], value)
            }
            if differ:
                name = min(differ)
                said.append(f"{node.address} has {name} {node.settings[name] or 'empty'}")
                made.append(steps.configure(node, differ))
        if made:
            reason = f"{'; '.join(said)}; {wanted_text(wanted)} is asked for."
            title = f"configure {counted(len(made), 'node')} of the shard of {members[-1].address}"
            draft.add(JobKind.CONFIGURE, title, reason, made, subject=subject, shards=shards)


def _unread(node: NodePicture, wanted: dict[str, str]) -> list[str]:
    return sorted(wanted.keys() - node.settings.keys() - set(node.settings_unknown))


def wanted_text(wanted: dict[str, str]) -> str:
    return ", ".join(f"{name} {value or 'empty'}" for name, value in sorted(wanted.items()))


def same_value(one: str, other: str) -> bool:
    """Whether two texts mean the same value of a directive."""
    if one.split() == other.split() or one.strip().lower() == other.strip().lower():
        return True
    sizes = parse_memory(one.strip()), parse_memory(other.strip())
    return sizes[0] is not None and bool(one.strip()) and bool(other.strip()) and sizes[0] == sizes[1]


def plan_upgrade(draft: Draft) -> None:
    """Add a job for each shard, and each idle node, that does not run the release."""
    release = draft.situation.desired.release
    if release is None:
        return
    failure = _failed_upgrade(draft)
    for subject, members, shards in _groups(draft):
        unknown = next((node for node in members if not (node.version and node.run_id)), None)
        old = [node for node in members if node.version and node.version != release]
        if unknown is not None:
            draft.explain_of(
                unknown.address, "does not say its version or run_id; its shard is not upgraded."
            )
        elif old and failure:
            draft.explain(f"Upgrades wait: {failure}.")
        elif old:
            _upgrade(subject, members, old, shards, release, draft)


def _upgrade(
    subject: str,
    members: list[NodePicture],
    old: list[NodePicture],
    shards: list[str],
    release: str,
    draft: Draft,
) -> None:
    situation = draft.situation
    shard = situation.shards.get(subject)
    away = [node for node in shard.replicas if node not in shard.live] if shard else []
    if away:
        draft.explain(
            f"The shard of {members[-1].address} is not upgraded: {away[0].address} is not in sync."
        )
        return
    primary = members[-1]
    made = [steps.restart(node) for node in old if node is not primary]
    if primary in old:
        if shard is not None and shard.slots:
            heir = _heir(shard, draft)
            if heir is None:
                draft.explain_of(primary.address, "is not upgraded: it has no replica to take its place.")
                return
            made.append(steps.hand_over(heir.id, primary.id, situation))
        made.append(steps.restart(primary))
    versions = {node.id: {"version": release} for node in members}
    made.append(steps.verify(expectation(nodes=versions), f"Check that all run {release}."))
    reason = (
        f"{len(old)} of {len(members)} nodes run {', '.join(sorted({n.version for n in old}))}, "
        f"not {release}."
    )
    draft.add(
        JobKind.UPGRADE,
        f"upgrade the shard of {primary.address} to {release}",
        reason,
        made,
        subject=subject,
        shards=shards,
    )


def _heir(shard: Shard, draft: Draft) -> NodePicture | None:
    situation = draft.situation
    live = [node for node in shard.live if not situation.wish_of(node).drain]
    return min(live, key=lambda node: (node.load.lag_bytes or 0, node.address), default=None)


def _failed_upgrade(draft: Draft) -> str:
    situation = draft.situation
    for job in situation.records.jobs:
        if job.kind is not JobKind.UPGRADE or job.ended_ms is None:
            continue
        if job.state is Progress.FAILED or (job.state is Progress.STOPPED and not job.stopped_by):
            how = "failed" if job.state is Progress.FAILED else "was stopped"
            left_ms = job.ended_ms + RETRY_AFTER_MS - situation.now_ms
            if left_ms > 0:
                return (
                    f"{job.id} {how}, {job.why or 'without a reason'}; the next try is in "
                    f"{left_ms / 1000:.0f} s"
                )
    return ""


def _groups(draft: Draft) -> Iterator[tuple[str, list[NodePicture], list[str]]]:
    """Each shard, its primary last, and each idle node: a subject, the nodes, and the shards they touch."""
    situation = draft.situation
    for shard in situation.shards.values():
        yield shard.id, [*shard.replicas, shard.primary], [shard.id]
    for node in situation.idle:
        yield node.id, [node], [node.id]
