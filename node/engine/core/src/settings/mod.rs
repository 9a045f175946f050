//! The settings that the engine reads, by their directive's name.
//!
//! The control plane owns the configuration: it parses files and options, checks ranges and hands the
//! engine normal forms (`yes`/`no`, plain integers in bytes and milliseconds). What arrives here that
//! does not parse is refused with the directive's name, and nothing is changed.

mod notify;

pub use notify::NotifyClass;

/// One output limit: at once above `hard_bytes`, or above `soft_bytes` for `soft_seconds`; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Closed at once above this.
    pub hard_bytes: u64,
    /// Closed above this for longer than the seconds.
    pub soft_bytes: u64,
    /// See `soft_bytes`.
    pub soft_seconds: u64,
}

/// How one directive is read into its field.
pub(crate) trait Field {
    /// Sets the field from normal form; nothing when the text does not fit.
    fn read(&mut self, text: &str) -> Option<()>;

    /// The same, for a value that may be other bytes than text.
    fn read_bytes(&mut self, value: &[u8]) -> Option<()> {
        self.read(std::str::from_utf8(value).ok()?)
    }
}

/// A password or user name is any bytes.
impl Field for Vec<u8> {
    fn read(&mut self, text: &str) -> Option<()> {
        self.read_bytes(text.as_bytes())
    }

    fn read_bytes(&mut self, value: &[u8]) -> Option<()> {
        value.clone_into(self);
        Some(())
    }
}

/// Percentiles as they were written, each with its share of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Percentiles(pub Vec<(String, f64)>);

impl Field for Percentiles {
    fn read(&mut self, text: &str) -> Option<()> {
        let share = |word: &str| Some((word.to_owned(), word.parse::<f64>().ok()? / 100.0));
        *self = Percentiles(text.split_ascii_whitespace().map(share).collect::<Option<_>>()?);
        Some(())
    }
}

impl Field for bool {
    fn read(&mut self, text: &str) -> Option<()> {
        *self = match text {
            "yes" => true,
            "no" => false,
            _ => return None,
        };
        Some(())
    }
}

macro_rules! number_fields {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn read(&mut self, text: &str) -> Option<()> {
                *self = text.parse().ok()?;
                Some(())
            }
        }
    )*};
}

number_fields!(u16, u32, u64, usize, i64);

impl Field for String {
    fn read(&mut self, text: &str) -> Option<()> {
        *self = text.to_owned();
        Some(())
    }
}

/// A share between 0 and 1, both excluded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(pub f64);

impl Field for Rate {
    fn read(&mut self, text: &str) -> Option<()> {
        *self = Rate(text.parse().ok().filter(|rate| *rate > 0.0 && *rate < 1.0)?);
        Some(())
    }
}

/// What to do when memory is at its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvictionPolicy {
    /// Refuse commands that add data.
    #[default]
    NoEviction,
    /// Evict the key not used for longest.
    AllKeysLru,
    /// Evict the key used least often.
    AllKeysLfu,
    /// Evict any key.
    AllKeysRandom,
    /// Evict the key with an expiry not used for longest.
    VolatileLru,
    /// Evict the key with an expiry used least often.
    VolatileLfu,
    /// Evict any key with an expiry.
    VolatileRandom,
    /// Evict the key that expires soonest.
    VolatileTtl,
}

impl EvictionPolicy {
    const NAMES: [(&'static str, EvictionPolicy); 8] = [
        ("noeviction", EvictionPolicy::NoEviction),
        ("allkeys-lru", EvictionPolicy::AllKeysLru),
        ("allkeys-lfu", EvictionPolicy::AllKeysLfu),
        ("allkeys-random", EvictionPolicy::AllKeysRandom),
        ("volatile-lru", EvictionPolicy::VolatileLru),
        ("volatile-lfu", EvictionPolicy::VolatileLfu),
        ("volatile-random", EvictionPolicy::VolatileRandom),
        ("volatile-ttl", EvictionPolicy::VolatileTtl),
    ];

    /// The word in the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, policy)| *policy == self).map_or("noeviction", |(name, _)| name)
    }

    /// Whether access clocks count uses rather than time.
    #[inline]
    pub fn is_lfu(self) -> bool {
        matches!(self, EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu)
    }
}

impl EvictionPolicy {
    /// Whether only keys with an expiry are evicted.
    pub fn is_volatile(self) -> bool {
        use EvictionPolicy::{VolatileLfu, VolatileLru, VolatileRandom, VolatileTtl};
        matches!(self, VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl)
    }
}

