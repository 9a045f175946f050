//! Times to live: EXPIRE and its relatives, TTL and its relatives, PERSIST.
//!
//! What is replicated is always a time since 1970 in milliseconds: a replica that is late must not let a key live longer.

use crate::base::numbers::parse_i64;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::KeyRef;
use crate::resp::failure::NOT_AN_INTEGER;
use crate::settings::NotifyClass;
use crate::types::string::options::{invalid_expire_time, TimeUnit};

const WRITE_FAST: Flags = Flags::WRITE.union(Flags::FAST);
const UPDATE_KEY: &[KeySpec] = &[KeySpec::one(1, "RW UPDATE")];
const READ_KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];
const READ_FAST: Flags = Flags::READONLY.union(Flags::FAST);

const fn expire_command(
    name: &'static str,
    run: fn(&mut Ctx<'_>) -> Outcome,
    since: &'static str,
    syntax: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(name, -3, Group::Generic, run)
        .flags(WRITE_FAST)
        .keys(UPDATE_KEY)
        .docs(since, "O(1)", syntax, summary)
}

const fn ttl_command(
    name: &'static str,
    run: fn(&mut Ctx<'_>) -> Outcome,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(name, 2, Group::Generic, run)
        .flags(READ_FAST)
        .keys(READ_KEY)
        .docs(since, "O(1)", "key", summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    expire_command(
        "expire",
        |ctx| expire(ctx, TimeUnit { seconds: true, absolute: false }),
        "1.0.0",
        "key seconds [NX | XX | GT | LT]",
        "Lets a key expire after some seconds.",
    ),
    expire_command(
        "pexpire",
        |ctx| expire(ctx, TimeUnit { seconds: false, absolute: false }),
        "2.6.0",
        "key milliseconds [NX | XX | GT | LT]",
        "Lets a key expire after some milliseconds.",
    ),
    expire_command(
        "expireat",
        |ctx| expire(ctx, TimeUnit { seconds: true, absolute: true }),
        "1.2.0",
        "key unix-time-seconds [NX | XX | GT | LT]",
        "Lets a key expire at a time given in seconds.",
    ),
    expire_command(
        "pexpireat",
        |ctx| expire(ctx, TimeUnit { seconds: false, absolute: true }),
        "2.6.0",
        "key unix-time-milliseconds [NX | XX | GT | LT]",
        "Lets a key expire at a time given in milliseconds.",
    ),
    ttl_command(
        "ttl",
        |ctx| ttl(ctx, TimeUnit { seconds: true, absolute: false }),
        "1.0.0",
        "Tells after how many seconds a key expires.",
    )
    .tips("nondeterministic_output"),
    ttl_command(
        "pttl",
        |ctx| ttl(ctx, TimeUnit { seconds: false, absolute: false }),
        "2.6.0",
        "Tells after how many milliseconds a key expires.",
    )
    .tips("nondeterministic_output"),
    ttl_command(
        "expiretime",
        |ctx| ttl(ctx, TimeUnit { seconds: true, absolute: true }),
        "7.0.0",
        "Tells the time at which a key expires, in seconds.",
    ),
    ttl_command(
        "pexpiretime",
        |ctx| ttl(ctx, TimeUnit { seconds: false, absolute: true }),
        "7.0.0",
        "Tells the time at which a key expires, in milliseconds.",
    ),
    Command::new("persist", 2, Group::Generic, persist)
        .flags(WRITE_FAST)
        .keys(&[KeySpec::one(1, "RW UPDATE")])
        .docs("2.2.0", "O(1)", "key", "Removes the expiry of a key."),
];

/// Under which condition an expiry is set.
#[derive(Clone, Copy, Debug, Default)]
struct Conditions {
    /// NX: only if there is none.
    if_none: bool,
    /// XX: only if there is one.
    if_any: bool,
    /// GT: only to a later time; none counts as infinitely late.
    if_later: bool,
    /// LT: only to an earlier time.
    if_earlier: bool,
}

impl Conditions {
    fn parse(ctx: &Ctx<'_>) -> Result<Self, Failure> {
        let mut conditions = Conditions::default();
        for option in ctx.args.iter_from(3) {
            match option.to_ascii_lowercase().as_slice() {
                b"nx" => conditions.if_none = true,
                b"xx" => conditions.if_any = true,
                b"gt" => conditions.if_later = true,
                b"lt" => conditions.if_earlier = true,
                _ => {
                    let option = String::from_utf8_lossy(option);
                    return Err(Failure::new(format!("ERR Unsupported option {option}")));
                }
            }
        }
        let Conditions { if_none, if_any, if_later, if_earlier } = conditions;
        if if_none && (if_any || if_later || if_earlier) {
            return Err(Failure::Text("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if if_later && if_earlier {
            return Err(Failure::Text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    fn hold(self, current: Option<i64>, at_ms: i64) -> bool {
        let Some(current) = current else { return !self.if_any && !self.if_later };
        let is_refused =
            self.if_none || (self.if_later && at_ms <= current) || (self.if_earlier && at_ms >= current);
        !is_refused
    }
}

fn expire(ctx: &mut Ctx<'_>, unit: TimeUnit) -> Outcome {
    let conditions = Conditions::parse(ctx)?;
    let given = parse_i64(ctx.arg(2)).ok_or(NOT_AN_INTEGER)?;
    let from = if unit.absolute { 0 } else { ctx.now_ms() };
    let at_ms = given
        .checked_mul(if unit.seconds { 1000 } else { 1 })
        .and_then(|scaled| scaled.checked_add(from))
        .ok_or_else(|| invalid_expire_time(ctx))?;
    let key = ctx.key(1);
    let Some(current) = ctx.find(&key).map(|entry| entry.expire_at_ms()) else { return ctx.int(0) };
    if !conditions.hold(current, at_ms) {
        return ctx.int(0);
    }
    // A replica keeps even what is past: its primary will delete it.
    if at_ms <= ctx.now_ms() && !ctx.engine.replication.is_replica() {
        ctx.delete_and_propagate(&key);
    } else {
        let conditions: Vec<&[u8]> = ctx.args.iter_from(3).collect();
        ctx.expire_and_propagate(&key, at_ms, &conditions);
    }
    ctx.int(1)
}

fn ttl(ctx: &mut Ctx<'_>, unit: TimeUnit) -> Outcome {
    let key = ctx.key(1);
    let now_ms = ctx.now_ms();
    let answer = ctx.peek_with(&key, |entry, _| match entry.map(|entry| entry.expire_at_ms()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at_ms)) => {
            let ms = if unit.absolute { at_ms } else { at_ms.saturating_sub(now_ms).max(0) };
            if unit.seconds {
                ms.saturating_add(500) / 1000
            } else {
                ms
            }
        }
    });
    ctx.int(answer)
}

fn persist(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.find(&key);
    let is_persisted = ctx.persist(&key);
    ctx.int(i64::from(is_persisted))
}

impl Ctx<'_> {
    /// Sets the expiry of a key that is there. The conditions hold for the replicas as well.
    pub fn expire_and_propagate(&mut self, key: &KeyRef<'_>, at_ms: i64, conditions: &[&[u8]]) {
        self.db().set_expiry(key, Some(at_ms));
        let mut digits = itoa::Buffer::new();
        let words: [&[u8]; 3] = [b"PEXPIREAT", key.bytes, digits.format(at_ms).as_bytes()];
        self.propagate(&[&words, conditions].concat());
        self.changed(key.bytes, NotifyClass::GENERIC, "expire", 1);
    }

    /// Removes the expiry of a key, replicated as the command was given. Tells whether there was one.
    pub fn persist(&mut self, key: &KeyRef<'_>) -> bool {
        if self.find_quietly(key).is_none_or(|entry| entry.expire_at_ms().is_none()) {
            return false;
        }
        self.db().set_expiry(key, None);
        self.changed(key.bytes, NotifyClass::GENERIC, "persist", 1);
        true
    }
}
