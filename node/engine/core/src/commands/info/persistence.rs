//! INFO persistence.

use super::Fields;
use crate::engine::Engine;
use crate::persistence::state::{loading::Loading, Purpose};
use crate::snapshot::loader::Loader;

pub(super) fn persistence(engine: &Engine, out: &mut Fields) {
    let persistence = &engine.persistence;
    let (last, log) = (&persistence.last, &persistence.log);
    let now_ms = engine.clock.unix_ms;
    let status = |error: &str| if error.is_empty() { "ok" } else { "err" };
    let seconds = |ms: Option<i64>| ms.map_or(-1, |ms| ms / 1000);
    out.field("loading", u8::from(persistence.loading.is_some()));
    out.field("async_loading", u8::from(engine.replication.loading().is_some()));
    for name in ["current_cow_peak", "current_cow_size", "current_cow_size_age"] {
        out.field(name, 0);
    }
    let job = persistence.jobs.first();
    let (done, total) = job.map_or((0, 0), |job| job.keys);
    out.field("current_fork_perc", "0.00");
    out.field("current_save_keys_processed", done);
    out.field("current_save_keys_total", total);
    let save = persistence.job(Purpose::Save);
    out.field("rdb_changes_since_last_save", engine.keyspace.dirty);
    out.field("rdb_bgsave_in_progress", u8::from(save.is_some()));
    out.field("rdb_last_save_time", last.saved_ms / 1000);
    out.field("rdb_last_bgsave_status", status(&last.error));
    out.field("rdb_last_bgsave_time_sec", seconds(last.took_ms));
    out.field("rdb_current_bgsave_time_sec", seconds(save.map(|job| now_ms - job.started_ms)));
    out.field("rdb_saves", last.count);
    out.field("rdb_last_cow_size", 0);
    out.field("rdb_last_load_keys_expired", persistence.loaded.expired);
    out.field("rdb_last_load_keys_loaded", persistence.loaded.keys);
    out.field("aof_enabled", u8::from(engine.settings.appendonly));
    out.field("aof_rewrite_in_progress", u8::from(log.rewrite.is_some()));
    out.field("aof_rewrite_scheduled", 0);
    out.field("aof_last_rewrite_time_sec", seconds(log.rewrites.took_ms));
    let began = log.rewrite.as_ref().map(|rewrite| now_ms - rewrite.started_ms);
    out.field("aof_current_rewrite_time_sec", seconds(began));
    out.field("aof_last_bgrewrite_status", status(&log.rewrites.error));
    out.field("aof_rewrites", log.rewrites.count);
    out.field("aof_rewrites_consecutive_failures", log.rewrites.failures);
    out.field("aof_last_write_status", status(&log.error));
    out.field("aof_last_cow_size", 0);
    out.field("module_fork_in_progress", 0);
    out.field("module_fork_last_cow_size", 0);
    if engine.settings.appendonly {
        out.field("aof_current_size", log.bytes());
        out.field("aof_base_size", log.base_bytes);
        out.field("aof_pending_rewrite", 0);
        out.field("aof_buffer_length", engine.replication.offset().saturating_sub(log.written.offset));
        out.field("aof_pending_bio_fsync", u8::from(log.is_syncing()));
        out.field("aof_delayed_fsync", log.delayed_syncs);
    }
    if let Some(loading) = &persistence.loading {
        progress(now_ms, Progress::of_files(loading), out);
    } else if let Some(loading) = engine.replication.loading() {
        progress(now_ms, Progress::of_sync(loading), out);
    }
}

/// How far a data set is that is being loaded.
struct Progress {
    since_ms: i64,
    bytes: u64,
    total: u64,
}

impl Progress {
    fn of_files(loading: &Loading) -> Self {
        Progress { since_ms: loading.since_ms, bytes: loading.bytes, total: loading.bytes_total }
    }

    fn of_sync(loading: &Loader) -> Self {
        let total = loading.bytes_expected().unwrap_or(0);
        Progress { since_ms: loading.since_ms, bytes: loading.bytes, total }
    }
}

/// The time left is guessed from the speed so far.
fn progress(now_ms: i64, loading: Progress, out: &mut Fields) {
    let Progress { since_ms, bytes, total } = loading;
    let share = if total > 0 { bytes as f64 / total as f64 } else { 0.0 };
    let left_s = match share > 0.0 {
        true => ((now_ms - since_ms) as f64 / 1000.0 * (1.0 - share) / share) as i64,
        false => 1,
    };
    out.field("loading_start_time", since_ms / 1000);
    out.field("loading_total_bytes", total);
    out.field("loading_rdb_used_mem", 0);
    out.field("loading_loaded_bytes", bytes);
    out.field("loading_loaded_perc", format_args!("{:.2}", share * 100.0));
    out.field("loading_eta_seconds", left_s);
}
