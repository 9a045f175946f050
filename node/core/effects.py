"""What a step of the control plane wants done, as one record whose fields are in the order of doing.

The order is the safety argument: an epoch or a vote is on disk before the frame that promises it
leaves, and peers are told before the engine acts on it. Records of consecutive inputs may be
merged, then persisted once: the merged text is the youngest and contains every earlier promise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

LEASE_FOREVER_MS: Final = 1 << 62
"""A lease that does not end: this node alone is the majority."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a TCP connection to the bus of a peer; then call link_up or link_down with `link_id`."""

    link_id: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Send:
    """Queue `data`, one whole frame, on a link. `bulk` frames (pub/sub) may not delay the others."""

    link_id: int
    data: bytes
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Close a link after what is queued; the core has forgotten it and wants no link_down for it."""

    link_id: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A node as clients see it in a redirect."""

    node_id: str
    host: str
    """What MOVED and ASK name: an address, a hostname, ``?`` or empty (use the address you know)."""
    port: int
    copies_wanted: int = 0
    """How many of its replicas must have a key before another node gives it up."""


@dataclass(frozen=True, slots=True)
class SlotTable:
    """The table that the engine routes by. Install it whole; it replaces the former one."""

    owners: bytes
    """16,384 little-endian u16: the index into `endpoints` of each slot's owner, 0xFFFF for nobody."""
    endpoints: tuple[Endpoint, ...]
    me: int
    """The index of this node."""
    serving: int
    """The index of the node whose slots this node's data belongs to: itself or its primary."""
    is_replica: bool
    migrating: dict[int, int]
    """slot -> index of the target, for slots of mine: answer ASK for keys that are not here."""
    importing: dict[int, int]
    """slot -> index of the source: serve after ASKING only."""
    state_ok: bool
    """False: CLUSTERDOWN, but for what the three switches below allow."""
    require_full_coverage: bool
    reads_when_down: bool
    pubsubshard_when_down: bool
    has_data: bool
    """False: this node has lost the data of its slots, and serves them to nobody."""


@dataclass(frozen=True, slots=True)
class Follow:
    """Become a replica of the node at host:port (the data there replaces ours); the engine reports
    `order`."""

    host: str
    port: int
    order: int


@dataclass(frozen=True, slots=True)
class Promote:
    """Be a primary with the data and the history that are here; the engine reports `order`."""

    order: int


@dataclass(frozen=True, slots=True)
class PauseWrites:
    """Hold the clients' writes until `until_ms` of the core's clock or ResumeWrites."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class ResumeWrites:
    """End the pause that PauseWrites began."""


@dataclass(frozen=True, slots=True)
class DropSlots:
    """Delete, in the background, the keys of these slot ranges (both ends included)."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class EmptyData:
    """Delete all keys (CLUSTER RESET of a replica, which keeps no data of its former primary)."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand a message of the bus to the local subscribers."""

    channel: bytes
    message: bytes
    sharded: bool


PlaneAction = Follow | Promote | PauseWrites | ResumeWrites | DropSlots | EmptyData
WireAction = Connect | Send | Drop


@dataclass(slots=True)
class Effects:
    """Carry the fields out from top to bottom; each is empty or None when there is nothing to do."""

    persist: str | None = None
    """1. The new text of nodes.conf: write a temporary file, keep the former one as the previous
    generation, rename. A failure is fatal: stop the process."""
    persist_sync: bool = False
    """1. The text holds a promise: fsync file and folder before going on."""
    wire: list[WireAction] = field(default_factory=list)
    """2. Frames and links, in this order."""
    slot_table: SlotTable | None = None
    """3. The slot table for the engine."""
    plane: list[PlaneAction] = field(default_factory=list)
    """4. What the engine's replication and keyspace are to do, in this order."""
    writes_until_ms: int | None = None
    """5. The new end of the write lease on the core's clock; None: as before."""
    deliver: list[Deliver] = field(default_factory=list)
    """6. Messages for local subscribers."""
    replies: list[tuple[int, bytes]] = field(default_factory=list)
    """7. (ticket, RESP bytes) for clients that wait."""
    logs: list[tuple[str, str]] = field(default_factory=list)
    """8. (level, line); levels are debug, verbose, notice, warning."""

    def __bool__(self) -> bool:
        return bool(
            self.persist is not None or self.wire or self.slot_table is not None or self.plane
            or self.writes_until_ms is not None or self.deliver or self.replies or self.logs
        )  # fmt: skip

    def merge(self, later: Effects) -> None:
        """Append what a later step wants, keeping the order of the fields and of each list."""
        if later.persist is not None:
            self.persist = later.persist
        self.persist_sync |= later.persist_sync
        self.wire += later.wire
        if later.slot_table is not None:
            self.slot_table = later.slot_table
        self.plane += later.plane
        if later.writes_until_ms is not None:
            self.writes_until_ms = later.writes_until_ms
        self.deliver += later.deliver
        self.replies += later.replies
        self.logs += later.logs
