//! The field table against the standard library's, and SCAN's promise under change.

use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn field(number: u32) -> Vec<u8> {
    format!("field:{number}").into_bytes()
}

fn filled(fields: u32) -> FieldTable {
    let mut table = FieldTable::new(1);
    for number in 0..fields {
        assert!(table.insert(&field(number), &number.to_be_bytes()));
    }
    table
}

/// A generator that is good enough for drawing.
fn numbers() -> impl FnMut() -> u64 {
    let mut state = 0_u64;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 27
    }
}

#[test]
fn grows_and_shrinks_and_keeps_its_account() {
    let mut table = filled(20_000);
    assert_eq!(table.len(), 20_000);
    assert!(table.free_effort() > 1_000);
    for number in 0..20_000 {
        assert_eq!(table.get(&field(number)), Some(&number.to_be_bytes()[..]));
    }
    for number in 0..20_000 {
        assert!(table.remove(&field(number)));
        assert!(!table.remove(&field(number)));
    }
    assert!(table.is_empty());
    assert_eq!((table.buckets, table.segments.len()), (1, 1));
    let left: usize = (0..table.buckets).map(|index| table.bucket(index).heap_bytes()).sum();
    assert_eq!(table.heap_bytes, left);
}

#[test]
fn a_short_entry_costs_about_its_bytes() {
    let mut table = FieldTable::new(7);
    for number in 0..100_000 {
        table.insert(format!("f{number:015}").as_bytes(), format!("v{number:015}").as_bytes());
    }
    let each = table.memory_bytes() as f64 / 100_000.0;
    assert!(each < 46.0, "{each}");
}

#[test]
fn table_of_the_size_expected_is_like_one_that_grew() {
    for fields in [0, 1, 9, 10, 11, 5_000, 50_000] {
        let (grown, mut table) = (filled(fields), FieldTable::with_capacity(1, fields as usize));
        let buckets = table.buckets;
        for number in 0..fields {
            assert!(table.insert_expected(&field(number), &number.to_be_bytes()));
            assert!(!table.insert_expected(&field(number), &number.to_be_bytes()));
        }
        assert_eq!((table.len(), table.buckets), (grown.len(), buckets));
        assert!(grown.iter().all(|(field, value)| table.get(field) == Some(value)));
        let left: usize = (0..table.buckets).map(|index| table.bucket(index).heap_bytes()).sum();
        assert_eq!(table.heap_bytes, left);
        // A table of few buckets may have one that is less full than expected.
        let (more, of_grown) = (table.memory_bytes() as f64, grown.memory_bytes() as f64);
        assert!(more <= of_grown * if fields >= 5_000 { 1.02 } else { 1.5 }, "{fields}: {more} {of_grown}");
        (0..fields).for_each(|number| assert!(table.remove(&field(number))));
        assert!(table.is_empty());
    }
}

#[test]
fn drawing_is_fair() {
    let table = filled(100);
    let mut random = numbers();
    let mut drawn = HashMap::new();
    for _ in 0..100_000 {
        let (field, _) = table.random(&mut random).unwrap();
        *drawn.entry(field.to_vec()).or_insert(0) += 1;
    }
    assert_eq!(drawn.len(), 100);
    assert!(drawn.values().all(|count| (800..1200).contains(count)), "{drawn:?}");
    assert_eq!(FieldTable::new(0).random(&mut random), None);
}

#[test]
fn drawing_from_a_sparse_table_is_fair() {
    let mut table = filled(2_000);
    (100..2_000).for_each(|number| assert!(table.remove(&field(number))));
    table.insert(&field(50), &[b'x'; 300]);
    let (mut random, mut drawn) = (numbers(), HashMap::new());
    for _ in 0..100_000 {
        let (field, _) = table.random(&mut random).unwrap();
        *drawn.entry(field.to_vec()).or_insert(0) += 1;
    }
    assert_eq!(drawn.len(), 100);
    assert!(drawn.values().all(|count| (800..1200).contains(count)), "{drawn:?}");
}

#[test]
fn fields_with_one_fingerprint_are_told_apart() {
    let mut bucket = Bucket::default();
    let names: Vec<Vec<u8>> = (0..40).map(field).collect();
    for (number, name) in names.iter().enumerate() {
        bucket.add(7, name, &vec![b'v'; number * 7]);
        bucket.add(number as u8 % 3 + 8, name, b"other");
    }
    for (number, name) in names.iter().enumerate() {
        assert_eq!(bucket.get(7, name).map(<[u8]>::len), Some(number * 7));
        assert_eq!(bucket.get(number as u8 % 3 + 8, name), Some(&b"other"[..]));
        assert_eq!(bucket.get(11, name), None);
    }
    for name in names.iter().rev().step_by(2) {
        assert!(bucket.remove(7, name) && !bucket.remove(7, name));
    }
    assert_eq!((bucket.len(), bucket.iter().count()), (60, 60));
}

#[derive(Debug, Clone)]
enum Change {
    Insert(u32, Vec<u8>),
    Remove(u32),
}

fn change() -> impl Strategy<Value = Change> {
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        (240_usize..300).prop_map(|len| vec![b'x'; len]),
    ];
    prop_oneof![
        3 => (0_u32..200, value).prop_map(|(field, value)| Change::Insert(field, value)),
        2 => (0_u32..200).prop_map(Change::Remove),
    ]
}

proptest! {
    #[test]
    fn behaves_like_the_standard_table(changes in prop::collection::vec(change(), 0..400), seed: u64) {
        let (mut table, mut model) = (FieldTable::new(seed), HashMap::new());
        for change in changes {
            match change {
                Change::Insert(number, value) => {
                    let new = model.insert(field(number), value.clone()).is_none();
                    prop_assert_eq!(table.insert(&field(number), &value), new);
                }
                Change::Remove(number) => {
                    prop_assert_eq!(table.remove(&field(number)), model.remove(&field(number)).is_some());
                }
            }
        }
        prop_assert_eq!(table.len(), model.len());
        let all: HashMap<_, _> = table.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
        prop_assert_eq!(&all, &model);
        for number in 0..200 {
            prop_assert_eq!(table.get(&field(number)), model.get(&field(number)).map(Vec::as_slice));
        }
        let heap: usize = (0..table.buckets).map(|index| table.bucket(index).heap_bytes()).sum();
        prop_assert_eq!(table.heap_bytes, heap);
    }

    #[test]
    fn a_scan_misses_nothing_that_stays(stay in 1_u32..300, steps in prop::collection::vec(
        (1_usize..30, prop::collection::vec((any::<bool>(), 0_u32..600), 0..150)), 0..40)) {
        let mut table = filled(stay);
        let mut seen = HashSet::new();
        let mut cursor = 0;
        for (count, changes) in steps.iter().chain(std::iter::repeat(&(1, Vec::new()))) {
            cursor = table.scan(cursor, *count, |field, _| { seen.insert(field.to_vec()); });
            if cursor == 0 {
                break;
            }
            for (insert, number) in changes {
                let passing = field(1_000 + number);
                if *insert { table.insert(&passing, b""); } else { table.remove(&passing); }
            }
        }
        for number in 0..stay {
            prop_assert!(seen.contains(&field(number)), "{} of {}", number, stay);
        }
    }

    #[test]
    fn any_cursor_is_survived(fields in 0_u32..200, cursor: u64) {
        let table = filled(fields);
        let mut seen = 0;
        table.scan(cursor, 10, |_, _| seen += 1);
        prop_assert!(seen <= fields as usize);
    }
}
