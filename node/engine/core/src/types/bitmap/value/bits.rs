//! Bits of byte strings: counting, finding and combining, a machine word at a time.
//!
//! Bit 0 is the highest bit of the first byte, as in the peers. Loops run over chunks of fixed length without
//! branches inside, so that the compiler turns them into vector instructions of whatever machine it builds for.

use std::ops::RangeInclusive;

/// Words whose counts are added up in the bytes of one word before the bytes are summed: 31 * 8 fits a byte.
const WORDS_PER_SUM: usize = 31;
/// Bytes that are combined before the next source is looked at, so that the result stays in the nearest cache.
const COMBINE_BLOCK_BYTES: usize = 8 * 1024;

/// Number of set bits.
pub fn count(bytes: &[u8]) -> u64 {
    let mut total = 0;
    for block in bytes.chunks(8 * WORDS_PER_SUM) {
        let words = block.chunks_exact(8);
        let rest: u64 = words.remainder().iter().map(|byte| u64::from(byte.count_ones())).sum();
        total += sum_of_bytes(words.map(|word| bits_per_byte(word_of(word))).sum()) + rest;
    }
    total
}

#[inline]
fn word_of(eight: &[u8]) -> u64 {
    u64::from_le_bytes(eight.try_into().unwrap_or_default())
}

/// The number of set bits of each byte, in that byte.
#[inline]
fn bits_per_byte(mut word: u64) -> u64 {
    word -= (word >> 1) & 0x5555_5555_5555_5555;
    word = (word & 0x3333_3333_3333_3333) + ((word >> 2) & 0x3333_3333_3333_3333);
    (word + (word >> 4)) & 0x0f0f_0f0f_0f0f_0f0f
}

#[inline]
fn sum_of_bytes(word: u64) -> u64 {
    let pairs = (word & 0x00ff_00ff_00ff_00ff) + ((word >> 8) & 0x00ff_00ff_00ff_00ff);
    pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48
}

/// Whether a bit is set; those behind the end are not.
#[inline]
pub fn get(bytes: &[u8], bit: u64) -> bool {
    bytes.get((bit / 8) as usize).is_some_and(|byte| byte & mask(bit) != 0)
}

/// Sets or clears a bit within the bytes; tells what it was.
#[inline]
pub fn set(bytes: &mut [u8], bit: u64, on: bool) -> bool {
    let Some(byte) = bytes.get_mut((bit / 8) as usize) else { return false };
    let was_on = *byte & mask(bit) != 0;
    if on {
        *byte |= mask(bit);
    } else {
        *byte &= !mask(bit);
    }
    was_on
}

#[inline]
fn mask(bit: u64) -> u8 {
    0x80 >> (bit % 8)
}

/// The bytes that a range of bits touches, which of the first one's bits belong to it, and which of the last one's.
fn edges<'b>(bytes: &'b [u8], range: &RangeInclusive<u64>) -> Option<(&'b [u8], u8, u8)> {
    let (first, last) = (*range.start(), *range.end());
    let touched = bytes.get((first / 8) as usize..=(last / 8) as usize).filter(|_| first <= last)?;
    Some((touched, 0xff >> (first % 8), !(0x7f >> (last % 8))))
}

/// Number of set bits in a range of bits that lies within the bytes.
pub fn count_in(bytes: &[u8], range: &RangeInclusive<u64>) -> u64 {
    let Some((touched, first_mask, last_mask)) = edges(bytes, range) else { return 0 };
    let outside = |byte: Option<&u8>, mask: u8| u64::from((byte.unwrap_or(&0) & !mask).count_ones());
    count(touched) - outside(touched.first(), first_mask) - outside(touched.last(), last_mask)
}

