"""Reads a deployment: who is there, then every node at once, one batch of commands each.

A node that does not answer in time, or not with what was asked for, is a part of the reading; only the entry
has to answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from garrison.client import ClientError, Connection, ReplyError
from garrison.client.errors import AuthenticationError
from garrison.cluster.core.cluster_state import ClusterState, NodeStatus
from garrison.cluster.core.doctor.readings import NodeReading, Reading, SentinelReading
from garrison.cluster.core.doctor.replies import (
    NODE_COMMANDS,
    fields_of,
    members_of,
    node_reading,
    pairs_of_list,
    rows_of,
    text_of,
)
from garrison.cluster.core.printable import printable
from garrison.cluster.core.server_fields import server_mode
from garrison.cluster.core.topology import Address, View
from garrison.cluster.doctor.key_sample import sample_keys
from garrison.cluster.doctor.this_host import read_host
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.admin_client import (
    Access,
    AdminClient,
    advice_on,
    read_status,
    read_view,
)

ASKED_AT_ONCE_MAX = 64
NODES_MAX = 2_000
PRIMARIES_WATCHED_MAX = 100
HOPS_MAX = 3
"""From a replica to its primary, and to the primary's other replicas."""


class Gatherer:
    """Asks the servers of one deployment."""

    def __init__(self, access: Access, *, deep: bool, version: str) -> None:
        self.access = access
        self.deep = deep
        self.version = version
        self._limit = asyncio.Semaphore(ASKED_AT_ONCE_MAX)
        self._replies: dict[Address, Mapping[str, Any]] = {}
        """What nodes of a cluster said, until the tables are read from it."""

    async def gather(self, entry: Address) -> list[Reading]:
        """One reading, or with Sentinels one for each primary that they watch.

        Raises UnreachableError where the entry does not answer.
        """
        first = await self._ask_node(entry)
        if first.error:
            raise UnreachableError(f"{entry} cannot be examined: {printable(first.error)}")
        if server_mode(first.info) == "sentinel":
            return await self._sentinels(entry)
        if first.info.get("cluster_enabled") == "1":
            return [await self._cluster(entry, first)]
        return [await self._single(entry, first)]

    # The kinds of deployment.

    async def _cluster(self, entry: Address, first: NodeReading) -> Reading:
        try:
            view = read_view(self._replies[entry].get("nodes"), entry)
        except ManagerError as error:
            raise ManagerError(printable(str(error))) from error
        if view.myself.address.host:
            # By its own name, so that it is on the host of those who announce the same.
            first = replace(first, address=view.myself.address)
            self._replies[first.address] = self._replies[entry]
        known = [node for node in view.nodes.values() if not node.in_handshake and node.id != view.my_id]
        others = await self._ask_nodes(node.address for node in known if node.address.host)
        views: dict[str, View] = {}
        statuses: dict[str, NodeStatus] = {}
        silent: dict[Address, str] = {}
        nodes: list[NodeReading] = []
        for node in (first, *others):
            replies = self._replies.get(node.address, {})
            try:
                if node.error:
                    raise ManagerError(node.error)
                own = read_view(replies.get("nodes"), node.address)
                views[own.my_id] = own
                statuses[own.my_id] = read_status(
                    own, replies.get("cluster"), replies.get("info"), replies.get("keys")
                )
            except ManagerError as error:
                silent[node.address] = str(error)
                node = node if node.error else replace(node, error=str(error))
            nodes.append(node)
        nodes.sort(key=lambda node: node.address)
        return self._reading("cluster", nodes, state=ClusterState(views, statuses, silent))

    async def _single(self, entry: Address, first: NodeReading) -> Reading:
        """A node, and those with which it replicates."""
        found = {entry: first}
        same = {entry}
        for _ in range(HOPS_MAX):
            named = {address for node in found.values() for address in members_of(node)}
            new = sorted(named - found.keys() - same)
            for node in await self._ask_nodes(new):
                if not any(_is_same(node, other) for other in found.values()):
                    found[node.address] = node
                else:
                    same.add(node.address)
        return self._reading("single", sorted(found.values(), key=lambda node: node.address))

    async def _sentinels(self, entry: Address) -> list[Reading]:
        names = await self._watched(entry)
        if not names:
            raise ManagerError(f"the Sentinel at {entry} watches nothing: see SENTINEL MONITOR")
        return [await self._watched_group(entry, name) for name in names[:PRIMARIES_WATCHED_MAX]]

    async def _watched(self, entry: Address) -> list[str]:
        replies = await self._call(entry, [("SENTINEL", "MASTERS")])
        return [row["name"] for row in rows_of(replies[0]) if "name" in row]

    async def _watched_group(self, entry: Address, name: str) -> Reading:
        first = await self._ask_sentinel(entry, name)
        if first.error:
            raise UnreachableError(f"{entry} cannot be examined: {printable(first.error)}")
        others = await asyncio.gather(
            *(self._ask_sentinel(address, name) for address in _addresses(first.others))
        )
        nodes = await self._ask_nodes(_addresses([first.primary, *first.replicas]))
        watched = {each.address: each for each in (first, *others)}
        sentinels = sorted(watched.values(), key=lambda each: each.address)
        return self._reading("sentinel", nodes, sentinels=sentinels, primary_name=name)

    def _reading(self, kind: Any, nodes: Sequence[NodeReading], **more: Any) -> Reading:
        return Reading(kind, nodes, now_s=time.time(), doctor_version=self.version, deep=self.deep, **more)

    # Asking.

    async def _ask_nodes(self, addresses: Iterable[Address]) -> list[NodeReading]:
        distinct = list(dict.fromkeys(addresses))
        if len(distinct) > NODES_MAX:
            raise ManagerError(f"{len(distinct)} nodes are more than the doctor examines ({NODES_MAX})")
        return list(await asyncio.gather(*map(self._ask_node, distinct)))

    async def _ask_node(self, address: Address) -> NodeReading:
        async with self._limit:
            try:
                async with asyncio.timeout(self.access.timeout_s * 2):
                    connection = await self._open(address)
            except (ManagerError, TimeoutError) as error:
                return NodeReading(address, error=_reason(error))
            try:
                return await self._examine_node(address, connection)
            except (ClientError, TimeoutError) as error:
                return NodeReading(address, error=f"it stopped answering: {_reason(error)}")
            finally:
                await connection.close()

    async def _examine_node(self, address: Address, connection: Connection) -> NodeReading:
        async with asyncio.timeout(self.access.timeout_s):
            sent_s = time.time()
            replies = await connection.call_many(list(NODE_COMMANDS.values()))
            received_s = time.time()
        named = dict(zip(NODE_COMMANDS, replies, strict=True))
        node = node_reading(address, named, sent_s, received_s)
        if not node.info:
            refused = named["info"]
            why = f"it refuses INFO: {refused}" if isinstance(refused, ReplyError) else "it sends no INFO"
            if isinstance(refused, AuthenticationError):
                why += f"; {advice_on(refused)}"
            return NodeReading(address, error=why)
        self._replies[address] = {name: named[name] for name in ("nodes", "cluster", "info", "keys")}
        reached = self.access.address_map.reached(address)
        host = await asyncio.to_thread(read_host, reached.host, node.info, node.config or {})
        keys = None
        if self.deep and node.is_primary:
            keys = await sample_keys(connection, node.info.get("maxmemory_policy", ""))
        return replace(node, host=host, keys=keys)

    async def _ask_sentinel(self, address: Address, name: str) -> SentinelReading:
        commands = [
            ("INFO",),
            ("SENTINEL", "MASTER", name),
            ("SENTINEL", "REPLICAS", name),
            ("SENTINEL", "SENTINELS", name),
        ]
        async with self._limit:
            try:
                info, primary, replicas, others = await self._call(address, commands)
            except ManagerError as error:
                return SentinelReading(address, error=str(error))
        fields = pairs_of_list(primary)
        if not fields:
            return SentinelReading(address, error=f"it does not say how it sees {name}: {text_of(primary)}")
        return SentinelReading(
            address,
            info=fields_of(info),
            primary=fields,
            replicas=rows_of(replicas),
            others=rows_of(others),
        )

    async def _call(self, address: Address, commands: Sequence[Sequence[str]]) -> list[Any]:
        """Replies over a connection of its own. Raises ManagerError."""
        try:
            async with asyncio.timeout(self.access.timeout_s * 2):
                connection = await self._open(address)
                try:
                    return await connection.call_many(commands)
                finally:
                    await connection.close()
        except (ClientError, TimeoutError) as error:
            raise UnreachableError(f"{address}: {_reason(error)}") from error

    async def _open(self, address: Address) -> Connection:
        """A connection; without login where the server has no password, as Sentinels often have none."""
        try:
            return await AdminClient(address, self.access).open(address, self.access.timeout_s)
        except UnreachableError as error:
            cause = error.__cause__
            refused = isinstance(cause, AuthenticationError | ReplyError | ClientError)
            if self.access.password is None or not refused or "without any password" not in str(cause):
                raise
            anonymous = replace(self.access, username=None, password=None)
            return await AdminClient(address, anonymous).open(address, self.access.timeout_s)


def _reason(error: Exception) -> str:
    return str(error) or "no answer in time"


def _addresses(rows: Iterable[Mapping[str, str]]) -> list[Address]:
    """Where the servers in rows of SENTINEL are."""
    found = []
    for row in rows:
        port = row.get("port", "")
        if row.get("ip") and port.isdecimal() and len(port) < 6:
            found.append(Address(row["ip"], int(port)))
    return found


def _is_same(node: NodeReading, other: NodeReading) -> bool:
    """Whether two readings are of one process, reached by two addresses."""
    run_id = node.info.get("run_id")
    return bool(run_id) and run_id == other.info.get("run_id")
