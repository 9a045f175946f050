//! Commands that count: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.

use crate::base::long_double::LongDouble;
use crate::base::numbers::parse_i64;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::{Ttl, ValueRef};
use crate::resp::failure::{NOT_AN_INTEGER, NOT_A_FLOAT, WRONG_TYPE};

const FLAGS: Flags = Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST);
const KEY: &[KeySpec] = &[KeySpec::one(1, "RW ACCESS UPDATE")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("incr", 2, Group::String, incr).flags(FLAGS).keys(KEY).docs(
        "1.0.0",
        "O(1)",
        "key",
        "Adds one to the integer at a key; a missing key counts as 0.",
    ),
    Command::new("decr", 2, Group::String, decr).flags(FLAGS).keys(KEY).docs(
        "1.0.0",
        "O(1)",
        "key",
        "Takes one from the integer at a key; a missing key counts as 0.",
    ),
    Command::new("incrby", 3, Group::String, incrby).flags(FLAGS).keys(KEY).docs(
        "1.0.0",
        "O(1)",
        "key increment",
        "Adds to the integer at a key; a missing key counts as 0.",
    ),
    Command::new("decrby", 3, Group::String, decrby).flags(FLAGS).keys(KEY).docs(
        "1.0.0",
        "O(1)",
        "key decrement",
        "Takes from the integer at a key; a missing key counts as 0.",
    ),
    Command::new("incrbyfloat", 3, Group::String, incrbyfloat).flags(FLAGS).keys(KEY).docs(
        "2.6.0",
        "O(1)",
        "key increment:double",
        "Adds to the floating point number at a key; a missing key counts as 0.",
    ),
];

fn incr(ctx: &mut Ctx<'_>) -> Outcome {
    add(ctx, 1)
}

fn decr(ctx: &mut Ctx<'_>) -> Outcome {
    add(ctx, -1)
}

fn incrby(ctx: &mut Ctx<'_>) -> Outcome {
    let increment = ctx.int_arg(2)?;
    add(ctx, increment)
}

fn decrby(ctx: &mut Ctx<'_>) -> Outcome {
    let decrement = ctx.int_arg(2)?;
    let increment = decrement.checked_neg().ok_or(Failure::Text("ERR decrement would overflow"))?;
    add(ctx, increment)
}

fn add(ctx: &mut Ctx<'_>, increment: i64) -> Outcome {
    let key = ctx.key(1);
    let old = match ctx.find(&key).map(|entry| entry.value()) {
        None => None,
        Some(ValueRef::Int(value)) => Some(value),
        Some(ValueRef::Bytes(text)) => Some(parse_i64(text).ok_or(NOT_AN_INTEGER)?),
        Some(_) => return Err(WRONG_TYPE),
    };
    let new = old
        .unwrap_or(0)
        .checked_add(increment)
        .ok_or(Failure::Text("ERR increment or decrement would overflow"))?;
    let clock = ctx.clock_to_store(&key, true);
    ctx.db().set_int(&key, new, Ttl::Keep, clock);
    ctx.string_stored(&key, old.is_some(), "incrby");
    ctx.int(new)
}

fn incrbyfloat(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let old = match ctx.find(&key).map(|entry| entry.value()) {
        None => None,
        Some(value) => {
            let mut digits = itoa::Buffer::new();
            let text = value.string(&mut digits).ok_or(WRONG_TYPE)?;
            Some(LongDouble::parse(text).ok_or(NOT_A_FLOAT)?)
        }
    };
    let increment = LongDouble::parse(ctx.arg(2)).ok_or(NOT_A_FLOAT)?;
    let sum = old.unwrap_or_default().plus(increment);
    let Some(text) = sum.to_text() else {
        return Err(Failure::Text("ERR increment would produce NaN or Infinity"));
    };
    let clock = ctx.clock_to_store(&key, true);
    ctx.db().set_text(&key, text.as_bytes(), Ttl::Keep, clock);
    ctx.string_stored(&key, old.is_some(), "incrbyfloat");
    // Replicas store the result, so that no difference in arithmetic can add up.
    ctx.propagate(&[b"SET", key.bytes, text.as_bytes(), b"KEEPTTL"]);
    ctx.reply().bulk(text.as_bytes());
    Ok(())
}
