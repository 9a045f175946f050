//! What the commands of streams share.

use super::node::Entry;
use super::{Group, Id, Stream, StreamLimits};
use crate::dispatch::{Ctx, Failure};
use crate::engine::Engine;
use crate::formats::packed::Item;
use crate::keyspace::{EntryRef, KeyRef, ObjectMut, ValueRef};
use crate::resp::failure::WRONG_TYPE;
use crate::resp::reply::Reply;
use crate::resp::OwnedArgs;
use crate::settings::NotifyClass;
use crate::types::Collection;

/// An argument is not an id.
pub(super) const INVALID_ID: Failure =
    Failure::Text("ERR Invalid stream ID specified as stream command argument");

impl Engine {
    /// When a node of a stream is full.
    pub(super) fn stream_limits(&self) -> StreamLimits {
        Stream::limits(&self.settings, 0)
    }
}

/// The stream that an entry of the keyspace is, if there is one; an error where it is something else.
pub(super) fn stream_of(entry: Option<EntryRef<'_>>) -> Result<Option<&Stream>, Failure> {
    match entry.map(EntryRef::value) {
        None => Ok(None),
        Some(ValueRef::Stream(stream)) => Ok(Some(stream)),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// The error for a group that must be there.
pub(super) fn no_group(key: &[u8], group: &[u8], where_: &str) -> Failure {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    Failure::new(format!("NOGROUP No such key '{key}' or consumer group '{group}'{where_}"))
}

/// The error for a group that a stream does not have.
pub(super) fn no_group_of(key: &[u8], group: &[u8]) -> Failure {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    Failure::new(format!("NOGROUP No such consumer group '{group}' for key name '{key}'"))
}

/// Answers an id.
pub(super) fn write_id(reply: &mut Reply<'_>, id: Id) {
    reply.bulk(id.to_text().as_bytes());
}

fn write_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Integer(number) => reply.bulk_int(number),
    }
}

/// Answers an entry: its id, and its fields with their values.
pub(super) fn write_entry(reply: &mut Reply<'_>, entry: Entry<'_>) {
    reply.array(2);
    write_id(reply, entry.id);
    reply.array(2 * entry.fields.len());
    for (field, value) in entry.fields {
        write_item(reply, field);
        write_item(reply, value);
    }
}

/// Answers entries, at most `count` of them unless that is 0.
pub(super) fn write_entries<'a>(
    reply: &mut Reply<'_>,
    entries: impl Iterator<Item = Entry<'a>>,
    count: usize,
) {
    let count = if count == 0 { usize::MAX } else { count };
    reply.deferred_array(|reply| {
        let mut written = 0;
        for entry in entries.take(count) {
            write_entry(reply, entry);
            written += 1;
        }
        written
    });
}

/// A number of entries as an argument; a negative one is 0.
pub(super) fn count_of(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// What a command on a group has to tell besides its reply.
#[derive(Default)]
pub(super) struct Told {
    /// Commands that replicas get instead of the command itself.
    pub commands: Vec<OwnedArgs>,
    /// How many changes of the data set it was.
    pub changes: u64,
    /// Whether anybody records the commands.
    is_recorded: bool,
}

impl Told {
    /// Replicas make this pending entry as it is here.
    pub fn claim(&mut self, key: &[u8], name: &[u8], group: &Group, pending: &super::Pending) {
        self.changes += 1;
        if !self.is_recorded {
            return;
        }
        let claim = super::codec::claim(key, name, group, pending);
        self.commands.push(OwnedArgs::from_slices(&claim.each()));
    }

    /// Replicas learn how far the group has read.
    pub fn group_id(&mut self, key: &[u8], name: &[u8], group: &Group) {
        self.changes += 1;
        if !self.is_recorded {
            return;
        }
        let id = group.last_id.to_text();
        let read = group.entries_read.unwrap_or(-1).to_string();
        self.commands.push(OwnedArgs::from_slices(&[
            b"XGROUP",
            b"SETID",
            key,
            name,
            id.as_bytes(),
            b"ENTRIESREAD",
            read.as_bytes(),
        ]));
    }

    /// Replicas make a consumer.
    pub fn consumer(&mut self, key: &[u8], name: &[u8], consumer: &[u8]) {
        self.changes += 1;
        self.commands.push(OwnedArgs::from_slices(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer]));
    }
}

