//! What the commands of HyperLogLogs share.

use super::value::{Damaged, Form};
use crate::dispatch::Failure;
use crate::keyspace::EntryRef;
use crate::resp::failure::WRONG_TYPE;
use crate::types::ValueRef;

const NOT_A_SKETCH: Failure = Failure::Text("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPTED: Failure = Failure::Text("INVALIDOBJ Corrupted HLL object detected");

impl From<Damaged> for Failure {
    fn from(_: Damaged) -> Self {
        CORRUPTED
    }
}

/// The bytes of the HyperLogLog at a key, if there is one; an error where it is something else.
pub(super) fn bytes_of(entry: Option<EntryRef<'_>>) -> Result<Option<&[u8]>, Failure> {
    match entry.map(EntryRef::value) {
        None => Ok(None),
        Some(ValueRef::Bytes(bytes)) if Form::of(bytes).is_some() => Ok(Some(bytes)),
        Some(ValueRef::Bytes(_) | ValueRef::Int(_)) => Err(NOT_A_SKETCH),
        Some(_) => Err(WRONG_TYPE),
    }
}
