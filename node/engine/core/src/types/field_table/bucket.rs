//! One bucket of the field table: some ten entries in one run of bytes.
//!
//! ```text
//! marks      of each entry a byte: the fingerprint of its field's hash
//! lengths    of each entry two bytes: the lengths of its field and its value
//! strings    of each entry its field and its value
//! ```
//!
//! Looking a field up reads the marks, eight at a time, and compares the strings of those entries only that have its
//! fingerprint: a bucket has several lines of cache, and two of them are enough. Entries too long for that (together
//! more than [`SMALL_BYTES_MAX`]) are allocations of their own, so that changing a neighbour never moves a megabyte.

use crate::base::alloc::rounded;

/// Field and value of an entry that lies inside its bucket are together at most this long.
pub(super) const SMALL_BYTES_MAX: usize = 255;

/// What an entry takes beside its strings: a mark and two lengths.
const HEAD: usize = 3;
/// Marks that are compared at once.
const MARKS: usize = size_of::<u64>();
/// Room that removed entries may leave behind in a bucket.
const SPARE_BYTES_MAX: usize = 96;

/// An entry on its own: the field and behind it the value.
#[derive(Clone)]
struct Large {
    mark: u8,
    field_len: usize,
    bytes: Box<[u8]>,
}

impl Large {
    fn new(mark: u8, field: &[u8], value: &[u8]) -> Self {
        Large { mark, field_len: field.len(), bytes: [field, value].concat().into_boxed_slice() }
    }

    fn pair(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.field_len)
    }
}

/// Where an entry lies.
#[derive(Clone, Copy)]
enum Place {
    /// The entry with this index, whose strings are these bytes.
    Small {
        index: usize,
        at: usize,
        end: usize,
    },
    Large {
        index: usize,
    },
}

/// The entries whose hashes share their low bits.
#[derive(Clone, Default)]
pub(super) struct Bucket {
    small: Vec<u8>,
    // A box, because hardly any bucket has one and every bucket pays for its room.
    #[allow(clippy::box_collection)]
    large: Option<Box<Vec<Large>>>,
    /// Number of entries in `small`.
    smalls: u32,
}

/// An entry in `small`: mark, field, value.
type Small<'a> = (u8, &'a [u8], &'a [u8]);

