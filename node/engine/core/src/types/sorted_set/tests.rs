//! The sorted set against a sorted vector, in both forms; hostile payloads; waiting.

use super::*;
use crate::formats::packed::PackedList;
use crate::testing::Bench;
use crate::types::Collection;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn small() -> SortedSetLimits {
    SortedSetLimits { packed_entries_max: 6, packed_value_bytes_max: 20, seed: 3 }
}

/// The naive form: a list of scores and members, in order.
fn model_of(scores: &BTreeMap<Vec<u8>, f64>) -> Vec<(f64, Vec<u8>)> {
    let mut list: Vec<_> = scores.iter().map(|(member, score)| (*score, member.clone())).collect();
    list.sort_by(|one, other| one.partial_cmp(other).expect("no score is NaN"));
    list
}

fn spelled(elements: Iter<'_>) -> Vec<(f64, Vec<u8>)> {
    elements.map(|(member, score)| (score, member.to_vec())).collect()
}

#[derive(Debug, Clone)]
enum Change {
    Insert(String, f64),
    Remove(String),
    RemoveFirst(usize),
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-5_i32..5).prop_map(f64::from),
        2 => (-50_000_i32..50_000).prop_map(|number| f64::from(number) / 8.0),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(0.0), Just(1e300), Just(1e15)],
    ]
}

fn member() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-f]{1,3}", 2 => "-?[1-9][0-9]{0,2}", 1 => "[xy]{20,60}", 1 => "z{250,260}|w{2000}"]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        12 => (member(), score()).prop_map(|(member, score)| Change::Insert(member, score)),
        4 => member().prop_map(Change::Remove),
        1 => (0..40_usize).prop_map(Change::RemoveFirst),
    ]
}

proptest! {
    #[test]
    fn behaves_like_a_sorted_list(changes in prop::collection::vec(change(), 0..400),
        packed_entries_max in prop_oneof![Just(0_usize), Just(6), Just(1000)],
        edge_score in score(), edge_member in member()) {
        let limits = SortedSetLimits { packed_entries_max, ..small() };
        let (mut set, mut model) = (SortedSet::new(), BTreeMap::new());
        for change in changes {
            match change {
                Change::Insert(member, score) => {
                    let old = model.insert(member.clone().into_bytes(), score);
                    prop_assert_eq!(set.insert(member.as_bytes(), score, &limits), old);
                }
                Change::Remove(member) => {
                    prop_assert_eq!(set.score(member.as_bytes()), model.get(member.as_bytes()).copied());
                    prop_assert_eq!(set.remove(member.as_bytes()), model.remove(member.as_bytes()));
                }
                Change::RemoveFirst(count) => {
                    for (_, member) in model_of(&model).into_iter().take(count) {
                        prop_assert!(set.remove(&member).is_some());
                        model.remove(&member);
                    }
                }
            }
            prop_assert_eq!(set.len(), model.len());
        }
        set.check();
        set.clone().check();
        let list = model_of(&model);
        prop_assert_eq!(&spelled(set.iter()), &list);
        for rank in [0, list.len() / 3, list.len().saturating_sub(1), list.len()] {
            prop_assert_eq!(&spelled(set.ascend(rank))[..], &list[rank.min(list.len())..]);
            let mut down = spelled(set.descend(rank));
            down.reverse();
            prop_assert_eq!(&down[..], if rank < list.len() { &list[..=rank] } else { &[] });
        }
        let edges = [
            Edge::Start, Edge::End, Edge::BeforeScore(edge_score), Edge::BehindScore(edge_score),
            Edge::Element(edge_score, edge_member.as_bytes()),
        ];
        for edge in edges {
            let before = list.iter().filter(|(score, member)| edge.is_behind(*score, || member)).count();
            prop_assert_eq!(set.rank(edge), before, "{:?}", edge);
        }
        let (mut scanned, mut cursor) = (BTreeMap::new(), 0);
        loop {
            cursor = set.scan(cursor, 5, |member, score| { scanned.insert(member.to_vec(), score); });
            if cursor == 0 {
                break;
            }
        }
        prop_assert_eq!(&scanned, &model);
        let mut number = 0_u64;
        let drawn = set.random(&mut || { number += 0x9e37_79b9_7f4a; number });
        let is_right = drawn.map(|(member, score)| model.get(&member.to_vec()) == Some(&score));
        prop_assert_eq!(is_right, (!model.is_empty()).then_some(true));
    }

    #[test]
    fn members_of_one_score_are_ordered_by_name(names in prop::collection::btree_set("[a-z]{1,4}", 0..300),
        edge in "[a-z]{0,4}") {
        let mut set = SortedSet::new();
        for name in &names {
            set.insert(name.as_bytes(), 0.0, &small());
        }
        let before = names.iter().filter(|name| **name < edge).count();
        let with = names.iter().filter(|name| **name <= edge).count();
        prop_assert_eq!(set.rank(Edge::BeforeMember(edge.as_bytes())), before);
        prop_assert_eq!(set.rank(Edge::BehindMember(edge.as_bytes())), with);
    }
}

