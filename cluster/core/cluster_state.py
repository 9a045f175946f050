"""All opinions side by side: what the manager knows after asking every node.

BACKGROUND  A gossip cluster has no single truth: each node has its own table, and the tables
            become equal some time after each change. A tool that trusts the first node it asks will
            one day move slots by a stale table.
INVARIANTS  The owner of a slot is, of the primaries that claim it *for themselves*, the one with the
            greatest configuration epoch: the rule by which the nodes themselves settle the matter.
            Where no reachable node claims it, the newest hearsay counts.
BEHAVIOUR   A state is a value: planners and checks are functions of it. Who owns what is worked out once for
            equal claims: an observer makes a state a second, and the claims hardly ever change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from garrison.cluster.core.ranges import Range, to_slots
from garrison.cluster.core.topology import Address, Node, View

SETTLED_KEPT_MAX = 4
"""Sets of claims whose owners are remembered."""

Claim = tuple[str, int, tuple[Range, ...]]
"""A node, its configuration epoch and the slots that it claims."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What a node says about itself beside its table (``CLUSTER INFO``, ``INFO``, ``DBSIZE``)."""

    state_ok: bool = True
    keys: int = 0
    link_up: bool | None = None
    """A replica's link to its primary; None for a primary."""
    data_lost: bool = False
    """Whether it has started without the data of the slots that it owns, and so serves them to nobody."""
    can_write: bool = True
    """Whether a primary holds its write lease; without it writes are not acknowledged."""
    stray_keys: int = 0
    """Keys of slots that it neither owns nor imports."""
    version: str = ""
    bytes_per_key: float = 0.0


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A slot whose migration has begun and not ended."""

    slot: int
    owner: str | None
    migrating: Mapping[str, str]
    """Node that sends it away -> to whom."""
    importing: Mapping[str, str]
    """Node that expects it -> from whom."""

    @property
    def parties(self) -> frozenset[str]:
        """Every node that has a mark or is named by one."""
        marks = (self.migrating, self.importing)
        return frozenset(node_id for mark in marks for pair in mark.items() for node_id in pair)


@dataclass(frozen=True)
class ClusterState:
    """The tables and statuses of all nodes that answered, and why the others did not."""

    views: Mapping[str, View]
    statuses: Mapping[str, NodeStatus] = field(default_factory=dict)
    unreachable: Mapping[Address, str] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """Each known node: as it describes itself, or if it did not answer as the newest view does."""
        known: dict[str, Node] = {}
        for view in self.views.values():
            for node_id in view.nodes.keys() - self.views.keys():
                node, best = view.nodes[node_id], known.get(node_id)
                if best is None or node.epoch > best.epoch:
                    known[node_id] = node
        known.update({node_id: view.myself for node_id, view in self.views.items()})
        return dict(sorted(known.items(), key=lambda item: (item[1].address, item[0])))

    @cached_property
    def claims(self) -> Mapping[int, tuple[str, ...]]:
        """Slot -> who claims it for itself, the greatest epoch first."""
        return _claimed(self._own_claims)

    @cached_property
    def _own_claims(self) -> tuple[Claim, ...]:
        """What primaries claim for themselves, the greatest epoch first."""
        claimants = [view.myself for view in self.views.values() if view.myself.is_primary]
        return tuple(map(_claim, sorted(claimants, key=lambda node: (-node.epoch, node.id))))

    @cached_property
    def _hearsay(self) -> tuple[Claim, ...]:
        """What others say of nodes that did not answer, the smallest epoch first."""
        nodes = sorted(self.nodes.values(), key=lambda node: node.epoch)
        return tuple(_claim(node) for node in nodes if node.id not in self.views and node.ranges)

    @cached_property
    def owners(self) -> Mapping[int, str]:
        """Slot -> id of its owner."""
        return _owners(self._own_claims, self._hearsay)

    @cached_property
    def slots_of(self) -> Mapping[str, frozenset[int]]:
        """Primary -> the slots that it owns; primaries without slots are there with none."""
        owned = dict.fromkeys((node.id for node in self.primaries), frozenset[int]())
        return owned | _slots_of(self._own_claims, self._hearsay)

    @property
    def primaries(self) -> list[Node]:
        """All primaries, by address; also those that do not answer, unless a replica has taken over."""
        return [node for node in self.nodes.values() if node.is_primary and not node.in_handshake]

    def replicas_of(self, primary_id: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.primary_id == primary_id]

    @cached_property
    def open_slots(self) -> tuple[OpenSlot, ...]:
        """Migrations that have begun and not ended, by the marks of the primaries that take part."""
        migrating: dict[int, dict[str, str]] = {}
        importing: dict[int, dict[str, str]] = {}
        for node_id, view in self.views.items():
            if not view.myself.is_primary:
                continue
            for slot, peer in view.myself.migrating.items():
                migrating.setdefault(slot, {})[node_id] = peer
            for slot, peer in view.myself.importing.items():
                importing.setdefault(slot, {})[node_id] = peer
        return tuple(
            OpenSlot(slot, self.owners.get(slot), migrating.get(slot, {}), importing.get(slot, {}))
            for slot in sorted(migrating.keys() | importing.keys())
        )

    def find(self, text: str) -> Node:
        """Return the node named by id, start of an id, or ``host:port``. LookupError says what exists."""
        nodes = list(self.nodes.values())
        found = [node for node in nodes if text in (node.id, str(node.address))]
        found = found or [node for node in nodes if len(text) >= 4 and node.id.startswith(text)]
        found = found or [node for node in nodes if node.hostname and _by_hostname(node) == text]
        if len(found) == 1:
            return found[0]
        known = ", ".join(node.label for node in nodes)
        what = "names more than one node" if found else "is not a node of this cluster"
        raise LookupError(f"{text!r} {what}; name one by address or id: {known}")


def _claim(node: Node) -> Claim:
    return node.id, node.epoch, node.ranges


@lru_cache(SETTLED_KEPT_MAX)
def _claimed(own: tuple[Claim, ...]) -> Mapping[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for node_id, _, ranges in own:
        alone = (node_id,)
        for slot in to_slots(ranges):
            found[slot] = (*found[slot], node_id) if slot in found else alone
    return found


@lru_cache(SETTLED_KEPT_MAX)
def _owners(own: tuple[Claim, ...], hearsay: tuple[Claim, ...]) -> Mapping[int, str]:
    owners: dict[int, str] = {}
    for node_id, _, ranges in hearsay:
        owners.update(dict.fromkeys(to_slots(ranges), node_id))
    owners.update({slot: claimants[0] for slot, claimants in _claimed(own).items()})
    return owners


@lru_cache(SETTLED_KEPT_MAX)
def _slots_of(own: tuple[Claim, ...], hearsay: tuple[Claim, ...]) -> dict[str, frozenset[int]]:
    owned: dict[str, set[int]] = {}
    for slot, owner in _owners(own, hearsay).items():
        owned.setdefault(owner, set()).add(slot)
    return {node_id: frozenset(slots) for node_id, slots in owned.items()}


def _by_hostname(node: Node) -> str:
    return f"{node.hostname}:{node.address.port}"


def cluster_state_of(views: Iterable[View], statuses: Mapping[str, NodeStatus] | None = None) -> ClusterState:
    """Build a cluster state from views alone (tests and the simulator)."""
    return ClusterState({view.my_id: view for view in views}, statuses or {})
