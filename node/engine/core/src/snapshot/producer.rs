//! The snapshot half of *snapshot + stream*: the keyspace as it was at one moment, in RDB encoding.
//!
//! The walk goes on in small steps between the requests of clients. What changes before the walk has reached
//! it is handed out first, by the keyspace's captures, and lands in the same buffer; so the picture is that of
//! the start, and nothing is copied or forked for it.
//!
//! [`Producer`] knows nothing of where its bytes go: a [`SnapshotSink`] takes them. For a full sync that is a
//! `Stream` that several replicas read; a file, an append-only base or another node fit as well.
//!
//! Memory: the walk stops while the sink has no room. What writers push out meanwhile is still taken, each
//! entry at most once, and the sink's owner bounds it.
//!
//! Time: a big collection is encoded in parts, one a step. What writers push out before its last part waits *aside*, as
//! entries cannot lie within each other; if that becomes much, the value is completed at once. So it is when it is
//! about to change itself: only the writer of a big collection which the walk has not passed waits for all of it.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::keyspace::{Capture, Captured, Db, SlotSet, SnapshotId, ValueRef, SLOT_COUNT};
use crate::snapshot::{RdbWriter, RdbWriterOptions, ValueWalk};

/// The work of one step: bytes produced, bytes given to the compressor, and [`KEY_WORK`] for each key.
///
/// By what is produced alone a step over values that compress well would take milliseconds.
pub const STEP_WORK: u64 = 32 * 1024;
/// What a key costs beside its bytes, in bytes that could be copied meanwhile: it is seldom in the cache.
const KEY_WORK: u64 = 64;
/// Keys that the walk looks at between two looks at what it has produced.
const STEP_KEYS: usize = 64;
/// Bytes that may wait in a sink before the walk stops.
pub const SINK_WAITING_BYTES_MAX: u64 = 1024 * 1024;

/// Where a snapshot's bytes go.
pub trait SnapshotSink {
    /// Whether it takes more at present; if not, the walk stops until it does.
    fn has_room(&self) -> bool;

    /// Takes the next bytes of the snapshot.
    ///
    /// # Errors
    /// The sentence that says why the snapshot cannot be completed.
    fn write(&mut self, bytes: &[u8]) -> Result<(), String>;
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// The sink has no room.
    Blocked,
    /// The snapshot is complete.
    Complete,
}

/// A snapshot under way.
pub struct Producer {
    picture: Arc<Mutex<Picture>>,
    /// The databases whose walk is not at its end.
    walks: Vec<(usize, SnapshotId)>,
    is_complete: bool,
    /// How many keys there are to write in all.
    keys_total: u64,
}

/// The encoder, shared by the captures of all databases.
struct Picture {
    writer: RdbWriter,
    bytes: Vec<u8>,
    /// The database that the last entry belonged to.
    db: Option<usize>,
    /// Keys and expiring keys of each database at the start.
    sizes: Vec<(u64, u64)>,
    /// Keys written so far.
    keys_done: u64,
    /// Work that earlier steps have done.
    work_before: u64,
    /// Bytes produced so far and handed over.
    bytes_before: u64,
    /// A value has been written in part.
    is_open: bool,
    /// What waits until that value is complete.
    aside: Option<Aside>,
    options: RdbWriterOptions,
}

/// Entries that were pushed out while a value was written in parts.
struct Aside {
    writer: RdbWriter,
    bytes: Vec<u8>,
    db: Option<usize>,
}

impl Picture {
    /// Writes which database an entry belongs to, where that has changed.
    fn select(&mut self, db: usize) {
        let (keys, expiring) = self.sizes.get(db).copied().unwrap_or_default();
        let (writer, bytes, current) = match &mut self.aside {
            Some(aside) if self.is_open => (&mut aside.writer, &mut aside.bytes, &mut aside.db),
            _ => (&mut self.writer, &mut self.bytes, &mut self.db),
        };
        if *current != Some(db) {
            *current = Some(db);
            writer.select_db(bytes, db as u64, keys, expiring);
        }
    }

