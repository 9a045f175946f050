//! RDB streams: what was written comes back however it is cut, files of real peers are read, damage is survived.

use super::*;
use crate::formats::rdb::{RdbError, RdbProblem};
use crate::keyspace::Value;
use crate::snapshot::payload;
use crate::types::hash::{Hash, HashLimits};
use crate::types::{Object, ValueRef};
use proptest::prelude::*;
use std::collections::BTreeMap;

const LIMITS: HashLimits = HashLimits { packed_entries_max: 8, packed_value_bytes_max: 32, seed: 5 };

fn options() -> RdbOptions {
    let mut options = RdbOptions::default();
    options.limits.hash = LIMITS;
    options
}

/// A value that can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Model {
    Text(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

impl Model {
    fn of(value: &Value) -> Model {
        match value {
            Value::Int(number) => Model::Text(number.to_string().into_bytes()),
            Value::Bytes(bytes) => Model::Text(bytes.clone()),
            Value::Object(Object::Hash(hash)) => {
                Model::Hash(hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect())
            }
            #[allow(unreachable_patterns)] // while there is one type
            Value::Object(other) => panic!("a {}", other.as_value().type_name()),
        }
    }

    fn build(&self) -> Value {
        match self {
            Model::Text(text) => match crate::base::numbers::parse_i64(text) {
                Some(number) => Value::Int(number),
                None => Value::Bytes(text.clone()),
            },
            Model::Hash(fields) => {
                let mut hash = Hash::new();
                for (field, value) in fields {
                    hash.set(field, value, &LIMITS);
                }
                Value::Object(Object::Hash(Box::new(hash)))
            }
        }
    }
}

type Entries = Vec<(Vec<u8>, Model, Option<i64>)>;

fn write(entries: &Entries, writer_options: RdbWriterOptions) -> Vec<u8> {
    let (mut out, mut writer) = (Vec::new(), RdbWriter::new(writer_options));
    writer.header(&mut out, &[("redis-ver", "7.2.0"), ("redis-bits", "64")]);
    writer.select_db(&mut out, 3, entries.len() as u64, 0);
    for (key, model, expire_at_ms) in entries {
        let value = model.build();
        writer.entry(&mut out, key, value.as_value(), *expire_at_ms, Some(Access::Idle(7)));
    }
    writer.end(&mut out);
    out
}

/// Reads a stream that comes in chunks of this size; also what stood beside the entries, as text.
fn read(bytes: &[u8], chunk_len: usize) -> Result<(Entries, Vec<String>), RdbError> {
    let mut reader = RdbReader::new(options());
    let (mut entries, mut others) = (Vec::new(), Vec::new());
    for chunk in bytes.chunks(chunk_len) {
        reader.feed(chunk);
        while let Some(item) = reader.next_item()? {
            match item {
                RdbItem::Entry(entry) => {
                    entries.push((entry.key, Model::of(&entry.value), entry.expire_at_ms));
                }
                RdbItem::Aux { name, value } => {
                    others.push(format!("{}={}", name.escape_ascii(), value.escape_ascii()));
                }
                RdbItem::SelectDb(db) => others.push(format!("db {db}")),
                RdbItem::Resize { keys, expires } => others.push(format!("resize {keys} {expires}")),
                RdbItem::SlotInfo { slot, keys, expires } => {
                    others.push(format!("slot {slot} {keys} {expires}"))
                }
                RdbItem::Function(_) => others.push("function".into()),
                RdbItem::End => others.push("end".into()),
            }
        }
    }
    reader.finish()?;
    if !reader.rest().is_empty() {
        others.push("rest".into());
    }
    Ok((entries, others))
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        (-200_000_i64..200_000).prop_map(|number| number.to_string().into_bytes()),
        (20_usize..20_000).prop_map(|len| vec![b'z'; len]),
    ]
}

fn model() -> impl Strategy<Value = Model> {
    prop_oneof![
        text().prop_map(Model::Text),
        prop::collection::btree_map(text(), text(), 1..20).prop_map(Model::Hash),
    ]
}

fn entries() -> impl Strategy<Value = Entries> {
    prop::collection::vec((text(), model(), prop::option::of(any::<i64>())), 0..6)
}

