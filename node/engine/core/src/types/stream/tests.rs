//! The stream against naive models, its forms outside of memory, and payloads that lie.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::formats::rdb::RdbOutput;
use crate::snapshot::payload::{dump, restore, DumpError};
use crate::snapshot::RdbOptions;
use crate::testing::Bench;
use crate::types::{Collection, Object, Value, ValueRef};

type Flat = Vec<Vec<u8>>;

fn flat(words: &str) -> Flat {
    words.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn fields_of(entry: node::Entry<'_>) -> (Id, Flat) {
    (entry.id, entry.fields.flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect())
}

fn append(stream: &mut Stream, id: Id, fields: &Flat, limits: &StreamLimits) {
    stream.append(NewId::Exact(id), 0, fields.iter().map(Vec::as_slice), limits).unwrap();
}

#[derive(Debug, Clone)]
enum Change {
    Add(u64, usize),
    Delete(usize),
    Trim(u64, bool),
    TrimBelow(usize, bool),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => (1_u64..4, 0_usize..4).prop_map(|(step, fields)| Change::Add(step, fields)),
        3 => (0_usize..100).prop_map(Change::Delete),
        1 => (0_u64..40, any::<bool>()).prop_map(|(len, exact)| Change::Trim(len, exact)),
        1 => (0_usize..100, any::<bool>()).prop_map(|(at, exact)| Change::TrimBelow(at, exact)),
    ]
}

fn payload_of(stream: &Stream) -> Vec<u8> {
    let mut payload = Vec::new();
    dump(&mut payload, ValueRef::Stream(stream), &mut None);
    payload
}

fn restored(payload: &[u8]) -> Result<Box<Stream>, DumpError> {
    match restore(payload, &RdbOptions::default())? {
        Value::Object(Object::Stream(stream)) => Ok(stream),
        _ => panic!("it is a stream"),
    }
}

proptest! {
    /// The model is the standard library's ordered map.
    #[test]
    fn entries_behave_like_an_ordered_map(changes in prop::collection::vec(change(), 0..150), entries_max in 0_u64..12) {
        let limits = StreamLimits { node_bytes_max: 200, node_entries_max: entries_max };
        let shapes = ["a 1", "a two", "a 1 b 2", "temperature 20.5 place roof"].map(flat);
        let (mut stream, mut model) = (Stream::default(), BTreeMap::new());
        let mut last = 0;
        for change in changes {
            match change {
                Change::Add(step, shape) => {
                    last += step;
                    let id = Id { ms: last / 5, seq: last % 5 };
                    append(&mut stream, id, &shapes[shape], &limits);
                    model.insert(id, shapes[shape].clone());
                }
                Change::Delete(index) => {
                    let id = model.keys().nth(index).copied().unwrap_or(Id { ms: index as u64, seq: 1 });
                    prop_assert_eq!(stream.delete(id), model.remove(&id).is_some());
                }
                Change::Trim(len, exact) => {
                    let trim = Trim { to: TrimTo::Length(len), approximate: !exact, entries_max: 0 };
                    let trimmed = stream.trim(&trim) as usize;
                    let due = model.len().saturating_sub(len as usize);
                    prop_assert!(trimmed == due || (!exact && trimmed < due));
                    for _ in 0..trimmed {
                        model.pop_first();
                    }
                }
                Change::TrimBelow(index, exact) => {
                    let id = model.keys().nth(index).copied().unwrap_or(Id { ms: index as u64, seq: 1 });
                    let trim = Trim { to: TrimTo::Id(id), approximate: !exact, entries_max: 0 };
                    let trimmed = stream.trim(&trim) as usize;
                    let due = model.range(..id).count();
                    prop_assert!(trimmed == due || (!exact && trimmed < due));
                    for _ in 0..trimmed {
                        model.pop_first();
                    }
                }
            }
            prop_assert_eq!(stream.len(), model.len());
            prop_assert_eq!(stream.first_id(), model.keys().next().copied().unwrap_or_default());
            prop_assert_eq!(stream.last_entry_id(), model.keys().next_back().copied());
        }
        let expected: Vec<(Id, Flat)> = model.clone().into_iter().collect();
        let all: Vec<_> = stream.range(Id::MIN, Id::MAX).map(fields_of).collect();
        prop_assert_eq!(&all, &expected);
        let mut back: Vec<_> = stream.range_back(Id::MIN, Id::MAX).map(fields_of).collect();
        back.reverse();
        prop_assert_eq!(&back, &expected);
        let (from, to) = (Id { ms: 3, seq: 0 }, Id { ms: 9, seq: 2 });
        let part = model.range(from..=to).map(|(id, _)| *id);
        prop_assert!(stream.range(from, to).map(|entry| entry.id).eq(part.clone()));
        prop_assert!(stream.range_back(from, to).map(|entry| entry.id).eq(part.rev()));
        let counted: usize = stream.nodes.iter().map(node::Node::memory_bytes).sum();
        prop_assert_eq!(stream.node_bytes, counted);
        let copy = restored(&payload_of(&stream)).unwrap();
        prop_assert!(copy.range(Id::MIN, Id::MAX).map(fields_of).eq(expected));
        prop_assert_eq!((copy.len, copy.first_id, copy.last_id), (stream.len, stream.first_id, stream.last_id));
        prop_assert_eq!((copy.max_deleted, copy.entries_added), (stream.max_deleted, stream.entries_added));
    }

    #[test]
    fn damaged_payload_is_survived(at in 0_usize..2000, byte: u8) {
        let payload = payload_of(&with_groups());
        let mut body = payload[..payload.len() - 8].to_vec();
        let at = at % (body.len() - 2);
        body[at] = byte;
        let sum = crate::formats::crc64::crc64(&body).to_le_bytes();
        body.extend_from_slice(&sum);
        if let Ok(stream) = restored(&body) {
            stream.range(Id::MIN, Id::MAX).for_each(|entry| drop(fields_of(entry)));
            stream.range_back(Id::MIN, Id::MAX).for_each(|entry| drop(fields_of(entry)));
        }
    }
}

