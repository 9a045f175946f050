"""A primary that came back without its data: what speaks for that, and how much of it is enough.

BACKGROUND. A primary that is killed and starts again within down-after-milliseconds answers PING as if
nothing had happened. With an empty or an old disk it has lost what it had acknowledged, and its replicas
still hold it. INFO is read every 10 s, so we may never have seen the data of the last seconds; a replica
that was in sync has. So the replicas are the witnesses, in two ways:

* One *refuses* the history that its primary offers (`master_sync_refused` in the INFO of a Garrison node:
  the history is unknown, younger, and has fewer than half of the keys). What is written to the primary
  meanwhile does not change that.
* One was in sync with a *former life* of the primary, which has another run id now, and holds more than
  twice the keys that this life came with. This needs no refusal; a Redis replica can say it until it is
  wiped.

A replica whose link is up and that holds data, or that holds hardly more than the primary, speaks for the
primary. One that has not said yet which it is (its INFO is of before, or its link is neither up nor
refused) leaves the matter open.

INVARIANTS. The primary counts as having lost its data only while more replicas speak against it than for
it. One stale replica therefore cannot unseat a primary that another replica follows, and the only replica
of a group can. A replica that had been cut off for long (`cut_off_max_ms`) before that life of the primary
ended in which it was last in sync is not a witness: it does not know what the primary had. It may say only
that a primary which we have seen with data, and which came back with none, has lost them; it is not
promoted. For the same reason a replica that refuses is fit to be promoted however long it has refused:
only the time before counts. Of a primary that has lost its data no replica is promoted whose link to it is
up, for that one has taken the younger history; and of a primary that has not, none that refuses it.

BEHAVIOUR. An open replica is waited for, for down-after-milliseconds at most, so that the first to speak
does not decide alone. When the primary begins a new life, all replicas are asked at once, and often while
their links are down. What each Sentinel finds is its own S_DOWN; a failover needs the quorum and the
majority as always. Where the replicas disagree nothing is done, and SENTINEL STATUS says so. Until the
matter is clear we do not vouch for the primary: SENTINEL MASTER flags it `data_in_doubt`, and a Garrison
node that has just started takes no writes on our word (`node/core/sentinel_hold.py`).
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import Final

from garrison.sentinel.core.context import Context
from garrison.sentinel.core.info import Report
from garrison.sentinel.core.instances import Life, Primary, Replica

KEYS_KEPT_ONE_IN: Final = 2
"""With fewer than one in so many of a replica's keys a primary is not what that replica was in sync with. The
engine refuses by the same measure (`replication/younger.rs`)."""
DOWN_AFTERS_CUT_OFF: Final = 10
"""A replica that was cut off for longer than so many down-after-milliseconds knows too little."""
INFO_PERIODS_FRESH: Final = 2
"""How many periods a replica's report counts for, if its link was up ..."""
INFO_FRESH_WHEN_CUT_OFF_MS: Final = 5_000
"""... and for so long, if it was down: then it is asked every second."""
DOUBT_MS_MAX: Final = 5_000
"""So long after our connection to a primary was made we vouch for it only when its replicas have spoken."""


class Speaks(Enum):
    """A replica's testimony about the data of its primary."""

    FOR = "it follows them"
    AGAINST = "it keeps those of a former life"
    OPEN = "it has not said yet"
    NONE = "it has no evidence"


def cut_off_max_ms(primary: Primary) -> int:
    """A replica that was cut off from its primary for longer is neither a witness nor fit to be promoted."""
    return DOWN_AFTERS_CUT_OFF * primary.monitor.down_after_ms


def testimony(context: Context, primary: Primary, replica: Replica) -> Speaks:
    """The present testimony of one replica."""
    life = primary.life
    if replica.is_down:
        return Speaks.NONE
    if not replica.info_ms or replica.info_ms < life.seen_ms:
        return Speaks.OPEN
    if not replica.keys or not _is_fresh(context, replica):
        return Speaks.NONE
    is_follower = replica.role_reported == "slave" and context.same(replica.follows, primary.address)
    if is_follower and replica.link_up:
        return Speaks.FOR
    came_back_empty = life.had_keys and not life.keys
    if not was_in_touch(primary, replica) and not came_back_empty:
        return Speaks.NONE
    if replica.refuses and (replica.refuses == "?" or primary.history in ("", replica.refuses)):
        return Speaks.AGAINST
    if is_follower and life.loading:
        return Speaks.OPEN
    if replica.synced_run_id in ("", primary.run_id):
        if not is_follower:
            return Speaks.NONE
        return Speaks.FOR if replica.synced_run_id else Speaks.OPEN
    return Speaks.AGAINST if KEYS_KEPT_ONE_IN * life.keys < replica.keys else Speaks.FOR


