"""Carrying a call out: the hot path, and what happens when it does not work the first time.

BACKGROUND
    Nearly every call finds its node connected and gets its reply at the first attempt. That path
    (:meth:`Executor.keyed`) computes the slot, encodes, sends and awaits one future. Everything else
    (:meth:`Executor.recover`) may be slow, and is: it owns the deadline, the redirects and the pauses.

INVARIANTS
    * A command is sent again only when :func:`garrison.client.core.routing.decide` says so: either it
      was certainly not executed, or its retry class and the policy allow a second execution.
    * ASKING and the command behind it are queued in one step, so that nothing comes between them.
    * A call ends within ``call_timeout_s``, whatever the cluster does.
    * A call by digest (EVALSHA) that is answered with NOSCRIPT was not executed: the call with the source
      goes to the same node instead, behind ASKING again if the first one was.
"""

from __future__ import annotations

import asyncio
from binascii import crc_hqx
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from garrison.client.connection import Connection
from garrison.client.core.commands import Command, Retry
from garrison.client.core.resp import Arg, encode_args, encode_command, to_bytes
from garrison.client.core.routing import Action, Decision, backoff, decide
from garrison.client.core.slots import hash_tag
from garrison.client.errors import (
    CallTimeoutError,
    ClientError,
    ConnectionFailedError,
    ConnectionLostError,
    NoScriptError,
    ReplyError,
    TransactionAbortedError,
)
from garrison.client.nodes import Node
from garrison.client.router import Router
from garrison.client.settings import Settings
from garrison.client.sinks import DISCARD

__all__ = ["ANY_SLOT", "Call", "Executor", "Transaction"]

ANY_SLOT = -1
"""The slot of a call without keys: any node may answer it."""

_OPEN_BRACE = 0x7B
# Up to this share of the deadline spent waiting for room, the reply is given the whole deadline again.
_LATE_SHARE = 1 / 8
_SLOT_MASK = 0x3FFF
_ASKING = encode_command("ASKING")
_MULTI = encode_command("MULTI")
_EXEC = encode_command("EXEC")


class Call:
    """One encoded command with what a retry needs to know."""

    __slots__ = ("name", "packed", "retry", "slot")

    def __init__(self, name: bytes, retry: Retry, slot: int, packed: bytes) -> None:
        self.name = name
        self.retry = retry
        self.slot = slot
        self.packed = packed

    def with_source(self) -> Call | None:
        """The same call with the script's source, where this one has only its digest."""
        return None

    async def send(self, connection: Connection) -> Any:
        return await connection.send(self.packed)


class Transaction(Call):
    """MULTI, the commands, EXEC: sent in one piece, retried as a whole."""

    __slots__ = ("commands",)

    def __init__(self, retry: Retry, slot: int, commands: Sequence[bytes]) -> None:
        super().__init__(b"MULTI", retry, slot, b"")
        self.commands = [_MULTI, *commands, _EXEC]

    async def send(self, connection: Connection) -> Any:
        replies = await connection.send_many(self.commands)
        outcome = replies[-1]
        if isinstance(outcome, TransactionAbortedError):
            # EXEC ran nothing; the reason is the first refusal, and it may be a redirect.
            raise next((reply for reply in replies if isinstance(reply, ReplyError)), outcome)
        if isinstance(outcome, ReplyError):
            raise outcome
        return outcome


class _Trail:
    """The attempts of one call, for the error message and its ``maybe_executed``."""

    __slots__ = ("attempts", "error", "maybe_executed", "sent")

    def __init__(self) -> None:
        self.attempts = 0
        self.error: ClientError | None = None
        self.maybe_executed = False
        self.sent = False

    def note(self, error: ClientError) -> None:
        self.attempts += 1
        self.error = error
        self.sent = False
        if isinstance(error, (ConnectionLostError, CallTimeoutError)) and error.maybe_executed:
            self.maybe_executed = True


