//! A key that is in the database, as readers see it.

use std::marker::PhantomData;

use super::Db;
use crate::keyspace::entry::{Content, Entry};
use crate::types::{Value, ValueRef};

/// A key that is in the database, with its value.
#[derive(Clone, Copy)]
pub struct EntryRef<'a> {
    entry: Entry,
    borrowed: PhantomData<&'a Db>,
}

impl<'a> EntryRef<'a> {
    pub(super) fn new(entry: Entry) -> Self {
        EntryRef { entry, borrowed: PhantomData }
    }

    /// The key.
    pub fn key(self) -> &'a [u8] {
        self.entry.key()
    }

    /// The value.
    #[inline]
    pub fn value(self) -> ValueRef<'a> {
        self.entry.value()
    }

    /// The time at which it expires, in milliseconds since 1970.
    #[inline]
    pub fn expire_at_ms(self) -> Option<i64> {
        self.entry.expire_at_ms()
    }

    /// Whether its time has come.
    #[inline]
    pub fn is_expired(self, now_ms: i64) -> bool {
        self.expire_at_ms().is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// The access clock; see [`super::access`].
    pub fn clock(self) -> u32 {
        self.entry.clock()
    }

    /// Sets the access clock. It is not part of what snapshots see.
    #[inline]
    pub fn set_clock(self, clock: u32) {
        self.entry.set_clock(clock);
    }

    /// The word that OBJECT ENCODING answers.
    pub fn encoding(self) -> &'static str {
        self.entry.encoding()
    }

    /// The word that TYPE answers.
    pub fn type_name(self) -> &'static str {
        self.value().type_name()
    }

    /// Bytes allocated for key and value, as the allocator rounds them.
    pub fn memory_bytes(self) -> usize {
        self.entry.memory_bytes()
    }

    /// A copy of everything.
    pub fn to_content(self) -> Content {
        let value = match self.value() {
            ValueRef::Int(value) => Value::Int(value),
            ValueRef::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            collection => match collection.clone_object() {
                Some(object) => Value::Object(object),
                None => unreachable!("strings were matched above"),
            },
        };
        Content { value, expire_at_ms: self.expire_at_ms(), is_modified: self.entry.is_modified() }
    }
}