impl<'a> Ctx<'a> {
    /// Argument `index` as an id.
    pub(super) fn id_arg(&self, index: usize, missing_seq: u64) -> Result<Id, Failure> {
        Id::parse(self.arg(index), missing_seq).ok_or(INVALID_ID)
    }

    /// Argument `index` as the start of an interval, `(` before it for one that does not belong to it.
    pub(super) fn start_arg(&self, index: usize) -> Result<Id, Failure> {
        match exclusive(self.arg(index)) {
            Some(text) => {
                let id = Id::parse(text, 0).ok_or(INVALID_ID)?;
                id.next().ok_or(Failure::Text("ERR invalid start ID for the interval"))
            }
            None => Id::parse_bound(self.arg(index), 0).ok_or(INVALID_ID),
        }
    }

    /// Argument `index` as the end of an interval, `(` before it for one that does not belong to it.
    pub(super) fn end_arg(&self, index: usize) -> Result<Id, Failure> {
        match exclusive(self.arg(index)) {
            Some(text) => {
                let id = Id::parse(text, u64::MAX).ok_or(INVALID_ID)?;
                id.previous().ok_or(Failure::Text("ERR invalid end ID for the interval"))
            }
            None => Id::parse_bound(self.arg(index), u64::MAX).ok_or(INVALID_ID),
        }
    }

    /// Argument `index` as an integer, with an error of its own.
    pub(super) fn int_arg_or(&self, index: usize, message: &'static str) -> Result<i64, Failure> {
        self.int_arg(index).map_err(|_| Failure::Text(message))
    }

    /// The stream of a key, to be changed; its owner calls the write hook.
    pub(super) fn stream_mut(&mut self, key: &KeyRef<'_>) -> Result<&mut Stream, Failure> {
        match self.db().object_mut(key) {
            Some(ObjectMut::Stream(stream)) => Ok(stream),
            _ => Err(WRONG_TYPE),
        }
    }

    /// A stream has changed: counts and announces it.
    pub(super) fn stream_changed(&mut self, key: &KeyRef<'_>, event: &str, changes: u64) {
        self.changed(key.bytes, NotifyClass::STREAM, event, changes);
    }

    /// Nothing is told yet.
    pub(super) fn told(&self) -> Told {
        Told { is_recorded: self.engine.replication.is_recording(), ..Told::default() }
    }

    /// What a group remembers has changed, which is no event. Replicas get the commands that tell of it.
    pub(super) fn group_changed(&mut self, key: &KeyRef<'_>, told: Told) {
        self.changed(key.bytes, NotifyClass::empty(), "", told.changes);
        self.suppress_propagation();
        for command in told.commands {
            self.engine.queue_propagation(self.scope(), command);
        }
    }

    /// The consumer of a group, made where it is missing. Tells whether it is new; that is announced.
    pub(super) fn consumer(&mut self, key: &KeyRef<'_>, group: &[u8], name: &[u8]) -> Result<bool, Failure> {
        let now_ms = self.now_ms();
        let stream = stream_of(self.find(key))?;
        let found = stream.and_then(|stream| stream.groups.get(group));
        if let Some(group) = found {
            if let Some(consumer) = group.find(name).and_then(|index| group.consumer(index)) {
                consumer.seen_ms.set(now_ms);
                return Ok(false);
            }
        }
        if let Some(group) = self.stream_mut(key)?.groups.get_mut(group) {
            group.add_consumer(name, now_ms);
        }
        self.stream_changed(key, "xgroup-createconsumer", 1);
        Ok(true)
    }
}

fn exclusive(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"(").filter(|rest| !rest.is_empty())
}
