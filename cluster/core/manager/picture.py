"""The picture: what a manager knows of a deployment at one moment, and how old it is.

One document for everybody who looks: the planner, the HTTP API, the page, `garrison top`, `garrison status`,
`/metrics` of the manager. It is made by `garrison.cluster.manager.observing` from what nodes and Sentinels
say about themselves. Nothing in it is a wish; that is :mod:`garrison.cluster.core.manager.desired`.

A figure that is not known is None, never 0. Times are Unix times in milliseconds, durations have their unit
last. Fields are only ever added.
"""

from enum import StrEnum
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Document(BaseModel):
    """The root of what managers store and show: immutable; fields of a newer manager are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class NodeState(StrEnum):
    """How a node is doing, the worst that is known."""

    OK = "ok"
    LOADING = "loading"
    """It reads its files, or takes its first full sync."""
    SLOW = "slow"
    """It answers, but later than the limit for a figure that can be trusted."""
    SUSPECTED = "suspected"
    """Some node, or this manager, does not hear it."""
    SILENT = "silent"
    """It does not answer this manager, and the cluster has not declared it failed."""
    FAILED = "failed"
    """The cluster, or a quorum of Sentinels, has declared it failed."""
    DATA_LOST = "data-lost"
    """It owns slots whose data it does not have."""


class NodeLoad(Document):
    """What a node spends, as means over the time since it was asked before."""

    ops_per_s: float | None = None
    cpu_fraction: float | None = Field(default=None, description="of one core; above 1 with more threads")
    hit_rate: float | None = Field(default=None, ge=0, le=1, description="None while nothing is looked up")
    input_bytes_per_s: float | None = None
    output_bytes_per_s: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    clients: int | None = None
    clients_blocked: int | None = None
    memory_bytes: int | None = None
    memory_max_bytes: int | None = Field(default=None, description="maxmemory; None without a limit")
    memory_rss_bytes: int | None = None
    evicted_per_s: float | None = None
    expired_per_s: float | None = None
    lag_bytes: int | None = Field(default=None, description="a replica's distance from its primary")
    lag_ms: int | None = None


class NodePicture(Document):
    """One data node."""

    id: str
    address: str = Field(description="host:port that it announces")
    hostname: str = ""
    role: Literal["primary", "replica"]
    primary_id: str | None = None
    state: NodeState = NodeState.OK
    why: str = Field(default="", description="one sentence when the state is not ok")
    host: str = Field(
        default="", description="the machine: what the desired state says, else the announced host"
    )
    zone: str = Field(
        default="", description="what the desired state says, else the node's availability-zone"
    )
    slots: str = Field(default="", description="ranges, as 0-99,205; empty for replicas")
    slot_count: int = 0
    keys: int | None = None
    version: str = ""
    server: str = Field(default="", description="garrison, redis or valkey; empty while it is not known")
    link_up: bool | None = Field(default=None, description="a replica's link to its primary")
    run_id: str = Field(default="", description="of its process: another one after each start")
    uptime_s: int | None = None
    last_save_age_s: int | None = None
    settings: dict[str, str] = Field(
        default={}, description="what CONFIG GET says of the directives that the desired state names"
    )
    settings_unknown: tuple[str, ...] = Field(
        default=(), description="directives of the desired state that it does not have"
    )
    settings_as_of_ms: int = Field(default=0, description="when these were asked for; 0 for not known")
    load: NodeLoad = NodeLoad()
    as_of_ms: int = Field(default=0, description="when what it last answered was asked; 0 for never")
    answered_in_ms: float | None = None


class ShardPicture(Document):
    """A primary with its replicas."""

    id: str = Field(description="the id of the primary")
    replica_ids: tuple[str, ...] = ()
    slots: str = ""
    slot_count: int = 0
    keys: int | None = None
    memory_bytes: int | None = None
    ops_per_s: float | None = None
    cpu_fraction: float | None = None


class SlotLoad(Document):
    """What one slot costs its owner (CLUSTER SLOT-STATS), as means since it was asked before."""

    slot: int = Field(ge=0, lt=16384)
    keys: int | None = None
    cpu_fraction: float | None = None
    input_bytes_per_s: float | None = None
    output_bytes_per_s: float | None = None


class SentinelPicture(Document):
    """One Sentinel, as it was last heard."""

    id: str
    address: str
    reachable: bool = True
    watches: tuple[str, ...] = ()
    as_of_ms: int = 0


class ManagerPicture(Document):
    """One manager, and whether it leads."""

    id: str
    address: str = Field(default="", description="of its HTTP API, as the others reach it")
    leads: bool = False
    as_of_ms: int = 0


class LeasePicture(Document):
    """Who has the lease, as the manager that shows this knows it."""

    holder: str = Field(default="", description="the id of the manager that has it; empty for none")
    epoch: int = 0
    left_ms: int | None = Field(default=None, description="when this was made; None when it is not known")


class Event(Document):
    """Something that happened: a line of the timeline."""

    at_ms: int
    kind: str = Field(description="failover, node-down, node-up, role, job, lease, slots, alert, manager")
    text: str
    subject: str = Field(default="", description="the id of the node or job that it is about")
    severity: Literal["info", "warning", "error"] = "info"


class SlowCommand(Document):
    """An entry of a node's slow log."""

    node_id: str
    at_ms: int
    duration_us: int
    words: tuple[str, ...] = Field(description="shortened as the node shows them")
    client: str = ""


