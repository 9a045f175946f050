"""Connections apart from the shared one of a node, for what one must do alone: to wait, and to watch.

They are kept for the next such call, at most ``apart_idle_max`` a node, and there are at most
``apart_connections_max`` in all; one call more is refused, as it could wait for ever for its turn.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from garrison.client.connection import Connection
from garrison.client.errors import ReplyError, TooManyWaitingError, UsageError
from garrison.client.nodes import Node
from garrison.client.settings import Settings

__all__ = ["ApartPool"]

_ENDLESS_S = 86_400.0


class ApartPool:
    """The connections apart of one client."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Whoever uses such a connection watches the time: how long a reply may take depends on the command.
        endless = {"reply_timeout_s": _ENDLESS_S, "call_timeout_s": _ENDLESS_S}
        self._patient = settings.model_copy(update=endless)
        self._idle: WeakKeyDictionary[Node, list[Connection]] = WeakKeyDictionary()
        self._in_use: set[Connection] = set()
        self._opening = 0
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many connections are in use or kept."""
        return len(self._in_use) + sum(len(kept) for kept in self._idle.values())

    async def take(self, node: Node) -> Connection:
        """A connection to ``node`` for the caller alone; :meth:`give_back` or :meth:`drop` it."""
        kept = self._idle.get(node, [])
        while kept:
            connection = kept.pop()
            if connection.ready:
                self._in_use.add(connection)
                return connection
        limit = self._settings.apart_connections_max
        if len(self._in_use) + self._opening >= limit:
            raise TooManyWaitingError(
                f"{limit} calls wait or watch on connections of their own (apart_connections_max): "
                "let fewer tasks wait at once, or raise it"
            )
        self._opening += 1
        try:
            connection = await node.connection_apart(self._patient)
        finally:
            self._opening -= 1
        self._in_use.add(connection)
        try:
            await _learn_id(connection)
        except BaseException:
            self.drop(connection)
            raise
        if self._is_closed:
            self.drop(connection)
            raise UsageError("the client is closed: connect() makes a new one")
        return connection

    def give_back(self, node: Node, connection: Connection) -> None:
        """Keep a connection on which nothing is under way for the next call."""
        self._in_use.discard(connection)
        kept = self._idle.setdefault(node, [])
        if self._is_closed or not connection.ready or len(kept) >= self._settings.apart_idle_max:
            connection.shut()
        else:
            kept.append(connection)

    def drop(self, connection: Connection) -> None:
        """Close a connection whose state is not known."""
        self._in_use.discard(connection)
        connection.shut()

    def close(self) -> None:
        """Close all connections; what waits on them fails."""
        self._is_closed = True
        for connection in [*self._in_use, *(one for kept in self._idle.values() for one in kept)]:
            connection.shut()
        self._in_use.clear()
        self._idle.clear()


async def _learn_id(connection: Connection) -> None:
    """Find out by what id CLIENT UNBLOCK knows the connection: RESP2 does not tell by itself."""
    if "id" not in connection.server:
        try:
            connection.server["id"] = await connection.call("CLIENT", "ID")
        except ReplyError:
            connection.server["id"] = None
