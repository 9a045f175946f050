//! The stream itself: nodes of entries, and what is remembered of entries that are gone.

use std::collections::BTreeMap;

use super::chunks::{IdChunks, Keyed, Place};
use super::group::Group;
use super::node::{self, Entry, Node};
use super::{Id, NewId};
use crate::base::alloc::rounded;
use crate::formats::packed::PACKED_BYTES_MAX;

/// Room that the first node of a stream gets beyond its first entry.
const FIRST_ROOM_BYTES: usize = 0;
/// Room that every other node gets at once: the usual size of a node.
const NODE_ROOM_BYTES_MAX: usize = 4096;

/// What an entry and a master entry may cost beside their strings.
const ENTRY_BYTES_MAX: usize = 256;

/// When a node is full.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// Bytes of a node: the directive `stream-node-max-bytes`; 0 for none.
    pub node_bytes_max: usize,
    /// Entries of a node: the directive `stream-node-max-entries`; 0 for none.
    pub node_entries_max: u64,
}

impl Default for StreamLimits {
    fn default() -> Self {
        StreamLimits { node_bytes_max: 4096, node_entries_max: 100 }
    }
}

/// Why an entry was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// There is no id above the last one.
    Exhausted,
    /// The id is not above the last one.
    Order,
    /// The entry is too large, or its millisecond has no number left, which the peers report alike.
    TooLarge,
}

/// Up to where entries are to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrimTo {
    /// So many are left.
    Length(u64),
    /// Those with lower ids go.
    Id(Id),
}

/// How entries are to be removed from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    /// Up to where.
    pub to: TrimTo,
    /// Whether only whole nodes are removed.
    pub approximate: bool,
    /// The most entries to remove; 0 for no limit.
    pub entries_max: u64,
}

/// A stream. See the module's documentation.
#[derive(Clone, Default)]
pub struct Stream {
    pub(super) nodes: IdChunks<Node>,
    pub(super) len: u64,
    pub(super) last_id: Id,
    /// The lowest id of an entry that is there; zero without entries.
    pub(super) first_id: Id,
    /// The highest id that XDEL has removed.
    pub(super) max_deleted: Id,
    /// How many entries were ever added.
    pub(super) entries_added: u64,
    /// What the nodes' lists have allocated.
    pub(super) node_bytes: usize,
    pub(super) groups: BTreeMap<Box<[u8]>, Group>,
}

impl Stream {
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The highest id that was ever given.
    pub fn last_id(&self) -> Id {
        self.last_id
    }

    /// The id of the first entry; zero without entries.
    pub fn first_id(&self) -> Id {
        self.first_id
    }

    /// The id of the last entry that is there.
    pub fn last_entry_id(&self) -> Option<Id> {
        self.range_back(Id::MIN, Id::MAX).next().map(|entry| entry.id)
    }

