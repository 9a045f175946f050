//! Counters. They are plain integers: one thread executes, one thread counts.

pub mod latency;
pub mod slots;
pub mod slowlog;

use std::collections::BTreeMap;

/// What COMMANDSTATS tells of one command.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommandStats {
    /// Times it was carried out.
    pub calls: u64,
    /// Microseconds spent.
    pub usec: u64,
    /// Times it was refused before it ran.
    pub rejected_calls: u64,
    /// Times it ran and failed.
    pub failed_calls: u64,
    /// How long it took.
    pub latency: Latency,
}

impl CommandStats {
    /// Counts the time of one call.
    #[inline]
    pub fn took(&mut self, elapsed_us: u64, is_tracked: bool) {
        self.usec += elapsed_us;
        if is_tracked {
            self.latency.record(elapsed_us);
        }
    }
}

/// Number of buckets of [`Latency`]; the last one takes everything from 4 seconds on.
pub const LATENCY_BUCKETS: usize = 24;

/// Counts of durations by powers of two of microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// Bucket 0 counts what took less than 1 us, bucket n what took less than 2^n us.
    pub buckets: [u64; LATENCY_BUCKETS],
}

impl Latency {
    /// Counts a duration.
    #[inline]
    pub fn record(&mut self, elapsed_us: u64) {
        let bucket = (u64::BITS - elapsed_us.leading_zeros()) as usize;
        self.buckets[bucket.min(LATENCY_BUCKETS - 1)] += 1;
    }

    /// How many durations were counted.
    pub fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The upper bound, in nanoseconds, of the bucket below which this share of all durations lies.
    pub fn percentile_ns(&self, share: f64) -> u64 {
        let wanted = (self.total() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            seen += count;
            if count > 0 && seen >= wanted {
                return Latency::bound_ns(bucket);
            }
        }
        0
    }

    /// The largest duration of a bucket in nanoseconds, as the peers' histograms of two digits round it.
    pub fn bound_ns(bucket: usize) -> u64 {
        const STEPS: u64 = 128;
        let start = 1024_u64 << bucket;
        start + start / STEPS - 1
    }
}

/// The counters of INFO, all reset by CONFIG RESETSTAT unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Connections accepted.
    pub connections_received: u64,
    /// Connections refused at `maxclients`.
    pub connections_rejected: u64,
    /// Commands carried out.
    pub commands_processed: u64,
    /// Bytes read from clients.
    pub net_input_bytes: u64,
    /// Bytes written to clients.
    pub net_output_bytes: u64,
    /// Bytes read from the primary.
    pub net_repl_input_bytes: u64,
    /// Bytes written to replicas.
    pub net_repl_output_bytes: u64,
    /// Keys found by reads.
    pub keyspace_hits: u64,
    /// Keys not found by reads.
    pub keyspace_misses: u64,
    /// Keys that expired.
    pub expired_keys: u64,
    /// Keys evicted.
    pub evicted_keys: u64,
    /// Clients closed at the limit of all clients' memory.
    pub evicted_clients: u64,
    /// Full syncs served.
    pub sync_full: u64,
    /// Partial syncs served.
    pub sync_partial_ok: u64,
    /// Partial syncs refused.
    pub sync_partial_err: u64,
    /// Replicas whose stream differed from ours.
    pub sync_diverged: u64,
    /// Error replies by code.
    pub errors: BTreeMap<String, u64>,
    /// Error replies in all.
    pub error_replies: u64,
    /// Requests that were no RESP.
    pub protocol_errors: u64,
    /// Clients closed because an unfinished request passed its limit.
    pub query_limit_disconnections: u64,
    /// Wrong passwords.
    pub auth_failures: u64,
    /// Clients closed because their output passed its limit.
    pub output_limit_disconnections: u64,
    /// Largest query buffer seen recently, in bytes.
    pub query_buffer_bytes_max: u64,
    /// Largest output buffer seen recently, in bytes.
    pub output_buffer_bytes_max: u64,
    /// How near a client or replica recently came to its output limit: parts in 10,000 of that limit.
    pub output_limit_parts_max: u64,
    /// Bytes that all clients held together when they were last looked through.
    pub clients_bytes: u64,
    /// Bytes of the output of all replicas at that time, beside the stream that they share.
    pub replicas_bytes: u64,
    /// By command number.
    pub commands: Vec<CommandStats>,
    /// Turns of the reactor.
    pub turns: u64,
    /// Rate of commands, updated every 100 ms.
    pub ops_per_second: Rate,
    /// Rate of input bytes.
    pub input_bytes_per_second: Rate,
    /// Rate of output bytes.
    pub output_bytes_per_second: Rate,
    /// Rate of bytes from the primary.
    pub repl_input_bytes_per_second: Rate,
    /// Rate of bytes to replicas.
    pub repl_output_bytes_per_second: Rate,
    /// What the turns of the reactor took.
    pub event_loop: EventLoop,
}

