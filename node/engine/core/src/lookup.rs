//! How commands meet the keyspace: look-ups that know about expiry, statistics and access clocks.
//!
//! A key past its time is as good as gone. On a primary a look-up deletes it and replicates the
//! deletion, so that a replica never decides about expiry by itself; on a replica it is only hidden.

use crate::command::Ctx;
use crate::engine::Engine;
use crate::keyspace::access::{lfu_clock, lfu_touch, lru_clock};
use crate::keyspace::prng::Prng;
use crate::keyspace::{Db, EntryRef, KeyRef};
use crate::notify::NotifyClass;
use crate::resp::reply::Reply;
use crate::resp::OwnedArgs;
use crate::session::Kind;
use crate::settings::Settings;

/// Keys and timers that one turn of background expiry looks at, at most.
const EXPIRE_BUDGET: usize = 400;
/// Keys that one turn of background expiry deletes, at most.
const EXPIRE_DELETES_MAX: usize = 200;

impl Engine {
    /// Deletes a key whose time has come. Tells whether the key is to be treated as missing.
    ///
    /// The commands of our primary see the key until the primary's own deletion arrives.
    #[inline]
    pub fn expire_if_due(&mut self, db: usize, key: &KeyRef<'_>, asked_by: Kind) -> bool {
        let database = &self.keyspace.dbs[db];
        if database.expiring_len() == 0 {
            return false;
        }
        let now_ms = self.clock.unix_ms;
        if !database.get(key).is_some_and(|entry| entry.is_expired(now_ms)) || asked_by == Kind::Primary {
            return false;
        }
        if !self.replication.is_replica() && self.clients.pause.is_none() {
            self.delete_expired(db, key);
        }
        true
    }

    /// Deletes an expired key on a primary: counted, announced and replicated.
    pub fn delete_expired(&mut self, db: usize, key: &KeyRef<'_>) {
        if !self.keyspace.dbs[db].delete(key) {
            return;
        }
        self.stats.counters.expired_keys += 1;
        self.queue_propagation(db, OwnedArgs::from_slices(&[b"DEL", key.bytes]));
        self.key_expired(db, key.bytes);
    }

    /// One turn of background expiry over all databases, bounded in time.
    pub fn expire_some(&mut self) {
        if self.replication.is_replica() || self.clients.pause.is_some() || !self.keyspace.active_expiry {
            return;
        }
        let now_ms = self.clock.unix_ms;
        let mut name = std::mem::take(&mut self.keyspace.expiry_scratch);
        self.keyspace.more_to_expire = false;
        for db in 0..self.keyspace.dbs.len() {
            let mut budget = EXPIRE_BUDGET;
            let mut deleted = 0;
            while deleted < EXPIRE_DELETES_MAX
                && self.keyspace.dbs[db].next_expired(now_ms, &mut budget, &mut name)
            {
                let key = self.keyspace.dbs[db].key(&name);
                self.delete_expired(db, &key);
                self.flush_propagation();
                deleted += 1;
            }
            self.keyspace.more_to_expire |= deleted == EXPIRE_DELETES_MAX;
        }
        self.keyspace.expiry_scratch = name;
    }

    /// Whether background expiry has more to do than one turn allows.
    pub fn has_more_to_expire(&self) -> bool {
        self.keyspace.more_to_expire
    }

    /// Whether a key is there, expired ones not counted.
    pub fn has_key(&self, db: usize, key: &[u8]) -> bool {
        let key = self.keyspace.dbs[db].key(key);
        self.keyspace.dbs[db].get(&key).is_some_and(|entry| !entry.is_expired(self.clock.unix_ms))
    }

    /// Whether a key is there, but past its time.
    pub fn is_past_expiry(&self, db: usize, key: &[u8]) -> bool {
        let key = self.keyspace.dbs[db].key(key);
        self.keyspace.dbs[db].get(&key).is_some_and(|entry| entry.is_expired(self.clock.unix_ms))
    }

