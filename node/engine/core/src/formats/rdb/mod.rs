//! RDB: the snapshot format of the peers, for files, full syncs and DUMP payloads.
//!
//! ```text
//! REDIS0010            magic and version
//! fa name value        an auxiliary field (who wrote it, when, ...)
//! fe db                the entries that follow belong to this database
//! fb keys expires      how many they are, a hint
//! [fc expiry] [f8 idle | f9 frequency] type key value
//! ff crc64             the end; a checksum of 0 says that none was computed
//! ```
//!
//! A *length* takes 1, 2, 5 or 9 bytes; its first two bits say which, and a fourth pattern says that a string
//! follows in a special form: as an integer or compressed with LZF. Everything else is made of lengths and strings.
//!
//! Here are the primitives, which the codecs of types use. The writer and the reader of whole streams are in
//! `snapshot/`. The writer announces version 10, the lowest that can hold packed lists, which every Redis since 7.0
//! reads; the reader knows versions 1 to 12 and what Valkey 9 writes.

mod error;
mod input;
mod output;

pub use error::{RdbError, RdbProblem};
pub use input::{Input, Stop, Text};
pub use output::RdbOutput;

/// The version that the writer announces.
pub const RDB_VERSION: u32 = 10;
/// The newest version of Redis's files that the reader knows.
pub const RDB_VERSION_MAX: u32 = 12;
/// The version that Valkey 9 announces; its numbers went a way of their own.
pub const VALKEY_VERSION: u32 = 80;

/// The bytes that introduce what is no entry.
pub(crate) mod opcode {
    pub const SLOT_INFO: u8 = 0xf4;
    pub const FUNCTION: u8 = 0xf5;
    pub const FUNCTION_PRE_RELEASE: u8 = 0xf6;
    pub const MODULE_AUX: u8 = 0xf7;
    pub const IDLE: u8 = 0xf8;
    pub const FREQUENCY: u8 = 0xf9;
    pub const AUX: u8 = 0xfa;
    pub const RESIZE: u8 = 0xfb;
    pub const EXPIRE_MS: u8 = 0xfc;
    pub const EXPIRE_SECONDS: u8 = 0xfd;
    pub const SELECT_DB: u8 = 0xfe;
    pub const END: u8 = 0xff;
}

/// The special forms of a string.
pub(crate) mod special {
    pub const INT8: u8 = 0;
    pub const INT16: u8 = 1;
    pub const INT32: u8 = 2;
    pub const LZF: u8 = 3;
}

/// What a type code stands for, for those that no type of this engine reads.
pub(crate) fn foreign_type(code: u8) -> Option<&'static str> {
    Some(match code {
        15 | 19 | 21 => "stream",
        6 | 7 => "value of a module",
        22 | 23 => "hash of a pre-release of Redis 7.4",
        _ => return None,
    })
}
