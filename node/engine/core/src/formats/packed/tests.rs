//! The packed list against a `Vec` of strings, against bytes of a real peer, and against noise.

use super::*;
use proptest::prelude::*;

fn spelled(list: &PackedList) -> Vec<Vec<u8>> {
    list.iter().map(|item| item.to_vec()).collect()
}

fn list_of<T: AsRef<[u8]>>(texts: &[T]) -> PackedList {
    let mut list = PackedList::new();
    for text in texts {
        list.push(text.as_ref());
    }
    list
}

#[test]
fn the_bytes_are_those_of_a_peer() {
    // HSET h f 1 -300 "a string" on a Redis 7.0, as DUMP shows it.
    let list = list_of(&["f", "1", "-300", "a string"]);
    let expected = b"\x19\0\0\0\x04\0\x81f\x02\x01\x01\xde\xd4\x02\x88a string\x09\xff";
    assert_eq!(list.as_bytes(), expected);
    assert_eq!(PackedList::from_bytes(expected.to_vec()).unwrap(), list);
}

#[test]
fn integers_take_the_least_room() {
    for (number, width) in [
        (0, 1),
        (127, 1),
        (128, 2),
        (-1, 2),
        (-4096, 2),
        (4095, 2),
        (4096, 3),
        (-32768, 3),
        (32768, 4),
        (-8_388_608, 4),
        (8_388_607, 4),
        (8_388_608, 5),
        (i64::from(i32::MIN), 5),
        (i64::from(i32::MAX) + 1, 9),
        (i64::MIN, 9),
        (i64::MAX, 9),
    ] {
        let list = list_of(&[number.to_string()]);
        assert_eq!(list.as_bytes().len(), 7 + width + 1, "{number}");
        assert_eq!(list.iter().next(), Some(Item::Integer(number)));
        assert_eq!(validate(list.as_bytes()), Ok(()));
    }
}

#[test]
fn long_strings_and_their_borders() {
    for len in [0, 63, 64, 125, 126, 127, 4095, 4096, 16_377, 16_378, 16_379, 2_097_145, 2_097_146, 2_097_147]
    {
        let text = vec![b'x'; len];
        let list = list_of(&[b"before".as_slice(), &text, b"behind"]);
        assert_eq!(validate(list.as_bytes()), Ok(()), "{len}");
        assert_eq!(spelled(&list), [b"before".to_vec(), text, b"behind".to_vec()]);
        let middle = list.previous(list.last().unwrap()).unwrap();
        assert_eq!(list.get(middle).unwrap().len(), len);
        assert_eq!(list.previous(middle), list.first());
    }
}

#[test]
fn more_entries_than_the_header_can_count() {
    let mut list = PackedList::new();
    for _ in 0..65_536 {
        list.push(b"7");
    }
    assert_eq!(list.len(), 65_536);
    assert_eq!(validate(list.as_bytes()), Ok(()));
    assert_eq!(list.seek(65_535), list.last());
    assert_eq!(list.remove(list.seek(10).unwrap(), 100), 100);
    assert_eq!(list.header_count(), 65_436);
}

#[test]
fn find_passes_over_values() {
    let list = list_of(&["a", "b", "b", "17", "17", "c"]);
    let first = list.first().unwrap();
    assert_eq!(list.find(first, b"b", 1), list.seek(2));
    assert_eq!(list.find(first, b"b", 0), list.seek(1));
    assert_eq!(list.find(first, b"17", 1), list.seek(4));
    assert_eq!(list.find(first, b"c", 1), None);
    assert_eq!(list.find(list.seek(4).unwrap(), b"17", 1), list.seek(4));
}