    /// The access clock of a key that is stored now.
    #[inline]
    pub fn access_clock(&self) -> u32 {
        if self.settings.maxmemory_policy.is_lfu() {
            lfu_clock(self.clock.unix_ms)
        } else {
            lru_clock(self.clock.unix_ms)
        }
    }
}

/// The access clock of a key that is used now, after `clock`.
#[inline]
fn touched(settings: &Settings, prng: &mut Prng, now_ms: i64, clock: u32) -> u32 {
    if settings.maxmemory_policy.is_lfu() {
        lfu_touch(clock, now_ms, settings.lfu_decay_time, settings.lfu_log_factor, prng)
    } else {
        lru_clock(now_ms)
    }
}

impl<'a> Ctx<'a> {
    /// The session's database.
    #[inline]
    pub fn db(&mut self) -> &mut Db {
        &mut self.engine.keyspace.dbs[self.session.db]
    }

    /// Argument `index` as a key, with its hash and slot.
    #[inline]
    pub fn key(&self, index: usize) -> KeyRef<'a> {
        self.engine.keyspace.dbs[self.session.db].key(self.args.get(index))
    }

    /// Any bytes as a key.
    #[inline]
    pub fn key_of<'k>(&self, bytes: &'k [u8]) -> KeyRef<'k> {
        self.engine.keyspace.dbs[self.session.db].key(bytes)
    }

    /// Looks a key up to read it: counted as hit or miss, and its access clock moves.
    #[inline]
    pub fn read(&mut self, key: &KeyRef<'_>) -> Option<EntryRef<'_>> {
        let is_there = self.read_with(key, |entry, _| entry.is_some());
        if is_there {
            self.engine.keyspace.dbs[self.session.db].get(key)
        } else {
            None
        }
    }

    /// Like [`Ctx::read`], with one look-up for both the value and the reply that is made of it.
    #[inline]
    pub fn read_with<T>(
        &mut self,
        key: &KeyRef<'_>,
        answer: impl FnOnce(Option<EntryRef<'_>>, &mut Reply<'_>) -> T,
    ) -> T {
        let touch = !self.session.no_touch;
        self.look(key, touch, answer)
    }

    /// Like [`Ctx::read_with`], but the key does not count as used now.
    #[inline]
    pub fn peek_with<T>(
        &mut self,
        key: &KeyRef<'_>,
        answer: impl FnOnce(Option<EntryRef<'_>>, &mut Reply<'_>) -> T,
    ) -> T {
        self.look(key, false, answer)
    }

    #[inline]
    fn look<T>(
        &mut self,
        key: &KeyRef<'_>,
        touch: bool,
        answer: impl FnOnce(Option<EntryRef<'_>>, &mut Reply<'_>) -> T,
    ) -> T {
        let session = &mut *self.session;
        let mut reply = Reply::new(&mut session.out, session.resp);
        let now_ms = self.engine.clock.unix_ms;
        if let Some(entry) = self.engine.keyspace.dbs[session.db].get(key) {
            if !entry.is_expired(now_ms) || session.kind == Kind::Primary {
                self.engine.stats.counters.keyspace_hits += 1;
                if touch {
                    let clock = entry.clock();
                    let touched =
                        touched(&self.engine.settings, &mut self.engine.keyspace.prng, now_ms, clock);
                    if touched != clock {
                        entry.set_clock(touched);
                    }
                }
                return answer(Some(entry), &mut reply);
            }
            self.engine.expire_if_due(session.db, key, session.kind);
        }
        self.engine.stats.counters.keyspace_misses += 1;
        self.engine.notify(NotifyClass::MISSED, "keymiss", session.db, key.bytes);
        answer(None, &mut reply)
    }

    /// Looks a key up to change it, or to look at it without a trace: nothing is counted or touched.
    #[inline]
    pub fn find(&mut self, key: &KeyRef<'_>) -> Option<EntryRef<'_>> {
        let db = self.session.db;
        if self.engine.expire_if_due(db, key, self.session.kind) {
            return None;
        }
        self.engine.keyspace.dbs[db].get(key)
    }
}
