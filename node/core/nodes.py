"""The node table: who is in the cluster, who serves which slots, and what we know of each peer.

BACKGROUND. Every node keeps a record of every other. What is *configuration* (id, address, role,
epoch, slots) spreads by gossip and is saved in nodes.conf; what is *observation* (when its last
frame came, who else misses it) is this node's own and is not.

INVARIANTS.
- A slot has at most one owner: the slot sets of the nodes are disjoint. `assign` keeps it so.
- Only a primary owns slots; a node that becomes a replica gives up its slots first.
- `replicas` of a primary and `primary` of its replicas always agree.
- `migrating` and `importing` are the marks of this shard: a replica keeps those of its primary, and goes on
  with them when it is promoted.

BEHAVIOUR. The methods change the table and nothing else; whoever calls them decides what to save,
send or tell the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.bus_extensions import Lineage

NEVER_MS = -(1 << 60)
"""A time before all others."""
NO_HISTORY: Final = "0" * 40
"""An identity that no history has."""


@dataclass(slots=True, eq=False)
class Link:
    """One TCP connection of the bus. The shell knows it by `link_id`."""

    link_id: int
    outbound: bool
    created_ms: int
    node: Node | None = None
    up: bool = False
    remote_ip: str = ""
    local_ip: str = ""
    pings: list[tuple[int, int]] = field(default_factory=list)
    """When each ping without an answer left on this link (core clock, awake clock), oldest first; peers
    answer in order."""
    extended: bool = False
    """Whether a heartbeat with our extensions has left on this link."""


@dataclass(slots=True, eq=False)
class Node:
    """One row of the table. Times are milliseconds of the core's clock unless the name says awake."""

    node_id: str
    ip: str = ""
    port: int = 0
    bus_port: int = 0
    plain_port: int = 0
    hostname: str = ""
    human_name: str = ""
    shard_id: str = ""
    flags: int = 0
    primary: Node | None = None
    replicas: list[Node] = field(default_factory=list)
    config_epoch: int = 0
    slots: int = sl.NO_SLOTS
    unclaimed: int = sl.NO_SLOTS
    """Those of its slots that its latest claim leaves out: the claim of their new owner is still to come."""
    unclaimed_epoch: int = 0
    """The largest configuration epoch with which it has claimed any of those."""
    claimed_epoch: int = 0
    """The configuration epoch of its latest claim."""
    created_ms: int = 0
    ping_sent_ms: int = 0
    """When the ping that has no answer yet left; 0 if none is pending."""
    pong_received_ms: int = 0
    ping_awake_ms: int = 0
    data_awake_ms: int = NEVER_MS
    """When a frame last came, on the clock that stands still while this process does."""
    data_received_ms: int = NEVER_MS
    granted_ms: int = NEVER_MS
    """When the youngest ping left that this node has answered without suspecting me (see lease)."""
    answered_ms: int = NEVER_MS
    """When I last sent it a pong that may renew its lease."""
    refused_until_ms: int = NEVER_MS
    """Until when I refuse it the lease because an election in its place is being decided."""
    fail_ms: int = 0
    voted_ms: int = NEVER_MS
    """When I last voted for a replica of this primary, and for which."""
    voted_for: str = ""
    offset: int = 0
    offset_ms: int = NEVER_MS
    orphaned_ms: int = 0
    reports: dict[str, int] = field(default_factory=dict)
    """The nodes that have reported this node as failing, and when."""
    outbound: Link | None = None
    inbound: Link | None = None
    knows_extensions: bool = False
    state: int | None = None
    """The bits STATE_... of its last frame (see bus); None while it has not shown to be a Garrison."""
    history: str = ""
    """The identity of its data's history, by its last frame."""
    lineage: Lineage | None = None
    timeout_ms: int | None = None
    """Its node timeout, if it has said so."""
    data_lost_ms: int = 0
    """When it first said that it has started without its data; 0 while it does not say so."""
    no_lease_ms: int = 0
    """When it first said that it is without its write lease; 0 while it does not say so."""
    spoken_epoch: int = 0
    spoken_slots: int = sl.NO_SLOTS
    """The configuration epoch and the slots in its last frame: its own, or its primary's."""
    marks_seen: int = 0
    """The version of my marks that this replica of mine has taken over."""
    last_pinged_ms: int = NEVER_MS
    misses: int = 0
    """Attempts in a row that reached nobody, or somebody else, at its address."""
    dials: int = 0
    """Our links to it, since it was last heard from, that could not be made, that it ended, that broke the
    protocol or that led to somebody else; links that we replace are not counted."""
    dial_after_ms: int = NEVER_MS
    """When the next link may be opened."""

    def dial_host(self) -> str:
        """Where to try next: its address, and after a miss its host name, which may lead elsewhere by now."""
        return self.hostname if self.hostname and self.misses % 2 else self.ip

    def dial_at_once(self) -> None:
        """It is alive, or has moved: what kept us from dialling is over."""
        self.dials, self.dial_after_ms = 0, NEVER_MS

    def is_primary(self) -> bool:
        return bool(self.flags & fl.PRIMARY)

    def is_replica(self) -> bool:
        return bool(self.flags & fl.REPLICA)

    def is_failing(self) -> bool:
        return bool(self.flags & fl.FAIL)

    def is_suspect(self) -> bool:
        """PFAIL or FAIL."""
        return bool(self.flags & (fl.PFAIL | fl.FAIL))

    def in_handshake(self) -> bool:
        return bool(self.flags & fl.HANDSHAKE)

    def has_address(self) -> bool:
        return not self.flags & fl.NOADDR

    def is_garrison(self) -> bool:
        """Whether it is a Garrison node, as far as it has shown."""
        return self.state is not None

    def has_shard_data(self) -> bool:
        """Whether it has a whole copy of its shard's data; of other servers, whether their offset says so."""
        return self.offset > 0 if self.state is None else bool(self.state & bus.STATE_HAS_DATA)

    def votes(self) -> bool:
        """Whether it is a voting primary: one with at least one slot."""
        return bool(self.slots) and bool(self.flags & fl.PRIMARY)

    def record_claim(self, slots: int, epoch: int) -> None:
        """Remember which of its slots it claims with `epoch`; claims older than its latest are ignored."""
        if epoch < self.config_epoch:
            return
        if not self.unclaimed:
            self.unclaimed_epoch = 0
        self.unclaimed = self.slots & ~slots
        if self.unclaimed:
            self.unclaimed_epoch = max(self.unclaimed_epoch, self.claimed_epoch)
        self.claimed_epoch = epoch

    def keeps(self, epoch: int) -> int:
        """The slots that it has claimed with this configuration epoch or a larger one."""
        kept = self.slots if self.config_epoch >= epoch else sl.NO_SLOTS
        return kept & ~self.unclaimed if self.unclaimed_epoch < epoch else kept

    def name_for_people(self) -> str:
        """The id and, if it has one, the human name, for log lines."""
        return f"{self.node_id} ({self.human_name})" if self.human_name else self.node_id


