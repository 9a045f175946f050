//! The database against a naive model: the same random operations on both, then everything compared.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Plain {
    value: Vec<u8>,
    expire_at_ms: Option<i64>,
}

type Model = BTreeMap<Vec<u8>, Plain>;

fn text(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Int(value) => value.to_string().into_bytes(),
        ValueRef::Bytes(bytes) => bytes.to_vec(),
        _ => unreachable!("the model holds strings"),
    }
}

#[derive(Clone, Default)]
struct Picture(Arc<Mutex<Model>>);

impl Capture for Picture {
    fn entry(&mut self, _db: usize, _slot: u16, key: &[u8], value: ValueRef<'_>, expire_at_ms: Option<i64>) {
        let plain = Plain { value: text(value), expire_at_ms };
        let twice = self.0.lock().unwrap().insert(key.to_vec(), plain);
        assert!(twice.is_none(), "{key:?} was handed out twice");
    }
}

#[derive(Clone, Debug)]
enum Op {
    Set(u16, Vec<u8>, Option<i64>),
    SetKeep(u16, Vec<u8>),
    Append(u16, Vec<u8>),
    Poke(u16),
    Expire(u16, Option<i64>),
    Delete(u16),
    Take(u16),
    Rename(u16, u16),
    Fill(u16, u16),
    Thin(u16, u16),
    ExpireDue(i64),
    DropSlot(u16),
    Clear,
    StartSnapshot,
    Walk(usize),
    StartScan,
    Scan(usize),
    Random(u64),
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        2 => any::<i64>().prop_map(|integer| integer.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 240..300),
        1 => prop::collection::vec(any::<u8>(), 1000..5000),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..5_000_i64, 2 => 0..10_000_000_i64, 1 => any::<i64>()]
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..400_u16;
    prop_oneof![
        8 => (key(), value(), prop::option::of(time())).prop_map(|(k, v, e)| Op::Set(k, v, e)),
        3 => (key(), value()).prop_map(|(k, v)| Op::SetKeep(k, v)),
        4 => (key(), value()).prop_map(|(k, v)| Op::Append(k, v)),
        2 => key().prop_map(Op::Poke),
        4 => (key(), prop::option::of(time())).prop_map(|(k, e)| Op::Expire(k, e)),
        4 => key().prop_map(Op::Delete),
        2 => key().prop_map(Op::Take),
        4 => (key(), key()).prop_map(|(a, b)| Op::Rename(a, b)),
        2 => (0..20_000_u16, 0..MANY).prop_map(|(a, b)| Op::Fill(a, b)),
        2 => (0..20_000_u16, 0..2 * MANY).prop_map(|(a, b)| Op::Thin(a, b)),
        2 => time().prop_map(Op::ExpireDue),
        1 => key().prop_map(Op::DropSlot),
        1 => Just(Op::Clear),
        2 => Just(Op::StartSnapshot),
        6 => (0..300_usize).prop_map(Op::Walk),
        2 => Just(Op::StartScan),
        6 => (1..200_usize).prop_map(Op::Scan),
        1 => any::<u64>().prop_map(Op::Random),
    ]
}

/// Some keys are longer than one length byte, some longer than an entry's capacity can say.
fn key_of(number: u16) -> Vec<u8> {
    let tail = match number % 37 {
        1 => 300,
        2 => 5000,
        _ => 0,
    };
    let mut key = format!("key:{number}").into_bytes();
    key.resize(key.len() + tail, b'x');
    key
}

struct Pair {
    db: Db,
    model: Model,
    now_ms: i64,
    snapshots: Vec<(SnapshotId, Picture, Model)>,
    /// A scan in progress: its cursor, the keys there throughout so far, the keys seen.
    scan: Option<(u64, Model, Model)>,
}

impl Pair {
    fn new(is_cluster: bool) -> Self {
        let db = Db::new(0, is_cluster, KeyHasher::new(7));
        Pair { db, model: Model::new(), now_ms: 0, snapshots: Vec::new(), scan: None }
    }

    fn gone(&mut self, key: &[u8]) {
        self.model.remove(key);
        if let Some((_, throughout, _)) = &mut self.scan {
            throughout.remove(key);
        }
    }

    fn set(&mut self, number: u16, value: &[u8], ttl: Ttl) {
        let key = key_of(number);
        let existed = self.db.set_string(&self.db.key(&key), value, ttl, 3);
        let old = self.model.get(&key).cloned();
        assert_eq!(existed, old.is_some());
        let expire_at_ms = match ttl {
            Ttl::Keep => old.and_then(|old| old.expire_at_ms),
            Ttl::Clear => None,
            Ttl::At(at_ms) => Some(at_ms),
        };
        self.model.insert(key, Plain { value: value.to_vec(), expire_at_ms });
    }