def _is_fresh(context: Context, replica: Replica) -> bool:
    """Whether what it said last still counts."""
    fresh_ms = INFO_FRESH_WHEN_CUT_OFF_MS
    if replica.link_up:
        fresh_ms = INFO_PERIODS_FRESH * context.tunables.info_period
    return context.now_ms - replica.info_ms <= fresh_ms


def was_in_touch(primary: Primary, replica: Replica) -> bool:
    """Whether it had not been cut off for long when that life of its primary ended which it was in sync with.

    Without a memory of that life we go by when the present one began.
    """
    ended_ms = replica.parted_ms or primary.life.born_ms
    return ended_ms - (replica.info_ms - replica.link_down_ms) <= cut_off_max_ms(primary)


def is_in_doubt(context: Context, primary: Primary) -> bool:
    """Whether we cannot vouch for its data yet: this may be a new life of it, which has lost them."""
    command = primary.link.command
    if not command.up:
        return True
    is_open = any(
        testimony(context, primary, replica) is Speaks.OPEN for replica in primary.replicas.values()
    )
    if is_open and _is_waiting(context, primary):
        return True
    if context.now_ms - command.since_ms >= DOUBT_MS_MAX:
        return False
    return primary.info_ms < command.since_ms or primary.life.loading or is_open


def _is_waiting(context: Context, primary: Primary) -> bool:
    """Whether a replica speaks against it, and those that are open have time left to speak."""
    since_ms = primary.life.doubted_since_ms
    return since_ms != 0 and context.now_ms - since_ms < primary.monitor.down_after_ms


class LostData:
    """Takes in what INFO says of it, and finds primaries that have lost their data."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def begins_life(self, primary: Primary, report: Report) -> None:
        """A primary has another run id than before, or its first: its replicas are asked about it."""
        context = self._context
        born_ms = context.now_ms - report.uptime_ms
        if primary.run_id:
            ended_ms = min(born_ms, primary.replied_before_ms or born_ms)
            for replica in primary.replicas.values():
                replica.parted_ms = replica.parted_ms or ended_ms
        former = primary.life
        primary.life = Life(
            seen_ms=context.now_ms,
            born_ms=born_ms,
            keys=report.keys,
            had_keys=primary.keys > 0 or (former.had_keys and former.lost_data_since_ms > 0),
            lost_data_since_ms=former.lost_data_since_ms,
        )
        for replica in primary.replicas.values():
            context.ask_info_soon(replica)

    def note_primary(self, primary: Primary, report: Report) -> None:
        """INFO of a primary, whose run id is noted already."""
        life, now_ms = primary.life, self._context.now_ms
        is_idle = report.role == "slave" and not report.link_up
        primary.idle_since_ms = now_ms - min(report.link_down_ms, report.uptime_ms) if is_idle else 0
        if life.loading:
            life.keys = report.keys
        life.loading = report.loading

    def note_replica(self, replica: Replica, report: Report) -> None:
        """INFO of a replica. What it refused stays known when it follows this primary no longer."""
        primary = replica.primary
        if report.role != "slave" or not self._context.same(report.follows, primary.address):
            return
        replica.refuses = report.refuses
        if report.link_up:
            replica.synced_run_id, replica.parted_ms = primary.run_id, 0

    def judge(self, primary: Primary) -> str:
        """Why it counts as having lost its data, or an empty text; each change raises an event."""
        context, life = self._context, primary.life
        said = {replica: testimony(context, primary, replica) for replica in primary.replicas.values()}
        count = Counter(said.values())
        against, others, still_open = count[Speaks.AGAINST], count[Speaks.FOR], count[Speaks.OPEN]
        if not against or primary.role_reported != "master":
            against, life.doubted_since_ms, life.doubts = 0, 0, ""
        else:
            life.doubted_since_ms = life.doubted_since_ms or context.now_ms
            keepers = [replica for replica, word in said.items() if word is Speaks.AGAINST]
            life.doubts = _in_words(keepers, against + others + still_open)
        if primary.has_lost_data:
            # One that ends again and again is not given back its good name each time it begins.
            is_new = context.now_ms - life.seen_ms < primary.monitor.down_after_ms
            against += still_open if is_new else 0
        elif _is_waiting(context, primary):
            others += still_open
        self._found(primary, is_lost=against > others)
        return f"it has lost its data: {life.doubts}" if primary.has_lost_data else ""

    def _found(self, primary: Primary, *, is_lost: bool) -> None:
        if is_lost == primary.has_lost_data:
            return
        primary.life.lost_data_since_ms = self._context.now_ms if is_lost else 0
        if is_lost:
            self._context.event("+lost-data", primary, f"#{primary.life.doubts}")
        else:
            self._context.event("-lost-data", primary)


def _in_words(keepers: list[Replica], voices: int) -> str:
    refusing = sum(1 for replica in keepers if replica.refuses)
    keep = "keeps" if len(keepers) == 1 else "keep"
    text = f"{len(keepers)} of {voices} replicas {keep} the data of a former life"
    return f"{text}, {refusing} of them refusing its younger history" if refusing else text
