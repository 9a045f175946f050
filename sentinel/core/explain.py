"""The whole picture with reasons: for each primary what holds, what is going on, and why nothing is."""

from __future__ import annotations

from typing import Any

from garrison.sentinel.core import selection, turns
from garrison.sentinel.core.instances import Primary
from garrison.sentinel.core.world import World


def status(world: World, primary: Primary) -> dict[str, Any]:
    """One primary: a tree of texts, numbers and lists."""
    address = primary.current_address()
    return {
        "name": primary.name,
        "address": f"{world.shown(address)}:{address.port}",
        "state": state_of(primary),
        "reason": reason(world, primary),
        "quorum": primary.monitor.quorum,
        "majority": primary.majority,
        "config_epoch": primary.config_epoch,
        "last_failover": primary.attempt.ended,
        "round_trip_us": int(primary.link.round_trip_ms * 1000),
        "replicas": [
            {
                "address": str(verdict.replica.address),
                "state": "down" if verdict.replica.is_down else "up",
                "link": "up" if verdict.replica.link_up else "down",
                "offset": verdict.replica.offset,
                "behind_bytes": max(0, primary.offset - verdict.replica.offset),
                "priority": verdict.replica.priority,
                "refuses": 1 if verdict.replica.refuses else 0,
                "fit": 0 if verdict.objection else 1,
                "reason": verdict.objection,
            }
            for verdict in selection.judge(world, primary)
        ],
        "sentinels": [
            {
                "id": peer.run_id,
                "address": f"{world.shown(peer.address)}:{peer.address.port}",
                "state": "down" if peer.is_down else "up",
                "holds_primary_down": int(peer.holds_down),
                "reason": peer.down_reason,
            }
            for peer in primary.peers.values()
        ],
    }


def state_of(primary: Primary) -> str:
    """One word for it."""
    if primary.failing_over:
        return "failing over"
    if primary.is_odown:
        return "down"
    return "suspected" if primary.is_down else "up"


def reason(world: World, primary: Primary) -> str:
    """Why it is failing over, or why not, in one sentence."""
    if world.in_tilt:
        left_ms = world.tilt_since_ms + world.tunables.tilt_period - world.now_ms
        return f"not failing over because this Sentinel was asleep (TILT), for {left_ms} ms more"
    if world.is_unsaved:
        return f"not failing over because this Sentinel cannot save its configuration: {world.unsaved_reason}"
    if primary.failing_over:
        return f"failing over in epoch {primary.attempt.epoch}, step {primary.attempt.state.value}"
    if primary.is_odown:
        objection, _ = turns.objection(world, primary)
        return f"not failing over yet because {objection}" if objection else "about to fail over"
    if primary.is_down:
        agreeing = 1 + sum(peer.holds_down for peer in primary.peers.values())
        return (
            f"not failing over because {agreeing} of {primary.monitor.quorum} Sentinels hold it down "
            f"(we do: {primary.down_reason})"
        )
    if primary.life.doubts:
        return f"it is up, but {primary.life.doubts}: too few to say that it has lost its data"
    warning = quorum_problem(primary)
    if warning:
        return f"it is up, but could not be failed over: {warning}"
    if not primary.replicas:
        return "it is up, but has no replica to fail over to"
    if selection.choose(world, primary) is None:
        return "it is up, but no replica is fit to be promoted"
    return "it is up"


def quorum_problem(primary: Primary) -> str:
    """What SENTINEL CKQUORUM complains of; empty if enough Sentinels are there."""
    usable = usable_sentinels(primary)
    problems = []
    if usable < primary.monitor.quorum:
        problems.append("Not enough available Sentinels to reach the specified quorum for this master")
    if usable < primary.majority:
        problems.append("Not enough available Sentinels to reach the majority and authorize a failover")
    return ". ".join(problems)


def usable_sentinels(primary: Primary) -> int:
    """This one and the others that are not down."""
    return 1 + sum(not peer.is_down for peer in primary.peers.values())
