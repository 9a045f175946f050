//! A leaf of the tree: some dozens of elements in ascending order in one run of bytes.
//!
//! An element is the length of its member in a byte (255 says that four bytes with the length follow the score), the
//! length of its score in a byte, the score in its short form and the member. A leaf is searched from its beginning:
//! for a kilobyte this costs less than the place that an index would take.

use super::edge::Edge;
use super::score::{from_word, Short};
use crate::base::alloc::rounded;

/// A leaf above this is divided, unless it has one element only.
pub(super) const LEAF_BYTES_MAX: usize = 1024;
/// A leaf below this is joined with a neighbour if there is room.
pub(super) const LEAF_BYTES_MIN: usize = LEAF_BYTES_MAX / 4;
/// Leaves are joined up to this, so that the next change does not divide them again.
pub(super) const JOINED_BYTES_MAX: usize = LEAF_BYTES_MAX * 3 / 4;
/// Room that removed elements may leave behind.
const SPARE_BYTES_MAX: usize = 128;

const LONG: u8 = u8::MAX;

/// An element as the tree has it.
pub(super) type Element<'a> = (f64, &'a [u8]);

/// A run of elements.
#[derive(Clone, Default)]
pub(super) struct Leaf {
    bytes: Vec<u8>,
    len: u32,
}

impl Leaf {
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes allocated, as the allocator rounds them.
    pub(super) fn heap_bytes(&self) -> usize {
        rounded(self.bytes.capacity())
    }

    /// The first element; nothing of an empty leaf.
    pub(super) fn first(&self) -> Element<'_> {
        self.element(0).map_or((0.0, &[]), |(element, _)| element)
    }

    /// The element at a place, and the place behind it.
    #[inline]
    pub(super) fn element(&self, at: usize) -> Option<(Element<'_>, usize)> {
        let (score, member_at, end) = self.head(at)?;
        Some(((score, self.bytes.get(member_at..end)?), end))
    }

    /// The score at a place, where its member begins and where it ends.
    #[inline]
    fn head(&self, at: usize) -> Option<(f64, usize, usize)> {
        let rest = self.bytes.get(at..)?;
        let [member_len, score_len, ..] = *rest else { return None };
        let score_len = usize::from(score_len);
        let word = match rest.get(2..10) {
            Some(eight) => {
                let word = u64::from_le_bytes(eight.try_into().ok()?);
                word & u64::MAX.checked_shr(64 - 8 * score_len as u32).unwrap_or(0)
            }
            None => {
                let mut eight = [0; 8];
                eight.get_mut(..score_len)?.copy_from_slice(rest.get(2..2 + score_len)?);
                u64::from_le_bytes(eight)
            }
        };
        let mut member_at = at + 2 + score_len;
        let mut member_len = usize::from(member_len);
        if member_len == usize::from(LONG) {
            let long = self.bytes.get(member_at..member_at + 4)?;
            member_len = u32::from_le_bytes(long.try_into().ok()?) as usize;
            member_at += 4;
        }
        Some((from_word(word, score_len), member_at, member_at + member_len))
    }

    /// The number of elements before an edge, and the place of the first one behind it.
    #[inline]
    pub(super) fn seek_edge(&self, edge: Edge<'_>) -> (usize, usize) {
        let (mut index, mut at) = (0, 0);
        while let Some((score, member_at, end)) = self.head(at) {
            if !edge.is_behind(score, || &self.bytes[member_at..end]) {
                break;
            }
            index += 1;
            at = end;
        }
        (index, at)
    }

    /// The place of the element with this index.
    pub(super) fn seek(&self, index: usize) -> usize {
        let mut at = 0;
        for _ in 0..index {
            match self.head(at) {
                Some((_, _, end)) => at = end,
                None => break,
            }
        }
        at
    }

    /// Puts an element where it belongs; says at which place.
    pub(super) fn insert(&mut self, score: f64, member: &[u8]) -> usize {
        let (_, at) = self.seek_edge(Edge::Element(score, member));
        let short = Short::new(score);
        let is_long = member.len() >= usize::from(LONG);
        let size = 2 + short.as_bytes().len() + if is_long { 4 } else { 0 } + member.len();
        let old_len = self.bytes.len();
        if old_len + size > self.bytes.capacity() {
            self.bytes.reserve_exact(rounded(old_len + size) - old_len);
        }
        self.bytes.resize(old_len + size, 0);
        self.bytes.copy_within(at..old_len, at + size);
        let mut to = at;
        let mut put = |part: &[u8]| {
            self.bytes[to..to + part.len()].copy_from_slice(part);
            to += part.len();
        };
        put(&[if is_long { LONG } else { member.len() as u8 }, short.len()]);
        put(short.as_bytes());
        if is_long {
            put(&(member.len() as u32).to_le_bytes());
        }
        put(member);
        self.len += 1;
        at
    }

    /// Removes an element; says whether it was there.
    pub(super) fn remove(&mut self, score: f64, member: &[u8]) -> bool {
        let (_, at) = self.seek_edge(Edge::Element(score, member));
        match self.element(at) {
            Some(((found, name), end)) if found == score && name == member => {
                self.bytes.drain(at..end);
                if self.bytes.capacity() - self.bytes.len() > SPARE_BYTES_MAX {
                    self.bytes.shrink_to(rounded(self.bytes.len()));
                }
                self.len -= 1;
                true
            }
            _ => false,
        }
    }

    /// Divides a leaf of at least two elements, of which the one at `inserted_at` is new. Growth at either end leaves
    /// the other part full, so that ascending and descending insertions fill their leaves.
    pub(super) fn split(&mut self, inserted_at: usize) -> Leaf {
        let is_last = self.element(inserted_at).is_some_and(|(_, end)| end == self.bytes.len());
        let (mut index, mut at) = (0, 0);
        while let Some((_, _, end)) = self.head(at) {
            let is_enough = match (is_last, inserted_at) {
                (true, _) => at == inserted_at,
                (false, 0) => index == 1,
                (false, _) => at >= self.bytes.len() / 2 || end == self.bytes.len(),
            };
            if index > 0 && is_enough {
                break;
            }
            index += 1;
            at = end;
        }
        let moved = &self.bytes[at..];
        let mut bytes = Vec::with_capacity(rounded(moved.len()));
        bytes.extend_from_slice(moved);
        let right = Leaf { bytes, len: self.len - index };
        self.bytes.truncate(at);
        self.bytes.shrink_to(rounded(at));
        self.len = index;
        right
    }

    /// Takes over the elements of the leaf behind it.
    pub(super) fn absorb(&mut self, right: Leaf) {
        let needed = self.bytes.len() + right.bytes.len();
        if needed > self.bytes.capacity() {
            self.bytes.reserve_exact(rounded(needed) - self.bytes.len());
        }
        self.bytes.extend_from_slice(&right.bytes);
        self.len += right.len;
    }
}
