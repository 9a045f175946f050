"""Votes: who leads the failover of a primary.

BACKGROUND. A Sentinel that wants to lead raises the epoch, votes for itself and asks the others. The
request carries the epoch, the reply the run id that the asked one has voted for in its newest epoch.

INVARIANTS. One vote per primary and epoch, first come first served, and none in an older epoch than the
last; it and the epoch are on disk, synced, before the reply leaves (`Effects.persist` comes before
everything). So two leaders of one epoch would need two majorities of the same Sentinels. After a restart
only the epoch of the last vote is known, not whom it was for: that is enough to give no second one.

BEHAVIOUR. Epochs are counted for all primaries together, votes are given for each. That another primary's
election has raised the epoch meanwhile does not justify refusing a vote, or the elections of many primaries
that fail at one moment would undo each other.
"""

from __future__ import annotations

from typing import Final

from garrison.sentinel.core.context import Context
from garrison.sentinel.core.instances import Primary, State

VOTED_DESYNC_MS: Final = 1_000
"""Random delay, so that voters for one leader do not all try again at once."""


class Votes:
    """Gives votes and counts them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def vote(self, primary: Primary, epoch: int, candidate: str) -> tuple[str, int]:
        """Vote for a candidate if we have no vote yet in this epoch: (whom we voted for, in which epoch)."""
        context = self._context
        if epoch > context.epoch:
            context.epoch = epoch
            context.event("+new-epoch", None, str(epoch), unnamed=primary)
            context.save()
        if primary.vote_epoch < epoch and primary.config_epoch < epoch:
            primary.vote, primary.vote_epoch = candidate, epoch
            context.event("+vote-for-leader", None, f"{candidate} {epoch}", unnamed=primary)
            context.save()
            if candidate != context.my_id:
                self._leave_it_to(primary, candidate)
        return primary.vote, primary.vote_epoch

    def _leave_it_to(self, primary: Primary, candidate: str) -> None:
        """Another leads: we do not start one of our own beside it."""
        attempt, now_ms = primary.attempt, self._context.now_ms
        voted_ms = now_ms + self._context.rng.randrange(VOTED_DESYNC_MS)
        if attempt.state is State.NONE:
            attempt.started_ms = voted_ms
        attempt.not_before_ms = voted_ms + 2 * primary.monitor.failover_timeout_ms
        attempt.not_before_reason = f"voted for sentinel {candidate}"

    def leader(self, primary: Primary, epoch: int) -> str:
        """The run id that a majority and the quorum have voted for in this epoch; empty if there is none."""
        counts: dict[str, int] = {}
        for peer in primary.peers.values():
            if peer.vote and peer.vote_epoch == epoch:
                counts[peer.vote] = counts.get(peer.vote, 0) + 1
        if primary.vote and primary.vote_epoch == epoch:
            counts[primary.vote] = counts.get(primary.vote, 0) + 1
        if not counts:
            return ""
        leader, votes = max(counts.items(), key=lambda item: item[1])
        return leader if votes >= max(primary.majority, primary.monitor.quorum) else ""
