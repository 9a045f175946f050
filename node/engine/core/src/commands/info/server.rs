//! The sections about the process: server, clients, memory, processor time.

use super::{human, Fields};
use crate::base::unfreed;
use crate::clients::origin::Origin;
use crate::clients::session::Suspension;
use crate::engine::limits::OUTPUT_LIMIT_PARTS;
use crate::engine::Engine;
use crate::scripting::state::Kind;

pub(super) fn server(engine: &Engine, out: &mut Fields) {
    let fact = |name: &str, otherwise: &str| {
        engine.host.facts.get(name).cloned().unwrap_or_else(|| otherwise.to_owned())
    };
    let uptime_s = (engine.clock.unix_ms - engine.host.started_ms).max(0) / 1000;
    out.field("redis_version", crate::REDIS_VERSION);
    out.field("server_name", "garrison");
    out.field("garrison_version", crate::VERSION);
    out.field("redis_git_sha1", "00000000");
    out.field("redis_git_dirty", 0);
    out.field("redis_build_id", fact("redis_build_id", "0"));
    out.field("redis_mode", if engine.settings.cluster_enabled { "cluster" } else { "standalone" });
    out.field("os", fact("os", std::env::consts::OS));
    out.field("arch_bits", usize::BITS);
    out.field("monotonic_clock", "POSIX clock_gettime");
    out.field("multiplexing_api", "epoll");
    out.field("process_id", fact("process_id", "0"));
    out.field("process_supervised", fact("process_supervised", "no"));
    out.field("run_id", fact("run_id", &"0".repeat(40)));
    out.field("tcp_port", fact("tcp_port", &engine.settings.port.to_string()));
    out.field("server_time_usec", engine.clock.unix_us);
    out.field("uptime_in_seconds", uptime_s);
    out.field("uptime_in_days", uptime_s / 86_400);
    out.field("hz", engine.settings.hz);
    out.field("configured_hz", engine.settings.hz);
    out.field("lru_clock", (engine.clock.unix_ms / 1000) & 0xff_ffff);
    out.field("executable", fact("executable", ""));
    out.field("config_file", fact("config_file", ""));
    out.field("io_threads_active", 0);
    out.field("availability_zone", fact("availability_zone", ""));
}

pub(super) fn clients(engine: &Engine, out: &mut Fields) {
    let of_origin =
        |origin: Origin| engine.clients.sessions.iter().filter(move |session| session.origin == origin);
    // The session that asks is running, and so not among the others.
    let connected = of_origin(Origin::Client).count() + 1;
    let blocked = of_origin(Origin::Client).filter(|session| {
        session.suspension.can_be_ended() || matches!(session.suspension, Suspension::Retry(_))
    });
    let pubsub = of_origin(Origin::Client).filter(|session| session.is_subscriber());
    out.field("connected_clients", connected);
    out.field("cluster_connections", 0);
    out.field("maxclients", engine.settings.maxclients);
    out.field("client_recent_max_input_buffer", engine.stats.counters.query_buffer_bytes_max);
    out.field("client_recent_max_output_buffer", engine.stats.counters.output_buffer_bytes_max);
    let nearest = engine.stats.counters.output_limit_parts_max as f64 / OUTPUT_LIMIT_PARTS as f64;
    out.field("client_output_buffer_limit_nearest", format_args!("{nearest:.4}"));
    out.field("blocked_clients", blocked.count());
    out.field("tracking_clients", 0);
    out.field("pubsub_clients", pubsub.count());
    out.field("watching_clients", of_origin(Origin::Client).filter(|session| session.is_watching()).count());
    out.field("clients_in_timeout_table", 0);
    let (keys, keys_of_any_change) = engine.awaited_keys();
    out.field("total_blocking_keys", keys);
    out.field("total_blocking_keys_on_nokey", keys_of_any_change);
}

