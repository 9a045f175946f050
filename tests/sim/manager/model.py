"""A light model of a cluster for managers: nodes with slots, replicas and the managers' register.

A node has a role and slots, hears others or not, lives, hangs or is dead. Instead of bytes it counts writes:
every second one to each of the slots of `SAMPLED`, acknowledged when the primary and its replicas in sync
have it. What was acknowledged stands at the owner, whatever fails; only a manager's wrong act can lose it. A
node has settings, which a restart takes from its file, and runs the version that was installed when it
started. The model carries out failovers. The register follows the table of commands in
`docs/manager-reference.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from garrison.cluster.core.manager.effects import LeaseAnswer, StoredRecords
from garrison.cluster.core.ranges import SLOT_COUNT

FAILOVER_MS = 6_000
SYNC_MS = 8_000
LEASE_MS_MAX = 10_000
SAMPLED = tuple(range(0, SLOT_COUNT, 512))
"""The slots that are written to."""
FIRST_SETTINGS = {"hz": "10", "timeout": "0"}
FIRST_VERSION = "1.0"


@dataclass
class Register:
    """The managers' corner of a node's control plane, on its disk but for `until_ms`."""

    epoch: int = 0
    holder: str = ""
    ttl_ms: int = 0
    until_ms: float = 0
    written_epoch: int = 0
    version: int = 0
    content: bytes = b""
    is_behind: bool = False
    bytes_max: int = 1 << 20

    def is_held(self, now_ms: float) -> bool:
        return bool(self.holder) and self.until_ms > now_ms

    def lease(self, manager: str, epoch: int, ttl_ms: int, now_ms: float, counts: bool) -> LeaseAnswer:
        is_free = not self.is_held(now_ms) or self.holder == manager
        noted = epoch == self.epoch and manager == self.holder
        if epoch > self.epoch and is_free:
            self._learn(manager, epoch, ttl_ms, now_ms)
            noted = True
        elif noted:
            self.until_ms = max(self.until_ms, now_ms + ttl_ms)
        return LeaseAnswer(noted and counts, *self._state(now_ms))

    def release(self, manager: str, epoch: int) -> None:
        if self.holder == manager and self.epoch == epoch:
            self.holder = ""

    def read(self, now_ms: float, counts: bool) -> StoredRecords:
        epoch, holder, left_ms = self._state(now_ms)
        votes = counts and not self.is_behind
        return StoredRecords(epoch, holder, self.version, self.written_epoch, self.content, left_ms, votes)

    def store(
        self, manager: str, epoch: int, version: int, content: bytes, now_ms: float, counts: bool
    ) -> str:
        why = self.accepts(manager, epoch, now_ms)
        if why:
            return why
        if len(content) > self.bytes_max:
            return "MANAGERFULL too large"
        new, old = (epoch, version), (self.written_epoch, self.version)
        if new < old or (new == old and content != self.content):
            return "ERR not newer than what is stored"
        self.written_epoch, self.version, self.content = epoch, version, content
        self.is_behind = self.is_behind and not (counts and self.is_held(now_ms))
        return ""

    def accepts(self, manager: str, epoch: int, now_ms: float) -> str:
        """Whether a connection may speak for this lease: empty, or the error."""
        if epoch < self.epoch:
            return f"STALEMANAGER {self.epoch} is newer"
        if epoch > self.epoch:
            self._learn(manager, epoch, LEASE_MS_MAX, now_ms)
        return "" if manager == self.holder else "MANAGERHELD"

    def _learn(self, manager: str, epoch: int, ttl_ms: int, now_ms: float) -> None:
        self.epoch, self.holder, self.ttl_ms, self.until_ms = epoch, manager, ttl_ms, now_ms + ttl_ms

    def _state(self, now_ms: float) -> tuple[int, str, int]:
        is_held = self.is_held(now_ms)
        return self.epoch, self.holder if is_held else "", int(self.until_ms - now_ms) if is_held else 0


@dataclass
class Backup:
    """What stands at a target: writes by slot."""

    created_ms: int
    """By the clock of the manager that took it."""
    due: dict[int, int]
    """What was acknowledged when it began."""
    holds: dict[int, int] = field(default_factory=dict)
    says: dict[int, int] = field(default_factory=dict)
    """What its document says that it holds."""


@dataclass
class Target:
    """Where backups go."""

    is_up: bool = True
    backups: list[Backup] = field(default_factory=list)

    @property
    def newest(self) -> Backup | None:
        return max(self.backups, key=lambda backup: backup.created_ms, default=None)


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
    good_at_ms: int = 0
    """When it last lived and, as a replica, was in sync."""
    has_failed: bool = False
    """The cluster has declared it failed."""
    well_since_ms: int = 0
    """When it was last started, joined, or taken for failed."""
    lies: bool = False
    counts_at_ms: int = 0
    """When its grants begin to count: a new primary waits until what its predecessor granted has ended."""
    register: Register = field(default_factory=Register)
    data: dict[int, int] = field(default_factory=dict)
    """Slot -> how many writes it has."""
    has_synced: bool = False
    """As a replica: it has had all data of its primary."""
    settings: dict[str, str] = field(default_factory=FIRST_SETTINGS.copy)
    file: dict[str, str] = field(default_factory=FIRST_SETTINGS.copy)
    settings_moved_ms: int = 0
    """When something other than a step of a manager has changed its settings last."""
    version: str = FIRST_VERSION
    starts: int = 1
    started_ms: int = 0
    is_restarting: bool = False
    """A manager has shut it down, and it is not back."""

    @property
    def address(self) -> str:
        return f"10.0.0.{self.id[1:]}:7000"

    @property
    def run_id(self) -> str:
        return f"{self.id} {self.starts}"

    @property
    def answers(self) -> bool:
        return self.alive and not self.is_hung

    def counts(self, now_ms: int) -> bool:
        return self.role == "primary" and bool(self.slots) and now_ms >= self.counts_at_ms

    def in_sync(self, now_ms: int) -> bool:
        return self.role == "replica" and self.synced_at_ms is not None and self.synced_at_ms <= now_ms


@dataclass
class Model:
    """The cluster, and which hosts hear each other."""

    nodes: dict[str, ModelNode] = field(default_factory=dict)
    cuts: set[frozenset[str]] = field(default_factory=set)
    now_ms: int = 0
    claims: int = 0
    _unheard_since_ms: dict[str, int] = field(default_factory=dict)
    moved: int = 0
    """Counts changes, for caches."""
    acknowledged: dict[int, int] = field(default_factory=dict)
    """Slot -> how many writes callers were told of."""
    installed: str = FIRST_VERSION
    """What a node runs that starts now."""
    targets: dict[str, Target] = field(default_factory=dict)

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
                    node.has_synced = True
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
        if not node.slots and self.now_ms:
            node.counts_at_ms = self.now_ms + LEASE_MS_MAX + FAILOVER_MS
            node.register.is_behind = True
        node.claim = self.claims
        node.slots |= slots

    def move(self, source: ModelNode, target: ModelNode, slots: set[int]) -> None:
        """The slots and what was written to them have another owner, with its replicas."""
        target.data |= {slot: source.data.pop(slot) for slot in slots & source.data.keys()}
        source.slots -= slots
        self.give(target, slots)
        self._replicate(source)
        self._replicate(target)
        if not source.slots:
            self.moved += 1

    def leave(self, node: ModelNode) -> None:
        """It is alone, without data."""
        node.is_member, node.role, node.primary, node.synced_at_ms = False, "primary", "", None
        node.data, node.has_synced, node.well_since_ms = {}, False, self.now_ms
        self.moved += 1

    def target(self, name: str) -> Target:
        return self.targets.setdefault(name, Target())

    def copies(self, primary: ModelNode, since_ms: int) -> int:
        """How many nodes of this shard have lived and been in sync at some time since then."""
        shard = (n for n in self.nodes.values() if n is primary or n.primary == primary.id)
        return sum(node.good_at_ms >= since_ms for node in shard)

    # What nodes do by themselves.

    def tick(self, now_ms: int) -> None:
        """Failovers, and what the others tell a node that comes back."""
        self.now_ms = now_ms
        owners = self.owners
        written = []
        for node in self.nodes.values():
            if not node.is_member:
                continue
            heard = sum(self._is_heard(node, by) for by in owners)
            lost = not node.answers or heard <= len(owners) // 2
            if not lost:
                self._unheard_since_ms.pop(node.id, None)
                if node.has_failed:
                    self.moved += 1
                    node.has_failed, node.well_since_ms = False, now_ms
                written.append(node)
                continue
            since_ms = self._unheard_since_ms.setdefault(node.id, now_ms)
            if now_ms - since_ms >= FAILOVER_MS and not node.has_failed:
                node.has_failed = True
                self.moved += 1
            if node.has_failed and node.role == "primary" and node.slots:
                self._fail_over(node, owners)
        for node in self.nodes.values():
            self._follow(node)
        for node in written:
            self._write(node)
        for node in self.nodes.values():
            if node.answers and (node.role == "primary" or node.in_sync(now_ms)):
                node.good_at_ms = now_ms

    def _write(self, owner: ModelNode) -> None:
        """One write to each sampled slot; a primary that the majority does not hear takes none."""
        if owner.role != "primary":
            return
        for slot in SAMPLED:
            if slot in owner.slots:
                owner.data[slot] = self.acknowledged[slot] = owner.data.get(slot, 0) + 1
        self._replicate(owner)

    def _replicate(self, primary: ModelNode) -> None:
        for node in self.nodes.values():
            if node.primary == primary.id and node.in_sync(self.now_ms):
                node.data, node.has_synced = primary.data.copy(), True

    def _is_heard(self, node: ModelNode, by: ModelNode) -> bool:
        return by.answers and self.hears(node.id, by.id)

    def _fail_over(self, failed: ModelNode, owners: list[ModelNode]) -> None:
        for node in sorted(self.nodes.values(), key=lambda node: node.id):
            has_all = node.has_synced and node.data == failed.data
            if node.primary != failed.id or not node.answers or not has_all:
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

    def set_by_hand(self, node: ModelNode, name: str, value: str) -> None:
        """A person changes a setting, and does not think of the file."""
        node.settings[name], node.settings_moved_ms = value, self.now_ms

    def start(self, node: ModelNode) -> None:
        """A node that starts again counts the whole last term from its start."""
        node.alive, node.is_hung, node.synced_at_ms, node.is_restarting = True, False, None, False
        if node.settings != node.file:
            node.settings, node.settings_moved_ms = node.file.copy(), self.now_ms
        node.version, node.started_ms, node.well_since_ms = self.installed, self.now_ms, self.now_ms
        node.starts += 1
        if node.register.holder:
            node.register.until_ms = self.clock(node) + node.register.ttl_ms
        self.moved += 1
