//! Commands that store strings whole: SET and its older relatives, GETSET, MSET, MSETNX, MSETEX.

use super::options::{StringOptions, TimeUnit};
use super::read::reply_string;
use crate::dispatch::keys::{Access, Find};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::{KeyRef, Ttl};
use crate::resp::failure::{SYNTAX, WRONG_TYPE};
use crate::resp::Args;
use crate::settings::NotifyClass;

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);
const STORE_FAST: Flags = STORE.union(Flags::FAST);
const UPDATE_KEY: &[KeySpec] = &[KeySpec::one(1, "OW UPDATE")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("set", -3, Group::String, set)
        .flags(STORE)
        .keys(&[KeySpec::one(1, "RW ACCESS UPDATE VARIABLE_FLAGS").by_options(access_of_set)])
        .docs(
            "1.0.0",
            "O(1)",
            "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | KEEPTTL]",
            "Stores a string at a key, whatever the key held before.",
        ),
    Command::new("setnx", 3, Group::String, setnx).deprecated("2.6.12", "`SET` with `NX`")
        .flags(STORE_FAST)
        .keys(&[KeySpec::one(1, "OW INSERT")])
        .docs("1.0.0", "O(1)", "key value", "Stores a string at a key if there is no such key."),
    Command::new("setex", 4, Group::String, setex).deprecated("2.6.12", "`SET` with `PX` or `EX`").flags(STORE).keys(UPDATE_KEY).docs(
        "2.0.0",
        "O(1)",
        "key seconds value",
        "Stores a string at a key that expires after some seconds.",
    ),
    Command::new("psetex", 4, Group::String, psetex).deprecated("2.6.12", "`SET` with `PX` or `EX`").flags(STORE).keys(UPDATE_KEY).docs(
        "2.6.0",
        "O(1)",
        "key milliseconds value",
        "Stores a string at a key that expires after some milliseconds.",
    ),
    Command::new("getset", 3, Group::String, getset).deprecated("6.2.0", "`SET` with `GET`")
        .flags(STORE_FAST)
        .keys(&[KeySpec::one(1, "RW ACCESS UPDATE")])
        .docs("1.0.0", "O(1)", "key value", "Stores a string at a key and answers what was there before."),
    Command::new("mset", -3, Group::String, mset).tips("request_policy:multi_shard response_policy:all_succeeded")
        .flags(STORE)
        .keys(&[KeySpec::range(1, -1, 2, "OW UPDATE")])
        .docs(
            "1.0.1",
            "O(N) with the number of keys",
            "key value [key value ...]",
            "Stores strings at several keys.",
        ),
    Command::new("msetex", -4, Group::String, msetex)
        .flags(STORE.union(Flags::MOVABLEKEYS))
        .keys(&[KeySpec {
            find: Find::KeyNum { index: 0, first: 1, step: 2 },
            ..KeySpec::counted(1, "OW UPDATE")
        }])
        .docs(
            "8.4.0",
            "O(N) with the number of keys",
            "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | KEEPTTL]",
            "Stores strings at several keys with one expiry, on a condition for all of them.",
        ),
    Command::new("msetnx", -3, Group::String, msetnx).tips("request_policy:multi_shard response_policy:agg_min")
        .flags(STORE)
        .keys(&[KeySpec::range(1, -1, 2, "OW INSERT")])
        .docs(
            "1.0.1",
            "O(N) with the number of keys",
            "key value [key value ...]",
            "Stores strings at several keys if none of them is there.",
        ),
];

/// SET reads its key only with GET and IFEQ.
fn access_of_set(args: Args<'_>) -> Access {
    let reads = |word: &[u8]| word.eq_ignore_ascii_case(b"get") || word.eq_ignore_ascii_case(b"ifeq");
    match args.iter_from(3).any(reads) {
        true => Access::of("RW ACCESS UPDATE"),
        false => Access::of("OW UPDATE"),
    }
}

fn set(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    if ctx.args.len() == 3 {
        store(ctx, &key, ctx.arg(2), Ttl::Clear);
        return ctx.ok();
    }
    let options = StringOptions::parse(ctx, 3, true)?;
    let expiry = options.expiry_ms(ctx)?;
    if options.get {
        reply_string(ctx)?;
    }
    let mut is_met = true;
    if options.if_missing || options.if_there {
        is_met = ctx.find(&key).is_some() == options.if_there;
    }
    if let Some(expected) = options.if_equal.filter(|_| is_met) {
        is_met = holds(ctx, &key, expected)?;
    }
    if !is_met {
        if !options.get {
            ctx.reply().null();
        }
        return Ok(());
    }
    match expiry {
        Some(at_ms) => store_with_expiry(ctx, &key, ctx.arg(2), at_ms),
        // A replica need not know IFEQ, and the condition has been met.
        None if options.if_equal.is_some() => store_as_plain_set(ctx, &key, ctx.arg(2), options.keep_ttl),
        None => {
            store(ctx, &key, ctx.arg(2), if options.keep_ttl { Ttl::Keep } else { Ttl::Clear });
            if options.get {
                propagate_without_get(ctx);
            }
        }
    }
    if !options.get {
        ctx.reply().ok();
    }
    Ok(())
}

