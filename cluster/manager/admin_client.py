"""The nodes of one cluster, reached over the client library: one connection each, more for parallel work.

An admin client starts from the address of any one node. :meth:`AdminClient.cluster_state` asks that node who
else there is, then asks all of them, so that the planners see every node's own table.
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from garrison.client import ClientError, Connection, ReplyError, open_connection
from garrison.client.errors import AuthenticationError
from garrison.cluster.core.cluster_state import ClusterState, NodeStatus
from garrison.cluster.core.server_fields import server_version
from garrison.cluster.core.topology import Address, Node, View, parse_nodes
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.address_map import NO_MAP, AddressMap

CONNECT_TIMEOUT_S = 5.0
CONNECTIONS_OPENING_MAX = 64
LOGIN_ADVICE = "give --askpass or --password-file, and --user if it is not the default user"
ALLOW_ADVICE = "allow it to the user by ACL SETUSER, or give another by --user"
Command = Sequence[str | bytes | int]


@dataclass(frozen=True)
class Access:
    """How to reach every node, and how to log in there."""

    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    timeout_s: float = CONNECT_TIMEOUT_S
    address_map: AddressMap = NO_MAP


@dataclass
class AdminClient:
    """Connections to the nodes of a cluster. Use it as an async context manager."""

    entry: Address
    access: Access = field(default_factory=Access)
    _links: dict[tuple[Address, int], Connection] = field(default_factory=dict)
    _opening: dict[tuple[Address, int], asyncio.Lock] = field(default_factory=dict)
    _transacts: dict[Address, bool] = field(default_factory=dict)
    """Whether CLUSTER commands may be sent in a transaction, as long as a link is up."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        links = list(self._links.values())
        self._links.clear()
        await asyncio.gather(*(link.close() for link in links), return_exceptions=True)

    async def link(self, address: Address, lane: int = 0) -> Connection:
        """Return the open connection to a node; UnreachableError says why there is none.

        A node carries out the commands of one connection one by one; each ``lane`` is a connection more.
        """
        key = address, lane
        async with self._opening.setdefault(key, asyncio.Lock()):
            if key not in self._links:
                self._links[key] = await self.open(address, self.access.timeout_s)
            return self._links[key]

    async def open(self, address: Address, timeout_s: float) -> Connection:
        """Open a connection of the caller's own, who closes it."""
        try:
            reached = self.access.address_map.reached(address)
            return await open_connection(
                reached.host,
                reached.port,
                username=self.access.username,
                password=self.access.password,
                timeout=timeout_s,
                ssl=self.access.tls,
            )
        except AuthenticationError as error:
            raise UnreachableError(f"{address} refused the login: {error}; {LOGIN_ADVICE}") from error
        except ClientError as error:
            raise UnreachableError(str(error)) from error

    async def call(self, address: Address, *command: str | bytes | int) -> Any:
        """Send one command; an error reply becomes a ManagerError that names node and command."""
        replies = await self.call_many(address, [command])
        return accepted(replies[0], address, command)

    async def call_many(self, address: Address, commands: Sequence[Command], lane: int = 0) -> list[Any]:
        """Send commands in one write; error replies are values. A lost link is forgotten."""
        link = await self.link(address, lane)
        try:
            return await link.call_many(commands)
        except ClientError as error:
            self._links.pop((address, lane), None)
            self._transacts.pop(address, None)
            await link.close()
            raise UnreachableError(f"{address} stopped answering: {error}") from error

    async def demand_many(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        """As :meth:`call_many`, but the first error reply raises."""
        replies = await self.call_many(address, commands)
        for reply, command in zip(replies, commands, strict=True):
            accepted(reply, address, command)
        return replies

    async def demand_together(
        self, address: Address, commands: Sequence[Command], then: Sequence[Command] = ()
    ) -> list[Any]:
        """Send ``commands`` as one transaction and ``then`` behind it, all in one write; demand every reply.

        A Valkey gets them one by one: there SETSLOT waits for the replicas, and in a transaction that ends
        the process on an assertion.

        A node makes a promise of each CLUSTER command durable before it answers. Inside one transaction
        they share one sync of the disk, which makes hundreds of SETSLOT cost what one does.
        """
        if not commands:
            return await self.demand_many(address, then)
        if not await self._may_transact(address):
            return await self.demand_many(address, [*commands, *then])
        replies = await self.call_many(address, [("MULTI",), *commands, ("EXEC",), *then])
        executed = replies[len(commands) + 1]
        if isinstance(executed, ReplyError):
            # A server that does not take them in a transaction takes them one by one.
            return await self.demand_many(address, [*commands, *then])
        replies = [*executed, *replies[len(commands) + 2 :]]
        for reply, command in zip(replies, [*commands, *then], strict=True):
            accepted(reply, address, command)
        return replies

    async def _may_transact(self, address: Address) -> bool:
        if address not in self._transacts:
            (reply,) = await self.call_many(address, [("INFO", "server")])
            fields = read_fields(reply)
            self._transacts[address] = bool(fields) and "valkey_version" not in fields
        return self._transacts[address]

    async def view(self, address: Address) -> View:
        """Ask one node for its table."""
        return read_view(await self.call(address, "CLUSTER", "NODES"), address)

    async def cluster_state(self) -> ClusterState:
        """Ask the entry node for the members, then ask all of them at once."""
        first = await self.view(self.entry)
        known = [node for node in first.nodes.values() if not node.in_handshake]
        limit = asyncio.Semaphore(CONNECTIONS_OPENING_MAX)

        async def ask(node: Node) -> tuple[View, NodeStatus] | Exception:
            # The entry node is asked where it was reached: its own idea of its address may be empty.
            address = self.entry if node.id == first.my_id else node.address
            async with limit:
                try:
                    return await self._ask(address)
                except (ManagerError, ValueError) as error:
                    return error

        answers = await asyncio.gather(*map(ask, known))
        views: dict[str, View] = {}
        statuses: dict[str, NodeStatus] = {}
        silent: dict[Address, str] = {}
        for node, answer in zip(known, answers, strict=True):
            if isinstance(answer, Exception):
                silent[node.address] = str(answer)
            else:
                views[answer[0].my_id], statuses[answer[0].my_id] = answer
        return ClusterState(views, statuses, silent)

    async def _ask(self, address: Address) -> tuple[View, NodeStatus]:
        commands = [("CLUSTER", "NODES"), ("CLUSTER", "INFO"), ("INFO",), ("DBSIZE",)]
        nodes, cluster, info, keys = await self.call_many(address, commands)
        view = read_view(accepted(nodes, address, commands[0]), address)
        return view, read_status(view, cluster, info, keys)


def read_status(view: View, cluster: Any, info: Any, keys: Any) -> NodeStatus:
    """What a node says about itself, from its replies to CLUSTER INFO, INFO and DBSIZE."""
    state = read_fields(cluster)
    fields = read_fields(info)
    stray = state.get("cluster_keys_stray", "0")
    return NodeStatus(
        state_ok=state.get("cluster_state", "ok") == "ok",
        keys=keys if isinstance(keys, int) else 0,
        link_up=None if view.myself.is_primary else fields.get("master_link_status") == "up",
        data_lost=state.get("cluster_data", "").startswith("lost"),
        can_write=state.get("cluster_write_lease") != "lapsed",
        stray_keys=int(stray) if stray.isdecimal() else 0,
        version=server_version(fields),
        bytes_per_key=_bytes_per_key(fields, keys),
    )


def accepted(reply: Any, address: Address, command: Command) -> Any:
    """Return a reply; an error reply raises ManagerError with what was asked of whom."""
    if not isinstance(reply, ReplyError):
        return reply
    shown = " ".join(str(word) for word in command[:5])
    advice = ""
    if "cluster support disabled" in reply.message:
        advice = "; start that node with --cluster-enabled yes"
    elif isinstance(reply, AuthenticationError):
        raise UnreachableError(f"{address} refused {shown}: {reply}; {advice_on(reply)}")
    raise ManagerError(f"{address} refused {shown}: {reply}{advice}")


def advice_on(refusal: AuthenticationError) -> str:
    """What to do about a command that was refused: log in, or let the user that is logged in send it."""
    return ALLOW_ADVICE if str(refusal).startswith("NOPERM") else LOGIN_ADVICE


def read_fields(reply: Any) -> dict[str, str]:
    """Read ``name:value`` lines, as of INFO and CLUSTER INFO; an error reply has none."""
    if not isinstance(reply, bytes | str):
        return {}
    text = reply.decode(errors="backslashreplace") if isinstance(reply, bytes) else reply
    pairs = [line.split(":", 1) for line in text.splitlines() if ":" in line and line[0] != "#"]
    return {name: value.strip() for name, value in pairs}


def pairs_of(primaries: Iterable[Node]) -> Mapping[str, Address]:
    """Node id to address."""
    return {node.id: node.address for node in primaries}


def read_view(reply: Any, address: Address) -> View:
    """Read the reply to CLUSTER NODES. Raises ManagerError where it cannot be read."""
    if not isinstance(reply, bytes):
        raise ManagerError(f"{address} does not answer CLUSTER NODES with a table: {reply}")
    try:
        return parse_nodes(reply.decode(), address)
    except ValueError as error:
        raise ManagerError(str(error)) from error


def _bytes_per_key(fields: Mapping[str, str], keys: Any) -> float:
    """The mean size of a key with its value, for progress in bytes; 0 if the node does not report it."""
    dataset = fields.get("used_memory_dataset", "")
    if not (isinstance(keys, int) and keys and dataset.isdecimal()):
        return 0.0
    return int(dataset) / keys
