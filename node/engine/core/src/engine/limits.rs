//! Limits on what clients cost: output that nobody reads, all clients' buffers in sum, idle connections.
//!
//! A client that reads slowly is given time; one that never reads must not fill the memory. Its
//! output is looked at when its socket turns out to be full, when a message is added to it, and ten
//! times a second. Above its class's limit it is closed; when all clients together hold too much, the
//! one that holds most is closed first. What is closed is counted and logged.

use crate::clients::class::Class;
use crate::clients::describe::describe;
use crate::clients::origin::Origin;
use crate::clients::session::{Session, SessionKey};
use crate::engine::effects::Level;
use crate::engine::Engine;
use crate::settings::{OutputLimit, Settings};

/// Output below this is not looked at when a message is added.
pub const OUTPUT_CHECKED_BYTES_MIN: u64 = 16 * 1024;
/// Most output that waits for a client that has not authenticated.
pub const UNAUTHENTICATED_OUTPUT_BYTES_MAX: u64 = 16 * 1024;
/// Most bytes of all clients together, when neither `maxmemory-clients` nor `maxmemory` says less.
pub const CLIENTS_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Least bytes that all clients may hold together, however small `maxmemory` is.
pub const CLIENTS_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// An output of this size makes the sum of all be looked at at once.
const LARGE_OUTPUT_BYTES: usize = 1024 * 1024;
/// `output_limit_parts_max` counts parts of which so many make a limit.
pub const OUTPUT_LIMIT_PARTS: u64 = 10_000;
/// All clients are looked through this often.
const CLIENTS_CHECK_MS: i64 = 100;

/// Why a client is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breach {
    None,
    Soft,
    Hard,
}

impl Settings {
    /// Most bytes that all clients' buffers may hold together.
    pub fn clients_bytes_max(&self) -> u64 {
        match (self.maxmemory_clients.bytes(self.maxmemory), self.maxmemory) {
            (0, 0) => CLIENTS_BYTES_MAX,
            (0, maxmemory) => (maxmemory / 2).clamp(CLIENTS_BYTES_MIN, CLIENTS_BYTES_MAX),
            (limit, _) => limit,
        }
    }

    fn output_limit(&self, session: &Session) -> OutputLimit {
        if !session.is_authenticated() {
            return OutputLimit { hard_bytes: UNAUTHENTICATED_OUTPUT_BYTES_MAX, ..OutputLimit::default() };
        }
        match Class::of(session) {
            Class::Normal => self.client_output_buffer_limit[0],
            Class::Replica => self.client_output_buffer_limit[1],
            Class::PubSub => self.client_output_buffer_limit[2],
            // What our primary would have us answer is never sent.
            Class::Primary => OutputLimit::default(),
        }
    }
}

fn breach(session: &Session, limit: OutputLimit) -> Breach {
    let bytes = session.out.len() as u64;
    match () {
        () if limit.hard_bytes > 0 && bytes > limit.hard_bytes => Breach::Hard,
        () if limit.soft_bytes > 0 && bytes > limit.soft_bytes => Breach::Soft,
        () => Breach::None,
    }
}

/// How much of its output limit a session uses, in parts of `OUTPUT_LIMIT_PARTS`; the lower limit counts.
///
/// Above `OUTPUT_LIMIT_PARTS` while a session is over its softer limit for less than the time it has.
fn parts_of_limit(session: &Session, limit: OutputLimit) -> u64 {
    let limits = [limit.hard_bytes, limit.soft_bytes];
    let lowest = limits.into_iter().filter(|&bytes| bytes > 0).min();
    lowest.map_or(0, |bytes| session.out.len() as u64 * OUTPUT_LIMIT_PARTS / bytes)
}

impl Engine {
    /// The socket of a session is full: its output waits.
    pub fn output_is_waiting(&mut self, key: SessionKey) {
        let Some(session) = self.clients.sessions.get_mut(key) else { return };
        if !session.output_waits {
            session.output_waits = true;
            self.clients.waiting.add_full(key, session.id);
        }
        let large = session.out.len() > LARGE_OUTPUT_BYTES;
        self.check_output(key);
        if large {
            self.limit_sum();
        }
    }

