//! One Bloom filter: an array of bits, of which every element sets a few.

use crate::types::murmur::murmur_64a;

/// Bytes of one filter, at most.
pub const FILTER_BYTES_MAX: u64 = 1 << 32;
/// Bits that an element sets, at most: as many as the smallest error rate asks for.
pub const HASHES_MAX: u32 = 1024;
/// Smaller error rates count as this one.
const ERROR_RATE_MIN: f64 = 1e-300;

const SEED: u64 = 0xc6a4_a793_5bd1_e995;

/// Where an element sets its bits: they stand at equal distances, reduced to each filter's length.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    first: u64,
    distance: u64,
}

impl Places {
    /// Those of an element.
    #[inline]
    pub fn of(element: &[u8]) -> Places {
        let first = murmur_64a(element, SEED);
        Places { first, distance: murmur_64a(element, first) }
    }
}

/// One filter of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Elements that it takes.
    pub capacity: u64,
    /// Elements that set a bit in it.
    pub items: u64,
    /// The chance of a wrong yes when it is full.
    pub error_rate: f64,
    /// How many bits there are for each element.
    pub bits_per_item: f64,
    /// How many bits an element sets.
    pub hashes: u32,
    /// Number of bits; those that fill up the last byte are not used.
    pub bits: u64,
    /// The bits, the low ones of a byte first.
    pub bytes: Vec<u8>,
}

/// The square of ln 2 with the digits that the public module has, so that the same numbers go with the same filter.
const LN_2_SQUARED: f64 = 0.480_453_013_918_201;
/// Wrong answers of a filter of N bits that come from the equal distances of an element's bits: this / N.
const EQUAL_DISTANCES_ERROR: f64 = 1.5;
/// Steps by which a filter is made larger than the textbook says until it holds its rate, and how much larger at most.
const ENLARGING_STEP: f64 = 1.002;
const ENLARGING_MAX: f64 = 4.0;

/// The number of bits that holds an error rate.
///
/// The textbook's number holds it for a number of hashes that is not whole, and for hashes that do not depend on each
/// other. Ours stand at equal distances: two elements of one distance overlap in many bits, and some distances come
/// back to the same bits, which a small filter notices. Both ask for more bits. A filter for few elements with a
/// rate far below one in its number of bits cannot hold it; it is made `ENLARGING_MAX` times as large as the textbook says.
fn bits_that_hold(capacity: f64, error_rate: f64, bits_per_item: f64, hashes: u32) -> f64 {
    let ideal = capacity * bits_per_item;
    let hashes = f64::from(hashes);
    let error =
        |bits: f64| (1.0 - (-hashes * capacity / bits).exp()).powf(hashes) + EQUAL_DISTANCES_ERROR / bits;
    let mut bits = ideal;
    while error(bits) > error_rate && bits < ideal * ENLARGING_MAX {
        bits *= ENLARGING_STEP;
    }
    bits
}

/// The bytes that a number of bits takes: whole words, of which all bits are used.
fn bytes_for(bits: f64) -> Option<u64> {
    let bytes = (bits / 64.0).trunc() * 8.0 + if bits % 64.0 >= 1.0 { 8.0 } else { 0.0 };
    (bytes <= FILTER_BYTES_MAX as f64).then_some((bytes as u64).max(8))
}

impl Filter {
    /// An empty filter; `None` if it would be too large, or there is no memory for it.
    pub fn new(capacity: u64, error_rate: f64) -> Option<Filter> {
        let error_rate = error_rate.max(ERROR_RATE_MIN);
        let bits_per_item = -error_rate.ln() / LN_2_SQUARED;
        let hashes = (std::f64::consts::LN_2 * bits_per_item).ceil().clamp(1.0, f64::from(HASHES_MAX)) as u32;
        let bytes = bytes_for(bits_that_hold(capacity as f64, error_rate, bits_per_item, hashes))?;
        let bits = bytes * 8;
        Some(Filter { capacity, items: 0, error_rate, bits_per_item, hashes, bits, bytes: zeros(bytes)? })
    }

    #[inline]
    fn positions(&self, places: Places) -> impl Iterator<Item = u64> + use<> {
        let (bits, Places { mut first, distance }) = (self.bits, places);
        (0..self.hashes).map(move |_| {
            let position = first % bits;
            first = first.wrapping_add(distance);
            position
        })
    }

    /// Whether an element may have been added to it.
    #[inline]
    pub fn contains(&self, places: Places) -> bool {
        let is_set =
            |at: u64| self.bytes.get((at / 8) as usize).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        self.positions(places).all(is_set)
    }

    /// Sets an element's bits.
    pub fn add(&mut self, places: Places) {
        for at in self.positions(places) {
            if let Some(byte) = self.bytes.get_mut((at / 8) as usize) {
                *byte |= 1 << (at % 8);
            }
        }
        self.items += 1;
    }

    /// Whether it takes no more elements.
    pub fn is_full(&self) -> bool {
        self.items >= self.capacity
    }

    /// Whether the numbers beside the bits make sense; those of an outsider need not.
    pub fn is_sound(&self) -> bool {
        self.capacity > 0
            && self.error_rate > 0.0
            && self.error_rate < 1.0
            && self.bits_per_item > 0.0
            && self.bits_per_item.is_finite()
            && (1..=HASHES_MAX).contains(&self.hashes)
            && self.bits > 0
            && self.bits.div_ceil(8) <= FILTER_BYTES_MAX
    }
}

/// Bytes that are zero. The system hands out large ones untouched, so that this takes no time that grows with
/// their number; `None` where there is no memory.
pub fn zeros(bytes: u64) -> Option<Vec<u8>> {
    let len = usize::try_from(bytes).ok()?;
    let mut probe: Vec<u8> = Vec::new();
    probe.try_reserve_exact(len).ok()?;
    drop(probe);
    Some(vec![0; len])
}
