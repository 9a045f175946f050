"""Draw the picture of servers outside a cluster: those that Sentinels watch, or one with its replicas.

BACKGROUND  Without a cluster there is no table that all share. Sentinels list whom they watch, and a primary
            lists its replicas. A server has no id that outlives a restart, so its address stands for it.
BEHAVIOUR   A pure function: what was heard in, a :class:`Picture` out. What Sentinels have declared counts
            for more than what this observer hears itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from garrison.cluster.core.manager.drawing import Heard, newest_slow_commands, node_state
from garrison.cluster.core.manager.picture import NodePicture, Picture, SentinelPicture, ShardPicture

Kind = Literal["sentinel", "single"]


@dataclass(frozen=True)
class Member:
    """One server, and what others say of it."""

    address: str
    said_role: Literal["primary", "replica"] = "primary"
    said_primary: str = ""
    """The address of the primary that others say it follows."""
    flags: frozenset[str] = frozenset()
    """As Sentinels have them: `s_down`, `o_down`."""
    heard: Heard = field(default_factory=Heard)


def draw_group(
    kind: Kind,
    name: str,
    members: Sequence[Member],
    now_ms: int,
    *,
    sentinels: Sequence[SentinelPicture] = (),
    problems: Sequence[str] = (),
) -> Picture:
    """Draw the servers with their replicas as shards without slots."""
    nodes = tuple(_draw(member, now_ms) for member in sorted(members, key=lambda each: each.address))
    primaries = [node for node in nodes if node.role == "primary"]
    # A failed primary that has a successor is still listed as a primary by itself alone; it has no replicas.
    shards = tuple(
        ShardPicture(
            id=node.id,
            replica_ids=tuple(each.id for each in nodes if each.primary_id == node.id),
            keys=node.keys,
            memory_bytes=node.load.memory_bytes,
            ops_per_s=node.load.ops_per_s,
            cpu_fraction=node.load.cpu_fraction,
        )
        for node in primaries
    )
    return Picture(
        kind=kind,
        name=name,
        at_ms=now_ms,
        nodes=nodes,
        shards=shards,
        sentinels=tuple(sentinels),
        slow_commands=newest_slow_commands(member.heard for member in members),
        majority_answers=not sentinels or sum(each.reachable for each in sentinels) * 2 > len(sentinels),
        problems=tuple(problems),
    )


def _draw(member: Member, now_ms: int) -> NodePicture:
    heard, sample = member.heard, member.heard.sample
    judged = "failed" if "o_down" in member.flags else "suspected" if "s_down" in member.flags else ""
    state, why = node_state(heard, judged, now_ms)
    if judged:
        why = (
            "a quorum of Sentinels has declared it down"
            if judged == "failed"
            else "a Sentinel does not hear it"
        )
    role = sample.role if sample is not None and heard.silent_since_ms is None else member.said_role
    primary = None
    if role == "replica":
        fields = sample.fields if sample is not None else {}
        own = f"{fields['master_host']}:{fields['master_port']}" if "master_host" in fields else ""
        primary = member.said_primary or own or None
    return NodePicture(
        id=member.address,
        address=member.address,
        role="replica" if role == "replica" else "primary",
        primary_id=primary,
        state=state,
        why=why,
        host=member.address.rpartition(":")[0].strip("[]"),
        zone=sample.fields.get("availability_zone", "") if sample else "",
        keys=sample.keys if sample else None,
        version=sample.version if sample else "",
        server=sample.server if sample else "",
        link_up=sample.link_up if sample and role == "replica" else None,
        uptime_s=sample.number("uptime_in_seconds") if sample else None,
        last_save_age_s=sample.last_save_age_s if sample else None,
        load=heard.load,
        as_of_ms=heard.as_of_ms,
        answered_in_ms=heard.answered_in_ms,
    )
