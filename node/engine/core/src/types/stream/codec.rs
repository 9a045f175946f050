//! Streams outside of memory: RDB and DUMP, digest, the commands that rebuild one.
//!
//! ```text
//! number of nodes, for each: master id (16 bytes as a string), packed list (a string)
//! entries, last id
//! [first id, highest deleted id, entries ever added]                          from the second version on
//! number of groups, for each:
//!     name, last id, [entries read]
//!     number of pending entries, for each: id (16 bytes), time of delivery (8 bytes), deliveries
//!     number of consumers, for each:
//!         name, seen (8 bytes), [active (8 bytes)]                            active from the third version on
//!         number of its pending entries, for each: id (16 bytes)
//! ```
//!
//! The second version is written: every Redis since 7.0 reads it, and all that it leaves out is when a consumer was
//! active last.

use super::chunks::{IdChunks, Keyed};
use super::group::{ConsumerIndex, Group, Pending};
use super::node::Node;
use super::{Id, Stream, StreamLimits};
use crate::formats::digest::Digest;
use crate::formats::packed::PackedList;
use crate::formats::rdb::{Input, RdbOutput, RdbProblem, Stop};
use crate::settings::Settings;
use crate::types::{Collection, Rebuild};

/// The bytes that say how a stream is encoded.
mod code {
    pub const FIRST: u8 = 15;
    pub const SECOND: u8 = 19;
    pub const THIRD: u8 = 21;
}

/// What the peers write for a number of entries read that they do not know.
const UNKNOWN: u64 = u64::MAX;

impl Collection for Stream {
    const TYPE_NAME: &'static str = "stream";
    const DIGEST_NUMBER: u32 = 6;

    type Limits = StreamLimits;
    type Reader = Box<StreamReader>;

    fn encoding(&self) -> &'static str {
        "stream"
    }

    fn len(&self) -> usize {
        self.len as usize
    }

    /// A stream without entries stays: it remembers its last id and its groups.
    fn is_empty(&self) -> bool {
        false
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }

    fn free_effort(&self) -> usize {
        self.free_effort()
    }

    fn limits(settings: &Settings, _seed: u64) -> StreamLimits {
        StreamLimits {
            node_bytes_max: settings.stream_node_max_bytes as usize,
            node_entries_max: settings.stream_node_max_entries,
        }
    }

    fn rdb_code(&self) -> u8 {
        code::SECOND
    }

    fn write_rdb(&self, cursor: u64, elements: usize, out: &mut RdbOutput<'_>) -> u64 {
        let mut part = Part { start: cursor as usize, at: 0, left: elements.max(1), out };
        match part.stream(self) {
            true => 0,
            false => part.at as u64,
        }
    }

    fn rdb_reader(code: u8, _is_valkey: bool) -> Option<Result<Box<StreamReader>, RdbProblem>> {
        let version = match code {
            code::FIRST => 1,
            code::SECOND => 2,
            code::THIRD => 3,
            _ => return None,
        };
        Some(Ok(Box::new(StreamReader::new(version))))
    }

    fn read_rdb(
        reader: &mut Box<StreamReader>,
        input: &mut Input<'_>,
        _limits: &StreamLimits,
    ) -> Result<Self, Stop> {
        reader.read(input)
    }

    fn digest(&self, digest: &mut Digest) {
        for entry in self.range(Id::MIN, Id::MAX) {
            digest.mix(super::IdText::new(entry.id, b'.').as_bytes());
            for (field, value) in entry.fields {
                digest.mix(field.spell(&mut itoa::Buffer::new()));
                digest.mix(value.spell(&mut itoa::Buffer::new()));
            }
        }
    }

    fn rebuild(&self, key: &[u8], emit: Rebuild<'_>) {
        for entry in self.range(Id::MIN, Id::MAX) {
            let id = entry.id.to_text();
            let strings: Vec<Vec<u8>> =
                entry.fields.flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect();
            let mut command: Vec<&[u8]> = vec![b"XADD", key, id.as_bytes()];
            command.extend(strings.iter().map(Vec::as_slice));
            emit(&command);
        }
        if self.len == 0 {
            // There is no command that makes an empty stream and nothing else.
            emit(&[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
        }
        let (last, deleted) = (self.last_id.to_text(), self.max_deleted.to_text());
        let added = self.entries_added.to_string();
        emit(&[
            b"XSETID",
            key,
            last.as_bytes(),
            b"ENTRIESADDED",
            added.as_bytes(),
            b"MAXDELETEDID",
            deleted.as_bytes(),
        ]);
        for (name, group) in &self.groups {
            rebuild_group(key, name, group, emit);
        }
    }
}

fn rebuild_group(key: &[u8], name: &[u8], group: &Group, emit: Rebuild<'_>) {
    let last = group.last_id.to_text();
    let read = group.entries_read.unwrap_or(-1).to_string();
    emit(&[b"XGROUP", b"CREATE", key, name, last.as_bytes(), b"ENTRIESREAD", read.as_bytes()]);
    for consumer in group.consumers() {
        emit(&[b"XGROUP", b"CREATECONSUMER", key, name, &consumer.name]);
    }
    for pending in group.pending.iter() {
        emit(&claim(key, name, group, pending).each());
    }
}

/// The command that makes one pending entry as it is here, whatever was there before.
pub(super) struct Claim<'a> {
    names: [&'a [u8]; 3],
    id: super::IdText,
    last: super::IdText,
    delivered: String,
    deliveries: String,
}

/// The [`Claim`] of a pending entry.
pub(super) fn claim<'a>(key: &'a [u8], name: &'a [u8], group: &'a Group, pending: &Pending) -> Claim<'a> {
    Claim {
        names: [key, name, group.name_of(pending.consumer)],
        id: pending.id.to_text(),
        last: group.last_id.to_text(),
        delivered: pending.delivered_ms.to_string(),
        deliveries: pending.deliveries.to_string(),
    }
}

