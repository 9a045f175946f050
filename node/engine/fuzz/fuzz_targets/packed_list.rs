//! A packed list that passes validation behaves like a list of strings, whoever wrote it.
#![no_main]

use garrison_engine_core::formats::legacy::{intset, ziplist, zipmap};
use garrison_engine_core::formats::packed::{validate, PackedList};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = (intset::decode(bytes), ziplist::decode(bytes), zipmap::decode(bytes));
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let Ok(mut list) = PackedList::from_bytes(bytes.to_vec()) else { return };
    let mut model: Vec<Vec<u8>> = list.iter().map(|item| item.to_vec()).collect();
    assert_eq!(list.len(), model.len());
    assert_eq!(list.seek(model.len()), None);
    if let Some(at) = list.seek(usize::from(*choice) % model.len().max(1)) {
        let index = usize::from(*choice) % model.len();
        match choice % 3 {
            0 => {
                list.replace(at, b"another");
                model[index] = b"another".to_vec();
            }
            1 => {
                list.insert(at, b"-300");
                model.insert(index, b"-300".to_vec());
            }
            _ => {
                let removed = list.remove(at, 2);
                model.drain(index..index + removed);
            }
        }
    }
    list.push(b"17");
    model.push(b"17".to_vec());
    assert_eq!(validate(list.as_bytes()), Ok(()));
    assert!(list.iter().map(|item| item.to_vec()).eq(model.iter().cloned()));
    let mut at = list.last();
    for text in model.iter().rev() {
        let position = at.expect("as many backwards as forwards");
        assert_eq!(list.get(position).map(|item| item.to_vec()).as_ref(), Some(text));
        at = list.previous(position);
    }
    assert_eq!(at, None);
});
