//! Random elements of a collection: what SRANDMEMBER and ZRANDMEMBER share.

use std::collections::HashSet;

use crate::base::prng::Prng;
use crate::dispatch::{Ctx, Failure};

/// The most draws, each of which may give the same element again, of one command. The peers have no limit and run
/// out of memory.
const REPEATED_DRAWS_MAX: u64 = 1 << 24;

/// Of a collection this many times as large as the number of elements wanted, elements are drawn one by one.
const SPARSE_FACTOR: usize = 3;

/// How many elements are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    count: usize,
    /// Whether the same element may come again.
    is_repeated: bool,
}

impl Draws {
    /// Reads argument `index` as a count: negative if the same element may come again.
    ///
    /// # Errors
    /// When it is not an integer, has no positive counterpart, or asks for too many repeated draws.
    pub fn parse(ctx: &Ctx<'_>, index: usize) -> Result<Self, Failure> {
        let number = ctx.int_arg(index)?;
        if number == i64::MIN {
            return Err(Failure::Text(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        Draws::of(number).ok_or(Failure::Text("ERR value is out of range"))
    }

    /// The draws that a count asks for; `None` where they would be too many.
    fn of(number: i64) -> Option<Self> {
        let is_repeated = number < 0;
        let count = number.unsigned_abs();
        let is_allowed = !is_repeated || count <= REPEATED_DRAWS_MAX;
        is_allowed.then_some(Draws { count: count as usize, is_repeated })
    }

    /// Whether twice as many values as elements would be more than fit into a reply.
    pub fn is_too_many_in_pairs(self) -> bool {
        self.count as u64 > i64::MAX as u64 / 2
    }

    /// How many elements come of a collection of `len`.
    pub fn answered(self, len: usize) -> usize {
        if self.is_repeated {
            self.count
        } else {
            self.count.min(len)
        }
    }

    /// Hands the elements to `write`: drawn with `random`, which gives each with the same chance, or chosen from `all`.
    pub fn draw<T>(
        self,
        len: usize,
        prng: &mut Prng,
        random: impl Fn(&mut Prng) -> Option<T>,
        all: impl Iterator<Item = T>,
        name: impl Fn(&T) -> Vec<u8>,
        mut write: impl FnMut(T),
    ) {
        let wanted = self.answered(len);
        if self.is_repeated {
            (0..wanted).filter_map(|_| random(prng)).for_each(write);
        } else if len / SPARSE_FACTOR > wanted {
            let mut drawn = HashSet::with_capacity(wanted);
            while drawn.len() < wanted {
                let Some(element) = random(prng) else { return };
                if drawn.insert(name(&element)) {
                    write(element);
                }
            }
        } else {
            select(wanted as u64, len as u64, prng, all, write);
        }
    }
}

/// Walks over all elements and takes each with the chance that is still due.
fn select<T>(
    mut wanted: u64,
    mut left: u64,
    prng: &mut Prng,
    all: impl Iterator<Item = T>,
    mut write: impl FnMut(T),
) {
    for element in all {
        if wanted == 0 {
            return;
        }
        if prng.below(left.max(1)) < wanted {
            write(element);
            wanted -= 1;
        }
        left = left.saturating_sub(1);
    }
}