impl Field for EvictionPolicy {
    fn read(&mut self, text: &str) -> Option<()> {
        *self = Self::NAMES.iter().find(|(name, _)| *name == text)?.1;
        Some(())
    }
}

/// One rule of `save`: a snapshot after so many seconds, if so many changes were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last snapshot.
    pub seconds: u64,
    /// Changes since the last snapshot.
    pub changes: u64,
}

/// The rules of `save`: `3600 1 300 100`; none for an empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavePoints(pub Vec<SavePoint>);

impl Field for SavePoints {
    fn read(&mut self, text: &str) -> Option<()> {
        let numbers: Vec<u64> =
            text.split_ascii_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        if numbers.len() % 2 != 0 {
            return None;
        }
        let points = numbers.chunks(2).map(|pair| SavePoint { seconds: pair[0], changes: pair[1] });
        *self = SavePoints(points.collect());
        Some(())
    }
}

/// When the append-only file is synced: `appendfsync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before the reply to each write.
    Always,
    /// Once a second.
    #[default]
    EverySecond,
    /// When the operating system does.
    No,
}

impl Field for SyncPolicy {
    fn read(&mut self, text: &str) -> Option<()> {
        *self = match text {
            "always" => SyncPolicy::Always,
            "everysec" => SyncPolicy::EverySecond,
            "no" => SyncPolicy::No,
            _ => return None,
        };
        Some(())
    }
}

/// An amount of memory, absolute or as a share of `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryShare {
    /// So many bytes.
    Bytes(u64),
    /// So many hundredths of `maxmemory`.
    Percent(u64),
}

impl MemoryShare {
    /// In bytes; a share of no limit is 0.
    pub fn bytes(self, maxmemory: u64) -> u64 {
        match self {
            MemoryShare::Bytes(bytes) => bytes,
            MemoryShare::Percent(percent) => maxmemory / 100 * percent,
        }
    }
}

impl Field for MemoryShare {
    fn read(&mut self, text: &str) -> Option<()> {
        *self = match text.strip_suffix('%') {
            Some(percent) => MemoryShare::Percent(percent.parse().ok().filter(|&percent| percent <= 100)?),
            None => MemoryShare::Bytes(text.parse().ok()?),
        };
        Some(())
    }
}

impl Field for [OutputLimit; 3] {
    /// `normal 0 0 0 replica 268435456 67108864 60 pubsub ...`
    fn read(&mut self, text: &str) -> Option<()> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let mut limits = *self;
        for four in words.chunks(4) {
            let [class, hard, soft, seconds] = four else { return None };
            let index = match *class {
                "normal" => 0,
                "replica" | "slave" => 1,
                "pubsub" => 2,
                _ => return None,
            };
            limits[index] = OutputLimit {
                hard_bytes: hard.parse().ok()?,
                soft_bytes: soft.parse().ok()?,
                soft_seconds: seconds.parse().ok()?,
            };
        }
        *self = limits;
        Some(())
    }
}

macro_rules! settings {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $default:expr, $directive:literal;)*) => {
        /// The settings, with Redis's defaults.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for Settings {
            fn default() -> Self {
                Settings { $($field: $default,)* }
            }
        }

        impl Settings {
            /// Directives that the engine reads.
            pub const DIRECTIVES: &'static [&'static str] = &[$($directive),*];

            /// Sets one directive.
            ///
            /// Returns whether the engine reads it, or an error that names the directive and the value.
            pub fn set(&mut self, directive: &str, value: &str) -> Result<bool, String> {
                self.set_bytes(directive, value.as_bytes())
            }

            /// The same, for a value that may be other bytes than text.
            pub fn set_bytes(&mut self, directive: &str, value: &[u8]) -> Result<bool, String> {
                match directive {
                    $($directive => match Field::read_bytes(&mut self.$field, value) {
                        Some(()) => Ok(true),
                        None => {
                            let value = String::from_utf8_lossy(value);
                            Err(format!("directive '{directive}': '{value}' is not of the form it takes"))
                        }
                    },)*
                    _ => Ok(false),
                }
            }
        }
    };
}

const MIB: u64 = 1024 * 1024;

