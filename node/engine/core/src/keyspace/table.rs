//! The table: extendible hashing over segments.
//!
//! A directory of 2^depth places is indexed by the top bits of the hash; each place names a segment, and a
//! segment of a smaller depth is named by several neighbouring places. A full segment first grows in place
//! through the allocator's sizes (by an eighth to a quarter each time), then splits in two by one more bit of
//! the hash. So growth costs a few microseconds at a time however large the table is, and memory follows the
//! number of keys closely. The one thing proportional to the data is the doubling of the directory, 8 bytes for
//! several hundred keys: about a millisecond at 100 million keys.
//!
//! Removing goes the other way: a sparse segment is rebuilt smaller, and two sparse siblings become one.
//!
//! SCAN. Keys are visited in the order of (directory prefix, home bucket): the cursor is the prefix of the
//! segment in progress with its depth, and the lowest tag not yet visited in it. Since the home is monotonic in
//! the tag, the cursor keeps its meaning when a segment is rebuilt with more or fewer buckets. After a split both
//! halves go on behind it (the second from its start); after a merge the merged segment is visited from its
//! start. So a key that is there throughout is visited at least once.

use std::ops::ControlFlow;

use super::capture::Captures;
use super::entry::Entry;
use super::key::KeyHasher;
use super::segment::{prefix_of, tag_of, Segment, Tagged, LANES, LINES_MAX, LINE_BYTES, PREFIX_BITS};
use crate::base::prng::Prng;

/// Deepest directory.
const DEPTH_MAX: u32 = PREFIX_BITS;

/// Entries are hashed again when a segment splits; so many of them are loaded ahead of their turn.
const SPLIT_PREFETCH: usize = 12;

/// Places tried for a random entry before the search goes on in order.
const RANDOM_TRIES_MAX: usize = 48;

/// Buckets that a sample looks into at least before it takes fewer keys than wanted.
const SAMPLE_TRIES_MIN: usize = 8;

/// Two siblings become one segment if they fill at most this share of the largest one, in percent.
const MERGE_FILL_PERCENT_MAX: usize = 45;

/// Where an entry is; valid until the table changes.
#[derive(Clone, Copy)]
pub(crate) struct Position {
    segment: Segment,
    bucket: usize,
    lane: usize,
}

impl Position {
    #[inline]
    pub(crate) fn entry(self) -> Entry {
        self.segment.entry(self.bucket, self.lane)
    }

    /// Names another allocation for the same key.
    #[inline]
    pub(crate) fn replace(self, entry: Entry) {
        self.segment.replace(self.bucket, self.lane, entry);
    }

    /// Must be called before the entry changes in any way that a snapshot sees.
    #[inline]
    pub(crate) fn before_change(self, slot: u16, captures: &mut Captures) {
        self.segment.before_change(self.bucket, slot, captures);
    }
}

/// What was moved together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moves {
    /// Allocations moved.
    pub moved: usize,
    /// Keys looked at.
    pub keys: usize,
    /// Keys of which something was moved.
    pub keys_moved: usize,
}

/// A place between the keys of a table, for SCAN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableCursor {
    /// The low `depth` bits are the prefix of the segment in progress.
    prefix: u64,
    depth: u32,
    tag: u16,
}

const CURSOR_TAG_BITS: u32 = 16;
const CURSOR_DEPTH_BITS: u32 = 5;
/// Bits of a packed cursor.
pub(crate) const CURSOR_BITS: u32 = CURSOR_TAG_BITS + CURSOR_DEPTH_BITS + PREFIX_BITS;

impl TableCursor {
    pub(crate) fn pack(self) -> u64 {
        u64::from(self.tag)
            | u64::from(self.depth) << CURSOR_TAG_BITS
            | self.prefix << (CURSOR_TAG_BITS + CURSOR_DEPTH_BITS)
    }

    /// Cursors come from outside: one that no table gave is `None`.
    pub(crate) fn unpack(packed: u64) -> Option<TableCursor> {
        let cursor = TableCursor {
            tag: packed as u16,
            depth: (packed >> CURSOR_TAG_BITS) as u32 & ((1 << CURSOR_DEPTH_BITS) - 1),
            prefix: packed >> (CURSOR_TAG_BITS + CURSOR_DEPTH_BITS),
        };
        (cursor.depth <= DEPTH_MAX && cursor.prefix >> cursor.depth == 0).then_some(cursor)
    }
}

