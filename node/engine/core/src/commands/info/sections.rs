//! The sections about the work done: persistence, stats, commands, errors, latency, keyspace.

use super::Fields;
use crate::dispatch::table::table;
use crate::engine::Engine;

pub(super) fn stats(engine: &Engine, out: &mut Fields) {
    let stats = &engine.stats.counters;
    let kbps = |bytes_per_second: u64| format!("{:.2}", bytes_per_second as f64 / 1024.0);
    out.field("total_connections_received", stats.connections_received);
    out.field("total_commands_processed", stats.commands_processed);
    out.field("instantaneous_ops_per_sec", stats.ops_per_second.per_second());
    out.field("total_net_input_bytes", stats.net_input_bytes);
    out.field("total_net_output_bytes", stats.net_output_bytes);
    out.field("total_net_repl_input_bytes", stats.net_repl_input_bytes);
    out.field("total_net_repl_output_bytes", stats.net_repl_output_bytes);
    out.field("instantaneous_input_kbps", kbps(stats.input_bytes_per_second.per_second()));
    out.field("instantaneous_output_kbps", kbps(stats.output_bytes_per_second.per_second()));
    out.field("instantaneous_input_repl_kbps", kbps(stats.repl_input_bytes_per_second.per_second()));
    out.field("instantaneous_output_repl_kbps", kbps(stats.repl_output_bytes_per_second.per_second()));
    out.field("rejected_connections", stats.connections_rejected);
    out.field("sync_full", stats.sync_full);
    out.field("sync_partial_ok", stats.sync_partial_ok);
    out.field("sync_partial_err", stats.sync_partial_err);
    out.field("sync_diverged", stats.sync_diverged);
    out.field("expired_keys", stats.expired_keys);
    out.field("expired_stale_perc", "0.00");
    out.field("expired_time_cap_reached_count", 0);
    out.field("expire_cycle_cpu_milliseconds", 0);
    out.field("evicted_keys", stats.evicted_keys);
    out.field("evicted_clients", stats.evicted_clients);
    let (over_total_ms, over_now_ms) = engine.over_limit_ms();
    out.field("total_eviction_exceeded_time", over_total_ms);
    out.field("current_eviction_exceeded_time", over_now_ms);
    out.field("keyspace_hits", stats.keyspace_hits);
    out.field("keyspace_misses", stats.keyspace_misses);
    out.field("pubsub_channels", engine.clients.pubsub.channels.len());
    out.field("pubsub_patterns", engine.clients.pubsub.patterns.len());
    out.field("pubsubshard_channels", engine.clients.pubsub.shard_channels.len());
    for name in ["latest_fork_usec", "total_forks", "migrate_cached_sockets"] {
        out.field(name, 0);
    }
    out.field("slave_expires_tracked_keys", engine.keyspace.written_at_replica.len());
    let defrag = engine.defrag_figures();
    out.field("active_defrag_hits", defrag.moves.moved);
    out.field("active_defrag_misses", defrag.moves.keys - defrag.moves.keys_moved);
    out.field("active_defrag_key_hits", defrag.moves.keys_moved);
    out.field("active_defrag_key_misses", defrag.moves.keys - defrag.moves.keys_moved);
    out.field("total_active_defrag_time", defrag.spent_ms);
    out.field("current_active_defrag_time", 0);
    for name in ["tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"] {
        out.field(name, 0);
    }
    out.field("unexpected_error_replies", 0);
    out.field("total_error_replies", stats.error_replies);
    out.field("dump_payload_sanitizations", 0);
    out.field("total_reads_processed", stats.turns);
    out.field("total_writes_processed", stats.turns);
    out.field("io_threaded_reads_processed", 0);
    out.field("io_threaded_writes_processed", 0);
    out.field("reply_buffer_shrinks", 0);
    out.field("reply_buffer_expands", 0);
    out.field("client_query_buffer_limit_disconnections", stats.query_limit_disconnections);
    out.field("client_output_buffer_limit_disconnections", stats.output_limit_disconnections);
    out.field("acl_access_denied_auth", stats.auth_failures);
    out.field("protocol_errors", stats.protocol_errors);
    out.field("eventloop_cycles", stats.turns);
    out.field("eventloop_duration_sum", stats.event_loop.sum_us);
    out.field("eventloop_duration_cmd_sum", stats.event_loop.commands_us);
    out.field("instantaneous_eventloop_cycles_per_sec", stats.event_loop.turns_per_second.per_second());
    out.field("instantaneous_eventloop_duration_usec", stats.event_loop.us_per_turn());
}

pub(super) fn debug(engine: &Engine, out: &mut Fields) {
    let stats = &engine.stats.counters.event_loop;
    out.field("eventloop_duration_aof_sum", 0);
    out.field("eventloop_duration_cron_sum", stats.cron_us);
    out.field("eventloop_duration_max", stats.max_us);
    out.field("eventloop_cmd_per_cycle_max", stats.commands_max);
}

pub(super) fn commandstats(engine: &Engine, out: &mut Fields) {
    for (entry, stats) in table().entries.iter().zip(&engine.stats.counters.commands) {
        if stats.calls + stats.rejected_calls == 0 {
            continue;
        }
        let per_call = if stats.calls == 0 { 0.0 } else { stats.usec as f64 / stats.calls as f64 };
        out.field(
            &format!("cmdstat_{}", entry.full_name),
            format_args!(
                "calls={},usec={},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
                stats.calls, stats.usec, stats.rejected_calls, stats.failed_calls
            ),
        );
    }
}

pub(super) fn errorstats(engine: &Engine, out: &mut Fields) {
    for (code, count) in &engine.stats.counters.errors {
        out.field(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latencystats(engine: &Engine, out: &mut Fields) {
    for (entry, stats) in table().entries.iter().zip(&engine.stats.counters.commands) {
        if stats.latency.total() == 0 {
            continue;
        }
        let percentiles = &engine.settings.latency_tracking_info_percentiles.0;
        let of = |(name, share): &(String, f64)| {
            format!("p{name}={:.3}", stats.latency.percentile_ns(*share) as f64 / 1000.0)
        };
        let percentiles: Vec<String> = percentiles.iter().map(of).collect();
        out.field(&format!("latency_percentiles_usec_{}", entry.full_name), percentiles.join(","));
    }
}

pub(super) fn keyspace(engine: &Engine, out: &mut Fields) {
    for (number, db) in engine.keyspace.dbs.iter().enumerate().filter(|(_, db)| !db.is_empty()) {
        out.field(
            &format!("db{number}"),
            format_args!(
                "keys={},expires={},avg_ttl={}",
                db.len(),
                db.expiring_len(),
                db.average_ttl_ms(engine.clock.unix_ms)
            ),
        );
    }
}
