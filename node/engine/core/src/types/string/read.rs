//! Commands that read strings: GET, MGET, STRLEN, GETRANGE, SUBSTR; and GETEX and GETDEL, which change the key.

use super::options::{string_len, StringOptions};
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::keyspace::ValueRef;
use crate::resp::failure::WRONG_TYPE;
use crate::settings::NotifyClass;

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = Flags::READONLY.union(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.union(Flags::FAST);
const READ_KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("get", 2, Group::String, get).flags(READ_FAST).keys(READ_KEY).docs(
        "1.0.0",
        "O(1)",
        "key",
        "Answers the string at a key.",
    ),
    Command::new("mget", -2, Group::String, mget).tips("request_policy:multi_shard")
        .flags(READ_FAST)
        .keys(&[KeySpec::range(1, -1, 1, "RO ACCESS")])
        .docs("1.0.0", "O(N) with the number of keys", "key [key ...]", "Answers the strings at several keys."),
    Command::new("strlen", 2, Group::String, strlen).flags(READ_FAST).keys(&[KeySpec::one(1, "RO")]).docs(
        "2.2.0",
        "O(1)",
        "key",
        "Tells the length of the string at a key.",
    ),
    Command::new("getrange", 4, Group::String, getrange).flags(READ).keys(READ_KEY).docs(
        "2.4.0",
        "O(N) with the length of the answer",
        "key start end",
        "Answers a part of the string at a key.",
    ),
    Command::new("substr", 4, Group::String, getrange).deprecated("2.0.0", "`GETRANGE`").flags(READ).keys(READ_KEY).docs(
        "1.0.0",
        "O(N) with the length of the answer",
        "key start end",
        "The old name of GETRANGE.",
    ),
    Command::new("getex", -2, Group::String, getex)
        .flags(WRITE_FAST)
        .keys(&[KeySpec::one(1, "RW ACCESS UPDATE")])
        .docs(
            "6.2.0",
            "O(1)",
            "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
            "Answers the string at a key and sets or removes its expiry.",
        ),
    Command::new("getdel", 2, Group::String, getdel)
        .flags(WRITE_FAST)
        .keys(&[KeySpec::one(1, "RW ACCESS DELETE")])
        .docs("6.2.0", "O(1)", "key", "Answers the string at a key and deletes the key."),
];

fn get(ctx: &mut Ctx<'_>) -> Outcome {
    reply_string(ctx).map(drop)
}

/// Answers the string at the first key, or null. Tells whether the key was there.
pub(super) fn reply_string(ctx: &mut Ctx<'_>) -> Result<bool, crate::dispatch::Failure> {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| match entry.map(|entry| entry.value()) {
        None => {
            reply.null();
            Ok(false)
        }
        Some(ValueRef::Bytes(bytes)) => {
            reply.bulk(bytes);
            Ok(true)
        }
        Some(ValueRef::Int(value)) => {
            reply.bulk_int(value);
            Ok(true)
        }
        Some(_) => Err(WRONG_TYPE),
    })
}

fn mget(ctx: &mut Ctx<'_>) -> Outcome {
    let keys = ctx.args.len() - 1;
    ctx.reply().array(keys);
    for index in 1..=keys {
        let key = ctx.key(index);
        ctx.read_with(&key, |entry, reply| match entry.map(|entry| entry.value()) {
            Some(ValueRef::Bytes(bytes)) => reply.bulk(bytes),
            Some(ValueRef::Int(value)) => reply.bulk_int(value),
            _ => reply.null(),
        });
    }
    Ok(())
}

fn strlen(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let length = match ctx.read(&key) {
        None => 0,
        Some(entry) => string_len(entry.value()).ok_or(WRONG_TYPE)?,
    };
    ctx.int(length as i64)
}

fn getrange(ctx: &mut Ctx<'_>) -> Outcome {
    let (start, end) = (ctx.int_arg(2)?, ctx.int_arg(3)?);
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        let mut digits = itoa::Buffer::new();
        let text = match entry {
            None => &[][..],
            Some(entry) => entry.value().string(&mut digits).ok_or(WRONG_TYPE)?,
        };
        reply.bulk(part(text, start, end));
        Ok(())
    })
}

/// The bytes from `start` to `end` inclusive; negative positions count from the end.
fn part(text: &[u8], start: i64, end: i64) -> &[u8] {
    let length = text.len() as i64;
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let from_end =
        |position: i64| if position < 0 { length.saturating_add(position).max(0) } else { position };
    let (start, end) = (from_end(start), from_end(end).min(length - 1));
    if start > end {
        return &[];
    }
    text.get(start as usize..=end as usize).unwrap_or_default()
}

fn getex(ctx: &mut Ctx<'_>) -> Outcome {
    let options = StringOptions::parse(ctx, 2, false)?;
    let key = ctx.key(1);
    match ctx.read(&key) {
        None => {
            ctx.reply().null();
            return Ok(());
        }
        Some(entry) if string_len(entry.value()).is_none() => return Err(WRONG_TYPE),
        Some(_) => {}
    }
    let expiry = options.expiry_ms(ctx)?;
    reply_string_again(ctx);
    let is_absolute = options.expiry.is_some_and(|(unit, _)| unit.absolute);
    match expiry {
        // A time to come may have passed by the time a command arrives; then the key goes.
        Some(at_ms) if is_absolute && at_ms <= ctx.now_ms() && !ctx.engine.replication.is_replica() => {
            ctx.delete_and_propagate(&key);
        }
        Some(at_ms) => ctx.expire_and_propagate(&key, at_ms, &[]),
        None if options.persist && ctx.persist(&key) => ctx.propagate(&[b"PERSIST", key.bytes]),
        None => {}
    }
    Ok(())
}

/// The reply of a key that has been looked up already.
fn reply_string_again(ctx: &mut Ctx<'_>) {
    let key = ctx.key(1);
    let mut reply = crate::resp::reply::Reply::new(&mut ctx.session.out, ctx.session.resp);
    let mut digits = itoa::Buffer::new();
    let entry = ctx.engine.keyspace.dbs[ctx.session.db].get(&key);
    reply.bulk_or_null(entry.and_then(|entry| entry.value().string(&mut digits)));
}

fn getdel(ctx: &mut Ctx<'_>) -> Outcome {
    if reply_string(ctx)? {
        let key = ctx.key(1);
        ctx.db().delete(&key);
        ctx.propagate(&[b"DEL", key.bytes]);
        ctx.changed(key.bytes, NotifyClass::GENERIC, "del", 1);
    }
    Ok(())
}
