//! The bytes of a HyperLogLog: registers in two forms, the header before them, and the estimate.

pub mod dense;
pub mod estimate;
pub mod sketch;
pub mod sparse;

use crate::types::murmur::murmur_64a;

pub use sketch::{Form, Sketch};

/// Number of registers.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of a hash that choose the register.
const INDEX_BITS: u32 = 14;
/// Bits of a hash that make the rank.
const RANK_BITS: u32 = 64 - INDEX_BITS;
/// The largest rank.
pub const RANK_MAX: u8 = RANK_BITS as u8 + 1;
const HASH_SEED: u64 = 0xadc8_3b19;

/// Every register's rank, one byte each.
pub type Ranks = [u8; REGISTERS];

/// The runs of a sparse value do not cover its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// The register of an element, and its rank.
#[inline]
pub fn place_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur_64a(element, HASH_SEED);
    let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
    (hash as usize & (REGISTERS - 1), rest.trailing_zeros() as u8 + 1)
}
