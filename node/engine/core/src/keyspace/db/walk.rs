//! Looking at many keys: SCAN, all keys, the keys of a slot, a random key.

use std::ops::ControlFlow;

use super::{Db, EntryRef};
use crate::base::prng::Prng;
use crate::keyspace::table::{TableCursor, CURSOR_BITS};

impl Db {
    /// Visits keys from a cursor on (0 to start), at least `count` of them unless the end comes first, and gives
    /// the cursor to go on from (0 at the end). Every key that is there throughout is visited at least once.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(EntryRef<'_>)) -> u64 {
        let mut place = (cursor >> CURSOR_BITS) as usize;
        let Some(mut inside) = TableCursor::unpack(cursor & ((1 << CURSOR_BITS) - 1)) else { return 0 };
        let mut visited = 0;
        while place < self.tables.len() {
            if let Some(table) = &self.tables[place] {
                let left = count.saturating_sub(visited);
                let next = table.scan(inside, left.max(1), |entry| {
                    visited += 1;
                    visit(EntryRef::new(entry));
                });
                if let Some(next) = next {
                    return next.pack() | (place as u64) << CURSOR_BITS;
                }
            }
            place += 1;
            inside = TableCursor::default();
            if visited >= count.max(1) {
                break;
            }
        }
        while self.table_len.get(place) == Some(&0) {
            place += 1;
        }
        if place < self.tables.len() {
            (place as u64) << CURSOR_BITS
        } else {
            0
        }
    }

    /// Visits all keys until told to stop.
    pub fn for_each(&self, mut visit: impl FnMut(EntryRef<'_>) -> ControlFlow<()>) {
        let _ = self
            .tables
            .iter()
            .flatten()
            .try_for_each(|table| table.for_each(|entry| visit(EntryRef::new(entry))));
    }

    /// A key chosen at random, every one with about the same chance.
    pub fn random(&self, prng: &mut Prng) -> Option<EntryRef<'_>> {
        let place = self.random_table(prng)?;
        self.tables[place].as_ref()?.random(prng).map(EntryRef::new)
    }

    /// Number of keys in a slot; all keys outside a cluster.
    #[inline]
    pub fn slot_len(&self, slot: u16) -> usize {
        self.table_len.get(usize::from(slot)).map_or(0, |&keys| keys as usize)
    }

    /// Visits keys of a slot until told to stop.
    pub fn for_each_in_slot(&self, slot: u16, mut visit: impl FnMut(EntryRef<'_>) -> ControlFlow<()>) {
        if let Some(table) = self.table(slot) {
            let _ = table.for_each(|entry| visit(EntryRef::new(entry)));
        }
    }
}
