//! The writer of RDB streams.
//!
//! It owns no sink: each method appends to the caller's buffer, which the caller sends on or syncs as it likes, and
//! keeps the checksum of all it has appended. A big value can be written in parts ([`RdbWriter::begin_entry`]), so that
//! one entry never makes a long pause; the value must not change in between, or be finished before it does.

use std::num::NonZeroU64;

use crate::formats::crc64::Crc64;
use crate::formats::lzf::Compressor;
use crate::formats::rdb::{opcode, RdbOutput, RDB_VERSION};
use crate::types::ValueRef;

/// How to write.
#[derive(Debug, Clone, Copy)]
pub struct RdbWriterOptions {
    /// Whether long strings are compressed: the directive `rdbcompression`.
    pub compress: bool,
    /// Whether the checksum is computed: the directive `rdbchecksum`.
    pub checksum: bool,
}

impl Default for RdbWriterOptions {
    fn default() -> Self {
        RdbWriterOptions { compress: true, checksum: true }
    }
}

/// How recently or how often a key was used, for the eviction policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Seconds since it was used.
    Idle(u64),
    /// How often, on the logarithmic scale of the LFU policies.
    Frequency(u8),
}

/// How far a value has been written in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueWalk {
    pub(super) cursor: NonZeroU64,
}

/// Writes an RDB stream. See the module's documentation.
pub struct RdbWriter {
    crc: Crc64,
    checksum: bool,
    compressor: Option<Compressor>,
}

impl RdbWriter {
    /// A writer at the start of a stream.
    pub fn new(options: RdbWriterOptions) -> Self {
        let compressor = options.compress.then(Compressor::new);
        RdbWriter { crc: Crc64::new(), checksum: options.checksum, compressor }
    }

    /// The magic and the auxiliary fields (`redis-ver`, `redis-bits`, `ctime`, `used-mem` and so on).
    pub fn header(&mut self, out: &mut Vec<u8>, aux: &[(&str, &str)]) {
        self.append(out, |out| {
            out.raw(format!("REDIS{RDB_VERSION:04}").as_bytes());
            for (name, value) in aux {
                out.byte(opcode::AUX);
                out.text(name.as_bytes());
                out.text(value.as_bytes());
            }
        });
    }

    /// The source of a function library.
    pub fn function(&mut self, out: &mut Vec<u8>, source: &[u8]) {
        self.append(out, |out| {
            out.byte(opcode::FUNCTION);
            out.text(source);
        });
    }

    /// The database of the entries that follow, how many there are and how many of them expire.
    pub fn select_db(&mut self, out: &mut Vec<u8>, db: u64, keys: u64, expires: u64) {
        self.append(out, |out| {
            out.byte(opcode::SELECT_DB);
            out.length(db);
            out.byte(opcode::RESIZE);
            out.length(keys);
            out.length(expires);
        });
    }

    /// One key with its value and its expiry in milliseconds since 1970.
    pub fn entry(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        value: ValueRef<'_>,
        expire_at_ms: Option<i64>,
        access: Option<Access>,
    ) {
        let mut walk = self.begin_entry(out, key, value, expire_at_ms, access, usize::MAX);
        while let Some(at) = walk {
            walk = self.continue_entry(out, value, at, usize::MAX);
        }
    }

    /// Begins an entry that is written in parts, with at least `elements` of its value; `None` when it is complete.
    pub fn begin_entry(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        value: ValueRef<'_>,
        expire_at_ms: Option<i64>,
        access: Option<Access>,
        elements: usize,
    ) -> Option<ValueWalk> {
        self.append(out, |out| {
            write_attributes(out, expire_at_ms, access);
            out.byte(value.rdb_code());
            out.text(key);
            next_part(value.write_rdb(0, elements, out))
        })
    }

    /// Writes at least `elements` more elements of a value; `None` when it is complete.
    pub fn continue_entry(
        &mut self,
        out: &mut Vec<u8>,
        value: ValueRef<'_>,
        walk: ValueWalk,
        elements: usize,
    ) -> Option<ValueWalk> {
        self.append(out, |out| next_part(value.write_rdb(walk.cursor.get(), elements, out)))
    }

    /// Entries that another writer has encoded, without a header or an end.
    pub fn encoded(&mut self, out: &mut Vec<u8>, entries: &[u8]) {
        self.append(out, |out| out.raw(entries));
    }

    /// Bytes that were given to the compressor so far.
    pub fn compressed_bytes(&self) -> u64 {
        self.compressor.as_ref().map_or(0, |compressor| compressor.input_bytes)
    }

    /// The end and the checksum, which is 0 where it is switched off.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.append(out, |out| out.byte(opcode::END));
        let sum = if self.checksum { self.crc.value() } else { 0 };
        out.extend_from_slice(&sum.to_le_bytes());
    }

    fn append<T>(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut RdbOutput<'_>) -> T) -> T {
        let start = out.len();
        let result = write(&mut RdbOutput::new(out, &mut self.compressor));
        if self.checksum {
            self.crc.update(&out[start..]);
        }
        result
    }
}

fn next_part(cursor: u64) -> Option<ValueWalk> {
    NonZeroU64::new(cursor).map(|cursor| ValueWalk { cursor })
}

/// The type byte and the value, as a DUMP payload begins.
pub(super) fn write_value(out: &mut Vec<u8>, value: ValueRef<'_>, compressor: &mut Option<Compressor>) {
    let mut out = RdbOutput::new(out, compressor);
    out.byte(value.rdb_code());
    let mut cursor = value.write_rdb(0, usize::MAX, &mut out);
    while cursor != 0 {
        cursor = value.write_rdb(cursor, usize::MAX, &mut out);
    }
}

fn write_attributes(out: &mut RdbOutput<'_>, expire_at_ms: Option<i64>, access: Option<Access>) {
    if let Some(at) = expire_at_ms {
        out.byte(opcode::EXPIRE_MS);
        out.raw(&at.to_le_bytes());
    }
    match access {
        Some(Access::Idle(seconds)) => {
            out.byte(opcode::IDLE);
            out.length(seconds);
        }
        Some(Access::Frequency(frequency)) => out.raw(&[opcode::FREQUENCY, frequency]),
        None => {}
    }
}
