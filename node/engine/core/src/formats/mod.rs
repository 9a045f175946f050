//! How data looks in files and on the wire between nodes: checksums, compression, packed lists, RDB and DUMP.
//!
//! Everything here reads bytes that strangers wrote, so all of it keeps three promises: no input makes it panic;
//! no length is believed before that many bytes have arrived; and an error says at which offset what was wrong.

pub mod aof;
pub mod crc64;
pub mod digest;
pub mod legacy;
pub mod lzf;
pub mod packed;
pub mod rdb;
