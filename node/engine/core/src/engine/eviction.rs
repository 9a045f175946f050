//! Eviction: at `maxmemory`, keys are removed to make room for new ones, by the policy that was asked for.
//!
//! BACKGROUND. Exact LRU would cost every key a place in a list and every read a write to it. Instead a few
//! keys are sampled for each eviction, scored by the clock that every entry has anyway, and the best of all
//! recent samples is evicted. It is scored again first: a key that was used since it was sampled goes back
//! into the pool.
//!
//! INVARIANTS.
//! - What is evicted is deleted like any key: captured by snapshots, told to the write hook, replicated as
//!   DEL.
//! - A replica does not evict on its own (`replica-ignore-maxmemory`); if it is told to, its evictions stay
//!   its own.
//! - What other threads are about to free, what replicas have not taken beyond the backlog, and clients'
//!   buffers
//!   beyond their budget evict no keys.
//!
//! BEHAVIOUR. Each command that adds data makes room for what was added since the last one, twice over, so
//! that memory shrinks under any load of like keys; what remains (a limit that was lowered, a large value) is
//! worked off at the end of the turns. No command and no turn spends more than [`time_limit_us`] on it. A
//! command is refused only when there is nothing to evict.

use super::memory::OUT_OF_MEMORY;
use super::Engine;
use crate::base::unfreed;
use crate::keyspace::access::{lfu_counter, lru_clock, ACCESS_CLOCK_MASK};
use crate::keyspace::candidates::{Candidate, Candidates};
use crate::keyspace::Sampled;
use crate::resp::failure::Failure;
use crate::resp::OwnedArgs;
use crate::settings::{EvictionPolicy, Settings};

/// The clock is looked at once for so many evicted keys.
const KEYS_PER_CLOCK: usize = 8;
/// Samples that may turn out empty before there is nothing to evict.
const EMPTY_SAMPLES_MAX: usize = 8;
/// So many keys are compared for each of `maxmemory-samples`: keys of one bucket are loaded together and cost
/// little.
const SAMPLES_FACTOR: usize = 2;
/// Most keys that one eviction compares, whatever `maxmemory-samples` says.
const SAMPLES_MAX: usize = 64;
/// Clients' buffers count against `maxmemory` up to this share of it, when `maxmemory-clients` says nothing.
const CLIENTS_SHARE: u64 = 20;
/// Microseconds for each step of `maxmemory-eviction-tenacity` up to 10; each further one takes 15 % more.
const TENACITY_STEP_US: u64 = 50;

/// What eviction remembers.
#[derive(Default)]
pub struct Evictor {
    candidates: Candidates,
    /// What the candidates were scored by.
    policy: EvictionPolicy,
    sample: Vec<Sampled>,
    name: Vec<u8>,
    /// What counted against the limit when a command last asked.
    counted: u64,
    /// Time spent in this turn, as far as it was measured.
    spent_us: u64,
    /// Over the limit, and making progress.
    has_more: bool,
    /// Since when memory has been over the limit, in microseconds of the engine's ticks.
    over_since_us: Option<u64>,
    over_total_us: u64,
}

/// How an attempt to make room has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Made,
    /// The time is up; the rest follows.
    Underway,
    NothingToEvict,
}

/// Most microseconds that one command, or the end of one turn, spends on eviction.
pub fn time_limit_us(tenacity: u32) -> u64 {
    match tenacity {
        0..=10 => TENACITY_STEP_US * u64::from(tenacity),
        11..=99 => (10.0 * TENACITY_STEP_US as f64 * 1.15_f64.powi(tenacity as i32 - 10)) as u64,
        _ => u64::MAX,
    }
}

impl Settings {
    /// Bytes of clients' buffers that count against `maxmemory`, as the keys do.
    fn clients_counted_max(&self) -> u64 {
        match self.maxmemory_clients.bytes(self.maxmemory) {
            0 => self.maxmemory / CLIENTS_SHARE,
            bytes => bytes,
        }
    }

    /// The more, the better it is to evict a key.
    fn eviction_score(&self, key: &Sampled, now_ms: i64) -> u64 {
        use EvictionPolicy::{AllKeysLfu, VolatileLfu, VolatileTtl};
        match self.maxmemory_policy {
            AllKeysLfu | VolatileLfu => u64::from(255 - lfu_counter(key.clock, now_ms, self.lfu_decay_time)),
            VolatileTtl => key.expire_at_ms.map_or(0, |at_ms| i64::MAX.abs_diff(at_ms)),
            _ => u64::from(lru_clock(now_ms).wrapping_sub(key.clock) & ACCESS_CLOCK_MASK),
        }
    }
}

impl Engine {
    /// Bytes in use that `maxmemory` does not count; `running` are those of the running session's output.
    pub fn uncounted_memory(&self, running: usize) -> u64 {
        let stream = self.replication.stream.memory_bytes() as u64;
        let clients = self.stats.counters.clients_bytes + running as u64;
        stream.saturating_sub(self.settings.repl_backlog_size)
            + clients.saturating_sub(self.settings.clients_counted_max())
            + self.stats.counters.replicas_bytes
            + unfreed::bytes() as u64
    }