    fn delete(&mut self, number: u16) {
        let key = key_of(number);
        let was_there = self.db.delete(&self.db.key(&key));
        assert_eq!(was_there, self.model.contains_key(&key));
        self.gone(&key);
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Set(key, value, expiry) => self.set(key, &value, expiry.map_or(Ttl::Clear, Ttl::At)),
            Op::SetKeep(key, value) => self.set(key, &value, Ttl::Keep),
            Op::Append(number, more) => {
                let key = key_of(number);
                let length = self.db.update_string(&self.db.key(&key), |text| text.extend_from_slice(&more));
                let plain = self.model.get_mut(&key).map(|plain| {
                    plain.value.extend_from_slice(&more);
                    plain.value.len()
                });
                assert_eq!(length, plain);
            }
            Op::Poke(number) => {
                let key = key_of(number);
                if let Some([.., last]) = self.db.string_bytes_mut(&self.db.key(&key)) {
                    *last ^= 1;
                    let plain = self.model.get_mut(&key).expect("it is in the model");
                    *plain.value.last_mut().expect("it is not empty") ^= 1;
                }
            }
            Op::Expire(number, expiry) => {
                let key = key_of(number);
                let was_there = self.db.set_expiry(&self.db.key(&key), expiry);
                let plain = self.model.get_mut(&key);
                assert_eq!(was_there, plain.is_some());
                if let Some(plain) = plain {
                    plain.expire_at_ms = expiry;
                }
            }
            Op::Delete(number) => self.delete(number),
            Op::Take(number) => {
                let key = key_of(number);
                let taken = self.db.take(&self.db.key(&key)).map(|content| {
                    let value = match content.value {
                        Value::Int(value) => value.to_string().into_bytes(),
                        Value::Bytes(bytes) => bytes,
                        Value::Object(_) => unreachable!("the model holds strings"),
                    };
                    Plain { value, expire_at_ms: content.expire_at_ms }
                });
                assert_eq!(taken, self.model.get(&key).cloned());
                self.gone(&key);
            }
            Op::Rename(from, to) => {
                let (from, to) = (key_of(from), key_of(to));
                let renamed = self.db.rename(&self.db.key(&from), &self.db.key(&to));
                assert_eq!(renamed, self.model.contains_key(&from));
                if let Some(plain) = self.model.get(&from).cloned() {
                    self.gone(&from);
                    self.model.insert(to, plain);
                }
            }
            Op::Fill(from, keys) => (from..from + keys).for_each(|key| self.set(key, b"filler", Ttl::Keep)),
            Op::Thin(from, keys) => (from..from + keys).for_each(|key| self.delete(key)),
            Op::ExpireDue(now_ms) => {
                // A clock that went backwards only delays what is due, which is not looked at here.
                self.now_ms = self.now_ms.max(now_ms);
                let now_ms = self.now_ms;
                let mut key = Vec::new();
                while self.db.next_expired(now_ms, &mut 1_000_000, &mut key) {
                    let plain = self.model.get(&key).expect("it is in the model");
                    assert!(plain.expire_at_ms.is_some_and(|at_ms| at_ms <= now_ms));
                    assert!(self.db.delete(&self.db.key(&key)));
                    self.gone(&key);
                }
                // What is left and due is due within the tick in progress.
                let late =
                    |plain: &Plain| plain.expire_at_ms.is_some_and(|at_ms| at_ms < now_ms.saturating_sub(64));
                assert_eq!(self.model.values().filter(|plain| late(plain)).count(), 0);
            }
            Op::DropSlot(number) => {
                let slot = self.db.key(&key_of(number)).slot;
                let keys: Vec<_> =
                    self.model.keys().filter(|key| self.db.key(key).slot == slot).cloned().collect();
                assert_eq!(self.db.slot_len(slot), keys.len());
                assert_eq!(self.db.drop_slot(slot), keys.len());
                keys.iter().for_each(|key| self.gone(key));
            }
            Op::Clear => {
                assert_eq!(self.db.clear(), self.model.len());
                let keys: Vec<_> = self.model.keys().cloned().collect();
                keys.iter().for_each(|key| self.gone(key));
            }
            Op::StartSnapshot if self.snapshots.len() < 3 => {
                let picture = Picture::default();
                let id = self.db.start_snapshot(None, Box::new(picture.clone()));
                self.snapshots.push((id, picture, self.model.clone()));
            }
            Op::StartSnapshot => {}
            Op::Walk(budget) => {
                if let Some((id, _, _)) = self.snapshots.last() {
                    if self.db.walk_step(*id, budget) {
                        let (id, picture, model) = self.snapshots.pop().expect("there is one");
                        assert!(self.db.end_snapshot(id).is_some());
                        assert!(*picture.0.lock().unwrap() == model, "the picture is not that of the start");
                    }
                }
            }
            Op::StartScan => self.scan = Some((0, self.model.clone(), Model::new())),
            Op::Scan(count) => self.scan_step(count),
            Op::Random(seed) => {
                let found =
                    self.db.random(&mut crate::base::prng::Prng::new(seed)).map(|entry| entry.key().to_vec());
                assert_eq!(found.is_some(), !self.model.is_empty());
                assert!(found.is_none_or(|key| self.model.contains_key(&key)));
            }
        }
    }

    fn scan_step(&mut self, count: usize) {
        let Some((cursor, throughout, mut seen)) = self.scan.take() else { return };
        let next = self.db.scan(cursor, count, |entry| {
            let plain = Plain { value: text(entry.value()), expire_at_ms: entry.expire_at_ms() };
            seen.insert(entry.key().to_vec(), plain);
        });
        if next == 0 {
            let missed = throughout.keys().filter(|key| !seen.contains_key(*key)).count();
            assert_eq!(missed, 0, "keys that were there throughout were missed");
        } else {
            self.scan = Some((next, throughout, seen));
        }
    }

    fn compare(&mut self) {
        while !self.snapshots.is_empty() {
            self.apply(Op::Walk(50));
        }
        while self.scan.is_some() {
            self.scan_step(100);
        }
        assert_eq!(self.db.len(), self.model.len());
        let mut found = Model::new();
        self.db.for_each(|entry| {
            let plain = Plain { value: text(entry.value()), expire_at_ms: entry.expire_at_ms() };
            assert!(found.insert(entry.key().to_vec(), plain).is_none());
            std::ops::ControlFlow::Continue(())
        });
        assert!(found == self.model, "the contents differ");
        let expiries: Vec<i64> = self.model.values().filter_map(|plain| plain.expire_at_ms).collect();
        assert_eq!(self.db.expiring_len(), expiries.len() as u64);
        let sum: i128 = expiries.iter().map(|&at_ms| i128::from(at_ms)).sum();
        let average = sum.checked_div(expiries.len() as i128).unwrap_or(0).max(0) as i64;
        assert_eq!(self.db.average_ttl_ms(0), average);
        for key in self.model.keys() {
            assert!(self.db.contains(&self.db.key(key)));
        }
    }
}