class NodeTable:
    """All nodes that this node knows, itself included."""

    def __init__(self, me: Node) -> None:
        self.me = me
        self.by_id: dict[str, Node] = {me.node_id: me}
        self.migrating: dict[int, Node] = {}
        """Slots of my shard that are moving away, with their target."""
        self.importing: dict[int, Node] = {}
        """Slots that are moving to my shard, with their source."""
        self.stale_imports: set[int] = set()
        """Those of them whose source is another one than when the import began."""
        self.imported: dict[int, str] = {}
        """Slots of my shard that came from the shard of this id, not all of which is known to know it."""

    def __iter__(self) -> Iterator[Node]:
        return iter(self.by_id.values())

    def __len__(self) -> int:
        return len(self.by_id)

    def get(self, node_id: str) -> Node | None:
        return self.by_id.get(node_id)

    def known(self, node_id: str) -> Node | None:
        """The node with this id, unless it is still being introduced."""
        node = self.by_id.get(node_id)
        return node if node is not None and not node.in_handshake() else None

    def add(self, node: Node) -> None:
        assert node.node_id not in self.by_id, f"node {node.node_id} is in the table already"
        self.by_id[node.node_id] = node

    def rename(self, node: Node, node_id: str) -> None:
        """A handshake has ended: the node gets its real id."""
        del self.by_id[node.node_id]
        node.node_id = node_id
        self.add(node)

    def remove(self, node: Node) -> None:
        """Take a node out, with its slots, its reports about others and its place as a primary."""
        assert node is not self.me, "a node cannot remove itself"
        del self.by_id[node.node_id]
        self._detach(node)
        for replica in node.replicas:
            replica.primary = None
        node.replicas = []
        node.slots = sl.NO_SLOTS
        for other in self.by_id.values():
            other.reports.pop(node.node_id, None)
        self.migrating = {slot: n for slot, n in self.migrating.items() if n is not node}
        self.importing = {slot: n for slot, n in self.importing.items() if n is not node}
        self.stale_imports &= self.importing.keys()

    def clear_marks(self) -> None:
        """Forget all marks of slots on the move."""
        self.migrating.clear()
        self.importing.clear()
        self.stale_imports.clear()
        self.imported.clear()

    def set_primary(self, node: Node) -> bool:
        """`node` is a primary from now on. True if that is news."""
        if node.is_primary():
            return False
        self._detach(node)
        node.flags = node.flags & ~fl.REPLICA | fl.PRIMARY
        return True

    def set_replica(self, node: Node, primary: Node | None) -> bool:
        """`node` is a replica of `primary` from now on (None: of one we do not know). True if news."""
        if node.is_replica() and node.primary is primary:
            return False
        if node.is_primary():
            node.slots = node.unclaimed = sl.NO_SLOTS
        if primary is not None and node.shard_id and node.shard_id == primary.shard_id:
            self._go_on_with(primary, node)
        self._detach(node)
        node.flags = node.flags & ~(fl.PRIMARY | fl.MIGRATE_TO) | fl.REPLICA
        if primary is not None:
            node.primary = primary
            primary.replicas.append(node)
            primary.flags |= fl.MIGRATE_TO
            if primary.shard_id:
                node.shard_id = primary.shard_id
        return True

    def _go_on_with(self, successor: Node, former: Node) -> None:
        """A node of its shard took the place of `former`: what moves to that shard goes to the successor."""
        for slot, target in list(self.migrating.items()):
            if target is former:
                self.migrating[slot] = successor

    def _detach(self, node: Node) -> None:
        if node.primary is not None:
            if node in node.primary.replicas:
                node.primary.replicas.remove(node)
            if not node.primary.replicas:
                node.primary.flags &= ~fl.MIGRATE_TO
            node.primary = None

    def assign(self, slots: int, node: Node | None) -> None:
        """Give all of `slots` to `node` (None: to no node), whichever node had them."""
        for other in self.by_id.values():
            if other.slots and other is not node and other.slots & slots:
                other.slots &= ~slots
                other.unclaimed &= ~slots
        if node is not None:
            node.slots |= slots
            node.unclaimed &= ~slots
        mine = self.me.primary if self.me.is_replica() and self.me.primary is not None else self.me
        for slot in [slot for slot in self.migrating if not sl.has(mine.slots, slot)]:
            del self.migrating[slot]

    def owner(self, slot: int) -> Node | None:
        """The node that serves `slot`."""
        bit = 1 << slot
        for node in self.by_id.values():
            if node.slots & bit:
                return node
        return None

    def assigned(self) -> int:
        """The set of slots that have an owner."""
        slots = sl.NO_SLOTS
        for node in self.by_id.values():
            slots |= node.slots
        return slots

    def primaries(self) -> list[Node]:
        return [node for node in self.by_id.values() if node.flags & fl.PRIMARY and not node.in_handshake()]

    def voters(self) -> list[Node]:
        """The voting primaries: those with at least one slot."""
        return [node for node in self.by_id.values() if node.slots and node.flags & fl.PRIMARY]

    def majority(self) -> int:
        """How many voting primaries are a majority of them; at least 1."""
        return len(self.voters()) // 2 + 1

    def max_epoch(self) -> int:
        """The largest configuration epoch in the table."""
        return max(node.config_epoch for node in self.by_id.values())