proptest! {
    #[test]
    fn what_was_written_comes_back(entries in entries(), chunk_len in 1_usize..3000, compress: bool, checksum: bool) {
        let bytes = write(&entries, RdbWriterOptions { compress, checksum });
        let (found, others) = read(&bytes, chunk_len).unwrap();
        prop_assert_eq!(found, entries.clone());
        let resize = format!("resize {} 0", entries.len());
        prop_assert_eq!(others, ["redis-ver=7.2.0", "redis-bits=64", "db 3", &resize, "end"]);
    }

    #[test]
    fn a_dump_comes_back_and_no_changed_byte_passes(model in model(), at: prop::sample::Index, flip in 1_u8..) {
        let mut payload = b"prefix".to_vec();
        let value = model.build();
        payload::dump(&mut payload, value.as_value(), &mut Some(Default::default()));
        let payload = &mut payload[6..];
        prop_assert_eq!(Model::of(&payload::restore(payload, &options()).ok().unwrap()), model);
        payload[at.index(payload.len())] ^= flip;
        prop_assert_eq!(payload::restore(payload, &options()).err(), Some(payload::DumpError::Seal));
    }

    #[test]
    fn damage_never_panics_and_never_passes(entries in entries(), at: prop::sample::Index, flip in 1_u8..,
        chunk_len in 1_usize..3000) {
        let mut bytes = write(&entries, RdbWriterOptions::default());
        prop_assert!(read(&bytes[..at.index(bytes.len())], chunk_len).is_err());
        let at = at.index(bytes.len() - 8);
        bytes[at] ^= flip;
        prop_assert!(read(&bytes, chunk_len).is_err());
    }

    #[test]
    fn values_damaged_under_a_right_seal_never_panic(model in model(), code in 0_u8..30,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let mut payload = Vec::new();
        payload::dump(&mut payload, model.build().as_value(), &mut None);
        payload.truncate(payload.len() - 8);
        if code % 2 == 0 {
            payload[0] = code;
        }
        let body_len = payload.len() - 2;
        for (at, value) in flips {
            payload[at.index(body_len)] = value;
        }
        let sum = crate::formats::crc64::crc64(&payload);
        payload.extend_from_slice(&sum.to_le_bytes());
        if let Ok(value) = payload::restore(&payload, &options()) {
            // What was taken can be walked, whatever its type.
            payload::dump(&mut Vec::new(), value.as_value(), &mut None);
        }
    }

    #[test]
    fn noise_behind_the_magic_never_panics(noise: Vec<u8>, version in 1_u32..13) {
        let bytes = [format!("REDIS{version:04}").as_bytes(), &noise].concat();
        let _ = read(&bytes, 7);
    }
}

#[test]
fn a_big_hash_is_written_in_parts() {
    let model =
        Model::Hash((0..5_000_u32).map(|n| (n.to_string().into_bytes(), b"value".to_vec())).collect());
    let Value::Object(Object::Hash(hash)) = model.build() else { panic!() };
    let (mut out, mut writer) = (Vec::new(), RdbWriter::new(RdbWriterOptions::default()));
    writer.header(&mut out, &[]);
    let mut walk = writer.begin_entry(&mut out, b"big", ValueRef::Hash(&hash), Some(9), None, 100);
    let mut parts = 0;
    while let Some(at) = walk {
        let before = out.len();
        walk = writer.continue_entry(&mut out, ValueRef::Hash(&hash), at, 100);
        assert!(out.len() - before < 5_000);
        parts += 1;
    }
    assert!(parts > 20);
    writer.end(&mut out);
    assert_eq!(read(&out, 1000).unwrap().0, [(b"big".to_vec(), model, Some(9))]);
}

#[test]
fn a_hostile_length_takes_no_memory() {
    let mut reader = RdbReader::new(options());
    reader.feed(b"REDIS0010\0\x01k\x81\0\0\0\0\xff\xff\xff\xffabc");
    assert!(matches!(reader.next_item(), Ok(None)));
    assert!(reader.buffer.capacity() < 100);
    let mut reader = RdbReader::new(options());
    reader.feed(b"REDIS0010\x04\x01k\x81\xff\0\0\0\xff\xff\xff\xff\x01f\x01v");
    assert!(matches!(reader.next_item(), Ok(None)));
    let mut reader = RdbReader::new(options());
    reader.feed(b"REDIS0010\0\x01k\x81\xff\0\0\0\0\0\0\0");
    let error = reader.next_item().err().unwrap();
    assert_eq!(error.problem, RdbProblem::StringTooLong(0xff00_0000_0000_0000));
}

#[test]
fn errors_say_where_and_which_key() {
    let error = |bytes: &[u8]| read(bytes, 1000).err().unwrap().to_string();
    assert_eq!(error(b"GARBAGE..."), format!("RDB offset 0: {}", RdbProblem::Magic));
    assert!(error(b"REDIS0099...").ends_with("RDB version 99 is not supported; versions 1 to 12 are"));
    let foreign = error(b"REDIS0010\x06\x04my\nl\x01");
    assert_eq!(foreign, "RDB offset 15, key \"my\\nl\": the type value of a module is not supported yet");
    assert!(error(b"REDIS0010\x1e\x01k").ends_with("key \"k\": byte 0x1e is no known type or opcode"));
    assert!(error(b"REDIS0010\xfa\x01k").ends_with("the data ends before the end marker"));
    assert!(error(b"REDIS0010\xff\x01\0\0\0\0\0\0\0").contains("the checksum is"));
}