/// Keys that one operation adds at most. Miri is some hundred times slower.
const MANY: u16 = if cfg!(miri) { 50 } else { 1500 };
const CASES: u32 = if cfg!(miri) { 3 } else { 120 };
const OPS: usize = if cfg!(miri) { 30 } else { 150 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_the_model_does(is_cluster: bool, ops in prop::collection::vec(op(), 1..OPS)) {
        let mut pair = Pair::new(is_cluster);
        for op in ops {
            pair.apply(op);
        }
        pair.compare();
    }
}

#[test]
fn it_grows_and_shrinks_with_every_key_in_place() {
    let keys: u16 = if cfg!(miri) { 250 } else { 60_000 };
    let mut pair = Pair::new(false);
    let mut low = 0;
    pair.apply(Op::StartScan);
    for number in 0..keys {
        pair.set(number, b"value", Ttl::Clear);
        if number % 100 == 0 {
            pair.scan_step(30);
        }
    }
    pair.apply(Op::StartScan);
    pair.apply(Op::StartSnapshot);
    for number in 0..keys - 5 {
        pair.delete(number);
        if number % 100 == 0 {
            pair.scan_step(30);
        }
        low = low.max(pair.db.overhead_bytes());
    }
    pair.compare();
    assert_eq!(pair.db.len(), 5);
    assert!(pair.db.overhead_bytes() * 4 < low, "the table shrinks");
}

