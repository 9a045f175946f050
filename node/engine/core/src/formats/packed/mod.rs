//! The packed list: small strings and integers in one run of bytes.
//!
//! A hash of three short fields costs more in pointers than in data when each string is an allocation of its own.
//! So small collections are kept as one byte string: six bytes of header (the length of it all in 4 bytes and the
//! number of entries in 2, low byte first; `ffff` says "count them"), the entries one behind the other
//! ([`encoding`]), and `ff`. Looking something up walks over it, which for a kilobyte is faster than a table, and
//! changing something moves the rest.
//!
//! These are the very bytes that the peers call a listpack, and that RDB files and DUMP payloads carry, so saving
//! and loading such a value copies it. What comes from outside goes through [`PackedList::from_bytes`], which
//! walks all of it once; after that the list is known to be sound.

mod encoding;
pub mod run;
#[cfg(test)]
mod tests;

pub(crate) use encoding::signed_little_endian;
pub use encoding::Item;

use crate::base::alloc::rounded;
use encoding::{
    backward_width, decode, encode, entry_len, is_canonical, read_backward, Encoded, Wanted, END,
};
use rapidhash::v3::rapidhash_v3;

const HEADER: usize = 6;
const COUNT_UNKNOWN: u16 = u16::MAX;
/// Room that removed entries may leave behind.
const SPARE_BYTES_MAX: usize = 256;

/// No packed list grows beyond this; its owner changes to another form before.
pub const PACKED_BYTES_MAX: usize = 1 << 30;

/// The most that an entry takes beside the bytes of its string.
pub const ENTRY_OVERHEAD_BYTES_MAX: usize = 10;

/// Why bytes are not a packed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where in the bytes, from 0.
    pub offset: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {} of it", self.problem, self.offset)
    }
}

impl std::error::Error for Damage {}

/// The place of an entry; any change of the list makes it stale, except where a method says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(usize);

/// A packed list. See the module's documentation for the layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedList {
    bytes: Vec<u8>,
}

impl Default for PackedList {
    fn default() -> Self {
        PackedList::new()
    }
}

impl PackedList {
    /// An empty list.
    pub fn new() -> Self {
        PackedList::with_capacity(0)
    }

