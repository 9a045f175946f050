//! The write hook: every change of a key goes through one call that says which key, what happened, and how much.
//!
//! BACKGROUND. Many parts of the engine must know when a key changes: transactions that watch it, the counters
//! of INFO and of the next save, sessions that wait for the key, keyspace events, replication, the moves of slots to other nodes. They hear of
//! it here and nowhere else, so that a command cannot tell some of them and forget the others.
//!
//! INVARIANTS.
//! - The hook is called *after* the keyspace has changed, once for each key and each change of it. A key that a
//!   command changes and then deletes (the last field of a hash) is two changes.
//! - What `count` adds up to is what makes a command replicated: a command whose calls sum up to 0 has changed nothing.
//! - In debug builds the dispatcher holds every command to it: whoever changes the keyspace without a call panics.
//!
//! BEHAVIOUR. With nobody watching or waiting and no slot on the move a call costs five comparisons.

use super::Engine;
use crate::clients::origin::Origin;
use crate::settings::NotifyClass;

impl Engine {
    /// A key has changed: `event` of `class` happened to it, which counts as `count` changes of the data set.
    #[inline]
    pub fn key_changed(&mut self, db: usize, key: &[u8], class: NotifyClass, event: &str, count: u64) {
        self.call.hooked();
        self.call.frame.dirty += count;
        if !self.clients.watches.is_empty() {
            self.clients.watches.changed(db, key);
        }
        if self.clients.waiting.awaits_keys() {
            self.clients.waiting.key_changed(db, key);
        }
        if !self.cluster.migrations.is_idle() {
            self.moving_key_changed(db, key);
        }
        if self.replication.is_replica() && self.call.frame.origin == Origin::Client {
            self.written_at_replica(db, key);
        }
        self.notify(class, event, db, key);
    }

    /// A key was removed because its time had come. Who watched it while it was past its expiry already saw it as
    /// missing, so for them nothing has changed.
    pub(crate) fn key_expired(&mut self, db: usize, key: &[u8]) {
        self.call.hooked();
        self.notify(NotifyClass::EXPIRED, "expired", db, key);
        if !self.clients.watches.is_empty() {
            self.clients.watches.changed_by_expiry(db, key);
        }
        if self.clients.waiting.awaits_keys() {
            self.clients.waiting.key_changed(db, key);
        }
        if !self.cluster.migrations.is_idle() {
            self.moving_key_changed(db, key);
        }
    }

    /// A key was removed to make room. Whoever watched it has lost it.
    pub(crate) fn key_evicted(&mut self, db: usize, key: &[u8]) {
        self.key_changed(db, key, NotifyClass::EVICTED, "evicted", 0);
    }

    /// A key has left for another node, which serves it from now on.
    pub(crate) fn key_departed(&mut self, db: usize, key: &[u8]) {
        self.call.hooked();
        self.keyspace.dirty += 1;
        if !self.clients.watches.is_empty() {
            self.clients.watches.changed(db, key);
        }
        if self.clients.waiting.awaits_keys() {
            self.clients.waiting.key_changed(db, key);
        }
        self.notify(NotifyClass::GENERIC, "del", db, key);
    }

    /// A database is about to be emptied, which counts as `keys` changes.
    pub(crate) fn database_flushed(&mut self, db: usize) {
        self.call.hooked();
        self.call.frame.dirty += self.keyspace.dbs[db].len() as u64;
        self.changed_by_flush(db);
        self.clients.waiting.database_changed(db);
        self.moving_keys_flushed(db);
    }

    /// The contents of a database were written out and are about to be replaced by what was read back.
    pub(crate) fn database_reloaded(&mut self, db: usize) {
        self.call.hooked();
        self.changed_by_flush(db);
        self.clients.waiting.database_changed(db);
    }

    /// Two databases are about to change places.
    pub(crate) fn databases_swapped(&mut self, first: usize, second: usize) {
        self.call.hooked();
        self.changed_by_swap(first, second);
        self.clients.waiting.database_changed(first);
        self.clients.waiting.database_changed(second);
        self.replication.databases_swapped(first, second);
        self.persistence.databases_swapped(first, second);
    }
}