class Executor:
    """Carries calls out over the router's nodes."""

    def __init__(self, router: Router, settings: Settings, rng: Random) -> None:
        self._router = router
        self._routes = router.routes
        self._settings = settings
        self._rng = rng
        self._now = asyncio.get_running_loop().time

    async def keyed(
        self, command: Command, args: Sequence[Arg], convert: Callable[[Any], Any] | None = None
    ) -> Any:
        """The hot path: a command whose first argument is its key."""
        key = to_bytes(args[0])
        slot = crc_hqx(hash_tag(key) if _OPEN_BRACE in key else key, 0) & _SLOT_MASK
        count = len(args)
        if count == 1:
            packed = b"%b$%d\r\n%b\r\n" % (command.prefix_of_one, len(key), key)
        elif count == 2:
            value = to_bytes(args[1])
            packed = b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
                command.prefix_of_two,
                len(key),
                key,
                len(value),
                value,
            )
        else:
            packed = command.prefix(count) + encode_args(args)
        node = self._routes[slot]
        connection = node.live
        started = self._now()
        if connection is None:
            reply = await self.recover(Call(command.name, command.retry, slot, packed), started)
        else:
            try:
                if connection.ready:
                    reply = await connection.send(packed)
                else:
                    reply = await self._send_in_turn(connection, packed, started)
            except ClientError as error:
                call = Call(command.name, command.retry, slot, packed)
                reply = await self.recover(call, started, node, error)
        return reply if convert is None else convert(reply)

    async def _send_in_turn(self, connection: Connection, packed: bytes, started: float) -> Any:
        """Wait for room, then send; a caller that waited long gets less time for the reply."""
        await connection.wait_ready()
        limit_s = self._settings.call_timeout_s
        if self._now() - started < limit_s * _LATE_SHARE:
            return await connection.send(packed)
        try:
            async with asyncio.timeout_at(started + limit_s):
                return await connection.send(packed)
        except TimeoutError as error:
            if isinstance(error, ClientError):
                raise
            text = f"no room and no reply from {connection.peer} within {limit_s:g} s (call_timeout_s)"
            raise CallTimeoutError(text, maybe_executed=True) from None

    @property
    def call_timeout_s(self) -> float:
        """The patience of a call, for those who carry calls out in other ways."""
        return self._settings.call_timeout_s

    async def run(self, call: Call) -> Any:
        """Carry out one call, with all the patience the settings allow."""
        started = self._now()
        node = self._routes[call.slot]
        connection = node.live
        if call.slot == ANY_SLOT or connection is None or not connection.ready:
            return await self.recover(call, started)
        try:
            return await call.send(connection)
        except ClientError as error:
            return await self.recover(call, started, node, error)

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Send all calls at once, each to its node; return replies and errors, in order, as values.

        Calls of one slot are executed in order, unless one of them is refused or lost and the next is
        not: it is then sent again, behind the others.
        """
        started = self._now()
        down: dict[Node, ClientError] = {}
        sent: list[tuple[Node | None, Any]] = []
        replies: list[Any] = []
        try:
            for call in calls:
                # A slot of -1 (any node) picks the node of the last slot: as good as any other.
                node = self._routes[call.slot]
                connection = node.live
                if connection is not None and connection.ready:
                    sent.append((node, connection.send(call.packed)))
                else:
                    sent.append(await self._start(call, started, down))
            for call, (node_asked, future) in zip(calls, sent, strict=True):
                try:
                    reply = await future
                except ClientError as error:
                    reply = await self._finish(call, started, node_asked, error)
                replies.append(reply)
        finally:
            for _, future in sent[len(replies) :]:
                _abandon(future)
        return replies

    async def _start(
        self, call: Call, started: float, down: dict[Node, ClientError]
    ) -> tuple[Node | None, asyncio.Future[Any]]:
        """Send a call of a batch whose node is not connected, or busy; the future of its reply.

        A node that could not be reached is not tried again for the batch's other calls: ``down``.
        """
        node: Node | None = None
        try:
            node = self.node_for(call)
            if node in down:
                return node, _failed(down[node])
            async with asyncio.timeout_at(started + self._settings.call_timeout_s):
                connection = node.live or await node.connection()
                if not connection.ready:
                    await connection.wait_ready()
        except ClientError as error:
            if node is not None:
                down[node] = error
            return node, _failed(error)
        except TimeoutError:
            return node, _failed(self._too_late(call, _Trail()))
        return node, connection.send(call.packed)

    async def _finish(self, call: Call, started: float, node: Node | None, error: ClientError) -> Any:
        """Bring a call of a batch whose first attempt failed to its end; an error is a value here."""
        try:
            return await self.recover(call, started, node, error)
        except ClientError as final:
            return final

    # ---- when it does not work at once ---------------------------------------------------------

    def node_for(self, call: Call) -> Node:
        """The node that a call goes to, by the present routes."""
        return self._router.any_node() if call.slot == ANY_SLOT else self._router.node_for(call.slot)

    def decide(self, call: Call, error: ClientError) -> Decision:
        """What follows an error, by the settings of this client."""
        return decide(error, call.retry, self._settings.retry, finds_primaries=self._router.finds_primaries)

    async def recover(
        self, call: Call, started: float, node: Node | None = None, error: ClientError | None = None
    ) -> Any:
        """Bring ``call`` to its end before the deadline; ``error`` is what its first attempt met."""
        if isinstance(error, NoScriptError) and (whole := call.with_source()) is not None:
            call, error = whole, None
        if error is not None and self.decide(call, error).action is Action.FAIL:
            raise error
        trail = _Trail()
        deadline = started + self._settings.call_timeout_s
        try:
            async with asyncio.timeout_at(deadline) as scope:
                return await self._attempts(call, trail, node, error)
        except TimeoutError as timeout:
            if isinstance(timeout, ClientError) and not scope.expired():
                raise
            raise self._too_late(call, trail) from trail.error

    async def _attempts(self, call: Call, trail: _Trail, node: Node | None, error: ClientError | None) -> Any:
        redirects = pauses = 0
        target: Node | None = None
        asking = False
        while True:
            if error is None:
                try:
                    node = target or self.node_for(call)
                    return await self._attempt(call, node, asking, trail)
                except ClientError as caught:
                    error = caught
                if isinstance(error, NoScriptError) and (whole := call.with_source()) is not None:
                    call, error, trail.sent = whole, None, False
                    continue
            trail.note(error)
            decision = self.decide(call, error)
            if decision.action is Action.FAIL:
                raise error
            target = None
            asking = decision.action is Action.ASK
            if decision.refresh:
                self._router.request_refresh()
            if decision.address is not None and node is not None:
                redirects += 1
                target = self._router.resolve(decision.address, node)
                if decision.action is Action.GO:
                    self._router.move(decision.slot, target)
                if redirects % self._settings.redirects_max:
                    error = None
                    continue
            pauses += 1
            if pauses > 1 or not self._is_recovered(call, node, error):
                await self.pause(pauses)
            error = None

    async def _attempt(self, call: Call, node: Node, asking: bool, trail: _Trail) -> Any:
        connection = node.live or await node.connection()
        if not connection.ready:
            await connection.wait_ready()
        if asking:
            connection.send_to(_ASKING, DISCARD)
        trail.sent = True
        return await call.send(connection)

    def _is_recovered(self, call: Call, failed: Node | None, error: ClientError) -> bool:
        """Whether others have found the way since this call failed: no need to wait then.

        Of a batch to a node that lost its slots, only the first call to come back waits for the new map.
        """
        if call.slot == ANY_SLOT:
            return False
        node = self._router.routes[call.slot]
        if node is not failed:
            return node is not self._router.nobody
        return node.live is not None and isinstance(error, (ConnectionLostError, ConnectionFailedError))

    async def pause(self, attempt: int) -> None:
        """Wait before attempt ``attempt`` + 1, or until a route changes."""
        settings = self._settings
        await self._router.changed(
            backoff(attempt, settings.backoff_first_s, settings.backoff_max_s, self._rng)
        )

    def _too_late(self, call: Call, trail: _Trail) -> CallTimeoutError:
        cause = f"; the last: {trail.error}" if trail.error else ""
        hint = self._router.explain(trail.error)
        if hint:
            cause += f" {hint}"
        return CallTimeoutError(
            f"{call.name.decode()} did not succeed within {self._settings.call_timeout_s:g} s "
            f"(call_timeout_s) and {trail.attempts} failed attempts{cause}",
            maybe_executed=trail.maybe_executed or trail.sent,
        )


def _failed(error: ClientError) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


def _abandon(future: asyncio.Future[Any]) -> None:
    """Drop a reply that no caller awaits: its place in the queue stays, its error is not reported."""
    if not future.cancel() and not future.cancelled():
        future.exception()