    /// An empty list with room for `bytes` bytes of entries.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut list = Vec::with_capacity(HEADER + bytes + 1);
        list.extend_from_slice(&[HEADER as u8 + 1, 0, 0, 0, 0, 0, END]);
        PackedList { bytes: list }
    }

    /// Takes bytes from outside after walking over all of them. What is sound but not in the shortest form is written
    /// anew, so that equal strings have equal bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Damage> {
        if walk(&bytes)? {
            return Ok(PackedList { bytes });
        }
        let mut list = PackedList::with_capacity(bytes.len());
        PackedList { bytes }.iter().for_each(|item| list.push(item.spell(&mut itoa::Buffer::new())));
        Ok(list)
    }

    /// The bytes, as files and peers know them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes allocated, as the allocator rounds them.
    pub fn memory_bytes(&self) -> usize {
        rounded(self.bytes.capacity())
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        match self.header_count() {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER + 1
    }

    /// Whether entries with `extra` bytes of strings in `entries` entries can still be added.
    pub fn has_room(&self, entries: usize, extra: usize) -> bool {
        let overhead = entries.saturating_mul(ENTRY_OVERHEAD_BYTES_MAX);
        self.bytes.len().saturating_add(extra).saturating_add(overhead) <= PACKED_BYTES_MAX
    }

    /// The entries from first to last.
    pub fn iter(&self) -> Iter<'_> {
        Iter { list: self, at: HEADER }
    }

    /// The entries from `at` to the last.
    pub fn iter_from(&self, at: Position) -> Iter<'_> {
        Iter { list: self, at: at.0 }
    }

    /// The item at a position, `None` behind the last.
    pub fn get(&self, at: Position) -> Option<Item<'_>> {
        self.decode_at(at.0).map(|(item, _)| item)
    }

    /// The first entry.
    pub fn first(&self) -> Option<Position> {
        self.real(HEADER)
    }

    /// The last entry.
    pub fn last(&self) -> Option<Position> {
        self.before(self.bytes.len() - 1)
    }

    /// The entry behind `at`.
    pub fn next(&self, at: Position) -> Option<Position> {
        self.real(at.0 + self.entry_len(at.0)?)
    }

    /// The entry before `at`.
    pub fn previous(&self, at: Position) -> Option<Position> {
        self.before(at.0)
    }

    /// The entry with this index, counted from the nearer end where the number of entries is known.
    pub fn seek(&self, index: usize) -> Option<Position> {
        let count = usize::from(self.header_count());
        if count == usize::from(COUNT_UNKNOWN) || index < count / 2 {
            let mut at = self.first();
            for _ in 0..index {
                at = self.next(at?);
            }
            return at;
        }
        let mut at = self.last();
        for _ in 0..count.checked_sub(index + 1)? {
            at = self.previous(at?);
        }
        at
    }

    /// The first entry equal to `text` at `from` or behind, looking at one entry and passing over `skip` after it.
    pub fn find(&self, from: Position, text: &[u8], skip: usize) -> Option<Position> {
        let wanted = Wanted::new(text);
        let mut at = from.0;
        loop {
            let here = self.bytes.get(at..)?;
            let len = entry_len(here)?;
            if wanted.is_at(here) {
                return Some(Position(at));
            }
            at += len;
            for _ in 0..skip {
                at += entry_len(self.bytes.get(at..)?)?;
            }
        }
    }

    /// Whether two entries are equal among the first of every `step`: equal strings have equal bytes.
    pub fn has_repetition(&self, step: usize) -> bool {
        let step = step.max(1);
        let mut hashes = Vec::with_capacity(self.len() / step + 1);
        self.each_entry(step, |entry| hashes.push(rapidhash_v3(entry)));
        if !has_twin(&mut hashes) {
            return false;
        }
        // Different entries may have one hash, above all those that somebody has made for it.
        let mut entries = Vec::with_capacity(hashes.len());
        self.each_entry(step, |entry| entries.push(entry));
        has_twin(&mut entries)
    }

    /// Visits the bytes of the first of every `step` entries.
    fn each_entry<'a>(&'a self, step: usize, mut visit: impl FnMut(&'a [u8])) {
        let (mut at, mut index) = (HEADER, 0);
        while let Some(len) = self.entry_len(at) {
            if index == 0 {
                visit(&self.bytes[at..at + len]);
                index = step;
            }
            at += len;
            index -= 1;
        }
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, text: &[u8]) {
        let end = self.bytes.len() - 1;
        self.splice(end, end, &[encode(&Item::of(text))]);
        self.add_to_count(1);
    }

    /// Adds two entries at the end at once.
    pub fn push_pair(&mut self, first: &[u8], second: &[u8]) {
        let end = self.bytes.len() - 1;
        self.splice(end, end, &[encode(&Item::of(first)), encode(&Item::of(second))]);
        self.add_to_count(2);
    }

    /// Adds many entries at the end. Room is made for all of them and for some more: a list that grows again and again
    /// is to be given to [`PackedList::shrink`] when it is done.
    pub fn push_all<'a>(&mut self, items: impl Iterator<Item = Item<'a>> + Clone) {
        let bound: usize = items.clone().map(|item| item.encoded_bytes_max()).sum();
        let len = self.bytes.len();
        assert!(len + bound <= PACKED_BYTES_MAX, "the owner of a packed list asks has_room before it adds");
        if len + bound > self.bytes.capacity() {
            self.bytes.reserve_exact(rounded(len + bound.max(len / 8)) - len);
        }
        self.bytes.pop();
        let mut added = 0;
        for item in items {
            let Encoded { parts: (head, body, back), .. } = encode(&item);
            self.bytes.extend_from_slice(head.as_slice());
            self.bytes.extend_from_slice(body);
            self.bytes.extend_from_slice(back.as_slice());
            added += 1;
        }
        self.bytes.push(END);
        let len = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        self.add_to_count(added);
    }

    /// Gives back the room that is left behind the last entry.
    pub fn shrink(&mut self) {
        if rounded(self.bytes.len()) < rounded(self.bytes.capacity()) {
            self.bytes.shrink_to(rounded(self.bytes.len()));
        }
    }

    /// Puts an integer in the place of the entry at `at`, which stays its position.
    pub fn set_integer(&mut self, at: Position, number: i64) {
        let Some(old_len) = self.entry_len(at.0) else { return };
        let encoded = encode(&Item::Integer(number));
        if encoded.len == old_len {
            // The length backwards is the same, too.
            let head = encoded.parts.0;
            self.bytes[at.0..at.0 + head.as_slice().len()].copy_from_slice(head.as_slice());
        } else {
            self.splice(at.0, at.0 + old_len, &[encoded]);
        }
    }

    /// Adds an entry before `at`; afterwards `at` is the place of the new one.
    pub fn insert(&mut self, at: Position, text: &[u8]) {
        self.splice(at.0, at.0, &[encode(&Item::of(text))]);
        self.add_to_count(1);
    }

    /// Puts `text` in the place of the entry at `at`, which stays its position.
    pub fn replace(&mut self, at: Position, text: &[u8]) {
        if let Some(len) = self.entry_len(at.0) {
            self.splice(at.0, at.0 + len, &[encode(&Item::of(text))]);
        }
    }

    /// Removes up to `count` entries from `at` on and says how many; `at` is then the place of what follows.
    pub fn remove(&mut self, at: Position, count: usize) -> usize {
        let (mut end, mut removed) = (at.0, 0);
        while removed < count {
            let Some(len) = self.entry_len(end) else { break };
            end += len;
            removed += 1;
        }
        self.splice(at.0, end, &[]);
        self.add_to_count(-(removed as isize));
        removed
    }

    fn header_count(&self) -> u16 {
        u16::from_le_bytes([self.bytes[4], self.bytes[5]])
    }

    /// Keeps the header's count; a list too long for it is counted anew once entries are removed.
    fn add_to_count(&mut self, change: isize) {
        let count = match self.header_count() {
            COUNT_UNKNOWN if change >= 0 => return,
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count).saturating_add_signed(change),
        };
        let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.bytes[4..6].copy_from_slice(&count.to_le_bytes());
    }

    #[inline]
    fn decode_at(&self, at: usize) -> Option<(Item<'_>, usize)> {
        decode(self.bytes.get(at..)?)
    }

    /// The whole length of the entry at `at`, `None` at the end.
    fn entry_len(&self, at: usize) -> Option<usize> {
        entry_len(self.bytes.get(at..)?)
    }

    fn real(&self, at: usize) -> Option<Position> {
        (at < self.bytes.len() - 1).then_some(Position(at))
    }

    fn before(&self, at: usize) -> Option<Position> {
        if at <= HEADER {
            return None;
        }
        let len = read_backward(&self.bytes, at)?;
        at.checked_sub(len + backward_width(len)).map(Position)
    }

    /// Puts the entries in the place of the bytes `from..to`.
    fn splice(&mut self, from: usize, to: usize, entries: &[Encoded<'_>]) {
        let added: usize = entries.iter().map(|entry| entry.len).sum();
        let old_len = self.bytes.len();
        let new_len = old_len - (to - from) + added;
        assert!(new_len <= PACKED_BYTES_MAX, "the owner of a packed list asks has_room before it adds");
        if new_len > old_len {
            if new_len > self.bytes.capacity() {
                self.bytes.reserve_exact(rounded(new_len) - old_len);
            }
            self.bytes.resize(new_len, END);
        }
        self.bytes.copy_within(to..old_len, from + added);
        self.bytes.truncate(new_len);
        if self.bytes.capacity() - new_len > SPARE_BYTES_MAX {
            self.bytes.shrink_to(rounded(new_len));
        }
        let mut at = from;
        for Encoded { parts: (head, body, back), .. } in entries {
            for part in [head.as_slice(), body, back.as_slice()] {
                self.bytes[at..at + part.len()].copy_from_slice(part);
                at += part.len();
            }
        }
        self.bytes[..4].copy_from_slice(&(new_len as u32).to_le_bytes());
    }
}

