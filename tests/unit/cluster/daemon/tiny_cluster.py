"""A cluster in memory that knows the commands about members, roles and settings, for steps and observer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from garrison.client import ReplyError
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.manager.jobs import Step, StepKind
from garrison.cluster.core.ranges import to_ranges
from garrison.cluster.core.topology import Address, View, parse_nodes
from garrison.cluster.daemon.leased import Lease, LeasedSession
from garrison.cluster.daemon.step_context import StepContext
from garrison.cluster.errors import UnreachableError
from garrison.cluster.manager.admin_client import Access, accepted

Command = Sequence[Any]


@dataclass
class TinyNode:
    """One node; `known` are the ids that its table lists."""

    id: str
    address: Address
    slots: frozenset[int] = frozenset()
    primary_id: str | None = None
    keys: int = 0
    known: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    epoch: int = 1
    is_up: bool = True
    link_up: bool = True
    uptime_s: int = 1_000
    starts: int = 1
    comes_back: bool = True
    """Whether a supervisor starts it after SHUTDOWN."""
    info: dict[str, str] = field(default_factory=dict)


@dataclass
class TinyCluster:
    """Stands in for an admin client too."""

    nodes: dict[str, TinyNode]
    sent: list[tuple[str, ...]] = field(default_factory=list)
    access: Access = field(default_factory=Access)

    @classmethod
    def of(cls, *roles: str) -> TinyCluster:
        """`a b a>c`: primaries a and b, c a replica of a; slots are shared evenly."""
        primaries = [role for role in roles if ">" not in role]
        nodes: dict[str, TinyNode] = {}
        for number, role in enumerate(roles):
            primary, _, name = role.rpartition(">")
            share = 16384 // len(primaries)
            first = primaries.index(role) * share if not primary else 0
            last = 16384 if role == primaries[-1] else first + share
            nodes[name * 40] = TinyNode(
                name * 40,
                Address("10.0.0.1", 7001 + number),
                frozenset() if primary else frozenset(range(first, last)),
                primary * 40 if primary else None,
                epoch=number + 1,
            )
        for node in nodes.values():
            node.known = set(nodes)
        return cls(nodes)

    def node(self, name: str) -> TinyNode:
        return self.nodes[name * 40]

    def add_spare(self, name: str, **fields: Any) -> TinyNode:
        spare = TinyNode(name * 40, Address("10.0.0.2", 7000 + len(self.nodes)), known={name * 40}, **fields)
        self.nodes[spare.id] = spare
        return spare

    # What an admin client has.

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing is open."""

    async def close(self) -> None:
        """Nothing is open."""

    async def call(self, address: Address, *command: Any) -> Any:
        return accepted((await self.call_many(address, [command]))[0], address, command)

    async def demand_many(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        return [await self.call(address, *command) for command in commands]

    async def call_many(self, address: Address, commands: Sequence[Command], lane: int = 0) -> list[Any]:
        node = next((node for node in self.nodes.values() if node.address == address), None)
        if node is None or not node.is_up:
            raise UnreachableError(f"{address} does not answer")
        return [self._answer(node, [str(word) for word in command]) for command in commands]

    async def view(self, address: Address) -> View:
        reply = await self.call(address, "CLUSTER", "NODES")
        return parse_nodes(reply.decode(), address)

    async def cluster_state(self) -> ClusterState:
        first = next(node for node in self.nodes.values() if node.is_up)
        members = [self.nodes[node_id] for node_id in first.known]
        views = [await self.view(node.address) for node in members if node.is_up]
        return ClusterState({view.my_id: view for view in views})

    # What nodes do.

    def _answer(self, node: TinyNode, words: list[str]) -> Any:
        if words[0] not in ("INFO", "DBSIZE", "LATENCY", "SLOWLOG") and words[:2] not in (
            ["CLUSTER", "NODES"],
            ["CLUSTER", "INFO"],
            ["CLUSTER", "SLOT-STATS"],
            ["CONFIG", "GET"],
        ):
            self.sent.append((node.id[0], *words))
        match words:
            case ["CLUSTER", "NODES"]:
                return self.table(node).encode()
            case ["CLUSTER", "INFO"]:
                return b"cluster_state:ok\r\n"
            case ["INFO", *_]:
                return self.info(node).encode()
            case ["DBSIZE"]:
                return node.keys
            case ["SLOWLOG", *_]:
                return []
            case ["CLUSTER", "MEET", host, port, *_]:
                return self._meet(node, Address(host, int(port)))
            case ["CLUSTER", "REPLICATE", primary]:
                node.primary_id, node.slots = primary, frozenset()
                return b"OK"
            case ["CLUSTER", "FAILOVER"]:
                return self._fail_over(node)
            case ["CLUSTER", "FORGET", node_id]:
                if node_id not in node.known:
                    return ReplyError("ERR Unknown node")
                node.known.discard(node_id)
                return b"OK"
            case ["CLUSTER", "RESET", "HARD"]:
                node.known, node.primary_id, node.keys = {node.id}, None, 0
                return b"OK"
            case ["CONFIG", "GET", name]:
                return [name.encode(), node.settings[name].encode()] if name in node.settings else []
            case ["CONFIG", "SET", *pairs]:
                node.settings.update(zip(pairs[::2], pairs[1::2], strict=True))
                return b"OK"
            case ["CONFIG", "REWRITE"]:
                return ReplyError("ERR The server is running without a config file")
            case ["SHUTDOWN"]:
                node.is_up = node.comes_back
                node.uptime_s = 0
                node.starts += 1
                raise UnreachableError(f"{node.address} stopped answering")
        return ReplyError(f"ERR unknown command {words}")

    def _meet(self, node: TinyNode, address: Address) -> bytes:
        other = next(each for each in self.nodes.values() if each.address == address)
        everybody = node.known | other.known
        for node_id in everybody:
            self.nodes[node_id].known |= everybody
        return b"OK"

    def _fail_over(self, node: TinyNode) -> Any:
        primary = self.nodes.get(node.primary_id or "")
        if primary is None:
            return ReplyError("ERR You should send CLUSTER FAILOVER to a replica")
        node.slots, primary.slots = primary.slots, frozenset()
        node.epoch = max(each.epoch for each in self.nodes.values()) + 1
        node.primary_id, primary.primary_id = None, node.id
        return b"OK"

    def table(self, viewer: TinyNode) -> str:
        """CLUSTER NODES of one node."""
        lines = []
        for node_id in sorted(viewer.known):
            node = self.nodes[node_id]
            flags = ["myself"] if node is viewer else []
            flags.append("slave" if node.primary_id else "master")
            flags += ["fail"] if node_id in viewer.failed else []
            ranges = " ".join(f"{first}-{last}" for first, last in to_ranges(node.slots))
            lines.append(
                f"{node.id} {node.address}@{node.address.port + 10000} {','.join(flags)} "
                f"{node.primary_id or '-'} 0 0 {node.epoch} connected {ranges}"
            )
        return "\n".join(lines) + "\n"

    def info(self, node: TinyNode) -> str:
        """INFO of one node."""
        primary = self.nodes.get(node.primary_id or "")
        fields = {
            "redis_version": "7.2.0",
            "server_name": "garrison",
            "redis_mode": "cluster",
            "run_id": f"run-{node.id[0]}-{node.starts}",
            "uptime_in_seconds": str(node.uptime_s),
            "role": "slave" if primary else "master",
            "loading": "0",
            "used_memory": "1000000",
            "total_commands_processed": "10",
            "master_repl_offset": "100",
            "db0": f"keys={node.keys},expires=0",
        }
        if primary:
            fields |= {
                "master_host": primary.address.host,
                "master_port": str(primary.address.port),
                "master_link_status": "up" if node.link_up else "down",
                "slave_repl_offset": "100",
            }
        return "".join(f"{name}:{value}\r\n" for name, value in (fields | node.info).items())


@dataclass
class TinySession(LeasedSession):
    """A session whose admin client is the model."""

    cluster: TinyCluster | None = None

    def admin(self, entry: Address) -> Any:
        return self.cluster


def step_on(cluster: TinyCluster, kind: str, **arguments: str) -> StepContext:
    """A step of this kind on the model."""
    session = TinySession(lease=Lease("m@h:1", 1), cluster=cluster)
    entry = next(iter(cluster.nodes.values())).address
    return StepContext(Step(kind=StepKind(kind), arguments=arguments), entry, session, lambda fraction: None)
