//! Commands that change bits: SETBIT, BITOP.

use std::borrow::Cow;

use super::access::{bit_offset, change_bytes, make_room, store_bytes};
use super::value::bits::{self, Combine};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::{SYNTAX, WRONG_TYPE};
use crate::settings::NotifyClass;

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("setbit", 4, Group::Bitmap, setbit)
        .flags(STORE)
        .keys(&[KeySpec::one(1, "RW ACCESS UPDATE")])
        .docs(
            "2.2.0",
            "O(1)",
            "key offset value",
            "Sets or clears one bit of the string at a key and answers what it was.",
        ),
    Command::new("bitop", -4, Group::Bitmap, bitop)
        .flags(STORE)
        .keys(&[KeySpec::one(2, "OW UPDATE"), KeySpec::range(3, -1, 1, "RO ACCESS")])
        .docs(
            "2.6.0",
            "O(N) with the length of the longest string",
            "operation=<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]",
            "Combines strings bit by bit and stores the result.",
        ),
];

fn setbit(ctx: &mut Ctx<'_>) -> Outcome {
    let bit = bit_offset(ctx, ctx.arg(2), None)?;
    let on = match ctx.arg(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(Failure::Text("ERR bit is not an integer or out of range")),
    };
    let key = ctx.key(1);
    let (has_grown, existed) = make_room(ctx, &key, bit)?;
    let was_on = !has_grown && {
        let entry = ctx.find_quietly(&key);
        let mut digits = itoa::Buffer::new();
        entry.and_then(|entry| entry.value().string(&mut digits)).is_some_and(|text| bits::get(text, bit))
    };
    if was_on != on {
        change_bytes(ctx, &key, |bytes| bits::set(bytes, bit, on));
    }
    if has_grown || was_on != on {
        ctx.string_stored(&key, existed, "setbit");
    } else {
        ctx.db().make_raw(&key);
    }
    ctx.int(was_on.into())
}

/// The operation of this name, and the least and largest number of its sources.
fn operation(name: &[u8]) -> Option<Combine> {
    const NAMES: [(&str, Combine); 8] = [
        ("and", Combine::And),
        ("or", Combine::Or),
        ("xor", Combine::Xor),
        ("not", Combine::Not),
        ("diff", Combine::Diff),
        ("diff1", Combine::Diff1),
        ("andor", Combine::AndOr),
        ("one", Combine::One),
    ];
    NAMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(_, how)| *how)
}

/// Refuses a number of sources that the operation makes no sense of.
fn check_sources(how: Combine, sources: usize) -> Outcome {
    let text = match how {
        Combine::Not if sources > 1 => "ERR BITOP NOT must be called with a single source key.",
        Combine::Diff if sources < 2 => "ERR BITOP DIFF must be called with at least two source keys.",
        Combine::Diff1 if sources < 2 => "ERR BITOP DIFF1 must be called with at least two source keys.",
        Combine::AndOr if sources < 2 => "ERR BITOP ANDOR must be called with at least two source keys.",
        _ => return Ok(()),
    };
    Err(Failure::Text(text))
}

fn bitop(ctx: &mut Ctx<'_>) -> Outcome {
    let how = operation(ctx.arg(1)).ok_or(SYNTAX)?;
    check_sources(how, ctx.args.len() - 3)?;
    // Counted, touched and, where their time has come, deleted first; looked at together afterwards.
    let mut is_there = Vec::with_capacity(ctx.args.len() - 3);
    for index in 3..ctx.args.len() {
        let key = ctx.key(index);
        is_there.push(match ctx.read(&key) {
            None => false,
            Some(entry) if entry.value().is_string() => true,
            Some(_) => return Err(WRONG_TYPE),
        });
    }
    let db = &ctx.engine.keyspace.dbs[ctx.session.db];
    let source = |(index, is_there): (usize, &bool)| -> Cow<'_, [u8]> {
        let entry = if *is_there { db.get(&ctx.key(3 + index)) } else { None };
        match entry.map(|entry| entry.value()) {
            Some(crate::keyspace::ValueRef::Bytes(bytes)) => Cow::Borrowed(bytes),
            Some(crate::keyspace::ValueRef::Int(number)) => Cow::Owned(number.to_string().into_bytes()),
            _ => Cow::Borrowed(&[]),
        }
    };
    let sources: Vec<Cow<'_, [u8]>> = is_there.iter().enumerate().map(source).collect();
    let slices: Vec<&[u8]> = sources.iter().map(|source| &**source).collect();
    let result = bits::combine(how, &slices);
    let (key, length) = (ctx.key(2), result.len());
    if length > 0 {
        let (db, kind) = (ctx.session.db, ctx.session.origin);
        ctx.engine.expire_if_due(db, &key, kind);
        let existed = store_bytes(ctx, &key, result);
        ctx.string_stored(&key, existed, "set");
    } else if ctx.find(&key).is_some() {
        ctx.db().delete(&key);
        ctx.changed(key.bytes, NotifyClass::GENERIC, "del", 1);
    }
    ctx.int(length as i64)
}
