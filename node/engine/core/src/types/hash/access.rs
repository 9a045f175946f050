//! What the commands of hashes share.

use super::{Hash, HashLimits};
use crate::dispatch::Failure;
use crate::engine::Engine;
use crate::formats::packed::Item;
use crate::keyspace::{EntryRef, ValueRef};
use crate::resp::failure::WRONG_TYPE;
use crate::resp::reply::Reply;
use crate::types::Collection;

impl Engine {
    /// When a hash leaves the packed form.
    #[inline]
    pub fn hash_limits(&self) -> HashLimits {
        Hash::limits(&self.settings, self.keyspace.collection_seed)
    }
}

/// The hash that an entry is, if there is one; an error where it is something else.
pub(super) fn hash_of(entry: Option<EntryRef<'_>>) -> Result<Option<&Hash>, Failure> {
    match entry.map(EntryRef::value) {
        None => Ok(None),
        Some(ValueRef::Hash(hash)) => Ok(Some(hash)),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// Answers a field or a value as a bulk string.
#[inline]
pub(super) fn write_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Integer(number) => reply.bulk_int(number),
    }
}