    /// Closes a session whose output is above its limit, or has been above the softer one for too long.
    pub(crate) fn check_output(&mut self, key: SessionKey) {
        let now_ms = self.clock.unix_ms;
        let Some(session) = self.clients.sessions.get_mut(key) else { return };
        let limit = self.settings.output_limit(session);
        let close = match breach(session, limit) {
            Breach::Hard => true,
            Breach::Soft if session.over_soft_limit_since_ms == 0 => {
                session.over_soft_limit_since_ms = now_ms;
                false
            }
            Breach::Soft => now_ms - session.over_soft_limit_since_ms > limit.soft_seconds as i64 * 1000,
            Breach::None => {
                session.over_soft_limit_since_ms = 0;
                false
            }
        };
        if close && !session.close_now {
            self.stats.counters.output_limit_disconnections += 1;
            self.close_for(key, "its unread output is above client-output-buffer-limit");
        }
    }

    /// Background work: looks at all output that waits, and ten times a second at every client.
    pub fn enforce_output_limits(&mut self) {
        for (key, id) in self.clients.waiting.take_full() {
            let Some(session) = self.clients.sessions.get_mut(key).filter(|session| session.id == id) else {
                continue;
            };
            if session.out.is_empty() {
                session.output_waits = false;
                session.over_soft_limit_since_ms = 0;
            } else {
                self.clients.waiting.add_full(key, id);
                self.check_output(key);
            }
        }
        if self.clock.unix_ms - self.clients.checked_ms >= CLIENTS_CHECK_MS {
            self.clients.checked_ms = self.clock.unix_ms;
            self.limit_sum();
            self.close_idle();
        }
    }

    /// Closes the clients that hold most until all together are within their limit.
    fn limit_sum(&mut self) {
        let limit = self.settings.clients_bytes_max();
        let mut sum = 0;
        let mut largest_query = 0;
        let mut largest_output = 0;
        for session in self.clients.sessions.iter().filter(|session| session.origin == Origin::Client) {
            sum += session.memory_bytes() as u64;
            largest_query = largest_query.max(session.query_bytes as u64);
            largest_output = largest_output.max(session.out.capacity() as u64);
        }
        self.stats.counters.query_buffer_bytes_max = largest_query;
        self.stats.counters.output_buffer_bytes_max = largest_output;
        self.stats.counters.clients_bytes = sum;
        let replicas = self.clients.sessions.iter().filter(|session| session.origin == Origin::Replica);
        self.stats.counters.replicas_bytes = replicas.map(|session| session.out.capacity() as u64).sum();
        let all = self.clients.sessions.iter();
        self.stats.counters.output_limit_parts_max = all
            .map(|session| parts_of_limit(session, self.settings.output_limit(session)))
            .max()
            .unwrap_or(0);
        if sum <= limit {
            return;
        }
        let mut by_size: Vec<(usize, SessionKey)> = self
            .clients
            .sessions
            .iter()
            .filter(|session| session.origin == Origin::Client && !session.no_evict && !session.close_now)
            .map(|session| (session.memory_bytes(), session.key))
            .collect();
        by_size.sort_unstable();
        while sum > limit {
            let Some((bytes, key)) = by_size.pop() else { return };
            sum = sum.saturating_sub(bytes as u64);
            self.stats.counters.evicted_clients += 1;
            self.close_for(key, "all clients together hold more than maxmemory-clients, and this one most");
        }
    }

    /// Closes clients that have been silent for longer than `timeout`.
    fn close_idle(&mut self) {
        let timeout_ms = self.settings.timeout as i64 * 1000;
        if timeout_ms == 0 {
            return;
        }
        let now_ms = self.clock.unix_ms;
        let idle: Vec<SessionKey> = self
            .clients
            .sessions
            .iter()
            .filter(|session| {
                Class::of(session) == Class::Normal
                    && session.origin == Origin::Client
                    && !session.monitor
                    && !session.is_suspended()
                    && now_ms - session.last_command_ms > timeout_ms
            })
            .map(|session| session.key)
            .collect();
        for key in idle {
            self.close_soon(key);
        }
    }