impl Claim<'_> {
    /// Its arguments.
    pub fn each(&self) -> [&[u8]; 14] {
        let [key, group, consumer] = self.names;
        [
            b"XCLAIM",
            key,
            group,
            consumer,
            b"0",
            self.id.as_bytes(),
            b"TIME",
            self.delivered.as_bytes(),
            b"RETRYCOUNT",
            self.deliveries.as_bytes(),
            b"FORCE",
            b"JUSTID",
            b"LASTID",
            self.last.as_bytes(),
        ]
    }
}

/// Writes a part of a stream. Everything that is written is numbered: nodes, pending entries, the heads of groups and
/// consumers; the part begins at one number and ends at another.
struct Part<'a, 'o> {
    start: usize,
    at: usize,
    left: usize,
    out: &'a mut RdbOutput<'o>,
}

impl Part<'_, '_> {
    /// False when the part ends before the stream does; so for the methods below.
    fn stream(&mut self, stream: &Stream) -> bool {
        self.one(|out| out.length(stream.nodes.len() as u64))
            && self.many(&stream.nodes, |node, out| {
                out.text(&node.id().to_bytes());
                out.text(node.as_bytes());
                node.counts().0 as usize
            })
            && self.one(|out| {
                out.length(stream.len);
                for id in [stream.last_id, stream.first_id, stream.max_deleted] {
                    write_id(out, id);
                }
                out.length(stream.entries_added);
                out.length(stream.groups.len() as u64);
            })
            && stream.groups.iter().all(|(name, group)| self.group(name, group))
    }

    fn group(&mut self, name: &[u8], group: &Group) -> bool {
        self.one(|out| {
            out.text(name);
            write_id(out, group.last_id);
            out.length(group.entries_read.map_or(UNKNOWN, |read| read as u64));
            out.length(group.pending.len() as u64);
        }) && self.many(&group.pending, |pending, out| {
            out.raw(&pending.id.to_bytes());
            out.raw(&pending.delivered_ms.to_le_bytes());
            out.length(pending.deliveries);
            1
        }) && self.one(|out| out.length(group.consumers_len() as u64))
            && group.consumers().all(|consumer| {
                self.one(|out| {
                    out.text(&consumer.name);
                    out.raw(&consumer.seen_ms.get().to_le_bytes());
                    out.length(consumer.pending.len() as u64);
                }) && self.many(&consumer.pending, |id, out| {
                    out.raw(&id.to_bytes());
                    1
                })
            })
    }

