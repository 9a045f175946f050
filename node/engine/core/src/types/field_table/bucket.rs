//! One bucket of the field table: some ten entries in one run of bytes.
//!
//! An entry is a fingerprint of the field's hash, the lengths of field and value in a byte each, then the two
//! strings. Entries too long for that (together more than [`SMALL_BYTES_MAX`]) are allocations of their own, so
//! that changing a neighbour never moves a megabyte.

use crate::base::alloc::rounded;

/// Field and value of an entry that lies inside its bucket are together at most this long.
pub(super) const SMALL_BYTES_MAX: usize = 255;

const HEAD: usize = 3;
/// Room that removed entries may leave behind in a bucket.
const SPARE_BYTES_MAX: usize = 96;

/// An entry on its own: the field and behind it the value.
#[derive(Clone)]
struct Large {
    fingerprint: u8,
    field_len: usize,
    bytes: Box<[u8]>,
}

impl Large {
    fn new(fingerprint: u8, field: &[u8], value: &[u8]) -> Self {
        Large { fingerprint, field_len: field.len(), bytes: [field, value].concat().into_boxed_slice() }
    }

    fn pair(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.field_len)
    }
}

/// Where an entry lies.
#[derive(Clone, Copy)]
enum Place {
    Small { at: usize, end: usize },
    Large { index: usize },
}

/// The entries whose hashes share their low bits.
#[derive(Clone, Default)]
pub(super) struct Bucket {
    small: Vec<u8>,
    // A box, because hardly any bucket has one and every bucket pays for its room.
    #[allow(clippy::box_collection)]
    large: Option<Box<Vec<Large>>>,
    count: u32,
}

impl Bucket {
    pub(super) fn len(&self) -> usize {
        self.count as usize
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
        BucketIter { small: &self.small, large: large.iter() }
    }

    pub(super) fn get(&self, fingerprint: u8, field: &[u8]) -> Option<&[u8]> {
        match self.find(fingerprint, field)? {
            Place::Small { at, end } => Some(&self.small[at + HEAD + field.len()..end]),
            Place::Large { index } => Some(self.large.as_ref()?.get(index)?.pair().1),
        }
    }

    /// Adds a field that the bucket does not hold yet.
    pub(super) fn add(&mut self, fingerprint: u8, field: &[u8], value: &[u8]) {
        self.count += 1;
        if field.len() + value.len() > SMALL_BYTES_MAX {
            self.large.get_or_insert_default().push(Large::new(fingerprint, field, value));
            return;
        }
        self.make_room(HEAD + field.len() + value.len());
        self.small.extend_from_slice(&[fingerprint, field.len() as u8, value.len() as u8]);
        self.small.extend_from_slice(field);
        self.small.extend_from_slice(value);
    }

    /// Makes room for so many entries of this size, if the bucket has none.
    pub(super) fn expect(&mut self, field: &[u8], value: &[u8], entries: usize) {
        let len = HEAD + field.len() + value.len();
        if self.small.capacity() == 0 && len <= HEAD + SMALL_BYTES_MAX {
            self.make_room(len * entries);
        }
    }

    /// Gives a field that is already there another value; false where it is not.
    pub(super) fn replace(&mut self, fingerprint: u8, field: &[u8], value: &[u8]) -> bool {
        let Some(place) = self.find(fingerprint, field) else { return false };
        match (place, &mut self.large) {
            (Place::Small { at, end }, _) if end - at - HEAD - field.len() == value.len() => {
                self.small[end - value.len()..end].copy_from_slice(value);
            }
            (Place::Large { index }, Some(large)) if field.len() + value.len() > SMALL_BYTES_MAX => {
                large[index] = Large::new(fingerprint, field, value);
            }
            _ => {
                self.remove_at(place);
                self.add(fingerprint, field, value);
            }
        }
        true
    }

    /// Removes a field; false where it is not there.
    pub(super) fn remove(&mut self, fingerprint: u8, field: &[u8]) -> bool {
        let place = self.find(fingerprint, field);
        if let Some(place) = place {
            self.remove_at(place);
        }
        place.is_some()
    }

    /// Moves the entries that `leaves` picks by their field into a new bucket.
    pub(super) fn split_off(&mut self, leaves: impl Fn(&[u8]) -> bool) -> Bucket {
        let old = std::mem::take(self);
        let mut new = Bucket::default();
        let leaving: usize = old.small_entries().filter(|(_, field, _)| leaves(field)).map(small_len).sum();
        self.make_room(old.small.len() - leaving);
        new.make_room(leaving);
        for (fingerprint, field, value) in old.small_entries() {
            let to = if leaves(field) { &mut new } else { &mut *self };
            to.add(fingerprint, field, value);
        }
        for entry in old.large.into_iter().flat_map(|large| *large) {
            let to = if leaves(entry.pair().0) { &mut new } else { &mut *self };
            to.count += 1;
            to.large.get_or_insert_default().push(entry);
        }
        new
    }

    /// Takes over all entries of another bucket.
    pub(super) fn absorb(&mut self, other: Bucket) {
        self.count += other.count;
        self.make_room(other.small.len());
        self.small.extend_from_slice(&other.small);
        if let Some(large) = other.large {
            self.large.get_or_insert_default().extend(*large);
        }
    }

    fn small_entries(&self) -> impl Iterator<Item = (u8, &[u8], &[u8])> {
        let mut rest = &self.small[..];
        std::iter::from_fn(move || next_small(&mut rest))
    }

    fn make_room(&mut self, extra: usize) {
        let needed = self.small.len() + extra;
        if needed > self.small.capacity() {
            self.small.reserve_exact(rounded(needed) - self.small.len());
        }
    }

    fn find(&self, fingerprint: u8, field: &[u8]) -> Option<Place> {
        let mut at = 0;
        while let [mark, field_len, value_len, rest @ ..] = &self.small[at..] {
            let (field_len, value_len) = (usize::from(*field_len), usize::from(*value_len));
            let end = at + HEAD + field_len + value_len;
            if *mark == fingerprint && rest[..field_len] == *field {
                return Some(Place::Small { at, end });
            }
            at = end;
        }
        let same = |entry: &Large| entry.fingerprint == fingerprint && entry.pair().0 == field;
        let index = self.large.as_ref()?.iter().position(same)?;
        Some(Place::Large { index })
    }

    fn remove_at(&mut self, place: Place) {
        self.count -= 1;
        match (place, &mut self.large) {
            (Place::Small { at, end }, _) => {
                self.small.drain(at..end);
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

fn small_len((_, field, value): (u8, &[u8], &[u8])) -> usize {
    HEAD + field.len() + value.len()
}

fn next_small<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8], &'a [u8])> {
    let [fingerprint, field_len, value_len, strings @ ..] = *rest else { return None };
    let (field, behind) = strings.split_at(usize::from(*field_len));
    let (value, behind) = behind.split_at(usize::from(*value_len));
    *rest = behind;
    Some((*fingerprint, field, value))
}

/// Walks over the entries of a bucket.
#[derive(Clone)]
pub(super) struct BucketIter<'a> {
    small: &'a [u8],
    large: std::slice::Iter<'a, Large>,
}

impl<'a> Iterator for BucketIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match next_small(&mut self.small) {
            Some((_, field, value)) => Some((field, value)),
            None => self.large.next().map(Large::pair),
        }
    }
}
