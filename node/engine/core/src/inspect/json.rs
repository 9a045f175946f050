//! Keys with their values as lines of JSON.
//!
//! ```text
//! {"db":0,"key":"user:1","type":"hash","expire_at_ms":null,"value":{"name":"alice"}}
//! ```
//!
//! Strings are UTF-8. A byte that is not part of any becomes `\udc80` to `\udcff`, a code that no UTF-8
//! yields, so nothing is lost: Python's `surrogateescape` turns it back. Scores without digits are the
//! strings `inf` and `-inf`.

use std::io::Write as _;

use super::KeyInfo;
use crate::snapshot::skip::KnownValue;
use crate::snapshot::RdbEntry;
use crate::types::hash::Hash;
use crate::types::stream::{Id, Stream};
use crate::types::{Value, ValueRef};

/// Appends the line of a key.
pub fn write_line(out: &mut Vec<u8>, info: &KeyInfo<'_>, entry: &RdbEntry<KnownValue>) {
    raw(out, format_args!("{{\"db\":{},\"key\":", info.db));
    string(out, info.key);
    out.extend_from_slice(b",\"type\":");
    string(out, info.type_name.as_bytes());
    match info.expire_at_ms {
        Some(at) => raw(out, format_args!(",\"expire_at_ms\":{at}")),
        None => out.extend_from_slice(b",\"expire_at_ms\":null"),
    }
    if let Some(idle) = info.idle_seconds {
        raw(out, format_args!(",\"idle_seconds\":{idle}"));
    }
    if let Some(frequency) = info.frequency {
        raw(out, format_args!(",\"frequency\":{frequency}"));
    }
    out.extend_from_slice(b",\"value\":");
    match &entry.value {
        KnownValue::Value(value) => write_value(out, value),
        KnownValue::Foreign(_) => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b"}\n");
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    let mut digits = itoa::Buffer::new();
    match value.as_value() {
        ValueRef::Int(number) => string(out, digits.format(number).as_bytes()),
        ValueRef::Bytes(bytes) => string(out, bytes),
        ValueRef::List(list) => array(out, list.iter(), |out, item| string(out, item.spell(&mut digits))),
        ValueRef::Set(set) => array(out, set.iter(), |out, item| string(out, item.spell(&mut digits))),
        ValueRef::SortedSet(set) => object(out, set.iter(), |out, (member, score)| {
            string(out, member.spell(&mut digits));
            out.push(b':');
            number(out, score);
        }),
        ValueRef::Hash(hash) => write_hash(out, hash),
        ValueRef::Stream(stream) => write_stream(out, stream),
        ValueRef::Bloom(bloom) => raw(
            out,
            format_args!(
                "{{\"items\":{},\"capacity\":{},\"filters\":{}}}",
                bloom.items(),
                bloom.capacity(),
                bloom.filters()
            ),
        ),
    }
}

/// The fields; those that expire are followed by their times, in an object of their own.
fn write_hash(out: &mut Vec<u8>, hash: &Hash) {
    let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
    object(out, hash.iter(), |out, (field, value)| {
        string(out, field.spell(&mut first));
        out.push(b':');
        string(out, value.spell(&mut second));
    });
    let due = hash.iter().filter_map(|(field, _)| Some((field, hash.due(field.spell(&mut first))?)));
    let due: Vec<_> = due.collect();
    if !due.is_empty() {
        out.extend_from_slice(b",\"fields_expire_at_ms\":");
        object(out, due.into_iter(), |out, (field, at)| {
            string(out, field.spell(&mut second));
            raw(out, format_args!(":{at}"));
        });
    }
}

fn write_stream(out: &mut Vec<u8>, stream: &Stream) {
    let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
    out.extend_from_slice(b"{\"entries\":");
    array(out, stream.range(Id::MIN, Id::MAX), |out, entry| {
        out.extend_from_slice(b"{\"id\":");
        string(out, entry.id.to_text().as_bytes());
        // A field may occur twice, so this is a list of pairs.
        out.extend_from_slice(b",\"fields\":");
        array(out, entry.fields, |out, (field, value)| {
            out.push(b'[');
            string(out, field.spell(&mut first));
            out.push(b',');
            string(out, value.spell(&mut second));
            out.push(b']');
        });
        out.push(b'}');
    });
    out.extend_from_slice(b",\"last_id\":");
    string(out, stream.last_id().to_text().as_bytes());
    out.extend_from_slice(b",\"groups\":");
    array(out, stream.groups(), |out, (name, group)| {
        out.extend_from_slice(b"{\"name\":");
        string(out, name);
        out.extend_from_slice(b",\"last_id\":");
        string(out, group.last_id.to_text().as_bytes());
        out.extend_from_slice(b",\"pending\":");
        array(out, group.pending().iter(), |out, pending| {
            out.extend_from_slice(b"{\"id\":");
            string(out, pending.id.to_text().as_bytes());
            out.extend_from_slice(b",\"consumer\":");
            string(out, group.name_of(pending.consumer));
            raw(
                out,
                format_args!(
                    ",\"delivered_ms\":{},\"deliveries\":{}}}",
                    pending.delivered_ms, pending.deliveries
                ),
            );
        });
        out.extend_from_slice(b",\"consumers\":");
        array(out, group.consumers(), |out, consumer| string(out, &consumer.name));
        out.push(b'}');
    });
    out.push(b'}');
}

fn raw(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

fn number(out: &mut Vec<u8>, number: f64) {
    match number {
        f64::INFINITY => string(out, b"inf"),
        f64::NEG_INFINITY => string(out, b"-inf"),
        finite => out.extend_from_slice(crate::base::numbers::format_double(finite).as_bytes()),
    }
}

fn array<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, write: impl FnMut(&mut Vec<u8>, T)) {
    enclosed(out, b"[]", items, write);
}

fn object<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, write: impl FnMut(&mut Vec<u8>, T)) {
    enclosed(out, b"{}", items, write);
}

fn enclosed<T>(
    out: &mut Vec<u8>,
    brackets: &[u8; 2],
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(brackets[0]);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(brackets[1]);
}

/// A string in quotes; see the module's documentation for what is not UTF-8.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for piece in text.utf8_chunks() {
        let mut rest = piece.valid().as_bytes();
        while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
            out.extend_from_slice(&rest[..at]);
            match rest[at] {
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                control if control < 0x20 => raw(out, format_args!("\\u{control:04x}")),
                other => out.extend_from_slice(&[b'\\', other]),
            }
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
        piece.invalid().iter().for_each(|byte| raw(out, format_args!("\\udc{byte:02x}")));
    }
    out.push(b'"');
}