#[test]
fn a_tree_of_many_grows_and_shrinks_in_any_order() {
    let limits = small();
    let mut set = SortedSet::new();
    let shuffled = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 100_003;
    for number in 0..20_000_u64 {
        set.insert(format!("member:{number}").as_bytes(), shuffled(number) as f64, &limits);
    }
    set.check();
    assert!(set.free_effort() > 300);
    let bytes = set.memory_bytes() / set.len();
    assert!(bytes <= 60, "{bytes} bytes for each member");
    for number in 0..20_000_u64 {
        let name = format!("member:{number}");
        let score = set.score(name.as_bytes()).unwrap();
        assert_eq!(set.ascend(set.rank(Edge::Element(score, name.as_bytes()))).next().unwrap().1, score);
        assert_eq!(set.remove(name.as_bytes()), Some(score));
        if number % 1000 == 0 {
            set.check();
        }
    }
    assert!(set.is_empty());
    set.check();
}

#[test]
fn ascending_scores_fill_their_leaves() {
    let mut set = SortedSet::new();
    for number in 0..10_000_u32 {
        set.insert(format!("member:{number:09}").as_bytes(), f64::from(number), &small());
    }
    assert!(set.free_effort() < 1_700, "{} allocations", set.free_effort());
}

#[test]
fn leaves_the_packed_form_as_the_peers_do() {
    let limits = SortedSetLimits::default();
    let mut many = SortedSet::new();
    for number in 0..128 {
        many.insert(number.to_string().as_bytes(), 1.0, &limits);
    }
    many.insert(b"5", 2.0, &limits);
    assert_eq!(many.encoding(), "listpack");
    many.insert(b"one more", 1.0, &limits);
    assert_eq!((many.encoding(), many.len()), ("skiplist", 129));
    let mut long = SortedSet::new();
    long.insert(&[b'x'; 64], 1.0, &limits);
    assert_eq!(long.encoding(), "listpack");
    long.insert(&[b'x'; 65], 1.0, &limits);
    assert_eq!((long.encoding(), long.len()), ("skiplist", 2));
}

#[test]
fn damaged_lists_are_refused_and_unordered_ones_put_in_order() {
    let set = |texts: &[&str]| {
        let mut list = PackedList::new();
        texts.iter().for_each(|text| list.push(text.as_bytes()));
        SortedSet::from_packed(list, &small())
    };
    assert!(set(&["a"]).is_none());
    assert!(set(&["a", "x"]).is_none());
    assert!(set(&["a", "nan"]).is_none());
    assert!(set(&["a", "1", "a", "2"]).is_none());
    assert_eq!(
        spelled(set(&["a", "inf", "b", "1.5"]).unwrap().iter()),
        [(1.5, b"b".to_vec()), (f64::INFINITY, b"a".to_vec())]
    );
}

#[test]
fn rebuild_commands_make_an_equal_sorted_set() {
    let mut bench = Bench::new(&[("enable-debug-command", "yes")]);
    let client = bench.client();
    let mut set = SortedSet::new();
    for number in 0..200_u32 {
        let (member, score) = (format!("m{number}"), f64::from(number) / 7.0);
        set.insert(member.as_bytes(), score, &SortedSetLimits::default());
        bench.call(client, &[b"ZADD", b"k", score.to_string().as_bytes(), member.as_bytes()]);
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
fn who_waits_first_is_served_first() {
    let mut bench = Bench::new(&[]);
    let (first, second, third) = (bench.client(), bench.client(), bench.client());
    assert_eq!(bench.say(first, "BZPOPMIN a b 0"), "");
    assert_eq!(bench.say(second, "BZMPOP 0 1 b MAX COUNT 2"), "");
    assert_eq!(bench.say(third, "ZADD b 1 x 2 y 3 z"), ":3");
    assert_eq!(bench.heard(first), "*3 $1 b $1 x $1 1");
    assert_eq!(bench.heard(second), "*2 $1 b *2 *2 $1 z $1 3 *2 $1 y $1 2");
    assert_eq!(bench.say(third, "EXISTS b"), ":0");
}
