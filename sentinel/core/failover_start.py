"""Whose turn it is to lead the failover of a primary, and whom the others leave it to.

BEHAVIOUR. The Sentinels that see O_DOWN do not all start at once: by the order of their ids, turned by the
epoch, each gives those before it a few round trips, so that votes are rarely split. Who knows no replica to
promote lets the others come first. Who voted for another waits twice failover-timeout, as Redis does, but not
for a leader that is gone itself, or that has promoted nobody in the time that elections take.
"""

from __future__ import annotations

from typing import Final

from garrison.sentinel.core import selection
from garrison.sentinel.core.context import Context
from garrison.sentinel.core.instances import Primary

STAGGER_MS_MIN: Final = 50
STAGGER_ROUND_TRIPS: Final = 4
UNFIT_STAGGER_MS: Final = 1_000
"""A Sentinel that knows no replica to promote gives the others this much more time: they may know one."""


def reason_to_wait(context: Context, primary: Primary) -> tuple[str, int]:
    """Why we do not begin a failover of a primary that is O_DOWN, and when to look again."""
    attempt, now_ms = primary.attempt, context.now_ms
    if context.is_unsaved:
        return f"the configuration cannot be saved: {context.unsaved_reason}", now_ms + 1_000
    if attempt.not_before_ms > now_ms and not _is_abandoned(context, primary):
        wait_ms = attempt.not_before_ms - now_ms
        return f"{attempt.not_before_reason}; own attempt in {wait_ms} ms", min(
            attempt.not_before_ms, now_ms + 1_000
        )
    begin_ms = primary.odown_since_ms + _stagger_ms(context, primary)
    if selection.choose(context, primary) is None:
        begin_ms += UNFIT_STAGGER_MS
        if attempt.started_ms >= primary.odown_since_ms or now_ms < begin_ms:
            return "no replica is fit to be promoted", max(begin_ms, now_ms + 100)
    if now_ms < begin_ms:
        return f"leaving another Sentinel the first {begin_ms - now_ms} ms", begin_ms
    return "", 0


def _stagger_ms(context: Context, primary: Primary) -> int:
    present = sorted([context.my_id, *(p.run_id for p in primary.peers.values() if not p.is_down)])
    rank = (present.index(context.my_id) - context.epoch) % len(present)
    round_trip = max((peer.link.slack_ms for peer in primary.peers.values()), default=0.0)
    return rank * max(STAGGER_MS_MIN, int(STAGGER_ROUND_TRIPS * round_trip))


def is_left_to_another(context: Context, primary: Primary) -> bool:
    """We have voted for another Sentinel, and what it leads may have happened before we hear of it.

    A former primary that asks may not take our word that it is the primary: its majority and the one that has
    elected the leader have a Sentinel in common, and that one says so.
    """
    if primary.vote in ("", context.my_id) or primary.vote_epoch <= primary.config_epoch:
        return False
    if context.now_ms >= primary.attempt.not_before_ms:
        return False
    return _is_promoted(primary) or not _is_abandoned(context, primary)


def _is_abandoned(context: Context, primary: Primary) -> bool:
    """The Sentinel that we voted for is gone itself, or does nothing.

    It may be gone for us only, or slow. Then two lead, in different epochs, and the higher one wins.
    """
    if primary.vote in ("", context.my_id):
        return False
    waited_ms = context.now_ms - primary.attempt.started_ms
    down_after_ms = primary.monitor.down_after_ms
    leader = primary.peers.get(primary.vote)
    if leader is None or leader.is_down:
        return waited_ms > down_after_ms
    return not _is_promoted(primary) and waited_ms > context.tunables.election_timeout + down_after_ms


def _is_promoted(primary: Primary) -> bool:
    """One of its replicas calls itself primary."""
    return any(replica.role_reported == "master" for replica in primary.replicas.values())
