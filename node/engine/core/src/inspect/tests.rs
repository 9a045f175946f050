//! Files of real peers looked into, compared with themselves, and with any bit flipped.

use super::aof::AofScan;
use super::diff::{Change, Diff, Difference, Side};
use super::report::{Report, ReportOptions};
use super::*;
use crate::formats::rdb::RdbError;
use crate::snapshot::skip::{Known, KnownValue, Skip};
use crate::snapshot::{RdbEntry, RdbOptions, RdbWriter, RdbWriterOptions, ValueSource};
use crate::types::{Value, ValueRef};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Every type in every encoding; `tests/integration/golden_files.py` makes them.
const REDIS: &[u8] = include_bytes!("../../../../../tests/integration/golden/redis-7.0.rdb");
const VALKEY: &[u8] = include_bytes!("../../../../../tests/integration/golden/valkey-9.1.rdb");

/// Type, elements and bytes in the file of each key.
type Keys = BTreeMap<Vec<u8>, (String, u64, u64)>;

fn keys<S: ValueSource>(file: &[u8], chunk_len: usize) -> Result<Keys, RdbError>
where
    S::Value: Measured,
{
    let mut scan = Scan::<S>::new(RdbOptions::default(), 0);
    let mut keys = Keys::new();
    for chunk in file.chunks(chunk_len) {
        scan.feed(chunk, &mut |info, _| {
            keys.insert(info.key.to_vec(), (info.type_name.to_owned(), info.elements, info.file_bytes));
        })?;
    }
    scan.finish()?;
    assert_eq!(scan.head().keys, keys.len() as u64);
    Ok(keys)
}

#[test]
fn stepping_over_values_counts_what_building_them_does() {
    for file in [REDIS, VALKEY] {
        let built = keys::<Known>(file, usize::MAX).unwrap();
        assert!(built.len() > 5);
        for chunk_len in [1, 7, 4096, usize::MAX] {
            assert_eq!(keys::<Skip>(file, chunk_len).unwrap(), built);
        }
    }
}

/// A file with these keys, written by this engine.
fn file_of(strings: &[(&str, &str, Option<i64>)]) -> Vec<u8> {
    let (mut out, mut writer) = (Vec::new(), RdbWriter::new(RdbWriterOptions::default()));
    writer.header(&mut out, &[("redis-ver", "7.2.0")]);
    writer.select_db(&mut out, 0, strings.len() as u64, 0);
    for (key, value, expire_at_ms) in strings {
        writer.entry(&mut out, key.as_bytes(), ValueRef::Bytes(value.as_bytes()), *expire_at_ms, None);
    }
    writer.end(&mut out);
    out
}

fn report(file: &[u8], options: ReportOptions) -> Report {
    let (mut scan, mut report) = (Scan::<Skip>::new(RdbOptions::default(), 0), Report::new(options));
    scan.feed(file, &mut |info, _| report.add(info)).unwrap();
    report
}

#[test]
fn report_sums_by_prefix_and_lists_the_biggest() {
    let file = file_of(&[
        ("user:1:name", "abcd", None),
        ("user:2", "ab", Some(500)),
        ("page:1", &"xy".repeat(500), Some(1_000 + 90_000)),
        ("plain", "x", Some(1_000 + 40 * 86_400_000)),
    ]);
    let options =
        ReportOptions { separator: b":".into(), depth: 1, biggest_max: 2, prefixes_max: 100, now_ms: 1_000 };
    let report = report(&file, options);
    let (prefixes, others) = report.prefixes(2);
    let names: Vec<_> = prefixes.iter().map(|(name, sum)| (name.as_slice(), sum.keys, sum.bytes)).collect();
    assert_eq!(names, [(&b"page:"[..], 1, 1006), (b"user:", 2, 11 + 4 + 6 + 2)]);
    assert_eq!((others.keys, others.bytes), (1, 6));
    let biggest: Vec<_> = report.biggest().into_iter().map(|key| key.key).collect();
    assert_eq!(biggest, [b"page:1".to_vec(), b"user:1:name".to_vec()]);
    let expiry: Vec<_> = report.expiry().into_iter().map(|(name, sum)| (name, sum.keys)).collect();
    assert_eq!(expiry, [("no expiry", 1), ("expired", 1), ("< 1 hour", 1), ("< 1 year", 1)]);
    assert!(report.idle().is_empty());
}

#[test]
fn prefixes_beyond_the_limit_count_together() {
    let file = file_of(&[("a:1", "x", None), ("b:1", "x", None), ("b:2", "x", None), ("a:2", "x", None)]);
    let options =
        ReportOptions { separator: b":".into(), depth: 1, biggest_max: 0, prefixes_max: 1, now_ms: 0 };
    let (prefixes, others) = report(&file, options).prefixes(10);
    assert_eq!((prefixes.len(), prefixes[0].1.keys, others.keys), (1, 2, 2));
}

