"""What a step of the control plane wants done, as one record whose fields are in the order of doing.

The order is the safety argument: an epoch or a vote is on disk before the frame that promises it
leaves, and peers are sent it before the engine acts on it. Records of consecutive inputs may be
merged, then persisted once: the merged text is the youngest and contains every earlier promise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from garrison.node.border import (
    CloseClients,
    DropSlots,
    Empty,
    ExtendLease,
    Follow,
    InstallSlots,
    Pause,
    Promote,
    Publish,
    Reply,
    Request,
    SlotTable,
    Unpause,
)

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
class Promised:
    """A reply to a manager, which may leave when the register that it rests on is on the disk."""

    ticket: int
    reply: bytes


PlaneAction = Follow | Promote | Pause | Unpause | DropSlots | Empty
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
    deliver: list[Publish] = field(default_factory=list)
    """6. Messages for local subscribers."""
    closes: list[int] = field(default_factory=list)
    """7. Clients whose connections are closed before anybody is answered: a manager's that was superseded."""
    replies: list[tuple[int, bytes]] = field(default_factory=list)
    """8. (ticket, RESP bytes) for clients that wait."""
    records: str | None = None
    """9. The new text of the manager register's file, for `records_queue.RecordsQueue`: it is written and
    synced beside everything else. A failure is not fatal."""
    promised: list[Promised] = field(default_factory=list)
    """10. Replies to managers, for the same queue: they wait for that file, and for nothing else."""
    logs: list[tuple[str, str]] = field(default_factory=list)
    """11. (level, line); levels are debug, verbose, notice, warning."""

    def __bool__(self) -> bool:
        return bool(
            self.persist is not None or self.wire or self.slot_table is not None or self.plane
            or self.writes_until_ms is not None or self.deliver or self.replies or self.logs
            or self.records is not None or self.closes or self.promised
        )  # fmt: skip

    def requests(self) -> Iterator[Request]:
        """Fields 3 to 8 as requests to the engine, in their order."""
        if self.slot_table is not None:
            yield InstallSlots(self.slot_table)
        yield from self.plane
        if self.writes_until_ms is not None:
            yield ExtendLease(self.writes_until_ms)
        yield from self.deliver
        if self.closes:
            yield CloseClients(self.closes)
        for ticket, reply in self.replies:
            yield Reply(ticket, reply)

    def merge(self, later: Effects) -> None:
        """Append what a later step wants, keeping the order of the fields and of each list."""
        if later.persist is not None:
            self.persist = later.persist
        self.persist_sync |= later.persist_sync
        if later.records is not None:
            self.records = later.records
        self.wire += later.wire
        if later.slot_table is not None:
            self.slot_table = later.slot_table
        self.plane += later.plane
        if later.writes_until_ms is not None:
            self.writes_until_ms = later.writes_until_ms
        self.deliver += later.deliver
        self.closes += later.closes
        self.replies += later.replies
        self.promised += later.promised
        self.logs += later.logs
