//! The packed forms that older peers wrote: ziplist, zipmap and intset. They are read, never written.
//!
//! Each decoder takes a whole string from an RDB file or a DUMP payload and gives its elements in order, or says what
//! is damaged and where.

pub mod intset;
pub mod ziplist;
pub mod zipmap;

use super::packed::Damage;

fn damage<T>(offset: usize, problem: &'static str) -> Result<T, Damage> {
    Err(Damage { offset, problem })
}

/// The bytes `at..at + len`, if they are all there.
fn part(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(len)?)
}

/// The unsigned integer of four bytes at `at`, low byte first.
fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = part(bytes, at, 4)?;
    Some(u32::from_le_bytes(word.try_into().ok()?) as usize)
}
