//! The packed run: entries of a packed list without its header and end, with room at both ends.
//!
//! A list takes and gives elements at both ends, and a packed list moves all its bytes when something changes at its
//! front. A run keeps spare room where the last change was: pushing writes one entry, popping moves a border. Entries
//! are encoded as in a packed list ([`encoding`](super::encoding)), so one copy makes a packed list of a run.
//!
//! The spare bytes are what the allocator's size class leaves, so that a run is no larger than a packed list; when
//! one side has none left, it gets half of what the other side has.

use super::encoding::{backward_width, decode, encode, entry_len, read_backward, Encoded, Item, Wanted, END};
use super::{PackedList, Position, COUNT_UNKNOWN, HEADER};
use crate::base::alloc::rounded;

/// Room that removed entries may leave behind, beside as much as the entries take.
const SPARE_BYTES_MAX: usize = 256;

/// The longest string that an entry can hold.
pub const ENTRY_TEXT_BYTES_MAX: usize = (u32::MAX - 1024) as usize;

/// Entries of a packed list. See the module's documentation.
#[derive(Debug, Clone, Default)]
pub struct PackedRun {
    /// Spare room of `start` bytes, then the entries; spare room behind them is the capacity that is not used.
    bytes: Vec<u8>,
    start: u32,
    count: u32,
}

impl PackedRun {
    /// A run without entries, with room for `bytes` bytes of them.
    pub fn with_capacity(bytes: usize) -> Self {
        PackedRun { bytes: Vec::with_capacity(rounded(bytes)), start: 0, count: 0 }
    }

    /// The entries of a packed list.
    pub fn from_list(list: PackedList) -> Self {
        let count = list.len() as u32;
        let mut bytes = list.bytes;
        bytes.truncate(bytes.len() - 1);
        PackedRun { bytes, start: HEADER as u32, count }
    }

    /// Appends the packed list that has these entries.
    pub fn write_list(&self, out: &mut Vec<u8>) {
        let total = (HEADER + self.byte_len() + 1) as u32;
        out.extend_from_slice(&total.to_le_bytes());
        out.extend_from_slice(&u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN).to_le_bytes());
        out.extend_from_slice(self.entries());
        out.push(END);
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of all entries.
    pub fn byte_len(&self) -> usize {
        self.bytes.len() - self.start()
    }

    /// Bytes allocated, as the allocator rounds them.
    pub fn memory_bytes(&self) -> usize {
        rounded(self.bytes.capacity())
    }

