//! The primitives of the format, written: lengths, strings and numbers. Everything else is made of these.

use super::special;
use crate::base::numbers::parse_i64;
use crate::formats::lzf::Compressor;
use crate::formats::packed::Item;

/// Strings up to this length are never compressed.
const COMPRESSION_BYTES_MIN: usize = 21;
/// What compression must gain at least.
const COMPRESSION_GAIN_BYTES_MIN: usize = 4;
/// Longer strings are no integers of 32 bits.
const INTEGER_TEXT_BYTES_MAX: usize = 11;

/// Where a value is written to.
pub struct RdbOutput<'a> {
    bytes: &'a mut Vec<u8>,
    /// Makes long strings short, where it is wanted.
    compressor: &'a mut Option<Compressor>,
}

impl<'a> RdbOutput<'a> {
    /// Appends to these bytes.
    pub fn new(bytes: &'a mut Vec<u8>, compressor: &'a mut Option<Compressor>) -> Self {
        RdbOutput { bytes, compressor }
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A length in its shortest form.
    pub fn length(&mut self, len: u64) {
        write_length(self.bytes, len);
    }

    /// A string in its shortest form: an integer, compressed, or as it is.
    pub fn text(&mut self, text: &[u8]) {
        write_text(self.bytes, text, self.compressor);
    }

    /// A string that may be kept as an integer.
    pub fn item(&mut self, item: Item<'_>) {
        write_item(self.bytes, item, self.compressor);
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
