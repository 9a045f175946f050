"""What the data plane reports to the control plane."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LogLevel(StrEnum):
    """The level of a log line."""

    DEBUG = "debug"
    VERBOSE = "verbose"
    NOTICE = "notice"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """A client that waits for the control plane."""

    id: int
    addr: str
    laddr: str
    """Our own address, as the client reached it."""
    resp: int
    """The protocol version, 2 or 3."""
    name: bytes


@dataclass(frozen=True, slots=True)
class ReplicationStatus:
    """Role, progress and lineage of the data at one moment."""

    is_replica: bool
    offset: int
    """Written by a primary, processed by a replica."""
    link_up: bool
    """Whether a replica is in sync with its primary; True at a primary."""
    last_io_boot_ms: int
    """When the primary's last byte arrived; 0 for never."""
    replicas: int
    """How many replicas are connected and in sync."""
    lagging: int
    """How many of them are behind."""
    order: int
    """The number of the last `Follow` or `Promote`; 0 for none."""
    data_order: int
    """The order under which the data became what it is."""
    history: str
    """40 hex digits."""
    previous_history: str
    """40 hex digits."""
    parted_at: int | None
    """The offset up to which the previous history is this one's; None without a previous one."""
    writes_paused: bool
    """Whether a `Pause` holds writes, so that the offset stands still."""


@dataclass(frozen=True, slots=True)
class Command:
    """A client's command that the control plane answers, with exactly one `Reply`."""

    ticket: int
    client: ClientInfo
    args: list[bytes]
    """The command, its name first, in the client's spelling."""
    facts: dict[str, int]
    """What only the engine knows, by the names in `garrison.node.core.cluster_commands`."""


@dataclass(frozen=True, slots=True)
class Published:
    """A PUBLISH that the bus has to carry or, without a cluster, one on the channel of the Sentinels."""

    channel: bytes
    message: bytes
    sharded: bool


@dataclass(frozen=True, slots=True)
class Replication:
    """The role, the link to the primary or the data has changed; both fields as they were at that moment."""

    status: ReplicationStatus
    primary: tuple[str, int] | None
    """Host and port of the primary that this node follows."""


@dataclass(frozen=True, slots=True)
class Ran:
    """The raw RESP reply to a `Run`."""

    ticket: int
    reply: bytes


class FunctionOutcome(StrEnum):
    """What became of a request of a call of a function in Python."""

    READ = "read"
    """The commands were read."""
    ENDED = "ended"
    """The call has ended, and the client is answered."""
    CONFLICT = "conflict"
    """What the call has read was changed by somebody else: it has to begin again."""
    LATER = "later"
    """A pause, a script or a move of keys holds the call up: make the request again."""
    GONE = "gone"
    """The client has gone: nothing of the call is applied."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A client calls a function in Python; a `FunctionCommit` or, in an error, a `Reply` ends the call."""

    ticket: int
    library: bytes
    version: int
    """The number of this source among all of the process."""
    source: bytes
    function: bytes
    keys: list[bytes]
    args: list[bytes]
    resp: int
    """The protocol version in which the client is answered."""


@dataclass(frozen=True, slots=True)
class FunctionReplies:
    """The answer to a `FunctionRead` or `FunctionCommit`."""

    ticket: int
    outcome: FunctionOutcome
    replies: list[bytes]
    """The replies to what was read, in RESP3."""


@dataclass(frozen=True, slots=True)
class FunctionKill:
    """FUNCTION KILL: end this call."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Applied:
    """The answer to an `Apply`."""

    ticket: int
    directive: str
    """The one because of which none of the settings was taken; empty when all were."""
    error: str
    """Why none of the settings was taken; empty when all were."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The files of the start are read: clients get LOADING until `Serve`."""

    keys: int
    found: bool
    """Whether there were files."""
    shard: str
    """The shard of a cluster whose data it is, as the files say; empty where they do not."""


@dataclass(frozen=True, slots=True)
class Persisted:
    """The answer to a `Persist`."""

    ticket: int
    error: str
    """Why the disk does not have it; empty if it has."""


@dataclass(frozen=True, slots=True)
class Slept:
    """More time has passed than a turn takes, and a hold of writes has begun."""

    ms: int
    round: int
    """The number of the hold, counted from 1; a data plane that starts held starts in hold 1."""


@dataclass(frozen=True, slots=True)
class HoldReleased:
    """Writes are no longer held for the Sentinels: released by their answers, or by a REPLICAOF."""


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the log."""

    level: LogLevel
    message: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The data plane has ended: the last event."""

    error: str
    """Empty when it was asked to stop."""


Event = (
    Command
    | Published
    | Replication
    | Ran
    | FunctionCall
    | FunctionReplies
    | FunctionKill
    | Applied
    | Loaded
    | Persisted
    | Slept
    | HoldReleased
    | Log
    | Stopped
)
