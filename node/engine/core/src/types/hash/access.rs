//! What the commands of hashes share.

use super::live::Live;
use super::{Hash, HashLimits};
use crate::dispatch::{Ctx, Failure, Outcome};
use crate::engine::Engine;
use crate::formats::packed::Item;
use crate::keyspace::{EntryRef, KeyRef, ObjectMut, ValueRef};
use crate::resp::failure::WRONG_TYPE;
use crate::resp::reply::Reply;
use crate::resp::OwnedArgs;
use crate::settings::NotifyClass;
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

/// Like [`hash_of`], without the fields that are past.
pub(super) fn live_of(entry: Option<EntryRef<'_>>, now_ms: i64) -> Result<Option<Live<'_>>, Failure> {
    Ok(hash_of(entry)?.map(|hash| Live::new(hash, now_ms)))
}

impl Engine {
    /// Fields whose time has come are removed, announced and replicated, at most `limit`. Tells how many they were.
    pub fn expire_fields(&mut self, db: usize, key: &KeyRef<'_>, limit: usize) -> usize {
        let now_ms = self.clock.unix_ms;
        let Some(ObjectMut::Hash(hash)) = self.keyspace.dbs[db].object_mut(key) else { return 0 };
        let mut fields = Vec::new();
        while let Some(field) = hash.next_expired(now_ms).filter(|_| fields.len() < limit) {
            let field = field.to_vec();
            hash.remove(&field);
            fields.push(field);
        }
        self.fields_expired(db, key, &fields);
        fields.len()
    }

    /// Fields were removed because their time had come.
    fn fields_expired(&mut self, db: usize, key: &KeyRef<'_>, fields: &[Vec<u8>]) {
        let mut command = OwnedArgs::from_slices(&[b"HDEL", key.bytes]);
        fields.iter().for_each(|field| command.push(field));
        self.key_changed(db, key.bytes, NotifyClass::HASH, "hexpired", 0);
        self.keyspace.dbs[db].elements_changed(key);
        let is_empty = self.keyspace.dbs[db].get(key).is_some_and(|entry| match entry.value() {
            ValueRef::Hash(hash) => hash.is_empty(),
            _ => false,
        });
        if !fields.is_empty() {
            self.queue_propagation(self.scope_of(db, key), command);
        }
        if is_empty {
            self.keyspace.dbs[db].delete(key);
            self.key_changed(db, key.bytes, NotifyClass::GENERIC, "del", 0);
        }
    }
}

impl<'a> Ctx<'a> {
    /// The time at which fields are past for this session: our primary alone decides what its commands see.
    pub(super) fn field_clock(&self) -> i64 {
        if self.origin().sees_expired() {
            i64::MIN
        } else {
            self.now_ms()
        }
    }

    /// Before a command changes some fields, those of them that are past are removed, for replicas as well.
    pub(super) fn expire_given(
        &mut self,
        key: &KeyRef<'_>,
        fields: impl Iterator<Item = &'a [u8]>,
    ) -> Outcome {
        if !self.db().has_elements_due() {
            return Ok(());
        }
        let now_ms = self.field_clock();
        let Some(hash) = hash_of(self.find_quietly(key))? else { return Ok(()) };
        if hash.next_due().is_none_or(|due| due > now_ms) {
            return Ok(());
        }
        let mut past: Vec<Vec<u8>> = fields
            .filter(|field| hash.due(field).is_some_and(|due| due <= now_ms))
            .map(<[u8]>::to_vec)
            .collect();
        past.sort_unstable();
        past.dedup();
        if past.is_empty() {
            return Ok(());
        }
        if let Some(ObjectMut::Hash(hash)) = self.db().object_mut(key) {
            for field in &past {
                hash.remove(field);
            }
        }
        let db = self.session.db;
        self.engine.fields_expired(db, key, &past);
        Ok(())
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
