"""What the control plane asks of the data plane; requests are carried out in the order of posting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PauseMode(StrEnum):
    """Which commands of clients a pause holds."""

    WRITE = "write"
    ALL = "all"


class ClusterState(StrEnum):
    """Whether the cluster serves, by this node's view."""

    OK = "ok"
    DOWN = "down"
    READS_ONLY = "reads_only"
    """Down, but reads are allowed (`cluster-allow-reads-when-down`)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A node as clients see it in a redirect."""

    host: str
    """What MOVED and ASK name: an address, a hostname, ``?`` or empty (use the address you know)."""
    port: int
    copies_wanted: int = 0
    """How many of its replicas must have a key before another node deletes its own copy."""


@dataclass(frozen=True, slots=True)
class SlotTable:
    """Who serves each slot: the table that the engine routes by."""

    owners: bytes
    """16,384 little-endian u16: the index into `endpoints` of each slot's owner, 0xFFFF for nobody."""
    endpoints: tuple[Endpoint, ...]
    myself: int
    """The index of this node."""
    my_primary: int
    """The index of the node whose slots this node's data belongs to: itself or its primary."""
    state: ClusterState
    migrating: dict[int, int]
    """slot -> index of the target, for slots of this node: answer ASK for keys that are not here."""
    importing: dict[int, int]
    """slot -> index of the source: serve after ASKING only."""
    shard_channels_when_down: bool
    """Whether shard channels work while the cluster is down."""
    has_data: bool
    """False: this node has lost the data of its slots, and serves them to nobody."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a client's `Command`, encoded in its protocol; each ticket exactly once."""

    ticket: int
    reply: bytes


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply settings, all or none of them; `Applied` is the answer."""

    ticket: int
    values: dict[str, str]
    """Canonical values by directive."""


@dataclass(frozen=True, slots=True)
class InstallSlots:
    """Replace the slot table by this one."""

    table: SlotTable


@dataclass(frozen=True, slots=True)
class ExtendLease:
    """Acknowledge writes until then."""

    until_boot_ms: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Become a replica of the node at host:port, whose data replaces ours.

    `ReplicationStatus` reports the order's number.
    """

    host: str
    port: int
    order: int


@dataclass(frozen=True, slots=True)
class Promote:
    """Be a primary with the data and the history that are here.

    `ReplicationStatus` reports the order's number.
    """

    order: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold the clients' commands until `until_boot_ms` or `Unpause`."""

    until_boot_ms: int
    mode: PauseMode


@dataclass(frozen=True, slots=True)
class Unpause:
    """End the pause that `Pause` began."""


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """The Sentinels name this node as the primary: end the hold of this round, and no later one."""

    round: int


@dataclass(frozen=True, slots=True)
class FollowInHold:
    """The Sentinels name another primary: follow it, which ends the hold of this round and no later one."""

    host: str
    port: int
    round: int


@dataclass(frozen=True, slots=True)
class WatchSleep:
    """Hold writes after a sleep of more than this."""

    ms_max: int
    """0 for never."""


@dataclass(frozen=True, slots=True)
class Empty:
    """Delete all keys."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command as the node itself; `Ran` is the answer."""

    ticket: int
    args: list[bytes]


@dataclass(frozen=True, slots=True)
class FunctionRead:
    """Carry out commands that a function in Python reads with; `FunctionReplies` is the answer."""

    ticket: int
    commands: list[list[bytes]]


@dataclass(frozen=True, slots=True)
class FunctionCommit:
    """Apply what a function in Python writes and answer its client, if what it has read still stands.

    `FunctionReplies` is the answer.
    """

    ticket: int
    commands: list[list[bytes]]
    pieces: list[bytes]
    """The reply, in pieces between which the replies to writes stand."""
    holes: list[int]
    """The numbers of these writes."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Deliver a message of the bus to this node's subscribers."""

    channel: bytes
    message: bytes
    sharded: bool


@dataclass(frozen=True, slots=True)
class DropSlots:
    """Delete, in the background, the keys of these slot ranges (both ends included)."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class CloseClients:
    """Close the connections of these clients at once: nothing that they have sent is executed any more."""

    ids: list[int]
    """As `ClientInfo.id`; a client that has gone is passed over."""


@dataclass(frozen=True, slots=True)
class InfoFields:
    """Fields of INFO that only the process knows, such as config_file."""

    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Serve:
    """This node has its part to play: serve clients, with what was read from files (see `Loaded`)."""


@dataclass(frozen=True, slots=True)
class Persist:
    """Put all that was written so far on the disk; `Persisted` is the answer."""

    ticket: int
    snapshot: bool
    """Whether by a snapshot; otherwise by a sync of the append-only file, if there is one."""


Request = (
    Reply
    | Apply
    | InstallSlots
    | ExtendLease
    | Follow
    | Promote
    | Pause
    | Unpause
    | ReleaseHold
    | FollowInHold
    | WatchSleep
    | Empty
    | Run
    | FunctionRead
    | FunctionCommit
    | Publish
    | DropSlots
    | CloseClients
    | InfoFields
    | Serve
    | Persist
)