/// The keys of a database, or of one slot of it.
#[derive(Default)]
pub(crate) struct Table {
    /// 2^depth places, or none while the table is empty.
    directory: Vec<Segment>,
    depth: u32,
    /// Segments as deep as the directory; without any, the directory can be halved.
    deepest: usize,
    len: usize,
    segment_bytes: usize,
    /// Number of entries with an expiry, and the sum of their expiries; kept by the database.
    pub(crate) expiring: u64,
    pub(crate) expiry_sum_ms: i128,
}

// SAFETY: a table owns its segments and entries, and everything in an entry (bytes, collections) is Send.
unsafe impl Send for Table {}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many entries have a place without more memory.
    pub(crate) fn places(&self) -> usize {
        self.segment_bytes / LINE_BYTES * LANES
    }

    /// Bytes of the table without its entries.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.segment_bytes + self.directory.capacity() * size_of::<Segment>() + size_of::<Table>()
    }

    #[inline]
    fn segment(&self, hash: u64) -> Option<Segment> {
        let place = prefix_of(hash) >> (PREFIX_BITS - self.depth);
        self.directory.get(place as usize).copied()
    }

    #[inline]
    pub(crate) fn prefetch_bucket(&self, hash: u64) {
        if let Some(segment) = self.segment(hash) {
            segment.prefetch(hash);
        }
    }

    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: u64) {
        if let Some(segment) = self.segment(hash) {
            segment.prefetch_entry(hash);
        }
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<Position> {
        self.find_by(hash, |entry| entry.key_is(key))
    }

    /// The first entry with this hash that `is_it` accepts.
    #[inline]
    pub(crate) fn find_by(&self, hash: u64, is_it: impl FnMut(Entry) -> bool) -> Option<Position> {
        let segment = self.segment(hash)?;
        let (bucket, lane) = segment.find(hash, is_it)?;
        Some(Position { segment, bucket, lane })
    }

    /// Adds an entry whose key is not there.
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        entry: Entry,
        slot: u16,
        hasher: &KeyHasher,
        captures: &mut Captures,
    ) -> Position {
        if self.directory.is_empty() {
            let first = Segment::filled(&[], 0, 0, 0, captures.version());
            self.segment_bytes = first.bytes();
            self.directory.push(first);
            self.deepest = 1;
        }
        loop {
            let segment = self.segment(hash).expect("the directory is not empty");
            if let Some(bucket) = segment.room(tag_of(hash)) {
                segment.before_change(bucket, slot, captures);
                let lane = segment.put(bucket, Tagged::new(hash, entry));
                self.len += 1;
                return Position { segment, bucket, lane };
            }
            self.grow(segment, slot, hasher, captures);
        }
    }

    /// Takes an entry out; the caller frees it.
    pub(crate) fn remove(&mut self, position: Position, slot: u16, captures: &mut Captures) -> Entry {
        let Position { segment, bucket, lane } = position;
        segment.before_change(bucket, slot, captures);
        let entry = segment.take(bucket, lane);
        self.len -= 1;
        if segment.is_sparse() {
            self.shrink(segment, slot, captures);
        }
        entry
    }

    #[cold]
    fn grow(&mut self, segment: Segment, slot: u16, hasher: &KeyHasher, captures: &mut Captures) {
        segment.hand_out(slot, captures);
        let is_largest = segment.lines() >= LINES_MAX;
        // A directory larger than its keys deserve means that their hashes agree; more bits would not help.
        let is_worth_it = 1 << segment.depth() <= self.len / LANES + 1;
        if is_largest && is_worth_it && segment.depth() < DEPTH_MAX {
            self.split(segment, hasher, captures.version());
        } else {
            let entries: Vec<Tagged> = segment.all().collect();
            let lines = Segment::lines_after(segment.lines());
            let grown =
                Segment::filled(&entries, lines, segment.depth(), segment.prefix(), captures.version());
            self.install(&[segment], &[grown]);
        }
    }

    fn split(&mut self, segment: Segment, hasher: &KeyHasher, version: u32) {
        let depth = segment.depth() + 1;
        let entries: Vec<Tagged> = segment.all().collect();
        let mut halves = [Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len())];
        for (index, &tagged) in entries.iter().enumerate() {
            if let Some(ahead) = entries.get(index + SPLIT_PREFETCH) {
                Entry::prefetch(ahead.address());
            }
            let prefix = prefix_of(hasher.hash(tagged.entry().key()));
            halves[(prefix >> (PREFIX_BITS - depth)) as usize & 1].push(tagged);
        }
        if segment.depth() == self.depth {
            self.directory = self.directory.iter().flat_map(|&segment| [segment, segment]).collect();
            self.depth += 1;
            self.deepest = 0;
        }
        let [low, high] = halves;
        let low = Segment::filled(&low, 0, depth, segment.prefix() << 1, version);
        let high = Segment::filled(&high, 0, depth, segment.prefix() << 1 | 1, version);
        self.install(&[segment], &[low, high]);
    }

    #[cold]
    fn shrink(&mut self, segment: Segment, slot: u16, captures: &mut Captures) {
        if self.len == 0 {
            self.free_segments();
            return;
        }
        let sibling = self.sibling(segment);
        segment.hand_out(slot, captures);
        let mut entries: Vec<Tagged> = segment.all().collect();
        let version = captures.version();
        match sibling {
            Some(sibling)
                if (segment.len() + sibling.len()) * 100
                    <= LINES_MAX * (LANES - 1) * MERGE_FILL_PERCENT_MAX =>
            {
                sibling.hand_out(slot, captures);
                entries.extend(sibling.all());
                let merged =
                    Segment::filled(&entries, 0, segment.depth() - 1, segment.prefix() >> 1, version);
                self.install(&[segment, sibling], &[merged]);
                self.halve_directory();
            }
            _ => {
                let smaller = Segment::filled(&entries, 0, segment.depth(), segment.prefix(), version);
                self.install(&[segment], &[smaller]);
            }
        }
    }

    /// The segment that differs in the last bit of the prefix only, if it has not been split further.
    fn sibling(&self, segment: Segment) -> Option<Segment> {
        let depth = segment.depth();
        if depth == 0 {
            return None;
        }
        let place = (segment.prefix() ^ 1) << (self.depth - depth);
        self.directory.get(place as usize).copied().filter(|sibling| sibling.depth() == depth)
    }

    /// Puts new segments into the places of old ones, which are freed.
    fn install(&mut self, old: &[Segment], new: &[Segment]) {
        for &segment in old {
            self.segment_bytes -= segment.bytes();
            self.deepest -= usize::from(segment.depth() == self.depth);
            segment.free();
        }
        for &segment in new {
            self.segment_bytes += segment.bytes();
            self.deepest += usize::from(segment.depth() == self.depth);
            let places = 1_usize << (self.depth - segment.depth());
            let first = segment.prefix() as usize * places;
            self.directory[first..first + places].fill(segment);
        }
    }

    fn halve_directory(&mut self) {
        while self.deepest == 0 && self.depth > 0 {
            self.directory = self.directory.iter().copied().step_by(2).collect();
            self.depth -= 1;
            self.deepest = self.segments().filter(|segment| segment.depth() == self.depth).count();
        }
    }

    /// Each segment once, in the order of prefixes.
    fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        let mut place = 0;
        std::iter::from_fn(move || {
            let segment = *self.directory.get(place)?;
            place += 1 << (self.depth - segment.depth());
            Some(segment)
        })
    }

    fn free_segments(&mut self) {
        self.segments().for_each(Segment::free);
        self.directory = Vec::new();
        self.depth = 0;
        self.deepest = 0;
        self.segment_bytes = 0;
    }

    /// Visits the entries from a cursor on, whole buckets at a time, until `count` were visited or the end is
    /// reached, which is `None`.
    pub(crate) fn scan(
        &self,
        mut cursor: TableCursor,
        count: usize,
        mut visit: impl FnMut(Entry),
    ) -> Option<TableCursor> {
        let mut visited = 0;
        loop {
            let place = if cursor.depth <= self.depth {
                cursor.prefix << (self.depth - cursor.depth)
            } else {
                cursor.prefix >> (cursor.depth - self.depth)
            };
            let segment = *self.directory.get(place as usize)?;
            let from_tag = if segment.depth() >= cursor.depth { cursor.tag } else { 0 };
            for home in segment.home(from_tag)..segment.main() {
                for tagged in segment.of_home(home).filter(|tagged| tagged.tag() >= from_tag) {
                    visit(tagged.entry());
                    visited += 1;
                }
                if visited >= count && home + 1 < segment.main() {
                    let tag = segment.first_tag(home + 1) as u16;
                    return Some(TableCursor { prefix: segment.prefix(), depth: segment.depth(), tag });
                }
            }
            let prefix = segment.prefix() + 1;
            if prefix >> segment.depth() != 0 {
                return None;
            }
            cursor = TableCursor { prefix, depth: segment.depth(), tag: 0 };
            if visited >= count {
                return Some(cursor);
            }
        }
    }

    /// Visits all entries.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Entry) -> ControlFlow<()>) -> ControlFlow<()> {
        self.segments().flat_map(Segment::all).try_for_each(|tagged| visit(tagged.entry()))
    }

    /// Hands out segments from a hash prefix on (in units of the longest prefix) until `budget` entries were
    /// looked at, or the snapshot has enough; gives the prefix to go on from, or `None` at the end.
    pub(crate) fn walk(
        &self,
        mut prefix: u64,
        slot: u16,
        captures: &mut Captures,
        budget: &mut usize,
    ) -> Option<u64> {
        while prefix >> PREFIX_BITS == 0 {
            let segment = *self.directory.get((prefix >> (PREFIX_BITS - self.depth)) as usize)?;
            if *budget == 0 {
                return Some(prefix);
            }
            if !segment.hand_out(slot, captures) {
                *budget = 0;
                return Some(prefix);
            }
            *budget = budget.saturating_sub(segment.len().max(1));
            prefix = (segment.prefix() + 1) << (PREFIX_BITS - segment.depth());
        }
        None
    }

    /// An entry chosen at random, every one with about the same chance.
    pub(crate) fn random(&self, prng: &mut Prng) -> Option<Entry> {
        if self.len == 0 {
            return None;
        }
        for _ in 0..RANDOM_TRIES_MAX {
            let segment = self.directory[prng.below(self.directory.len() as u64) as usize];
            let place = prng.below(segment.lanes() as u64) as usize;
            if let Some(entry) = segment.peek(place / LANES, place % LANES) {
                return Some(entry);
            }
        }
        let start = prng.below(self.directory.len() as u64) as usize;
        let (after, before) = (&self.directory[start..], &self.directory[..start]);
        let segment = after.iter().chain(before).find(|segment| segment.len() > 0)?;
        let nth = prng.below(segment.len() as u64) as usize;
        segment.all().nth(nth).map(Tagged::entry)
    }
}