    #[inline]
    fn counted_memory(&self, running: usize) -> u64 {
        (crate::base::alloc::used_memory_now() as u64).saturating_sub(self.uncounted_memory(running))
    }

    /// Whether memory allows a command that adds data, after keys were evicted for it if need be. `running`
    /// are the bytes of the session's output.
    #[inline]
    pub(crate) fn make_room(&mut self, running: usize) -> Result<(), Failure> {
        // What does not count makes it less: below the limit nobody has to add that up.
        let used = crate::base::alloc::used_memory_now() as u64;
        if used <= self.settings.maxmemory {
            self.keyspace.evictor.counted = used;
            return Ok(());
        }
        self.make_room_at_limit(running)
    }

    fn make_room_at_limit(&mut self, running: usize) -> Result<(), Failure> {
        // What follows takes time that is not the next command's.
        self.call.ended_us = None;
        let counted = self.counted_memory(running);
        if counted <= self.settings.maxmemory {
            self.keyspace.evictor.counted = counted;
            return Ok(());
        }
        if !self.may_evict() || unfreed::has_table() {
            return Ok(());
        }
        let owed = 2 * counted.saturating_sub(self.keyspace.evictor.counted);
        let aim = counted.saturating_sub(owed);
        let room = self.evict(running, aim);
        self.keyspace.evictor.counted = self.counted_memory(running);
        match room {
            Room::NothingToEvict => Err(OUT_OF_MEMORY),
            Room::Made | Room::Underway => Ok(()),
        }
    }

    /// Whether keys may be evicted here and now, as far as it is not for the policy to say.
    fn may_evict(&self) -> bool {
        let is_idle_replica = self.replication.is_replica() && self.settings.replica_ignore_maxmemory;
        !is_idle_replica && self.clients.pause.is_none() && self.scripting.running.is_none()
    }

    /// At the end of a turn: works off what commands have left. Bounded in time.
    pub(crate) fn evict_some(&mut self) {
        let had_more = std::mem::take(&mut self.keyspace.evictor.has_more);
        if self.settings.maxmemory == 0 {
            return;
        }
        if self.counted_memory(0) <= self.settings.maxmemory {
            if let Some(since_us) = self.keyspace.evictor.over_since_us.take() {
                self.keyspace.evictor.over_total_us += (self.host.ticks)().saturating_sub(since_us);
            }
        } else if self.may_evict() && !unfreed::has_table() {
            // The first time in a row only what the commands of this turn have left of their time.
            if had_more {
                self.keyspace.evictor.spent_us = 0;
            }
            let room = self.evict(0, u64::MAX);
            self.keyspace.evictor.has_more = room == Room::Underway;
        }
        self.keyspace.evictor.spent_us = 0;
    }

    /// Whether memory is over its limit and the next turn goes on with it.
    pub fn has_more_to_evict(&self) -> bool {
        self.keyspace.evictor.has_more
    }

    /// How long memory has been over its limit, in milliseconds: in all, and now.
    pub fn over_limit_ms(&self) -> (u64, u64) {
        let evictor = &self.keyspace.evictor;
        let now_us = evictor.over_since_us.map_or(0, |since_us| (self.host.ticks)().saturating_sub(since_us));
        ((evictor.over_total_us + now_us) / 1000, now_us / 1000)
    }

    /// Evicts until memory is within its limit or time is up. While it is above `aim`, time that this turn
    /// has spent before does not count.
    fn evict(&mut self, running: usize, aim: u64) -> Room {
        if self.settings.maxmemory_policy == EvictionPolicy::NoEviction {
            return Room::NothingToEvict;
        }
        let limit_us = time_limit_us(self.settings.maxmemory_eviction_tenacity);
        let mut began_us = None;
        let mut room = Room::Made;
        let mut keys = 0;
        loop {
            let counted = self.counted_memory(running);
            if counted <= self.settings.maxmemory {
                break;
            }
            if keys % KEYS_PER_CLOCK == KEYS_PER_CLOCK - 1
                || (keys > 0 && self.keyspace.evictor.spent_us > limit_us)
            {
                let now_us = (self.host.ticks)();
                let elapsed_us = now_us.saturating_sub(*began_us.get_or_insert(now_us));
                let is_spent = self.keyspace.evictor.spent_us.saturating_add(elapsed_us) >= limit_us;
                if elapsed_us >= limit_us || (is_spent && counted <= aim) {
                    room = Room::Underway;
                    break;
                }
            }
            if !self.evict_one() {
                room = Room::NothingToEvict;
                break;
            }
            keys += 1;
        }
        if let Some(began_us) = began_us {
            self.note_eviction(began_us, room);
        }
        room
    }

    fn note_eviction(&mut self, began_us: u64, room: Room) {
        let now_us = (self.host.ticks)();
        let elapsed_us = now_us.saturating_sub(began_us);
        let evictor = &mut self.keyspace.evictor;
        evictor.spent_us += elapsed_us;
        if room == Room::Underway {
            evictor.over_since_us.get_or_insert(began_us);
        }
        let threshold_ms = self.settings.latency_monitor_threshold;
        if threshold_ms > 0 && elapsed_us / 1000 >= threshold_ms {
            self.stats.latency.record("eviction-cycle", self.clock.unix_ms / 1000, elapsed_us / 1000);
        }
    }

