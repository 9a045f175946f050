//! Registers as runs of equal ranks.
//!
//! ```text
//! 00nnnnnn             n + 1 empty registers
//! 01nnnnnn nnnnnnnn    n + 1 empty registers
//! 1vvvvvnn             n + 1 registers of rank v + 1
//! ```
//!
//! To raise a register is to split its run in up to three and to join equal neighbours again. Which runs are joined
//! and which are left apart decides about the bytes, so it is done as the peers do it: only around the place of the
//! change, and only runs of ranks.

use super::estimate::Histogram;
use super::{Damaged, Ranks, REGISTERS};

/// The largest rank that a run can have.
pub const RANK_MAX: u8 = 32;
const VALUE_RUN_MAX: usize = 4;
const SHORT_RUN_MAX: usize = 64;
/// Runs from the one before the change on, among which equal neighbours are joined.
const JOIN_RUNS_MAX: usize = 5;
/// A split makes of a run at most a long run, a rank and a long run.
const SPLIT_BYTES_MAX: usize = 5;

/// Bytes by which a value grows at once, at most: most of them stay small.
const GROWTH_BYTES_MAX: usize = 256;

/// Some registers of one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The rank; 0: empty registers.
    pub rank: u8,
    /// Number of registers.
    pub len: usize,
}

impl Run {
    /// The run that begins some bytes, and how many of them it takes.
    #[inline]
    fn read(bytes: &[u8]) -> Option<(Run, usize)> {
        let first = *bytes.first()?;
        let low = usize::from(first & 0x3f);
        Some(match first >> 6 {
            0 => (Run { rank: 0, len: low + 1 }, 1),
            1 => (Run { rank: 0, len: (low << 8 | usize::from(*bytes.get(1)?)) + 1 }, 2),
            _ => (Run { rank: (first >> 2 & 0x1f) + 1, len: usize::from(first & 3) + 1 }, 1),
        })
    }

    /// How PFDEBUG DECODE shows it.
    pub fn describe(self, is_long: bool) -> String {
        match self {
            Run { rank: 0, len } if is_long => format!("Z:{len}"),
            Run { rank: 0, len } => format!("z:{len}"),
            Run { rank, len } => format!("v:{rank},{len}"),
        }
    }
}

/// The registers of a new value: one run of empty ones.
pub const EMPTY: [u8; 2] = [0x40 | ((REGISTERS - 1) >> 8) as u8, (REGISTERS - 1) as u8];

/// Runs in their bytes while they are being made.
struct Runs {
    bytes: [u8; SPLIT_BYTES_MAX],
    len: usize,
}

impl Runs {
    fn push(&mut self, run: Run) {
        let Some(count) = run.len.checked_sub(1) else { return };
        let bytes = match run.rank {
            0 if run.len <= SHORT_RUN_MAX => [count as u8, 0],
            0 => [0x40 | (count >> 8) as u8, count as u8],
            rank => [value_byte(rank, run.len), 0],
        };
        let taken = if run.rank == 0 && run.len > SHORT_RUN_MAX { 2 } else { 1 };
        self.bytes[self.len..self.len + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn value_byte(rank: u8, len: usize) -> u8 {
    0x80 | (rank - 1) << 2 | (len - 1) as u8
}

/// Hands out the runs with the number of bytes each takes. They cover the registers exactly, or it is an error, and
/// then only those that fit were handed out.
pub fn for_each_run(mut bytes: &[u8], mut each: impl FnMut(Run, usize)) -> Result<(), Damaged> {
    let mut covered = 0;
    while !bytes.is_empty() {
        let (run, taken) = Run::read(bytes).ok_or(Damaged)?;
        covered += run.len;
        if covered > REGISTERS {
            return Err(Damaged);
        }
        each(run, taken);
        bytes = bytes.get(taken..).unwrap_or_default();
    }
    if covered == REGISTERS {
        Ok(())
    } else {
        Err(Damaged)
    }
}

/// How many registers have each rank.
pub fn histogram(bytes: &[u8]) -> Result<Histogram, Damaged> {
    let mut histogram = [0; 64];
    for_each_run(bytes, |run, _| histogram[usize::from(run.rank & 0x3f)] += run.len as u32)?;
    Ok(histogram)
}

/// Raises every rank to the register's. After an error some have been raised.
pub fn merge_into(bytes: &[u8], ranks: &mut Ranks) -> Result<(), Damaged> {
    let mut at = 0;
    for_each_run(bytes, |run, _| {
        let end = at + run.len;
        if run.rank > 0 {
            ranks[at..end].iter_mut().for_each(|rank| *rank = (*rank).max(run.rank));
        }
        at = end;
    })
}

/// Where a register's run stands.
struct Found {
    run: Run,
    /// Its first register.
    first: usize,
    /// Its place in the bytes, and that of the run before it.
    at: usize,
    before: Option<usize>,
    taken: usize,
}

fn find(bytes: &[u8], index: usize) -> Option<Found> {
    let (mut at, mut first, mut before) = (0, 0, None);
    loop {
        let (run, taken) = Run::read(bytes.get(at..)?)?;
        if index < first + run.len {
            return Some(Found { run, first, at, before, taken });
        }
        before = Some(at);
        at += taken;
        first += run.len;
    }
}

/// The rank in a register.
pub fn get(bytes: &[u8], index: usize) -> Result<u8, Damaged> {
    find(bytes, index).map(|found| found.run.rank).ok_or(Damaged)
}

/// What came of raising a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// It was as high already.
    No,
    /// It is raised.
    Yes,
    /// Nothing is done: the registers must become dense first.
    MustBeDense,
}

/// Raises a register to a rank. `header` bytes stand before the runs; all together they stay within `bytes_max`.
pub fn raise(
    bytes: &mut Vec<u8>,
    header: usize,
    index: usize,
    rank: u8,
    bytes_max: usize,
) -> Result<Raised, Damaged> {
    if rank > RANK_MAX {
        return Ok(Raised::MustBeDense);
    }
    let runs = bytes.get(header..).ok_or(Damaged)?;
    let Found { run, first, at, before, taken } = find(runs, index).ok_or(Damaged)?;
    if run.rank >= rank {
        return Ok(Raised::No);
    }
    let mut split = Runs { bytes: [0; SPLIT_BYTES_MAX], len: 0 };
    split.push(Run { rank: run.rank, len: index - first });
    split.push(Run { rank, len: 1 });
    split.push(Run { rank: run.rank, len: first + run.len - 1 - index });
    let new = split.as_bytes();
    if new.len() > taken && bytes.len() + new.len() - taken > bytes_max {
        return Ok(Raised::MustBeDense);
    }
    if bytes.capacity() - bytes.len() < SPLIT_BYTES_MAX {
        bytes.reserve_exact(bytes.len().clamp(SPLIT_BYTES_MAX, GROWTH_BYTES_MAX));
    }
    bytes.splice(header + at..header + at + taken, new.iter().copied());
    join(bytes, header + before.unwrap_or(0));
    Ok(Raised::Yes)
}

/// Joins neighbouring runs of one rank, from a place on.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_RUNS_MAX {
        let Some((run, taken)) = bytes.get(at..).and_then(Run::read) else { return };
        let next = bytes.get(at + taken..).and_then(Run::read);
        match next {
            Some((next, _))
                if run.rank > 0 && next.rank == run.rank && run.len + next.len <= VALUE_RUN_MAX =>
            {
                // The joined run may have another equal neighbour, so its place is looked at again.
                bytes[at + 1] = value_byte(run.rank, run.len + next.len);
                bytes.remove(at);
            }
            _ => at += taken,
        }
    }
}