impl Bucket {
    /// A bucket of small entries, without spare room.
    fn of<'a>(entries: impl Iterator<Item = Small<'a>> + Clone) -> Self {
        let bytes = entries.clone().map(|(_, field, value)| HEAD + field.len() + value.len()).sum();
        let mut small = Vec::with_capacity(rounded(bytes));
        small.extend(entries.clone().map(|(mark, _, _)| mark));
        let smalls = small.len() as u32;
        for (_, field, value) in entries.clone() {
            small.extend_from_slice(&[field.len() as u8, value.len() as u8]);
        }
        for (_, field, value) in entries {
            small.extend_from_slice(field);
            small.extend_from_slice(value);
        }
        Bucket { small, large: None, smalls }
    }

    pub(super) fn len(&self) -> usize {
        self.smalls as usize + self.large.as_ref().map_or(0, |large| large.len())
    }

    /// Bytes allocated for what the bucket holds, as the allocator rounds them, the bucket itself not counted.
    pub(super) fn heap_bytes(&self) -> usize {
        let large = self.large.as_ref().map_or(0, |large| {
            let entries: usize = large.iter().map(|entry| rounded(entry.bytes.len())).sum();
            rounded(size_of::<Vec<Large>>()) + rounded(large.capacity() * size_of::<Large>()) + entries
        });
        rounded(self.small.capacity()) + large
    }

    pub(super) fn iter(&self) -> BucketIter<'_> {
        let large = self.large.as_deref().map_or(&[][..], Vec::as_slice);
        BucketIter { small: self.small_entries(), large: large.iter() }
    }

    pub(super) fn get(&self, mark: u8, field: &[u8]) -> Option<&[u8]> {
        match self.find(mark, field)? {
            Place::Small { at, end, .. } => Some(&self.small[at + field.len()..end]),
            Place::Large { index } => Some(self.large.as_ref()?.get(index)?.pair().1),
        }
    }

    /// Adds a field that the bucket does not hold yet.
    pub(super) fn add(&mut self, mark: u8, field: &[u8], value: &[u8]) {
        if field.len() + value.len() > SMALL_BYTES_MAX {
            self.large.get_or_insert_default().push(Large::new(mark, field, value));
            return;
        }
        self.make_room(HEAD + field.len() + value.len());
        let (count, old_len) = (self.smalls as usize, self.small.len());
        self.small.resize(old_len + HEAD, 0);
        self.small.copy_within(HEAD * count..old_len, HEAD * (count + 1));
        self.small.copy_within(count..HEAD * count, count + 1);
        self.small[count] = mark;
        self.small[HEAD * count + 1] = field.len() as u8;
        self.small[HEAD * count + 2] = value.len() as u8;
        self.small.extend_from_slice(field);
        self.small.extend_from_slice(value);
        self.smalls += 1;
    }

    /// Makes room for so many entries of this size, if the bucket has none.
    pub(super) fn expect(&mut self, field: &[u8], value: &[u8], entries: usize) {
        let len = HEAD + field.len() + value.len();
        if self.small.capacity() == 0 && len <= HEAD + SMALL_BYTES_MAX {
            self.make_room(len * entries);
        }
    }

    /// Gives a field that is already there another value; false where it is not.
    pub(super) fn replace(&mut self, mark: u8, field: &[u8], value: &[u8]) -> bool {
        let Some(place) = self.find(mark, field) else { return false };
        match (place, &mut self.large) {
            (Place::Small { at, end, .. }, _) if end - at - field.len() == value.len() => {
                self.small[end - value.len()..end].copy_from_slice(value);
            }
            (Place::Large { index }, Some(large)) if field.len() + value.len() > SMALL_BYTES_MAX => {
                large[index] = Large::new(mark, field, value);
            }
            _ => {
                self.remove_at(place);
                self.add(mark, field, value);
            }
        }
        true
    }

    /// Removes a field; false where it is not there.
    pub(super) fn remove(&mut self, mark: u8, field: &[u8]) -> bool {
        let place = self.find(mark, field);
        if let Some(place) = place {
            self.remove_at(place);
        }
        place.is_some()
    }

    /// Moves the entries that `leaves` picks by their field into a new bucket.
    pub(super) fn split_off(&mut self, leaves: impl Fn(&[u8]) -> bool) -> Bucket {
        let old = std::mem::take(self);
        let picked: Vec<bool> = old.small_entries().map(|(_, field, _)| leaves(field)).collect();
        let those = |wanted: bool| {
            let marked = old.small_entries().zip(&picked);
            marked.filter(move |(_, leaves)| **leaves == wanted).map(|(entry, _)| entry)
        };
        let (stays, mut new) = (Bucket::of(those(false)), Bucket::of(those(true)));
        *self = stays;
        for entry in old.large.into_iter().flat_map(|large| *large) {
            let to = if leaves(entry.pair().0) { &mut new } else { &mut *self };
            to.large.get_or_insert_default().push(entry);
        }
        new
    }

    /// Takes over all entries of another bucket.
    pub(super) fn absorb(&mut self, other: Bucket) {
        let joined = Bucket::of(self.small_entries().chain(other.small_entries()));
        (self.small, self.smalls) = (joined.small, joined.smalls);
        if let Some(large) = other.large {
            self.large.get_or_insert_default().extend(*large);
        }
    }

    fn small_entries(&self) -> SmallIter<'_> {
        let (marks, behind) = self.small.split_at(self.smalls as usize);
        let (lengths, strings) = behind.split_at(behind.len().min((HEAD - 1) * marks.len()));
        SmallIter { marks, lengths, strings }
    }

    fn make_room(&mut self, extra: usize) {
        let needed = self.small.len() + extra;
        if needed > self.small.capacity() {
            self.small.reserve_exact(rounded(needed) - self.small.len());
        }
    }

    #[inline]
    fn find(&self, mark: u8, field: &[u8]) -> Option<Place> {
        let count = self.smalls as usize;
        let (mut at, mut passed, mut from) = (HEAD * count, 0, 0);
        while let Some(index) = self.next_marked(from, mark) {
            let lengths = &self.small[count + 2 * passed..count + 2 * index + 2];
            let (before, own) = lengths.split_at(2 * (index - passed));
            at += before.iter().map(|&len| usize::from(len)).sum::<usize>();
            let (field_len, value_len) = (usize::from(own[0]), usize::from(own[1]));
            if self.small[at..at + field_len] == *field {
                return Some(Place::Small { index, at, end: at + field_len + value_len });
            }
            (passed, from) = (index, index + 1);
        }
        let same = |entry: &Large| entry.mark == mark && entry.pair().0 == field;
        let index = self.large.as_ref()?.iter().position(same)?;
        Some(Place::Large { index })
    }

    /// The first entry from an index on with this mark.
    #[inline]
    fn next_marked(&self, from: usize, mark: u8) -> Option<usize> {
        const ONES: u64 = u64::from_ne_bytes([1; MARKS]);
        const HIGH_BITS: u64 = ONES << 7;
        let count = self.smalls as usize;
        let mut at = from;
        while at < count {
            // What lies behind the marks does no harm: a hit there is beyond the count.
            let Some(eight) = self.small.get(at..at + MARKS).and_then(|eight| eight.try_into().ok()) else {
                return self.small[at..count].iter().position(|&one| one == mark).map(|index| at + index);
            };
            // The lowest byte that is zero, and perhaps some above it, borrow from their high bit.
            let differences = u64::from_le_bytes(eight) ^ (ONES * u64::from(mark));
            let equal = differences.wrapping_sub(ONES) & !differences & HIGH_BITS;
            if equal != 0 {
                return Some(at + equal.trailing_zeros() as usize / 8).filter(|&index| index < count);
            }
            at += MARKS;
        }
        None
    }

    fn remove_at(&mut self, place: Place) {
        match (place, &mut self.large) {
            (Place::Small { index, at, end }, _) => {
                let (count, len) = (self.smalls as usize, self.small.len());
                let lengths_at = count + 2 * index;
                self.small.copy_within(index + 1..lengths_at, index);
                self.small.copy_within(lengths_at + 2..at, lengths_at - 1);
                self.small.copy_within(end..len, at - HEAD);
                self.small.truncate(len - HEAD - (end - at));
                self.smalls -= 1;
                if self.small.capacity() - self.small.len() > SPARE_BYTES_MAX {
                    self.small.shrink_to(rounded(self.small.len()));
                }
            }
            (Place::Large { index }, Some(large)) => {
                large.swap_remove(index);
                if large.is_empty() {
                    self.large = None;
                }
            }
            (Place::Large { .. }, None) => {}
        }
    }
}

/// Walks over the entries in the run of bytes.
#[derive(Clone)]
struct SmallIter<'a> {
    marks: &'a [u8],
    lengths: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Iterator for SmallIter<'a> {
    type Item = Small<'a>;

    #[inline]
    fn next(&mut self) -> Option<Small<'a>> {
        let (&mark, marks) = self.marks.split_first()?;
        let [field_len, value_len, lengths @ ..] = self.lengths else { return None };
        let (field, behind) = self.strings.split_at_checked(usize::from(*field_len))?;
        let (value, strings) = behind.split_at_checked(usize::from(*value_len))?;
        *self = SmallIter { marks, lengths, strings };
        Some((mark, field, value))
    }
}

/// Walks over the entries of a bucket.
#[derive(Clone)]
pub(super) struct BucketIter<'a> {
    small: SmallIter<'a>,
    large: std::slice::Iter<'a, Large>,
}

impl<'a> Iterator for BucketIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.small.next() {
            Some((_, field, value)) => Some((field, value)),
            None => self.large.next().map(Large::pair),
        }
    }
}
