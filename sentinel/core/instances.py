"""The servers that a Sentinel knows: primaries, their replicas, and the other Sentinels.

A primary owns its replicas and its peers. A peer is another Sentinel *as seen for one primary*: the vote it
has given and whether it holds that primary down. The connection to another Sentinel is shared by all
primaries that both watch (`Link.users`), or a Sentinel of 1,000 primaries would open 1,000 of them.
"""

from __future__ import annotations

import ipaddress
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from garrison.sentinel.core.settings import Monitor

NEVER_MS = -(1 << 60)
"""A time so long ago that it is before everything."""
GONE: Final = -1
"""In the place of a time: the instance is no longer watched."""

Answer = Callable[["Instance", object], None]
"""What takes a reply: the instance that was asked, and the reply."""


class Address(NamedTuple):
    """Where a server listens; `host` is as somebody wrote it, a name or an address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


HOSTS_REMEMBERED: Final = 1 << 13
_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,255}")


def is_host(text: str) -> bool:
    """Whether a text can be a name or an address. Hosts that others announce get into our file."""
    return _HOST.fullmatch(text) is not None


@lru_cache(HOSTS_REMEMBERED)
def is_ip(host: str) -> bool:
    """Whether a host is an address of IPv4 or IPv6, with or without a zone."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


UNKNOWN = Address("?", 0)
"""Where a server is that has not said it."""


class Kind(Enum):
    """What a server is to us; the values are the words of the protocol."""

    PRIMARY = "master"
    REPLICA = "slave"
    SENTINEL = "sentinel"


@dataclass(slots=True, eq=False)
class Connection:
    """One TCP connection of ours. `id` is 0 while there is none, `up` says whether it is established."""

    subscribed: bool
    id: int = 0
    up: bool = False
    since_ms: int = 0
    """When it was last established."""
    tried_ms: int = NEVER_MS
    waiting: deque[tuple[int, Answer | None, Instance]] = field(default_factory=deque)
    """(token, who takes the reply, who was asked), in the order of the commands."""


@dataclass(slots=True, eq=False)
class Link:
    """How we reach a server, and when it answered. `awake` times leave out our own pauses."""

    command: Connection = field(default_factory=lambda: Connection(subscribed=False))
    listening: Connection = field(default_factory=lambda: Connection(subscribed=True))
    users: list[Instance] = field(default_factory=list)
    local_ip: str = ""
    available_awake_ms: int = 0
    """The last valid reply to PING; at first, when the link was made."""
    pinged_ms: int = NEVER_MS
    """When the last PING left."""
    unanswered_awake_ms: int = -1
    """When the oldest PING left that has no reply; -1 if each has its own."""
    replied_ms: int = 0
    """The last reply to PING of any kind."""
    received_ms: int = 0
    """The last message of the hello channel."""
    round_trip_ms: float = 0.0
    round_trip_spread_ms: float = 0.0

    def measured(self, sample_ms: float) -> None:
        """Take one round trip into the smoothed mean and deviation (RFC 6298, section 2)."""
        if not self.round_trip_ms and not self.round_trip_spread_ms:
            self.round_trip_ms, self.round_trip_spread_ms = sample_ms, sample_ms / 2
            return
        self.round_trip_spread_ms += (abs(sample_ms - self.round_trip_ms) - self.round_trip_spread_ms) / 4
        self.round_trip_ms += (sample_ms - self.round_trip_ms) / 8

    @property
    def slack_ms(self) -> float:
        """How much later than usual a reply may come without meaning anything."""
        return self.round_trip_ms + 4 * self.round_trip_spread_ms


@dataclass(slots=True, eq=False)
class Instance:
    """What is known of any server. Times are of the core's clock; `*_since_ms` is 0 where it is not so."""

    address: Address
    link: Link
    run_id: str = ""
    down_since_ms: int = 0
    """S_DOWN: since when we hold it down; 0 if we do not."""
    down_reason: str = ""
    due_ms: int = 0
    """When it wants to be looked at next; GONE if it is not watched any more."""
    said_hello_ms: int = NEVER_MS
    """When we last published a hello to it."""

    kind = Kind.REPLICA

    @property
    def is_down(self) -> bool:
        return self.down_since_ms != 0

    @property
    def is_gone(self) -> bool:
        return self.due_ms == GONE


@dataclass(slots=True, eq=False)
class DataNode(Instance):
    """A primary or a replica: a server that answers INFO."""

    info_ms: int = 0
    """When the last INFO arrived; 0 for never."""
    info_asked_ms: int = NEVER_MS
    info_text: bytes = b""
    role_reported: str = ""
    role_reported_ms: int = 0
    history: str = ""
    """The identity of its replication history."""
    role_sent_ms: int = NEVER_MS
    """When we last sent it REPLICAOF ..."""
    ignored_orders: int = 0
    """... and how often since it last changed its role or its primary."""
    keys: int = 0
    offset: int = 0
    """Replication offset: written by a primary, processed by a replica."""


class Reconfiguration(Enum):
    """How far a replica has come on its way to a new primary; the values are flags of SENTINEL REPLICAS."""

    NONE = ""
    SENT = "reconf_sent"
    IN_PROGRESS = "reconf_inprog"
    DONE = "reconf_done"


