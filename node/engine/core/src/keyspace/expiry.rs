//! Which keys expire when: a hierarchical timing wheel over hashes of keys.
//!
//! Level 0 has 64 buckets of one tick (64 ms) each, level 1 has 64 of 64 ticks, and so on; ten levels reach
//! beyond all of time. An item sits in the bucket of the highest level at which its tick differs from the tick
//! that has elapsed. That place depends on nothing else, so a changed or removed expiry finds its item at once and
//! nothing stale stays behind. When time reaches a bucket, its items become due (level 0) or move to
//! lower levels, which the database does step by step because only the entries know their exact times.
//!
//! An item is the part of the key's hash that the table looks at, with the slot in its low bits: 8 bytes, no
//! pointer, valid wherever the entry moves. Two keys may have equal items; then two items are there.
//!
//! A dropped slot leaves its items behind. They are forgotten when their time comes, or by a sweep (see
//! `Db::sweep_expiries`) once they outnumber the living.

use super::segment::UNUSED_HASH_BITS;
use crate::base::prng::Prng;

const TICK_BITS: u32 = 6;
const LEVEL_BITS: u32 = 6;
const BUCKETS: usize = 1 << LEVEL_BITS;
/// 64 bits of milliseconds, less the tick, in groups of six.
const LEVELS: usize = 10;

/// The item of a key.
#[inline]
pub(crate) fn item(hash: u64, slot: u16) -> u64 {
    hash >> UNUSED_HASH_BITS << UNUSED_HASH_BITS | u64::from(slot)
}

/// The slot of an item. The item itself serves as the hash to look up.
#[inline]
pub(crate) fn slot_of(item: u64) -> u16 {
    item as u16
}

fn tick_of(at_ms: i64) -> u64 {
    at_ms.max(0) as u64 >> TICK_BITS
}

/// A bag of items in shards of a few hundred: linear hashing, one shard split or merged at a time, so that no
/// insertion takes long and every removal looks at one shard.
#[derive(Default)]
struct Bag {
    shards: Vec<Vec<u64>>,
    len: usize,
}

const SHARD_ITEMS_MAX: usize = 256;
const SHARD_ITEMS_MIN: usize = 64;

impl Bag {
    #[inline]
    fn shard_of(item: u64, shards: usize) -> usize {
        let mask = shards.next_power_of_two() - 1;
        let place = (item >> UNUSED_HASH_BITS) as usize & mask;
        if place < shards {
            place
        } else {
            place & (mask >> 1)
        }
    }

    fn insert(&mut self, item: u64) {
        if self.len >= self.shards.len() * SHARD_ITEMS_MAX {
            self.add_shard();
        }
        let place = Bag::shard_of(item, self.shards.len());
        let shard = &mut self.shards[place];
        if shard.len() == shard.capacity() {
            shard.reserve_exact(shard.len() / 4 + 2);
        }
        shard.push(item);
        self.len += 1;
    }

    fn add_shard(&mut self) {
        let shards = self.shards.len() + 1;
        self.shards.push(Vec::new());
        if shards > 1 {
            let split = Bag::shard_of((shards as u64 - 1) << UNUSED_HASH_BITS, shards - 1);
            let items = std::mem::take(&mut self.shards[split]);
            let (moving, staying) =
                items.into_iter().partition(|&item| Bag::shard_of(item, shards) == shards - 1);
            self.shards[shards - 1] = moving;
            self.shards[split] = staying;
        }
    }

    fn remove(&mut self, item: u64) -> bool {
        if self.len == 0 {
            return false;
        }
        let place = Bag::shard_of(item, self.shards.len());
        let shard = &mut self.shards[place];
        let Some(position) = shard.iter().rposition(|&other| other == item) else { return false };
        shard.swap_remove(position);
        self.len -= 1;
        if self.len == 0 {
            self.shards = Vec::new();
        } else if self.len < (self.shards.len() - 1) * SHARD_ITEMS_MIN {
            self.remove_shard();
        }
        true
    }

    fn remove_shard(&mut self) {
        if let Some(items) = self.shards.pop() {
            let into = self.shards.len();
            let shard = Bag::shard_of((into as u64) << UNUSED_HASH_BITS, into);
            self.shards[shard].extend(items);
        }
    }

