//! What the commands of lists share.

use super::{End, List, ListLimits};
use crate::dispatch::{Ctx, Failure};
use crate::engine::Engine;
use crate::formats::packed::run::ENTRY_TEXT_BYTES_MAX;
use crate::formats::packed::Item;
use crate::keyspace::{EntryRef, KeyRef, Object, ObjectMut, Ttl, ValueRef};
use crate::resp::failure::{SYNTAX, WRONG_TYPE};
use crate::resp::reply::Reply;
use crate::settings::NotifyClass;
use crate::types::Collection;

impl Engine {
    /// How large the nodes of a list may become.
    #[inline]
    pub fn list_limits(&self) -> ListLimits {
        List::limits(&self.settings, self.keyspace.collection_seed)
    }
}

impl End {
    /// What `LEFT` or `RIGHT` at argument `index` means.
    pub(super) fn parse(ctx: &Ctx<'_>, index: usize) -> Result<End, Failure> {
        if ctx.arg_is(index, "left") {
            Ok(End::Left)
        } else if ctx.arg_is(index, "right") {
            Ok(End::Right)
        } else {
            Err(SYNTAX)
        }
    }

    /// The event of a push at this end.
    pub(super) fn push_event(self) -> &'static str {
        match self {
            End::Left => "lpush",
            End::Right => "rpush",
        }
    }

    /// The event of taking from this end.
    pub(super) fn pop_event(self) -> &'static str {
        match self {
            End::Left => "lpop",
            End::Right => "rpop",
        }
    }

    /// The command that takes from this end.
    pub(super) fn pop_command(self) -> &'static [u8] {
        match self {
            End::Left => b"LPOP",
            End::Right => b"RPOP",
        }
    }
}

/// The list that an entry is, if there is one; an error where it is something else.
pub(super) fn list_of(entry: Option<EntryRef<'_>>) -> Result<Option<&List>, Failure> {
    match entry.map(EntryRef::value) {
        None => Ok(None),
        Some(ValueRef::List(list)) => Ok(Some(list)),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// The list at a key, to be changed; `None` where there is no key. Who asks for it changes it.
pub(super) fn list_mut<'c>(ctx: &'c mut Ctx<'_>, key: &KeyRef<'_>) -> Result<Option<&'c mut List>, Failure> {
    Ok(list_and_reply(ctx, key)?.map(|(list, _)| list))
}

/// The same, with the reply beside it.
pub(super) fn list_and_reply<'c>(
    ctx: &'c mut Ctx<'_>,
    key: &KeyRef<'_>,
) -> Result<Option<(&'c mut List, Reply<'c>)>, Failure> {
    match ctx.find_mut(key)? {
        None => Ok(None),
        Some((ObjectMut::List(list), reply)) => Ok(Some((list, reply))),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// An element must fit into an entry of a node.
pub(super) fn check_length(text: &[u8]) -> Result<(), Failure> {
    match text.len() > ENTRY_TEXT_BYTES_MAX {
        true => Err(Failure::Text("ERR Element too large")),
        false => Ok(()),
    }
}

/// Pushes at one end of the list at a key, which is made where it is missing; gives the new length.
pub(super) fn push<'t>(
    ctx: &mut Ctx<'_>,
    key: &KeyRef<'_>,
    end: End,
    texts: impl IntoIterator<Item = &'t [u8]>,
) -> Result<usize, Failure> {
    let limits = ctx.engine.list_limits();
    if let Some(list) = list_mut(ctx, key)? {
        texts.into_iter().for_each(|text| list.push(end, text, limits));
        return Ok(list.len());
    }
    let mut list = Box::<List>::default();
    texts.into_iter().for_each(|text| list.push(end, text, limits));
    let (len, clock) = (list.len(), ctx.engine.access_clock());
    ctx.db().set_object(key, Object::List(list), Ttl::Clear, clock);
    ctx.created(key.bytes);
    Ok(len)
}

/// A list has changed: counts and announces it.
pub(super) fn changed(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, changes: usize, event: &str) {
    ctx.changed(key.bytes, NotifyClass::LIST, event, changes as u64);
}

/// Elements were taken from one end of a list: announces it, and deletes the key when they were the last.
pub(super) fn taken(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, end: End, count: usize, is_empty: bool) {
    changed(ctx, key, count, end.pop_event());
    if is_empty {
        delete_empty(ctx, key);
    }
}

/// Deletes the key of a list that has become empty.
pub(super) fn delete_empty(ctx: &mut Ctx<'_>, key: &KeyRef<'_>) {
    ctx.db().delete(key);
    ctx.changed(key.bytes, NotifyClass::GENERIC, "del", 0);
}

/// Answers up to `count` elements from one end on, nearest first; gives their number.
pub(super) fn write_from_end(list: &List, end: End, count: usize, reply: &mut Reply<'_>) -> usize {
    let count = count.min(list.len());
    reply.array(count);
    match end {
        End::Left => list.iter().take(count).for_each(|item| write_item(reply, item)),
        End::Right => list.iter_back().take(count).for_each(|item| write_item(reply, item)),
    }
    count
}

/// Answers an element as a bulk string.
#[inline]
pub(super) fn write_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Integer(number) => reply.bulk_int(number),
    }
}
