"""Who owns which slot: reading CLUSTER SLOTS and CLUSTER SHARDS.

Both replies are read into one :class:`Topology`, a value that is made whole and never changed. A node
that does not know under which address clients reach it says ``''``, null or ``'?'``; that means "the
host you asked", so the reader gets that host as an argument. Text may come as bytes or as str.

>>> slots = [[0, 8191, [b"10.0.0.1", 6379, b"id-a"]], [8192, 16383, [b"", 6380, b"id-b"]]]
>>> topology = parse_cluster_slots(slots, asked_host="10.0.0.9")
>>> topology.owners[0], topology.owners[16383]
(Address(host='10.0.0.1', port=6379), Address(host='10.0.0.9', port=6380))
>>> topology.is_complete
True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from garrison.client.core.slots import SLOT_COUNT
from garrison.client.errors import TopologyError

if TYPE_CHECKING:
    from garrison.client.core.topology_svg import DrawnShard

__all__ = ["Address", "Topology", "parse_cluster_shards", "parse_cluster_slots"]


class Address(NamedTuple):
    """Where a node listens for clients; of a Unix socket ``host`` is the path and ``port`` is 0."""

    host: str
    port: int

    @property
    def is_unix_socket(self) -> bool:
        return self.host.startswith("/")

    def __str__(self) -> str:
        if self.is_unix_socket:
            return f"unix://{self.host}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Topology:
    """One node's view of the cluster."""

    owners: tuple[Address | None, ...]
    """For each slot the primary that serves it; None where there is none."""
    primaries: tuple[Address, ...]
    """Primaries with slots, each once, in the order of their first slot."""
    replicas: Mapping[Address, tuple[Address, ...]]
    """For each primary its replicas."""

    @property
    def is_complete(self) -> bool:
        """Whether every slot has an owner."""
        return None not in self.owners

    def nodes(self) -> list[Address]:
        """Primaries, then replicas."""
        return [*self.primaries, *(replica for replicas in self.replicas.values() for replica in replicas)]

    def _repr_svg_(self) -> str:
        """What a notebook shows: slots, primaries and replicas."""
        from garrison.client.core.topology_svg import draw_svg

        return draw_svg(*self._drawn())

    def _repr_html_(self) -> str:
        from garrison.client.core.topology_svg import draw_html

        return draw_html(*self._drawn())

    def _drawn(self) -> tuple[str, list[DrawnShard]]:
        """The title and the shards of the drawing."""
        from garrison.client.core.topology_svg import DrawnNode, DrawnShard

        ranges: dict[Address, list[tuple[int, int]]] = {primary: [] for primary in self.primaries}
        for owner, run in groupby(enumerate(self.owners), key=lambda pair: pair[1]):
            slots = [slot for slot, _ in run]
            if owner is not None:
                ranges.setdefault(owner, []).append((slots[0], slots[-1]))
        shards = [
            DrawnShard(
                DrawnNode(str(primary)),
                tuple(owned),
                tuple(DrawnNode(str(replica)) for replica in self.replicas.get(primary, ())),
            )
            for primary, owned in ranges.items()
        ]
        covered = sum(owner is not None for owner in self.owners)
        count = sum(map(len, self.replicas.values()))
        title = f"{len(ranges)} primaries, {count} replicas, {covered} of {SLOT_COUNT} slots covered"
        return title, shards


def parse_cluster_slots(reply: Any, *, asked_host: str) -> Topology:
    """Read the reply to CLUSTER SLOTS: rows of first slot, last slot, primary, replicas."""
    try:
        rows = [
            (int(row[0]), int(row[1]), [_address(node[0], node[1], asked_host) for node in row[2:]])
            for row in reply
        ]
        return _build((first, last, nodes[0], nodes[1:]) for first, last, nodes in rows)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise TopologyError(f"cannot read the reply to CLUSTER SLOTS ({error!r}): {reply!r:.200}") from None


def parse_cluster_shards(reply: Any, *, asked_host: str, tls: bool = False) -> Topology:
    """Read the reply to CLUSTER SHARDS; ``tls`` chooses the port where a node has both.

    Nodes whose health is not ``online`` are left out as replicas; a primary is kept, as it owns its
    slots until another node takes them.
    """
    try:
        rows: list[tuple[int, int, Address, list[Address]]] = []
        for shard in (_fields(entry) for entry in reply):
            nodes = [_fields(node) for node in shard["nodes"]]
            primary = next((node for node in nodes if _text(node["role"]) == "master"), None)
            if primary is None:
                continue
            replicas = [n for n in nodes if n is not primary and _text(n.get("health", "online")) == "online"]
            bounds = shard["slots"]
            for first, last in zip(bounds[::2], bounds[1::2], strict=True):
                addresses = [_shard_address(node, asked_host, tls) for node in replicas]
                rows.append((int(first), int(last), _shard_address(primary, asked_host, tls), addresses))
        return _build(rows)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise TopologyError(f"cannot read the reply to CLUSTER SHARDS ({error!r}): {reply!r:.200}") from None


def _build(rows: Iterable[tuple[int, int, Address, list[Address]]]) -> Topology:
    owners: list[Address | None] = [None] * SLOT_COUNT
    replicas_of: dict[Address, tuple[Address, ...]] = {}
    for first, last, primary, replicas in sorted(rows, key=lambda row: row[0]):
        if not 0 <= first <= last < SLOT_COUNT:
            raise ValueError(f"slots {first}-{last} are outside 0-{SLOT_COUNT - 1}")
        owners[first : last + 1] = [primary] * (last + 1 - first)
        replicas_of[primary] = tuple(replicas)
    return Topology(tuple(owners), tuple(replicas_of), replicas_of)


def _shard_address(node: Mapping[str, Any], asked_host: str, tls: bool) -> Address:
    port = node["tls-port"] if tls and "tls-port" in node else node.get("port", node.get("tls-port"))
    return _address(node.get("endpoint"), port, asked_host)


def _address(host: Any, port: Any, asked_host: str) -> Address:
    name = "" if host is None else _text(host)
    return Address(asked_host if name in ("", "?") else name, int(port))


def _fields(entry: Any) -> dict[str, Any]:
    """A map in RESP3, a flat list of names and values in RESP2."""
    if isinstance(entry, Mapping):
        return {_text(name): value for name, value in entry.items()}
    return {_text(name): value for name, value in zip(entry[::2], entry[1::2], strict=True)}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
