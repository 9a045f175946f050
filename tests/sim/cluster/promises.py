"""What nodes owe each other, checked directly where it is said: verdicts, votes and leases.

A broken promise loses data only in a rare coincidence, so the invariants about data see it in few seeds.
These look at the frame that breaks it:

- FAIL is broadcast of a node that a majority of the voting primaries has suspected lately.
- A vote comes later than a lease that the same voter has granted to the primary that is to be replaced.
- After its vote a voter grants that primary no lease for as long as the election may be won, which is counted
  from the candidate's request: the vote itself may have waited for a disk.
- A vote outlives its voter: nobody votes twice in an epoch, in whichever life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl

if TYPE_CHECKING:
    from collections.abc import Callable

    from .node import SimNode

LATE_TIMEOUTS = 10
LATE_MS = 5000
"""A report may be so late, and so many node timeouts: it waits behind a cut, and then counts for 2T."""


class Promises:
    """Remembers suspicions, leases and votes over all lives of all nodes; `fail` ends the run."""

    def __init__(self, now: Callable[[], int], fail: Callable[[str], None]) -> None:
        self._now, self._fail = now, fail
        self._suspected_ms: dict[str, dict[str, int]] = {}
        """Node id -> who, voting, suspects it, by id, and when last."""
        self._granted_ms: dict[tuple[str, str], int] = {}
        """(voter, primary), by ids -> when the voter has last answered the primary without a refusal."""
        self._requested_ms: dict[tuple[str, int], int] = {}
        """(candidate, epoch) -> when the candidate has first asked for votes in that epoch."""
        self._standing_ms: dict[tuple[str, str], int] = {}
        """(voter, primary), by ids -> when the replica of it that the voter voted for last has asked."""

    def after_step(self, node: SimNode) -> None:
        """Note whom a voting primary suspects."""
        table = node.core.context.table
        for other in table if table.me.votes() else ():
            if other.flags & (fl.PFAIL | fl.FAIL):
                self._suspected_ms.setdefault(other.node_id, {})[table.me.node_id] = self._now()

    def verdict(self, node: SimNode, data: bytes) -> None:
        """A node broadcasts FAIL: how many have suspected the other one, while they were voting primaries?"""
        self.after_step(node)  # It may have come to suspect it in this very step.
        failing_id = bus.decode(data).failing_id
        context = node.core.context
        since_ms = self._now() - LATE_TIMEOUTS * context.timeout_ms - LATE_MS
        suspected_ms = self._suspected_ms.get(failing_id, {})
        count = sum(ms >= since_ms for ms in suspected_ms.values())
        if count < context.table.majority():
            self._fail(f"{node.name} broadcasts FAIL of {failing_id}, which {count} primaries have suspected")

    def pong(self, node: SimNode, to_id: str, data: bytes) -> None:
        """A node answers a ping of another one."""
        context = node.core.context
        to = context.table.get(to_id)
        if to is None or not to.is_primary() or not context.me.votes():
            return
        frame = bus.decode(data)
        if any(entry.node_id == to_id and entry.flags & (fl.PFAIL | fl.FAIL) for entry in frame.gossip):
            return
        key = context.me.node_id, to_id
        self._granted_ms[key] = self._now()
        standing_ms = self._standing_ms.get(key)
        if standing_ms is not None and self._now() - standing_ms < context.vote_window_ms():
            self._fail(
                f"{node.name} grants a lease to {to_id}, {self._now() - standing_ms} ms after a replica "
                "of it has asked for the vote that it got"
            )

    def request(self, candidate_id: str, epoch: int) -> None:
        """A replica asks for votes."""
        self._requested_ms.setdefault((candidate_id, epoch), self._now())

    def vote(self, node: SimNode, primary_id: str, candidate_id: str, epoch: int, *, forced: bool) -> None:
        """A node votes for a replica of a primary; its earlier votes may have been against that replica."""
        context = node.core.context
        key = context.me.node_id, primary_id
        self._standing_ms.pop((context.me.node_id, candidate_id), None)
        self._standing_ms[key] = self._requested_ms[candidate_id, epoch]
        granted_ms = self._granted_ms.get(key)
        if forced or granted_ms is None:
            return
        if self._now() - granted_ms < context.timeout_ms:
            self._fail(
                f"{node.name} votes for a replica of {primary_id} {self._now() - granted_ms} ms after it has "
                "granted that one a lease"
            )
