"""A reading: all that was read of a deployment at one moment, as the rules see it.

Nothing here trusts the servers. A figure that is missing, or is not a number, is None and counts as not
known; texts are made printable when they become part of a finding (:mod:`.printable`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from garrison.cluster.core.check import Finding, check
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address

Kind = Literal["cluster", "sentinel", "single"]
Fields = Mapping[str, str]
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class SlowEntry:
    """One entry of SLOWLOG."""

    duration_us: int
    words: tuple[str, ...]
    """The command, as the node shortened it; at least one word."""

    @property
    def name(self) -> str:
        return self.words[0].lower()


@dataclass(frozen=True, slots=True)
class SampledKey:
    """One key of the sample that ``--deep`` takes."""

    key: str
    type: str
    ttl_ms: int | None
    """None for a key that does not expire."""
    bytes: int | None
    """With its value; None where the node does not say."""
    frequency: int | None = None
    """The logarithmic counter of an LFU policy, 0 to 255; None under other policies."""


@dataclass(frozen=True, slots=True)
class HostReading:
    """The kernel under a node that runs on the doctor's machine. None: could not be read."""

    thp: str | None = None
    """The chosen word of transparent_hugepage/enabled: always, madvise or never."""
    overcommit_memory: int | None = None
    somaxconn: int | None = None
    swapped_bytes: int | None = None
    """How much of the process is in swap."""
    open_files_max: int | None = None
    clock_synchronised: bool | None = None
    disk_free_fraction: float | None = None
    """Of the file system that holds the node's ``dir``."""
    disk_free_bytes: int | None = None


@dataclass(frozen=True)
class NodeReading:
    """What one data node said. One that did not answer has ``error`` and nothing else."""

    address: Address
    error: str = ""
    info: Fields = field(default_factory=dict)
    config: Fields | None = None
    clients: Sequence[Fields] | None = None
    """Its connections without the doctor's own; None where CLIENT LIST was refused."""
    slow: Sequence[SlowEntry] | None = None
    nopass: bool | None = None
    """Whether the default user may do anything without a password."""
    password_digests: frozenset[str] | None = None
    """SHA-256 of the default user's passwords, in hexadecimal."""
    clock_ahead_ms: float | None = None
    """How far its clock is ahead of the doctor's."""
    clock_uncertainty_ms: float = 0.0
    host: HostReading | None = None
    keys: Sequence[SampledKey] | None = None

    @property
    def where(self) -> str:
        return str(self.address)

    def number(self, name: str) -> float | None:
        """A figure of INFO; None unless it is a number."""
        return as_number(self.info.get(name))

    def figure(self, name: str) -> float:
        """A figure of INFO that a rule asked for in ``needs``, or 0."""
        return self.number(name) or 0.0

    def setting(self, name: str) -> str:
        """A setting; empty where it is empty, or was not read."""
        return (self.config or {}).get(name, "")

    def setting_number(self, name: str) -> float:
        return as_number(self.setting(name)) or 0.0

    @property
    def is_primary(self) -> bool:
        return self.info.get("role") == "master"

    @property
    def is_garrison(self) -> bool:
        return "garrison_version" in self.info

    @property
    def uptime_s(self) -> float:
        return max(self.figure("uptime_in_seconds"), 1.0)

    @cached_property
    def key_count(self) -> tuple[int, int]:
        """Keys, and keys with an expiry, of all databases."""
        keys = expires = 0.0
        for name, value in self.info.items():
            if name.startswith("db") and name[2:].isdecimal():
                counts = pairs_in(value)
                keys += as_number(counts.get("keys")) or 0
                expires += as_number(counts.get("expires")) or 0
        return int(keys), int(expires)

    def rows(self, prefix: str) -> Iterator[tuple[str, Fields]]:
        """The rows of commandstats, latencystats or errorstats: (name behind the prefix, its figures)."""
        for name, value in self.info.items():
            if name.startswith(prefix):
                yield name.removeprefix(prefix), pairs_in(value)

    @cached_property
    def replica_rows(self) -> list[Fields]:
        """The lines ``slave0:ip=...`` of a primary."""
        rows = [
            pairs_in(value)
            for name, value in self.info.items()
            if name.startswith("slave") and name[5:].isdecimal()
        ]
        return [row for row in rows if "ip" in row]

    def has(self, need: str) -> bool:
        """Whether something that a rule needs was read: see :class:`.rule.Rule`."""
        source, _, name = need.partition(":")
        if source == "info":
            return name in self.info
        if source == "config":
            return self.config is not None and name in self.config
        if source == "host":
            return self.host is not None and getattr(self.host, name) is not None
        return getattr(self, source) is not None


@dataclass(frozen=True)
class SentinelReading:
    """What one Sentinel said of the primary that this is about."""

    address: Address
    error: str = ""
    info: Fields = field(default_factory=dict)
    primary: Fields = field(default_factory=dict)
    """SENTINEL MASTER."""
    replicas: Sequence[Fields] = ()
    others: Sequence[Fields] = ()
    """SENTINEL SENTINELS: the others that it knows."""

    @property
    def where(self) -> str:
        return str(self.address)

    def number(self, name: str) -> int:
        return int(as_number(self.primary.get(name)) or 0)

    @property
    def flags(self) -> frozenset[str]:
        return frozenset(self.primary.get("flags", "").split(","))


@dataclass(frozen=True)
class Reading:
    """Everything that was read, at one moment."""

    kind: Kind
    nodes: Sequence[NodeReading] = ()
    sentinels: Sequence[SentinelReading] = ()
    primary_name: str = ""
    """What the Sentinels call the primary."""
    state: ClusterState | None = None
    """The tables of a cluster's nodes."""
    now_s: float = 0.0
    """The doctor's clock, Unix time."""
    doctor_version: str = ""
    deep: bool = False
    """Whether keys were sampled."""

    @cached_property
    def answering(self) -> list[NodeReading]:
        return [node for node in self.nodes if not node.error]

    @cached_property
    def watching(self) -> list[SentinelReading]:
        """The Sentinels that answered."""
        return [each for each in self.sentinels if not each.error]

    @cached_property
    def by_host(self) -> Mapping[str, list[NodeReading]]:
        """Host -> the nodes that answer there."""
        found: dict[str, list[NodeReading]] = {}
        for node in self.answering:
            found.setdefault(host_of(node.address), []).append(node)
        return found

    @cached_property
    def checked(self) -> list[Finding]:
        """What ``garrison cluster check`` finds."""
        return check(self.state) if self.state is not None else []

    @property
    def entry(self) -> str:
        """The address of a node that stands for all in commands."""
        return (self.answering or list(self.nodes))[0].where if self.nodes else ""


def host_of(address: Address) -> str:
    """The host, with one name for this machine."""
    return "127.0.0.1" if address.host in LOOPBACK or address.host.startswith("127.") else address.host


def as_number(text: str | None) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def pairs_in(text: str) -> dict[str, str]:
    """``a=1,b=2`` as a mapping."""
    found = (each.partition("=") for each in text.split(","))
    return {name: value for name, equals, value in found if equals}