#[test]
fn a_number_that_a_stranger_stored_as_text_is_found() {
    let bytes = b"\x0b\0\0\0\x01\0\x8217\x03\xff";
    let list = PackedList::from_bytes(bytes.to_vec()).unwrap();
    assert_eq!(list.find(list.first().unwrap(), b"17", 0), list.first());
    assert_eq!(list, list_of(&["17"]));
    // 7 in eight bytes, and two letters behind a length of four bytes.
    let bytes = b"\x1a\0\0\0\x02\0\xf4\x07\0\0\0\0\0\0\0\x09\xf0\x02\0\0\0ab\x07\xff";
    let bytes = [&[bytes.len() as u8], &bytes[1..]].concat();
    assert_eq!(PackedList::from_bytes(bytes).unwrap(), list_of(&["7", "ab"]));
}

#[test]
fn repetitions_are_seen() {
    assert!(!list_of(&["a", "b", "c", "b"]).has_repetition(2));
    assert!(list_of(&["a", "b", "a", "c"]).has_repetition(2));
    assert!(list_of(&["17", "b", "c", "17"]).has_repetition(1));
    assert!(!PackedList::new().has_repetition(2));
}

/// One change, its places as fractions of the length.
#[derive(Debug, Clone)]
enum Change {
    Push(String),
    PushPair(String, String),
    Insert(prop::sample::Index, String),
    Replace(prop::sample::Index, String),
    Remove(prop::sample::Index, usize),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        "-?[0-9]{1,20}",
        any::<i64>().prop_map(|n| n.to_string()),
        "x{60,70}",
        "y{120,300}"
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        text().prop_map(Change::Push),
        (text(), text()).prop_map(|(a, b)| Change::PushPair(a, b)),
        (place(), text()).prop_map(|(at, text)| Change::Insert(at, text)),
        (place(), text()).prop_map(|(at, text)| Change::Replace(at, text)),
        (place(), 0_usize..4).prop_map(|(at, count)| Change::Remove(at, count)),
    ]
}

fn apply(list: &mut PackedList, model: &mut Vec<Vec<u8>>, change: Change) {
    let end = model.len();
    match change {
        Change::Push(text) => {
            list.push(text.as_bytes());
            model.push(text.into_bytes());
        }
        Change::PushPair(first, second) => {
            list.push_pair(first.as_bytes(), second.as_bytes());
            model.extend([first.into_bytes(), second.into_bytes()]);
        }
        _ if end == 0 => {}
        Change::Insert(at, text) => {
            list.insert(list.seek(at.index(end)).unwrap(), text.as_bytes());
            model.insert(at.index(end), text.into_bytes());
        }
        Change::Replace(at, text) => {
            list.replace(list.seek(at.index(end)).unwrap(), text.as_bytes());
            model[at.index(end)] = text.into_bytes();
        }
        Change::Remove(at, count) => {
            let removed = list.remove(list.seek(at.index(end)).unwrap(), count);
            assert_eq!(removed, count.min(end - at.index(end)));
            model.drain(at.index(end)..at.index(end) + removed);
        }
    }
}

proptest! {
    #[test]
    fn behaves_like_a_vector(changes in prop::collection::vec(change(), 0..60)) {
        let (mut list, mut model) = (PackedList::new(), Vec::new());
        for change in changes {
            apply(&mut list, &mut model, change);
            prop_assert_eq!(validate(list.as_bytes()), Ok(()));
            prop_assert_eq!(list.len(), model.len());
            prop_assert_eq!(&spelled(&list), &model);
        }
        let mut backwards = Vec::new();
        let mut at = list.last();
        while let Some(position) = at {
            backwards.insert(0, list.get(position).unwrap().to_vec());
            at = list.previous(position);
        }
        prop_assert_eq!(backwards, model);
    }

    #[test]
    fn noise_never_panics_and_what_passes_is_sound(noise: Vec<u8>, texts in prop::collection::vec(text(), 0..6),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        let _ = validate(&noise);
        let mut bytes = list_of(&texts).as_bytes().to_vec();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(mut list) = PackedList::from_bytes(bytes) {
            let count = list.iter().count();
            prop_assert_eq!(list.seek(count), None);
            while let Some(last) = list.last() {
                prop_assert_eq!(list.remove(last, 1), 1);
            }
            prop_assert_eq!(list, PackedList::new());
        }
    }
}
