"""The nodes the client knows: one connection each, opened when first needed.

A :class:`Node` lives as long as its address is in the topology. Its ``live`` connection is what the
hot path looks at: one attribute, None while there is no connection. Opening is *single-flight*: any
number of callers that need the node wait for one attempt. After a failure the same error is given
for ``reconnect_interval_min_s``, so that a node that is down is not hammered.

A connection that broke with commands unanswered leaves a *fence*: a node that hung may still hold them
in its socket, and would execute them when it wakes, perhaps after newer ones. So the next connection
first has the server close the old one.
"""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from collections.abc import Callable, Mapping
from weakref import WeakSet

from garrison.client.connection import Connection, open_with_settings
from garrison.client.core.resp import Arg
from garrison.client.core.topology import Address
from garrison.client.core.url import parse_address
from garrison.client.errors import ClientError, ConnectionFailedError, UsageError
from garrison.client.settings import Settings

__all__ = ["AddressMap", "Node", "NodePool", "translator"]

AddressMap = (
    Callable[[str, int], tuple[str, int]]
    | Mapping[str, str]
    | Mapping[tuple[str, int], tuple[str, int]]
    | Mapping[Address, Address]
)
"""Translates the addresses that the cluster announces into those that reach its nodes from here: a
function of host and port, or a mapping of ``"host:port"`` or ``(host, port)`` to the same. A host without
port, ``{"db1": "127.0.0.1"}``, is translated at every port, which is kept. An address with its port goes
before its host; addresses that a mapping does not name are kept."""


