//! The boot clock's instants as a type of their own, so that none is mistaken for a time of day.
//!
//! An engine knows two clocks. Unix time steps when somebody sets it; keys expire by it, and it is a plain number of
//! milliseconds, as files, replies and commands hold it. The boot clock never steps and runs while the machine
//! sleeps; deadlines, leases and silences are measured by it. Its instants mean nothing outside of the process, so
//! the compiler refuses to compare the two or to store one in the other's place. A bare number beside an instant
//! is a span.

use std::ops::{Add, AddAssign, Sub};

/// An instant of the boot clock, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootMs(i64);

impl BootMs {
    /// Before every instant.
    pub const MIN: BootMs = BootMs(i64::MIN);
    /// After every instant: a deadline that never comes.
    pub const MAX: BootMs = BootMs(i64::MAX);
    /// When the clock began.
    pub const ZERO: BootMs = BootMs(0);

    /// The instant `ms` milliseconds after the clock began.
    #[inline]
    pub const fn new(ms: i64) -> Self {
        BootMs(ms)
    }

    /// Milliseconds since the clock began, for the border to Python and for logs.
    #[inline]
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// The instant `ms` milliseconds later; the last one there is if that is too late to be said.
    #[inline]
    pub const fn saturating_add(self, ms: i64) -> Self {
        BootMs(self.0.saturating_add(ms))
    }

    /// The instant `ms` milliseconds later, unless that is too late to be said.
    #[inline]
    pub fn checked_add(self, ms: i64) -> Option<Self> {
        self.0.checked_add(ms).map(BootMs)
    }

    /// Milliseconds from `earlier` to this instant, without overflow.
    #[inline]
    pub const fn saturating_since(self, earlier: BootMs) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<i64> for BootMs {
    type Output = BootMs;

    #[inline]
    fn add(self, ms: i64) -> BootMs {
        BootMs(self.0 + ms)
    }
}

impl AddAssign<i64> for BootMs {
    #[inline]
    fn add_assign(&mut self, ms: i64) {
        self.0 += ms;
    }
}

impl Sub<i64> for BootMs {
    type Output = BootMs;

    #[inline]
    fn sub(self, ms: i64) -> BootMs {
        BootMs(self.0 - ms)
    }
}

impl Sub for BootMs {
    type Output = i64;

    #[inline]
    fn sub(self, earlier: BootMs) -> i64 {
        self.0 - earlier.0
    }
}
