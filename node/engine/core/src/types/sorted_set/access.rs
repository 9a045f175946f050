//! What the commands of sorted sets share.

use super::{SortedSet, SortedSetLimits};
use crate::dispatch::{Ctx, Failure};
use crate::engine::Engine;
use crate::formats::packed::Item;
use crate::keyspace::{EntryRef, KeyRef, Object, ObjectMut, Ttl, ValueRef};
use crate::resp::failure::WRONG_TYPE;
use crate::resp::reply::Reply;
use crate::settings::NotifyClass;
use crate::types::Collection;

impl Engine {
    /// When a sorted set leaves the packed form.
    #[inline]
    pub fn sorted_set_limits(&self) -> SortedSetLimits {
        SortedSet::limits(&self.settings, self.keyspace.collection_seed)
    }
}

/// The sorted set that an entry is, if there is one; an error where it is something else.
pub fn sorted_set_of(entry: Option<EntryRef<'_>>) -> Result<Option<&SortedSet>, Failure> {
    match entry.map(EntryRef::value) {
        None => Ok(None),
        Some(ValueRef::SortedSet(set)) => Ok(Some(set)),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// The sorted set at a key, to be changed; the key holds one.
pub fn sorted_set_mut<'a>(ctx: &'a mut Ctx<'_>, key: &KeyRef<'_>) -> Result<&'a mut SortedSet, Failure> {
    match ctx.db().object_mut(key) {
        Some(ObjectMut::SortedSet(set)) => Ok(set),
        _ => Err(WRONG_TYPE),
    }
}

/// A sorted set has changed: counts and announces it.
pub fn changed(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, changes: usize, event: &str) {
    ctx.changed(key.bytes, NotifyClass::SORTED_SET, event, changes as u64);
}

/// Announces a removal, and deletes the key if the sorted set has become empty.
pub fn removed(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, changes: usize, event: &str) -> Result<(), Failure> {
    let is_empty = sorted_set_of(ctx.db().get(key))?.is_none_or(SortedSet::is_empty);
    changed(ctx, key, changes, event);
    if is_empty {
        ctx.db().delete(key);
        ctx.changed(key.bytes, NotifyClass::GENERIC, "del", 0);
    }
    Ok(())
}

/// Puts a result in the place of whatever a key holds, and answers its size; without members the key is deleted.
pub fn store(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, result: SortedSet, event: &str) -> Result<(), Failure> {
    let len = result.len();
    if len == 0 {
        ctx.delete(key);
        return ctx.int(0);
    }
    let clock = ctx.engine.access_clock();
    let is_new = ctx.find(key).is_none();
    ctx.db().set_object(key, Object::SortedSet(Box::new(result)), Ttl::Clear, clock);
    if is_new {
        ctx.created(key.bytes);
    }
    changed(ctx, key, 1, event);
    ctx.int(len as i64)
}

/// Answers a member as a bulk string.
#[inline]
pub fn write_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Integer(number) => reply.bulk_int(number),
    }
}

/// The head of an array of members, with their scores where they are wanted: pairs in RESP3, flat in RESP2.
#[inline]
pub fn write_head(reply: &mut Reply<'_>, len: usize, with_scores: bool) {
    let is_flat = with_scores && !reply.is_resp3();
    reply.array(if is_flat { 2 * len } else { len });
}

/// One member of an array that [`write_head`] has begun.
#[inline]
pub fn write_element(reply: &mut Reply<'_>, (member, score): (Item<'_>, f64), with_scores: bool) {
    if with_scores && reply.is_resp3() {
        reply.array(2);
    }
    write_item(reply, member);
    if with_scores {
        reply.double(score);
    }
}
