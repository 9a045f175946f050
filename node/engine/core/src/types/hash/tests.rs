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
