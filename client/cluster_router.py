"""The slot map of a cluster, asked of its nodes, and how it is kept up to date.

BACKGROUND
    Any node tells the whole map (CLUSTER SLOTS), as it sees it. During a failover or a reshard the
    nodes disagree for a moment, and a redirect (MOVED) is newer than the map.

INVARIANTS
    * At most one refresh runs, and two start at least ``refresh_interval_min_s`` apart. However
      many calls fail at once, the cluster is asked once.

BEHAVIOUR
    * A refresh asks the known nodes in random order, those that do not answer last, and never the
      same one first twice in a row. A node that has not answered after ``refresh_hedge_s`` is not
      waited for alone: the next one is asked beside it, and the first readable map wins.
    * A connection on which commands wait in silence makes the others be asked; if its node has lost
      its slots (it was stopped, or cut off, and replaced), what waits there is sent to the new owner.
    * MOVED changes its slot at once and asks for a refresh in the background.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from garrison.client.connection import Connection
from garrison.client.core.slots import SLOT_COUNT
from garrison.client.core.topology import Address, Topology, parse_cluster_shards, parse_cluster_slots
from garrison.client.errors import (
    AuthenticationError,
    ClientError,
    ConnectionFailedError,
    ReplyError,
    TopologyError,
    UsageError,
)
from garrison.client.nodes import Node, NodePool
from garrison.client.router import Router
from garrison.client.settings import Settings

__all__ = ["ClusterRouter"]

_ADDRESS_HINT = "Is that an address that works from here? If not, give connect() an address_map."


class ClusterRouter(Router):
    """The slot map and its upkeep, for one client; of a server alone, the one node."""

    def __init__(self, pool: NodePool, seeds: Sequence[Address], settings: Settings, rng: Random) -> None:
        super().__init__(pool, settings, rng)
        self._seeds = tuple(seeds)
        self._asked_first: Node | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed_at = float("-inf")
        pool.on_lost = lambda _node, _error: self.request_refresh()
        pool.on_silent = self.request_refresh

    # ---- the start -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect to the first seed that answers and find out what it is part of."""
        failures: list[str] = []
        for seed in self._seeds:
            node = self._pool.at(seed)
            try:
                topology = await self._ask(node)
            except (ConnectionFailedError, TopologyError) as error:
                failures.append(str(error))
                continue
            if topology is None:
                self.routes[:] = [node] * SLOT_COUNT
            else:
                self.clustered = self.finds_primaries = True
                self._install(topology)
            return
        raise ConnectionFailedError("; ".join(failures))

    async def _ask(self, node: Node) -> Topology | None:
        """The topology as ``node`` sees it; None when it is not part of a cluster."""
        connection = await node.connection()
        mode = _text(connection.server.get("mode", "cluster"))
        if mode == "sentinel":
            raise UsageError(
                f"{node.address} is a Sentinel: write sentinel://{node.address}/NAME, with the primary's name"
            )
        if mode != "cluster":
            return None
        host = node.address.host
        try:
            return parse_cluster_slots(await connection.call("CLUSTER", "SLOTS"), asked_host=host)
        except AuthenticationError:
            raise
        except ReplyError as error:
            if "cluster support disabled" in error.message:
                return None
            if error.code != "ERR":
                raise TopologyError(f"{node.address} reports no topology: {error}") from error
        return await self._ask_for_shards(node, connection)

    async def _ask_for_shards(self, node: Node, connection: Connection) -> Topology | None:
        """For servers that know only the newer command, or neither."""
        try:
            reply = await connection.call("CLUSTER", "SHARDS")
        except ReplyError as error:
            if self.clustered:
                raise TopologyError(f"{node.address} reports no topology: {error}") from error
            return None
        tls = self._pool.ssl is not None
        return parse_cluster_shards(reply, asked_host=node.address.host, tls=tls)

    # ---- refresh -------------------------------------------------------------------------------

    def request_refresh(self) -> None:
        """Start a refresh in the background, unless one is under way."""
        if self.clustered and self._refreshing is None and not self._pool.is_closed:
            self._refreshing = asyncio.create_task(self._refresh_soon(), name="garrison: refresh topology")

    async def refresh(self) -> None:
        """Wait for a refresh to finish, starting it if needed. Failures are left to the next attempt."""
        self.request_refresh()
        if self._refreshing is not None:
            await asyncio.shield(self._refreshing)

    async def settled(self) -> None:
        """A node keeps its slots here until another is known to have them: there is nothing to wait for."""

    def close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()

    def explain(self, error: ClientError | None) -> str:
        return _ADDRESS_HINT if self.clustered and isinstance(error, ConnectionFailedError) else ""

    async def _refresh_soon(self) -> None:
        loop = asyncio.get_running_loop()
        interval_s = self._settings.refresh_interval_min_s
        try:
            wait_s = self._refreshed_at + interval_s * (1 + self._rng.random() / 2) - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._refreshed_at = loop.time()
            self.refresh_count += 1
            topology = await self._first_answer()
            if topology is not None and not self._pool.is_closed:
                self._install(topology)
        finally:
            self._refreshing = None

    async def _first_answer(self) -> Topology | None:
        """Ask one node after the other, not waiting for a slow one alone; None when nobody answers."""
        candidates = self._candidates()
        asking: set[asyncio.Task[Topology | None]] = set()
        try:
            while candidates or asking:
                if candidates:
                    asking.add(asyncio.create_task(self._ask(candidates.pop(0))))
                patience_s = self._settings.refresh_hedge_s if candidates else None
                done, asking = await asyncio.wait(
                    asking, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
                )
                answers = [task.result() for task in done if not isinstance(task.exception(), ClientError)]
                # A map without any slot comes from a node that has been reset or not yet joined.
                for topology in answers:
                    if topology is not None and topology.primaries:
                        return topology
            return None
        finally:
            for task in asking:
                task.cancel()

    def _candidates(self) -> list[Node]:
        """Whom to ask, in order: all known nodes and the seeds at random, those in trouble last.

        Whoever was asked first the last time is not the first again: it may be cut off with an old map.
        """
        nodes = list(dict.fromkeys([*self._pool.known(), *(self._pool.at(seed) for seed in self._seeds)]))
        self._rng.shuffle(nodes)
        nodes.sort(key=lambda node: (node.is_silent or node.is_failing, node is self._asked_first))
        self._asked_first = nodes[0]
        return nodes

    def _install(self, topology: Topology) -> None:
        """Replace the whole map in one step."""
        announced = self._pool.announced
        by_address = {address: announced(address) for address in topology.nodes()}
        routes = [self.nobody if owner is None else by_address[owner] for owner in topology.owners]
        changed = routes != self.routes
        demoted = set(self.routes) - set(routes)
        self.topology = topology
        self.routes[:] = routes
        seeds = {self._pool.at(seed) for seed in self._seeds}
        for node in demoted:
            # What waits there would wait for reply_timeout_s, while the new owner could answer at once.
            if node.live is not None and node.is_silent:
                node.live.give_up("it is silent and has lost its slots")
        self._pool.keep_only(set(by_address.values()) | seeds)
        if changed:
            self._announce()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
