"""The write lease: until when this primary may acknowledge writes.

BACKGROUND. A primary that was cut off or stopped does not know that a replica has been elected in
its place, and would go on acknowledging writes that are lost. So it may write only while a majority
of the voting primaries has recently promised that nobody is elected yet. The promise is a pong.

INVARIANTS, and why two primaries of one slot never hold a lease at once. Let P be the old and R the
elected primary, T the node timeout, t when the ping left that a voter X answered.
- P's lease ends at t + T (less a margin), t being the youngest time that a majority has answered. Nodes
  tell each other their T: what X has answered counts for X's T, if that is less than P's.
- X gives no vote for a replica of P before it has itself received nothing from P for T (manual failover
  aside, where P has stopped its writes, and a P that says it has lost its data, which has no lease). So a
  vote after the answer comes after the lease. A T that was larger a moment ago still binds X.
- X may receive frames of a P that has no lease and says so: its own frames come through, but not the answers
  to them. X then refuses it the lease, and votes when T has passed since the last answer that it did not
  refuse.
- X, once it suspects P or has voted, answers P's pings with an entry that refuses the lease, until
  the election can no longer be won. Votes that may still decide one are on disk with their
  primaries, so this holds across a restart of X; and X does not vote within T of its start, having
  forgotten what it received.
- X answers a claim that it knows to be outdated with UPDATE on the same link, before the pong. So
  a P that returns after R was announced steps down before it can count that pong.
- P itself is one of its voters. Having voted for R (manual failover) it does not count itself either.
- A manual failover trusts in P's pause instead of its silence. At the end of the pause P's promises are void
  (see manual_failover).
- R counts the votes as answers to its request. If its lease then lapses before a majority has
  answered a ping that carries the new claim, R waits for T after it has: those who did not know of
  R may have renewed P's lease meanwhile.

BEHAVIOUR. FORCE and TAKEOVER are the administrator's word against this (after TAKEOVER the lease begins as
soon as a majority knows the claim), and real Redis peers do not refuse leases or check their own silence
before a vote; with them, and with clocks of unequal speed, the lease only makes the window small. A primary
that has been without its lease for half of T says so in its frames, so that it can be replaced (see
election)."""

from __future__ import annotations

from typing import Final

from garrison.node.core.context import Context
from garrison.node.core.effects import LEASE_FOREVER_MS
from garrison.node.core.nodes import NEVER_MS, Node

LEASE_MARGIN_MS_MAX: Final = 100
LEASE_MARGIN_SHARE: Final = 10
"""The margin is T over this, at most LEASE_MARGIN_MS_MAX: for checking, and for clocks' drift."""
NO_LEASE_SHARE: Final = 2
"""A primary that has had no lease for T over this says so."""


class Lease:
    """Counts promises and computes until when writes are allowed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ends_ms: int | None = None
        self._hold_until_ms = NEVER_MS
        self._confirmed = True
        self._claim_ms = NEVER_MS
        self._overruled = False
        self._void_before_ms = NEVER_MS
        """Pings that left before this bring no promise; see `withdraw`."""
        self._lapsed_ms = context.now_ms
        """Since when there is no lease; see `tick`."""

    @property
    def until_ms(self) -> int:
        """The end of the lease that was reported last."""
        return self._ends_ms or 0

    def claimed_anew(self, *, overruled: bool = False) -> None:
        """I claim slots that were another's: what was promised to me before does not count.

        `overruled` says that an administrator has decided it, so that the former owner is not waited for.
        """
        self.withdraw()
        self._claim_ms = self._context.now_ms
        self._confirmed = False
        self._overruled = overruled

    def elected(self, requested_ms: int, voters: list[Node]) -> None:
        """I won an election: the votes promise what a pong promises."""
        for voter in voters:
            voter.granted_ms = max(voter.granted_ms, requested_ms)

    def granted(self, voter: Node, ping_sent_ms: int) -> None:
        """`voter` has answered the ping that left at `ping_sent_ms`, and does not refuse."""
        if ping_sent_ms >= self._void_before_ms:
            voter.granted_ms = max(voter.granted_ms, ping_sent_ms)

    def withdraw(self) -> None:
        """All promises are void, those on their way too: somebody may have replaced this node."""
        self._void_before_ms = self._context.now_ms
        for node in self._context.table:
            node.granted_ms = NEVER_MS

    def news(self) -> int | None:
        """The end of the lease if it differs from what was reported last; None otherwise."""
        until = self._compute()
        if until == self._ends_ms:
            return None
        self._ends_ms = until
        return until

    def _compute(self) -> int:
        context = self._context
        me = context.me
        if context.data.is_withheld:
            return 0
        if not context.settings.cluster_write_lease:
            return LEASE_FOREVER_MS
        if not me.is_primary():
            return 0
        voters = context.table.voters()
        if not voters or voters == [me]:
            return LEASE_FOREVER_MS
        majority = context.table.majority()
        answered = sorted(map(self._granted_ms, voters), reverse=True)
        if answered[majority - 1] == NEVER_MS:
            return 0
        self._confirm(answered[majority - 1])
        if context.now_ms < self._hold_until_ms:
            return 0
        ends = sorted((self._promised_until(v) for v in voters), reverse=True)
        return ends[majority - 1]

    def _promised_until(self, voter: Node) -> int:
        """Until when the last answer of `voter` promises not to vote for a replacement of mine."""
        context, granted_ms = self._context, self._granted_ms(voter)
        timeout_ms = min(context.timeout_ms, voter.timeout_ms or context.timeout_ms)
        return granted_ms + timeout_ms - min(LEASE_MARGIN_MS_MAX, timeout_ms // LEASE_MARGIN_SHARE)

    def _granted_ms(self, voter: Node) -> int:
        """When `voter` promised last. I promise it to myself, unless I voted for a replica of mine lately."""
        context = self._context
        if voter is not context.me:
            return voter.granted_ms
        return NEVER_MS if context.now_ms - voter.voted_ms < context.vote_window_ms() else context.now_ms

    def is_held(self) -> bool:
        """Whether a majority promises, up to now, that nobody is elected in this primary's place."""
        return self._context.me.votes() and self._context.now_ms < self._compute()

    def tick(self) -> None:
        """Note for how long this primary has been without its lease, and say so when that is long."""
        context = self._context
        needs_lease = (
            context.me.votes() and not context.data.is_withheld and context.settings.cluster_write_lease
        )
        if not needs_lease or context.now_ms <= self._compute():
            self._lapsed_ms = context.now_ms
        context.no_lease = context.now_ms - self._lapsed_ms > context.timeout_ms // NO_LEASE_SHARE

    def state(self) -> str:
        """The word for CLUSTER INFO: whether writes are acknowledged."""
        if not self._context.me.is_primary():
            return "none"
        return "held" if self._context.now_ms <= self.until_ms else "lapsed"

    def _confirm(self, youngest_ms: int) -> None:
        """See whether a majority knows my present claim, and hold the lease back if that was late."""
        context = self._context
        if self._confirmed or youngest_ms <= self._claim_ms:
            return
        self._confirmed = True
        if context.now_ms >= (self._ends_ms or 0) and not self._overruled:
            self._hold_until_ms = context.now_ms + context.timeout_ms
