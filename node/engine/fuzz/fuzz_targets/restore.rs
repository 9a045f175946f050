//! A DUMP payload is refused or gives a value that can be used, dumped and restored again.
#![no_main]

use garrison_engine_core::formats::crc64::crc64;
use garrison_engine_core::snapshot::payload::{dump, restore};
use garrison_engine_core::snapshot::RdbOptions;
use garrison_engine_core::keyspace::Value;
use garrison_engine_core::types::Object;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let options = RdbOptions::default();
    let _ = restore(bytes, &options);
    // The same with a right seal, or nothing but the seal would ever be looked at.
    let mut payload = [bytes, &10_u16.to_le_bytes()].concat();
    let sum = crc64(&payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    let Ok(mut value) = restore(&payload, &options) else { return };
    if let Value::Object(Object::Hash(hash)) = &mut value {
        assert_eq!(hash.iter().count(), hash.len());
        hash.set(b"one more", b"1", &options.limits.hash);
        assert_eq!(hash.get(b"one more").map(|item| item.to_vec()), Some(b"1".to_vec()));
    }
    let mut again = Vec::new();
    dump(&mut again, value.as_value(), &mut Some(Default::default()));
    let back = restore(&again, &options).expect("what we dump can be restored");
    assert_eq!(contents(&back), contents(&value));
});

fn contents(value: &Value) -> Vec<Vec<u8>> {
    match value {
        Value::Int(number) => vec![number.to_string().into_bytes()],
        Value::Bytes(bytes) => vec![bytes.clone()],
        Value::Object(Object::Hash(hash)) => {
            let mut pairs: Vec<_> =
                hash.iter().map(|(field, value)| [field.to_vec(), b"\0".to_vec(), value.to_vec()].concat()).collect();
            pairs.sort();
            pairs
        }
        #[allow(unreachable_patterns)] // while there is one type
        Value::Object(_) => Vec::new(),
    }
}
