"""Electing one leader among the processes of a program, and again when it dies.

::

    election = LeaderElection(client, "scheduler", candidate="host-1:4711", ttl_s=5)
    await election.lead(run_the_schedule)      # waits, leads, and stands again when leadership is lost

A leader that dies is replaced within ``ttl_s`` and ``poll_interval_s``. The term grows with each election;
it is the fencing token, by which what the leader writes to can refuse a leader of the past. Whether there
can be two for a moment is the same question as for a lock: yes (:mod:`garrison.client.recipes.holds`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from garrison.client.client import Client
from garrison.client.errors import HoldLostError
from garrison.client.recipes.holds import Hold
from garrison.client.recipes.lock import Lock

__all__ = ["Leader", "LeaderElection"]


class Leader(NamedTuple):
    """Who leads."""

    candidate: str
    term: int
    """Larger than that of every leader before."""


class _Leadership(Lock):
    kind = "leadership"


class LeaderElection:
    """The election of this name; each process makes one object with its own candidate's name."""

    def __init__(
        self,
        client: Client[Any],
        name: str,
        *,
        candidate: str,
        ttl_s: float = 5.0,
        poll_interval_s: float = 0.5,
    ) -> None:
        self.candidate = candidate
        self._lock = _Leadership(client, name, ttl_s=ttl_s, poll_interval_s=poll_interval_s, label=candidate)

    async def leader(self) -> Leader | None:
        """Who leads now; None between two leaders."""
        holder = await self._lock.holder()
        return None if holder is None else Leader(*holder)

    async def lead(self, work: Callable[[Hold], Awaitable[Any]]) -> None:
        """Stand for election until ``work`` has returned; it runs while this candidate leads.

        ``work`` gets the hold, whose ``fencing_token`` is the term. It is cancelled when leadership is
        lost, and begun anew with the next term. An error of ``work`` resigns and is raised, and so is
        :class:`~garrison.client.errors.CallTimeoutError` when the server cannot be reached for
        ``call_timeout_s``: the caller decides whether to stand again.
        """
        while True:
            done = False
            try:
                async with self._lock.hold() as hold:
                    await work(hold)
                    done = True
            except HoldLostError as error:
                if error.what != self._lock.what:
                    raise  # Something else, that the work held.
            if done:
                return
