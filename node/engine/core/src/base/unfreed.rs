//! Memory that was given up and is still to be freed by another thread.
//!
//! It counts as used until it is free, and must not make anybody evict keys in the meantime: what is asked
//! for has been given already.

use std::sync::atomic::{AtomicUsize, Ordering};

static BYTES: AtomicUsize = AtomicUsize::new(0);
static OBJECTS: AtomicUsize = AtomicUsize::new(0);
static TABLES: AtomicUsize = AtomicUsize::new(0);
static FREED: AtomicUsize = AtomicUsize::new(0);

/// Counts something as unfreed until it is dropped, with what it counts.
#[derive(Debug)]
pub struct Unfreed {
    bytes: usize,
    is_table: bool,
}

impl Unfreed {
    /// A value of so many bytes.
    pub fn new(bytes: usize) -> Self {
        BYTES.fetch_add(bytes, Ordering::Relaxed);
        OBJECTS.fetch_add(1, Ordering::Relaxed);
        Unfreed { bytes, is_table: false }
    }

    /// A table with all its keys, whose bytes nobody has added up.
    pub fn whole_table() -> Self {
        OBJECTS.fetch_add(1, Ordering::Relaxed);
        TABLES.fetch_add(1, Ordering::Relaxed);
        Unfreed { bytes: 0, is_table: true }
    }
}

impl Drop for Unfreed {
    fn drop(&mut self) {
        BYTES.fetch_sub(self.bytes, Ordering::Relaxed);
        OBJECTS.fetch_sub(1, Ordering::Relaxed);
        TABLES.fetch_sub(usize::from(self.is_table), Ordering::Relaxed);
        FREED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Bytes of the values that are still to be freed.
pub fn bytes() -> usize {
    BYTES.load(Ordering::Relaxed)
}

/// Values and tables that are still to be freed.
pub fn objects() -> usize {
    OBJECTS.load(Ordering::Relaxed)
}

/// Whether a table of unknown size is still to be freed.
pub fn has_table() -> bool {
    TABLES.load(Ordering::Relaxed) > 0
}

/// Values and tables freed so far.
pub fn freed() -> usize {
    FREED.load(Ordering::Relaxed)
}
