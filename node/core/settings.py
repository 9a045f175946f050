"""The settings of the control plane: Redis's cluster directives, with underscores, times in milliseconds.

Every limit of the control plane is a field here, so that it has a name, a unit and one place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

ENDPOINT_TYPES = ("ip", "hostname", "unknown-endpoint")


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """The cluster directives of one node. Change them with :meth:`with_changes`."""

    port: int = 6379
    """The client port, announced to peers and clients unless `cluster_announce_port` says otherwise."""
    bus_port: int = 0
    """The port of the cluster bus; 0 means the client port + 10000."""
    cluster_node_timeout: int = 15_000
    """T: silence of this many milliseconds makes a peer suspect."""
    cluster_replica_validity_factor: int = 10
    """A replica whose data is older than T times this, plus the replication ping, does not stand.
    0: it always stands."""
    repl_ping_replica_period: int = 10_000
    cluster_migration_barrier: int = 1
    cluster_allow_replica_migration: bool = True
    cluster_replica_no_failover: bool = False
    cluster_require_full_coverage: bool = True
    cluster_allow_reads_when_down: bool = False
    cluster_allow_pubsubshard_when_down: bool = True
    cluster_announce_ip: str = ""
    cluster_announce_port: int = 0
    cluster_announce_bus_port: int = 0
    cluster_announce_hostname: str = ""
    cluster_announce_human_nodename: str = ""
    cluster_preferred_endpoint_type: str = "ip"
    cluster_outside_endpoint: str = ""
    """Ours: the host announced to clients from outside of the node's networks; "unknown": ports only."""
    cluster_write_lease: bool = True
    """Ours: a primary acknowledges writes only under a lease that the majority's heartbeats renew."""
    cluster_serve_empty: bool = False
    """Ours: an owner of slots that starts without its data serves them all the same, as a cache may."""
    cluster_bus_frame_bytes_max: int = 1 << 20
    cluster_forget_ms: int = 60_000
    """For how long a forgotten node id is not added again by gossip."""
    cluster_handshakes_max: int = 256
    """Most introductions under way; MEET frames of strangers beyond that are ignored."""
    cluster_nodes_max: int = 16_384
    """A table larger than this takes no more nodes from gossip."""

    cluster_manager_lease_ms_max: int = 30_000
    """Ours: the longest lease that a manager gets, and how long a node that may have forgotten one waits."""
    cluster_manager_records_bytes_max: int = 1 << 20
    cluster_manager_connections_max: int = 256
    """Ours: most connections that speak for a manager's lease at once; beyond it the oldest is closed."""

    def __post_init__(self) -> None:
        if self.cluster_preferred_endpoint_type not in ENDPOINT_TYPES:
            raise ValueError(
                f"cluster-preferred-endpoint-type is {self.cluster_preferred_endpoint_type!r}, "
                f"but must be one of {', '.join(ENDPOINT_TYPES)}"
            )
        if self.cluster_node_timeout < 1:
            raise ValueError(
                f"cluster-node-timeout is {self.cluster_node_timeout}, but must be at least 1 ms"
            )

    def with_changes(self, **changes: Any) -> ClusterSettings:
        """The same settings with some fields replaced."""
        return replace(self, **changes)

    @property
    def announced_port(self) -> int:
        """The client port announced to peers and clients."""
        return self.cluster_announce_port or self.port

    @property
    def announced_bus_port(self) -> int:
        """The bus port announced to peers."""
        return self.cluster_announce_bus_port or self.bus_port or self.port + 10_000
