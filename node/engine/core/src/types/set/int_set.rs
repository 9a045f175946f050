//! The members of a set of integers: all of one width, ascending, one behind the other.
//!
//! The bytes are those that the peers call an intset and that RDB files and DUMP payloads carry: four bytes for the
//! width (2, 4 or 8), four for the number of members, then the members, low byte first throughout. A member that
//! needs more bytes than the others have widens all of them; they never become narrower again.

use crate::base::alloc::rounded;
use crate::formats::legacy::intset;
use crate::formats::packed::{signed_little_endian, Damage};

const HEADER: usize = 8;
/// Room that removed members may leave behind.
const SPARE_BYTES_MAX: usize = 256;

/// A set of integers in ascending order.
#[derive(Clone)]
pub struct IntSet {
    bytes: Vec<u8>,
}

impl Default for IntSet {
    fn default() -> Self {
        IntSet::new()
    }
}

impl IntSet {
    /// An empty set.
    pub fn new() -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[0] = 2;
        IntSet { bytes }
    }

    /// Takes bytes from outside after looking at all of them.
    ///
    /// # Errors
    /// When they are not an intset: a wrong width or count, or members that do not ascend.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Damage> {
        intset::decode(&bytes)?;
        Ok(IntSet { bytes })
    }

    /// The bytes, as files and peers know them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        (self.bytes.len() - HEADER) / self.width()
    }

    /// Bytes allocated, as the allocator rounds them.
    pub fn memory_bytes(&self) -> usize {
        rounded(self.bytes.capacity())
    }

    /// The member with this place in ascending order.
    pub fn get(&self, index: usize) -> Option<i64> {
        let width = self.width();
        let at = HEADER + index.checked_mul(width)?;
        self.bytes.get(at..at + width).map(signed_little_endian)
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.bytes[HEADER..].chunks_exact(self.width()).map(signed_little_endian)
    }

    /// Whether the number is a member.
    pub fn contains(&self, number: i64) -> bool {
        self.find(number).is_ok()
    }

    /// Adds a number and tells whether it is new.
    pub fn insert(&mut self, number: i64) -> bool {
        if width_of(number) > self.width() {
            self.widen(width_of(number));
        }
        let Err(index) = self.find(number) else { return false };
        let (width, len) = (self.width(), self.len());
        let at = HEADER + index * width;
        let needed = self.bytes.len() + width;
        if needed > self.bytes.capacity() {
            self.bytes.reserve_exact(rounded(needed) - self.bytes.len());
        }
        self.bytes.splice(at..at, number.to_le_bytes()[..width].iter().copied());
        self.set_count(len + 1);
        true
    }

    /// Removes a number and tells whether it was there.
    pub fn remove(&mut self, number: i64) -> bool {
        let Ok(index) = self.find(number) else { return false };
        let (width, len) = (self.width(), self.len());
        let at = HEADER + index * width;
        self.bytes.drain(at..at + width);
        if self.bytes.capacity() - self.bytes.len() > SPARE_BYTES_MAX {
            self.bytes.shrink_to(rounded(self.bytes.len()));
        }
        self.set_count(len - 1);
        true
    }

    /// Bytes of the longest member, written in decimal.
    pub fn longest_text(&self) -> usize {
        let text = |index: usize| self.get(index).map_or(0, |n| itoa::Buffer::new().format(n).len());
        text(0).max(text(self.len().saturating_sub(1)))
    }

    fn width(&self) -> usize {
        usize::from(self.bytes[0])
    }

    fn set_count(&mut self, count: usize) {
        self.bytes[4..HEADER].copy_from_slice(&(count as u32).to_le_bytes());
    }

    /// The place of a number, or where it would stand.
    fn find(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).unwrap_or(i64::MAX).cmp(&number) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn widen(&mut self, width: usize) {
        let len = self.len();
        let mut wide = Vec::with_capacity(rounded(HEADER + (len + 1) * width));
        wide.extend_from_slice(&self.bytes[..HEADER]);
        wide[0] = width as u8;
        self.iter().for_each(|number| wide.extend_from_slice(&number.to_le_bytes()[..width]));
        self.bytes = wide;
    }
}

/// The bytes that a number needs.
fn width_of(number: i64) -> usize {
    if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}
