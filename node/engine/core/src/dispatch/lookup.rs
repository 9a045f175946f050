//! How commands meet the keyspace: look-ups that know about expiry, statistics and access clocks.
//!
//! A key past its time is as good as gone. On a primary a look-up deletes it and replicates the
//! deletion, so that a replica never decides about expiry by itself; on a replica it is only hidden.

use crate::base::prng::Prng;
use crate::dispatch::Ctx;
use crate::engine::Engine;
use crate::keyspace::access::{lfu_touch, lru_clock};
use crate::keyspace::{Db, EntryRef, KeyRef, ObjectMut};
use crate::resp::failure::{Failure, WRONG_TYPE};
use crate::resp::reply::Reply;
use crate::settings::NotifyClass;
use crate::settings::Settings;

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

    /// Argument `index`, one of the command's keys, as a key.
    #[inline]
    pub fn key(&self, index: usize) -> KeyRef<'a> {
        self.own_key(self.args.get(index))
    }

    /// One of the command's keys, given by its bytes. Routing has found its slot, and of the first key the hash too.
    #[inline]
    pub fn own_key<'k>(&self, bytes: &'k [u8]) -> KeyRef<'k> {
        let call = &self.engine.call;
        let db = &self.engine.keyspace.dbs[self.session.db];
        let key = match (call.key.get(bytes), call.slot) {
            (Some(key), _) => key,
            (None, Some(slot)) => db.key_in_slot(bytes, slot),
            (None, None) => db.key(bytes),
        };
        debug_assert!(db.computes(&key));
        key
    }

    /// Any bytes as a key, of whatever slot.
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
            if !entry.is_expired(now_ms) || session.origin.sees_expired() {
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
            self.engine.expire_if_due(session.db, key, session.origin);
        }
        self.engine.stats.counters.keyspace_misses += 1;
        self.engine.notify(NotifyClass::MISSED, "keymiss", session.db, key.bytes);
        answer(None, &mut reply)
    }

    /// Looks a key up to change it: its access clock moves, but it is no hit or miss.
    #[inline]
    pub fn find(&mut self, key: &KeyRef<'_>) -> Option<EntryRef<'_>> {
        let db = self.session.db;
        if self.engine.expire_if_due(db, key, self.session.origin) {
            return None;
        }
        let entry = self.engine.keyspace.dbs[db].get(key)?;
        if !self.session.no_touch {
            let (settings, clock) = (&self.engine.settings, entry.clock());
            let now_ms = self.engine.clock.unix_ms;
            let touched = touched(settings, &mut self.engine.keyspace.prng, now_ms, clock);
            if touched != clock {
                entry.set_clock(touched);
            }
        }
        Some(entry)
    }

    /// Looks a collection up to change it, like [`Ctx::find`] in one look-up, with the reply beside it. Who asks for it
    /// changes it, or says that nothing has changed.
    ///
    /// # Errors
    /// Where the key holds a string.
    #[inline]
    pub fn find_mut(&mut self, key: &KeyRef<'_>) -> Result<Option<(ObjectMut<'_>, Reply<'_>)>, Failure> {
        let session = &mut *self.session;
        if self.engine.expire_if_due(session.db, key, session.origin) {
            return Ok(None);
        }
        let Engine { keyspace, settings, clock, .. } = &mut *self.engine;
        let (now_ms, prng, may_touch) = (clock.unix_ms, &mut keyspace.prng, !session.no_touch);
        let object = keyspace.dbs[session.db].find_object_mut(key, |entry| {
            let clock = entry.clock();
            let touched = if may_touch { touched(settings, prng, now_ms, clock) } else { clock };
            if touched != clock {
                entry.set_clock(touched);
            }
        });
        match object {
            None => Ok(None),
            Some(None) => Err(WRONG_TYPE),
            Some(Some(object)) => Ok(Some((object, Reply::new(&mut session.out, session.resp)))),
        }
    }

    /// The access clock of a key that is stored now, whatever was there. A use counter goes on counting; a key that
    /// `find` has touched has been counted already.
    #[inline]
    pub fn clock_to_store(&mut self, key: &KeyRef<'_>, is_touched: bool) -> u32 {
        if !self.engine.settings.maxmemory_policy.is_lfu() {
            return lru_clock(self.engine.clock.unix_ms);
        }
        let entry = if is_touched { self.find_quietly(key) } else { self.find(key) };
        match entry.map(EntryRef::clock) {
            Some(clock) => clock,
            None => self.engine.access_clock(),
        }
    }

    /// Looks a key up without a trace: nothing is counted or touched.
    #[inline]
    pub fn find_quietly(&mut self, key: &KeyRef<'_>) -> Option<EntryRef<'_>> {
        let db = self.session.db;
        if self.engine.expire_if_due(db, key, self.session.origin) {
            return None;
        }
        self.engine.keyspace.dbs[db].get(key)
    }
}
