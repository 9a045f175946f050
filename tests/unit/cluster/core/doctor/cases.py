"""Readings in which nothing is wrong, and the cases that make one thing wrong.

A case of a rule has a reading in which the rule finds something and, next to it, one in which it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from garrison.cluster.core.cluster_state import ClusterState, NodeStatus
from garrison.cluster.core.doctor.examine import RULE_OF, examine
from garrison.cluster.core.doctor.readings import (
    HostReading,
    Kind,
    NodeReading,
    Reading,
    SampledKey,
    SentinelReading,
)
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.core.topology import Address, Node
from tests.unit.cluster.cluster_views import node as cluster_node
from tests.unit.cluster.cluster_views import replica as cluster_replica
from tests.unit.cluster.cluster_views import state as state_of_nodes

MB = 1024**2
GB = 1024**3
NOW_S = 1_800_000_000.0
VERSION = "0.1.0"
THIRD = SLOT_COUNT // 3
SHARES = {"a": range(THIRD), "b": range(THIRD, 2 * THIRD), "c": range(2 * THIRD, SLOT_COUNT)}

INFO = {
    "redis_version": "7.2.0",
    "garrison_version": VERSION,
    "redis_mode": "standalone",
    "run_id": "f" * 40,
    "process_id": "4711",
    "uptime_in_seconds": "86400",
    "connected_clients": "20",
    "maxclients": "10000",
    "blocked_clients": "0",
    "used_memory": str(GB),
    "used_memory_rss": str(GB + 100 * MB),
    "used_memory_overhead": str(200 * MB),
    "used_memory_startup": str(MB),
    "total_system_memory": str(16 * GB),
    "maxmemory": str(4 * GB),
    "maxmemory_policy": "noeviction",
    "mem_fragmentation_ratio": "1.1",
    "mem_fragmentation_bytes": str(100 * MB),
    "mem_clients_slaves": "0",
    "mem_clients_normal": str(MB),
    "rdb_last_bgsave_status": "ok",
    "rdb_last_save_time": str(int(NOW_S) - 1800),
    "rdb_changes_since_last_save": "7",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "aof_delayed_fsync": "0",
    "aof_current_size": str(100 * MB),
    "aof_base_size": str(80 * MB),
    "latest_fork_usec": "0",
    "evicted_keys": "0",
    "evicted_clients": "0",
    "rejected_connections": "0",
    "client_output_buffer_limit_disconnections": "0",
    "total_connections_received": "500",
    "total_commands_processed": "1000000",
    "total_error_replies": "0",
    "acl_access_denied_auth": "0",
    "role": "master",
    "connected_slaves": "1",
    "slave0": "ip=10.0.0.2,port=6379,state=online,offset=1000,lag=0",
    "master_repl_offset": "1000",
    "repl_backlog_size": str(64 * MB),
    "instantaneous_output_repl_kbps": "10.0",
    "sync_full": "1",
    "sync_partial_err": "0",
    "cluster_enabled": "0",
    "db0": "keys=100000,expires=50000,avg_ttl=1000",
    "cmdstat_get": "calls=1000,usec=2000,usec_per_call=2.0,rejected_calls=0,failed_calls=0",
    "latency_percentiles_usec_get": "p50=1.0,p99=3.0,p99.9=9.0",
}
CONFIG = {
    "maxmemory": str(4 * GB),
    "bind": "10.0.0.1",
    "protected-mode": "yes",
    "requirepass": "correct-horse-battery",
    "masterauth": "correct-horse-battery",
    "save": "3600 1",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "stop-writes-on-bgsave-error": "yes",
    "min-replicas-to-write": "1",
    "replica-read-only": "yes",
    "repl-backlog-size": str(64 * MB),
    "client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    "tcp-keepalive": "300",
    "tcp-backlog": "511",
    "timeout": "0",
    "slowlog-log-slower-than": "10000",
    "slowlog-max-len": "128",
    "cluster-node-timeout": "15000",
    "cluster-require-full-coverage": "no",
    "availability-zone": "",
}
CLIENT = {
    "id": "7",
    "addr": "10.0.0.9:5000",
    "name": "shop",
    "idle": "3",
    "flags": "N",
    "omem": "0",
    "resp": "3",
    "lib-name": "garrison",
}
SENTINEL_CLIENT = {**CLIENT, "name": "sentinel-abcdef-cmd", "resp": "2"}
HOST = HostReading(
    thp="madvise",
    overcommit_memory=1,
    somaxconn=4096,
    swapped_bytes=0,
    open_files_max=20_000,
    clock_synchronised=True,
    disk_free_fraction=0.5,
    disk_free_bytes=100 * GB,
)
DIGEST = frozenset({"ab" * 32})


def well_node(
    ip: str = "10.0.0.1",
    port: int = 6379,
    *,
    info: Mapping[str, str | None] | None = None,
    config: Mapping[str, str] | None = None,
    **more: Any,
) -> NodeReading:
    """A primary in good health; an entry of ``info`` that is None is left out."""
    fields = {name: value for name, value in (INFO | dict(info or {})).items() if value is not None}
    settings: Mapping[str, Any] = {
        "clients": [CLIENT, SENTINEL_CLIENT],
        "slow": [],
        "nopass": False,
        "password_digests": DIGEST,
        "clock_ahead_ms": 5.0,
        "clock_uncertainty_ms": 1.0,
        "host": HOST,
        "keys": [],
    } | more
    return NodeReading(Address(ip, port), info=fields, config=CONFIG | dict(config or {}), **settings)


def well_replica(ip: str = "10.0.0.2", port: int = 6379, **more: Any) -> NodeReading:
    """A replica in good health."""
    own = {
        "role": "slave",
        "slave0": None,
        "connected_slaves": "0",
        "master_link_status": "up",
        "master_host": "10.0.0.1",
        "master_port": "6379",
    }
    return well_node(ip, port, info=own | dict(more.pop("info", {})), **more)


def reading(kind: Kind, nodes: Sequence[NodeReading], **more: Any) -> Reading:
    return Reading(kind, nodes, now_s=NOW_S, doctor_version=VERSION, deep=True, **more)


def single(*nodes: NodeReading) -> Reading:
    """A node, or several that replicate without Sentinels; as it is in good health."""
    return reading("single", nodes or (well_node(), well_replica()))


def of_node(**changes: Any) -> Reading:
    """A healthy pair whose primary is changed."""
    return single(well_node(**changes), well_replica())


def of_redis(*, info: Mapping[str, str | None] | None = None, **changes: Any) -> Reading:
    """As :func:`of_node`, where both are Redis of the level that we speak."""
    theirs: dict[str, str | None] = {"garrison_version": None}
    return single(well_node(info=theirs | dict(info or {}), **changes), well_replica(info=theirs))


def of_replica(**changes: Any) -> Reading:
    """A healthy pair whose replica is changed."""
    return single(well_node(), well_replica(**changes))


# Clusters.


def host_of_name(name: str, distinct: bool = True) -> Address:
    return Address(f"10.0.0.{ord(name)}" if distinct else "10.0.0.1", 7000 + ord(name))


PRIMARIES = {
    name: cluster_node(name, slots, epoch=rank, address=host_of_name(name))
    for rank, (name, slots) in enumerate(SHARES.items(), 1)
}
REPLICAS = {
    name: cluster_replica(name, of, address=host_of_name(name)) for name, of in zip("xyz", "abc", strict=True)
}
MEMBERS = (*PRIMARIES.values(), *REPLICAS.values())


def cluster(
    *members: Node,
    state: ClusterState | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    every: Mapping[str, Any] | None = None,
    **of_state: Any,
) -> Reading:
    """A cluster of these members; ``changes`` are of the node readings, by the members' letter."""
    members = members or MEMBERS
    state = state if state is not None else state_of_nodes(*members, **of_state)
    nodes = []
    for member in members:
        more = dict((changes or {}).get(member.id[0], {})) | dict(every or {})
        if "error" in more:
            nodes.append(NodeReading(member.address, error=more["error"]))
            continue
        make = well_node if member.is_primary else well_replica
        info = {"cluster_enabled": "1"} | dict(more.pop("info", {}))
        nodes.append(make(member.address.host, member.address.port, info=info, **more))
    return reading("cluster", nodes, state=state)