    /// The groups of readers, by name.
    pub fn groups(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, group))
    }

    /// Bytes allocated, without the struct itself.
    pub fn memory_bytes(&self) -> usize {
        let groups = self.groups.iter().map(|(name, group)| {
            rounded(name.len()) + size_of::<Box<[u8]>>() + size_of::<Group>() + group.memory_bytes()
        });
        self.nodes.memory_bytes() + self.node_bytes + groups.sum::<usize>()
    }

    /// The number of allocations that dropping it frees.
    pub fn free_effort(&self) -> usize {
        self.nodes.len() + self.groups.values().map(Group::free_effort).sum::<usize>()
    }

    /// The id that a new entry would get.
    fn id_for(&self, new: NewId, now_ms: u64) -> Result<Id, AppendError> {
        if self.last_id == Id::MAX {
            return Err(AppendError::Exhausted);
        }
        match new {
            NewId::Clock if now_ms > self.last_id.ms => Ok(Id { ms: now_ms, seq: 0 }),
            NewId::Clock => self.last_id.next().ok_or(AppendError::Order),
            NewId::Next(ms) if ms == self.last_id.ms => {
                let seq = self.last_id.seq.checked_add(1).ok_or(AppendError::TooLarge)?;
                Ok(Id { ms, seq })
            }
            NewId::Next(ms) if ms > self.last_id.ms => Ok(Id { ms, seq: 0 }),
            NewId::Exact(id) if id > self.last_id => Ok(id),
            _ => Err(AppendError::Order),
        }
    }

    /// Adds an entry and gives its id; `flat` are its fields and values in turn.
    pub fn append<'a>(
        &mut self,
        new: NewId,
        now_ms: u64,
        flat: impl Iterator<Item = &'a [u8]> + Clone,
        limits: &StreamLimits,
    ) -> Result<Id, AppendError> {
        let id = self.id_for(new, now_ms)?;
        let (mut strings, mut bytes) = (0_usize, 0_usize);
        for string in flat.clone() {
            strings += 1;
            bytes = bytes.saturating_add(string.len());
        }
        // Each string and each entry may cost some bytes more, and the names stand twice in a new node.
        if bytes.saturating_add(16 * strings + ENTRY_BYTES_MAX) > PACKED_BYTES_MAX / 2 {
            return Err(AppendError::TooLarge);
        }
        let is_first = self.nodes.is_empty();
        match self.nodes.last_mut().filter(|node| !is_full(node, bytes, limits)) {
            Some(node) => {
                let before = node.memory_bytes();
                node.append(id, flat, strings / 2);
                self.node_bytes = self.node_bytes + node.memory_bytes() - before;
            }
            None => {
                if let Some(node) = self.nodes.last_mut() {
                    let before = node.memory_bytes();
                    node.finish();
                    self.node_bytes = self.node_bytes + node.memory_bytes() - before;
                }
                let usual = match limits.node_bytes_max {
                    0 => NODE_ROOM_BYTES_MAX,
                    bytes => bytes.min(NODE_ROOM_BYTES_MAX),
                };
                let node = Node::new(id, flat, if is_first { FIRST_ROOM_BYTES } else { usual });
                self.node_bytes += node.memory_bytes();
                self.nodes.insert(node);
            }
        }
        self.len += 1;
        self.entries_added += 1;
        self.last_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
        Ok(id)
    }

    /// The entries from `from` to `to`, both included.
    pub fn range(&self, from: Id, to: Id) -> Range<'_> {
        let place = self.nodes.floor(from).or_else(|| self.nodes.first_place());
        Range { nodes: &self.nodes, place, entries: None, from, to }
    }

    /// The entries from `to` down to `from`, both included.
    pub fn range_back(&self, from: Id, to: Id) -> RangeBack<'_> {
        RangeBack { nodes: &self.nodes, place: self.nodes.floor(to), entries: None, from, to }
    }

    /// The entry with this id.
    pub fn get(&self, id: Id) -> Option<Entry<'_>> {
        if id < self.first_id || id > self.last_id {
            return None;
        }
        self.range(id, id).next()
    }

    /// Removes an entry and says whether it was there.
    pub fn delete(&mut self, id: Id) -> bool {
        if self.len == 0 || id < self.first_id || id > self.last_id {
            return false;
        }
        let Some(place) = self.nodes.floor(id) else { return false };
        let Some(node) = self.nodes.at_mut(place) else { return false };
        if node.counts().0 <= 1 {
            if !node.entries().any(|entry| entry.id == id) {
                return false;
            }
            self.remove_node(place);
        } else {
            let before = node.memory_bytes();
            let deleted = node.delete(id);
            self.node_bytes = self.node_bytes + node.memory_bytes() - before;
            if !deleted {
                return false;
            }
        }
        self.len -= 1;
        self.max_deleted = self.max_deleted.max(id);
        if id == self.first_id || self.len == 0 {
            self.find_first();
        }
        true
    }

    fn remove_node(&mut self, place: Place) {
        if let Some(node) = self.nodes.remove_at(place) {
            self.node_bytes -= node.memory_bytes();
        }
    }

    /// Finds the first entry anew.
    pub(super) fn find_first(&mut self) {
        self.first_id = self.range(Id::MIN, Id::MAX).next().map_or(Id::MIN, |entry| entry.id);
    }

    /// Removes entries from the start; gives their number.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        let old_len = self.len;
        while let Some(place) = self.nodes.first_place() {
            let Some(node) = self.nodes.at_mut(place) else { break };
            let (live, _) = node.counts();
            let removed = old_len - self.len;
            let (is_done, goes_whole) = match trim.to {
                TrimTo::Length(len) => (self.len <= len, self.len.saturating_sub(live) >= len),
                TrimTo::Id(id) => (node.id() >= id, node.is_below(id, !trim.approximate)),
            };
            if is_done || (trim.entries_max > 0 && removed + live > trim.entries_max) {
                break;
            }
            if goes_whole {
                self.len -= live;
                self.remove_node(place);
                continue;
            }
            if trim.approximate {
                break;
            }
            let before = node.memory_bytes();
            let mut left = self.len;
            let deleted = node.delete_front(|id| match trim.to {
                TrimTo::Length(len) if left > len => {
                    left -= 1;
                    true
                }
                TrimTo::Length(_) => false,
                TrimTo::Id(min) => id < min,
            });
            self.node_bytes = self.node_bytes + node.memory_bytes() - before;
            self.len -= deleted;
            break;
        }
        if self.len != old_len {
            self.find_first();
        }
        old_len - self.len
    }

    /// Whether XDEL has removed something from `from` on.
    pub(super) fn has_holes_from(&self, from: Id) -> bool {
        self.len > 0 && self.max_deleted != Id::MIN && from <= self.max_deleted
    }

    /// How many entries were added up to this id, where that can be told.
    pub(super) fn distance_to(&self, id: Id) -> Option<i64> {
        let added = self.entries_added as i64;
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.len == 0 && id <= self.last_id {
            return Some(added);
        }
        match id.cmp(&self.last_id) {
            std::cmp::Ordering::Equal => return Some(added),
            std::cmp::Ordering::Greater => return None,
            std::cmp::Ordering::Less => {}
        }
        if self.max_deleted == Id::MIN || self.max_deleted < self.first_id {
            let before_first = added.wrapping_sub(self.len as i64);
            match id.cmp(&self.first_id) {
                std::cmp::Ordering::Less => return Some(before_first),
                std::cmp::Ordering::Equal => return Some(before_first.wrapping_add(1)),
                std::cmp::Ordering::Greater => {}
            }
        }
        None
    }

    /// How many entries a group still has to read, where that can be told.
    pub(super) fn lag_of(&self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_holes_from(group.last_id) => Some(read),
            _ => self.distance_to(group.last_id),
        };
        read.map(|read| (self.entries_added as i64).wrapping_sub(read))
    }
}