class Node:
    """One node and its connection."""

    def __init__(self, address: Address, pool: NodePool) -> None:
        self.address = address
        self.live: Connection | None = None
        """The open connection, if there is one."""
        self._pool = pool
        self._opening: asyncio.Task[Connection] | None = None
        self._fence: tuple[Arg, ...] | None = None
        self._apart: WeakSet[Connection] = WeakSet()
        self._failure: ConnectionFailedError | None = None
        self._failed_at = 0.0

    def __repr__(self) -> str:
        state = "connected" if self.live is not None else "not connected"
        return f"Node({self.address}, {state})"

    @property
    def is_silent(self) -> bool:
        """Whether commands have waited for this node for suspiciously long."""
        return self.live is not None and self.live.silent_s() > self._pool.settings.silence_refresh_s

    @property
    def is_idle(self) -> bool:
        """Whether there is no shared connection, nor an attempt to open one."""
        return self.live is None and self._opening is None

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to connect failed."""
        return self._failure is not None

    async def connection(self) -> Connection:
        """Return the open connection, opening it if needed."""
        if self.live is not None:
            return self.live
        if self._pool.is_closed:
            raise UsageError("the client is closed: connect() makes a new one")
        if self._opening is None:
            self._raise_recent_failure()
            self._opening = asyncio.create_task(self._open(), name=f"garrison: connect to {self.address}")
            self._opening.add_done_callback(self._opened)
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if not opening.cancelled() or (waiting is not None and waiting.cancelling()):
                raise
            # It was the attempt that was given up, not the call that waits for it.
            raise ConnectionFailedError(f"{self.address} was dropped while it was connected to") from None

    def _raise_recent_failure(self) -> None:
        if self._failure is None:
            return
        age_s = asyncio.get_running_loop().time() - self._failed_at
        if age_s < self._pool.settings.reconnect_interval_min_s:
            raise ConnectionFailedError(str(self._failure))

    async def _open(self) -> Connection:
        pool = self._pool
        connection = await open_with_settings(*self.address, pool.settings, pool.ssl, self._fence)
        if self._pool.is_closed:
            connection.shut()
            raise ConnectionFailedError(f"the client was closed while it connected to {self.address}")
        connection.on_lost = self._lost
        connection.on_silent = self._pool.on_silent
        if connection.is_closed:
            raise ConnectionFailedError(f"{self.address} closed the connection at once: see the server's log")
        self.live = connection
        self._failure = self._fence = None
        return connection

    def _opened(self, task: asyncio.Task[Connection]) -> None:
        self._opening = None
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ConnectionFailedError):
            self._failure = error
            self._failed_at = asyncio.get_running_loop().time()

    def _lost(self, error: ClientError) -> None:
        if self.live is not None:
            self._fence_off(self.live)
        self.live = None
        self._pool.on_lost(self, error)

    async def connection_apart(self, settings: Settings | None = None) -> Connection:
        """Open a connection besides the shared one, for a subscription, a blocking call or a transaction."""
        connection = await open_with_settings(*self.address, settings or self._pool.settings, self._pool.ssl)
        self._apart.add(connection)
        return connection

    def leave(self, reason: str, *, at_once: bool) -> bool:
        """Close all connections, because the node is not what it was; whether none is left.

        None of them takes another command. One that waits for replies is kept until they have come,
        unless ``at_once``: its callers then get ``reason``.
        """
        live, self.live = self.live, None
        if live is not None:
            live.on_lost = lambda _error: self._fence_off(live)
            self._apart.add(live)
        for connection in list(self._apart):
            if at_once:
                connection.give_up(reason)
            else:
                connection.retire(reason)
        return all(connection.is_closed for connection in self._apart)

    def _fence_off(self, connection: Connection) -> None:
        if connection.left_unanswered:
            self._fence = connection.identity

    def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self.live is not None:
            self.live.on_lost = None
            self.live.shut()
            self.live = None


class NodePool:
    """All known nodes by the address that reaches them."""

    def __init__(
        self, settings: Settings, ssl: ssl_module.SSLContext | None, address_map: AddressMap | None
    ) -> None:
        self.settings = settings
        self.ssl = ssl
        self.is_closed = False
        self.on_lost: Callable[[Node, ClientError], None] = lambda _node, _error: None
        self.on_silent: Callable[[], None] = lambda: None
        self._translate = translator(address_map)
        self._nodes: dict[Address, Node] = {}

    def at(self, address: Address) -> Node:
        """The node at an address as this machine sees it, made when it is new."""
        node = self._nodes.get(address)
        if node is None:
            node = self._nodes[address] = Node(address, self)
        return node

    def announced(self, address: Address) -> Node:
        """The node at an address that the cluster announced, after the address map."""
        return self.at(self._translate(address))

    def known(self) -> list[Node]:
        return list(self._nodes.values())

    def keep_only(self, nodes: set[Node]) -> None:
        """Forget nodes that left the cluster; one with commands in flight is kept until the next time."""
        for address, node in list(self._nodes.items()):
            busy = node.live is not None and node.live.in_flight > 0
            if node not in nodes and not busy:
                del self._nodes[address]
                node.close()

    def forget(self, node: Node) -> None:
        """Drop a node that is no longer of interest, unless it is in use."""
        if node.is_idle and self._nodes.get(node.address) is node:
            del self._nodes[node.address]

    def close(self) -> None:
        self.is_closed = True
        for node in self.known():
            node.close()


def translator(address_map: AddressMap | None) -> Callable[[Address], Address]:
    """A function from the address that a server announces to the one that works from here."""
    if address_map is None:
        return lambda address: address
    if callable(address_map):
        function = address_map
        return lambda address: Address(*function(*address))
    table: dict[Address, Address] = {}
    hosts: dict[str, str] = {}
    for announced, reached in address_map.items():
        before, after = _as_address(announced), _as_address(reached)
        if bool(before.port) != bool(after.port):
            raise UsageError(
                f"address_map: {announced!r} to {reached!r}: give a port on both sides, or on neither"
            )
        if before.port:
            table[before] = after
        else:
            hosts[before.host] = after.host
    return lambda address: table.get(address) or Address(hosts.get(address.host, address.host), address.port)


def _as_address(value: str | tuple[str, int]) -> Address:
    """The address; its port is 0 where none is given."""
    return parse_address(value, default_port=0) if isinstance(value, str) else Address(*value)
