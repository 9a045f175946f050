//! Candidates for eviction: keys picked at random, or those that expire soonest.
//!
//! A bucket of the table is read whole, so a handful of keys costs one load of the bucket and loads of the
//! entries that overlap. Keys with an expiry are picked through the expiry wheel, which holds nobody else: a
//! hundred of them among a hundred million keys are found as quickly as if they were alone.

use super::{Db, EntryRef, SLOTS_PER_GROUP};
use crate::base::prng::Prng;
use crate::keyspace::expiry;

/// What an eviction policy needs to know of a key; `item` finds the key again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// The part of its hash that the table looks at, and its slot.
    pub item: u64,
    /// Its access clock.
    pub clock: u32,
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
}

impl Db {
    /// Adds about `wanted` keys to `out`, every one with about the same chance.
    pub fn sample(&self, prng: &mut Prng, wanted: usize, out: &mut Vec<Sampled>) {
        // In a cluster a slot may have few keys: others are asked too, but not for ever.
        for _ in 0..wanted.max(1) {
            let Some(place) = self.random_table(prng) else { return };
            let Some(table) = &self.tables[place] else { return };
            table.sample(prng, wanted, |entry| {
                let item = expiry::item(self.hasher.hash(entry.key()), place as u16);
                out.push(Sampled { item, clock: entry.clock(), expire_at_ms: entry.expire_at_ms() });
            });
            if out.len() >= wanted {
                return;
            }
        }
    }

    /// Adds up to `wanted` keys that have an expiry to `out`, every one with about the same chance.
    pub fn sample_expiring(&self, prng: &mut Prng, wanted: usize, out: &mut Vec<Sampled>) {
        self.wheel.sample(prng, wanted, |item| self.push_expiring(item, out));
    }

    /// Adds up to `wanted` keys to `out` that expire before all others do, or at about the same time as
    /// these.
    pub fn sample_soonest(&self, prng: &mut Prng, wanted: usize, out: &mut Vec<Sampled>) {
        self.wheel.sample_soonest(prng, wanted, |item| self.push_expiring(item, out));
    }

    fn push_expiring(&self, item: u64, out: &mut Vec<Sampled>) {
        let Some(entry) = self.find_item(item) else { return };
        let expire_at_ms = entry.expire_at_ms();
        if expire_at_ms.is_some() {
            out.push(Sampled { item, clock: entry.clock(), expire_at_ms });
        }
    }

    /// The key of an item, if it is still there.
    pub fn find_item(&self, item: u64) -> Option<EntryRef<'_>> {
        let table = self.table(expiry::slot_of(item))?;
        Some(EntryRef::new(table.find_by(item, |_| true)?.entry()))
    }

    /// A table chosen at random, by the number of its keys.
    pub(super) fn random_table(&self, prng: &mut Prng) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        if !self.is_cluster() {
            return Some(0);
        }
        let mut rest = prng.below(self.len as u64);
        let mut group = 0;
        while rest >= *self.group_len.get(group)? {
            rest -= self.group_len[group];
            group += 1;
        }
        let mut place = group * SLOTS_PER_GROUP;
        while rest >= u64::from(*self.table_len.get(place)?) {
            rest -= u64::from(self.table_len[place]);
            place += 1;
        }
        Some(place)
    }
}