settings! {
    /// Number of databases.
    databases: usize = 16, "databases";
    /// Password of the default user; empty: none.
    requirepass: Vec<u8> = Vec::new(), "requirepass";
    /// Whether this node is part of a cluster.
    cluster_enabled: bool = false, "cluster-enabled";
    /// Host that clients from outside of the node's networks are told; `unknown`: ports only; empty: as all.
    cluster_outside_endpoint: String = String::new(), "cluster-outside-endpoint";
    /// Whether what each slot costs is counted.
    cluster_slot_stats: bool = false, "cluster-slot-stats-enabled";
    /// How long the move of a key waits for the replicas of either side to acknowledge it, in milliseconds.
    cluster_migration_ack_timeout: u64 = 2000, "cluster-migration-ack-timeout-ms";
    /// Clients connect here.
    port: u16 = 6379, "port";
    /// Addresses to listen on, separated by spaces.
    bind: String = "* -::*".into(), "bind";
    /// Whether strangers from outside of the loopback are refused when there is no password.
    protected_mode: bool = true, "protected-mode";
    /// Unix socket path; empty: none.
    unixsocket: String = String::new(), "unixsocket";
    /// Unix socket permissions, octal; 0: by the umask.
    unixsocketperm: String = "0".into(), "unixsocketperm";
    /// Length of the queue of connections not yet accepted.
    tcp_backlog: u32 = 511, "tcp-backlog";
    /// Idle clients are closed after these seconds; 0: never.
    timeout: u64 = 0, "timeout";
    /// Seconds between TCP keep-alives; 0: none.
    tcp_keepalive: u64 = 300, "tcp-keepalive";
    /// Most clients at once.
    maxclients: usize = 10_000, "maxclients";
    /// Memory limit in bytes; 0: none.
    maxmemory: u64 = 0, "maxmemory";
    /// What to do at the limit.
    maxmemory_policy: EvictionPolicy = EvictionPolicy::NoEviction, "maxmemory-policy";
    /// Keys that an eviction compares.
    maxmemory_samples: usize = 5, "maxmemory-samples";
    /// How much time an eviction may take, from 0 to 100.
    maxmemory_eviction_tenacity: u32 = 10, "maxmemory-eviction-tenacity";
    /// Whether a replica leaves eviction to its primary.
    replica_ignore_maxmemory: bool = true, "replica-ignore-maxmemory";
    /// Minutes after which an unused key's use counter goes down by one under LFU; 0: never.
    lfu_decay_time: u32 = 1, "lfu-decay-time";
    /// How much use it takes for the counter to grow under LFU.
    lfu_log_factor: u32 = 10, "lfu-log-factor";
    /// Largest argument of a request in bytes.
    proto_max_bulk_len: u64 = 512 * MIB, "proto-max-bulk-len";
    /// Most bytes of an unfinished request.
    client_query_buffer_limit: u64 = 1024 * MIB, "client-query-buffer-limit";
    /// Output limits of normal clients, replicas and subscribers.
    client_output_buffer_limit: [OutputLimit; 3] = [
        OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 },
        OutputLimit { hard_bytes: 256 * MIB, soft_bytes: 64 * MIB, soft_seconds: 60 },
        OutputLimit { hard_bytes: 32 * MIB, soft_bytes: 8 * MIB, soft_seconds: 60 },
    ], "client-output-buffer-limit";
    /// Most bytes that all clients' buffers may hold together; 0: the engine's default share.
    maxmemory_clients: MemoryShare = MemoryShare::Bytes(0), "maxmemory-clients";
    /// Whether data is moved out of sparse pages of the allocator.
    activedefrag: bool = false, "activedefrag";
    /// Bytes of waste below which nothing is moved.
    active_defrag_ignore_bytes: u64 = 100 * MIB, "active-defrag-ignore-bytes";
    /// Waste in percent of the memory in use from which data is moved.
    active_defrag_threshold_lower: u64 = 10, "active-defrag-threshold-lower";
    /// Waste in percent at which the greatest share of the processor is taken.
    active_defrag_threshold_upper: u64 = 100, "active-defrag-threshold-upper";
    /// The least share of the processor for moving, in percent.
    active_defrag_cycle_min: u64 = 1, "active-defrag-cycle-min";
    /// The greatest share.
    active_defrag_cycle_max: u64 = 25, "active-defrag-cycle-max";
    /// Turns of background work a second.
    hz: u64 = 10, "hz";
    /// Keyspace events to publish, by class letters.
    notify_keyspace_events: NotifyClass = NotifyClass::empty(), "notify-keyspace-events";
    /// Commands slower than this are recorded, in microseconds; negative: none.
    slowlog_log_slower_than: i64 = 10_000, "slowlog-log-slower-than";
    /// Commands that take this many milliseconds are kept by LATENCY; 0: none.
    latency_monitor_threshold: u64 = 0, "latency-monitor-threshold";
    /// Whether the durations of commands are kept by LATENCY HISTOGRAM and INFO latencystats.
    latency_tracking: bool = true, "latency-tracking";
    /// The percentiles of INFO latencystats.
    latency_tracking_info_percentiles: Percentiles = Percentiles(vec![
        ("50".into(), 0.5), ("99".into(), 0.99), ("99.9".into(), 0.999),
    ]), "latency-tracking-info-percentiles";
    /// Milliseconds after which other clients are told that a script keeps the node busy.
    busy_reply_threshold: u64 = 5_000, "busy-reply-threshold";
    /// Most bytes that an interpreter of scripts or functions may hold.
    lua_memory_max: u64 = 256 * MIB, "lua-memory-max";
    /// Whether functions in Python may be loaded and called.
    python_functions: bool = false, "python-functions";
    /// Most calls of functions in Python that may run or wait at once.
    python_function_calls_max: usize = 1024, "python-function-calls-max";
    /// Most entries of SLOWLOG.
    slowlog_max_len: usize = 128, "slowlog-max-len";
    /// Most fields of a packed hash.
    hash_max_listpack_entries: usize = 512, "hash-max-listpack-entries";
    /// Largest field or value of a packed hash, in bytes.
    hash_max_listpack_value: usize = 64, "hash-max-listpack-value";
    /// Elements of a list's node; by negative values, -1 to -5, its bytes.
    list_max_listpack_size: i64 = -2, "list-max-listpack-size";
    /// Most members of a set of integers.
    set_max_intset_entries: usize = 512, "set-max-intset-entries";
    /// Most members of a packed set.
    set_max_listpack_entries: usize = 128, "set-max-listpack-entries";
    /// Largest member of a packed set, in bytes.
    set_max_listpack_value: usize = 64, "set-max-listpack-value";
    /// Most members of a packed sorted set.
    zset_max_listpack_entries: usize = 128, "zset-max-listpack-entries";
    /// Largest member of a packed sorted set, in bytes.
    zset_max_listpack_value: usize = 64, "zset-max-listpack-value";
    /// Bytes of a node of a stream; 0: no limit.
    stream_node_max_bytes: u64 = 4096, "stream-node-max-bytes";
    /// Entries of a node of a stream; 0: no limit.
    stream_node_max_entries: u64 = 100, "stream-node-max-entries";
    /// Bytes up to which a HyperLogLog is sparse.
    hll_sparse_max_bytes: usize = 3000, "hll-sparse-max-bytes";
    /// The error rate of a Bloom filter that nobody has reserved.
    bf_error_rate: Rate = Rate(0.01), "bf-error-rate";
    /// How many elements it takes before it grows.
    bf_initial_size: u64 = 100, "bf-initial-size";
    /// By how much it grows; 0: not at all.
    bf_expansion_factor: u32 = 2, "bf-expansion-factor";
    /// Whether RDB strings are compressed.
    rdbcompression: bool = true, "rdbcompression";
    /// Whether RDB streams carry a checksum.
    rdbchecksum: bool = true, "rdbchecksum";
    /// Name of the snapshot.
    dbfilename: String = "dump.rdb".into(), "dbfilename";
    /// When a snapshot is written by itself.
    save: SavePoints = SavePoints(vec![
        SavePoint { seconds: 3600, changes: 1 },
        SavePoint { seconds: 300, changes: 100 },
        SavePoint { seconds: 60, changes: 10_000 },
    ]), "save";
    /// Whether a failed snapshot forbids writes.
    stop_writes_on_bgsave_error: bool = true, "stop-writes-on-bgsave-error";
    /// Whether a snapshot is synced piece by piece.
    rdb_save_incremental_fsync: bool = true, "rdb-save-incremental-fsync";
    /// Whether there is an append-only file.
    appendonly: bool = false, "appendonly";
    /// Base of the names of its files.
    appendfilename: String = "appendonly.aof".into(), "appendfilename";
    /// Its folder.
    appenddirname: String = "appendonlydir".into(), "appenddirname";
    /// When it is synced.
    appendfsync: SyncPolicy = SyncPolicy::EverySecond, "appendfsync";
    /// Whether syncs wait for the end of a snapshot.
    no_appendfsync_on_rewrite: bool = false, "no-appendfsync-on-rewrite";
    /// Growth in percent at which it is rewritten; 0: never.
    auto_aof_rewrite_percentage: u64 = 100, "auto-aof-rewrite-percentage";
    /// Bytes below which it is not rewritten by itself.
    auto_aof_rewrite_min_size: u64 = 64 * MIB, "auto-aof-rewrite-min-size";
    /// Whether an end that is cut off is taken for a crash, and left out.
    aof_load_truncated: bool = true, "aof-load-truncated";
    /// Whether timestamps are written into it.
    aof_timestamp_enabled: bool = false, "aof-timestamp-enabled";
    /// Whether a new base is synced piece by piece.
    aof_rewrite_incremental_fsync: bool = true, "aof-rewrite-incremental-fsync";
    /// Whether files that are not needed any more are kept.
    aof_disable_auto_gc: bool = false, "aof-disable-auto-gc";
    /// Bytes that may wait for a slow disk before writes are refused.
    aof_buffer_limit: u64 = 256 * MIB, "aof-buffer-limit";
    /// A replica refuses writes of clients.
    replica_read_only: bool = true, "replica-read-only";
    /// A replica without its primary answers with what it has.
    replica_serve_stale_data: bool = true, "replica-serve-stale-data";
    /// Whether a replica gives its data up for that of a primary that came back with a younger, smaller history.
    replica_accept_younger_history: bool = false, "replica-accept-younger-history";
    /// The replica's rank for Sentinels.
    replica_priority: u32 = 100, "replica-priority";
    /// Port that a replica announces; 0: its own.
    replica_announce_port: u16 = 0, "replica-announce-port";
    /// Whether Sentinels show this replica.
    replica_announced: bool = true, "replica-announced";
    /// Address that a replica announces; empty: its own.
    replica_announce_ip: String = String::new(), "replica-announce-ip";
    /// Bytes of the replication backlog.
    repl_backlog_size: u64 = MIB, "repl-backlog-size";
    /// Seconds that the backlog reaches back, if more than its size; 0: by its size alone.
    repl_backlog_seconds: u64 = 0, "repl-backlog-seconds";
    /// Bytes that the backlog may take for the sake of `repl-backlog-seconds`.
    repl_backlog_size_max: u64 = 256 * MIB, "repl-backlog-size-max";
    /// Bytes of the stream for which there is a digest, to be compared with the primary's; 0: none.
    repl_digest_bytes: u64 = MIB, "repl-digest-bytes";
    /// Seconds that a backlog is kept without replicas; 0: for ever.
    repl_backlog_ttl: u64 = 3600, "repl-backlog-ttl";
    /// Seconds between a primary's pings to its replicas.
    repl_ping_replica_period: u64 = 10, "repl-ping-replica-period";
    /// Seconds of silence after which a replication link is dropped.
    repl_timeout: u64 = 60, "repl-timeout";
    /// Whether a full sync uses a second connection beside that of the stream.
    dual_channel_replication_enabled: bool = true, "dual-channel-replication-enabled";
    /// Bytes of the stream that a replica holds while a snapshot comes, before it stops reading; 0: no limit.
    replica_full_sync_buffer_limit: u64 = 256 * MIB, "replica-full-sync-buffer-limit";
    /// Seconds to wait for more replicas before a full sync.
    repl_diskless_sync_delay: u64 = 5, "repl-diskless-sync-delay";
    /// Password at the primary.
    masterauth: Vec<u8> = Vec::new(), "masterauth";
    /// User at the primary.
    masteruser: Vec<u8> = Vec::new(), "masteruser";
    /// Writes need this many good replicas; 0: none.
    min_replicas_to_write: usize = 0, "min-replicas-to-write";
    /// A replica is good when it acknowledged within these seconds.
    min_replicas_max_lag: u64 = 10, "min-replicas-max-lag";
    /// Whether DEBUG is allowed: no, yes, local.
    enable_debug_command: String = "no".into(), "enable-debug-command";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_by_name() {
        let mut settings = Settings::default();
        assert_eq!(settings.set("databases", "4"), Ok(true));
        assert_eq!(settings.databases, 4);
        assert_eq!(settings.set("client-output-buffer-limit", "pubsub 10 5 1"), Ok(true));
        assert_eq!(settings.client_output_buffer_limit[2].hard_bytes, 10);
        assert_eq!(settings.set("maxmemory-clients", "5%"), Ok(true));
        assert_eq!(settings.maxmemory_clients.bytes(1000), 50);
        assert!(settings.set("maxmemory-clients", "500%").is_err());
        assert_eq!(settings.set("logfile", "x"), Ok(false));
        assert!(settings.set("hz", "often").unwrap_err().contains("'hz'"));
        assert_eq!(settings.set("latency-tracking-info-percentiles", "50 99.9"), Ok(true));
        assert_eq!(settings.latency_tracking_info_percentiles.0[1].0, "99.9");
    }

    #[test]
    fn password_may_be_any_bytes_and_other_values_must_be_text() {
        let mut settings = Settings::default();
        assert_eq!(settings.set_bytes("requirepass", b"\xff\x00x"), Ok(true));
        assert_eq!(settings.requirepass, b"\xff\x00x");
        assert!(settings.set_bytes("hz", b"\xff").unwrap_err().contains("'hz'"));
    }
}
