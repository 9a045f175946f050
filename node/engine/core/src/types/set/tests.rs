//! The set against the standard library's, in all forms.

use super::int_set::IntSet;
use super::*;
use crate::formats::packed::PackedList;
use crate::testing::Bench;
use crate::types::Collection;
use proptest::prelude::*;
use std::collections::BTreeSet;

const LIMITS: SetLimits =
    SetLimits { ints_max: 5, packed_entries_max: 4, packed_value_bytes_max: 6, seed: 3 };

fn spelled(set: &Set) -> BTreeSet<Vec<u8>> {
    set.iter().map(|member| member.to_vec()).collect()
}

#[test]
fn each_form_gives_way_where_the_peers_do() {
    let grown = |members: &[&str]| {
        let mut set = Set::new();
        members.iter().for_each(|member| assert!(set.add(member.as_bytes(), &LIMITS)));
        assert_eq!(set.len(), members.len());
        set.encoding()
    };
    assert_eq!(grown(&["1", "-2", "3", "4", "5"]), "intset");
    assert_eq!(grown(&["1", "-2", "3", "4", "5", "6"]), "hashtable");
    assert_eq!(grown(&["1", "2", "x", "01"]), "listpack");
    assert_eq!(grown(&["1", "2", "3", "4", "x"]), "hashtable");
    assert_eq!(grown(&["a", "b", "c", "d", "e"]), "hashtable");
    assert_eq!(grown(&["1", "seven b"]), "hashtable");
    assert_eq!(grown(&["1234567", "x"]), "hashtable");
}

#[test]
fn damaged_forms_are_refused() {
    let mut twice = PackedList::new();
    twice.push(b"a");
    twice.push(b"a");
    assert!(Set::from_packed(twice, &LIMITS).is_none());
    assert!(IntSet::from_bytes(b"\x02\0\0\0\x02\0\0\0\x01\0\x01\0".to_vec()).is_err());
    assert!(IntSet::from_bytes(b"\0\0\0\0\x02\0\0\0".to_vec()).is_err());
}

#[derive(Debug, Clone)]
enum Change {
    Add(String),
    Remove(String),
}

fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "-?[1-9][0-9]{0,1}",
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => "[a-c]{0,2}",
        1 => "x{5,9}",
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![2 => member().prop_map(Change::Add), 1 => member().prop_map(Change::Remove)]
}

proptest! {
    #[test]
    fn behaves_like_the_standard_set(changes in prop::collection::vec(change(), 0..120),
        ints_max in prop_oneof![Just(0_usize), Just(5), Just(1000)],
        packed_entries_max in prop_oneof![Just(0_usize), Just(4), Just(1000)]) {
        let limits = SetLimits { ints_max, packed_entries_max, ..LIMITS };
        let (mut set, mut model) = (Set::new(), BTreeSet::new());
        for change in changes {
            match change {
                Change::Add(member) => {
                    prop_assert_eq!(set.add(member.as_bytes(), &limits), model.insert(member.clone().into_bytes()));
                    prop_assert!(set.contains(member.as_bytes()));
                }
                Change::Remove(member) => {
                    prop_assert_eq!(set.contains(member.as_bytes()), model.contains(member.as_bytes()));
                    prop_assert_eq!(set.remove(member.as_bytes()), model.remove(member.as_bytes()));
                }
            }
            prop_assert_eq!(set.len(), model.len());
        }
        prop_assert_eq!(spelled(&set), model.clone());
        if let Some(ints) = set.as_ints() {
            prop_assert!(IntSet::from_bytes(ints.as_bytes().to_vec()).is_ok());
        }
        let (mut scanned, mut cursor) = (BTreeSet::new(), 0);
        loop {
            cursor = set.scan(cursor, 3, |member| { scanned.insert(member.to_vec()); });
            if cursor == 0 {
                break;
            }
        }
        prop_assert_eq!(&scanned, &model);
        let mut number = 0_u64;
        let drawn = set.random(&mut || { number += 0x9e37_79b9_7f4a; number });
        prop_assert_eq!(drawn.map(|member| model.contains(&member.to_vec())), (!model.is_empty()).then_some(true));
    }
}

#[test]
fn rebuild_commands_make_an_equal_set() {
    let mut bench = Bench::new(&[("enable-debug-command", "yes")]);
    let client = bench.client();
    let mut set = Set::new();
    for number in 0..200_u32 {
        set.add(&number.to_be_bytes(), &SetLimits::default());
        bench.call(client, &[b"SADD", b"k", &number.to_be_bytes()]);
    }
    let expected = bench.say(client, "DEBUG DIGEST-VALUE k");
    bench.say(client, "DEL k");
    let mut commands: Vec<Vec<Vec<u8>>> = Vec::new();
    set.rebuild(b"k", &mut |args| commands.push(args.iter().map(|arg| arg.to_vec()).collect()));
    assert_eq!(commands.len(), 200_usize.div_ceil(64));
    for command in &commands {
        bench.call(client, &command.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    assert_eq!(bench.say(client, "DEBUG DIGEST-VALUE k"), expected);
}

#[test]
fn random_removals_are_replicated_as_removals() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    bench.say(client, "SADD k a b c");
    let popped = bench.say(client, "SPOP k 2");
    assert!(popped.starts_with("*2"), "{popped}");
    assert_eq!(bench.say(client, "SCARD k"), ":1");
    assert!(bench.say(client, "SPOP k 5").starts_with("*1"));
    assert_eq!(bench.say(client, "EXISTS k"), ":0");
}
