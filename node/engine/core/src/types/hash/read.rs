//! Commands that look into a hash: HGET and its kin.

use super::access::{hash_of, live_of, write_item};
use super::Hash;
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::formats::packed::Item;
use crate::resp::reply::Reply;

const FAST: Flags = Flags::READONLY.union(Flags::FAST);
const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];
/// For commands that tell about a hash, not what is in it.
const KEY_ABOUT: &[KeySpec] = &[KeySpec::one(1, "RO")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("hget", 3, Group::Hash, hget).flags(FAST).keys(KEY).docs(
        "2.0.0",
        "O(1)",
        "key field",
        "Answers the value of a field.",
    ),
    Command::new("hmget", -3, Group::Hash, hmget).flags(FAST).keys(KEY).docs(
        "2.0.0",
        "O(N) with the number of fields asked for",
        "key field [field ...]",
        "Answers the values of several fields.",
    ),
    Command::new("hgetall", 2, Group::Hash, hgetall)
        .tips("nondeterministic_output_order")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs("2.0.0", "O(N) with the size of the hash", "key", "Answers all fields with their values."),
    Command::new("hkeys", 2, Group::Hash, hkeys)
        .tips("nondeterministic_output_order")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs("2.0.0", "O(N) with the size of the hash", "key", "Answers all fields."),
    Command::new("hvals", 2, Group::Hash, hvals)
        .tips("nondeterministic_output_order")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs("2.0.0", "O(N) with the size of the hash", "key", "Answers the values of all fields."),
    Command::new("hlen", 2, Group::Hash, hlen).flags(FAST).keys(KEY_ABOUT).docs(
        "2.0.0",
        "O(1)",
        "key",
        "Answers the number of fields.",
    ),
    Command::new("hstrlen", 3, Group::Hash, hstrlen).flags(FAST).keys(KEY_ABOUT).docs(
        "3.2.0",
        "O(1)",
        "key field",
        "Answers the length of the value of a field.",
    ),
    Command::new("hexists", 3, Group::Hash, hexists).flags(FAST).keys(KEY_ABOUT).docs(
        "2.0.0",
        "O(1)",
        "key field",
        "Tells whether a field is there.",
    ),
];

fn hget(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, field) = (ctx.key(1), ctx.arg(2));
    let now_ms = ctx.field_clock();
    ctx.read_with(&key, |entry, reply| {
        write_value(reply, live_of(entry, now_ms)?.and_then(|hash| hash.get(field)));
        Ok(())
    })
}

fn hmget(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, fields) = (ctx.key(1), ctx.args.iter_from(2));
    let now_ms = ctx.field_clock();
    ctx.read_with(&key, |entry, reply| {
        let hash = live_of(entry, now_ms)?;
        reply.array(fields.len());
        for field in fields {
            write_value(reply, hash.and_then(|hash| hash.get(field)));
        }
        Ok(())
    })
}

fn write_value(reply: &mut Reply<'_>, value: Option<Item<'_>>) {
    match value {
        Some(value) => write_item(reply, value),
        None => reply.null(),
    }
}

fn hgetall(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let now_ms = ctx.field_clock();
    ctx.read_with(&key, |entry, reply| {
        let hash = live_of(entry, now_ms)?;
        reply.map(hash.map_or(0, |hash| hash.len()));
        for (field, value) in hash.into_iter().flat_map(|hash| hash.iter()) {
            write_item(reply, field);
            write_item(reply, value);
        }
        Ok(())
    })
}

fn hkeys(ctx: &mut Ctx<'_>) -> Outcome {
    write_all(ctx, |(field, _)| field)
}

fn hvals(ctx: &mut Ctx<'_>) -> Outcome {
    write_all(ctx, |(_, value)| value)
}

/// Answers one half of every entry.
fn write_all(ctx: &mut Ctx<'_>, half: impl for<'h> Fn((Item<'h>, Item<'h>)) -> Item<'h>) -> Outcome {
    let key = ctx.key(1);
    let now_ms = ctx.field_clock();
    ctx.read_with(&key, |entry, reply| {
        let hash = live_of(entry, now_ms)?;
        reply.array(hash.map_or(0, |hash| hash.len()));
        for entry in hash.into_iter().flat_map(|hash| hash.iter()) {
            write_item(reply, half(entry));
        }
        Ok(())
    })
}

fn hlen(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        reply.int(hash_of(entry)?.map_or(0, Hash::len) as i64);
        Ok(())
    })
}

fn hstrlen(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, field) = (ctx.key(1), ctx.arg(2));
    let now_ms = ctx.field_clock();
    ctx.read_with(&key, |entry, reply| {
        let value = live_of(entry, now_ms)?.and_then(|hash| hash.get(field));
        reply.int(value.map_or(0, |value| value.len()) as i64);
        Ok(())
    })
}

fn hexists(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, field) = (ctx.key(1), ctx.arg(2));
    let now_ms = ctx.field_clock();
    ctx.read_with(&key, |entry, reply| {
        reply.int(live_of(entry, now_ms)?.is_some_and(|hash| hash.contains(field)).into());
        Ok(())
    })
}
