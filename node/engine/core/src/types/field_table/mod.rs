//! The table behind big hashes (and, with empty values, big sets).
//!
//! The usual table spends a pointer, an allocation and a node on each field. Here a bucket is one run of bytes that
//! holds its entries ([`bucket`]): some ten short entries of a few cache lines, looked through by a one-byte
//! fingerprint. A field of 16 bytes with a value of 16 costs about 45 bytes in all.
//!
//! The buckets grow by *linear hashing*: when the load passes [`LOAD`], the bucket at the split point is divided by
//! one more bit of the hash, and the split point moves on. So there is never a moment at which the whole table is
//! rebuilt, and the segments that hold the buckets are never moved.
//!
//! SCAN's promise (what is there from the first call to the last is returned) holds because a bucket stands for a
//! contiguous interval of hashes *read from their low bit*, whatever the number of buckets: the cursor is a point on
//! that line, and each call returns whole intervals.

mod bucket;
#[cfg(test)]
mod tests;

use crate::base::alloc::rounded;
use bucket::{Bucket, BucketIter};
use rapidhash::v3::{rapidhash_v3_seeded, RapidSecrets};

/// Entries per bucket above which a bucket is split.
const LOAD: usize = 10;
/// Entries for which a bucket has room at once when many are expected. Hardly any bucket of a full table has fewer.
const LOAD_EXPECTED: usize = LOAD / 2;
/// Entries per bucket below which two buckets become one.
const LOAD_MIN: usize = LOAD / 4;
/// Buckets per segment; a segment is allocated as it fills.
const SEGMENT_BUCKETS: usize = 1 << 10;
/// Random places that are looked at together: memory answers all of them at once.
const DRAWS: usize = 8;

/// A table from fields to values, both byte strings.
pub struct FieldTable {
    segments: Vec<Vec<Bucket>>,
    buckets: usize,
    len: usize,
    heap_bytes: usize,
    secrets: RapidSecrets,
}

impl FieldTable {
    /// An empty table whose hashes depend on `seed`, so that nobody can prepare fields that collide.
    pub fn new(seed: u64) -> Self {
        let secrets = RapidSecrets::seed(seed);
        FieldTable { segments: vec![vec![Bucket::default()]], buckets: 1, len: 0, heap_bytes: 0, secrets }
    }

    /// An empty table with as many buckets as this many fields need, so that none is divided while they come.
    /// The number is to be one that is believed: memory is taken for it.
    pub fn with_capacity(seed: u64, fields: usize) -> Self {
        let buckets = fields.div_ceil(LOAD).max(1);
        let mut table = FieldTable::new(seed);
        table.segments.clear();
        table.segments.reserve_exact(buckets.div_ceil(SEGMENT_BUCKETS));
        let mut left = buckets;
        while left > 0 {
            let here = left.min(SEGMENT_BUCKETS);
            table.segments.push((0..here).map(|_| Bucket::default()).collect());
            left -= here;
        }
        table.buckets = buckets;
        table
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes allocated, as the allocator rounds them, this struct included.
    pub fn memory_bytes(&self) -> usize {
        let segment = |segment: &Vec<Bucket>| rounded(segment.capacity() * size_of::<Bucket>());
        let segments: usize = self.segments.iter().map(segment).sum();
        let directory = rounded(self.segments.capacity() * size_of::<Vec<Bucket>>());
        rounded(size_of::<Self>()) + directory + segments + self.heap_bytes
    }

    /// The number of allocations that dropping the table frees: what it costs.
    pub fn free_effort(&self) -> usize {
        self.segments.len() + self.buckets
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        let hash = self.hash(field);
        self.bucket(self.index_of(hash)).get(fingerprint(hash), field)
    }

    /// Whether the field is there.
    pub fn contains(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// Sets a field and says whether it is new.
    pub fn insert(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.insert_with_room(field, value, 1)
    }

    /// The same for one of the many fields that the table was made for: an empty bucket takes room for most of what
    /// will be in it.
    pub fn insert_expected(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.insert_with_room(field, value, LOAD_EXPECTED)
    }

    /// An empty bucket gets room for this many entries like the first.
    fn insert_with_room(&mut self, field: &[u8], value: &[u8], entries: usize) -> bool {
        let hash = self.hash(field);
        let added = self.change(self.index_of(hash), |bucket| {
            let added = !bucket.replace(fingerprint(hash), field, value);
            if added {
                if entries > 1 {
                    bucket.expect(field, value, entries);
                }
                bucket.add(fingerprint(hash), field, value);
            }
            added
        });
        if added {
            self.len += 1;
            if self.len > self.buckets * LOAD {
                self.split_one();
            }
        }
        added
    }

    /// Removes a field and says whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let hash = self.hash(field);
        let removed = self.change(self.index_of(hash), |bucket| bucket.remove(fingerprint(hash), field));
        if removed {
            self.len -= 1;
            if self.buckets > 1 && self.len < self.buckets * LOAD_MIN {
                self.join_one();
            }
        }
        removed
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { table: self, next_bucket: 0, entries: Bucket::iter(&EMPTY) }
    }

    /// Hands at least `count` entries to `visit`, beginning at `cursor` (0 at first), and gives the next cursor, which
    /// is 0 at the end. The table may change between the calls.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        let mut cursor = cursor;
        let mut seen = 0;
        loop {
            let bucket = self.bucket(self.index_of(cursor));
            bucket.iter().for_each(|(field, value)| visit(field, value));
            seen += bucket.len();
            cursor = self.cursor_behind(cursor);
            if cursor == 0 || seen >= count {
                return cursor;
            }
        }
    }