def of_status(name: str, **changes: Any) -> Reading:
    """A cluster in which one node says something else about itself."""
    return cluster(statuses={name: NodeStatus(**changes)})


# Groups of Sentinels.

SENTINEL_PRIMARY = {
    "name": "orders",
    "ip": "10.0.0.1",
    "port": "6379",
    "flags": "master",
    "quorum": "2",
    "num-other-sentinels": "2",
    "num-slaves": "1",
    "down-after-milliseconds": "5000",
    "failover-timeout": "60000",
    "parallel-syncs": "1",
}
SENTINEL_REPLICA = {"ip": "10.0.0.2", "port": "6379", "flags": "slave", "slave-priority": "100"}
SENTINEL_PORT = 26379


def sentinel(
    number: int,
    *,
    host: str = "",
    primary: Mapping[str, str] | None = None,
    replicas: Sequence[Mapping[str, str]] = (SENTINEL_REPLICA,),
    others: Sequence[Mapping[str, str]] = (),
    info: Mapping[str, str] | None = None,
) -> SentinelReading:
    return SentinelReading(
        Address(host or f"10.0.1.{number}", SENTINEL_PORT),
        info={"sentinel_tilt": "0"} | dict(info or {}),
        primary=SENTINEL_PRIMARY | dict(primary or {}),
        replicas=replicas,
        others=others,
    )


def group(*sentinels: SentinelReading, nodes: Sequence[NodeReading] = ()) -> Reading:
    """A pair of nodes and the Sentinels over it; three as it is in good health."""
    chosen = sentinels or (sentinel(1), sentinel(2), sentinel(3))
    return reading(
        "sentinel", nodes or (well_node(), well_replica()), sentinels=chosen, primary_name="orders"
    )


def sentinels_with(primary: Mapping[str, str], count: int = 3) -> Reading:
    """Sentinels that all say this of the primary."""
    known = {"num-other-sentinels": str(count - 1)}
    return group(*(sentinel(number, primary=known | dict(primary)) for number in range(1, count + 1)))


# Keys.


def keys(count: int, pattern: str = "user:{}", **more: Any) -> list[SampledKey]:
    given: dict[str, Any] = {"type": "string", "ttl_ms": 60_000, "bytes": 100} | more
    return [SampledKey(pattern.format(number), **given) for number in range(count)]


@dataclass(frozen=True)
class Case:
    """One rule, a reading in which it finds something, and one in which it does not."""

    code: str
    ill: Reading
    well: Reading
    says: str = ""
    """What stands in the finding's message."""
    severity: str = ""
    """What the finding's severity is; empty for the rule's own."""


def name_of(case: Case) -> str:
    return case.code


def assert_case(case: Case) -> None:
    """The rule finds something in one reading of the case, and nothing in the other."""
    found = [each for each in examine(case.ill) if each.code == case.code]
    assert found, f"{case.code} found nothing"
    first = found[0]
    assert case.says in first.message
    assert first.severity == (case.severity or RULE_OF[case.code].severity)
    assert first.why
    assert first.advice
    assert first.commands, f"{case.code} says nothing to type"
    assert [each.message for each in examine(case.well) if each.code == case.code] == []