/// Some nodes, deleted entries, and two groups.
fn with_groups() -> Stream {
    let limits = StreamLimits { node_bytes_max: 4096, node_entries_max: 5 };
    let mut stream = Stream::default();
    for ms in 1..=18 {
        let fields = if ms % 3 == 0 { flat("a 1 b two") } else { flat("a -70000") };
        append(&mut stream, Id { ms, seq: ms }, &fields, &limits);
    }
    stream.delete(Id { ms: 4, seq: 4 });
    for (name, consumers) in [("first", 3), ("second", 1)] {
        let mut group = Group::new(Id { ms: 9, seq: 9 }, Some(8));
        for consumer in 0..consumers {
            group.add_consumer(format!("consumer {consumer}").as_bytes(), 1_000);
        }
        for ms in 1..=9 {
            group.deliver(Id { ms, seq: ms }, ms as u32 % consumers, 500 + ms as i64);
        }
        stream.groups.insert(name.as_bytes().into(), group);
    }
    stream
}

#[test]
fn parts_of_a_dump_join_to_the_whole() {
    let stream = with_groups();
    let mut whole = Vec::new();
    assert_eq!(stream.write_rdb(0, usize::MAX, &mut RdbOutput::new(&mut whole, &mut None)), 0);
    for elements in [1, 2, 3, 7, 20] {
        let (mut joined, mut cursor, mut parts) = (Vec::new(), 0, 0);
        loop {
            cursor = stream.write_rdb(cursor, elements, &mut RdbOutput::new(&mut joined, &mut None));
            parts += 1;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(joined, whole, "{elements}");
        assert!(parts > 1);
    }
}

#[test]
fn groups_survive_a_dump() {
    let stream = with_groups();
    let copy = restored(&payload_of(&stream)).unwrap();
    for (name, group) in &stream.groups {
        let other = &copy.groups[name];
        assert!(group.pending().iter().eq(other.pending().iter()));
        assert_eq!((group.last_id, group.entries_read), (other.last_id, other.entries_read));
        for (mine, theirs) in group.consumers().zip(other.consumers()) {
            assert_eq!((&mine.name, mine.seen_ms.get()), (&theirs.name, theirs.seen_ms.get()));
            assert!(mine.pending.iter().eq(theirs.pending.iter()));
        }
    }
    assert_eq!(payload_of(&copy), payload_of(&stream));
}

#[test]
fn every_cut_of_a_payload_is_refused() {
    let payload = payload_of(&with_groups());
    for end in 1..payload.len() - 10 {
        let mut cut = payload[..end].to_vec();
        cut.extend_from_slice(&10_u16.to_le_bytes());
        let sum = crate::formats::crc64::crc64(&cut).to_le_bytes();
        cut.extend_from_slice(&sum);
        assert!(restored(&cut).is_err(), "{end}");
    }
}

#[test]
fn pending_entries_have_one_owner() {
    let mut group = Group::new(Id::MIN, None);
    let (a, b) = (group.add_consumer(b"a", 0), group.add_consumer(b"b", 0));
    for ms in 1..=1000 {
        group.deliver(Id { ms, seq: 0 }, if ms % 2 == 0 { a } else { b }, 7);
    }
    group.set_owner(Id { ms: 2, seq: 0 }, b);
    group.deliver(Id { ms: 4, seq: 0 }, b, 9);
    assert!(group.acknowledge(Id { ms: 1, seq: 0 }) && !group.acknowledge(Id { ms: 1, seq: 0 }));
    let len = |index| group.consumer(index).unwrap().pending.len();
    assert_eq!((len(a), len(b), group.pending().len()), (498, 501, 999));
    assert_eq!(group.remove_consumer(b"a"), Some(498));
    assert_eq!((group.pending().len(), group.consumers_len()), (501, 1));
}

#[test]
fn rebuild_commands_make_an_equal_stream() {
    for stream in [with_groups(), Stream { last_id: Id { ms: 7, seq: 0 }, ..Stream::default() }] {
        let mut bench = Bench::new(&[("stream-node-max-entries", "5")]);
        let client = bench.client();
        stream.rebuild(b"k", &mut |args| {
            let reply = bench.call(client, args);
            assert!(!reply.starts_with('-'), "{reply}");
        });
        let key = bench.engine.keyspace.dbs[0].key(b"k");
        let Some(ValueRef::Stream(copy)) = bench.engine.keyspace.dbs[0].get(&key).map(|entry| entry.value())
        else {
            panic!("there is a stream");
        };
        assert!(copy
            .range(Id::MIN, Id::MAX)
            .map(fields_of)
            .eq(stream.range(Id::MIN, Id::MAX).map(fields_of)));
        assert_eq!((copy.last_id, copy.max_deleted), (stream.last_id, stream.max_deleted));
        assert_eq!(copy.entries_added, stream.entries_added);
        for (name, group) in &stream.groups {
            let other = &copy.groups[name];
            assert_eq!((group.last_id, group.entries_read), (other.last_id, other.entries_read));
            assert_eq!(group.consumers_len(), other.consumers_len());
            // An entry that is gone cannot be claimed any more.
            assert_eq!(group.pending().len(), other.pending().len() + 1);
        }
    }
}

#[test]
fn reader_waits_for_new_entries_only() {
    let mut bench = Bench::new(&[]);
    let (reader, writer) = (bench.client(), bench.client());
    bench.say(writer, "XADD k 1-1 a old");
    assert_eq!(bench.say(reader, "XREAD BLOCK 0 STREAMS k other $ 0"), "");
    bench.say(writer, "DEL k");
    assert_eq!(bench.heard(reader), "");
    bench.say(writer, "XADD k 2-1 a new");
    assert_eq!(bench.heard(reader), "*1 *2 $1 k *1 *2 $3 2-1 *2 $1 a $3 new");
    assert_eq!(bench.say(reader, "XREAD BLOCK 50 STREAMS k $"), "");
    bench.advance(50);
    bench.engine.end_turn();
    assert_eq!(bench.heard(reader), "*-1");
}

#[test]
fn group_readers_share_entries_in_order_of_arrival() {
    let mut bench = Bench::new(&[]);
    let (first, second, writer) = (bench.client(), bench.client(), bench.client());
    bench.say(writer, "XGROUP CREATE k g $ MKSTREAM");
    bench.say(first, "XREADGROUP GROUP g one BLOCK 0 STREAMS k >");
    bench.say(second, "XREADGROUP GROUP g two BLOCK 0 COUNT 1 STREAMS k >");
    bench.say(writer, "XADD k 1-1 a 1");
    assert_eq!(bench.heard(first), "*1 *2 $1 k *1 *2 $3 1-1 *2 $1 a $1 1");
    assert_eq!(bench.heard(second), "");
    for line in ["MULTI", "XADD k 2-1 a 2", "XADD k 3-1 a 3", "EXEC"] {
        bench.say(writer, line);
    }
    assert_eq!(bench.heard(second), "*1 *2 $1 k *1 *2 $3 2-1 *2 $1 a $1 2");
    assert_eq!(bench.say(writer, "XPENDING k g"), "*4 :2 $3 1-1 $3 2-1 *2 *2 $3 one $1 1 *2 $3 two $1 1");
}

#[test]
fn waiting_group_reader_hears_what_went() {
    for (line, heard) in [
        ("DEL k", "-UNBLOCKED the stream key no longer exists"),
        ("SET k 1", "-UNBLOCKED the stream key no longer exists"),
        ("XGROUP DESTROY k g", "-NOGROUP the consumer group this client was blocked on no longer exists"),
    ] {
        let mut bench = Bench::new(&[]);
        let (reader, writer) = (bench.client(), bench.client());
        bench.say(writer, "XGROUP CREATE k g $ MKSTREAM");
        assert_eq!(bench.say(reader, "XREADGROUP GROUP g one BLOCK 0 STREAMS k >"), "");
        bench.say(writer, line);
        assert_eq!(bench.heard(reader), heard);
    }
}