    /// Evicts the key that the policy chooses; tells whether there was one.
    fn evict_one(&mut self) -> bool {
        let mut name = std::mem::take(&mut self.keyspace.evictor.name);
        let chosen = self.choose_key(&mut name);
        if let Some(db) = chosen {
            let key = self.keyspace.dbs[db].key(&name);
            let scope = self.scope_of(db, &key);
            self.keyspace.dbs[db].delete(&key);
            self.stats.counters.evicted_keys += 1;
            if !self.replication.is_replica() {
                self.queue_propagation(scope, OwnedArgs::from_slices(&[b"DEL", &name]));
            }
            self.key_evicted(db, &name);
            self.flush_propagation();
        }
        self.keyspace.evictor.name = name;
        chosen.is_some()
    }

    /// Writes the name of the key to evict into `name`, and gives its database.
    fn choose_key(&mut self, name: &mut Vec<u8>) -> Option<usize> {
        use EvictionPolicy::{AllKeysRandom, VolatileRandom};
        let policy = self.settings.maxmemory_policy;
        if self.keyspace.evictor.policy != policy {
            self.keyspace.evictor.policy = policy;
            self.keyspace.evictor.candidates.clear();
        }
        let is_random = matches!(policy, AllKeysRandom | VolatileRandom);
        for _ in 0..EMPTY_SAMPLES_MAX {
            let db = self.database_to_evict(policy.is_volatile())?;
            self.sample(db);
            if is_random {
                let among = self.keyspace.evictor.sample.len() as u64;
                if among == 0 {
                    continue;
                }
                let item = self.keyspace.evictor.sample[self.keyspace.prng.below(among) as usize].item;
                let entry = self.keyspace.dbs[db].find_item(item)?;
                name.clear();
                name.extend_from_slice(entry.key());
                return Some(db);
            }
            if let Some(db) = self.best_candidate(db, name) {
                return Some(db);
            }
        }
        None
    }

    /// A database chosen at random, by the number of keys that may be evicted.
    fn database_to_evict(&mut self, is_volatile: bool) -> Option<usize> {
        let dbs = &self.keyspace.dbs;
        let keys = |db: usize| if is_volatile { dbs[db].expiring_len() } else { dbs[db].len() as u64 };
        let all: u64 = (0..dbs.len()).map(keys).sum();
        if all == 0 {
            return None;
        }
        if keys(0) == all {
            return Some(0);
        }
        let mut rest = self.keyspace.prng.below(all);
        (0..dbs.len()).find(|&db| {
            let is_it = rest < keys(db);
            rest = rest.saturating_sub(keys(db));
            is_it
        })
    }

    /// Fills the sample with keys of a database that the policy may evict.
    fn sample(&mut self, db: usize) {
        let wanted = (SAMPLES_FACTOR * self.settings.maxmemory_samples).min(SAMPLES_MAX);
        let keyspace = &mut self.keyspace;
        let (database, prng) = (&keyspace.dbs[db], &mut keyspace.prng);
        let sample = &mut keyspace.evictor.sample;
        sample.clear();
        match self.settings.maxmemory_policy {
            EvictionPolicy::VolatileTtl => database.sample_soonest(prng, wanted, sample),
            EvictionPolicy::VolatileRandom => database.sample_expiring(prng, 1, sample),
            EvictionPolicy::AllKeysRandom => database.sample(prng, 1, sample),
            policy if policy.is_volatile() => database.sample_expiring(prng, wanted, sample),
            _ => database.sample(prng, wanted, sample),
        }
    }

    /// Adds the sample to the candidates, and takes the best of them that is still as good as it was.
    fn best_candidate(&mut self, db: usize, name: &mut Vec<u8>) -> Option<usize> {
        let now_ms = self.clock.unix_ms;
        let (settings, keyspace) = (&self.settings, &mut self.keyspace);
        let Evictor { candidates, sample, .. } = &mut keyspace.evictor;
        for key in &*sample {
            candidates.offer(Candidate { score: settings.eviction_score(key, now_ms), db, item: key.item });
        }
        while let Some(best) = candidates.take_best() {
            let Some(entry) = keyspace.dbs.get(best.db).and_then(|db| db.find_item(best.item)) else {
                continue;
            };
            let expire_at_ms = entry.expire_at_ms();
            if settings.maxmemory_policy.is_volatile() && expire_at_ms.is_none() {
                continue;
            }
            let now = Sampled { item: best.item, clock: entry.clock(), expire_at_ms };
            let score = settings.eviction_score(&now, now_ms);
            if score < best.score && candidates.best_score().is_some_and(|other| other > score) {
                candidates.offer(Candidate { score, ..best });
                continue;
            }
            name.clear();
            name.extend_from_slice(entry.key());
            return Some(best.db);
        }
        None
    }
}

#[cfg(test)]
#[path = "eviction_tests.rs"]
mod tests;
