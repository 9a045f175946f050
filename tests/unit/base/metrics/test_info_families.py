"""INFO texts as metrics."""

from __future__ import annotations

import pytest

from garrison.base.metrics import info_families as usual
from garrison.base.metrics.exposition import render

INFO = """# Server
redis_version:7.2.0
uptime_in_seconds:10
latest_fork_usec:2500000
rdb_last_bgsave_status:ok
aof_last_write_status:err
used_memory_human:1M
of_nobody:5

# Replication
role:slave
master_host:10.0.0.1
master_port:7000
master_link_status:up
slave_repl_offset:77
slave_read_only:1
slave0:ip=10.0.0.3,port=7001,state=online,offset=70,lag=2,lag_bytes=7,lag_ms=1500

# Commandstats
cmdstat_config|get:calls=4,usec=2000000,usec_per_call=1.00,rejected_calls=1,failed_calls=3
latency_percentiles_usec_config|get:p50=1.031,p99.9=8.255
errorstat_WRONGTYPE:count=6
db0:keys=3,expires=1,avg_ttl=1500
""".replace("\n", "\r\n")


@pytest.fixture
def info() -> dict[str, str]:
    return usual.read_info(INFO)


def lines(families: object) -> set[str]:
    return {line for line in render(families).decode().splitlines() if line[0] != "#"}  # type: ignore[arg-type]


def test_fields_have_their_metrics(info: dict[str, str]) -> None:
    found = lines(usual.families_of_fields(info | {"cluster_stats_messages_ping_sent": "8"}))
    assert found == {
        "redis_uptime_in_seconds 10",
        "redis_latest_fork_seconds 2.5",
        "redis_rdb_last_bgsave_status 1",
        "redis_aof_last_write_status 0",
        "redis_cluster_stats_messages_ping_sent 8",
    }


def test_a_replica_names_its_primary_and_its_replicas(info: dict[str, str]) -> None:
    link = 'master_host="10.0.0.1",master_port="7000"'
    replica = 'slave_ip="10.0.0.3",slave_port="7001",slave_state="online"'
    assert lines(usual.replication(info)) == {
        f"redis_master_link_up{{{link}}} 1",
        f"redis_slave_repl_offset{{{link}}} 77",
        f'redis_slave_info{{{link},read_only="1"}} 1',
        f"redis_connected_slave_offset_bytes{{{replica}}} 70",
        f"redis_connected_slave_lag_seconds{{{replica}}} 2",
    }


def test_commands_errors_and_latencies(info: dict[str, str]) -> None:
    assert lines(usual.commands(info)) == {
        'redis_commands_total{cmd="config|get"} 4',
        'redis_commands_duration_seconds_total{cmd="config|get"} 2.0',
        'redis_commands_rejected_calls_total{cmd="config|get"} 1',
        'redis_commands_failed_calls_total{cmd="config|get"} 3',
        'redis_latency_percentiles_usec{cmd="config|get",quantile="50"} 1.031',
        'redis_latency_percentiles_usec{cmd="config|get",quantile="99.9"} 8.255',
        'redis_latency_percentiles_usec_sum{cmd="config|get"} 2000000',
        'redis_latency_percentiles_usec_count{cmd="config|get"} 4',
        'redis_errors_total{err="WRONGTYPE"} 6',
    }


def test_databases_without_keys_are_shown(info: dict[str, str]) -> None:
    assert lines(usual.databases(info, 2)) == {
        'redis_db_keys{db="db0"} 3',
        'redis_db_keys_expiring{db="db0"} 1',
        'redis_db_avg_ttl_seconds{db="db0"} 1.5',
        'redis_db_keys{db="db1"} 0',
        'redis_db_keys_expiring{db="db1"} 0',
    }


def test_slow_log_and_spikes() -> None:
    assert lines(usual.slow_log(2, [[14, 1700000000, 150000, [b"get"], b"a:1", b""]])) == {
        "redis_slowlog_length 2",
        "redis_slowlog_last_id 14.0",
        "redis_last_slow_execution_duration_seconds 0.15",
    }
    assert "redis_slowlog_last_id 0.0" in lines(usual.slow_log(0, []))
    assert lines(usual.latency_spikes([[b"command", 1700000000, 12, 99]])) == {
        'redis_latency_spike_last{event_name="command"} 1700000000.0',
        'redis_latency_spike_duration_seconds{event_name="command"} 0.012',
    }
    assert lines(usual.latency_spikes([])) == set()


def test_identity_start_and_settings(info: dict[str, str]) -> None:
    (line,) = lines([usual.identity(info)])
    assert 'redis_version="7.2.0"' in line
    assert 'tcp_port=""' in line
    assert lines(usual.start_time(info, 1000)) == {"redis_start_time_seconds 990"}
    values = {"maxmemory": "0", "maxclients": "100", "io-threads": "1"}
    assert "redis_config_io_threads 1" in lines(usual.settings(values))


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("-1", -1), ("0.5", 0.5), ("up", 1), ("down", 0), ("", 0)]
)
def test_numbers_and_words(text: str, value: float) -> None:
    assert usual.number(text) == value