/// What the turns of the reactor took, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventLoop {
    /// All turns, without waiting for events.
    pub sum_us: u64,
    /// The longest turn.
    pub max_us: u64,
    /// Commands, in all turns.
    pub commands_us: u64,
    /// The background work of `hz`, in all turns.
    pub cron_us: u64,
    /// The most commands of one turn.
    pub commands_max: u64,
    /// Turns a second.
    pub turns_per_second: Rate,
    /// Microseconds of turns a second.
    pub us_per_second: Rate,
}

impl EventLoop {
    /// Counts a turn that took so long and carried out so many commands.
    #[inline]
    pub fn turned(&mut self, us: u64, commands: u64) {
        self.sum_us += us;
        self.max_us = self.max_us.max(us);
        self.commands_max = self.commands_max.max(commands);
    }

    /// What a turn took lately, in microseconds.
    pub fn us_per_turn(&self) -> u64 {
        self.us_per_second.per_second() / self.turns_per_second.per_second().max(1)
    }
}

/// A counter's rate over the last 16 samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    samples: [u64; 16],
    next: usize,
    last_count: u64,
    last_ms: i64,
}

impl Rate {
    /// Takes a sample of the counter.
    pub fn sample(&mut self, count: u64, now_ms: i64) {
        let elapsed = (now_ms - self.last_ms).max(0) as u64;
        if self.last_ms > 0 && elapsed > 0 {
            self.samples[self.next] = count.saturating_sub(self.last_count) * 1000 / elapsed;
            self.next = (self.next + 1) % self.samples.len();
        }
        self.last_count = count;
        self.last_ms = now_ms;
    }

    /// The mean of the samples, a second.
    pub fn per_second(&self) -> u64 {
        self.samples.iter().sum::<u64>() / self.samples.len() as u64
    }
}

/// Most distinct error codes that are counted one by one; scripts could invent any number.
pub const ERROR_CODES_MAX: usize = 128;

impl Stats {
    /// Counters at zero, for this many commands.
    pub fn for_commands(commands: usize) -> Self {
        Stats { commands: vec![CommandStats::default(); commands], ..Stats::default() }
    }

    /// Takes a sample of every counter whose rate is shown.
    pub fn sample_rates(&mut self, now_ms: i64) {
        self.ops_per_second.sample(self.commands_processed, now_ms);
        self.input_bytes_per_second.sample(self.net_input_bytes, now_ms);
        self.output_bytes_per_second.sample(self.net_output_bytes, now_ms);
        self.repl_input_bytes_per_second.sample(self.net_repl_input_bytes, now_ms);
        self.repl_output_bytes_per_second.sample(self.net_repl_output_bytes, now_ms);
        self.event_loop.turns_per_second.sample(self.turns, now_ms);
        self.event_loop.us_per_second.sample(self.event_loop.sum_us, now_ms);
    }

    /// Counts an error reply by its code.
    pub fn count_error(&mut self, code: &str) {
        self.error_replies += 1;
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_CODES_MAX {
            self.errors.insert(code.to_owned(), 1);
        }
    }
}