#[test]
fn old_forms_are_read() {
    let zipmap = b"\x01\x03foo\x03\0bar\xff";
    let ziplist = b"\x11\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xfe\x07\xff";
    let bytes = [
        &b"REDIS0003\xfd\x10\0\0\0\x09\x01m"[..],
        &[zipmap.len() as u8],
        zipmap,
        b"\x0d\x01z",
        &[ziplist.len() as u8],
        ziplist,
        b"\xff",
    ]
    .concat();
    let hash = |field: &[u8], value: &[u8]| Model::Hash([(field.to_vec(), value.to_vec())].into());
    let (entries, others) = read(&bytes, 3).unwrap();
    assert_eq!(
        entries,
        [(b"m".to_vec(), hash(b"foo", b"bar"), Some(16_000)), (b"z".to_vec(), hash(b"a", b"7"), None)]
    );
    assert_eq!(others, ["end"]);
}

/// A file that a Redis 7.0.15 saved: strings and hashes in every encoding, an expiry, two databases, a function.
#[test]
fn a_file_of_redis_7_0_is_read() {
    let (entries, others) = read(include_bytes!("testdata/redis-7.0.rdb"), 64).unwrap();
    peers_entries(entries);
    assert!(others.contains(&"redis-ver=7.0.15".into()), "{others:?}");
    assert_eq!(others.iter().filter(|other| other.starts_with("db ")).collect::<Vec<_>>(), ["db 0", "db 9"]);
    assert!(others.contains(&"function".into()));
}

/// The same keys, saved by a Valkey 9.1 in its own version of the format.
#[test]
fn a_file_of_valkey_9_is_read() {
    let (entries, others) = read(include_bytes!("testdata/valkey-9.1.rdb"), 64).unwrap();
    peers_entries(entries);
    assert!(others.iter().any(|other| other.starts_with("valkey-ver=9.1")), "{others:?}");
}

fn peers_entries(entries: Entries) {
    let mut found: BTreeMap<Vec<u8>, (Model, Option<i64>)> =
        entries.into_iter().map(|(key, model, expiry)| (key, (model, expiry))).collect();
    let mut take = |key: &str| found.remove(key.as_bytes()).unwrap_or_else(|| panic!("{key} is missing"));
    for number in
        [0, 1, -1, 127, 128, -129, 32_768, -32_769, i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::MIN]
    {
        let text = number.to_string();
        assert_eq!(take(&format!("int:{text}")), (Model::Text(text.into_bytes()), None));
    }
    for len in [0, 1, 63, 64, 300, 20_000] {
        assert_eq!(take(&format!("same:{len}")), (Model::Text(vec![b'a'; len]), None));
        let mixed = (0..len).map(|index| (index * index % 251) as u8).collect();
        assert_eq!(take(&format!("mixed:{len}")), (Model::Text(mixed), None));
    }
    assert_eq!(take("expiring"), (Model::Text(b"v".to_vec()), Some(4_102_444_800_123)));
    let small = [("f", "v"), ("number", "-12345"), ("", "")];
    let small = small.map(|(field, value)| (field.as_bytes().to_vec(), value.as_bytes().to_vec()));
    assert_eq!(take("hash:small"), (Model::Hash(small.into()), None));
    let many = (0..300).map(|n| (format!("field:{n}").into_bytes(), n.to_string().into_bytes())).collect();
    assert_eq!(take("hash:many"), (Model::Hash(many), None));
    assert_eq!(take("hash:long"), (Model::Hash([(b"f".to_vec(), vec![b'x'; 1000])].into()), None));
    assert_eq!(take("other"), (Model::Text(b"in db 9".to_vec()), None));
    assert!(found.is_empty(), "{found:?}");
}

/// What a Redis on this machine thinks of a file that we wrote.
#[test]
#[allow(clippy::disallowed_methods)] // a file for another program
fn the_checker_of_a_peer_accepts_our_file() {
    let hash = |fields: usize, len: usize| {
        Model::Hash((0..fields).map(|n| (n.to_string().into_bytes(), vec![b'v'; len])).collect())
    };
    let entries: Entries = vec![
        (b"text".to_vec(), Model::Text(b"value".to_vec()), None),
        (b"number".to_vec(), Model::Text(b"-70000".to_vec()), Some(4_102_444_800_123)),
        (b"large number".to_vec(), Model::Text(i64::MIN.to_string().into_bytes()), None),
        (b"compressed".to_vec(), Model::Text(vec![b'c'; 100_000]), None),
        (b"small hash".to_vec(), hash(5, 10), Some(4_102_444_800_123)),
        (b"big hash".to_vec(), hash(1000, 100), None),
    ];
    let path = std::env::temp_dir().join(format!("garrison-written-{}.rdb", std::process::id()));
    std::fs::write(&path, write(&entries, RdbWriterOptions::default())).unwrap();
    let output = std::process::Command::new("redis-check-rdb").arg(&path).output();
    std::fs::remove_file(&path).unwrap();
    let Ok(output) = output else {
        println!("skipped: redis-check-rdb is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Checksum OK") && text.contains("[info] 6 keys read"), "{text}");
}
