//! Strings outside of memory: RDB and DUMP, digest, the command that rebuilds one.

use crate::formats::digest::Digest;
use crate::formats::packed::Item;
use crate::formats::rdb::{Input, RdbOutput, Stop, Text};
use crate::types::{Rebuild, Value, ValueRef};

/// The type byte of a string.
pub const RDB_CODE: u8 = 0;
/// Redis's number of the type, which begins a digest.
const DIGEST_NUMBER: u32 = 0;

/// Writes a string that is kept as an integer.
pub fn write_int(value: i64, out: &mut RdbOutput<'_>) {
    out.item(Item::Integer(value));
}

/// Writes a string.
pub fn write_bytes(bytes: &[u8], out: &mut RdbOutput<'_>) {
    out.text(bytes);
}

/// Reads a string.
pub fn read(input: &mut Input<'_>) -> Result<Value, Stop> {
    Ok(match input.text()? {
        Text::Integer(number) => Value::Int(number),
        Text::Bytes(bytes) => Value::Bytes(bytes.into_owned()),
    })
}

/// Adds a string to a digest.
pub fn digest(value: ValueRef<'_>, digest: &mut Digest) {
    digest.mix(&DIGEST_NUMBER.to_be_bytes());
    digest.mix(value.string(&mut itoa::Buffer::new()).unwrap_or_default());
}

/// Hands out the command that makes the string.
pub fn rebuild(value: ValueRef<'_>, key: &[u8], emit: Rebuild<'_>) {
    emit(&[b"SET", key, value.string(&mut itoa::Buffer::new()).unwrap_or_default()]);
}