#[test]
#[cfg_attr(miri, ignore = "slow")]
fn removed_expiries_leave_nothing_behind() {
    let mut db = Db::new(0, true, KeyHasher::new(1));
    for round in 0..20_i64 {
        for number in 0..2000_u16 {
            let key = key_of(number);
            let key = db.key(&key);
            db.set_string(&key, b"x", Ttl::At(1_000_000 + round * 50_000), 0);
            db.set_expiry(&key, Some(500_000));
            db.set_expiry(&key, None);
            db.set_expiry(&key, Some(10_000_000));
        }
        (0..SLOT_COUNT as u16).for_each(|slot| {
            db.drop_slot(slot);
        });
        assert_eq!((db.len(), db.expiring_len()), (0, 0));
        let _ = db.next_expired(0, &mut 100_000, &mut Vec::new());
    }
    // Twenty rounds of 2,000 keys were dropped with their slots; the sweep keeps what stays behind small.
    assert!(db.overhead_bytes() < SLOT_COUNT * 8 + 200_000, "{}", db.overhead_bytes());
}

#[test]
#[cfg_attr(miri, ignore = "slow")]
fn random_keys_are_spread() {
    for is_cluster in [false, true] {
        let mut db = Db::new(0, is_cluster, KeyHasher::new(5));
        for number in 0..500_u32 {
            let key = number.to_string();
            db.set_string(&db.key(key.as_bytes()), b"x", Ttl::Clear, 0);
        }
        let mut prng = crate::base::prng::Prng::new(11);
        let mut drawn: HashMap<Vec<u8>, u32> = HashMap::new();
        for _ in 0..50_000 {
            *drawn.entry(db.random(&mut prng).expect("there are keys").key().to_vec()).or_default() += 1;
        }
        assert_eq!(drawn.len(), 500, "every key is drawn");
        assert!(drawn.values().all(|&times| (20..400).contains(&times)), "none much more often than others");
    }
}

#[test]
fn a_snapshot_sees_what_a_flush_removes_and_a_later_one_does_not() {
    let mut db = Db::new(3, false, KeyHasher::new(5));
    let keys = if cfg!(miri) { 1000 } else { 3000 };
    for number in 0..keys as u32 {
        db.set_string(&db.key(number.to_string().as_bytes()), b"x", Ttl::Clear, 0);
    }
    let (first, second) = (Picture::default(), Picture::default());
    let first_id = db.start_snapshot(None, Box::new(first.clone()));
    assert!(!db.walk_step(first_id, 10));
    assert_eq!(db.clear(), keys as usize);
    db.set_string(&db.key(b"new"), b"y", Ttl::Clear, 0);
    let second_id = db.start_snapshot(None, Box::new(second.clone()));
    while !db.walk_step(second_id, 100) {}
    while !db.walk_step(first_id, 100) {}
    assert_eq!(first.0.lock().unwrap().len(), keys as usize);
    assert_eq!(second.0.lock().unwrap().keys().collect::<Vec<_>>(), [b"new"]);
    db.end_snapshot(first_id);
    db.end_snapshot(second_id);
    assert!(db.has_garbage());
}

#[test]
fn encodings_are_named_by_redis_rules() {
    let mut db = Db::new(0, false, KeyHasher::new(5));
    let name = |db: &Db| db.get(&db.key(b"k")).expect("it is there").encoding();
    for (value, encoding) in [
        (&b"1234567890"[..], "int"),
        (b"-9223372036854775808", "int"),
        (b"9223372036854775808", "embstr"),
        (b"01", "embstr"),
        (b"", "embstr"),
        (&[b'a'; 44], "embstr"),
        (&[b'a'; 45], "raw"),
        (&[b'a'; 4500], "raw"),
    ] {
        db.set_string(&db.key(b"k"), value, Ttl::Clear, 0);
        assert_eq!(name(&db), encoding);
    }
    db.set_string(&db.key(b"k"), b"1", Ttl::Clear, 0);
    db.update_string(&db.key(b"k"), |text| text.push(b'2'));
    assert_eq!(name(&db), "raw");
    db.set_expiry(&db.key(b"k"), Some(5));
    assert_eq!(name(&db), "raw");
    db.set_string(&db.key(b"k"), b"abc", Ttl::Clear, 0);
    assert_eq!(name(&db), "embstr");
}

#[test]
#[cfg_attr(miri, ignore = "slow")]
fn cursors_from_outside_are_harmless() {
    let mut db = Db::new(0, true, KeyHasher::new(5));
    db.set_string(&db.key(b"k"), b"v", Ttl::Clear, 0);
    let mut prng = crate::base::prng::Prng::new(3);
    for _ in 0..10_000 {
        let cursor = prng.next_u64() >> prng.below(64);
        db.scan(cursor, 10, |_| {});
    }
    db.scan(u64::MAX, 10, |_| {});
}
