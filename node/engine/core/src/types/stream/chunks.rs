//! Items in the order of their ids: nodes of a stream, pending entries, the ids that a consumer holds.
//!
//! Almost every change happens at an end: entries come behind the last one and are acknowledged or trimmed from the
//! first one on. So the items lie in chunks of some hundred, each a ring, in a ring of chunks: adding and removing at
//! the ends costs a few instructions and no pointer an item; in the middle it moves at most half a chunk. A place is
//! two numbers, which makes the structure easy to walk over in parts while it does not change.

use std::collections::VecDeque;

use super::Id;
use crate::base::alloc::rounded;

/// Items of a chunk at most.
const CHUNK_ITEMS_MAX: usize = 512;
/// A chunk with fewer items is joined with the next one, if both are small.
const CHUNK_ITEMS_MIN: usize = CHUNK_ITEMS_MAX / 4;
/// Room for this many items is never given back.
const CHUNK_ROOM_MIN: usize = 16;

/// What has an id.
pub trait Keyed {
    /// Its id, which does not change.
    fn id(&self) -> Id;
}

impl Keyed for Id {
    fn id(&self) -> Id {
        *self
    }
}

/// Where an item lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    chunk: usize,
    at: usize,
}

/// Items in the order of their ids. See the module's documentation.
#[derive(Clone)]
pub struct IdChunks<T> {
    chunks: VecDeque<VecDeque<T>>,
    len: usize,
}

impl<T> Default for IdChunks<T> {
    fn default() -> Self {
        IdChunks { chunks: VecDeque::new(), len: 0 }
    }
}