    /// The items from first to last.
    pub fn iter(&self) -> RunIter<'_> {
        RunIter { rest: self.entries() }
    }

    /// The items from this index on; none behind the last.
    pub fn iter_from(&self, index: usize) -> RunIter<'_> {
        let at = self.seek(index).map_or(self.bytes.len(), |at| at.0);
        RunIter { rest: self.bytes.get(at..).unwrap_or_default() }
    }

    /// The items from this index backwards to the first; none when there is no such index.
    pub fn iter_back_from(&self, index: usize) -> RunIterBack<'_> {
        RunIterBack { run: self, at: self.seek(index) }
    }

    /// The first item.
    pub fn front(&self) -> Option<Item<'_>> {
        self.get(self.first()?)
    }

    /// The last item.
    pub fn back(&self) -> Option<Item<'_>> {
        self.get(self.last()?)
    }

    /// The item at a position.
    pub fn get(&self, at: Position) -> Option<Item<'_>> {
        decode(self.bytes.get(at.0..)?).map(|(item, _)| item)
    }

    /// The place of the entry with this index, counted from the nearer end.
    pub fn seek(&self, index: usize) -> Option<Position> {
        if index >= self.len() {
            return None;
        }
        if index <= self.len() / 2 {
            let mut at = self.start();
            for _ in 0..index {
                at += entry_len(self.bytes.get(at..)?)?;
            }
            return Some(Position(at));
        }
        let mut at = self.last()?;
        for _ in index + 1..self.len() {
            at = self.previous(at)?;
        }
        Some(at)
    }

    /// Visits the entries equal to `text` from first to last, each with its index; looks at `max` entries at most,
    /// and stops where `visit` says false.
    pub fn matches(&self, text: &[u8], max: usize, mut visit: impl FnMut(Position, usize) -> bool) {
        let wanted = Wanted::new(text);
        let mut at = self.start();
        for index in 0..max.min(self.len()) {
            let Some(here) = self.bytes.get(at..) else { return };
            if wanted.is_at(here) && !visit(Position(at), index) {
                return;
            }
            at += entry_len(here).unwrap_or(here.len());
        }
    }

    /// The same from last to first.
    pub fn matches_back(&self, text: &[u8], max: usize, mut visit: impl FnMut(Position, usize) -> bool) {
        let wanted = Wanted::new(text);
        let mut place = self.last();
        for index in (0..self.len()).rev().take(max) {
            let Some(at) = place else { return };
            let is_equal = self.bytes.get(at.0..).is_some_and(|here| wanted.is_at(here));
            if is_equal && !visit(at, index) {
                return;
            }
            place = self.previous(at);
        }
    }

    /// Adds an entry before the first.
    pub fn push_front(&mut self, text: &[u8]) {
        let entry = encode(&Item::of(text));
        self.make_room_in_front(entry.len);
        let at = self.start() - entry.len;
        self.start = at as u32;
        self.write_at(at, &entry);
        self.count += 1;
    }

    /// Adds an entry behind the last.
    pub fn push_back(&mut self, text: &[u8]) {
        let entry = encode(&Item::of(text));
        self.make_room_behind(entry.len);
        let Encoded { parts: (head, body, back), .. } = &entry;
        for part in [head.as_slice(), body, back.as_slice()] {
            self.bytes.extend_from_slice(part);
        }
        self.count += 1;
    }

    /// Removes the first `count` entries, or all.
    pub fn remove_front(&mut self, count: usize) {
        let count = count.min(self.len());
        let mut at = self.start();
        for _ in 0..count {
            at += entry_len(&self.bytes[at..]).unwrap_or(self.bytes.len() - at);
        }
        self.start = at as u32;
        self.removed(count);
    }

    /// Removes the last `count` entries, or all.
    pub fn remove_back(&mut self, count: usize) {
        let count = count.min(self.len());
        let keep = match self.len() - count {
            0 => self.start(),
            kept => self.seek(kept).map_or(self.bytes.len(), |at| at.0),
        };
        self.bytes.truncate(keep);
        self.removed(count);
    }

    /// Adds an entry that gets this index: at most the number of entries.
    pub fn insert(&mut self, index: usize, text: &[u8]) {
        match self.seek(index) {
            None => self.push_back(text),
            Some(at) if at.0 == self.start() => self.push_front(text),
            Some(at) => {
                self.splice(at.0, at.0, Some(encode(&Item::of(text))));
                self.count += 1;
            }
        }
    }

    /// Puts `text` in the place of the entry with this index.
    pub fn replace(&mut self, index: usize, text: &[u8]) {
        if let Some(at) = self.seek(index) {
            let len = entry_len(&self.bytes[at.0..]).unwrap_or(0);
            self.splice(at.0, at.0 + len, Some(encode(&Item::of(text))));
        }
    }

    /// Removes the entry with this index, if it is there.
    pub fn remove(&mut self, index: usize) {
        if let Some(at) = self.seek(index) {
            self.remove_all(&[at]);
        }
    }

    /// Removes the entries at these positions, which ascend, in one pass.
    pub fn remove_all(&mut self, positions: &[Position]) {
        let Some(&Position(mut kept_end)) = positions.first() else { return };
        for (index, at) in positions.iter().enumerate() {
            let from = at.0 + entry_len(&self.bytes[at.0..]).unwrap_or(0);
            let to = positions.get(index + 1).map_or(self.bytes.len(), |next| next.0);
            self.bytes.copy_within(from..to, kept_end);
            kept_end += to - from;
        }
        self.bytes.truncate(kept_end);
        self.removed(positions.len());
    }

    /// Takes the entries from this index on out of it.
    pub fn split_off(&mut self, index: usize) -> PackedRun {
        let Some(at) = self.seek(index) else { return PackedRun::default() };
        let bytes = self.bytes[at.0..].to_vec();
        let count = self.len() - index;
        self.bytes.truncate(at.0);
        self.removed(count);
        PackedRun { bytes, start: 0, count: count as u32 }
    }

    /// Adds the entries of another run behind the last.
    pub fn append(&mut self, other: &PackedRun) {
        self.make_room_behind(other.byte_len());
        self.bytes.extend_from_slice(other.entries());
        self.count += other.count;
    }

    fn entries(&self) -> &[u8] {
        self.bytes.get(self.start()..).unwrap_or_default()
    }

    fn start(&self) -> usize {
        self.start as usize
    }

    fn first(&self) -> Option<Position> {
        (self.count > 0).then_some(Position(self.start()))
    }

    fn last(&self) -> Option<Position> {
        self.before(self.bytes.len())
    }

    fn previous(&self, at: Position) -> Option<Position> {
        self.before(at.0)
    }

    fn before(&self, at: usize) -> Option<Position> {
        if at <= self.start() {
            return None;
        }
        let len = read_backward(&self.bytes, at)?;
        at.checked_sub(len + backward_width(len)).map(Position)
    }

    fn write_at(&mut self, at: usize, entry: &Encoded<'_>) {
        let Encoded { parts: (head, body, back), .. } = entry;
        let mut at = at;
        for part in [head.as_slice(), body, back.as_slice()] {
            self.bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }

    /// Puts an entry, or nothing, in the place of the bytes `from..to`.
    fn splice(&mut self, from: usize, to: usize, entry: Option<Encoded<'_>>) {
        let added = entry.as_ref().map_or(0, |entry| entry.len);
        let removed = to - from;
        let before = self.start();
        if added > removed {
            self.make_room_behind(added - removed);
        }
        // Making room may have moved the entries.
        let (from, to) = (from - before + self.start(), to - before + self.start());
        let old_len = self.bytes.len();
        let new_len = old_len - removed + added;
        if new_len > old_len {
            self.bytes.resize(new_len, 0);
        }
        self.bytes.copy_within(to..old_len, from + added);
        self.bytes.truncate(new_len);
        if let Some(entry) = entry {
            self.write_at(from, &entry);
        }
        self.give_back();
    }

    fn make_room_in_front(&mut self, needed: usize) {
        if self.start() >= needed {
            return;
        }
        let len = self.byte_len();
        let spare = self.bytes.capacity() - len;
        if spare >= needed {
            let gap = needed + (spare - needed) / 2;
            let from = self.start();
            self.bytes.resize(gap.max(from) + len, 0);
            self.bytes.copy_within(from..from + len, gap);
            self.bytes.truncate(gap + len);
            self.start = gap as u32;
            return;
        }
        let capacity = rounded(len + needed);
        let mut bytes = Vec::with_capacity(capacity);
        bytes.resize(capacity - len, 0);
        bytes.extend_from_slice(self.entries());
        self.start = (capacity - len) as u32;
        self.bytes = bytes;
    }

    fn make_room_behind(&mut self, needed: usize) {
        if self.bytes.capacity() - self.bytes.len() >= needed {
            return;
        }
        let len = self.byte_len();
        let spare = self.bytes.capacity() - len;
        let gap = if spare >= needed { (spare - needed) / 2 } else { 0 };
        if gap < self.start() {
            let from = self.start();
            self.bytes.copy_within(from.., gap);
            self.bytes.truncate(gap + len);
            self.start = gap as u32;
        }
        if spare < needed {
            self.bytes.reserve_exact(rounded(len + needed) - len);
        }
    }

    /// Entries were removed: keeps the count, and gives memory back when most of it is spare.
    fn removed(&mut self, count: usize) {
        self.count -= count as u32;
        self.give_back();
    }

    fn give_back(&mut self) {
        let len = self.byte_len();
        if self.bytes.capacity() - len > SPARE_BYTES_MAX + len {
            let mut bytes = Vec::with_capacity(rounded(len));
            bytes.extend_from_slice(self.entries());
            self.bytes = bytes;
            self.start = 0;
        }
    }
}

/// Walks over the items of a run.
#[derive(Clone)]
pub struct RunIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for RunIter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let (item, len) = decode(self.rest)?;
        self.rest = self.rest.get(len + backward_width(len)..).unwrap_or_default();
        Some(item)
    }
}

/// Walks over the items of a run backwards.
#[derive(Clone)]
pub struct RunIterBack<'a> {
    run: &'a PackedRun,
    at: Option<Position>,
}

impl<'a> Iterator for RunIterBack<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let at = self.at?;
        self.at = self.run.previous(at);
        self.run.get(at)
    }
}
