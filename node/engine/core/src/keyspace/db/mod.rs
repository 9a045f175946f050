//! A database: its keys, their expiries, and the snapshots that look at it.
//!
//! Outside a cluster it is one table; in a cluster it is a table per slot, made when the slot gets its first
//! key, so that a slot's keys are counted at once, listed in time proportional to their number and dropped whole.
//!
//! Nothing here looks at the time or applies a command's rules: an expired key is found like any other, and the
//! caller decides. Everything that changes a key goes through a method here, which lets the snapshots see the
//! key first.

mod due;
mod elements;
mod entry_ref;
mod sample;
mod snapshot;
mod store;
mod walk;
mod whole;

use std::collections::VecDeque;

pub use entry_ref::EntryRef;
pub use sample::Sampled;

use super::capture::Captures;
use super::expiry::ExpiryWheel;
use super::key::{key_slot, KeyHasher, KeyRef, SLOT_COUNT};
use super::table::{Position, Table};
use crate::base::unfreed::Unfreed;
use crate::types::Value;

/// Slots whose keys are counted together, to find a random key in few steps.
const SLOTS_PER_GROUP: usize = 128;

/// What becomes of a key's expiry when its value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// It stays.
    Keep,
    /// It is removed.
    Clear,
    /// It becomes this time, in milliseconds since 1970.
    At(i64),
}

impl Ttl {
    fn over(self, old: Option<i64>) -> Option<i64> {
        match self {
            Ttl::Keep => old,
            Ttl::Clear => None,
            Ttl::At(at_ms) => Some(at_ms),
        }
    }
}

/// Something that was removed and takes long to free: drop it on another thread.
pub enum Garbage {
    /// A long string or a large collection.
    Value(Value, Unfreed),
    /// All keys of a slot or of a database.
    Keys(Box<Detached>, Unfreed),
}

impl Garbage {
    fn value(value: Value) -> Self {
        let bytes = match &value {
            Value::Bytes(bytes) => crate::base::alloc::rounded(bytes.capacity()),
            value => value.as_value().collection_bytes(),
        };
        Garbage::Value(value, Unfreed::new(bytes))
    }

    fn keys(detached: Box<Detached>) -> Self {
        Garbage::Keys(detached, Unfreed::whole_table())
    }
}

/// Keys that were removed whole.
pub struct Detached {
    table: Table,
}

impl Detached {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A table that was dropped before a snapshot had seen all of it.
struct Unseen {
    slot: u16,
    /// The version when it was dropped: later snapshots are not to see it.
    version: u32,
    /// Where the walk goes on in it.
    prefix: u64,
    detached: Box<Detached>,
}
/// A database; see the module's documentation.
pub struct Db {
    index: usize,
    hasher: KeyHasher,
    /// One table, or one for each slot.
    tables: Vec<Option<Box<Table>>>,
    /// Keys of each table, and of each group of tables.
    table_len: Vec<u32>,
    group_len: Vec<u64>,
    len: usize,
    expiring: u64,
    expiry_sum_ms: i128,
    wheel: ExpiryWheel,
    elements_due: elements::ElementsDue,
    captures: Captures,
    /// Changes of keys, for the check that none of them is kept from the write hook.
    #[cfg(debug_assertions)]
    changes: u64,
    unseen: VecDeque<Unseen>,
    garbage: Vec<Garbage>,
    scratch: Vec<u8>,
}

impl Db {
    /// An empty database with its number. All databases of a process share one hash function.
    pub fn new(index: usize, is_cluster: bool, hasher: KeyHasher) -> Self {
        let tables = if is_cluster { SLOT_COUNT } else { 1 };
        Db {
            index,
            hasher,
            tables: std::iter::repeat_with(|| None).take(tables).collect(),
            table_len: vec![0; tables],
            group_len: vec![0; tables.div_ceil(SLOTS_PER_GROUP)],
            len: 0,
            expiring: 0,
            expiry_sum_ms: 0,
            wheel: ExpiryWheel::default(),
            elements_due: elements::ElementsDue::default(),
            captures: Captures::default(),
            #[cfg(debug_assertions)]
            changes: 0,
            unseen: VecDeque::new(),
            garbage: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// An empty database of the same number, shape and hash function.
    pub fn new_like(&self) -> Self {
        Db::new(self.index, self.is_cluster(), self.hasher.clone())
    }

    /// Whether keys are kept by slot.
    #[inline]
    pub fn is_cluster(&self) -> bool {
        self.tables.len() > 1
    }

    /// A key with its hash and, in a cluster, its slot.
    #[inline]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> KeyRef<'a> {
        let slot = if self.is_cluster() { key_slot(bytes) } else { 0 };
        self.key_in_slot(bytes, slot)
    }

    /// A key whose slot is known already (0 outside a cluster).
    #[inline]
    pub fn key_in_slot<'a>(&self, bytes: &'a [u8], slot: u16) -> KeyRef<'a> {
        KeyRef { bytes, hash: self.hasher.hash(bytes), slot: if self.is_cluster() { slot } else { 0 } }
    }

