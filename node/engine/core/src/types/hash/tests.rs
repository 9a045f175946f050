//! The hash against the standard library's table, in both forms.

use super::*;
use crate::formats::packed::PackedList;
use crate::testing::Bench;
use crate::types::Collection;
use proptest::prelude::*;
use std::collections::HashMap;

fn spelled(hash: &Hash) -> HashMap<Vec<u8>, Vec<u8>> {
    hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

#[test]
fn leaves_the_packed_form_as_the_peers_do() {
    let limits = HashLimits::default();
    let mut many = Hash::new();
    for number in 0..512 {
        many.set(number.to_string().as_bytes(), b"1", &limits);
    }
    assert_eq!(many.encoding(), "listpack");
    many.set(b"one more", b"1", &limits);
    assert_eq!((many.encoding(), many.len()), ("hashtable", 513));
    let mut long = Hash::new();
    long.set(b"f", &[b'x'; 64], &limits);
    assert_eq!(long.encoding(), "listpack");
    long.set(b"f", &[b'x'; 65], &limits);
    assert_eq!((long.encoding(), long.len()), ("hashtable", 1));
}

#[test]
fn a_list_that_is_no_hash_is_refused() {
    let limits = HashLimits { packed_entries_max: 2, ..HashLimits::default() };
    let hash = |texts: &[&str]| {
        let mut list = PackedList::new();
        texts.iter().for_each(|text| list.push(text.as_bytes()));
        Hash::from_packed(list, &limits)
    };
    assert!(hash(&["a"]).is_none());
    assert!(hash(&["a", "1", "a", "2"]).is_none());
    assert!(hash(&["a", "1", "b", "2", "a", "3"]).is_none());
    assert_eq!(hash(&["a", "1", "b", "2"]).unwrap().encoding(), "listpack");
    assert_eq!(hash(&["a", "1", "b", "2", "c", "3"]).unwrap().encoding(), "hashtable");
}

#[derive(Debug, Clone)]
enum Change {
    Set(String, String),
    Remove(String),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => ("[a-d0-9]{1,2}", "[a-z]{0,12}|-?[0-9]{1,10}").prop_map(|(field, value)| Change::Set(field, value)),
        1 => "[a-d0-9]{1,2}".prop_map(Change::Remove),
    ]
}

proptest! {
    #[test]
    fn behaves_like_the_standard_table(changes in prop::collection::vec(change(), 0..200),
        entries_max in prop_oneof![Just(0_usize), Just(20), Just(1000)]) {
        let limits = HashLimits { packed_entries_max: entries_max, packed_value_bytes_max: 10, seed: 3 };
        let (mut hash, mut model) = (Hash::new(), HashMap::new());
        for change in changes {
            match change {
                Change::Set(field, value) => {
                    let new = model.insert(field.clone().into_bytes(), value.clone().into_bytes()).is_none();
                    prop_assert_eq!(hash.set(field.as_bytes(), value.as_bytes(), &limits), new);
                    prop_assert_eq!(hash.get(field.as_bytes()).unwrap().to_vec(), value.into_bytes());
                }
                Change::Remove(field) => {
                    let there = model.remove(field.as_bytes()).is_some();
                    prop_assert_eq!(hash.contains(field.as_bytes()), there);
                    prop_assert_eq!(hash.remove(field.as_bytes()), there);
                }
            }
        }
        prop_assert_eq!(hash.len(), model.len());
        prop_assert_eq!(spelled(&hash), model.clone());
        let mut scanned = HashMap::new();
        let mut cursor = 0;
        loop {
            cursor = hash.scan(cursor, 5, |field, value| { scanned.insert(field.to_vec(), value.to_vec()); });
            if cursor == 0 {
                break;
            }
        }
        prop_assert_eq!(&scanned, &model);
        let mut number = 0_u64;
        let drawn = hash.random(&mut || { number += 0x9e37_79b9_7f4a; number });
        prop_assert_eq!(drawn.map(|(field, value)| model.get(&field.to_vec()) == Some(&value.to_vec())),
            (!model.is_empty()).then_some(true));
    }
}

