//! Snapshots of the database: starting, walking, ending. See [`crate::keyspace::capture`].

use std::sync::Arc;

use super::{Db, Garbage};
use crate::keyspace::capture::{Capture, SlotSet, SnapshotId};

impl Db {
    /// Starts a snapshot of all keys, or of those of some slots, as they are now. The picture is complete when
    /// [`Db::walk_step`] says so; until then, keys are handed to `sink` from any method that changes something.
    pub fn start_snapshot(&mut self, slots: Option<Arc<SlotSet>>, sink: Box<dyn Capture>) -> SnapshotId {
        self.captures.start(self.index, slots, sink)
    }

    /// Hands out the next part of the picture: a part of a big value, or entries until `budget` keys were looked at (at
    /// least one segment) or the sink has enough. Tells whether the picture is complete.
    pub fn walk_step(&mut self, snapshot: SnapshotId, budget: usize) -> bool {
        if self.captures.go_on(snapshot) {
            return false;
        }
        self.captures.set_walker(Some(snapshot));
        let is_complete = self.walk_on(snapshot, budget);
        self.captures.set_walker(None);
        is_complete
    }

    fn walk_on(&mut self, snapshot: SnapshotId, mut budget: usize) -> bool {
        while let Some(mut unseen) = self.unseen.pop_front() {
            let next = self.captures.hand_out_until(unseen.version, |captures| {
                unseen.detached.table.walk(unseen.prefix, unseen.slot, captures, &mut budget)
            });
            match next {
                Some(prefix) => {
                    unseen.prefix = prefix;
                    self.unseen.push_front(unseen);
                    return false;
                }
                None => self.garbage.push(Garbage::keys(unseen.detached)),
            }
        }
        let Some((mut place, mut prefix, slots)) = self.captures.walk_position(snapshot) else { return true };
        let is_done = loop {
            let wanted = match &slots {
                Some(slots) => slots.next_from(place),
                None => Some(place),
            };
            match wanted {
                Some(next) if next < self.tables.len() => {
                    if next != place {
                        (place, prefix) = (next, 0);
                    }
                }
                _ => break true,
            }
            if budget == 0 {
                break false;
            }
            let next = match &self.tables[place] {
                Some(table) => table.walk(prefix, place as u16, &mut self.captures, &mut budget),
                None => None,
            };
            match next {
                Some(next) => prefix = next,
                None => (place, prefix) = (place + 1, 0),
            }
        };
        self.captures.set_walk_position(snapshot, place, prefix);
        is_done
    }

    /// Ends a snapshot, complete or not, and gives its sink back.
    pub fn end_snapshot(&mut self, snapshot: SnapshotId) -> Option<Box<dyn Capture>> {
        let sink = self.captures.end(snapshot);
        if self.captures.active.is_empty() {
            let unseen = self.unseen.drain(..).map(|unseen| Garbage::keys(unseen.detached));
            self.garbage.extend(unseen);
        }
        sink
    }
}