    fn close_for(&mut self, key: SessionKey, reason: &str) {
        if let Some(session) = self.clients.sessions.get(key) {
            let line = describe(session, self.clock.unix_ms);
            self.log(Level::Warning, format!("Closing a client because {reason}: {}", line.trim_end()));
        }
        self.close_soon(key);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    /// Makes a client's socket look full with this many bytes unread.
    fn fill(bench: &mut Bench, key: u32, bytes: usize) {
        bench.session(key).out = vec![b'x'; bytes];
        bench.engine.output_is_waiting(key);
    }

    #[test]
    fn output_above_the_hard_limit_closes() {
        let mut bench = Bench::new(&[("client-output-buffer-limit", "pubsub 30000 0 0")]);
        let (normal, listener, publisher) = (bench.client(), bench.client(), bench.client());
        bench.say(listener, "SUBSCRIBE a");
        fill(&mut bench, normal, 40_000);
        assert!(!bench.session(normal).close_now);
        fill(&mut bench, listener, 29_990);
        assert!(!bench.session(listener).close_now);
        assert_eq!(bench.say(publisher, "PUBLISH a hello"), ":1");
        assert!(bench.session(listener).close_now);
        assert_eq!(bench.engine.stats.counters.output_limit_disconnections, 1);
    }

    #[test]
    fn output_above_the_soft_limit_closes_after_its_time() {
        let mut bench = Bench::new(&[("client-output-buffer-limit", "normal 0 1000 2")]);
        let client = bench.client();
        fill(&mut bench, client, 2_000);
        for closed in [false, false, true] {
            bench.engine.cron();
            assert_eq!(bench.session(client).close_now, closed);
            bench.advance(1_500);
        }
        let other = bench.client();
        fill(&mut bench, other, 2_000);
        bench.session(other).out.clear();
        bench.engine.cron();
        assert_eq!(bench.session(other).over_soft_limit_since_ms, 0);
    }

    #[test]
    fn the_nearest_limit_is_told() {
        let mut bench = Bench::new(&[("client-output-buffer-limit", "normal 0 0 0 pubsub 40000 30000 60")]);
        let (normal, listener) = (bench.client(), bench.client());
        bench.say(listener, "SUBSCRIBE a");
        fill(&mut bench, normal, 50_000);
        fill(&mut bench, listener, 24_000);
        bench.engine.cron();
        assert_eq!(bench.engine.stats.counters.output_limit_parts_max, 8_000);
        let asker = bench.client();
        assert!(bench.say(asker, "INFO clients").contains("client_output_buffer_limit_nearest:0.8000"));
        bench.session(listener).out.clear();
        bench.advance(200);
        bench.engine.cron();
        assert_eq!(bench.engine.stats.counters.output_limit_parts_max, 0);
    }

    #[test]
    fn strangers_get_little() {
        let mut bench = Bench::new(&[("requirepass", "secret")]);
        let client = bench.client();
        fill(&mut bench, client, 17_000);
        assert!(bench.session(client).close_now);
    }

    #[test]
    fn the_largest_client_is_closed_first() {
        let mut bench = Bench::new(&[("maxmemory-clients", "3000000")]);
        let clients: Vec<u32> = [900_000, 1_900_000, 800_000]
            .map(|bytes| {
                let client = bench.client();
                fill(&mut bench, client, bytes);
                client
            })
            .into();
        bench.engine.cron();
        let closed: Vec<bool> = clients.iter().map(|&key| bench.session(key).close_now).collect();
        assert_eq!(closed, [false, true, false]);
        assert_eq!(bench.engine.stats.counters.evicted_clients, 1);
    }

    #[test]
    fn idle_clients_are_closed() {
        let mut bench = Bench::new(&[("timeout", "5")]);
        let (idle, busy) = (bench.client(), bench.client());
        bench.advance(6_000);
        bench.say(busy, "PING");
        bench.engine.cron();
        assert!(bench.session(idle).close_now);
        assert!(!bench.session(busy).close_now);
    }
}