fn lines(file: &[u8]) -> String {
    let (mut scan, mut out) = (Scan::<Known>::new(RdbOptions::default(), 0), Vec::new());
    scan.feed(file, &mut |info, entry| json::write_line(&mut out, info, entry)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn json_has_every_type_and_loses_no_byte() {
    let text = lines(REDIS);
    for part in [
        r#"{"db":0,"key":"list:small","type":"list","expire_at_ms":null,"value":["a","1","-70000",""]}"#,
        r#""value":{"f":"v","number":"-12345","":""}}"#,
        r#""m-inf":"-inf""#,
        r#"{"id":"12-0","fields":[["other","#,
        r#""\u0000\u0001\u0002"#,
        r#"\udcff""#,
    ] {
        assert!(text.contains(part), "{part} is missing");
    }
    assert!(lines(VALKEY).contains(r#","fields_expire_at_ms":{"a":4102444800123,"#));
}

fn differences(old: &[u8], new: &[u8], keys_max: usize) -> Vec<Difference> {
    let (mut diff, mut found) = (Diff::new(RdbOptions::default(), keys_max), Vec::new());
    while let Some(side) = diff.side() {
        let file = if side == Side::Old { old } else { new };
        for chunk in file.chunks(1000) {
            diff.feed(chunk, &mut |difference| found.push(difference)).unwrap();
        }
        diff.end_of_file().unwrap();
    }
    found.sort_by(|one, other| one.key.cmp(&other.key));
    found
}

#[test]
fn difference_is_told_once_however_many_rounds_it_takes() {
    let old = file_of(&[("a", "1", None), ("b", "x", Some(9)), ("c", "x", None), ("d", "x", None)]);
    let new = file_of(&[("e", "x", None), ("d", "x", Some(7)), ("c", "y", None), ("a", "1", None)]);
    for keys_max in [1, 2, 100] {
        let found: Vec<_> =
            differences(&old, &new, keys_max).into_iter().map(|one| (one.key, one.change)).collect();
        let expected = [
            (b"b".to_vec(), Change::Removed),
            (b"c".to_vec(), Change::Value),
            (b"d".to_vec(), Change::Expiry),
            (b"e".to_vec(), Change::Added),
        ];
        assert_eq!(found, expected);
    }
}

#[test]
fn same_data_of_two_servers_does_not_differ() {
    let found = differences(REDIS, VALKEY, 10);
    let changed: Vec<_> = found.iter().filter(|one| one.change != Change::Added).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert!(found.iter().all(|one| one.key.starts_with(b"hash:expiring")));
}

/// A string, and a value of a module that nobody here knows.
fn with_module() -> Vec<u8> {
    let mut file = b"REDIS0011\xf7\x02\x02\x01\x05\x03abc\x00\x00\x01k\x01v\x07\x01m\x81".to_vec();
    file.extend((0x1234_5678_9abc_def0_u64).to_be_bytes());
    file.extend(b"\x01\x07\x02\x40\x80\x03abcd\x04abcdefgh\x05\x05hello\x00\xff");
    let sum = crate::formats::crc64::crc64(&file);
    file.extend(sum.to_le_bytes());
    file
}

#[test]
fn values_of_modules_are_stepped_over() {
    for chunk_len in [1, 3, 100] {
        let found = keys::<Known>(&with_module(), chunk_len).unwrap();
        assert_eq!(found, keys::<Skip>(&with_module(), chunk_len).unwrap());
        assert_eq!(found[b"k".as_slice()].0, "string");
        assert_eq!(found[b"m".as_slice()].0.len(), 9);
    }
    assert!(lines(&with_module()).contains(r#""value":null"#));
}

fn look(file: &[u8], until: Option<i64>) -> aof::AofFacts {
    let mut scan = AofScan::new(until);
    for chunk in file.chunks(10) {
        if !scan.feed(chunk) {
            break;
        }
    }
    scan.finish()
}

#[test]
fn part_with_rdb_before_its_commands_is_read_whole() {
    let commands = b"#TS:5\r\n*1\r\n$4\r\nPING\r\n#TS:9\r\n*1\r\n$4\r\nPING\r\n";
    let rdb = file_of(&[("a", "1", None)]);
    let file = [rdb.as_slice(), commands].concat();
    let facts = look(&file, Some(5));
    assert_eq!((facts.has_rdb, facts.rdb_keys, facts.commands, facts.problem), (true, 1, 2, None));
    assert_eq!((facts.first_timestamp, facts.last_timestamp), (Some(5), Some(9)));
    assert_eq!(facts.later_offset, Some(rdb.len() as u64 + 21));
    assert_eq!(facts.offset, file.len() as u64);
}

#[test]
fn what_is_wrong_with_a_part_is_said() {
    for (file, words, safe_offset) in [
        (&b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI"[..], "ends in a command, 10 bytes into it", 14),
        (b"*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nMULTI\r\n", "ends in a transaction that begins here", 14),
        (b"*1\r\n$4\r\nPING\r\nPING\r\n", "AOF offset 14: 'P' stands where", 14),
        (b"REDIS0099abc", "version 99 is not supported", 0),
        (b"REDIS0009\xfa", "ends before the end marker", 0),
        (b"X", "AOF offset 0: 'X' stands where", 0),
    ] {
        let facts = look(file, None);
        assert!(facts.problem.as_ref().is_some_and(|problem| problem.contains(words)), "{facts:?}");
        assert_eq!(facts.safe_offset, safe_offset);
    }
    assert_eq!(look(b"", None), aof::AofFacts::default());
}

/// A file for each key of these files, and what [`lines`] says of it.
fn small_files() -> Vec<(Vec<u8>, String)> {
    let mut files = Vec::new();
    for file in [REDIS, VALKEY] {
        let mut scan = Scan::<Known>::new(RdbOptions::default(), 0);
        let mut write = |entry: &RdbEntry<KnownValue>| {
            let KnownValue::Value(value) = &entry.value else { return };
            let (mut out, mut writer) = (Vec::new(), RdbWriter::new(RdbWriterOptions::default()));
            writer.header(&mut out, &[]);
            writer.select_db(&mut out, 0, 1, 0);
            writer.entry(&mut out, &entry.key, value.as_value(), entry.expire_at_ms, None);
            writer.end(&mut out);
            files.push(out);
        };
        scan.feed(file, &mut |_, entry| write(entry)).unwrap();
    }
    files.into_iter().map(|file| (file.clone(), lines(&file))).collect()
}

#[test]
fn each_flipped_bit_gives_an_error_or_exact_data() {
    // Of long files every 101st bit; of short ones each.
    const SHORT_BYTES_MAX: usize = 150;
    let files = small_files();
    assert!(files.len() >= 80);
    for (mut file, expected) in files {
        let step = if file.len() <= SHORT_BYTES_MAX { 1 } else { 101 };
        for bit in (0..file.len() * 8).step_by(step) {
            file[bit / 8] ^= 1 << (bit % 8);
            let (mut scan, mut out) = (Scan::<Known>::new(RdbOptions::default(), 0), Vec::new());
            let read = scan.feed(&file, &mut |info, entry| json::write_line(&mut out, info, entry));
            if read.is_ok() && scan.finish().is_ok() {
                assert_eq!(String::from_utf8(out).unwrap(), expected, "bit {bit}");
            }
            file[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

proptest! {
    #[test]
    fn flipped_bit_of_a_file_is_always_noticed(at: prop::sample::Index, bit in 0u8..8, valkey: bool) {
        let mut file = if valkey { VALKEY } else { REDIS }.to_vec();
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        prop_assert!(keys::<Skip>(&file, 1000).is_err());
        prop_assert!(keys::<Known>(&file, 1000).is_err());
    }

    #[test]
    fn string_survives_json(bytes: Vec<u8>) {
        let mut out = Vec::new();
        json::string(&mut out, &bytes);
        let text = std::str::from_utf8(&out).unwrap();
        prop_assert!(!text.contains('\n'));
        // Undone by hand: the only escapes are those that it writes.
        let mut back = Vec::new();
        let mut rest = &text[1..text.len() - 1];
        while let Some(letter) = rest.chars().next() {
            let (letters, used): (Vec<u8>, usize) = match letter {
                '\\' => match rest.as_bytes()[1] {
                    b'u' => (vec![u8::from_str_radix(&rest[4..6], 16).unwrap()], 6),
                    b'n' => (vec![b'\n'], 2),
                    b'r' => (vec![b'\r'], 2),
                    b't' => (vec![b'\t'], 2),
                    other => (vec![other], 2),
                },
                other => (other.to_string().into_bytes(), other.len_utf8()),
            };
            back.extend(letters);
            rest = &rest[used..];
        }
        prop_assert_eq!(back, bytes);
    }
}

#[test]
fn integer_value_is_a_string_of_json() {
    assert!(matches!(Value::Int(1).as_value(), ValueRef::Int(1)));
    assert!(lines(REDIS).contains(r#""key":"string:-1","type":"string","expire_at_ms":null,"value":"-1""#));
}
