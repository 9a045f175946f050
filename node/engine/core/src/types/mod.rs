//! The data types. A type is one folder here; the representation of strings is the keyspace's.
//!
//! ```text
//! value.rs   the representation: bytes and operations, which know no session, engine or reply
//! codec.rs   its forms outside of memory: RDB, DUMP, digest, the commands that rebuild it
//! read.rs    the commands that look into it
//! write.rs   the commands that change it
//! ```
//!
//! To add a type: write its folder with a struct that implements [`Collection`], and name it once in [`collections!`]
//! below. TYPE, OBJECT ENCODING, MEMORY USAGE, COPY, DUMP, RESTORE, snapshots, DEBUG DIGEST and the thread that
//! frees big values then know it. The keyspace stores a pointer to it without knowing what it is.

pub mod bitmap;
pub mod bloom;
mod collection;
pub(crate) mod draws;
pub mod field_table;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod murmur;
#[macro_use]
mod object;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod string;
mod value;

pub use collection::{Collection, Rebuild};
pub use value::{Value, FREE_BYTES_INLINE_MAX, FREE_EFFORT_INLINE_MAX};

pub(crate) use value::ValueReader;

use crate::formats::digest::Digest;
use crate::formats::rdb::{Input, RdbOutput, RdbProblem, Stop};
use crate::settings::Settings;

collections! {
    // The number is what an entry of the keyspace keeps of the type: 4 to 15, never seen outside.
    /// Fields with values.
    hash: Hash(hash::Hash) = 4,
    /// Elements in order.
    list: List(list::List) = 8,
    /// Different members.
    set: Set(set::Set) = 5,
    /// Different members in the order of their scores.
    sorted_set: SortedSet(sorted_set::SortedSet) = 6,
    /// A log of entries, with groups of readers.
    stream: Stream(stream::Stream) = 7,
    /// Bloom filters.
    bloom: Bloom(bloom::Bloom) = 9,
}
