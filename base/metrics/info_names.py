"""The metrics that the usual exporter makes of single fields of INFO and CLUSTER INFO: names and types.

The exporter is redis_exporter (https://github.com/oliver006/redis_exporter), as Debian packages it. The table
was learned from what it answers for servers with known fields, and a test compares it with the real one
(tests/integration/test_exporter_names.py). What it makes of whole lines, such as ``cmdstat_get``, is in
:mod:`garrison.base.metrics.info_families`.
"""

from __future__ import annotations

from typing import NamedTuple

from garrison.base.metrics.exposition import Kind


class Metric(NamedTuple):
    """The metric of one field."""

    name: str
    kind: Kind


_GAUGES = """
uptime_in_seconds process_id io_threads_active
connected_clients cluster_connections blocked_clients tracking_clients clients_in_timeout_table
client_recent_max_input_buffer=client_recent_max_input_buffer_bytes
client_recent_max_output_buffer=client_recent_max_output_buffer_bytes
used_memory=memory_used_bytes used_memory_rss=memory_used_rss_bytes used_memory_peak=memory_used_peak_bytes
used_memory_lua=memory_used_lua_bytes used_memory_overhead=memory_used_overhead_bytes
used_memory_startup=memory_used_startup_bytes used_memory_dataset=memory_used_dataset_bytes
used_memory_scripts=memory_used_scripts_bytes maxmemory=memory_max_bytes number_of_cached_scripts
allocator_active=allocator_active_bytes allocator_allocated=allocator_allocated_bytes
allocator_resident=allocator_resident_bytes allocator_frag_bytes allocator_frag_ratio allocator_rss_bytes
allocator_rss_ratio mem_fragmentation_ratio mem_fragmentation_bytes mem_clients_slaves mem_clients_normal
mem_not_counted_for_evict=mem_not_counted_for_eviction_bytes active_defrag_running lazyfree_pending_objects
loading=loading_dump_file
rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time=rdb_last_save_timestamp_seconds
rdb_last_bgsave_status rdb_last_bgsave_time_sec=rdb_last_bgsave_duration_sec
rdb_current_bgsave_time_sec=rdb_current_bgsave_duration_sec rdb_last_cow_size=rdb_last_cow_size_bytes
aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled
aof_last_rewrite_time_sec=aof_last_rewrite_duration_sec
aof_current_rewrite_time_sec=aof_current_rewrite_duration_sec aof_last_cow_size=aof_last_cow_size_bytes
aof_current_size=aof_current_size_bytes aof_base_size=aof_base_size_bytes aof_pending_rewrite
aof_buffer_length aof_rewrite_buffer_length aof_pending_bio_fsync aof_delayed_fsync
aof_last_bgrewrite_status aof_last_write_status module_fork_in_progress module_fork_last_cow_size
pubsub_channels pubsub_patterns latest_fork_usec=latest_fork_seconds
sync_full=replica_resyncs_full sync_partial_ok=replica_partial_resync_accepted
sync_partial_err=replica_partial_resync_denied expired_stale_perc=expired_stale_percentage
expired_time_cap_reached_count=expired_time_cap_reached_total slave_expires_tracked_keys
migrate_cached_sockets=migrate_cached_sockets_total
active_defrag_hits=defrag_hits active_defrag_misses=defrag_misses active_defrag_key_hits=defrag_key_hits
active_defrag_key_misses=defrag_key_misses
tracking_total_keys tracking_total_items tracking_total_prefixes
connected_slaves slave_priority repl_backlog_size=replication_backlog_bytes
repl_backlog_active=repl_backlog_is_active repl_backlog_first_byte_offset
repl_backlog_histlen=repl_backlog_history_bytes master_repl_offset second_repl_offset
cluster_enabled
cluster_state cluster_slots_assigned cluster_slots_ok cluster_slots_pfail cluster_slots_fail
cluster_known_nodes cluster_size cluster_current_epoch cluster_my_epoch
cluster_stats_messages_sent=cluster_messages_sent_total
cluster_stats_messages_received=cluster_messages_received_total
sentinel_masters sentinel_tilt sentinel_running_scripts sentinel_scripts_queue_length
sentinel_simulate_failure_flags
"""

_COUNTERS = """
total_connections_received=connections_received_total total_commands_processed=commands_processed_total
rejected_connections=rejected_connections_total total_net_input_bytes=net_input_bytes_total
total_net_output_bytes=net_output_bytes_total expired_keys=expired_keys_total evicted_keys=evicted_keys_total
keyspace_hits=keyspace_hits_total keyspace_misses=keyspace_misses_total
used_cpu_sys=cpu_sys_seconds_total used_cpu_user=cpu_user_seconds_total
used_cpu_sys_children=cpu_sys_children_seconds_total used_cpu_user_children=cpu_user_children_seconds_total
used_cpu_sys_main_thread=cpu_sys_main_thread_seconds_total
used_cpu_user_main_thread=cpu_user_main_thread_seconds_total
unexpected_error_replies total_error_replies dump_payload_sanitizations total_reads_processed
total_writes_processed io_threaded_reads_processed io_threaded_writes_processed
"""

PREFIX = "redis_"
"""Of every name of the exporter."""
MICROSECONDS = frozenset({"latest_fork_usec"})
"""Fields in microseconds whose metric is in seconds."""
MESSAGES_BY_TYPE = "cluster_stats_messages_"
"""Fields of CLUSTER INFO that begin so are gauges of their own name, one for each type of message."""


def _rows(kind: Kind, table: str) -> dict[str, Metric]:
    pairs = (word.partition("=") for word in table.split())
    return {field: Metric(PREFIX + (name or field), kind) for field, _, name in pairs}


METRICS: dict[str, Metric] = _rows(Kind.GAUGE, _GAUGES) | _rows(Kind.COUNTER, _COUNTERS)
"""By field."""
