"""Carrying out commands that wait on the server: on connections of their own, losing nothing when cancelled.

BACKGROUND
    A command such as BLPOP keeps its connection from answering anything else, so it never goes to the
    shared one. It may wait for ever, and its caller may be cancelled at any time, also in the moment in
    which the server hands it an element.

INVARIANTS
    * A caller that is cancelled is cancelled at once. What follows is done in the background, and
      :meth:`Waiting.close` waits for it.
    * An element whose caller is gone goes back to where it was taken from
      (:func:`garrison.client.core.waits.put_back`), or is named in an error of the log
      ``garrison.client``. It is never dropped in silence.
    * A connection is used again only after the reply to its last command has come.

BEHAVIOUR
    * After a cancellation the server is told to end the wait (CLIENT UNBLOCK, over the shared connection),
      so that the reply, null or an element, is known. Closing the connection instead would leave unknown
      what the server had just sent.
    * MOVED and ASK are followed; a slot that moves, or a primary that is demoted, while the call waits
      (UNBLOCKED), makes it wait on at the new place, for the time that is left.
    * ``call_timeout_s`` bounds finding a node that takes the command, not the waiting itself. A server that
      does not answer ``reply_timeout_s`` after the end of the wait is given up.
    * A connection that breaks while the call waits raises ConnectionLostError: an element may have been
      on its way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from garrison.client.apart import ApartPool
from garrison.client.connection import Connection
from garrison.client.core.commands import Command, Retry, find_command
from garrison.client.core.resp import Arg, encode_args, encode_command, to_bytes
from garrison.client.core.routing import Action, Decision
from garrison.client.core.slots import key_slot
from garrison.client.core.waits import cannot_return, patience_s, put_back, takes_away, with_patience
from garrison.client.errors import (
    CallTimeoutError,
    ClientError,
    ConnectionFailedError,
    ReplyError,
    TopologyError,
)
from garrison.client.execution import Call, Executor
from garrison.client.nodes import Node
from garrison.client.router import Router
from garrison.client.settings import Settings
from garrison.client.sinks import DISCARD

__all__ = ["Waiting"]

_log = logging.getLogger("garrison.client")
_ASKING = encode_command("ASKING")
_UNBLOCK_INTERVAL_FIRST_S = 0.01
_NOWHERE = (ConnectionFailedError, TopologyError)
_MOVED_ON = Decision(Action.PAUSE, refresh=True)


class Waiting:
    """Carries out the waiting calls of one client."""

    def __init__(self, router: Router, executor: Executor, apart: ApartPool, settings: Settings) -> None:
        self._router = router
        self._executor = executor
        self._apart = apart
        self._settings = settings
        self._bringing_back: set[asyncio.Task[None]] = set()

    async def run(self, command: Command, args: Sequence[Arg], slot: int) -> Any:
        """Carry out one call; see the module's text."""
        now = asyncio.get_running_loop().time
        patience = patience_s(command, args)
        waits_until = None if patience is None else now() + patience
        trouble_since: float | None = None
        target: Node | None = None
        asking = False
        pauses = 0
        while True:
            began = now()
            call = Call(
                command.name, command.retry_of(args), slot, command.prefix(len(args)) + encode_args(args)
            )
            node: Node | None = None
            try:
                node = target or self._executor.node_for(call)
                return await self.on_node(node, command, args, asking=asking)
            except ClientError as caught:
                error = caught
            decision = _MOVED_ON if _is_moved_on(error) else self._executor.decide(call, error)
            if decision.action is Action.FAIL:
                raise error
            has_waited = not isinstance(error, _NOWHERE) and now() - began > self._settings.connect_timeout_s
            if trouble_since is None or has_waited:
                # The first trouble, or the first since the call has waited somewhere.
                trouble_since = now()
                pauses = 0
            if now() - trouble_since > self._settings.call_timeout_s:
                raise self._too_late(command, error) from error
            if decision.refresh:
                self._router.request_refresh()
            target, asking = None, decision.action is Action.ASK
            if decision.address is not None and node is not None and pauses < self._settings.redirects_max:
                target = self._router.resolve(decision.address, node)
                if decision.action is Action.GO:
                    self._router.move(decision.slot, target)
                pauses += 1
            else:
                pauses += 1
                await self._executor.pause(pauses)
            if waits_until is not None:
                args = with_patience(command, args, waits_until - now())

    async def on_node(
        self, node: Node, command: Command, args: Sequence[Arg], *, asking: bool = False
    ) -> Any:
        """Let one node carry it out, on a connection of its own; no redirect, no retry."""
        patience = patience_s(command, args)
        limit_s = None if patience is None else patience + self._settings.reply_timeout_s
        connection = await self._apart.take(node)
        if asking:
            connection.send_to(_ASKING, DISCARD)
        reply = connection.send(command.prefix(len(args)) + encode_args(args))
        try:
            # Unlike awaiting the reply itself, this leaves it intact when the caller is cancelled.
            done, _ = await asyncio.wait((reply,), timeout=limit_s)
        except asyncio.CancelledError:
            self._bring_back_soon(node, connection, command, args, reply)
            raise
        if not done:
            connection.give_up(f"no reply to {command.name.decode()} within {limit_s:g} s")
            reply.exception()
            self._apart.drop(connection)
            text = (
                f"no reply from {node.address} {self._settings.reply_timeout_s:g} s (reply_timeout_s) after "
            )
            raise CallTimeoutError(text + f"{command.name.decode()} should have ended", maybe_executed=True)
        self._apart.give_back(node, connection)
        return reply.result()

    async def close(self) -> None:
        """Wait until what cancelled calls have left is in order."""
        if self._bringing_back:
            await asyncio.wait(self._bringing_back)

    # ---- after a cancellation ------------------------------------------------------------------

    def _bring_back_soon(
        self,
        node: Node,
        connection: Connection,
        command: Command,
        args: Sequence[Arg],
        reply: asyncio.Future[Any],
    ) -> None:
        work = self._bring_back(node, connection, command, args, reply)
        task = asyncio.create_task(work, name=f"garrison: end {command.name.decode()} after a cancellation")
        self._bringing_back.add(task)
        task.add_done_callback(self._bringing_back.discard)

    async def _bring_back(
        self,
        node: Node,
        connection: Connection,
        command: Command,
        args: Sequence[Arg],
        reply: asyncio.Future[Any],
    ) -> None:
        name = command.name.decode()
        try:
            async with asyncio.timeout(self._settings.reply_timeout_s):
                await self._unblock(node, connection, reply)
        except (ClientError, TimeoutError, asyncio.CancelledError) as error:
            self._apart.drop(connection)
            _forget(reply)
            if takes_away(command, args):
                text = "%s was cancelled, and %s did not say whether it had taken an element: %r"
                _log.warning(text, name, node.address, error)
            return
        self._apart.give_back(node, connection)
        if reply.exception() is not None:
            return
        if cannot_return(command, args, reply.result()):
            text = "%s with NOACK was cancelled, and what it had read is lost: %r"
            _log.error(text, name, reply.result())
        for words in put_back(command, args, reply.result()):
            try:
                await self._executor.run(_call_of(words))
                _log.debug("%s was cancelled: put back by %s %r", name, words[0], words[1])
            except (ClientError, asyncio.CancelledError) as error:
                text = "%s was cancelled, and what it had taken is lost, as it could not be put back (%r): %r"
                _log.error(text, name, error, words)

    async def _unblock(self, node: Node, connection: Connection, reply: asyncio.Future[Any]) -> None:
        """Have the server end the wait, until the reply has come."""
        pause_s = _UNBLOCK_INTERVAL_FIRST_S
        while not reply.done():
            number = connection.server.get("id")
            if number is None:
                raise ClientError("the server does not tell the id of a connection")
            shared = await node.connection()
            # 0 means that it does not wait: the reply is on its way, or the command is not there yet.
            await shared.call("CLIENT", "UNBLOCK", number)
            await asyncio.wait((reply,), timeout=pause_s)
            pause_s *= 2

    def _too_late(self, command: Command, error: ClientError) -> CallTimeoutError:
        limit_s = self._settings.call_timeout_s
        text = (
            f"no node took {command.name.decode()} within {limit_s:g} s (call_timeout_s); the last: {error}"
        )
        return CallTimeoutError(f"{text} {self._router.explain(error)}".rstrip(), maybe_executed=False)


def _is_moved_on(error: ClientError) -> bool:
    """UNBLOCKED because the node has stopped being a primary; CLIENT UNBLOCK has another text."""
    return isinstance(error, ReplyError) and error.code == "UNBLOCKED" and "state changed" in error.message


def _call_of(words: tuple[Arg, ...]) -> Call:
    row = find_command(words)
    assert row is not None, words
    slot = key_slot(to_bytes(words[1]))
    return Call(row.name, Retry.ONCE, slot, row.prefix(len(words) - 1) + encode_args(words[1:]))


def _forget(reply: asyncio.Future[Any]) -> None:
    """Nobody takes this reply any more: its error, if it is one, is not reported as never retrieved."""
    if not reply.cancel() and not reply.cancelled():
        reply.exception()