/// Whether a key holds this string.
fn holds(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, expected: &[u8]) -> Result<bool, Failure> {
    let Some(entry) = ctx.find(key) else { return Ok(false) };
    match entry.value().string(&mut itoa::Buffer::new()) {
        Some(text) => Ok(text == expected),
        None => Err(WRONG_TYPE),
    }
}

/// Stores a string, replicated as a SET that every replica knows.
fn store_as_plain_set(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, value: &[u8], keep_ttl: bool) {
    store(ctx, key, value, if keep_ttl { Ttl::Keep } else { Ttl::Clear });
    match keep_ttl {
        true => ctx.propagate(&[b"SET", key.bytes, value, b"KEEPTTL"]),
        false => ctx.propagate(&[b"SET", key.bytes, value]),
    }
}

/// Replicas do not care what SET answers.
fn propagate_without_get(ctx: &mut Ctx<'_>) {
    let is_get = |index: usize, arg: &[u8]| index >= 3 && arg.eq_ignore_ascii_case(b"get");
    let args = ctx.args.iter_from(0).enumerate().filter(|(index, arg)| !is_get(*index, arg));
    let args: Vec<&[u8]> = args.map(|(_, arg)| arg).collect();
    ctx.propagate(&args);
}

/// Stores a string, replicated as the command was given.
#[inline]
fn store(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, value: &[u8], ttl: Ttl) {
    let (db, kind) = (ctx.session.db, ctx.session.origin);
    ctx.engine.expire_if_due(db, key, kind);
    let clock = ctx.clock_to_store(key, false);
    let existed = ctx.db().set_string(key, value, ttl, clock);
    ctx.string_stored(key, existed, "set");
}

/// Stores a string with an expiry; the replicas get the time at which it expires, not how long from now.
fn store_with_expiry(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, value: &[u8], at_ms: i64) {
    store(ctx, key, value, Ttl::At(at_ms));
    ctx.notify(NotifyClass::GENERIC, "expire", key.bytes);
    ctx.propagate(&[b"SET", key.bytes, value, b"PXAT", itoa::Buffer::new().format(at_ms).as_bytes()]);
}

fn setnx(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let is_missing = ctx.find(&key).is_none();
    if is_missing {
        store(ctx, &key, ctx.arg(2), Ttl::Clear);
    }
    ctx.int(i64::from(is_missing))
}

fn setex(ctx: &mut Ctx<'_>) -> Outcome {
    set_for(ctx, TimeUnit { seconds: true, absolute: false })
}

fn psetex(ctx: &mut Ctx<'_>) -> Outcome {
    set_for(ctx, TimeUnit { seconds: false, absolute: false })
}

fn set_for(ctx: &mut Ctx<'_>, unit: TimeUnit) -> Outcome {
    let at_ms = unit.expiry_ms(ctx, ctx.arg(2))?;
    let key = ctx.key(1);
    store_with_expiry(ctx, &key, ctx.arg(3), at_ms);
    ctx.ok()
}

fn getset(ctx: &mut Ctx<'_>) -> Outcome {
    reply_string(ctx)?;
    let (key, value) = (ctx.key(1), ctx.arg(2));
    store(ctx, &key, value, Ttl::Clear);
    ctx.propagate(&[b"SET", key.bytes, value]);
    Ok(())
}

fn mset(ctx: &mut Ctx<'_>) -> Outcome {
    check_pairs(ctx)?;
    store_pairs(ctx);
    ctx.ok()
}

fn msetnx(ctx: &mut Ctx<'_>) -> Outcome {
    check_pairs(ctx)?;
    for index in (1..ctx.args.len()).step_by(2) {
        let key = ctx.key(index);
        if ctx.find(&key).is_some() {
            return ctx.int(0);
        }
    }
    store_pairs(ctx);
    ctx.int(1)
}

/// SET for several keys at once; the options come last.
fn msetex(ctx: &mut Ctx<'_>) -> Outcome {
    let room = ctx.args.len() as i64 - 2;
    let pairs = ctx.int_arg_in(1, 1..=i64::from(i32::MAX), "ERR invalid numkeys value")?;
    if pairs * 2 > room {
        return Err(Failure::Text("ERR wrong number of key-value pairs"));
    }
    let end = 2 + 2 * pairs as usize;
    let options = StringOptions::parse(ctx, end, true)?;
    if options.get || options.if_equal.is_some() {
        return Err(SYNTAX);
    }
    let expiry = options.expiry_ms(ctx)?;
    let keys = (2..end).step_by(2);
    if options.if_missing || options.if_there {
        for index in keys.clone() {
            let key = ctx.key(index);
            if ctx.find(&key).is_some() == options.if_missing {
                return ctx.int(0);
            }
        }
    }
    for index in keys {
        let (key, value) = (ctx.key(index), ctx.arg(index + 1));
        match expiry {
            Some(at_ms) => store_with_expiry(ctx, &key, value, at_ms),
            None => store_as_plain_set(ctx, &key, value, options.keep_ttl),
        }
    }
    ctx.int(1)
}

fn check_pairs(ctx: &Ctx<'_>) -> Outcome {
    if ctx.args.len() % 2 == 0 {
        return Err(Failure::wrong_arity(ctx.entry.full_name));
    }
    Ok(())
}

fn store_pairs(ctx: &mut Ctx<'_>) {
    for index in (1..ctx.args.len()).step_by(2) {
        let key = ctx.key(index);
        store(ctx, &key, ctx.arg(index + 1), Ttl::Clear);
    }
}
