//! HyperLogLogs: strings that tell how many different elements were added to them, without keeping the elements.
//!
//! An element's hash chooses one of 16,384 registers and a rank, the number of zeros that the rest of the hash ends
//! in, plus one. A register keeps the largest rank it has seen; rare ranks mean many elements, and the estimate
//! has a standard error of 1.04 / sqrt(16384) = 0.81 %.
//!
//! The bytes are the peers', so that a value moves between servers as the string it is:
//!
//! ```text
//! HYLL  form(1)  0 0 0  cardinality(8, low byte first; highest bit: out of date)  registers
//! ```
//!
//! [`dense`] keeps each register in 6 bits (12,288 bytes), [`sparse`] runs of equal ones in a byte or two. A value
//! begins sparse and becomes dense when a rank is too large for that form or its bytes exceed `hll-sparse-max-bytes`.
//! Anybody may SET such a string, so nothing in it is believed: [`Sketch`] checks the header, [`sparse`] each run.
//!
//! The commands are in [`read`] (PFCOUNT), [`write`](mod@write) (PFADD, PFMERGE) and [`debug`] (PFDEBUG, PFSELFTEST).

pub mod debug;
pub mod dense;
pub mod estimate;
pub mod read;
pub mod sketch;
pub mod sparse;
pub mod write;

#[cfg(test)]
mod tests;

use crate::command::Failure;
use crate::keyspace::EntryRef;
use crate::types::murmur::murmur_64a;
use crate::types::ValueRef;
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

const NOT_A_SKETCH: Failure = Failure::Text("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPTED: Failure = Failure::Text("INVALIDOBJ Corrupted HLL object detected");

/// The runs of a sparse value do not cover its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

impl From<Damaged> for Failure {
    fn from(_: Damaged) -> Self {
        CORRUPTED
    }
}

/// The register of an element, and its rank.
#[inline]
pub fn place_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur_64a(element, HASH_SEED);
    let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
    (hash as usize & (REGISTERS - 1), rest.trailing_zeros() as u8 + 1)
}

/// The bytes of the HyperLogLog at a key, if there is one; an error where it is something else.
fn bytes_of(entry: Option<EntryRef<'_>>) -> Result<Option<&[u8]>, Failure> {
    match entry.map(EntryRef::value) {
        None => Ok(None),
        Some(ValueRef::Bytes(bytes)) if Form::of(bytes).is_some() => Ok(Some(bytes)),
        Some(ValueRef::Bytes(_) | ValueRef::Int(_)) => Err(NOT_A_SKETCH),
        Some(_) => Err(crate::command::failure::WRONG_TYPE),
    }
}