    fn entry(&mut self, db: usize, key: &[u8], value: ValueRef<'_>, expire_at_ms: Option<i64>) {
        self.keys_done += 1;
        if self.is_open && self.aside.is_none() {
            // The checksum is computed where these bytes join the others.
            let writer = RdbWriter::new(RdbWriterOptions { checksum: false, ..self.options });
            self.aside = Some(Aside { writer, bytes: Vec::new(), db: self.db });
        }
        self.select(db);
        match &mut self.aside {
            Some(aside) if self.is_open => {
                aside.writer.entry(&mut aside.bytes, key, value, expire_at_ms, None);
            }
            _ => self.writer.entry(&mut self.bytes, key, value, expire_at_ms, None),
        }
    }

    fn begin(&mut self, what: Captured<'_>, elements: usize) -> Option<NonZeroU64> {
        let Captured { db, key, value, expire_at_ms, .. } = what;
        debug_assert!(!self.is_open);
        self.keys_done += 1;
        self.select(db);
        let walk = self.writer.begin_entry(&mut self.bytes, key, value, expire_at_ms, None, elements);
        self.is_open = walk.is_some();
        walk.map(|walk| walk.cursor)
    }

    fn go_on(&mut self, value: ValueRef<'_>, cursor: NonZeroU64, elements: usize) -> Option<NonZeroU64> {
        let walk = self.writer.continue_entry(&mut self.bytes, value, ValueWalk { cursor }, elements);
        if walk.is_none() {
            self.is_open = false;
            if let Some(aside) = self.aside.take() {
                self.writer.encoded(&mut self.bytes, &aside.bytes);
                self.db = aside.db;
            }
        }
        walk.map(|walk| walk.cursor)
    }

    /// All the work so far.
    fn work(&self) -> u64 {
        let bytes = self.bytes_before + self.bytes.len() as u64;
        bytes + self.writer.compressed_bytes() + self.keys_done * KEY_WORK
    }

    /// Whether a step has done its work.
    fn is_step_done(&self) -> bool {
        self.work() - self.work_before >= STEP_WORK
    }

    /// Whether so much waits for the end of a value that it should come at once.
    fn must_close(&self) -> bool {
        self.aside.as_ref().is_some_and(|aside| aside.bytes.len() as u64 > SINK_WAITING_BYTES_MAX)
    }
}

struct DbCapture(Arc<Mutex<Picture>>);

impl Capture for DbCapture {
    fn entry(&mut self, db: usize, _slot: u16, key: &[u8], value: ValueRef<'_>, expire_at_ms: Option<i64>) {
        lock(&self.0).entry(db, key, value, expire_at_ms);
    }

    fn begin(&mut self, what: Captured<'_>, elements: usize) -> Option<NonZeroU64> {
        lock(&self.0).begin(what, elements)
    }

    fn go_on(&mut self, value: ValueRef<'_>, cursor: NonZeroU64, elements: usize) -> Option<NonZeroU64> {
        lock(&self.0).go_on(value, cursor, elements)
    }

    fn is_full(&self) -> bool {
        lock(&self.0).is_step_done()
    }
}

/// One thread uses the picture; the lock is there because captures may travel between threads.
fn lock(picture: &Mutex<Picture>) -> MutexGuard<'_, Picture> {
    picture.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keys and expiring keys, the latter at most: a hint for who reads the snapshot.
fn sizes_of(db: &Db, slots: Option<&SlotSet>) -> (u64, u64) {
    let Some(slots) = slots else { return (db.len() as u64, db.expiring_len()) };
    let wanted = (0..SLOT_COUNT as u16).filter(|&slot| slots.contains(slot));
    let keys = wanted.map(|slot| db.slot_len(slot) as u64).sum();
    (keys, db.expiring_len().min(keys))
}

