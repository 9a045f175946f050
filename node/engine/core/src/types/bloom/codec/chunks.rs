//! The form of BF.SCANDUMP and BF.LOADCHUNK, which moves filters between our nodes and the servers of others.
//!
//! The documentation of BF.SCANDUMP shows an example, from which the layout follows: a header, then the bits of all
//! filters in a row, in chunks that each lie within one filter. Numbers have their low byte first.
//!
//! ```text
//! items(8) filters(4) options(4) expansion(4)
//! for each filter: bytes(8) bits(8) items(8) error rate(8) bits per item(8) hashes(4) capacity(8) exponent(1)
//! ```
//!
//! The number that goes with a chunk is where the next one begins, plus 1; that of the header is 1.

use std::borrow::Cow;

use crate::types::bloom::value::filter::{zeros, Filter};
use crate::types::bloom::value::{Bloom, Scaling, BYTES_MAX, FILTERS_MAX};

/// Bytes of a chunk, at most.
pub const CHUNK_BYTES_MAX: usize = 16 * 1024 * 1024;
const HEAD_BYTES: usize = 20;
const FILTER_BYTES: usize = 53;
/// The largest factor by which filters may grow.
pub const EXPANSION_MAX: u32 = 32_768;

/// Bits of the options: the number of bits is not rounded to a power of two; hashes have 64 bits; no growth.
mod option {
    pub const NOT_ROUNDED: u32 = 1;
    pub const HASHES_64: u32 = 4;
    pub const NO_SCALING: u32 = 8;
}

/// The scaling that an expansion of zero or more stands for.
pub fn scaling_of(expansion: u64) -> Option<Scaling> {
    match u32::try_from(expansion).ok()? {
        0 => Some(Scaling::Never),
        factor => (factor <= EXPANSION_MAX).then_some(Scaling::By(factor)),
    }
}

/// The expansion that stands for a scaling; 0 for none.
pub fn expansion_of(scaling: Scaling) -> u64 {
    match scaling {
        Scaling::By(factor) => factor.into(),
        Scaling::Never => 0,
    }
}

/// All but the bits.
pub fn header(bloom: &Bloom) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES + bloom.filters.len() * FILTER_BYTES);
    let options = option::NOT_ROUNDED | option::HASHES_64;
    let options = options | if bloom.scaling == Scaling::Never { option::NO_SCALING } else { 0 };
    out.extend_from_slice(&bloom.items.to_le_bytes());
    out.extend_from_slice(&(bloom.filters.len() as u32).to_le_bytes());
    out.extend_from_slice(&options.to_le_bytes());
    out.extend_from_slice(&(expansion_of(bloom.scaling) as u32).to_le_bytes());
    for filter in &bloom.filters {
        out.extend_from_slice(&(filter.bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(&filter.bits.to_le_bytes());
        out.extend_from_slice(&filter.items.to_le_bytes());
        out.extend_from_slice(&filter.error_rate.to_le_bytes());
        out.extend_from_slice(&filter.bits_per_item.to_le_bytes());
        out.extend_from_slice(&filter.hashes.to_le_bytes());
        out.extend_from_slice(&filter.capacity.to_le_bytes());
        out.push(0);
    }
    out
}

/// Takes numbers off the front of some bytes.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_at_checked(N)?;
        self.0 = rest;
        taken.try_into().ok()
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn f64(&mut self) -> Option<f64> {
        self.take().map(f64::from_le_bytes)
    }

    /// A filter without its bits, and how many bytes of them there are to be.
    fn filter(&mut self) -> Option<(Filter, u64)> {
        let (bytes, bits, items) = (self.u64()?, self.u64()?, self.u64()?);
        let (error_rate, bits_per_item, hashes) = (self.f64()?, self.f64()?, self.u32()?);
        let (capacity, [exponent]) = (self.u64()?, self.take()?);
        // Old filters have a power of two of bits and say so by its exponent.
        let bits = if bits == 0 { 1_u64.checked_shl(exponent.into())? } else { bits };
        let filter = Filter { capacity, items, error_rate, bits_per_item, hashes, bits, bytes: Vec::new() };
        (filter.is_sound() && bits.div_ceil(8) == bytes).then_some((filter, bytes))
    }
}

/// A Bloom filter from its header, with no bit set; `None` if the header makes no sense.
pub fn from_header(header: &[u8]) -> Option<Bloom> {
    let mut cursor = Cursor(header);
    let (items, count, options, expansion) =
        (cursor.u64()?, cursor.u32()? as usize, cursor.u32()?, cursor.u32()?);
    let is_right_size = header.len() == HEAD_BYTES + count.checked_mul(FILTER_BYTES)?;
    if !is_right_size || !(1..=FILTERS_MAX).contains(&count) || options & option::HASHES_64 == 0 {
        return None;
    }
    let scaling = match options & option::NO_SCALING {
        0 => scaling_of(u64::from(expansion).max(1))?,
        _ => Scaling::Never,
    };
    let filters: Vec<(Filter, u64)> = (0..count).map(|_| cursor.filter()).collect::<Option<_>>()?;
    // All is added up before anything is allocated.
    let bytes = filters.iter().try_fold(0_u64, |sum, (_, bytes)| sum.checked_add(*bytes))?;
    if bytes > BYTES_MAX {
        return None;
    }
    let with_bits = |(filter, bytes)| Some(Filter { bytes: zeros(bytes)?, ..filter });
    let filters: Vec<Filter> = filters.into_iter().map(with_bits).collect::<Option<_>>()?;
    Bloom::from_filters(filters, scaling, items)
}

/// What BF.SCANDUMP answers: the number that goes with a chunk, and the chunk; 0 and nothing at the end.
pub fn dump(bloom: &Bloom, iterator: u64) -> (u64, Cow<'_, [u8]>) {
    let Some(mut at) = iterator.checked_sub(1) else { return (1, Cow::Owned(header(bloom))) };
    for filter in &bloom.filters {
        let len = filter.bytes.len() as u64;
        if at < len {
            let rest = filter.bytes.get(at as usize..).unwrap_or_default();
            let chunk = &rest[..rest.len().min(CHUNK_BYTES_MAX)];
            return (iterator + chunk.len() as u64, Cow::Borrowed(chunk));
        }
        at -= len;
    }
    (0, Cow::Borrowed(&[]))
}

/// Why a chunk is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It belongs to no place.
    NoPlace,
    /// It reaches beyond the filter that it begins in.
    TooLong,
}

/// Puts a chunk where the number that goes with it says.
pub fn load(bloom: &mut Bloom, iterator: u64, chunk: &[u8]) -> Result<(), Misfit> {
    let start = iterator.checked_sub(chunk.len() as u64 + 1).ok_or(Misfit::NoPlace)?;
    let mut at = start;
    for filter in &mut bloom.filters {
        let len = filter.bytes.len() as u64;
        if at < len {
            let place = filter.bytes.get_mut(at as usize..).unwrap_or_default();
            let place = place.get_mut(..chunk.len()).ok_or(Misfit::TooLong)?;
            place.copy_from_slice(chunk);
            return Ok(());
        }
        at -= len;
    }
    Err(Misfit::NoPlace)
}
