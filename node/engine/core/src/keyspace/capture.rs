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
//! A big value is handed out in parts while the walk stands at it: its bucket is not stamped before all of it has
//! left, and the snapshot remembers the entry ([`Stop`]). So a change of any entry of that bucket completes the value
//! first, and only then the entries behind it; a change elsewhere is handed out in between.
//!
//! BEHAVIOUR. Without a snapshot the check is one comparison, because the newest cut is 0. Several snapshots
//! may be active: one pass over a bucket serves all whose cut is above its version.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::entry::Entry;
use super::key::SLOT_COUNT;
use crate::types::ValueRef;

/// Where the picture goes.
pub trait Capture: Send {
    /// One entry as it was when the snapshot started. Each is given exactly once, in no particular order.
    fn entry(&mut self, db: usize, slot: u16, key: &[u8], value: ValueRef<'_>, expire_at_ms: Option<i64>);

    /// Like [`Capture::entry`], but it may take a part of a big value only, with at least `elements` of it: then it
    /// answers where the value goes on. Other entries may be given before that value is complete.
    fn begin(&mut self, what: Captured<'_>, elements: usize) -> Option<NonZeroU64> {
        let _ = elements;
        self.entry(what.db, what.slot, what.key, what.value, what.expire_at_ms);
        None
    }

    /// At least `elements` more of the value that [`Capture::begin`] has left open, which has not changed since.
    fn go_on(&mut self, value: ValueRef<'_>, cursor: NonZeroU64, elements: usize) -> Option<NonZeroU64> {
        let _ = (value, cursor, elements);
        None
    }

    /// Whether it has enough for now, so that the walk should pause.
    fn is_full(&self) -> bool {
        false
    }
}

/// An entry as it was when the snapshot started.
#[derive(Clone, Copy)]
pub struct Captured<'a> {
    /// The number of its database at the start.
    pub db: usize,
    /// Its slot.
    pub slot: u16,
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: ValueRef<'a>,
    /// When it expires, in Unix milliseconds.
    pub expire_at_ms: Option<i64>,
}

/// Elements of a big value that the walk hands out at once.
const PART_ELEMENTS: usize = 512;

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
    /// The walk has stopped within a bucket.
    stop: Option<Stop>,
}

/// Where the walk of a snapshot has stopped within a bucket, whose version is still an old one.
///
/// The entry lives, unchanged, for as long as it is remembered here: whoever changes or removes an entry calls
/// `before_change` for its bucket first, which completes the value and forgets it.
struct Stop {
    entry: Entry,
    /// Where the value goes on; `None` when it is complete, and the entries behind it are next.
    cursor: Option<NonZeroU64>,
}

impl ActiveCapture {
    /// Hands out the entries of a bucket that it lacks: all of them, or with `in_parts` no more than the first part of
    /// a big value, in which case it stops there. Tells whether it has all of them now.
    fn hand_out<I: Iterator<Item = Entry>>(
        &mut self,
        slot: u16,
        entries: &impl Fn() -> I,
        in_parts: bool,
    ) -> bool {
        let mut rest = entries();
        match self.stop.take() {
            Some(stop) if entries().any(|entry| entry == stop.entry) => {
                rest.by_ref().find(|entry| *entry == stop.entry);
                let mut next = stop.cursor;
                while let Some(cursor) = next {
                    next = self.sink.go_on(stop.entry.value(), cursor, usize::MAX);
                }
            }
            elsewhere => self.stop = elsewhere,
        }
        let may_stop = in_parts && self.stop.is_none();
        for entry in rest {
            let (key, value, expire_at_ms) = (entry.key(), entry.value(), entry.expire_at_ms());
            if !may_stop {
                self.sink.entry(self.db, slot, key, value, expire_at_ms);
                continue;
            }
            let what = Captured { db: self.db, slot, key, value, expire_at_ms };
            if let Some(cursor) = self.sink.begin(what, PART_ELEMENTS) {
                self.stop = Some(Stop { entry, cursor: Some(cursor) });
                return false;
            }
        }
        true
    }

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
    /// The snapshot that walks now.
    walker: Option<SnapshotId>,
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
        self.active.push(ActiveCapture {
            cut: self.version,
            db,
            slots,
            sink,
            at_slot: 0,
            at_prefix: 0,
            stop: None,
        });
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

    /// Hands the entries of one bucket to every snapshot that lacks them, and stamps the bucket. Tells whether a walk
    /// may go on: it stops at a big value, and then the bucket is not stamped yet.
    #[cold]
    pub(crate) fn hand_out<I: Iterator<Item = Entry>>(
        &mut self,
        slot: u16,
        version: &mut u32,
        entries: impl Fn() -> I,
    ) -> bool {
        let (dropped_at, walker) = (self.dropped_at, self.walker);
        let mut is_full = false;
        // Who walks comes first: if it stops, the others get the bucket when it has changed or is complete.
        for is_walker in [true, false] {
            for capture in &mut self.active {
                let is_meant = dropped_at.is_none_or(|dropped_at| capture.cut <= dropped_at);
                let is_turn = walker.is_some_and(|walker| walker.0 == capture.cut) == is_walker;
                if is_turn && *version < capture.cut && is_meant && capture.wants(slot) {
                    if !capture.hand_out(slot, &entries, is_walker) {
                        return false;
                    }
                    is_full |= is_walker && capture.sink.is_full();
                }
            }
        }
        *version = self.version;
        !is_full
    }

    /// A snapshot begins or ends a step of its walk.
    pub(crate) fn set_walker(&mut self, walker: Option<SnapshotId>) {
        self.walker = walker;
    }

    /// Hands out the next part of the value at which the walk of a snapshot has stopped; tells whether there was one.
    pub(crate) fn go_on(&mut self, snapshot: SnapshotId) -> bool {
        let Some(capture) = self.active.iter_mut().find(|capture| capture.cut == snapshot.0) else {
            return false;
        };
        let Some(stop) = &mut capture.stop else { return false };
        let Some(cursor) = stop.cursor else { return false };
        stop.cursor = capture.sink.go_on(stop.entry.value(), cursor, PART_ELEMENTS);
        true
    }
}