impl Producer {
    /// Starts a snapshot of all databases as they are now, or of some slots of them. `aux` are the fields of its
    /// header, and the sources of function libraries follow. [`Producer::end`] calls it off at any time.
    pub fn start(
        databases: &mut [Db],
        slots: Option<&Arc<SlotSet>>,
        options: RdbWriterOptions,
        (aux, functions): (&[(&str, &str)], &[&[u8]]),
    ) -> Self {
        let mut writer = RdbWriter::new(options);
        let mut bytes = Vec::new();
        writer.header(&mut bytes, aux);
        functions.iter().for_each(|source| writer.function(&mut bytes, source));
        let sizes: Vec<(u64, u64)> =
            databases.iter().map(|db| sizes_of(db, slots.map(Arc::as_ref))).collect();
        let keys_total = sizes.iter().map(|(keys, _)| keys).sum();
        let picture = Arc::new(Mutex::new(Picture {
            writer,
            bytes,
            db: None,
            sizes,
            keys_done: 0,
            work_before: 0,
            bytes_before: 0,
            is_open: false,
            aside: None,
            options,
        }));
        let walks = databases
            .iter_mut()
            .enumerate()
            .filter(|(_, db)| !db.is_empty())
            .map(|(index, db)| {
                (index, db.start_snapshot(slots.cloned(), Box::new(DbCapture(picture.clone()))))
            })
            .collect();
        Producer { picture, walks, is_complete: false, keys_total }
    }

    /// How many keys have been written, and how many there are in all.
    pub fn keys(&self) -> (u64, u64) {
        (lock(&self.picture).keys_done, self.keys_total)
    }