impl<T: Keyed> IdChunks<T> {
    /// The number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes allocated, without what the items own.
    pub fn memory_bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| rounded(chunk.capacity() * size_of::<T>())).sum();
        rounded(self.chunks.capacity() * size_of::<VecDeque<T>>()) + chunks
    }

    /// The number of allocations.
    pub fn allocations(&self) -> usize {
        self.chunks.len()
    }

    /// The item with the lowest id.
    pub fn first(&self) -> Option<&T> {
        self.chunks.front()?.front()
    }

    /// The item with the highest id.
    pub fn last(&self) -> Option<&T> {
        self.chunks.back()?.back()
    }

    /// The item with the highest id, to be changed.
    pub fn last_mut(&mut self) -> Option<&mut T> {
        self.chunks.back_mut()?.back_mut()
    }

    /// The item with this id.
    pub fn get(&self, id: Id) -> Option<&T> {
        match self.seek(id) {
            (place, true) => self.at(place),
            _ => None,
        }
    }

    /// The item with this id, to be changed.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        match self.seek(id) {
            (place, true) => self.at_mut(place),
            _ => None,
        }
    }

    /// The item at a place.
    pub fn at(&self, place: Place) -> Option<&T> {
        self.chunks.get(place.chunk)?.get(place.at)
    }

    /// The item at a place, to be changed.
    pub fn at_mut(&mut self, place: Place) -> Option<&mut T> {
        self.chunks.get_mut(place.chunk)?.get_mut(place.at)
    }

    /// The place of the first item.
    pub fn first_place(&self) -> Option<Place> {
        (self.len > 0).then_some(Place { chunk: 0, at: 0 })
    }

    /// The place behind.
    pub fn next(&self, place: Place) -> Option<Place> {
        if place.at + 1 < self.chunks.get(place.chunk)?.len() {
            return Some(Place { at: place.at + 1, ..place });
        }
        let chunk = place.chunk + 1;
        (chunk < self.chunks.len()).then_some(Place { chunk, at: 0 })
    }

    /// The place before.
    pub fn previous(&self, place: Place) -> Option<Place> {
        if let Some(at) = place.at.checked_sub(1) {
            return Some(Place { at, ..place });
        }
        let chunk = place.chunk.checked_sub(1)?;
        Some(Place { chunk, at: self.chunks.get(chunk)?.len().checked_sub(1)? })
    }

    /// The place of the first item whose id is not below `id`.
    pub fn ceiling(&self, id: Id) -> Option<Place> {
        let (place, _) = self.seek(id);
        (place.chunk < self.chunks.len()).then_some(place)
    }

    /// The place of the last item whose id is not above `id`.
    pub fn floor(&self, id: Id) -> Option<Place> {
        match self.seek(id) {
            (place, true) => Some(place),
            (place, false) => self.previous(place),
        }
    }

    /// The items with ids from `id` on.
    pub fn iter_from(&self, id: Id) -> impl Iterator<Item = &T> {
        self.walk(self.ceiling(id))
    }

    /// The items from the one with this index on.
    pub fn iter_from_index(&self, mut index: usize) -> impl Iterator<Item = &T> {
        let mut place = None;
        for (chunk, items) in self.chunks.iter().enumerate() {
            if index < items.len() {
                place = Some(Place { chunk, at: index });
                break;
            }
            index -= items.len();
        }
        self.walk(place)
    }

    /// All items.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    fn walk(&self, mut place: Option<Place>) -> impl Iterator<Item = &T> {
        std::iter::from_fn(move || {
            let here = place?;
            place = self.next(here);
            self.at(here)
        })
    }

    /// Adds an item; false where there is one with its id.
    pub fn insert(&mut self, item: T) -> bool {
        let (mut place, is_there) = self.seek(item.id());
        if is_there {
            return false;
        }
        self.len += 1;
        if place.chunk == self.chunks.len() {
            match self.chunks.back_mut().filter(|chunk| chunk.len() < CHUNK_ITEMS_MAX) {
                Some(chunk) => chunk.push_back(item),
                None => self.chunks.push_back(VecDeque::from([item])),
            }
            return true;
        }
        if self.chunks[place.chunk].len() >= CHUNK_ITEMS_MAX {
            let half = CHUNK_ITEMS_MAX / 2;
            let behind = self.chunks[place.chunk].split_off(half);
            self.chunks.insert(place.chunk + 1, behind);
            if place.at > half {
                place = Place { chunk: place.chunk + 1, at: place.at - half };
            }
        }
        self.chunks[place.chunk].insert(place.at, item);
        true
    }

    /// Removes the item with this id.
    pub fn remove(&mut self, id: Id) -> Option<T> {
        match self.seek(id) {
            (place, true) => self.remove_at(place),
            _ => None,
        }
    }

    /// Removes the item at a place, which is then the place of the one behind it, unless that lies in another chunk.
    pub fn remove_at(&mut self, place: Place) -> Option<T> {
        let chunk = self.chunks.get_mut(place.chunk)?;
        let item = chunk.remove(place.at)?;
        self.len -= 1;
        if chunk.is_empty() {
            self.chunks.remove(place.chunk);
        } else if chunk.len() < CHUNK_ITEMS_MIN {
            let next_len = self.chunks.get(place.chunk + 1).map_or(usize::MAX, VecDeque::len);
            if next_len < CHUNK_ITEMS_MIN {
                if let Some(mut next) = self.chunks.remove(place.chunk + 1) {
                    self.chunks[place.chunk].append(&mut next);
                }
            }
            let chunk = &mut self.chunks[place.chunk];
            if chunk.capacity() > CHUNK_ROOM_MIN && chunk.capacity() / 4 > chunk.len() {
                chunk.shrink_to(2 * chunk.len());
            }
        }
        Some(item)
    }

    /// Where an item of this id is, or would be, and whether it is there.
    fn seek(&self, id: Id) -> (Place, bool) {
        // Most look-ups are for the last chunk, or behind it.
        let last = self.chunks.len().saturating_sub(1);
        let chunk = match self.chunks.back() {
            Some(items) if items.front().is_some_and(|first| first.id() <= id) => {
                last + usize::from(items.back().is_some_and(|item| item.id() < id))
            }
            _ => self.chunks.partition_point(|chunk| chunk.back().is_some_and(|item| item.id() < id)),
        };
        let Some(items) = self.chunks.get(chunk) else { return (Place { chunk, at: 0 }, false) };
        match items.binary_search_by(|item| item.id().cmp(&id)) {
            Ok(at) => (Place { chunk, at }, true),
            Err(at) => (Place { chunk, at }, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn id(number: u64) -> Id {
        Id { ms: number / 10, seq: number % 10 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// The model is the standard library's ordered set.
        #[test]
        fn behaves_like_an_ordered_set(
            start in 0_u64..3000,
            changes in prop::collection::vec((any::<bool>(), 0_u64..3000), 0..600),
            holes in 1_u64..5,
        ) {
            let mut chunks = IdChunks::default();
            let mut model = BTreeSet::new();
            for number in (0..start).step_by(holes as usize) {
                prop_assert_eq!(chunks.insert(id(number)), model.insert(id(number)));
            }
            for (add, number) in changes {
                if add {
                    prop_assert_eq!(chunks.insert(id(number)), model.insert(id(number)));
                } else {
                    for number in number..(number + 20) {
                        prop_assert_eq!(chunks.remove(id(number)).is_some(), model.remove(&id(number)));
                    }
                }
                prop_assert_eq!(chunks.len(), model.len());
                prop_assert_eq!(chunks.first(), model.first());
                prop_assert_eq!(chunks.last(), model.last());
                let ceiling = chunks.ceiling(id(number)).and_then(|place| chunks.at(place));
                prop_assert_eq!(ceiling, model.range(id(number)..).next());
                let floor = chunks.floor(id(number)).and_then(|place| chunks.at(place));
                prop_assert_eq!(floor, model.range(..=id(number)).next_back());
                prop_assert_eq!(chunks.get(id(number)), model.get(&id(number)));
            }
            prop_assert!(chunks.iter().eq(model.iter()));
            prop_assert!(chunks.iter_from(id(500)).eq(model.range(id(500)..)));
            prop_assert!(chunks.iter_from_index(100).eq(model.iter().skip(100)));
            prop_assert!(chunks.chunks.iter().all(|chunk| !chunk.is_empty()));
        }
    }
}
