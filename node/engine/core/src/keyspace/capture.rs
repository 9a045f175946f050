//! The consistent picture of the keyspace while it goes on changing: the first half of *snapshot + stream*.
//!
//! BACKGROUND. Every bucket of the table carries the version at which it was last handed to a snapshot.
//! Starting a snapshot takes the next version as its *cut*. A bucket whose version is below a cut has not been
//! handed to that snapshot: before it changes, and when the walk reaches it, all of its entries are handed out
//! and the bucket is stamped with the newest version. So each entry is handed out once, as it was at the start.
//!
//! INVARIANTS. Nobody changes a bucket without [`Captures::before_change`]. A new bucket starts with the newest
//! version; entries only move between buckets (a segment is rebuilt, split or merged) after all buckets
//! involved were handed out. Access clocks are not part of the picture.
//!
//! BEHAVIOUR. Without a snapshot the check is one comparison, because the newest cut is 0. Several snapshots
//! may be active: one pass over a bucket serves all whose cut is above its version.

use std::sync::Arc;

use super::entry::Entry;
use super::key::SLOT_COUNT;
use crate::types::ValueRef;

/// Where the picture goes.
pub trait Capture: Send {
    /// One entry as it was when the snapshot started. Each is given exactly once, in no particular order.
    fn entry(&mut self, db: usize, slot: u16, key: &[u8], value: ValueRef<'_>, expire_at_ms: Option<i64>);
}

/// A set of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSet {
    words: Box<[u64; SLOT_COUNT / 64]>,
}

impl Default for SlotSet {
    fn default() -> Self {
        SlotSet { words: Box::new([0; SLOT_COUNT / 64]) }
    }
}

impl SlotSet {
    /// Adds a slot below [`SLOT_COUNT`].
    pub fn insert(&mut self, slot: u16) {
        self.words[usize::from(slot) / 64 % (SLOT_COUNT / 64)] |= 1 << (slot % 64);
    }

    /// Takes a slot out.
    pub fn remove(&mut self, slot: u16) {
        self.words[usize::from(slot) / 64 % (SLOT_COUNT / 64)] &= !(1 << (slot % 64));
    }

    /// Whether a slot is in it.
    #[inline]
    pub fn contains(&self, slot: u16) -> bool {
        self.words[usize::from(slot) / 64 % (SLOT_COUNT / 64)] & 1 << (slot % 64) != 0
    }

    /// The first slot in it that is not below `from`.
    pub fn next_from(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = self.words.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.words.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

impl FromIterator<u16> for SlotSet {
    fn from_iter<I: IntoIterator<Item = u16>>(slots: I) -> Self {
        let mut set = SlotSet::default();
        slots.into_iter().for_each(|slot| set.insert(slot));
        set
    }
}

/// Names a snapshot of a database; later ones compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId(pub(crate) u32);

pub(crate) struct ActiveCapture {
    cut: u32,
    /// The number the database had at the start; SWAPDB may have changed it since.
    db: usize,
    slots: Option<Arc<SlotSet>>,
    sink: Box<dyn Capture>,
    /// Where the walk goes on: a slot, and a hash prefix in its table.
    at_slot: usize,
    at_prefix: u64,
}

impl ActiveCapture {
    fn wants(&self, slot: u16) -> bool {
        self.slots.as_ref().is_none_or(|slots| slots.contains(slot))
    }
}

/// The active snapshots of a database.
#[derive(Default)]
pub(crate) struct Captures {
    /// The version that new buckets get.
    version: u32,
    /// The greatest cut of an active snapshot; 0 without one.
    newest_cut: u32,
    pub(crate) active: Vec<ActiveCapture>,
    /// Set while something dropped is handed out: snapshots that started after the drop do not get it.
    dropped_at: Option<u32>,
}

impl Captures {
    pub(crate) fn start(
        &mut self,
        db: usize,
        slots: Option<Arc<SlotSet>>,
        sink: Box<dyn Capture>,
    ) -> SnapshotId {
        self.version += 1;
        self.newest_cut = self.version;
        self.active.push(ActiveCapture { cut: self.version, db, slots, sink, at_slot: 0, at_prefix: 0 });
        SnapshotId(self.version)
    }

    pub(crate) fn end(&mut self, snapshot: SnapshotId) -> Option<Box<dyn Capture>> {
        let position = self.active.iter().position(|capture| capture.cut == snapshot.0)?;
        let ended = self.active.swap_remove(position);
        self.newest_cut = self.active.iter().map(|capture| capture.cut).max().unwrap_or(0);
        Some(ended.sink)
    }

    /// The version for a new bucket, and for one just handed out.
    #[inline]
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Whether there is no snapshot, so that no version needs a look.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.newest_cut == 0
    }

    /// Whether a bucket of this version must be handed out before it changes.
    #[inline]
    pub(crate) fn is_due(&self, version: u32) -> bool {
        version < self.newest_cut
    }

    /// Hands out what was dropped at a version.
    pub(crate) fn hand_out_until<T>(
        &mut self,
        dropped_at: u32,
        hand_out: impl FnOnce(&mut Captures) -> T,
    ) -> T {
        self.dropped_at = Some(dropped_at);
        let result = hand_out(self);
        self.dropped_at = None;
        result
    }

    /// Where the walk of a snapshot goes on, and the slots it wants.
    pub(crate) fn walk_position(&self, snapshot: SnapshotId) -> Option<(usize, u64, Option<Arc<SlotSet>>)> {
        let capture = self.active.iter().find(|capture| capture.cut == snapshot.0)?;
        Some((capture.at_slot, capture.at_prefix, capture.slots.clone()))
    }

    pub(crate) fn set_walk_position(&mut self, snapshot: SnapshotId, slot: usize, prefix: u64) {
        if let Some(capture) = self.active.iter_mut().find(|capture| capture.cut == snapshot.0) {
            (capture.at_slot, capture.at_prefix) = (slot, prefix);
        }
    }

    /// Hands the entries of one bucket to every snapshot that lacks them, and stamps the bucket.
    #[cold]
    pub(crate) fn hand_out(&mut self, slot: u16, version: &mut u32, entries: impl Iterator<Item = Entry>) {
        for entry in entries {
            for capture in &mut self.active {
                let is_meant = self.dropped_at.is_none_or(|dropped_at| capture.cut <= dropped_at);
                if *version < capture.cut && is_meant && capture.wants(slot) {
                    capture.sink.entry(capture.db, slot, entry.key(), entry.value(), entry.expire_at_ms());
                }
            }
        }
        *version = self.version;
    }
}
