//! What the commands of sets share.

use super::{Set, SetLimits};
use crate::dispatch::{Ctx, Failure};
use crate::engine::Engine;
use crate::formats::packed::Item;
use crate::keyspace::{EntryRef, KeyRef, Object, ObjectMut, Ttl, ValueRef};
use crate::resp::failure::WRONG_TYPE;
use crate::resp::reply::Reply;
use crate::settings::NotifyClass;
use crate::types::Collection;

impl Engine {
    /// When a set leaves its small forms.
    #[inline]
    pub fn set_limits(&self) -> SetLimits {
        Set::limits(&self.settings, self.keyspace.collection_seed)
    }
}

/// The set that an entry is, if there is one; an error where it is something else.
pub(super) fn set_of(entry: Option<EntryRef<'_>>) -> Result<Option<&Set>, Failure> {
    match entry.map(EntryRef::value) {
        None => Ok(None),
        Some(ValueRef::Set(set)) => Ok(Some(set)),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// The set at a key, to be changed; the key holds one.
pub(super) fn set_mut<'a>(ctx: &'a mut Ctx<'_>, key: &KeyRef<'_>) -> Result<&'a mut Set, Failure> {
    match ctx.db().object_mut(key) {
        Some(ObjectMut::Set(set)) => Ok(set),
        _ => Err(WRONG_TYPE),
    }
}

/// Changes the set at a key, which is created where it is missing.
pub(super) fn change<T>(
    ctx: &mut Ctx<'_>,
    key: &KeyRef<'_>,
    change: impl FnOnce(&mut Set, &SetLimits) -> T,
) -> Result<T, Failure> {
    let limits = ctx.engine.set_limits();
    if let Some((object, _)) = ctx.find_mut(key)? {
        let ObjectMut::Set(set) = object else { return Err(WRONG_TYPE) };
        return Ok(change(set, &limits));
    }
    let mut set = Box::<Set>::default();
    let result = change(&mut set, &limits);
    let clock = ctx.engine.access_clock();
    ctx.db().set_object(key, Object::Set(set), Ttl::Clear, clock);
    ctx.created(key.bytes);
    Ok(result)
}

/// A set has changed: counts and announces it.
pub(super) fn changed(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, changes: usize, event: &str) {
    ctx.changed(key.bytes, NotifyClass::SET, event, changes as u64);
}

/// Deletes the key of a set that has become empty.
pub(super) fn delete_empty(ctx: &mut Ctx<'_>, key: &KeyRef<'_>) {
    ctx.db().delete(key);
    ctx.changed(key.bytes, NotifyClass::GENERIC, "del", 0);
}

/// Answers a member as a bulk string.
#[inline]
pub(super) fn write_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Integer(number) => reply.bulk_int(number),
    }
}
