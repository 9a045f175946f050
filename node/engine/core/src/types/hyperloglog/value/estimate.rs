//! From ranks to a number of elements: Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
//! (arXiv:1702.01284), section 4.

use super::{RANK_BITS, REGISTERS};

/// How many registers have each rank.
pub type Histogram = [u32; 64];

/// 1 / (2 ln 2), the limit of the bias correction for many registers.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The estimated number of different elements.
pub fn estimate(histogram: &Histogram) -> u64 {
    let registers = REGISTERS as f64;
    let of_rank = |rank: u32| f64::from(histogram[rank as usize]);
    let mut sum = registers * tau((registers - of_rank(RANK_BITS + 1)) / registers);
    for rank in (1..=RANK_BITS).rev() {
        sum = (sum + of_rank(rank)) * 0.5;
    }
    sum += registers * sigma(of_rank(0) / registers);
    (ALPHA * registers * registers / sum).round() as u64
}

/// The share of registers that are full, corrected.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// The share of registers that are empty, corrected.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}
