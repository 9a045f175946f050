"""Recipes: what programs build of commands and scripts, complete, with what each promises and what not.

======================================================  =====================================================
:class:`Lock`, :class:`Semaphore`                       one holder, or so many, at a time; with fencing tokens
:class:`LeaderElection`                                 one leader among processes, and the next
:class:`FixedWindow`, :class:`SlidingWindow`,           how often somebody may do something
:class:`Gcra`
:class:`FlashSale`                                      never sell more than there is
:class:`DelayedQueue`                                   jobs for later, at least once
:class:`IdempotencyKeys`                                the same request twice, carried out once
:class:`ShardedCounter`                                 a counter that everybody adds to
:class:`UrlShortener`                                   short codes, and a filter against guesses
======================================================  =====================================================

Each takes a connected client, for one server, a primary under Sentinels, or a cluster, and any number of
tasks may use one object. The logic is in Lua scripts that run as one step on the node of the keys; time is
the server's. What they raise is in the client's error tree below
:class:`~garrison.client.errors.RecipeError`. ``docs/recipes.md`` has an example of each.
"""

from garrison.client.errors import (
    HoldLostError,
    InProgressError,
    KeyReusedError,
    NotAcquiredError,
    QueueFullError,
    RecipeError,
)
from garrison.client.recipes.delayed_queue import DelayedQueue, Job, QueueSizes
from garrison.client.recipes.filters import BitmapFilter, BloomFilter, Filter, choose_filter
from garrison.client.recipes.flash_sale import FlashSale, SaleOutcome
from garrison.client.recipes.holds import Hold
from garrison.client.recipes.idempotency import IdempotencyKeys, IdempotentOutcome
from garrison.client.recipes.leader_election import Leader, LeaderElection
from garrison.client.recipes.lock import Lock
from garrison.client.recipes.rate_limits import FixedWindow, Gcra, SlidingWindow, Verdict
from garrison.client.recipes.semaphore import Semaphore
from garrison.client.recipes.sharded_counter import ShardedCounter
from garrison.client.recipes.url_shortener import UrlShortener

__all__ = [
    "BitmapFilter",
    "BloomFilter",
    "DelayedQueue",
    "Filter",
    "FixedWindow",
    "FlashSale",
    "Gcra",
    "Hold",
    "HoldLostError",
    "IdempotencyKeys",
    "IdempotentOutcome",
    "InProgressError",
    "Job",
    "KeyReusedError",
    "Leader",
    "LeaderElection",
    "Lock",
    "NotAcquiredError",
    "QueueFullError",
    "QueueSizes",
    "RecipeError",
    "SaleOutcome",
    "Semaphore",
    "ShardedCounter",
    "SlidingWindow",
    "UrlShortener",
    "Verdict",
    "choose_filter",
]