/// The first bit of this kind in a range of bits that lies within the bytes.
pub fn find_in(bytes: &[u8], range: &RangeInclusive<u64>, on: bool) -> Option<u64> {
    let (touched, first_mask, last_mask) = edges(bytes, range)?;
    let start = range.start() / 8 * 8;
    // A byte at an edge, its bits outside of the range turned into those that are not looked for.
    let trimmed = |at: usize| {
        let mut mask = 0xff;
        if at == 0 {
            mask &= first_mask;
        }
        if at + 1 == touched.len() {
            mask &= last_mask;
        }
        let byte = touched.get(at).copied().unwrap_or(0);
        if on {
            byte & mask
        } else {
            byte | !mask
        }
    };
    let skip = if on { 0 } else { 0xff };
    let found = |at: usize, byte: u8| {
        let within = if on { byte.leading_zeros() } else { byte.leading_ones() };
        Some(start + at as u64 * 8 + u64::from(within))
    };
    let last = touched.len() - 1;
    let first_byte = trimmed(0);
    if first_byte != skip {
        return found(0, first_byte);
    }
    if let Some(at) = touched.get(1..last).and_then(|middle| position_of_other(middle, skip)) {
        return found(at + 1, touched[at + 1]);
    }
    let last_byte = trimmed(last);
    if last_byte != skip {
        found(last, last_byte)
    } else {
        None
    }
}

/// Where the first byte stands that is not `skip`.
fn position_of_other(bytes: &[u8], skip: u8) -> Option<usize> {
    const STRIDE: usize = 64;
    let is_plain = |chunk: &&[u8]| chunk.iter().fold(0, |seen, byte| seen | (byte ^ skip)) == 0;
    let start = bytes.chunks_exact(STRIDE).take_while(is_plain).count() * STRIDE;
    bytes[start..].iter().position(|byte| *byte != skip).map(|at| start + at)
}

/// How the sources of BITOP are combined, bit by bit. The first source is called X, the others Y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Set in all.
    And,
    /// Set in any.
    Or,
    /// Set in an odd number of them.
    Xor,
    /// Not set in the only one.
    Not,
    /// Set in X and in no Y.
    Diff,
    /// Set in any Y and not in X.
    Diff1,
    /// Set in X and in any Y.
    AndOr,
    /// Set in exactly one.
    One,
}

/// Combines sources into as many bytes as the longest has; a shorter one counts as if zeros followed.
pub fn combine(how: Combine, sources: &[&[u8]]) -> Vec<u8> {
    let len = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let mut result = vec![0; len];
    let mut twice = [0; COMBINE_BLOCK_BYTES];
    for (index, block) in result.chunks_mut(COMBINE_BLOCK_BYTES).enumerate() {
        let start = index * COMBINE_BLOCK_BYTES;
        let end = start + block.len();
        let mut parts = sources.iter().map(|source| &source[start.min(source.len())..end.min(source.len())]);
        combine_block(how, &mut parts, block, &mut twice);
    }
    result
}

fn combine_block<'s>(
    how: Combine,
    parts: &mut (impl Iterator<Item = &'s [u8]> + Clone),
    block: &mut [u8],
    twice: &mut [u8; COMBINE_BLOCK_BYTES],
) {
    let is_about_first = matches!(how, Combine::Diff | Combine::Diff1 | Combine::AndOr);
    let Some(first) = parts.next() else { return };
    if !is_about_first {
        block[..first.len()].copy_from_slice(first);
    }
    match how {
        Combine::Not => block.iter_mut().for_each(|byte| *byte = !*byte),
        Combine::And => parts.for_each(|part| {
            each(block, part, |byte, other| *byte &= other);
            block[part.len()..].fill(0);
        }),
        Combine::Xor => parts.for_each(|part| each(block, part, |byte, other| *byte ^= other)),
        Combine::Or | Combine::Diff | Combine::Diff1 | Combine::AndOr => {
            parts.for_each(|part| each(block, part, |byte, other| *byte |= other));
        }
        Combine::One => {
            let twice = &mut twice[..block.len()];
            twice.fill(0);
            parts.for_each(|part| {
                for ((byte, twice), other) in block.iter_mut().zip(&mut *twice).zip(part) {
                    *twice |= *byte & other;
                    *byte |= other;
                }
            });
            each(block, twice, |byte, other| *byte &= !other);
        }
    }
    match how {
        Combine::Diff => {
            each(block, first, |byte, x| *byte = x & !*byte);
            block[first.len()..].fill(0);
        }
        Combine::Diff1 => each(block, first, |byte, x| *byte &= !x),
        Combine::AndOr => {
            each(block, first, |byte, x| *byte &= x);
            block[first.len()..].fill(0);
        }
        _ => {}
    }
}

#[inline]
fn each(block: &mut [u8], part: &[u8], change: impl Fn(&mut u8, u8)) {
    block.iter_mut().zip(part).for_each(|(byte, other)| change(byte, *other));
}
