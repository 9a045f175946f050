//! Consumer groups: what was delivered to whom and is not acknowledged yet.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::chunks::{IdChunks, Keyed};
use super::Id;
use crate::base::alloc::rounded;

/// Stands for a consumer within its group.
pub type ConsumerIndex = u32;

/// An entry that was delivered and is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Of the entry.
    pub id: Id,
    /// When it was delivered last, in milliseconds since 1970.
    pub delivered_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// To whom it was delivered last.
    pub consumer: ConsumerIndex,
}

impl Keyed for Pending {
    fn id(&self) -> Id {
        self.id
    }
}

/// A consumer of a group.
///
/// Its times are cells: a reader that finds nothing is seen nevertheless, and has changed nothing.
#[derive(Clone)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it last tried to read or claim.
    pub seen_ms: Cell<i64>,
    /// When it last succeeded; -1 for never.
    pub active_ms: Cell<i64>,
    /// The ids of the entries that are pending for it.
    pub pending: IdChunks<Id>,
}

/// A consumer group.
#[derive(Clone, Default)]
pub struct Group {
    /// The last entry that was delivered.
    pub last_id: Id,
    /// How many entries were read up to it, if that is known.
    pub entries_read: Option<i64>,
    pub(super) pending: IdChunks<Pending>,
    /// Consumers at their index; those that were deleted leave holes.
    consumers: Vec<Option<Consumer>>,
    names: BTreeMap<Box<[u8]>, ConsumerIndex>,
}

impl Group {
    /// A group that has delivered nothing behind `last_id`.
    pub fn new(last_id: Id, entries_read: Option<i64>) -> Self {
        Group { last_id, entries_read, ..Group::default() }
    }

    /// Bytes allocated, without the struct itself.
    pub fn memory_bytes(&self) -> usize {
        let consumer = |consumer: &Consumer| {
            2 * rounded(consumer.name.len()) + consumer.pending.memory_bytes() + 2 * size_of::<Box<[u8]>>()
        };
        self.pending.memory_bytes()
            + rounded(self.consumers.capacity() * size_of::<Option<Consumer>>())
            + self.consumers.iter().flatten().map(consumer).sum::<usize>()
    }

    /// The number of allocations that dropping it frees.
    pub fn free_effort(&self) -> usize {
        let consumers = self.consumers.iter().flatten().map(|consumer| 3 + consumer.pending.allocations());
        1 + self.pending.allocations() + consumers.sum::<usize>()
    }

    /// The entries that are pending.
    pub fn pending(&self) -> &IdChunks<Pending> {
        &self.pending
    }

    /// The consumer of this name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerIndex> {
        self.names.get(name).copied()
    }

    /// A consumer.
    pub fn consumer(&self, index: ConsumerIndex) -> Option<&Consumer> {
        self.consumers.get(index as usize)?.as_ref()
    }

    /// The name of a consumer.
    pub fn name_of(&self, index: ConsumerIndex) -> &[u8] {
        self.consumer(index).map_or(&[], |consumer| &consumer.name)
    }

    /// The consumers in the order of their names.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.names.values().filter_map(|index| self.consumer(*index))
    }

    /// The number of consumers.
    pub fn consumers_len(&self) -> usize {
        self.names.len()
    }

    /// Adds a consumer that is not there yet.
    pub fn add_consumer(&mut self, name: &[u8], now_ms: i64) -> ConsumerIndex {
        let consumer = Consumer {
            name: name.into(),
            seen_ms: Cell::new(now_ms),
            active_ms: Cell::new(-1),
            pending: IdChunks::default(),
        };
        // Holes are looked for only when the vector would grow, which keeps adding cheap on the whole.
        let is_crowded = self.consumers.len() == self.consumers.capacity();
        let hole = match is_crowded && self.names.len() < self.consumers.len() / 2 {
            true => self.consumers.iter().position(Option::is_none),
            false => None,
        };
        let index = hole.unwrap_or(self.consumers.len());
        match self.consumers.get_mut(index) {
            Some(place) => *place = Some(consumer),
            None => self.consumers.push(Some(consumer)),
        }
        self.names.insert(name.into(), index as ConsumerIndex);
        index as ConsumerIndex
    }

    /// Removes a consumer with all that is pending for it; gives how much that was.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let index = self.names.remove(name)?;
        let consumer = self.consumers.get_mut(index as usize)?.take()?;
        for id in consumer.pending.iter() {
            self.pending.remove(*id);
        }
        Some(consumer.pending.len())
    }

    /// An entry is delivered to a consumer for the first time, or given to it as if it were.
    pub fn deliver(&mut self, id: Id, consumer: ConsumerIndex, now_ms: i64) {
        let fresh = Pending { id, delivered_ms: now_ms, deliveries: 1, consumer };
        if !self.pending.insert(fresh.clone()) {
            self.set_owner(id, consumer);
            if let Some(pending) = self.pending.get_mut(id) {
                *pending = fresh;
            }
            return;
        }
        if let Some(consumer) = self.consumer_mut(consumer) {
            consumer.pending.insert(id);
        }
    }

    /// Gives a pending entry to another consumer.
    pub fn set_owner(&mut self, id: Id, consumer: ConsumerIndex) {
        let Some(pending) = self.pending.get_mut(id) else { return };
        let old = std::mem::replace(&mut pending.consumer, consumer);
        if old != consumer {
            if let Some(old) = self.consumer_mut(old) {
                old.pending.remove(id);
            }
        }
        if let Some(new) = self.consumer_mut(consumer) {
            new.pending.insert(id);
        }
    }

    /// An entry is no longer pending; says whether it was.
    pub fn acknowledge(&mut self, id: Id) -> bool {
        let Some(pending) = self.pending.remove(id) else { return false };
        if let Some(consumer) = self.consumer_mut(pending.consumer) {
            consumer.pending.remove(id);
        }
        true
    }

    pub(super) fn consumer_mut(&mut self, index: ConsumerIndex) -> Option<&mut Consumer> {
        self.consumers.get_mut(index as usize)?.as_mut()
    }
}