class NotableKey(Document):
    """A big or a hot key that somebody has looked for; managers do not scan by themselves."""

    node_id: str
    key: str
    type: str = ""
    bytes: int | None = None
    ops_per_s: float | None = None


class OpenSlotPicture(Document):
    """A slot with a mark: a migration under way, or one that stopped half-way."""

    slot: int
    source: str = ""
    target: str = ""
    lasts: bool = Field(
        default=True, description="false while it may be one of a migration that goes on, opened just now"
    )


class SparePicture(Document):
    """An idle node outside the cluster that the desired state lets the manager take."""

    address: str
    usable: bool = Field(default=True, description="it answers, owns nothing, has no keys and knows nobody")
    why: str = Field(default="", description="one sentence when it is not usable")
    version: str = ""


class BackupPicture(Document):
    """What stands at one target of the desired state's backups."""

    target: str
    newest_ms: int | None = Field(default=None, description="when the newest backup was finished")
    proved_ms: int | None = Field(default=None, description="when one was last restored and compared")
    count: int = 0
    as_of_ms: int = Field(default=0, description="when the target was looked at")


class Complaint(Document):
    """Something that is wrong; see :mod:`garrison.cluster.core.manager.verdict`."""

    text: str
    about: str = Field(description="what stays the same while the words change: a node id, or a word")
    severity: Literal["warning", "error"]
    since_ms: int = Field(description="when the manager that shows this saw it first, without a gap")


class Picture(Document):
    """The whole deployment."""

    format: Literal["garrison-picture"] = "garrison-picture"
    kind: Literal["cluster", "sentinel", "single"] = "cluster"
    name: str = ""
    at_ms: int
    nodes: tuple[NodePicture, ...] = ()
    shards: tuple[ShardPicture, ...] = ()
    slots_covered: int = 0
    open_slots: tuple[OpenSlotPicture, ...] = ()
    slot_load: tuple[SlotLoad, ...] = Field(
        default=(), description="the slots with load, the costliest first"
    )
    sentinels: tuple[SentinelPicture, ...] = ()
    managers: tuple[ManagerPicture, ...] = ()
    events: tuple[Event, ...] = Field(default=(), description="the newest last; a bounded number")
    slow_commands: tuple[SlowCommand, ...] = ()
    big_keys: tuple[NotableKey, ...] = ()
    hot_keys: tuple[NotableKey, ...] = ()
    spares: tuple[SparePicture, ...] = Field(default=(), description="those of the desired state")
    backups: tuple[BackupPicture, ...] = ()
    wrong: tuple[Complaint, ...] = Field(
        default=(), description="what is wrong, the worst first, as `garrison status` says it"
    )
    disagreements: tuple[str, ...] = Field(
        default=(), description="about what the nodes' tables differ, one sentence each"
    )
    shown_by: str = Field(default="", description="the id of the manager that shows this")
    lease: LeasePicture | None = Field(default=None, description="None where a manager works alone")
    mode: Literal["", "dry-run", "act", "paused"] = Field(default="", description="empty: not known")
    paused_by: str = ""
    majority_answers: bool = True
    read_only: bool = Field(
        default=False, description="the manager that shows this, or the token that asked, may not act"
    )
    why_read_only: str = Field(default="", description="one sentence, when it is the manager that may not")
    problems: tuple[str, ...] = Field(
        default=(), description="what the manager itself lacks, one sentence each"
    )

    def node(self, node_id: str) -> NodePicture | None:
        """The node with this id."""
        nodes, by_id = self._by_id
        if nodes is not self.nodes:  # `model_copy` has changed the nodes, and copied this.
            del self.__dict__["_by_id"]
            nodes, by_id = self._by_id
        return by_id.get(node_id)

    @cached_property
    def _by_id(self) -> tuple[tuple[NodePicture, ...], dict[str, NodePicture]]:
        return self.nodes, {node.id: node for node in reversed(self.nodes)}

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        from garrison.cluster.core.manager.picture_svg import picture_svg

        return picture_svg(self)

    def _repr_html_(self) -> str:
        from garrison.cluster.core.manager.picture_svg import picture_html

        return picture_html(self)