/// Whether an entry of this many bytes of strings begins a new node.
fn is_full(node: &Node, bytes: usize, limits: &StreamLimits) -> bool {
    let bytes_max = match limits.node_bytes_max {
        0 => PACKED_BYTES_MAX / 2,
        bytes => bytes.min(PACKED_BYTES_MAX / 2),
    };
    if node.len_bytes() + bytes >= bytes_max {
        return true;
    }
    let (live, deleted) = node.counts();
    limits.node_entries_max > 0 && live + deleted >= limits.node_entries_max
}

/// Walks over entries.
pub struct Range<'a> {
    nodes: &'a IdChunks<Node>,
    place: Option<Place>,
    entries: Option<node::Entries<'a>>,
    from: Id,
    to: Id,
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let place = self.place?;
            let entries = match &mut self.entries {
                Some(entries) => entries,
                None => {
                    let node = self.nodes.at(place).filter(|node| node.id() <= self.to)?;
                    self.entries.insert(node.entries())
                }
            };
            match entries.find(|entry| entry.id >= self.from) {
                Some(entry) if entry.id <= self.to => return Some(entry),
                Some(_) => self.place = None,
                None => {
                    self.entries = None;
                    self.place = self.nodes.next(place);
                }
            }
        }
    }
}

/// Walks over entries backwards.
pub struct RangeBack<'a> {
    nodes: &'a IdChunks<Node>,
    place: Option<Place>,
    entries: Option<node::EntriesBack<'a>>,
    from: Id,
    to: Id,
}

impl<'a> Iterator for RangeBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let place = self.place?;
            let entries = match &mut self.entries {
                Some(entries) => entries,
                None => self.entries.insert(self.nodes.at(place)?.entries_back()),
            };
            match entries.find(|entry| entry.id <= self.to) {
                Some(entry) if entry.id >= self.from => return Some(entry),
                Some(_) => self.place = None,
                None => {
                    self.entries = None;
                    self.place = self.nodes.previous(place);
                }
            }
        }
    }
}
