"""A light model of a cluster for managers: nodes with slots, replicas and the managers' register.

It knows no bytes. A node has a role and slots, hears others or not, lives, hangs or is dead. The model carries
out failovers. The register follows the table of commands in `docs/manager.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from garrison.cluster.core.manager.effects import LeaseAnswer, StoredRecords
from garrison.cluster.core.ranges import SLOT_COUNT

FAILOVER_MS = 6_000
SYNC_MS = 8_000


@dataclass
class Register:
    """The managers' corner of a node's control plane. Epoch and records are on its disk."""

    epoch: int = 0
    owner: str = ""
    holder: str = ""
    until_ms: float = 0
    written_epoch: int = 0
    version: int = 0
    content: bytes = b""
    bytes_max: int = 1 << 20

    def live_holder(self, now_ms: float) -> str:
        return self.holder if self.until_ms > now_ms else ""

    def lease(self, manager: str, epoch: int, ttl_ms: int, now_ms: float) -> LeaseAnswer:
        live = self.live_holder(now_ms)
        may = epoch > self.epoch or (epoch == self.epoch and self.owner == manager)
        if may and live in ("", manager):
            self.epoch, self.owner, self.holder = epoch, manager, manager
            self.until_ms = now_ms + ttl_ms
            return LeaseAnswer(True, epoch, manager, ttl_ms)
        return LeaseAnswer(False, self.epoch, live, int(max(0, self.until_ms - now_ms)) if live else 0)

    def release(self, manager: str, epoch: int) -> None:
        if self.holder == manager and self.epoch == epoch:
            self.holder = ""

    def read(self, now_ms: float) -> StoredRecords:
        live = self.live_holder(now_ms)
        left = int(max(0, self.until_ms - now_ms)) if live else 0
        return StoredRecords(self.epoch, live, self.version, self.written_epoch, self.content, left)

    def store(self, manager: str, epoch: int, version: int, content: bytes, now_ms: float) -> str:
        if epoch < self.epoch or (epoch == self.epoch and self.owner != manager):
            return f"STALEMANAGER {self.epoch} is newer"
        if self.live_holder(now_ms) not in ("", manager):
            return "MANAGERHELD"
        if len(content) > self.bytes_max:
            return "MANAGERFULL"
        if (epoch, version) < (self.written_epoch, self.version):
            return "ERR older than what is stored"
        self.epoch, self.owner = epoch, manager
        self.written_epoch, self.version, self.content = epoch, version, content
        return ""


@dataclass
class ModelNode:
    """A data node."""

    id: str
    zone: str
    rate: float = 1.0
    """How fast its clock runs."""
    is_member: bool = True
    role: str = "primary"
    primary: str = ""
    slots: set[int] = field(default_factory=set)
    claim: int = 0
    """The configuration epoch of its slots: of two who claim one, the larger owns it."""
    alive: bool = True
    is_hung: bool = False
    slow_ms: int = 0
    synced_at_ms: int | None = None
    """When it is in sync with its primary; None while it is not on its way."""
    has_failed: bool = False
    """The cluster has declared it failed."""
    lies: bool = False
    started_ms: int = 0
    register: Register = field(default_factory=Register)

    @property
    def address(self) -> str:
        return f"10.0.0.{self.id[1:]}:7000"

    @property
    def answers(self) -> bool:
        return self.alive and not self.is_hung

    def in_sync(self, now_ms: int) -> bool:
        return self.role == "replica" and self.synced_at_ms is not None and self.synced_at_ms <= now_ms


@dataclass
class Model:
    """The cluster, and which hosts hear each other."""

    nodes: dict[str, ModelNode] = field(default_factory=dict)
    cuts: set[frozenset[str]] = field(default_factory=set)
    now_ms: int = 0
    perturbed_ms: int = 0
    """When a node was last started anew, promoted or cut: promises of leases may have been forgotten."""
    claims: int = 0
    _unheard_since_ms: dict[str, int] = field(default_factory=dict)
    moved: int = 0
    """Counts changes, for caches."""

    def form(self, shards: int, replicas: int, spares: int, zones: int) -> None:
        """Make a cluster, slots spread evenly."""
        number = 0
        for shard in range(shards):
            first = f"n{number + 1}"
            for copy in range(replicas + 1):
                number += 1
                node = ModelNode(f"n{number}", zone=f"z{(shard + copy) % zones + 1}")
                self.nodes[node.id] = node
                if copy:
                    node.role, node.primary, node.synced_at_ms = "replica", first, 0
                else:
                    low, high = SLOT_COUNT * shard // shards, SLOT_COUNT * (shard + 1) // shards
                    self.give(node, set(range(low, high)))
        for spare in range(spares):
            number += 1
            self.nodes[f"n{number}"] = ModelNode(f"n{number}", zone=f"z{spare % zones + 1}", is_member=False)

    def clock(self, node: ModelNode) -> float:
        """The node's own clock."""
        return self.now_ms * node.rate

    def hears(self, one: str, other: str) -> bool:
        return one == other or frozenset((one, other)) not in self.cuts

    @property
    def owners(self) -> list[ModelNode]:
        """The primaries with slots, in truth: those with the newest claim."""
        return [node for node in self.nodes.values() if node.role == "primary" and node.slots]

    def owner_of(self, slot: int) -> ModelNode | None:
        claiming = [node for node in self.nodes.values() if slot in node.slots]
        return max(claiming, key=lambda node: node.claim, default=None)

    def give(self, node: ModelNode, slots: set[int]) -> None:
        self.claims += 1
        self.moved += 1
        node.claim = self.claims
        node.slots |= slots

    def copies(self, primary: ModelNode) -> int:
        """How many living nodes have this primary's data."""
        following = (n for n in self.nodes.values() if n.primary == primary.id and n.in_sync(self.now_ms))
        return primary.alive + sum(node.alive for node in following)

    # What nodes do by themselves.

    def tick(self, now_ms: int) -> None:
        """Failovers, and what the others tell a node that comes back."""
        self.now_ms = now_ms
        owners = self.owners
        for node in self.nodes.values():
            if not node.is_member:
                continue
            heard = sum(self._is_heard(node, by) for by in owners)
            lost = not node.answers or heard <= len(owners) // 2
            if not lost:
                self._unheard_since_ms.pop(node.id, None)
                self.moved += node.has_failed
                node.has_failed = False
                continue
            since_ms = self._unheard_since_ms.setdefault(node.id, now_ms)
            if now_ms - since_ms >= FAILOVER_MS and not node.has_failed:
                node.has_failed = True
                self.moved += 1
            if node.has_failed and node.role == "primary" and node.slots:
                self._fail_over(node, owners)
        for node in self.nodes.values():
            self._follow(node)

    def _is_heard(self, node: ModelNode, by: ModelNode) -> bool:
        return by.answers and self.hears(node.id, by.id)

    def _fail_over(self, failed: ModelNode, owners: list[ModelNode]) -> None:
        for node in sorted(self.nodes.values(), key=lambda node: node.id):
            if node.primary != failed.id or not node.answers or not node.in_sync(self.now_ms):
                continue
            votes = sum(self._is_heard(node, by) for by in owners if by is not failed)
            if votes > len(owners) // 2:
                self.promote(node, failed)
                return

    def promote(self, node: ModelNode, former: ModelNode) -> None:
        """It owns what the former primary owned; the others of the shard follow it."""
        slots = set(former.slots)
        former.slots, former.role, former.primary, former.synced_at_ms = set(), "replica", node.id, None
        node.role, node.primary, node.synced_at_ms = "primary", "", None
        self.give(node, slots)
        self.perturbed_ms = self.now_ms
        for other in self.nodes.values():
            if other.primary == former.id and other is not node:
                other.primary = node.id
                if other.synced_at_ms is not None:
                    other.synced_at_ms = max(other.synced_at_ms, self.now_ms + 1_000)

    def _follow(self, node: ModelNode) -> None:
        """A replica that hears its primary fills itself from it."""
        if node.role != "replica":
            return
        primary = self.nodes.get(node.primary)
        linked = primary and node.answers and primary.answers and self.hears(node.id, primary.id)
        if not linked:
            self.moved += node.synced_at_ms is not None
            node.synced_at_ms = None
        elif node.synced_at_ms is None:
            node.synced_at_ms = self.now_ms + SYNC_MS
            self.moved += 1
        elif node.synced_at_ms > self.now_ms - 1_000:
            self.moved += 1

    def kill(self, node: ModelNode) -> None:
        node.alive = False
        self.moved += 1

    def start(self, node: ModelNode, *, forgets_lease: bool = True) -> None:
        node.alive, node.is_hung, node.started_ms = True, False, self.now_ms
        self.perturbed_ms = self.now_ms
        self.moved += 1
        node.synced_at_ms = None
        if forgets_lease:
            node.register.holder = ""
