"""WATCH: a transaction that runs only if nobody has changed what it was computed from.

INVARIANTS
    * Watching belongs to a connection, so a watch has one of its own, from its first key to its end.
    * A connection goes back to the pool only when the server has ended the watch: EXEC or UNWATCH was
      answered. Else it is closed, which ends the watch too.

BEHAVIOUR
    * Until the first key is watched, redirects and failovers are followed, within ``call_timeout_s``.
    * Later nothing is sent again: the connection is what holds the watch. If the slot moves, the node is
      demoted, or a key is changed, nothing runs, and :class:`WatchError` says so, while reading or at EXEC:
      watch again, and try again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar, cast

from garrison.client.apart import ApartPool
from garrison.client.connection import Connection
from garrison.client.core.commands import Retry
from garrison.client.core.resp import Arg, Key, encode_command, to_bytes
from garrison.client.core.routing import Action
from garrison.client.core.slots import key_slot
from garrison.client.errors import (
    CallTimeoutError,
    ClientError,
    ConnectionLostError,
    NotNowError,
    RedirectError,
    UsageError,
    WatchError,
)
from garrison.client.execution import Call, Executor, Transaction
from garrison.client.nodes import Node
from garrison.client.router import Router

__all__ = ["Watch"]

R = TypeVar("R")


class Watch:
    """The watched keys of one pipeline, and the connection that watches them."""

    def __init__(self, router: Router, executor: Executor, apart: ApartPool, *, clustered: bool) -> None:
        self.is_queueing = False
        """Whether MULTI has been called: commands are queued from then on."""
        self._router = router
        self._executor = executor
        self._apart = apart
        self._clustered = clustered
        self._slot = -1
        self._node: Node | None = None
        self._connection: Connection | None = None

    async def add(self, keys: Sequence[Key]) -> None:
        """Watch some keys, all of one slot with those watched already."""
        if not keys:
            raise UsageError("watch: no keys: give at least one")
        slots = {key_slot(to_bytes(key)) for key in keys} | ({self._slot} if self._connection else set())
        if self._clustered and len(slots) > 1:
            raise UsageError(
                "the keys to watch must be in one slot: give them a common hash tag, such as {user:7}:name"
            )
        words: list[Arg] = ["WATCH", *keys]
        if self._connection is not None:
            await self._in_time(self._connection.call(*words), "WATCH")
            return
        self._slot = key_slot(to_bytes(keys[0]))
        call = Call(b"WATCH", Retry.READ, self._slot, encode_command("WATCH", *keys))
        await self._in_time(self._begin(call, words), "WATCH")

    async def _begin(self, call: Call, words: Sequence[Arg]) -> None:
        pauses = 0
        while True:
            node: Node | None = None
            try:
                node = self._executor.node_for(call)
                connection = await self._apart.take(node)
                try:
                    await connection.call(*words)
                except BaseException:
                    self._apart.drop(connection)
                    raise
            except ClientError as error:
                decision = self._executor.decide(call, error)
                if decision.action is Action.FAIL:
                    raise
                if decision.refresh:
                    self._router.request_refresh()
                if decision.action is Action.GO and decision.address is not None and node is not None:
                    self._router.move(decision.slot, self._router.resolve(decision.address, node))
                pauses += 1
                if decision.action is not Action.GO or pauses > 1:
                    await self._executor.pause(pauses)
                continue
            self._node, self._connection = node, connection
            return

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        """Carry out the calls of one command now, on the connection that watches; errors are values.

        A redirect is a WatchError: what is read elsewhere would not be watched.
        """
        sent = self._open().send_many([call.packed for call in calls])
        replies = await self._in_time(sent, calls[0].name.decode())
        for reply in replies:
            if isinstance(reply, (RedirectError, NotNowError)):
                raise _moved(reply) from reply
        return replies

    async def execute(self, transaction: Transaction) -> list[Any]:
        """Run the transaction and end the watch; the replies, errors among them as values."""
        connection = self._open()
        try:
            replies = await self._in_time(transaction.send(connection), "EXEC")
        except (RedirectError, NotNowError) as error:
            self._release()
            raise _moved(error) from error
        except ConnectionLostError as error:
            self.drop()
            if error.maybe_executed:
                raise
            raise WatchError(f"nothing ran, as the connection broke ({error}): watch again") from error
        except BaseException:
            self.drop()
            raise
        self._release()
        if replies is None:
            raise WatchError("nothing ran, as a watched key was changed meanwhile: watch again")
        return cast(list[Any], replies)

    async def end(self) -> None:
        """Stop watching."""
        if self._connection is None:
            return
        try:
            await self._in_time(self._connection.call("UNWATCH"), "UNWATCH")
        except BaseException:
            self.drop()
            raise
        self._release()

    def drop(self) -> None:
        """Close the connection, which ends the watch."""
        if self._connection is not None:
            self._apart.drop(self._connection)
            self._connection = None

    def _release(self) -> None:
        assert self._connection is not None
        assert self._node is not None
        self._apart.give_back(self._node, self._connection)
        self._connection = None

    def _open(self) -> Connection:
        if self._connection is None:
            raise UsageError("the watch is over: call watch() again")
        return self._connection

    async def _in_time(self, work: Coroutine[Any, Any, R] | asyncio.Future[R], name: str) -> R:
        limit_s = self._executor.call_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await work
        except TimeoutError as error:
            if isinstance(error, ClientError):
                raise
            text = f"{name} did not succeed within {limit_s:g} s (call_timeout_s)"
            raise CallTimeoutError(text, maybe_executed=name == "EXEC") from None


def _moved(error: ClientError) -> WatchError:
    return WatchError(f"nothing ran, as its slot or node has moved ({error}): watch again")
