"""What to do when a call fails: one pure function from the error to a decision.

============================  =========  =========================================================
error                         action     why
============================  =========  =========================================================
MOVED                         GO         the slot has a new owner: go there, learn the new map
ASK                           ASK        this key is already at the target of a migration
TRYAGAIN                      PAUSE      the keys are split between two nodes for a moment
BUSY                          PAUSE      a script has run over its time; it ends, or is killed
CLUSTERDOWN, MASTERDOWN       PAUSE      a failover is under way
LOADING                       PAUSE      the node is starting
READONLY (if somebody tells   PAUSE      the node was demoted: the cluster, or the Sentinels, tell who
who is primary)                          follows
no connection could be opened PAUSE      nothing was sent
connection lost, not sent     PAUSE      nothing was executed
connection lost, maybe        PAUSE      if the command may be sent twice under the policy, else FAIL
executed
no owner known for the slot   PAUSE      a slot is without owner during a failover
anything else                 FAIL       the caller must know
============================  =========  =========================================================

PAUSE means: wait as :func:`backoff` says, then look the route up anew, until the call's deadline.
"""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Literal, NamedTuple

from garrison.client.core.commands import Retry
from garrison.client.core.topology import Address
from garrison.client.errors import (
    AskError,
    BusyError,
    ConnectionFailedError,
    ConnectionLostError,
    MovedError,
    NotNowError,
    ReadOnlyError,
    TopologyError,
    TryAgainError,
)

__all__ = ["Action", "Decision", "RetryPolicy", "backoff", "decide", "may_repeat"]

RetryPolicy = Literal["safe", "always", "never"]
"""What to repeat after a connection broke with the command perhaps executed: commands whose second
execution does no harm (``safe``, see ``core/commands.py``), everything, or nothing."""


class Action(Enum):
    """What the caller of :func:`decide` does next."""

    FAIL = "raise the error to the caller"
    GO = "send to the named node; the slot is its own now"
    ASK = "send to the named node behind ASKING, this once"
    PAUSE = "wait, then look the route up and try again"


class Decision(NamedTuple):
    action: Action
    address: Address | None = None
    """The node of GO and ASK; its host is ``""`` for "the host you asked"."""
    slot: int = -1
    """The slot that GO moves to that node."""
    refresh: bool = False
    """Whether the slot map is out of date."""


_FAIL = Decision(Action.FAIL)
_PAUSE = Decision(Action.PAUSE)
_PAUSE_AND_REFRESH = Decision(Action.PAUSE, refresh=True)


def may_repeat(retry: Retry, policy: RetryPolicy) -> bool:
    """Whether a command that may have been executed may be sent again."""
    return policy == "always" or (policy == "safe" and retry is not Retry.ONCE)


def decide(error: Exception, retry: Retry, policy: RetryPolicy, *, finds_primaries: bool) -> Decision:
    """Decide what follows ``error``, for a command of this retry class.

    ``finds_primaries``: whether somebody (a cluster, Sentinels) tells which node is primary now.
    """
    if isinstance(error, MovedError):
        return Decision(Action.GO, Address(*error.address), error.slot, refresh=True)
    if isinstance(error, AskError):
        return Decision(Action.ASK, Address(*error.address))
    if isinstance(error, (TryAgainError, BusyError)):
        return _PAUSE
    if isinstance(error, ReadOnlyError) and not finds_primaries:
        return _FAIL  # Waiting would not help: this is a replica, and no primary is known.
    if isinstance(error, (NotNowError, ConnectionFailedError, TopologyError)):
        return _PAUSE_AND_REFRESH
    if isinstance(error, ConnectionLostError) and (not error.maybe_executed or may_repeat(retry, policy)):
        return _PAUSE_AND_REFRESH
    return _FAIL


def backoff(attempt: int, first_s: float, max_s: float, rng: Random) -> float:
    """The pause in seconds before attempt ``attempt`` (from 1): doubled each time, half of it at random.

    The random half keeps callers that failed together from coming back together.
    """
    full = min(max_s, first_s * 2.0 ** min(attempt - 1, 30))
    return full * (0.5 + rng.random() / 2)
