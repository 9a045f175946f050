//! All keys of a slot or of the database at once: dropped, exchanged, freed elsewhere.

use super::{Db, Detached, Garbage, Unseen, SLOTS_PER_GROUP};
use crate::keyspace::expiry::ExpiryWheel;
use crate::keyspace::table::Moves;

impl Db {
    /// Removes all keys of a slot at once, to the garbage. Gives their number.
    pub fn drop_slot(&mut self, slot: u16) -> usize {
        let place = usize::from(slot);
        let Some(table) = self.tables.get_mut(place).and_then(Option::take) else { return 0 };
        let keys = table.len();
        self.len -= keys;
        self.table_len[place] = 0;
        self.group_len[place / SLOTS_PER_GROUP] -= keys as u64;
        self.expiring -= table.expiring;
        self.expiry_sum_ms -= table.expiry_sum_ms;
        let detached = Box::new(Detached { table: *table });
        if self.captures.active.is_empty() {
            self.garbage.push(Garbage::keys(detached));
        } else {
            let version = self.captures.version();
            self.unseen.push_back(Unseen { slot, version, prefix: 0, detached });
        }
        keys
    }

    /// Moves what lies in sparse pages of the allocator, a segment of the table at a time. `at` is where to go on: a table
    /// and a hash prefix; gives the next place, or `None` at the end.
    pub fn defragment(
        &mut self,
        at: (usize, u64),
        percent: usize,
        moves: &mut Moves,
    ) -> Option<(usize, u64)> {
        let place = (at.0..self.tables.len()).find(|&place| self.tables[place].is_some())?;
        let prefix = if place == at.0 { at.1 } else { 0 };
        let next = self.tables[place].as_ref()?.defragment(prefix, percent, moves);
        Some(next.map_or((place + 1, 0), |prefix| (place, prefix)))
    }

    /// Removes all keys at once, to the garbage. Gives their number.
    pub fn clear(&mut self) -> usize {
        let keys = self.len;
        for slot in 0..self.tables.len() {
            self.drop_slot(slot as u16);
        }
        self.wheel = ExpiryWheel::default();
        self.all_elements_gone();
        keys
    }

    /// Exchanges the contents with another database (SWAPDB). Snapshots go on with the contents they began with,
    /// under the number these had then.
    pub fn swap_contents(&mut self, other: &mut Db) {
        std::mem::swap(self, other);
        std::mem::swap(&mut self.index, &mut other.index);
    }

    /// Takes the contents of another database in place of its own, which go to the garbage. Snapshots of either
    /// must have ended.
    pub fn replace_contents(&mut self, mut new: Db) {
        self.clear();
        let mut garbage = self.take_garbage();
        self.swap_contents(&mut new);
        garbage.append(&mut self.garbage);
        self.garbage = garbage;
    }

    /// What was removed and is still to be freed; drop it on another thread.
    pub fn take_garbage(&mut self) -> Vec<Garbage> {
        std::mem::take(&mut self.garbage)
    }

    /// Whether there is something to free.
    #[inline]
    pub fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }
}