    /// Whether a key has the hash and the slot that are computed anew, for assertions.
    pub(crate) fn computes(&self, key: &KeyRef<'_>) -> bool {
        #[cfg(test)]
        let counted = super::key::SLOTS_COMPUTED.get();
        let anew = self.key(key.bytes);
        #[cfg(test)]
        super::key::SLOTS_COMPUTED.set(counted);
        (key.hash, key.slot) == (anew.hash, anew.slot)
    }

    /// Number of keys, expired ones that were not removed yet included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of keys with an expiry.
    pub fn expiring_len(&self) -> u64 {
        self.expiring
    }

    /// The mean time to live of the keys with an expiry, in milliseconds; 0 without any.
    pub fn average_ttl_ms(&self, now_ms: i64) -> i64 {
        match self.expiring {
            0 => 0,
            keys => (self.expiry_sum_ms / i128::from(keys) - i128::from(now_ms)).max(0) as i64,
        }
    }

    /// How many keys have a place without more memory.
    pub fn places(&self) -> usize {
        self.tables.iter().flatten().map(|table| table.places()).sum()
    }

    /// Bytes of tables and expiries, without keys and values.
    pub fn overhead_bytes(&self) -> usize {
        let tables: usize = self.tables.iter().flatten().map(|table| table.memory_bytes()).sum();
        tables + self.wheel.memory_bytes() + self.tables.len() * size_of::<Option<Box<Table>>>()
    }

    /// A key's share of the table's memory, in bytes.
    pub fn bucket_share_bytes(&self, key: &KeyRef<'_>) -> usize {
        match self.table(key.slot) {
            Some(table) if table.len() > 0 => table.memory_bytes() / table.len(),
            _ => 0,
        }
    }

    #[inline]
    fn table(&self, slot: u16) -> Option<&Table> {
        self.tables.get(usize::from(slot))?.as_deref()
    }

    #[inline]
    fn position(&self, key: &KeyRef<'_>) -> Option<Position> {
        self.table(key.slot)?.find(key.hash, key.bytes)
    }

    /// A key's position, with the snapshots satisfied that it is about to change.
    #[inline]
    fn position_to_change(&mut self, key: &KeyRef<'_>) -> Option<Position> {
        let position = self.position(key)?;
        self.count_change();
        position.before_change(key.slot, &mut self.captures);
        Some(position)
    }

    #[inline]
    fn count_change(&mut self) {
        #[cfg(debug_assertions)]
        {
            self.changes += 1;
        }
    }

    /// How often a key was changed.
    #[cfg(debug_assertions)]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Asks the processor to load the bucket of a key.
    #[inline]
    pub fn prefetch_bucket(&self, key: &KeyRef<'_>) {
        if let Some(table) = self.table(key.slot) {
            table.prefetch_bucket(key.hash);
        }
    }

    /// Asks the processor to load the entry of a key; its bucket should have arrived.
    #[inline]
    pub fn prefetch_entry(&self, key: &KeyRef<'_>) {
        if let Some(table) = self.table(key.slot) {
            table.prefetch_entry(key.hash);
        }
    }

    /// The entry of a key, with no effect at all.
    #[inline]
    pub fn get(&self, key: &KeyRef<'_>) -> Option<EntryRef<'_>> {
        self.position(key).map(|position| EntryRef::new(position.entry()))
    }

    /// Whether a key is there.
    #[inline]
    pub fn contains(&self, key: &KeyRef<'_>) -> bool {
        self.position(key).is_some()
    }
}
