//! Values of any type, strings included: owned, lent, and on their way in.

use super::{string, Object, ObjectReader, TypeLimits, ValueRef};
use crate::formats::rdb::{foreign_type, Input, RdbProblem, Stop};

/// A collection of more allocations than this is freed on another thread.
pub const FREE_EFFORT_INLINE_MAX: usize = 64;

/// A string of more bytes than this is freed on another thread.
pub const FREE_BYTES_INLINE_MAX: usize = 256 * 1024;

/// A value taken out of the keyspace.
pub enum Value {
    /// A string that is an integer.
    Int(i64),
    /// A string.
    Bytes(Vec<u8>),
    /// Anything else.
    Object(Object),
}

impl Value {
    /// It, as readers see it.
    pub fn as_value(&self) -> ValueRef<'_> {
        match self {
            Value::Int(value) => ValueRef::Int(*value),
            Value::Bytes(bytes) => ValueRef::Bytes(bytes),
            Value::Object(object) => object.as_value(),
        }
    }

    /// Whether freeing it is left to another thread.
    pub fn is_expensive_to_free(&self) -> bool {
        match self {
            Value::Int(_) => false,
            Value::Bytes(bytes) => bytes.capacity() > FREE_BYTES_INLINE_MAX,
            Value::Object(object) => object.free_effort() > FREE_EFFORT_INLINE_MAX,
        }
    }
}

impl<'a> ValueRef<'a> {
    /// The bytes of a string, an integer written out into `digits`; nothing for other types.
    #[inline]
    pub fn string<'b>(self, digits: &'b mut itoa::Buffer) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        match self {
            ValueRef::Int(value) => Some(digits.format(value).as_bytes()),
            ValueRef::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether it is a string.
    #[inline]
    pub fn is_string(&self) -> bool {
        matches!(self, ValueRef::Int(_) | ValueRef::Bytes(_))
    }
}

/// Reads one value from RDB or DUMP, step by step.
///
/// A reader of a big value holds what it has built and how much is left, so that the value can arrive in any number
/// of pieces and its memory grows with what has arrived.
pub(crate) enum ValueReader {
    /// A string.
    Text,
    /// Anything else.
    Object(ObjectReader),
}

impl ValueReader {
    /// The reader for a type byte, if this engine has that type.
    pub(crate) fn new(code: u8, is_valkey: bool) -> Result<Self, RdbProblem> {
        if code == string::codec::RDB_CODE {
            return Ok(ValueReader::Text);
        }
        match ObjectReader::new(code, is_valkey) {
            Some(reader) => reader.map(ValueReader::Object),
            None => Err(foreign_type(code).map_or(RdbProblem::Code(code), RdbProblem::Foreign)),
        }
    }

    /// Goes on with the bytes that are there; the value once it is complete.
    pub(crate) fn read(&mut self, input: &mut Input<'_>, limits: &TypeLimits) -> Result<Value, Stop> {
        match self {
            ValueReader::Text => string::codec::read(input),
            ValueReader::Object(reader) => reader.read(input, limits).map(Value::Object),
        }
    }
}
