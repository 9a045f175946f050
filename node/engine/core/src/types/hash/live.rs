//! A hash as clients see it: without the fields whose time has come.

use super::{Hash, Iter};
use crate::formats::packed::Item;

/// Times a random field is drawn again because it has expired, before all of them are looked at.
const DRAWS_MAX: usize = 32;

/// A hash at a time. A field that is past is as good as gone, whoever deletes it.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    /// The hash, with everything that is in it.
    pub hash: &'a Hash,
    /// The time, if a field is past it: most hashes have none.
    now_ms: Option<i64>,
}

impl<'a> Live<'a> {
    /// A hash at a time, in milliseconds since 1970; before all times nothing is hidden.
    pub fn new(hash: &'a Hash, now_ms: i64) -> Self {
        Live { hash, now_ms: hash.next_due().is_some_and(|due| due <= now_ms).then_some(now_ms) }
    }

    fn is_gone(&self, field: Item<'_>) -> bool {
        self.now_ms.is_some_and(|now_ms| {
            self.hash.due(field.spell(&mut itoa::Buffer::new())).is_some_and(|due| due <= now_ms)
        })
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        match self.now_ms {
            None => self.hash.len(),
            Some(_) => self.iter().count(),
        }
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Item<'a>> {
        self.hash.get(field).filter(|_| !self.is_gone(Item::Bytes(field)))
    }

    /// Whether the field is there.
    pub fn contains(&self, field: &[u8]) -> bool {
        self.hash.contains(field) && !self.is_gone(Item::Bytes(field))
    }

    /// All fields with their values.
    pub fn iter(&self) -> LiveIter<'a> {
        LiveIter { live: *self, entries: self.hash.iter() }
    }

    /// See [`Hash::scan`].
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'_>, Item<'_>)) -> u64 {
        self.hash.scan(cursor, count, |field, value| {
            if !self.is_gone(field) {
                visit(field, value);
            }
        })
    }

    /// See [`Hash::random`].
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<(Item<'a>, Item<'a>)> {
        for _ in 0..DRAWS_MAX {
            let entry = self.hash.random(random)?;
            if !self.is_gone(entry.0) {
                return Some(entry);
            }
        }
        let index = random().checked_rem(self.len() as u64)?;
        self.iter().nth(index as usize)
    }
}

/// Walks over the entries of a hash that are not past.
pub struct LiveIter<'a> {
    live: Live<'a>,
    entries: Iter<'a>,
}

impl<'a> Iterator for LiveIter<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let live = self.live;
        self.entries.find(|(field, _)| !live.is_gone(*field))
    }
}
