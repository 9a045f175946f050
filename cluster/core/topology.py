"""One node's opinion of the cluster: what ``CLUSTER NODES`` says, as a model.

Each node keeps its own table and prints it as one line a node::

    <id> <ip>:<port>@<bus>[,<hostname>] <flags> <primary|-> <ping> <pong> <epoch> <link> [<slot> ...]

A slot is ``5``, ``0-99`` or, on the line marked ``myself`` only, an *open* slot: ``[5->-<id>]`` is
moving away to that node, ``[5-<-<id>]`` is coming in from it. Nothing here is the truth about the
cluster; :mod:`garrison.cluster.core.cluster_state` compares the opinions.

The tables of a hundred nodes are ten thousand lines, of which a few hundred differ in more than their times:
equal lines are parsed once and become one object.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from garrison.cluster.core.ranges import Range, merge_ranges, to_ranges, to_slots

LINES_KEPT_MAX = 4_096
"""Parsed lines that are remembered: each node of a large cluster as itself and as the others see it."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a node listens for clients."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Node:
    """One line of ``CLUSTER NODES``."""

    id: str
    address: Address
    flags: frozenset[str] = frozenset({"master"})
    primary_id: str | None = None
    epoch: int = 0
    connected: bool = True
    ranges: tuple[Range, ...] = ()
    migrating: Mapping[int, str] = field(default_factory=dict)
    importing: Mapping[int, str] = field(default_factory=dict)
    bus_port: int = 0
    hostname: str = ""

    @cached_property
    def slots(self) -> frozenset[int]:
        """The slots that it owns."""
        return frozenset(to_slots(self.ranges))

    @property
    def is_primary(self) -> bool:
        return "master" in self.flags

    @property
    def failing(self) -> bool:
        """Seen as failed, or as perhaps failed."""
        return not self.flags.isdisjoint(("fail", "fail?"))

    @property
    def in_handshake(self) -> bool:
        return bool(self.flags & {"handshake", "noaddr"})

    @property
    def label(self) -> str:
        """How messages name it: address and the start of the id."""
        return f"{self.address} ({self.id[:8]})"

    def with_slots(self, slots: frozenset[int]) -> "Node":
        return replace(self, ranges=to_ranges(slots))


@dataclass(frozen=True)
class View:
    """The table of one node, which is itself in it as ``myself``."""

    nodes: Mapping[str, Node]
    my_id: str

    @property
    def myself(self) -> Node:
        return self.nodes[self.my_id]

    @cached_property
    def owners(self) -> Mapping[int, str]:
        """Slot to the id of its owner, as this node sees it."""
        return {slot: node.id for node in self.nodes.values() for slot in node.slots}

    @cached_property
    def signature(self) -> tuple[tuple[str, tuple[Range, ...]], ...]:
        """Two views agree about the slots exactly when their signatures are equal."""
        return tuple(sorted((node.id, node.ranges) for node in self.nodes.values() if node.ranges))

    @cached_property
    def failing(self) -> tuple[Node, ...]:
        """Whom this node sees as failed, or as perhaps failed."""
        return tuple(node for node in self.nodes.values() if node.failing)

    @property
    def joined_ids(self) -> frozenset[str]:
        """Whom it knows, without strangers still shaking hands."""
        return frozenset(node.id for node in self.nodes.values() if "handshake" not in node.flags)


def parse_nodes(text: str, asked: Address) -> View:
    """Read the reply of ``CLUSTER NODES`` from the node that was reached at ``asked``.

    A node that has met nobody does not know its own address and prints it empty; ``asked`` fills
    it in. ValueError names the line that cannot be read.
    """
    nodes: dict[str, Node] = {}
    my_id = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            if not line.isprintable():
                raise ValueError("it has characters that cannot be shown")
            node = _parse_line(line, asked)
        except (ValueError, IndexError) as error:
            raise ValueError(f"CLUSTER NODES from {asked}, line {number}: {error}: {line[:120]!r}") from error
        nodes[node.id] = node
        if "myself" in node.flags:
            my_id = node.id
    if not my_id:
        raise ValueError(f"CLUSTER NODES from {asked} has no line marked 'myself'")
    return View(nodes, my_id)


def _parse_line(line: str, asked: Address) -> Node:
    node_id, endpoint, flags, primary_id, _ping, _pong, rest = line.split(maxsplit=6)
    node = _node(node_id, endpoint, flags, primary_id, rest)
    if not node.address.host and "myself" in node.flags:
        return replace(node, address=Address(asked.host, node.address.port or asked.port))
    return node


@lru_cache(LINES_KEPT_MAX)
def _node(node_id: str, endpoint: str, flags: str, primary_id: str, rest: str) -> Node:
    """A line without its times; `rest` is epoch, link state and slots."""
    address, bus_port, hostname = _parse_endpoint(endpoint)
    epoch, link_state, *slots = rest.split()
    ranges: list[Range] = []
    migrating: dict[int, str] = {}
    importing: dict[int, str] = {}
    for word in slots:
        if word.startswith("["):
            _parse_open(word, migrating, importing)
        else:
            first, _, last = word.partition("-")
            ranges.append((int(first), int(last or first)))
    return Node(
        id=node_id,
        address=address,
        flags=frozenset(flags.split(",")),
        primary_id=None if primary_id == "-" else primary_id,
        epoch=int(epoch),
        connected=link_state == "connected",
        ranges=merge_ranges(ranges),
        migrating=migrating,
        importing=importing,
        bus_port=bus_port,
        hostname=hostname,
    )


def _parse_endpoint(word: str) -> tuple[Address, int, str]:
    """Read ``ip:port@bus,hostname,name=value``; only ip and port must be there."""
    endpoint, *extras = word.split(",")
    place, _, bus = endpoint.partition("@")
    host, _, port = place.rpartition(":")
    hostname = extras[0] if extras and "=" not in extras[0] else ""
    return Address(host, int(port)), int(bus or 0), hostname


def _parse_open(word: str, migrating: dict[int, str], importing: dict[int, str]) -> None:
    slot, arrow, peer = word.strip("[]").split("-", 2)
    if arrow not in (">", "<"):
        raise ValueError(f"{word!r} is neither a migrating nor an importing slot")
    (migrating if arrow == ">" else importing)[int(slot)] = peer.lstrip("-")
