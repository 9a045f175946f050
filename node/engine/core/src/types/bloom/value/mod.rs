//! The chain of filters that makes a Bloom filter grow.

pub mod filter;

use filter::{Filter, Places};

/// Filters of a chain, at most: each has to be asked.
pub const FILTERS_MAX: usize = 4096;
/// Bytes of all filters of a chain, at most.
pub const BYTES_MAX: u64 = 1 << 33;
/// By how much the error rate of each filter is less than that of the one before.
const TIGHTENING: f64 = 0.5;

/// What becomes of a filter that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// Another one follows, larger by this factor.
    By(u32),
    /// It takes nothing more.
    Never,
}

/// How a Bloom filter is made.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// The chance of a wrong yes.
    pub error_rate: f64,
    /// Elements that the first filter takes.
    pub capacity: u64,
    /// What becomes of it then.
    pub scaling: Scaling,
}

/// Why an element is not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is full and does not scale.
    Full,
    /// It would need more filters or memory than it may have.
    TooLarge,
}

/// A Bloom filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Bloom {
    /// Its filters, the newest last; never none.
    pub(in crate::types::bloom) filters: Vec<Filter>,
    /// What becomes of a full one.
    pub(in crate::types::bloom) scaling: Scaling,
    /// Elements that were added and not found before.
    pub(in crate::types::bloom) items: u64,
}

impl Bloom {
    /// An empty one; `None` if it would be too large.
    pub fn new(parameters: Parameters) -> Option<Bloom> {
        let tightening = if parameters.scaling == Scaling::Never { 1.0 } else { TIGHTENING };
        let first = Filter::new(parameters.capacity, parameters.error_rate * tightening)?;
        Some(Bloom { filters: vec![first], scaling: parameters.scaling, items: 0 })
    }

    /// One of filters that came from outside; `None` if they make no sense.
    pub(in crate::types::bloom) fn from_filters(
        filters: Vec<Filter>,
        scaling: Scaling,
        items: u64,
    ) -> Option<Bloom> {
        let is_sound = (1..=FILTERS_MAX).contains(&filters.len()) && filters.iter().all(Filter::is_sound);
        is_sound.then_some(Bloom { filters, scaling, items }).filter(|bloom| bloom.bits_bytes() <= BYTES_MAX)
    }

    /// Whether an element may have been added.
    pub fn contains(&self, element: &[u8]) -> bool {
        self.contains_at(Places::of(element))
    }

    fn contains_at(&self, places: Places) -> bool {
        self.filters.iter().rev().any(|filter| filter.contains(places))
    }

    /// Adds an element; tells whether it was not there.
    pub fn add(&mut self, element: &[u8]) -> Result<bool, Refusal> {
        let places = Places::of(element);
        if self.contains_at(places) {
            return Ok(false);
        }
        if self.newest().is_some_and(Filter::is_full) {
            self.grow()?;
        }
        if let Some(filter) = self.filters.last_mut() {
            filter.add(places);
        }
        self.items += 1;
        Ok(true)
    }

    fn newest(&self) -> Option<&Filter> {
        self.filters.last()
    }

    fn grow(&mut self) -> Result<(), Refusal> {
        let Scaling::By(factor) = self.scaling else { return Err(Refusal::Full) };
        let newest = self.newest().ok_or(Refusal::TooLarge)?;
        let capacity = newest.capacity.checked_mul(factor.into()).ok_or(Refusal::TooLarge)?;
        let next = Filter::new(capacity, newest.error_rate * TIGHTENING).ok_or(Refusal::TooLarge)?;
        let bytes = self.bits_bytes() + next.bytes.len() as u64;
        if self.filters.len() >= FILTERS_MAX || bytes > BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        self.filters.reserve_exact(1);
        self.filters.push(next);
        Ok(())
    }

    /// Bytes of all bits.
    pub(in crate::types::bloom) fn bits_bytes(&self) -> u64 {
        self.filters.iter().map(|filter| filter.bytes.len() as u64).sum()
    }

    /// Elements that were added and not found before.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Elements that fit before another filter follows.
    pub fn capacity(&self) -> u64 {
        self.filters.iter().fold(0, |sum, filter| sum.saturating_add(filter.capacity))
    }

    /// Number of filters.
    pub fn filters(&self) -> usize {
        self.filters.len()
    }

    /// What becomes of a full filter.
    pub fn scaling(&self) -> Scaling {
        self.scaling
    }
}
