"""Publish and subscribe: messages as an asynchronous iterator.

::

    async with client.subscribe("news") as messages:
        async for message in messages:
            print(message.channel, message.data)

A subscription has connections of its own. ``subscribe`` and ``psubscribe`` (patterns) need one, to
any node, as a cluster passes plain messages to all of its nodes. ``ssubscribe`` needs one for each
slot among its *sharded* channels, to the slot's owner; it follows the slot when it moves.

What can be lost, and how it shows: the server keeps nothing for an absent subscriber, so messages
published while a broken connection is being replaced are gone; :attr:`Subscription.gaps` counts
these times. A reader that is too slow meets ``subscriber_messages_max`` or ``subscriber_bytes_max``:
with ``overflow="error"`` (the default) the subscription ends, and after the messages that were kept
the iterator raises :class:`SubscriberOverflowError`; with ``overflow="drop_oldest"`` the oldest are
discarded and counted in :attr:`Subscription.dropped`.

The channels of a subscription are fixed; to follow others, make another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from random import Random
from types import TracebackType
from typing import Any, Generic, Literal, NamedTuple

from garrison.client.commands.base import T
from garrison.client.connection import Connection
from garrison.client.core.resp import Arg, encode_command, to_bytes
from garrison.client.core.routing import backoff
from garrison.client.core.slots import group_by_slot
from garrison.client.core.topology import Address
from garrison.client.errors import (
    CallTimeoutError,
    ClientError,
    NotNowError,
    RedirectError,
    ReplyError,
    SubscriberOverflowError,
    UsageError,
)
from garrison.client.execution import ANY_SLOT
from garrison.client.nodes import Node, NodePool
from garrison.client.router import Router
from garrison.client.settings import Settings

__all__ = ["Kind", "Message", "Overflow", "Subscription"]

Overflow = Literal["error", "drop_oldest"]
Kind = Literal["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]

_log = logging.getLogger(__name__)
_PING = encode_command("PING")


class Message(NamedTuple):
    """A message; ``pattern`` is what a pattern subscription matched, else None."""

    channel: Any
    data: Any
    pattern: Any = None


class Subscription(Generic[T]):
    """Messages of some channels. Made by the client's ``subscribe`` family; use it in ``async with``."""

    def __init__(
        self,
        pool: NodePool,
        router: Router,
        rng: Random,
        kind: Kind,
        channels: Sequence[Arg],
        overflow: Overflow,
    ) -> None:
        if not channels:
            raise UsageError("no channels: give at least one")
        if overflow not in ("error", "drop_oldest"):
            raise UsageError(f"overflow={overflow!r}: give 'error' or 'drop_oldest'")
        self.gaps = 0
        """How many times a connection was replaced; messages published meanwhile were missed."""
        self.dropped = 0
        """Messages discarded because the reader was too slow."""
        self._settings: Settings = pool.settings
        self._overflow = overflow
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._wake: asyncio.Future[None] | None = None
        self._end: ClientError | None = None
        self._closed = False
        names = [to_bytes(channel) for channel in channels]
        groups = group_by_slot(names) if kind == "SSUBSCRIBE" else {ANY_SLOT: list(range(len(names)))}
        self._links = [
            _Link(self, pool, router, rng, kind, slot, [names[at] for at in positions])
            for slot, positions in groups.items()
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Subscription[T]:
        """Subscribe; on return the server has confirmed every channel."""
        self._tasks = [asyncio.create_task(link.run(), name="garrison: subscription") for link in self._links]
        confirmed = asyncio.create_task(self._all_confirmed())
        try:
            async with asyncio.timeout(self._settings.call_timeout_s):
                await asyncio.wait([confirmed, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            if self._end is not None:
                raise self._end
        except TimeoutError:
            await self.close()
            text = f"not subscribed within {self._settings.call_timeout_s:g} s (call_timeout_s)"
            raise CallTimeoutError(f"{text}: see `garrison cluster check`", maybe_executed=False) from None
        except BaseException:
            await self.close()
            raise
        finally:
            confirmed.cancel()
        return self

    async def _all_confirmed(self) -> None:
        for link in self._links:
            await link.confirmed.wait()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Unsubscribe by closing the connections; the iterator then ends."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._notify()

    def __aiter__(self) -> Subscription[T]:
        return self

    async def __anext__(self) -> Message:
        if not self._tasks:
            raise UsageError("the subscription has not begun: use it as `async with client.subscribe(...)`")
        while not self._waiting:
            if self._end is not None:
                raise self._end
            if self._closed:
                raise StopAsyncIteration
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        message = self._waiting.popleft()
        self._waiting_bytes -= len(message.data)
        return message

    async def get(self) -> Message:
        """The next message; raises :class:`UsageError` once the subscription is closed."""
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise UsageError("the subscription is closed: no message will come") from None

    # ---- the links' side -----------------------------------------------------------------------

    def deliver(self, message: Message) -> None:
        """Take a message that came; called by the links."""
        if self._end is not None:
            return
        self._waiting.append(message)
        self._waiting_bytes += len(message.data)
        while self._is_full():
            if self._overflow == "error":
                self._waiting.pop()
                self._fail_on_overflow()
                return
            oldest = self._waiting.popleft()
            self._waiting_bytes -= len(oldest.data)
            self.dropped += 1
        self._notify()

    def fail(self, error: ClientError) -> None:
        """End the subscription with an error, which the iterator raises after what has come."""
        if self._end is None:
            self._end = error
        self._notify()

    def _is_full(self) -> bool:
        settings = self._settings
        many = len(self._waiting) > settings.subscriber_messages_max
        return many or (self._waiting_bytes > settings.subscriber_bytes_max and len(self._waiting) > 1)

    def _fail_on_overflow(self) -> None:
        self.dropped += 1
        text = (
            f"{len(self._waiting)} messages wait for their reader (subscriber_messages_max, "
            "subscriber_bytes_max): read faster, raise the limit, or choose overflow='drop_oldest'"
        )
        self.fail(SubscriberOverflowError(text, dropped=self.dropped))
        for task in self._tasks:
            task.cancel()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class _Link:
    """One connection of a subscription, replaced whenever it breaks or its slot moves away."""

    def __init__(
        self,
        owner: Subscription[Any],
        pool: NodePool,
        router: Router,
        rng: Random,
        kind: Kind,
        slot: int,
        channels: list[bytes],
    ) -> None:
        self.confirmed = asyncio.Event()
        self._owner = owner
        self._pool = pool
        self._router = router
        self._rng = rng
        self._kind = kind
        self._slot = slot
        self._channels = channels
        self._unconfirmed = 0
        self._standing = False  # Whether all channels are subscribed on the present connection.

    async def run(self) -> None:
        attempt = 0
        settings = self._pool.settings
        while True:
            try:
                await self._subscribe_and_watch()
            except (OSError, ClientError) as error:
                _log.debug("subscription link to slot %d failed: %s", self._slot, error)
                if isinstance(error, ReplyError) and not isinstance(error, (RedirectError, NotNowError)):
                    self._owner.fail(error)  # Refused for good: no permission, a wrong number of arguments.
                    return
            if self._standing:
                self._standing = False
                self._owner.gaps += 1
                attempt = 0
            attempt += 1
            self._router.request_refresh()
            await self._router.changed(
                backoff(attempt, settings.backoff_first_s, settings.backoff_max_s, self._rng)
            )

    def _node(self) -> Node:
        if self._slot == ANY_SLOT:
            return self._router.any_node()
        return self._router.node_for(self._slot)

    async def _subscribe_and_watch(self) -> None:
        """Open, subscribe, and stay until the connection ends; raises what ended it."""
        node = self._node()
        connection = await node.connection_apart()
        refusal: list[ReplyError] = []

        def on_push(push: Any) -> None:
            if isinstance(push, ReplyError):
                refusal.append(push)
                connection.shut()
            elif isinstance(push, list):
                self._take(push, connection)

        try:
            self._unconfirmed = len(self._channels)
            connection.push_only = True
            connection.on_push = on_push
            connection.write_now(encode_command(self._kind, *self._channels))
            await self._watch(connection)
        finally:
            connection.shut()
        if refusal:
            if isinstance(refusal[0], RedirectError):
                address = refusal[0].address
                self._router.move(self._slot, self._router.resolve(Address(*address), node))
            raise refusal[0]

    async def _watch(self, connection: Connection) -> None:
        settings = self._pool.settings
        while not connection.is_closed:
            await asyncio.wait((connection.closed,), timeout=settings.subscriber_ping_interval_s)
            silent_s = connection.received_ago_s()
            if silent_s > settings.subscriber_ping_interval_s + settings.reply_timeout_s:
                return
            connection.write_now(_PING)

    def _take(self, push: list[Any], connection: Connection) -> None:
        kind = push[0] if isinstance(push[0], str) else push[0].decode()
        if kind in ("message", "smessage"):
            self._owner.deliver(Message(push[1], push[2]))
        elif kind == "pmessage":
            self._owner.deliver(Message(push[2], push[3], push[1]))
        elif kind in ("subscribe", "psubscribe", "ssubscribe"):
            self._unconfirmed -= 1
            if self._unconfirmed == 0:
                self._standing = True
                self.confirmed.set()
        elif kind == "sunsubscribe":
            connection.shut()  # The slot has moved: the new owner must be asked.