impl Table {
    /// Moves what the segment at a hash prefix holds out of sparse pages of the allocator; gives the prefix to go on
    /// from, or `None` at the end. Nothing that readers or snapshots see changes.
    pub(crate) fn defragment(&self, prefix: u64, percent: usize, moves: &mut Moves) -> Option<u64> {
        let segment = *self.directory.get((prefix >> (PREFIX_BITS - self.depth)) as usize)?;
        for bucket in 0..segment.buckets() {
            for lane in 0..LANES {
                let Some(entry) = segment.peek(bucket, lane) else { continue };
                let before = moves.moved;
                if let Some(moved) = entry.relocate(percent, &mut moves.moved) {
                    segment.replace(bucket, lane, moved);
                }
                moves.keys += 1;
                moves.keys_moved += usize::from(moves.moved > before);
            }
        }
        let next = (segment.prefix() + 1) << (PREFIX_BITS - segment.depth());
        (next >> PREFIX_BITS == 0).then_some(next)
    }

    /// Visits the entries of random buckets, whole ones, until about `wanted` were visited; all, if they are no more.
    pub(crate) fn sample(&self, prng: &mut Prng, wanted: usize, mut visit: impl FnMut(Entry)) {
        if self.len <= wanted {
            return self.segments().flat_map(Segment::all).for_each(|tagged| visit(tagged.entry()));
        }
        let mut visited = 0;
        for _ in 0..wanted.max(SAMPLE_TRIES_MIN) {
            let segment = self.directory[prng.below(self.directory.len() as u64) as usize];
            let bucket = prng.below(segment.buckets() as u64) as usize;
            for lane in 0..LANES {
                if let Some(entry) = segment.peek(bucket, lane) {
                    Entry::prefetch(entry.as_ptr());
                }
            }
            for lane in 0..LANES {
                if let Some(entry) = segment.peek(bucket, lane) {
                    visit(entry);
                    visited += 1;
                }
            }
            if visited >= wanted {
                return;
            }
        }
        if visited == 0 {
            self.random(prng).into_iter().for_each(visit);
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        for segment in self.segments() {
            let mut entries = [None; LANES];
            for bucket in 0..segment.buckets() {
                // Entries are cold here; loading a bucket's worth at once hides most of the wait.
                for (lane, entry) in entries.iter_mut().enumerate() {
                    *entry = segment.peek(bucket, lane);
                    if let Some(entry) = entry {
                        Entry::prefetch(entry.as_ptr());
                    }
                }
                entries.iter_mut().filter_map(Option::take).for_each(|entry| drop(entry.free()));
            }
        }
        self.free_segments();
    }
}
