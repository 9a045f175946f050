"""Which replica is promoted, and for each of the others why not.

A replica is fit if it is reachable, has answered lately, may be promoted (priority above 0), and was not
cut off from its primary for long before the primary failed. Where the primary has lost its data
(`lost_data.py`), one that keeps them is fit however long it has refused what the primary offers, and one
that follows the primary is not. Of the fit ones the order is: lower priority,
then the larger replication offset, then the smaller run id, so that all Sentinels would choose alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from garrison.sentinel.core.context import Context
from garrison.sentinel.core.instances import Primary, Replica
from garrison.sentinel.core.lost_data import Speaks, cut_off_max_ms, testimony, was_in_touch

PING_PERIODS_FRESH: Final = 5
INFO_PERIODS_FRESH_URGENT: Final = 5
INFO_PERIODS_FRESH: Final = 3


class Verdict(NamedTuple):
    """A replica, and why it cannot be promoted; an empty text if it can."""

    replica: Replica
    reason_against: str


def judge(context: Context, primary: Primary) -> Iterator[Verdict]:
    """All replicas, in no order."""
    for replica in primary.replicas.values():
        yield Verdict(replica, _reason_against(context, primary, replica))


def choose(context: Context, primary: Primary) -> Replica | None:
    """The replica to promote; None where none is fit."""
    fit = [verdict.replica for verdict in judge(context, primary) if not verdict.reason_against]
    return min(fit, key=_rank, default=None)


def _rank(replica: Replica) -> tuple[int, int, str]:
    # A replica whose run id is not known sorts behind those that have one.
    return (replica.priority, -replica.offset, replica.run_id or "g")


def _reason_against(context: Context, primary: Primary, replica: Replica) -> str:
    now_ms = context.now_ms
    if replica.is_down:
        return f"it is down itself ({replica.down_reason})"
    if not replica.link.command.up:
        return "not connected to it"
    silent_ms = context.awake_ms - replica.link.available_awake_ms
    if silent_ms > PING_PERIODS_FRESH * context.tunables.ping_period:
        return f"its last reply to PING is {silent_ms} ms old"
    if replica.priority == 0:
        return "its replica-priority is 0"
    if not replica.info_ms:
        return "it has not answered INFO yet"
    urgent = primary.is_down
    periods, period_ms = (
        (INFO_PERIODS_FRESH_URGENT, 1_000) if urgent else (INFO_PERIODS_FRESH, context.tunables.info_period)
    )
    age_ms = now_ms - replica.info_ms
    if age_ms > max(periods * period_ms, PING_PERIODS_FRESH * context.tunables.ping_period):
        return f"its last INFO is {age_ms} ms old"
    keeps_lost_data = testimony(context, primary, replica) is Speaks.AGAINST
    if primary.has_lost_data:
        if not replica.keys:
            return "it holds no data either"
        if replica.link_up and context.same(replica.follows, primary.address):
            return "it has taken the younger history of its primary, which has lost its data"
    elif keeps_lost_data:
        return "it keeps data of a former life of its primary, against those that follow it now"
    limit_ms = cut_off_max_ms(primary)
    if primary.is_down:
        # Since then nothing was written that the replica could lack.
        limit_ms += now_ms - min(primary.down_since_ms, primary.idle_since_ms or now_ms)
    if replica.link_down_ms > limit_ms and not (keeps_lost_data and was_in_touch(primary, replica)):
        return f"it was cut off from its primary for {replica.link_down_ms} ms, more than {limit_ms}"
    if (
        replica.role_reported == "slave"
        and not replica.offset
        and any(other.offset for other in primary.replicas.values())
    ):
        return "it has never been in sync"
    return ""
