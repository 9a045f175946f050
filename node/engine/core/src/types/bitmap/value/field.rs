//! Integers of 1 to 64 bits at any bit of a byte string, and what happens when one leaves its range.

use std::ops::RangeInclusive;

/// The type of an integer in a bit field: `i1` to `i64`, `u1` to `u63`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// Whether the highest bit is a sign.
    pub signed: bool,
    /// Number of bits.
    pub bits: u32,
}

/// What becomes of a value that its type cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The high bits are lost.
    #[default]
    Wrap,
    /// The nearest value that fits.
    Saturate,
    /// Nothing is stored.
    Fail,
}

impl Width {
    /// Reads a type as it is written.
    pub fn parse(text: &[u8]) -> Option<Width> {
        let (signed, digits) = match text {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return None,
        };
        let bits_max = if signed { 64 } else { 63 };
        let bits = crate::base::numbers::parse_i64(digits).filter(|bits| (1..=bits_max).contains(bits))?;
        Some(Width { signed, bits: bits as u32 })
    }

    /// The values that it holds.
    fn range(self) -> RangeInclusive<i128> {
        if self.signed {
            -(1 << (self.bits - 1))..=(1 << (self.bits - 1)) - 1
        } else {
            0..=(1 << self.bits) - 1
        }
    }

    /// A value within the range that stands for this one; `None` where it does not fit and must fail.
    pub fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let range = self.range();
        let fitting = match overflow {
            _ if range.contains(&value) => value,
            Overflow::Fail => return None,
            Overflow::Saturate => value.clamp(*range.start(), *range.end()),
            Overflow::Wrap => return Some(self.wrap(value as u64)),
        };
        Some(fitting as i64)
    }

    /// The value that the low bits stand for.
    fn wrap(self, raw: u64) -> i64 {
        let unused = 64 - self.bits;
        let high = (raw << unused) as i64;
        if self.signed {
            high >> unused
        } else {
            (high as u64 >> unused) as i64
        }
    }

    /// The integer whose first bit is this one; bits behind the end are zero.
    pub fn get(self, bytes: &[u8], first_bit: u64) -> i64 {
        let window = Window::of(self, first_bit);
        self.wrap((window.load(bytes) >> window.shift) as u64)
    }

    /// Stores the low bits of a value, as far as the bytes reach.
    pub fn set(self, bytes: &mut [u8], first_bit: u64, value: i64) {
        let window = Window::of(self, first_bit);
        let mask = (u128::from(u64::MAX) >> (64 - self.bits)) << window.shift;
        let merged = window.load(bytes) & !mask | (u128::from(value as u64) << window.shift) & mask;
        let merged = merged.to_be_bytes();
        bytes.iter_mut().skip(window.start).zip(&merged[WINDOW_AT..]).for_each(|(byte, new)| *byte = *new);
    }
}

/// The nine bytes that hold any integer, as a number.
struct Window {
    start: usize,
    /// How far the integer's lowest bit is from the window's.
    shift: u32,
}

const WINDOW_BYTES: usize = 9;
/// Where the window's bytes stand in those of a number of 128 bits.
const WINDOW_AT: usize = size_of::<u128>() - WINDOW_BYTES;

impl Window {
    fn of(width: Width, first_bit: u64) -> Window {
        let shift = 8 * WINDOW_BYTES as u32 - (first_bit % 8) as u32 - width.bits;
        Window { start: (first_bit / 8) as usize, shift }
    }

    fn load(&self, bytes: &[u8]) -> u128 {
        let mut number = [0; size_of::<u128>()];
        let there = bytes.get(self.start..).unwrap_or_default();
        number[WINDOW_AT..].iter_mut().zip(there).for_each(|(byte, source)| *byte = *source);
        u128::from_be_bytes(number)
    }
}