    /// Goes on for a bounded time.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn step(&mut self, databases: &mut [Db], sink: &mut impl SnapshotSink) -> Result<Progress, String> {
        while lock(&self.picture).must_close() {
            self.walk(databases);
        }
        self.hand_over(sink)?;
        self.begin_step();
        while !lock(&self.picture).is_step_done() {
            if self.is_complete {
                return Ok(Progress::Complete);
            }
            if !sink.has_room() {
                return Ok(Progress::Blocked);
            }
            self.walk(databases);
            self.hand_over(sink)?;
        }
        Ok(if self.is_complete { Progress::Complete } else { Progress::More })
    }

    /// Walks a little, or writes the end when nothing is left to walk.
    fn walk(&mut self, databases: &mut [Db]) {
        let Some(&(index, snapshot)) = self.walks.last() else {
            let mut picture = lock(&self.picture);
            let Picture { writer, bytes, .. } = &mut *picture;
            writer.end(bytes);
            self.is_complete = true;
            return;
        };
        if let Some(db) = databases.get_mut(index) {
            if !db.walk_step(snapshot, STEP_KEYS) {
                return;
            }
            db.end_snapshot(snapshot);
        }
        self.walks.pop();
    }

    fn begin_step(&mut self) {
        let mut picture = lock(&self.picture);
        picture.work_before = picture.work();
    }

    fn hand_over(&mut self, sink: &mut impl SnapshotSink) -> Result<(), String> {
        let mut picture = lock(&self.picture);
        if !picture.bytes.is_empty() {
            sink.write(&picture.bytes)?;
            picture.bytes_before += picture.bytes.len() as u64;
            if picture.bytes.capacity() as u64 > 4 * STEP_WORK {
                picture.bytes = Vec::new();
            } else {
                picture.bytes.clear();
            }
        }
        Ok(())
    }

    /// Two databases have exchanged their contents, snapshots included.
    pub fn databases_swapped(&mut self, a: usize, b: usize) {
        for (index, _) in &mut self.walks {
            *index = match *index {
                index if index == a => b,
                index if index == b => a,
                index => index,
            };
        }
    }

    /// Gives the snapshot up, or lets go of a complete one.
    pub fn end(&mut self, databases: &mut [Db]) {
        for (index, snapshot) in self.walks.drain(..) {
            if let Some(db) = databases.get_mut(index) {
                db.end_snapshot(snapshot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::prng::Prng;
    use crate::keyspace::{key_slot, KeyHasher, Ttl};
    use crate::snapshot::{RdbItem, RdbOptions, RdbReader};
    use crate::types::hash::{Hash, HashLimits};
    use crate::types::{Object, ObjectMut, Value};
    use std::collections::HashMap;

    struct Bytes(Vec<u8>);

    impl SnapshotSink for Bytes {
        fn has_room(&self) -> bool {
            true
        }

        fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn database() -> Vec<Db> {
        let mut db = Db::new(0, true, KeyHasher::new(1));
        let mut prng = Prng::new(2);
        for _ in 0..5_000 {
            let name = prng.below(100_000).to_string();
            let key = db.key(name.as_bytes());
            db.set_string(&key, name.as_bytes(), Ttl::Clear, 0);
        }
        vec![db]
    }

    #[test]
    fn chosen_slots_are_the_picture_and_progress_counts_them() {
        let mut databases = database();
        let slots: Arc<SlotSet> = Arc::new((0..3000).collect());
        let mut producer =
            Producer::start(&mut databases, Some(&slots), RdbWriterOptions::default(), (&[], &[]));
        let (mut sink, total) = (Bytes(Vec::new()), producer.keys().1);
        assert!(total > 0 && total < databases[0].len() as u64);
        let mut done = 0;
        while producer.step(&mut databases, &mut sink) == Ok(Progress::More) {
            assert!(producer.keys().0 >= done);
            done = producer.keys().0;
        }
        assert_eq!(producer.keys(), (total, total));
        let mut reader = RdbReader::new(RdbOptions::default());
        reader.feed(&sink.0);
        let mut read = 0;
        while let Some(item) = reader.next_item().expect("the snapshot can be read") {
            match item {
                RdbItem::Entry(entry) => {
                    assert!(key_slot(&entry.key) < 3000);
                    read += 1;
                }
                RdbItem::End => break,
                _ => {}
            }
        }
        assert_eq!(read, total);
    }

    const BIG_LIMITS: HashLimits = HashLimits { packed_entries_max: 8, packed_value_bytes_max: 32, seed: 5 };
    const BIG_FIELDS: usize = 40_000;

    /// 5,000 strings and a few hashes that are many steps long.
    fn with_big_hashes() -> Vec<Db> {
        let mut databases = database();
        for name in ["big:1", "big:2", "big:3"] {
            let mut hash = Hash::new();
            for field in 0..BIG_FIELDS {
                hash.set(field.to_string().as_bytes(), name.as_bytes(), &BIG_LIMITS);
            }
            let key = databases[0].key(name.as_bytes());
            databases[0].set_value(&key, Value::Object(Object::Hash(Box::new(hash))), Ttl::Clear, 0);
        }
        databases
    }

    /// What a snapshot holds: strings with their values, hashes with the number of their fields.
    fn picture_in(bytes: &[u8]) -> HashMap<Vec<u8>, (Vec<u8>, usize)> {
        let mut reader = RdbReader::new(RdbOptions::default());
        reader.feed(bytes);
        let mut picture = HashMap::new();
        while let Some(item) = reader.next_item().expect("the snapshot can be read") {
            match item {
                RdbItem::Entry(entry) => {
                    let seen = match entry.value {
                        Value::Object(Object::Hash(hash)) => (Vec::new(), hash.len()),
                        Value::Int(number) => (number.to_string().into_bytes(), 0),
                        Value::Bytes(bytes) => (bytes, 0),
                        Value::Object(_) => panic!("nothing else was stored"),
                    };
                    assert!(picture.insert(entry.key, seen).is_none(), "an entry came twice");
                }
                RdbItem::End => return picture,
                _ => {}
            }
        }
        panic!("the snapshot has no end")
    }

    /// Snapshots that walk by turns while keys change, a big one among them; gives their pictures and the longest step.
    fn snapshots_while_keys_change(count: usize) -> (Vec<Vec<u8>>, usize) {
        let mut databases = with_big_hashes();
        let mut prng = Prng::new(9);
        let start = |_| Producer::start(&mut databases, None, RdbWriterOptions::default(), (&[], &[]));
        let mut producers: Vec<Producer> = (0..count).map(start).collect();
        let mut sinks: Vec<Bytes> = (0..count).map(|_| Bytes(Vec::new())).collect();
        let (mut longest, mut rounds, mut is_complete) = (0, 0, vec![false; count]);
        while is_complete.contains(&false) {
            for at in 0..count {
                let before = sinks[at].0.len();
                let progress = producers[at].step(&mut databases, &mut sinks[at]);
                is_complete[at] = progress == Ok(Progress::Complete);
                longest = longest.max(sinks[at].0.len() - before);
                let name = prng.below(100_000).to_string();
                let key = databases[0].key(name.as_bytes());
                databases[0].set_string(&key, b"new", Ttl::Clear, 0);
            }
            rounds += 1;
            if rounds % 7 == 0 {
                let key = databases[0].key(b"big:2");
                if let Some(ObjectMut::Hash(hash)) = databases[0].object_mut(&key) {
                    hash.set(b"another field", b"v", &BIG_LIMITS);
                }
            }
        }
        producers.iter_mut().for_each(|producer| producer.end(&mut databases));
        (sinks.into_iter().map(|sink| sink.0).collect(), longest)
    }

    #[test]
    fn big_values_in_parts_are_the_picture_of_the_start() {
        let databases = with_big_hashes();
        for count in 1..=3 {
            for bytes in snapshots_while_keys_change(count).0 {
                let picture = picture_in(&bytes);
                assert_eq!(picture.len(), databases[0].len());
                for (key, (value, fields)) in &picture {
                    match key.starts_with(b"big:") {
                        true => assert_eq!(*fields, BIG_FIELDS),
                        false => assert_eq!(value, key),
                    }
                }
            }
        }
    }

    #[test]
    fn step_is_not_as_long_as_the_biggest_value() {
        let mut databases = with_big_hashes();
        let mut producer = Producer::start(&mut databases, None, RdbWriterOptions::default(), (&[], &[]));
        let (mut sink, mut longest) = (Bytes(Vec::new()), 0);
        while producer.step(&mut databases, &mut sink) == Ok(Progress::More) {
            longest = longest.max(sink.0.len());
            sink.0.clear();
        }
        // The hashes take about 500 kB each.
        assert!(longest < 3 * STEP_WORK as usize, "a step wrote {longest} bytes");
    }

    #[test]
    fn dropped_databases_complete_a_value_that_is_open() {
        let mut databases = with_big_hashes();
        let mut producer = Producer::start(&mut databases, None, RdbWriterOptions::default(), (&[], &[]));
        let mut sink = Bytes(Vec::new());
        let keys = databases[0].len();
        while !lock(&producer.picture).is_open {
            assert_eq!(producer.step(&mut databases, &mut sink), Ok(Progress::More));
        }
        databases[0].clear();
        while producer.step(&mut databases, &mut sink) == Ok(Progress::More) {}
        assert_eq!(picture_in(&sink.0).len(), keys);
        producer.end(&mut databases);
    }

    #[test]
    fn called_off_snapshot_leaves_nothing_behind() {
        let mut databases = database();
        let mut producer = Producer::start(&mut databases, None, RdbWriterOptions::default(), (&[], &[]));
        let mut sink = Bytes(Vec::new());
        assert_eq!(producer.step(&mut databases, &mut sink), Ok(Progress::More));
        producer.end(&mut databases);
        let done = producer.keys().0;
        databases[0].clear();
        assert_eq!(producer.keys().0, done);
    }
}