/// Walks over the items of a list.
#[derive(Clone)]
pub struct Iter<'a> {
    list: &'a PackedList,
    at: usize,
}

impl Iter<'_> {
    /// The place of the entry that comes next.
    pub fn place(&self) -> Position {
        Position(self.at)
    }

    /// Passes over entries without reading them; false where there are fewer.
    pub fn pass(&mut self, count: usize) -> bool {
        for _ in 0..count {
            let Some(len) = self.list.entry_len(self.at) else { return false };
            self.at += len;
        }
        true
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let (item, len) = self.list.decode_at(self.at)?;
        self.at += len + backward_width(len);
        Some(item)
    }
}

impl<'a> IntoIterator for &'a PackedList {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Whether bytes from outside are a packed list: header, every entry forwards and backwards, count and end.
pub fn validate(bytes: &[u8]) -> Result<(), Damage> {
    walk(bytes).map(|_| ())
}

/// Validates, and tells whether every entry is in its shortest form.
fn walk(bytes: &[u8]) -> Result<bool, Damage> {
    let damage = |offset, problem| Err(Damage { offset, problem });
    let (Some(header), Some((&END, _))) = (bytes.get(..HEADER), bytes.split_last()) else {
        return damage(bytes.len(), "a packed list without its header or its end");
    };
    let total = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    if total as usize != bytes.len() || bytes.len() <= HEADER || bytes.len() > PACKED_BYTES_MAX {
        return damage(0, "a length in the header that is not the packed list's");
    }
    let (mut at, mut count, mut canonical) = (HEADER, 0_usize, true);
    while at < bytes.len() - 1 {
        let Some((item, len)) = decode(&bytes[at..bytes.len() - 1]) else {
            return damage(at, "an entry that is cut off or of no known kind");
        };
        let end = at + len + backward_width(len);
        let is_short = len <= 127 && bytes.get(end - 1).is_some_and(|back| usize::from(*back) == len);
        if end > bytes.len() - 1 || !is_short && read_backward(bytes, end) != Some(len) {
            return damage(at, "an entry whose length backwards is not its length");
        }
        canonical &= is_canonical(&item, len);
        at = end;
        count += 1;
    }
    let promised = u16::from_le_bytes([header[4], header[5]]);
    if promised != COUNT_UNKNOWN && usize::from(promised) != count {
        return damage(4, "a number of entries that is not the packed list's");
    }
    Ok(canonical)
}

/// Whether two are equal; sorts them.
fn has_twin<T: Ord>(values: &mut [T]) -> bool {
    values.sort_unstable();
    values.windows(2).any(|pair| pair[0] == pair[1])
}