    /// An entry that every entry has the same chance to be; `random` is a source of uniform numbers.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<(&[u8], &[u8])> {
        if self.len == 0 {
            return None;
        }
        // Drawing a place, empty or not, and drawing again when it is empty is fair to all entries.
        let places = self.places_drawn();
        loop {
            let draws = [(); DRAWS].map(|()| {
                let number = random();
                (below(number >> 32, self.buckets), number & u64::from(u32::MAX))
            });
            let lens = draws.map(|(bucket, _)| self.bucket(bucket).len());
            for ((bucket, number), len) in draws.into_iter().zip(lens) {
                let place = below(number, len.max(places));
                if place < len {
                    return self.bucket(bucket).iter().nth(place);
                }
            }
        }
    }

    /// A bucket is taken to hold no more than this when a random entry is drawn: what is expected of one that is not
    /// split yet, and six standard deviations.
    fn places_drawn(&self) -> usize {
        let unsplit = (1_usize << self.buckets.ilog2()) as f64;
        let expected = self.len as f64 / unsplit;
        (expected + 6.0 * expected.sqrt()) as usize + 4
    }

    fn hash(&self, field: &[u8]) -> u64 {
        rapidhash_v3_seeded(field, &self.secrets)
    }

    /// The bucket that stands for a hash: as many low bits as name an existing bucket.
    fn index_of(&self, hash: u64) -> usize {
        let all = self.buckets.next_power_of_two() - 1;
        let index = hash as usize & all;
        if index < self.buckets {
            index
        } else {
            index & (all >> 1)
        }
    }

    /// How many low bits of the hash the entries of a bucket share.
    fn bits_of(&self, index: usize) -> u32 {
        let all = self.buckets.next_power_of_two();
        let unsplit = index < all / 2 && index + all / 2 >= self.buckets;
        all.trailing_zeros() - u32::from(unsplit)
    }

    /// The start of the interval behind the one that `cursor` lies in. A cursor is the line's point with its bits
    /// reversed, which keeps it small.
    fn cursor_behind(&self, cursor: u64) -> u64 {
        let bits = self.bits_of(self.index_of(cursor));
        if bits == 0 {
            return 0;
        }
        let width = 1_u64 << (64 - bits);
        let start = cursor.reverse_bits() & !(width - 1);
        start.wrapping_add(width).reverse_bits()
    }

    fn bucket(&self, index: usize) -> &Bucket {
        &self.segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS]
    }

    /// Changes one bucket and keeps the account of its memory.
    fn change<T>(&mut self, index: usize, change: impl FnOnce(&mut Bucket) -> T) -> T {
        let bucket = &mut self.segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS];
        let before = bucket.heap_bytes();
        let result = change(bucket);
        self.heap_bytes = self.heap_bytes + bucket.heap_bytes() - before;
        result
    }

    /// Divides the bucket at the split point.
    fn split_one(&mut self) {
        let bit =
            if self.buckets.is_power_of_two() { self.buckets } else { self.buckets.next_power_of_two() / 2 };
        let secrets = self.secrets;
        let leaves = |field: &[u8]| rapidhash_v3_seeded(field, &secrets) as usize & bit != 0;
        let new = self.change(self.buckets - bit, |bucket| bucket.split_off(leaves));
        self.heap_bytes += new.heap_bytes();
        match self.segments.last_mut() {
            Some(last) if last.len() < SEGMENT_BUCKETS => last.push(new),
            _ => self.segments.push(vec![new]),
        }
        self.buckets += 1;
    }

    /// Joins the last bucket with the one that it was divided from.
    fn join_one(&mut self) {
        let Some(last) = self.segments.last_mut() else { return };
        let Some(bucket) = last.pop() else { return };
        if last.is_empty() {
            self.segments.pop();
        }
        self.buckets -= 1;
        self.heap_bytes -= bucket.heap_bytes();
        let bit = (self.buckets + 1).next_power_of_two() / 2;
        self.change(self.buckets - bit, |partner| partner.absorb(bucket));
    }
}

impl Clone for FieldTable {
    fn clone(&self) -> Self {
        let segments = self.segments.clone();
        // A copy holds no spare room, so its account is its own.
        let heap_bytes = segments.iter().flatten().map(Bucket::heap_bytes).sum();
        FieldTable { segments, buckets: self.buckets, len: self.len, heap_bytes, secrets: self.secrets }
    }
}

/// What an iterator stands on before its first bucket.
static EMPTY: std::sync::LazyLock<Bucket> = std::sync::LazyLock::new(Bucket::default);

/// A number below a limit, from one of 32 bits.
fn below(number: u64, limit: usize) -> usize {
    ((number * limit as u64) >> 32) as usize
}

/// The high bits of the hash; the low ones choose the bucket.
fn fingerprint(hash: u64) -> u8 {
    (hash >> 56) as u8
}

/// Walks over all entries of a table.
#[derive(Clone)]
pub struct Iter<'a> {
    table: &'a FieldTable,
    next_bucket: usize,
    entries: BucketIter<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(entry);
            }
            if self.next_bucket == self.table.buckets {
                return None;
            }
            self.entries = self.table.bucket(self.next_bucket).iter();
            self.next_bucket += 1;
        }
    }
}