@dataclass(slots=True, eq=False)
class Replica(DataNode):
    """A replica of a primary that we watch."""

    primary: Primary = field(kw_only=True)
    link_down_ms: int = 0
    """For how long its link to its primary has been down, as it said in its last INFO."""
    link_up: bool = False
    refuses: str = ""
    """The history of its primary that it refuses to take, being younger and smaller than its own."""
    synced_run_id: str = ""
    """The run id of its primary when it last said that its link was up."""
    parted_ms: int = 0
    """When that life of its primary had ended in which it was last in sync; 0 while that goes on."""
    follows: Address = UNKNOWN
    follows_since_ms: int = 0
    """When it began to name this primary."""
    priority: int = 100
    announced: bool = True
    reconfiguration: Reconfiguration = Reconfiguration.NONE
    reconfiguration_sent_ms: int = 0
    is_promoted: bool = False
    """It is chosen to become the primary in the failover that is going on."""

    kind = Kind.REPLICA


@dataclass(slots=True, eq=False)
class Peer(Instance):
    """Another Sentinel, as far as one primary is concerned."""

    primary: Primary = field(kw_only=True)
    hello_received_ms: int = 0
    retired_from: Address = UNKNOWN
    """The address at which somebody else is now; unknown while it is where it says."""
    names: Address = UNKNOWN
    """The address of the primary that its last hello named."""
    names_epoch: int = 0
    holds_down: bool = False
    """It said that it holds the primary down."""
    answered_ms: int = NEVER_MS
    """When it last said whether it does."""
    asked_ms: int = NEVER_MS
    vote: str = ""
    """The run id of the leader that it has voted for, in `vote_epoch`."""
    vote_epoch: int = 0

    kind = Kind.SENTINEL


class State(Enum):
    """The steps of a failover; the values are what SENTINEL MASTER shows."""

    NONE = "none"
    WAIT_START = "wait_start"
    SELECT = "select_slave"
    PROMOTE = "send_slaveof_noone"
    HAND_OVER = "hand_over"
    WAIT_PROMOTION = "wait_promotion"
    RECONFIGURE = "reconf_slaves"
    UPDATE = "update_config"


@dataclass(slots=True, eq=False)
class Attempt:
    """The failover of a primary that is going on, or the last one."""

    state: State = State.NONE
    epoch: int = 0
    started_ms: int = NEVER_MS
    """When it began, or when we voted for another Sentinel that wanted to begin."""
    changed_ms: int = 0
    """When `state` was entered."""
    forced: bool = False
    """An administrator asked for it: it needs no agreement that the primary is down."""
    coordinated: bool = False
    """The primary is alive and hands over itself."""
    promoted: Replica | None = None
    is_obeyed: bool = False
    """The promoted replica has acknowledged the order."""
    not_before_ms: int = NEVER_MS
    """The next attempt of our own begins no sooner."""
    not_before_reason: str = ""
    ended: str = ""
    """How the last attempt ended, for people."""


@dataclass(slots=True, eq=False)
class Life:
    """The life of a primary's process, and what its replicas say of its data (`lost_data.py`)."""

    seen_ms: int = 0
    """When we first read its run id."""
    born_ms: int = 0
    """When it began, by its own uptime."""
    keys: int = 0
    """The keys that it came with: those of our first INFO, or of the first after loading."""
    had_keys: bool = False
    """We have seen its former life with keys, at the end of it."""
    loading: bool = False
    doubted_since_ms: int = 0
    """Since when a replica speaks against its data; 0 if none does."""
    doubts: str = ""
    """How many do, in words."""
    lost_data_since_ms: int = 0
    """Since when it counts as one that has lost its data; 0 if it does not."""


@dataclass(slots=True, eq=False)
class Primary(DataNode):
    """A primary that we watch, with all that is kept for it."""

    monitor: Monitor = field(kw_only=True)
    replicas: dict[Address, Replica] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    """The other Sentinels of this primary, by run id."""
    is_suspected: bool = False
    """It has been silent for half of the time that makes it S_DOWN."""
    odown_since_ms: int = 0
    """O_DOWN: since when a quorum holds it down; 0 if it does not."""
    attempt: Attempt = field(default_factory=Attempt)
    vote: str = ""
    """The run id of the leader that we have voted for, in `vote_epoch`; empty if only the epoch is known."""
    vote_epoch: int = 0
    config_epoch: int = 0
    reboot_ms: int = 0
    """When it was seen restarted, until it answers PING with PONG; 0 if it was not."""
    replied_before_ms: int = 0
    """When it last answered PING before its present connection was made."""
    life: Life = field(default_factory=Life)
    idle_since_ms: int = 0
    """Since when it has been a replica without a link, and has taken no writes; 0 if it is not."""

    kind = Kind.PRIMARY

    @property
    def name(self) -> str:
        return self.monitor.name

    @property
    def is_odown(self) -> bool:
        return self.odown_since_ms != 0

    @property
    def has_lost_data(self) -> bool:
        return self.life.lost_data_since_ms != 0

    @property
    def failing_over(self) -> bool:
        return self.attempt.state is not State.NONE

    @property
    def voters(self) -> int:
        """All Sentinels that are known for it, this one included."""
        return len(self.peers) + 1

    @property
    def majority(self) -> int:
        return self.voters // 2 + 1

    def members(self) -> Iterator[Instance]:
        """The primary itself, its replicas and its peers."""
        yield self
        yield from self.replicas.values()
        yield from self.peers.values()

    def current_address(self) -> Address:
        """The primary for clients: once the promoted replica is one, it is."""
        promoted = self.attempt.promoted
        if promoted is not None and self.attempt.state in (State.RECONFIGURE, State.UPDATE):
            return promoted.address
        return self.address


def primary_of(instance: Instance) -> Primary:
    """The primary that an instance belongs to: itself, or its owner."""
    if isinstance(instance, Replica | Peer):
        return instance.primary
    assert isinstance(instance, Primary)
    return instance
