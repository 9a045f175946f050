"""The metrics that only Garrison has."""

from __future__ import annotations

from collections.abc import Iterable

from garrison.base.metrics.exposition import Family, render
from garrison.node.core.bus_counters import BusCounters
from garrison.node.core.cluster_figures import ClusterFigures
from garrison.node.metrics import own_families as own

FIGURES = ClusterFigures(
    is_ok=True,
    has_majority=True,
    slots_owned=5461,
    slots_covered=16384,
    nodes_known=6,
    nodes_failing=1,
    nodes_suspect=2,
    replicas=1,
    has_data=True,
    lease="held",
    lease_left_ms=900,
)


def lines(families: Iterable[Family]) -> set[str]:
    return {line for line in render(families).decode().splitlines() if line[0] != "#"}


def test_replicas_have_their_lag() -> None:
    info = {"slave0": "ip=10.0.0.3,port=7001,state=online,offset=70,lag=2,lag_bytes=7,lag_ms=1500"}
    replica = 'replica_ip="10.0.0.3",replica_port="7001",replica_state="online"'
    assert lines(own.of_replicas(info)) == {
        f"garrison_replica_lag_seconds{{{replica}}} 1.5",
        f"garrison_replica_lag_bytes{{{replica}}} 7",
    }
    assert lines(own.of_replicas({})) == set()


def test_files_tell_of_age_and_errors() -> None:
    info = {"rdb_last_save_time": "1000", "aof_last_write_status": "err", "rdb_last_bgsave_status": "ok"}
    assert lines(own.of_files(info, 1060.5, saves=True)) == {
        "garrison_last_save_age_seconds 60.5",
        "garrison_save_enabled 1",
        'garrison_disk_error{kind="rdb_bgsave"} 0',
        'garrison_disk_error{kind="aof_write"} 1',
        'garrison_disk_error{kind="aof_bgrewrite"} 0',
        "garrison_aof_rewrite_failures 0",
    }


def test_a_cluster_in_numbers() -> None:
    found = lines(own.of_cluster(FIGURES))
    assert {
        "garrison_cluster_majority 1",
        "garrison_cluster_slots_owned 5461",
        "garrison_cluster_nodes_suspect 2",
        "garrison_cluster_data_lost 0",
        'garrison_cluster_lease{state="held"} 1',
        'garrison_cluster_lease{state="lapsed"} 0',
        "garrison_cluster_lease_left_seconds 0.9",
    } < found


def test_the_bus_has_queues_and_counters() -> None:
    found = lines(own.of_bus(BusCounters(frames_sent=9), {1: 10, 2: 30}))
    assert {
        "garrison_bus_links 2",
        "garrison_bus_queue_bytes 40",
        "garrison_bus_queue_bytes_longest 30",
        "garrison_bus_frames_sent_total 9",
    } < found
    assert "garrison_bus_queue_bytes_longest 0" in lines(own.of_bus(BusCounters(), {}))


def test_process_clients_and_role() -> None:
    info = {"used_cpu_sys": "1.5", "used_cpu_user": "2", "client_output_buffer_limit_nearest": "0.8500"}
    assert "process_cpu_seconds_total 3.5" in lines(own.of_process(info, "1.0"))
    assert "garrison_client_output_buffer_fraction 0.85" in lines(own.of_clients(info))
    assert "garrison_writes_held 1" in lines(own.of_role(2, "waiting", 4))
    assert "garrison_promotions_total 2" in lines(own.of_role(2, "", 4))
