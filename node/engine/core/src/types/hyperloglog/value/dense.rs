//! Registers of six bits each, the low bits first: four of them in three bytes.

use super::estimate::Histogram;
use super::{Ranks, REGISTERS};

/// Bytes of all registers.
pub const BYTES: usize = REGISTERS * 6 / 8;
const REGISTER_MAX: u8 = 0x3f;

/// The rank in a register.
#[inline]
pub fn get(registers: &[u8], index: usize) -> u8 {
    let (at, shift) = (index * 6 / 8, index * 6 % 8);
    let low = u16::from(registers.get(at).copied().unwrap_or(0));
    let high = u16::from(registers.get(at + 1).copied().unwrap_or(0));
    ((high << 8 | low) >> shift) as u8 & REGISTER_MAX
}

/// Raises a register to a rank; tells whether that made a difference.
#[inline]
pub fn raise(registers: &mut [u8], index: usize, rank: u8) -> bool {
    if get(registers, index) >= rank {
        return false;
    }
    let (at, shift) = (index * 6 / 8, index * 6 % 8);
    let (mask, bits) = (u16::from(REGISTER_MAX) << shift, u16::from(rank) << shift);
    let bytes = registers.iter_mut().skip(at).take(2);
    for (byte, (mask, bits)) in bytes.zip(mask.to_le_bytes().into_iter().zip(bits.to_le_bytes())) {
        *byte = *byte & !mask | bits;
    }
    true
}

/// The ranks of four registers in three bytes.
#[inline]
fn unpack(three: &[u8]) -> [u8; 4] {
    let &[a, b, c] = three else { return [0; 4] };
    [a & 0x3f, a >> 6 | (b & 0x0f) << 2, b >> 4 | (c & 0x03) << 4, c >> 2]
}

/// Raises every rank to the register's.
pub fn merge_into(registers: &[u8], ranks: &mut Ranks) {
    for (three, four) in registers.chunks_exact(3).zip(ranks.chunks_exact_mut(4)) {
        four.iter_mut().zip(unpack(three)).for_each(|(rank, other)| *rank = (*rank).max(other));
    }
}

/// How many registers have each rank.
pub fn histogram(registers: &[u8]) -> Histogram {
    // Four tables, because adding to one element twice in a row has to wait for the first sum.
    let mut parts = [[0_u32; 64]; 4];
    for three in registers.chunks_exact(3) {
        parts.iter_mut().zip(unpack(three)).for_each(|(part, rank)| part[usize::from(rank & 0x3f)] += 1);
    }
    std::array::from_fn(|rank| parts.iter().map(|part| part[rank]).sum())
}

/// Packs ranks.
pub fn pack(ranks: &Ranks, registers: &mut [u8]) {
    for (four, three) in ranks.chunks_exact(4).zip(registers.chunks_exact_mut(3)) {
        if let (&[a, b, c, d], [x, y, z]) = (four, three) {
            (*x, *y, *z) = (a | b << 6, b >> 2 | c << 4, c >> 4 | d << 2);
        }
    }
}
