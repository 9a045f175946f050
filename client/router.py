"""Which node serves a slot, for one client: what every way of finding that out has in common.

Two know how to find out: :mod:`garrison.client.cluster_router` asks the nodes themselves (a server alone
is the simplest case of it), :mod:`garrison.client.sentinel_router` asks Sentinels. The rest of the client
sees only what is declared here.

INVARIANTS
    * ``routes[slot]`` is always a :class:`Node`; a slot without a known owner goes to ``nobody``,
      which never has a connection, so that the hot path needs no test for it.
    * ``routes`` is one list object for the client's whole life: the hot path holds a reference to it.
    * Whoever waits before a new attempt is woken when a route changes.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from random import Random

from garrison.client.core.slots import SLOT_COUNT
from garrison.client.core.topology import Address, Topology
from garrison.client.errors import ClientError, TopologyError
from garrison.client.nodes import Node, NodePool
from garrison.client.settings import Settings

__all__ = ["Router"]


class Router(ABC):
    """The routes and who waits for them; a subclass finds them."""

    clustered = False
    """Whether slots are spread over several primaries."""
    finds_primaries = False
    """Whether a refresh can show that another node has become primary."""
    topology: Topology | None = None
    """The latest slot map; None when not a cluster."""
    refresh_count = 0

    def __init__(self, pool: NodePool, settings: Settings, rng: Random) -> None:
        self.nobody = Node(Address("", 0), pool)
        self.routes: list[Node] = [self.nobody] * SLOT_COUNT
        """For each slot the node that serves it."""
        self._pool = pool
        self._settings = settings
        self._rng = rng
        self._changed: asyncio.Future[None] | None = None

    # ---- what a subclass does ------------------------------------------------------------------

    @abstractmethod
    async def start(self) -> None:
        """Find the routes for the first time."""

    @abstractmethod
    def request_refresh(self) -> None:
        """Start to find out anew in the background, unless that is under way."""

    @abstractmethod
    async def refresh(self) -> None:
        """Wait for a refresh to finish, starting it if needed. Failures are left to the next attempt."""

    @abstractmethod
    async def settled(self) -> None:
        """For calls that are not repeated when they find no node: wait for one, within ``call_timeout_s``."""

    @abstractmethod
    def close(self) -> None:
        """End what runs in the background."""

    def explain(self, error: ClientError | None) -> str:
        """A sentence for the message of a call that ended with ``error``; "" if there is nothing to add."""
        return ""

    # ---- routes --------------------------------------------------------------------------------

    def node_for(self, slot: int) -> Node:
        """The node that serves ``slot``; raises :class:`TopologyError` when none is known."""
        node = self.routes[slot]
        if node is self.nobody:
            raise self._unserved(f"slot {slot}")
        return node

    def _unserved(self, what: str) -> TopologyError:
        return TopologyError(f"no node serves {what}: see `garrison cluster check`")

    def resolve(self, address: Address, asked: Node) -> Node:
        """The node that a redirect names; an empty host means the host of the node that said so."""
        return self._pool.announced(Address(address.host or asked.address.host, address.port))

    def move(self, slot: int, node: Node) -> None:
        """Send ``slot`` to ``node`` from now on: a redirect is newer than the map."""
        if 0 <= slot < SLOT_COUNT and self.routes[slot] is not node:
            self.routes[slot] = node
            self._announce()

    def primaries(self) -> list[Node]:
        """Every node that serves slots, in the order of the slots; the one node when not a cluster."""
        return [node for node in dict.fromkeys(self.routes) if node is not self.nobody]

    def shuffled_primaries(self) -> list[Node]:
        """The primaries in random order."""
        nodes = self.primaries()
        self._rng.shuffle(nodes)
        return nodes

    def any_node(self) -> Node:
        """A serving node for a command without keys: a connected one if there is any."""
        nodes = self.primaries()
        if not nodes:
            raise self._unserved("any slot")
        connected = [node for node in nodes if node.live is not None]
        return self._rng.choice(connected or nodes)

    def find(self, address: Address) -> Node:
        """The node at an address, as the cluster announces it or as this machine sees it."""
        known = {node.address: node for node in self._pool.known()}
        return known.get(address) or self._pool.announced(address)

    # ---- changes -------------------------------------------------------------------------------

    async def changed(self, timeout_s: float) -> None:
        """Wait until the routes change, or for ``timeout_s``."""
        if self._changed is None or self._changed.done():
            self._changed = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._changed,), timeout=timeout_s)

    def _announce(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