    fn one(&mut self, write: impl FnOnce(&mut RdbOutput<'_>)) -> bool {
        if self.at < self.start {
            self.at += 1;
            return true;
        }
        if self.left == 0 {
            return false;
        }
        write(self.out);
        self.at += 1;
        true
    }

    fn many<T: Keyed>(
        &mut self,
        items: &IdChunks<T>,
        mut write: impl FnMut(&T, &mut RdbOutput<'_>) -> usize,
    ) -> bool {
        let skipped = self.start.saturating_sub(self.at).min(items.len());
        self.at += skipped;
        for item in items.iter_from_index(skipped) {
            if self.left == 0 {
                return false;
            }
            self.left = self.left.saturating_sub(write(item, self.out).max(1));
            self.at += 1;
        }
        true
    }
}

fn write_id(out: &mut RdbOutput<'_>, id: Id) {
    out.length(id.ms);
    out.length(id.seq);
}

/// Reads a stream, step by step.
pub struct StreamReader {
    version: u8,
    stage: Stage,
    stream: Stream,
    groups_left: u64,
    name: Vec<u8>,
    group: Group,
    consumers_left: u64,
    consumer: ConsumerIndex,
    /// Pending entries that a consumer has claimed.
    owned: usize,
}

/// What comes next, and how much of it.
#[derive(Clone, Copy)]
enum Stage {
    Start,
    Nodes(u64),
    Totals,
    Group,
    Pending(u64),
    Consumers,
    Consumer,
    Owned(u64),
}

/// Nobody owns a pending entry yet.
const NOBODY: ConsumerIndex = ConsumerIndex::MAX;

fn bad<T>(problem: &'static str) -> Result<T, Stop> {
    Err(RdbProblem::Value(problem).into())
}

impl StreamReader {
    fn new(version: u8) -> Self {
        StreamReader {
            version,
            stage: Stage::Start,
            stream: Stream::default(),
            groups_left: 0,
            name: Vec::new(),
            group: Group::default(),
            consumers_left: 0,
            consumer: 0,
            owned: 0,
        }
    }

    fn read(&mut self, input: &mut Input<'_>) -> Result<Stream, Stop> {
        loop {
            self.stage = match self.stage {
                Stage::Start => Stage::Nodes(input.length()?),
                Stage::Nodes(0) => Stage::Totals,
                Stage::Nodes(left) => {
                    self.node(input)?;
                    Stage::Nodes(left - 1)
                }
                Stage::Totals => {
                    self.totals(input)?;
                    Stage::Group
                }
                Stage::Group if self.groups_left == 0 => return Ok(std::mem::take(&mut self.stream)),
                Stage::Group => Stage::Pending(self.group(input)?),
                Stage::Pending(0) => {
                    self.consumers_left = input.length()?;
                    self.owned = 0;
                    Stage::Consumers
                }
                Stage::Pending(left) => {
                    self.pending(input)?;
                    Stage::Pending(left - 1)
                }
                Stage::Consumers if self.consumers_left == 0 => {
                    self.end_group()?;
                    Stage::Group
                }
                Stage::Consumers => Stage::Consumer,
                Stage::Consumer => Stage::Owned(self.consumer(input)?),
                Stage::Owned(0) => {
                    self.consumers_left -= 1;
                    Stage::Consumers
                }
                Stage::Owned(left) => {
                    self.owned(input)?;
                    Stage::Owned(left - 1)
                }
            };
        }
    }

    fn node(&mut self, input: &mut Input<'_>) -> Result<(), Stop> {
        let (master, list) = input.all(|input| Ok((input.text()?.into_vec(), input.text()?.into_vec())))?;
        let Ok(master) = <[u8; 16]>::try_from(master) else {
            return bad("a node of a stream whose id is not of 16 bytes");
        };
        let mut node = Node::from_packed(Id::from_bytes(master), PackedList::from_bytes(list)?)
            .map_err(RdbProblem::Value)?;
        let Some(last) = node.entries_back().next().map(|entry| entry.id) else {
            // Peers leave such nodes behind when they trim.
            return Ok(());
        };
        if self.stream.len > 0 && node.id() <= self.stream.last_id {
            return bad("nodes of a stream that are not in order");
        }
        node.finish();
        self.stream.last_id = last;
        self.stream.len += node.counts().0;
        self.stream.node_bytes += node.memory_bytes();
        self.stream.nodes.insert(node);
        Ok(())
    }

    fn totals(&mut self, input: &mut Input<'_>) -> Result<(), Stop> {
        let is_first = self.version == 1;
        let (len, last_id, max_deleted, added, groups) = input.all(|input| {
            let (len, last) = (input.length()?, read_id(input)?);
            let (deleted, added) = match is_first {
                true => (Id::MIN, len),
                false => {
                    read_id(input)?;
                    (read_id(input)?, input.length()?)
                }
            };
            Ok((len, last, deleted, added, input.length()?))
        })?;
        let stream = &mut self.stream;
        if len != stream.len || added < len {
            return bad("a number of entries that is not the stream's");
        }
        if last_id < stream.last_id {
            return bad("a stream whose last id is below that of its last entry");
        }
        (stream.last_id, stream.max_deleted, stream.entries_added) = (last_id, max_deleted, added);
        stream.find_first();
        self.groups_left = groups;
        Ok(())
    }

    /// Reads the head of a group; gives how many of its entries are pending.
    fn group(&mut self, input: &mut Input<'_>) -> Result<u64, Stop> {
        let is_first = self.version == 1;
        let (name, last_id, read, pending) = input.all(|input| {
            let (name, last) = (input.text()?.into_vec(), read_id(input)?);
            let read = if is_first { None } else { Some(input.length()?) };
            Ok((name, last, read, input.length()?))
        })?;
        if self.stream.groups.contains_key(&*name) {
            return bad("a stream that has a group twice");
        }
        let read = match read {
            None => self.stream.distance_to(last_id),
            Some(UNKNOWN) => None,
            Some(read) => Some(read as i64),
        };
        (self.name, self.group) = (name, Group::new(last_id, read));
        Ok(pending)
    }

    fn pending(&mut self, input: &mut Input<'_>) -> Result<(), Stop> {
        let pending = input.all(|input| {
            let id = raw_id(input)?;
            let delivered_ms = input.signed_64()?;
            Ok(Pending { id, delivered_ms, deliveries: input.length()?, consumer: NOBODY })
        })?;
        match self.group.pending.insert(pending) {
            true => Ok(()),
            false => bad("a group in which an entry is pending twice"),
        }
    }

    /// Reads the head of a consumer; gives how many entries are pending for it.
    fn consumer(&mut self, input: &mut Input<'_>) -> Result<u64, Stop> {
        let has_active = self.version >= 3;
        let (name, seen, active, owned) = input.all(|input| {
            let (name, seen) = (input.text()?.into_vec(), input.signed_64()?);
            let active = if has_active { input.signed_64()? } else { seen };
            Ok((name, seen, active, input.length()?))
        })?;
        if self.group.find(&name).is_some() {
            return bad("a group that has a consumer twice");
        }
        self.consumer = self.group.add_consumer(&name, seen);
        if let Some(consumer) = self.group.consumer(self.consumer) {
            consumer.active_ms.set(active);
        }
        Ok(owned)
    }

    fn owned(&mut self, input: &mut Input<'_>) -> Result<(), Stop> {
        let id = input.all(raw_id)?;
        match self.group.pending.get(id) {
            Some(pending) if pending.consumer == NOBODY => self.group.set_owner(id, self.consumer),
            _ => return bad("a consumer for whom an entry is pending that is not so in its group"),
        }
        self.owned += 1;
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), Stop> {
        if self.owned != self.group.pending.len() {
            return bad("a pending entry without a consumer");
        }
        let name = std::mem::take(&mut self.name).into_boxed_slice();
        self.stream.groups.insert(name, std::mem::take(&mut self.group));
        self.groups_left -= 1;
        Ok(())
    }
}

fn read_id(input: &mut Input<'_>) -> Result<Id, Stop> {
    Ok(Id { ms: input.length()?, seq: input.length()? })
}

fn raw_id(input: &mut Input<'_>) -> Result<Id, Stop> {
    let bytes = input.take(16)?.try_into().map_err(|_| Stop::More)?;
    Ok(Id::from_bytes(bytes))
}