    /// A random item, every one with about the same chance.
    fn random(&self, prng: &mut Prng) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        for _ in 0..RANDOM_TRIES_MAX {
            let shard = &self.shards[prng.below(self.shards.len() as u64) as usize];
            // Shards that were not split yet are longer: a place beyond a shard's end is a miss, not another chance.
            if let Some(&item) = shard.get(prng.below(2 * SHARD_ITEMS_MAX as u64) as usize) {
                return Some(item);
            }
        }
        let start = prng.below(self.shards.len() as u64) as usize;
        let (before, after) = self.shards.split_at(start);
        let shard = after.iter().chain(before).find(|shard| !shard.is_empty())?;
        Some(shard[prng.below(shard.len() as u64) as usize])
    }

    /// Any item, taken from the end so that removing it is cheap.
    fn last(&mut self) -> Option<u64> {
        while self.shards.len() > 1 && self.shards.last().is_some_and(Vec::is_empty) {
            self.shards.pop();
        }
        self.shards.iter().rev().find_map(|shard| shard.last()).copied()
    }
}

/// Places tried for a random item before the search goes on in order.
const RANDOM_TRIES_MAX: usize = 24;

#[derive(Default)]
struct Level {
    /// A bit for each bucket that is not empty.
    occupied: u64,
    /// Empty until the level is used.
    buckets: Vec<Bag>,
}

/// Where an item of some tick is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Near,
    Bucket(usize, usize),
}

/// The wheel; see the module's documentation.
#[derive(Default)]
pub(crate) struct ExpiryWheel {
    /// The last tick whose bucket was opened.
    elapsed: u64,
    /// Items whose bucket was opened: due, or on their way to a lower level.
    near: Bag,
    levels: [Level; LEVELS],
    len: usize,
    sweep_at: usize,
}

impl ExpiryWheel {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn place(&self, tick: u64) -> Place {
        if tick <= self.elapsed {
            return Place::Near;
        }
        let highest = 63 - (tick ^ self.elapsed).leading_zeros();
        let level = (highest / LEVEL_BITS) as usize;
        let bucket = (tick >> (level as u32 * LEVEL_BITS)) as usize % BUCKETS;
        Place::Bucket(level, bucket)
    }

    pub(crate) fn insert(&mut self, item: u64, at_ms: i64) {
        self.len += 1;
        match self.place(tick_of(at_ms)) {
            Place::Near => self.near.insert(item),
            Place::Bucket(level, bucket) => {
                let level = &mut self.levels[level];
                if level.buckets.is_empty() {
                    level.buckets.resize_with(BUCKETS, Bag::default);
                }
                level.occupied |= 1 << bucket;
                level.buckets[bucket].insert(item);
            }
        }
    }

    /// Removes one such item; does nothing if there is none.
    pub(crate) fn remove(&mut self, item: u64, at_ms: i64) {
        let removed = match self.place(tick_of(at_ms)) {
            Place::Near => self.near.remove(item),
            Place::Bucket(level, bucket) => {
                let level = &mut self.levels[level];
                let removed = level.buckets.get_mut(bucket).is_some_and(|bag| bag.remove(item));
                if level.buckets.get(bucket).is_some_and(|bag| bag.len == 0) {
                    level.occupied &= !(1 << bucket);
                }
                // Not there: its bucket was opened, and it has not moved on yet.
                removed || self.near.remove(item)
            }
        };
        self.len -= usize::from(removed);
    }

    /// An item whose time may have come, left in place; the caller removes or moves it.
    pub(crate) fn next(&mut self, now_ms: i64) -> Option<u64> {
        let now = tick_of(now_ms);
        loop {
            if let Some(item) = self.near.last() {
                return Some(item);
            }
            match self.first_bucket() {
                Some((level, bucket, start)) if start < now => {
                    let level = &mut self.levels[level];
                    level.occupied &= !(1 << bucket);
                    self.near = std::mem::take(&mut level.buckets[bucket]);
                    self.elapsed = start;
                }
                _ => {
                    self.elapsed = self.elapsed.max(now.saturating_sub(1));
                    return None;
                }
            }
        }
    }

