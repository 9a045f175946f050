//! The keyspace: where keys live, found in one or two cache misses and stored in few bytes.
//!
//! From the inside out: [`entry`] is one key with its value in one allocation; [`segment`] holds a few hundred
//! entries in 64-byte buckets; [`table`] is a directory of segments that grows and shrinks in small steps;
//! [`Db`] is one table, or in a cluster one per slot, with [`expiry`] beside it and the hook of [`capture`] before
//! every change.
//!
//! `unsafe` stays in `entry`, `segment` and (for sending a table to the thread that frees it) `table`. The
//! rest, and everything above, sees borrows bound to the database. `model_tests` compares it with a
//! naive model. The tests pass under Miri, which finds undefined behaviour, and, whole and in seconds, under the
//! address sanitizer:
//!
//! ```text
//! MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p garrison-engine-core keyspace::
//! RUSTFLAGS="-Zsanitizer=address --cfg system_allocator" \
//!     cargo +nightly test -p garrison-engine-core --lib --target x86_64-unknown-linux-gnu keyspace::
//! ```

pub mod access;
pub mod candidates;
pub mod capture;
mod db;
#[allow(unsafe_code)]
mod entry;
mod expiry;
mod key;
#[cfg(test)]
mod model_tests;
#[allow(unsafe_code)]
mod segment;
#[allow(unsafe_code)]
mod table;

pub use capture::{Capture, Captured, SlotSet, SnapshotId};
pub use db::{Db, EntryRef, Garbage, Sampled, Ttl};
pub use entry::{Content, EMBEDDED_BYTES_MAX, EMBSTR_BYTES_MAX};
#[cfg(test)]
pub(crate) use key::SLOTS_COMPUTED;
pub use key::{key_slot, KeyHasher, KeyRef, KnownKey, SLOT_COUNT};
pub use table::Moves;

pub use crate::types::{Object, ObjectMut, Value, ValueRef};
