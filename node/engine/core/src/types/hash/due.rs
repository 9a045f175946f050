//! When the fields of a hash expire.
//!
//! Few hashes have such fields, so what belongs to them stands beside the representation: a table from fields to
//! times, and the same in the order of time, so that the next field to go is found at once.

use std::collections::BTreeSet;

use crate::base::alloc::rounded;
use crate::types::field_table::FieldTable;

/// The times of the fields that expire.
#[derive(Clone)]
pub struct Dues {
    by_field: FieldTable,
    by_time: BTreeSet<(i64, Box<[u8]>)>,
    /// Bytes of the names in `by_time`, as the allocator rounds them.
    name_bytes: usize,
}

impl Dues {
    /// No field expires.
    pub fn new(seed: u64) -> Self {
        Dues { by_field: FieldTable::new(seed), by_time: BTreeSet::new(), name_bytes: 0 }
    }

    /// The number of fields that expire.
    pub fn len(&self) -> usize {
        self.by_time.len()
    }

    /// Whether no field expires.
    pub fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }

    /// Bytes allocated, without the struct itself.
    pub fn memory_bytes(&self) -> usize {
        // A node of the ordered set is about two thirds full.
        let entries = self.by_time.len() * size_of::<(i64, Box<[u8]>)>() * 3 / 2;
        self.by_field.memory_bytes() + entries + self.name_bytes
    }

    /// The number of allocations.
    pub fn free_effort(&self) -> usize {
        self.by_field.free_effort() + self.by_time.len()
    }

    /// When a field expires, in milliseconds since 1970.
    pub fn get(&self, field: &[u8]) -> Option<i64> {
        self.by_field.get(field)?.try_into().map(i64::from_le_bytes).ok()
    }

    /// When the next field expires.
    pub fn first(&self) -> Option<i64> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// A field expires at this time.
    pub fn set(&mut self, field: &[u8], at_ms: i64) {
        self.remove(field);
        self.by_field.insert(field, &at_ms.to_le_bytes());
        self.by_time.insert((at_ms, field.into()));
        self.name_bytes += rounded(field.len());
    }

    /// A field expires no more, if it did; tells whether it did.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let Some(at_ms) = self.get(field) else { return false };
        self.by_field.remove(field);
        self.by_time.remove(&(at_ms, field.into()));
        self.name_bytes -= rounded(field.len());
        true
    }

    /// The next field whose time has come.
    pub fn next_expired(&self, now_ms: i64) -> Option<&[u8]> {
        self.by_time.first().filter(|(at, _)| *at <= now_ms).map(|(_, field)| &**field)
    }
}
