//! Keys whose time has come: deleted when they are met, and in the background.

use std::ops::Bound;

use super::Engine;
use crate::clients::origin::Origin;
use crate::keyspace::access::{lfu_clock, lru_clock};
use crate::keyspace::KeyRef;
use crate::resp::OwnedArgs;

/// Keys and timers that one turn of background expiry looks at, at most.
const EXPIRE_BUDGET: usize = 400;
/// Keys that one turn of background expiry deletes, at most.
const EXPIRE_DELETES_MAX: usize = 200;

impl Engine {
    /// Deletes a key whose time has come. Tells whether the key is to be treated as missing.
    ///
    /// The commands of our primary see the key until the primary's own deletion arrives.
    #[inline]
    pub fn expire_if_due(&mut self, db: usize, key: &KeyRef<'_>, asked_by: Origin) -> bool {
        let database = &self.keyspace.dbs[db];
        if database.expiring_len() == 0 {
            return false;
        }
        let now_ms = self.clock.unix_ms;
        if !database.get(key).is_some_and(|entry| entry.is_expired(now_ms)) || asked_by.sees_expired() {
            return false;
        }
        if !self.replication.is_replica() && self.clients.pause.is_none() {
            self.delete_expired(db, key);
        }
        true
    }

    /// Deletes an expired key: counted, announced and, on a primary, replicated.
    pub fn delete_expired(&mut self, db: usize, key: &KeyRef<'_>) {
        if !self.keyspace.dbs[db].delete(key) {
            return;
        }
        self.stats.counters.expired_keys += 1;
        self.queue_propagation(self.scope_of(db, key), OwnedArgs::from_slices(&[b"DEL", key.bytes]));
        self.key_expired(db, key.bytes);
    }

    /// One turn of background expiry over all databases, bounded in time.
    pub fn expire_some(&mut self) {
        if self.clients.pause.is_some() || !self.keyspace.active_expiry || self.scripting.running.is_some() {
            return;
        }
        if self.replication.is_replica() {
            return self.expire_written_at_replica();
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
            while deleted < EXPIRE_DELETES_MAX
                && self.keyspace.dbs[db].next_elements_expired(now_ms, &mut name)
            {
                let key = self.keyspace.dbs[db].key(&name);
                let fields = self.expire_fields(db, &key, EXPIRE_DELETES_MAX - deleted);
                self.keyspace.dirty += fields as u64;
                self.flush_propagation();
                deleted += fields.max(1);
            }
            self.keyspace.more_to_expire |= deleted >= EXPIRE_DELETES_MAX;
        }
        self.keyspace.expiry_scratch = name;
    }

    /// A client has written a key at this replica, which `replica-read-only no` allows. Our primary knows nothing of it
    /// and sends no deletion, so its expiry is this node's own business.
    #[cold]
    pub(crate) fn written_at_replica(&mut self, db: usize, name: &[u8]) {
        let key = self.keyspace.dbs[db].key(name);
        let expires = self.keyspace.dbs[db].get(&key).is_some_and(|entry| entry.expire_at_ms().is_some());
        if expires {
            self.keyspace.written_at_replica.insert((db, name.into()));
        }
    }

    /// Deletes keys whose time has come among those that clients have written here, some a turn.
    fn expire_written_at_replica(&mut self) {
        let now_ms = self.clock.unix_ms;
        for _ in 0..EXPIRE_BUDGET.min(self.keyspace.written_at_replica.len()) {
            let after = std::mem::take(&mut self.keyspace.written_at_replica_seen);
            let keys = &self.keyspace.written_at_replica;
            let next =
                keys.range((Bound::Excluded(&after), Bound::Unbounded)).next().or_else(|| keys.first());
            let Some(id) = next.cloned() else { return };
            let (db, name) = (id.0, &id.1);
            let key = self.keyspace.dbs[db].key(name);
            let expire_at_ms = self.keyspace.dbs[db].get(&key).and_then(|entry| entry.expire_at_ms());
            if expire_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                self.delete_expired(db, &key);
            }
            if expire_at_ms.is_none_or(|at_ms| at_ms <= now_ms) {
                self.keyspace.written_at_replica.remove(&id);
            }
            self.keyspace.written_at_replica_seen = id;
        }
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
