//! The writer of RDB streams.
//!
//! It owns no sink: each method appends to the caller's buffer, which the caller sends on or syncs as it likes, and
//! keeps the checksum of all it has appended. A big hash can be written in parts ([`RdbWriter::begin_hash`]), so that
//! one entry never makes a long pause; the hash must not change in between, or be finished before it does.

use super::{opcode, special, type_code, RDB_VERSION};
use crate::formats::crc64::Crc64;
use crate::formats::lzf::Compressor;
use crate::formats::packed::Item;
use crate::numbers::parse_i64;
use crate::types::hash::Hash;
use crate::types::ValueRef;

/// Strings up to this length are never compressed.
const COMPRESSION_BYTES_MIN: usize = 21;
/// What compression must gain at least.
const COMPRESSION_GAIN_BYTES_MIN: usize = 4;
/// Longer strings are no integers of 32 bits.
const INTEGER_TEXT_BYTES_MAX: usize = 11;

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

/// How far a hash has been written in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashWalk {
    cursor: u64,
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
        self.append(out, |out, compressor| {
            out.extend_from_slice(format!("REDIS{RDB_VERSION:04}").as_bytes());
            for (name, value) in aux {
                out.push(opcode::AUX);
                write_text(out, name.as_bytes(), compressor);
                write_text(out, value.as_bytes(), compressor);
            }
        });
    }

    /// The source of a function library.
    pub fn function(&mut self, out: &mut Vec<u8>, source: &[u8]) {
        self.append(out, |out, compressor| {
            out.push(opcode::FUNCTION);
            write_text(out, source, compressor);
        });
    }

    /// The database of the entries that follow, how many there are and how many of them expire.
    pub fn select_db(&mut self, out: &mut Vec<u8>, db: u64, keys: u64, expires: u64) {
        self.append(out, |out, _| {
            out.push(opcode::SELECT_DB);
            write_length(out, db);
            out.push(opcode::RESIZE);
            write_length(out, keys);
            write_length(out, expires);
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
        self.append(out, |out, compressor| {
            write_attributes(out, expire_at_ms, access);
            out.push(type_code_of(value));
            write_text(out, key, compressor);
            write_value_body(out, value, compressor);
        });
    }

    /// Begins an entry whose hash is written in parts; `None` where the hash is so small that it has been written.
    pub fn begin_hash(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        hash: &Hash,
        expire_at_ms: Option<i64>,
        access: Option<Access>,
    ) -> Option<HashWalk> {
        if hash.as_packed().is_some() {
            self.entry(out, key, ValueRef::Hash(hash), expire_at_ms, access);
            return None;
        }
        self.append(out, |out, compressor| {
            write_attributes(out, expire_at_ms, access);
            out.push(type_code::HASH);
            write_text(out, key, compressor);
            write_length(out, hash.len() as u64);
        });
        Some(HashWalk { cursor: 0 })
    }

    /// Writes at least `fields` more fields; `None` when the hash is complete.
    pub fn continue_hash(
        &mut self,
        out: &mut Vec<u8>,
        hash: &Hash,
        walk: HashWalk,
        fields: usize,
    ) -> Option<HashWalk> {
        let mut cursor = 0;
        self.append(out, |out, compressor| {
            cursor = hash.scan(walk.cursor, fields, |field, value| {
                write_item(out, field, compressor);
                write_item(out, value, compressor);
            });
        });
        (cursor != 0).then_some(HashWalk { cursor })
    }

    /// The end and the checksum, which is 0 where it is switched off.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.append(out, |out, _| out.push(opcode::END));
        let sum = if self.checksum { self.crc.value() } else { 0 };
        out.extend_from_slice(&sum.to_le_bytes());
    }

    fn append(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>, &mut Option<Compressor>)) {
        let start = out.len();
        write(out, &mut self.compressor);
        if self.checksum {
            self.crc.update(&out[start..]);
        }
    }
}

/// The type byte and the value, as a DUMP payload begins.
pub(in crate::formats) fn write_value(
    out: &mut Vec<u8>,
    value: ValueRef<'_>,
    compressor: &mut Option<Compressor>,
) {
    out.push(type_code_of(value));
    write_value_body(out, value, compressor);
}

fn write_attributes(out: &mut Vec<u8>, expire_at_ms: Option<i64>, access: Option<Access>) {
    if let Some(at) = expire_at_ms {
        out.push(opcode::EXPIRE_MS);
        out.extend_from_slice(&at.to_le_bytes());
    }
    match access {
        Some(Access::Idle(seconds)) => {
            out.push(opcode::IDLE);
            write_length(out, seconds);
        }
        Some(Access::Frequency(frequency)) => out.extend_from_slice(&[opcode::FREQUENCY, frequency]),
        None => {}
    }
}

fn type_code_of(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Int(_) | ValueRef::Bytes(_) => type_code::STRING,
        ValueRef::Hash(hash) if hash.as_packed().is_some() => type_code::HASH_LISTPACK,
        ValueRef::Hash(_) => type_code::HASH,
    }
}

fn write_value_body(out: &mut Vec<u8>, value: ValueRef<'_>, compressor: &mut Option<Compressor>) {
    match value {
        ValueRef::Int(number) => write_item(out, Item::Integer(number), compressor),
        ValueRef::Bytes(bytes) => write_text(out, bytes, compressor),
        ValueRef::Hash(hash) => match hash.as_packed() {
            Some(list) => write_text(out, list.as_bytes(), compressor),
            None => {
                write_length(out, hash.len() as u64);
                for (field, value) in hash.iter() {
                    write_item(out, field, compressor);
                    write_item(out, value, compressor);
                }
            }
        },
    }
}

/// A length in its shortest form.
fn write_length(out: &mut Vec<u8>, len: u64) {
    match len {
        0..=0x3f => out.push(len as u8),
        0x40..=0x3fff => out.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
        0x4000..=0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
}

fn write_item(out: &mut Vec<u8>, item: Item<'_>, compressor: &mut Option<Compressor>) {
    match item {
        Item::Bytes(bytes) => write_text(out, bytes, compressor),
        Item::Integer(number) if write_small_integer(out, number) => {}
        Item::Integer(number) => {
            let mut digits = itoa::Buffer::new();
            let text = digits.format(number).as_bytes();
            write_length(out, text.len() as u64);
            out.extend_from_slice(text);
        }
    }
}

/// A string in its shortest form: an integer, compressed, or as it is.
fn write_text(out: &mut Vec<u8>, text: &[u8], compressor: &mut Option<Compressor>) {
    if text.len() <= INTEGER_TEXT_BYTES_MAX && parse_i64(text).is_some_and(|n| write_small_integer(out, n)) {
        return;
    }
    if let (Some(compressor), true) = (compressor, text.len() >= COMPRESSION_BYTES_MIN) {
        if let Some(packed) = compressor.compress(text, COMPRESSION_GAIN_BYTES_MIN) {
            out.push(0xc0 | special::LZF);
            write_length(out, packed.len() as u64);
            write_length(out, text.len() as u64);
            out.extend_from_slice(packed);
            return;
        }
    }
    write_length(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Writes an integer of up to 32 bits in its special form; false for a larger one.
fn write_small_integer(out: &mut Vec<u8>, number: i64) -> bool {
    if let Ok(number) = i8::try_from(number) {
        out.push(0xc0 | special::INT8);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        out.push(0xc0 | special::INT16);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        out.push(0xc0 | special::INT32);
        out.extend_from_slice(&number.to_le_bytes());
    } else {
        return false;
    }
    true
}
