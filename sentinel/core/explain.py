"""The whole picture with reasons: for each primary what holds, what is going on, and why nothing is."""

from __future__ import annotations

from typing import Any

from garrison.sentinel.core import failover_start, selection
from garrison.sentinel.core.context import Context
from garrison.sentinel.core.instances import Primary


def status(context: Context, primary: Primary) -> dict[str, Any]:
    """One primary: a tree of texts, numbers and lists."""
    address = primary.current_address()
    return {
        "name": primary.name,
        "address": f"{context.shown(address)}:{address.port}",
        "state": state_of(primary),
        "reason": reason(context, primary),
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
                "fit": 0 if verdict.reason_against else 1,
                "reason": verdict.reason_against,
            }
            for verdict in selection.judge(context, primary)
        ],
        "sentinels": [
            {
                "id": peer.run_id,
                "address": f"{context.shown(peer.address)}:{peer.address.port}",
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


def reason(context: Context, primary: Primary) -> str:
    """Why it is failing over, or why not, in one sentence."""
    if context.in_tilt:
        left_ms = context.tilt_since_ms + context.tunables.tilt_period - context.now_ms
        return f"not failing over because this Sentinel was asleep (TILT), for {left_ms} ms more"
    if context.is_unsaved:
        return (
            f"not failing over because this Sentinel cannot save its configuration: {context.unsaved_reason}"
        )
    if primary.failing_over:
        return f"failing over in epoch {primary.attempt.epoch}, step {primary.attempt.state.value}"
    if primary.is_odown:
        reason_to_wait, _ = failover_start.reason_to_wait(context, primary)
        return f"not failing over yet because {reason_to_wait}" if reason_to_wait else "about to fail over"
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
    if selection.choose(context, primary) is None:
        return "it is up, but no replica is fit to be promoted"
    return "it is up"


def quorum_problem(primary: Primary) -> str:
    """Why SENTINEL CKQUORUM fails; empty if enough Sentinels are reachable."""
    usable = usable_sentinels(primary)
    problems = []
    if usable < primary.monitor.quorum:
        problems.append("Not enough available Sentinels to reach the specified quorum for this master")
    if usable < primary.majority:
        problems.append("Not enough available Sentinels to reach the majority and authorize a failover")
    return ". ".join(problems)


def quorum_text(primary: Primary) -> str:
    """What SENTINEL CKQUORUM answers, begun by OK or NOQUORUM."""
    usable, problem = usable_sentinels(primary), quorum_problem(primary)
    if problem:
        return f"NOQUORUM {usable} usable Sentinels. {problem}"
    return f"OK {usable} usable Sentinels. Quorum and failover authorization can be reached"


def usable_sentinels(primary: Primary) -> int:
    """This one and the others that are not down."""
    return 1 + sum(not peer.is_down for peer in primary.peers.values())
