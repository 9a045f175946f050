"""The metrics of a node that the usual exporter does not have: their names begin with ``garrison_``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from garrison.base.metrics.exposition import Family, counter, gauge
from garrison.base.metrics.info_families import Info, number, replicas

if TYPE_CHECKING:
    from garrison.node.core.bus_counters import BusCounters
    from garrison.node.core.cluster_figures import ClusterFigures

LEASE_STATES = ("held", "lapsed", "none")


def of_process(info: Info, server_version: str) -> Iterator[Family]:
    """The version, and what standard process metrics are called."""
    labels = [("version", server_version), ("redis_version", info.get("redis_version", ""))]
    yield gauge("garrison_build_info", "The version that runs; always 1.").add(1, labels)
    cpu_s = number(info.get("used_cpu_sys", "0")) + number(info.get("used_cpu_user", "0"))
    yield counter("process_cpu_seconds_total", "Processor time of this process.", cpu_s)
    resident = number(info.get("used_memory_rss", "0"))
    yield gauge("process_resident_memory_bytes", "Memory of this process that is in use.", resident)


def of_clients(info: Info) -> Iterator[Family]:
    """How near clients are to their limits."""
    yield gauge(
        "garrison_client_output_buffer_fraction",
        "Unread output of the client or replica nearest its client-output-buffer-limit, as part of it.",
        number(info.get("client_output_buffer_limit_nearest", "0")),
    )
    yield counter(
        "garrison_client_output_buffer_disconnections_total",
        "Clients closed because they had passed that limit.",
        number(info.get("client_output_buffer_limit_disconnections", "0")),
    )
    evicted = number(info.get("evicted_clients", "0"))
    yield counter("garrison_evicted_clients_total", "Clients closed for maxmemory-clients.", evicted)


def of_replicas(info: Info) -> Iterator[Family]:
    """How far each replica is behind."""
    seconds = gauge("garrison_replica_lag_seconds", "The age of the oldest write that a replica lacks.")
    lengths = gauge("garrison_replica_lag_bytes", "Bytes of the stream that a replica lacks.")
    for replica in replicas(info):
        labels = [(f"replica_{part}", replica.get(part, "")) for part in ("ip", "port", "state")]
        seconds.add(number(replica.get("lag_ms", "0")) / 1000, labels)
        lengths.add(number(replica.get("lag_bytes", "0")), labels)
    yield from (seconds, lengths)


def of_files(info: Info, now_s: float, *, saves: bool) -> Iterator[Family]:
    """How old the last snapshot is, and what the disk refused."""
    age_s = max(0.0, now_s - number(info.get("rdb_last_save_time", "0")))
    yield gauge("garrison_last_save_age_seconds", "The age of the last snapshot, or of the process.", age_s)
    yield gauge("garrison_save_enabled", "Whether the directive save asks for snapshots.", int(saves))
    words = ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
    errors = gauge("garrison_disk_error", "Whether the last attempt of this kind failed.")
    for word in words:
        kind = word.removesuffix("_status").replace("last_", "")
        errors.add(int(info.get(word, "ok") != "ok"), [("kind", kind)])
    yield errors
    failures = number(info.get("aof_rewrites_consecutive_failures", "0"))
    yield gauge(
        "garrison_aof_rewrite_failures", "Rewrites of the append-only file failed in a row.", failures
    )


def of_role(promotions: int, hold_text: str, waiting: int) -> Iterator[Family]:
    """What happened to the role of this node, and what waits for the data plane."""
    yield counter(
        "garrison_promotions_total", "Times that this node went from replica to primary.", promotions
    )
    yield gauge("garrison_writes_held", "Whether writes wait for the Sentinels' word.", int(bool(hold_text)))
    yield gauge("garrison_data_plane_requests", "Requests that the data plane has not answered yet.", waiting)


def of_cluster(figures: ClusterFigures) -> Iterator[Family]:
    """The state of the cluster as this node sees it."""
    plain = {
        "garrison_cluster_ok": ("Whether this node serves its part of the cluster.", figures.is_ok),
        "garrison_cluster_majority": ("Whether a majority of primaries is reachable.", figures.has_majority),
        "garrison_cluster_slots_owned": ("Slots that this node owns.", figures.slots_owned),
        "garrison_cluster_slots_covered": ("Slots whose owner has not failed.", figures.slots_covered),
        "garrison_cluster_nodes": ("Nodes that this one knows.", figures.nodes_known),
        "garrison_cluster_nodes_failing": ("Those that a majority calls failed.", figures.nodes_failing),
        "garrison_cluster_nodes_suspect": (
            "Those not reachable from here, or failed.",
            figures.nodes_suspect,
        ),
        "garrison_cluster_replicas": ("Replicas of this node that have not failed.", figures.replicas),
        "garrison_cluster_data_lost": ("Whether this owner waits for its data.", not figures.has_data),
    }
    for name, (help_text, value) in plain.items():
        yield gauge(name, help_text, int(value))
    lease = gauge("garrison_cluster_lease", "Whether this primary may acknowledge writes: 1 for its state.")
    for state in LEASE_STATES:
        lease.add(int(state == figures.lease), [("state", state)])
    yield lease
    if figures.lease_left_ms is not None:
        left_s = figures.lease_left_ms / 1000
        yield gauge("garrison_cluster_lease_left_seconds", "Until that lease ends.", left_s)


def of_bus(counters: BusCounters, queued: Mapping[int, int]) -> Iterator[Family]:
    """The cluster bus: links, frames, queues; `queued` is the bytes that wait, by link."""
    yield gauge("garrison_bus_links", "Open links of the bus, both directions.", len(queued))
    yield gauge("garrison_bus_queue_bytes", "Bytes that wait on all links.", sum(queued.values()))
    longest = max(queued.values(), default=0)
    yield gauge("garrison_bus_queue_bytes_longest", "Bytes that wait on the fullest link.", longest)
    for name, count in counters.info_fields().items():
        metric = name.removeprefix("cluster_")
        yield counter(f"garrison_{metric}_total", f"CLUSTER INFO {name}.", count)