/// What scripts and functions hold: the interpreters, and the texts beside them.
fn scripting_memory(engine: &Engine, out: &mut Fields) {
    let scripting = &engine.scripting;
    let eval = scripting.interpreter_bytes(Kind::Script) as u64;
    let functions = scripting.interpreter_bytes(Kind::Function) as u64;
    let (scripts, libraries) =
        (scripting.cache.memory_bytes() as u64, scripting.libraries.memory_bytes() as u64);
    out.field("used_memory_lua", eval);
    out.field("used_memory_vm_eval", eval);
    out.field("used_memory_lua_human", human(eval));
    out.field("used_memory_scripts_eval", scripts);
    out.field("number_of_cached_scripts", scripting.cache.len());
    out.field("number_of_functions", scripting.libraries.function_count());
    out.field("number_of_libraries", scripting.libraries.iter().len());
    out.field("used_memory_vm_functions", functions);
    out.bytes("used_memory_vm_total", eval + functions);
    out.field("used_memory_functions", libraries);
    out.bytes("used_memory_scripts", scripts + libraries);
}

pub(super) fn memory(engine: &Engine, out: &mut Fields) {
    let figures = engine.memory_figures();
    let process = (engine.host.process)();
    let percent = |part: u64, whole: u64| {
        format!("{:.2}%", if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 })
    };
    out.bytes("used_memory", figures.used);
    out.bytes("used_memory_rss", process.resident_bytes);
    out.bytes("used_memory_peak", figures.peak);
    out.field("used_memory_peak_perc", percent(figures.used, figures.peak));
    out.field("used_memory_overhead", figures.overhead);
    out.field("used_memory_startup", figures.startup);
    out.field("used_memory_dataset", figures.dataset());
    out.field(
        "used_memory_dataset_perc",
        percent(figures.dataset(), figures.used.saturating_sub(figures.startup)),
    );
    out.field("allocator_allocated", figures.used);
    out.field("allocator_active", figures.committed);
    out.field("allocator_resident", process.resident_bytes);
    out.bytes("total_system_memory", process.machine_bytes);
    scripting_memory(engine, out);
    out.bytes("maxmemory", engine.settings.maxmemory);
    out.field("maxmemory_policy", engine.settings.maxmemory_policy.name());
    let ratio = if figures.used == 0 { 0.0 } else { process.resident_bytes as f64 / figures.used as f64 };
    let excess = process.resident_bytes as i64 - figures.used as i64;
    for (name, ratio, bytes) in figures.ratios(process.resident_bytes) {
        let name = name.replace("-fragmentation", "_frag").replace('-', "_");
        out.field(&format!("{name}_ratio"), format!("{ratio:.2}"));
        out.field(&format!("{name}_bytes"), bytes);
    }
    out.field("mem_fragmentation_ratio", format!("{ratio:.2}"));
    out.field("mem_fragmentation_bytes", excess);
    out.field("mem_not_counted_for_evict", engine.uncounted_memory(0));
    out.field("mem_replication_backlog", figures.backlog);
    out.field("mem_total_replication_buffers", figures.backlog);
    out.field("mem_clients_slaves", figures.clients_replicas);
    out.field("mem_clients_normal", figures.clients_normal);
    out.field("mem_cluster_links", 0);
    out.field("mem_aof_buffer", 0);
    out.field("mem_allocator", "mimalloc");
    out.field("active_defrag_running", engine.defrag_figures().running_percent);
    out.field("lazyfree_pending_objects", unfreed::objects());
    out.field("lazyfreed_objects", unfreed::freed());
}

pub(super) fn cpu(engine: &Engine, out: &mut Fields) {
    let process = (engine.host.process)();
    let mut seconds = |name: &str, value: f64| out.field(name, format!("{value:.6}"));
    seconds("used_cpu_sys", process.cpu_system);
    seconds("used_cpu_user", process.cpu_user);
    seconds("used_cpu_sys_children", 0.0);
    seconds("used_cpu_user_children", 0.0);
    seconds("used_cpu_sys_main_thread", process.cpu_system_engine);
    seconds("used_cpu_user_main_thread", process.cpu_user_engine);
}