    /// The occupied bucket that comes first, and the tick at which it starts.
    fn first_bucket(&self) -> Option<(usize, usize, u64)> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        let bucket = self.levels[level].occupied.trailing_zeros() as usize;
        let shift = level as u32 * LEVEL_BITS;
        let above = shift + LEVEL_BITS;
        let start = self.elapsed.checked_shr(above).unwrap_or(0).checked_shl(above).unwrap_or(0);
        Some((level, bucket, start | (bucket as u64) << shift))
    }

    /// Removes an item that `next` gave.
    pub(crate) fn forget(&mut self, item: u64) {
        self.len -= usize::from(self.near.remove(item));
    }

    /// Moves an item that `next` gave to where its time belongs. Tells whether that is elsewhere: it is not
    /// if the clock went backwards.
    pub(crate) fn requeue(&mut self, item: u64, at_ms: i64) -> bool {
        self.forget(item);
        self.insert(item, at_ms);
        self.place(tick_of(at_ms)) != Place::Near
    }

    fn bags(&self) -> impl Iterator<Item = &Bag> {
        self.levels.iter().flat_map(|level| &level.buckets).chain([&self.near])
    }

    /// Visits up to `wanted` random items (all, if they are no more), every one with about the same chance.
    pub(crate) fn sample(&self, prng: &mut Prng, wanted: usize, mut visit: impl FnMut(u64)) {
        if self.len <= wanted {
            return self.bags().flat_map(|bag| bag.shards.iter().flatten()).for_each(|&item| visit(item));
        }
        // Items of one bag may have been stored together, and then they are alike: each item has a draw of its own.
        let mut draws: Vec<usize> = (0..wanted).map(|_| prng.below(self.len as u64) as usize).collect();
        draws.sort_unstable();
        let mut draws = draws.into_iter().peekable();
        let mut passed = 0;
        for bag in self.bags().filter(|bag| bag.len > 0) {
            while draws.next_if(|&draw| draw < passed + bag.len).is_some() {
                bag.random(prng).into_iter().for_each(&mut visit);
            }
            if draws.peek().is_none() {
                return;
            }
            passed += bag.len;
        }
    }

    /// Visits up to `wanted` random items of the bag that comes first.
    pub(crate) fn sample_soonest(&self, prng: &mut Prng, wanted: usize, visit: impl FnMut(u64)) {
        let first = || self.first_bucket().map(|(level, bucket, _)| &self.levels[level].buckets[bucket]);
        let Some(bag) = Some(&self.near).filter(|bag| bag.len > 0).or_else(first) else { return };
        if bag.len <= wanted {
            return bag.shards.iter().flatten().copied().for_each(visit);
        }
        (0..wanted).filter_map(|_| bag.random(prng)).for_each(visit);
    }

    /// Looks at the items of the next shard of the sweep: for each run of equal items, `living` says how many
    /// keys there are with such an item whose expiry is in the place shown by the test it is given.
    pub(crate) fn sweep_shard(&mut self, living: impl Fn(u64, &dyn Fn(i64) -> bool) -> usize) -> usize {
        let Some((place, shard)) = self.nth_shard(self.sweep_at) else {
            self.sweep_at = 0;
            return 0;
        };
        self.sweep_at += 1;
        let mut items = std::mem::take(self.shard_mut(place, shard));
        let before = items.len();
        items.sort_unstable();
        let mut kept = Vec::with_capacity(before);
        for run in items.chunk_by(|a, b| a == b) {
            let is_here = |at_ms: i64| match self.place(tick_of(at_ms)) {
                here if here == place => true,
                _ => place == Place::Near,
            };
            kept.extend_from_slice(&run[..run.len().min(living(run[0], &is_here))]);
        }
        let gone = before - kept.len();
        *self.shard_mut(place, shard) = kept;
        self.len -= gone;
        match place {
            Place::Near => self.near.len -= gone,
            Place::Bucket(level, bucket) => {
                let level = &mut self.levels[level];
                level.buckets[bucket].len -= gone;
                if level.buckets[bucket].len == 0 {
                    level.occupied &= !(1 << bucket);
                }
            }
        }
        before
    }

    fn nth_shard(&self, mut nth: usize) -> Option<(Place, usize)> {
        if nth < self.near.shards.len() {
            return Some((Place::Near, nth));
        }
        nth -= self.near.shards.len();
        for (number, level) in self.levels.iter().enumerate() {
            for (bucket, bag) in level.buckets.iter().enumerate() {
                if nth < bag.shards.len() {
                    return Some((Place::Bucket(number, bucket), nth));
                }
                nth -= bag.shards.len();
            }
        }
        None
    }

    fn shard_mut(&mut self, place: Place, shard: usize) -> &mut Vec<u64> {
        match place {
            Place::Near => &mut self.near.shards[shard],
            Place::Bucket(level, bucket) => &mut self.levels[level].buckets[bucket].shards[shard],
        }
    }

    /// Bytes of the wheel.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bags()
            .map(|bag| {
                bag.shards.capacity() * size_of::<Vec<u64>>()
                    + bag.shards.iter().map(|shard| shard.capacity() * 8).sum::<usize>()
            })
            .sum()
    }
}
