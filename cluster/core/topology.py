"""One node's opinion of the cluster: what ``CLUSTER NODES`` says, as a model.

Each node keeps its own table and prints it as one line a node::

    <id> <ip>:<port>@<bus>[,<hostname>] <flags> <primary|-> <ping> <pong> <epoch> <link> [<slot> ...]

A slot is ``5``, ``0-99`` or, on the line marked ``myself`` only, an *open* slot: ``[5->-<id>]`` is
moving away to that node, ``[5-<-<id>]`` is coming in from it. Nothing here is the truth about the
cluster; :mod:`garrison.cluster.core.cluster_state` compares the opinions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from garrison.cluster.core.ranges import Range, merge_ranges, to_ranges, to_slots


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
        return bool(self.flags & {"fail", "fail?"})

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
            node = _parse_line(line.split(), asked)
        except (ValueError, IndexError) as error:
            raise ValueError(f"CLUSTER NODES from {asked}, line {number}: {error}: {line[:120]!r}") from error
        nodes[node.id] = node
        if "myself" in node.flags:
            my_id = node.id
    if not my_id:
        raise ValueError(f"CLUSTER NODES from {asked} has no line marked 'myself'")
    return View(nodes, my_id)


def _parse_line(words: list[str], asked: Address) -> Node:
    address, bus_port, hostname = _parse_endpoint(words[1])
    if not address.host and "myself" in words[2]:
        address = Address(asked.host, address.port or asked.port)
    ranges: list[Range] = []
    migrating: dict[int, str] = {}
    importing: dict[int, str] = {}
    for word in words[8:]:
        if word.startswith("["):
            _parse_open(word, migrating, importing)
        else:
            first, _, last = word.partition("-")
            ranges.append((int(first), int(last or first)))
    return Node(
        id=words[0],
        address=address,
        flags=frozenset(words[2].split(",")),
        primary_id=None if words[3] == "-" else words[3],
        epoch=int(words[6]),
        connected=words[7] == "connected",
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