#[test]
fn rebuild_commands_make_an_equal_hash() {
    let mut bench = Bench::new(&[("enable-debug-command", "yes")]);
    let client = bench.client();
    let mut hash = Hash::new();
    for number in 0..700_u32 {
        hash.set(&number.to_be_bytes(), format!("value {number}").as_bytes(), &HashLimits::default());
        bench.call(client, &[b"HSET", b"k", &number.to_be_bytes(), format!("value {number}").as_bytes()]);
    }
    let expected = bench.say(client, "DEBUG DIGEST-VALUE k");
    bench.say(client, "DEL k");
    let mut commands: Vec<Vec<Vec<u8>>> = Vec::new();
    hash.rebuild(b"k", &mut |args| commands.push(args.iter().map(|arg| arg.to_vec()).collect()));
    assert_eq!(commands.len(), 700_usize.div_ceil(64));
    for command in &commands {
        bench.call(client, &command.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    assert_eq!(bench.say(client, "DEBUG DIGEST-VALUE k"), expected);
}

#[derive(Debug, Clone)]
enum DueChange {
    Set(u8, bool),
    Due(u8, i64),
    Clear(u8),
    Remove(u8),
    Expire(i64),
}

fn due_change() -> impl Strategy<Value = DueChange> {
    let field = 0_u8..20;
    prop_oneof![
        (field.clone(), any::<bool>()).prop_map(|(field, keeps)| DueChange::Set(field, keeps)),
        (field.clone(), 1_i64..1000).prop_map(|(field, at)| DueChange::Due(field, at)),
        field.clone().prop_map(DueChange::Clear),
        field.prop_map(DueChange::Remove),
        (0_i64..600).prop_map(DueChange::Expire),
    ]
}

proptest! {
    /// The model is a table from fields to their times.
    #[test]
    fn times_of_fields_behave_like_a_table(changes in prop::collection::vec(due_change(), 0..120),
        entries_max in prop_oneof![Just(0_usize), Just(1000)]) {
        let limits = HashLimits { packed_entries_max: entries_max, packed_value_bytes_max: 64, seed: 3 };
        let (mut hash, mut model) = (Hash::new(), HashMap::<u8, Option<i64>>::new());
        for change in changes {
            match change {
                DueChange::Set(field, true) => {
                    hash.set_value(&[field], b"v", &limits);
                    model.entry(field).or_insert(None);
                }
                DueChange::Set(field, false) => {
                    hash.set(&[field], b"v", &limits);
                    model.insert(field, None);
                }
                DueChange::Due(field, at) if model.contains_key(&field) => {
                    hash.set_due(&[field], at, &limits);
                    model.insert(field, Some(at));
                }
                DueChange::Clear(field) if model.contains_key(&field) => {
                    let old = model.insert(field, None).flatten();
                    prop_assert_eq!(hash.clear_due(&[field]), old.is_some());
                }
                DueChange::Due(..) | DueChange::Clear(_) => {}
                DueChange::Remove(field) => {
                    prop_assert_eq!(hash.remove(&[field]), model.remove(&field).is_some());
                }
                DueChange::Expire(now) => {
                    let live = live::Live::new(&hash, now);
                    let is_live = |due: &Option<i64>| due.is_none_or(|due| due > now);
                    prop_assert_eq!(live.len(), model.values().filter(|due| is_live(due)).count());
                    for (field, due) in &model {
                        prop_assert_eq!(live.contains(&[*field]), is_live(due));
                    }
                    while let Some(field) = hash.next_expired(now).map(<[u8]>::to_vec) {
                        hash.remove(&field);
                    }
                    model.retain(|_, due| is_live(due));
                }
            }
            prop_assert_eq!(hash.len(), model.len());
            prop_assert_eq!(hash.next_due(), model.values().flatten().min().copied());
            prop_assert_eq!(hash.has_dues(), model.values().any(Option::is_some));
        }
        for (field, due) in &model {
            prop_assert_eq!(hash.due(&[*field]), *due);
        }
        if hash.is_empty() {
            return Ok(());
        }
        let mut payload = Vec::new();
        crate::snapshot::payload::dump(&mut payload, crate::keyspace::ValueRef::Hash(&hash), &mut None);
        let options = crate::snapshot::RdbOptions::default();
        let restored = crate::snapshot::payload::restore(&payload, &options).unwrap();
        let crate::keyspace::ValueRef::Hash(copy) = restored.as_value() else { panic!("it is a hash") };
        prop_assert_eq!(spelled(copy), spelled(&hash));
        for field in model.keys() {
            prop_assert_eq!(copy.due(&[*field]), hash.due(&[*field]));
        }
    }
}

#[test]
fn forms_of_the_peers_with_times_are_read() {
    use crate::formats::rdb::Input;
    let limits = HashLimits::default();
    let read = |code: u8, is_valkey: bool, bytes: &[u8]| {
        let mut reader = Hash::rdb_reader(code, is_valkey).unwrap().unwrap();
        let hash = Hash::read_rdb(&mut reader, &mut Input::new(bytes, 1 << 20), &limits).unwrap();
        (hash.due(b"a"), hash.due(b"b"), hash.len())
    };
    let first = 1_000_i64.to_le_bytes();
    let before = [&first[..], b"\x02\x06\x01a\x011\x00\x01b\x012"].concat();
    assert_eq!(read(24, false, &before), (Some(1_005), None, 2));
    let (none, due) = ((-1_i64).to_le_bytes(), 1_005_i64.to_le_bytes());
    let behind = [&b"\x02\x01a\x011"[..], &due, b"\x01b\x012", &none].concat();
    assert_eq!(read(22, true, &behind), (Some(1_005), None, 2));
    let mut list = PackedList::new();
    ["a", "1", "1005", "b", "2", "0"].iter().for_each(|text| list.push(text.as_bytes()));
    let packed = [&first[..], &[list.as_bytes().len() as u8], list.as_bytes()].concat();
    assert_eq!(read(25, false, &packed), (Some(1_005), None, 2));
}

#[test]
fn fields_expire_wherever_their_key_goes() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    for line in [
        "HSET h a 1 b 2",
        "HPEXPIRE h 100 FIELDS 1 a",
        "RENAME h moved",
        "COPY moved copy",
        "COPY moved other DB 1",
        "HSET gone a 1",
        "HPEXPIRE gone 50 FIELDS 1 a",
        "DEL gone",
        "HSET over a 1",
        "HPEXPIRE over 50 FIELDS 1 a",
        "SET over text",
        "SWAPDB 0 1",
    ] {
        assert!(!bench.say(client, line).starts_with('-'), "{line}");
    }
    bench.advance(100);
    bench.engine.expire_some();
    bench.say(client, "SELECT 1");
    assert_eq!(bench.say(client, "HGETALL moved"), "*2 $1 b $1 2");
    assert_eq!(bench.say(client, "HLEN copy"), ":1");
    assert_eq!(bench.say(client, "GET over"), "$4 text");
    bench.say(client, "SELECT 0");
    assert_eq!(bench.say(client, "HLEN other"), ":1");
    bench.say(client, "HPEXPIRE other 5 FIELDS 1 b");
    bench.advance(5);
    bench.engine.expire_some();
    assert_eq!(bench.say(client, "DBSIZE"), ":0");
}
