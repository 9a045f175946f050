//! SCAN, KEYS, RANDOMKEY.

use std::ops::ControlFlow;

use crate::command::failure::{NOT_AN_INTEGER, SYNTAX};
use crate::command::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::glob;
use crate::keyspace::EntryRef;
use crate::numbers::parse_i64;
use crate::resp::reply::Reply;
use crate::session::Kind;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("scan", -2, Group::Generic, scan).flags(Flags::READONLY).docs(
        "2.8.0",
        "O(1) for every call, O(N) for all keys",
        "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        "Walks over the keys in steps.",
    ),
    Command::new("keys", 2, Group::Generic, keys).flags(Flags::READONLY).categories(&["dangerous"]).docs(
        "1.0.0",
        "O(N) with the number of keys",
        "pattern",
        "Lists all keys whose names match a pattern.",
    ),
    Command::new("randomkey", 1, Group::Generic, randomkey).flags(Flags::READONLY).docs(
        "1.0.0",
        "O(1)",
        "",
        "Answers the name of a random key.",
    ),
];

/// Keys drawn before RANDOMKEY gives up on finding one that has not expired.
const RANDOM_TRIES_MAX: usize = 100;

/// How many buckets SCAN visits at most for each key it was asked for, when few match.
const SCAN_COUNT_DEFAULT: usize = 10;

/// The options of SCAN and its relatives.
pub struct ScanOptions<'a> {
    /// COUNT: how many to look at, about.
    pub count: usize,
    /// MATCH.
    pub pattern: Option<&'a [u8]>,
    /// TYPE, where it is allowed.
    pub type_name: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Reads the options from argument `index` on.
    pub fn parse(ctx: &Ctx<'a>, mut index: usize, with_type: bool) -> Result<Self, Failure> {
        let mut options = ScanOptions { count: SCAN_COUNT_DEFAULT, pattern: None, type_name: None };
        while index < ctx.args.len() {
            let value = ctx.args.try_get(index + 1).ok_or(SYNTAX)?;
            if ctx.arg_is(index, "count") {
                let count = parse_i64(value).ok_or(NOT_AN_INTEGER)?;
                options.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or(SYNTAX)?;
            } else if ctx.arg_is(index, "match") {
                options.pattern = Some(value).filter(|pattern| *pattern != b"*");
            } else if ctx.arg_is(index, "type") && with_type {
                options.type_name = Some(value);
            } else {
                return Err(SYNTAX);
            }
            index += 2;
        }
        Ok(options)
    }

    /// Whether a name matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name, false))
    }
}

/// Reads a cursor as C's `strtoul` does: nothing is 0, and a minus sign counts down from 2^64.
pub fn parse_cursor(text: &[u8]) -> Result<u64, Failure> {
    let (is_negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let value =
        std::str::from_utf8(digits).ok().filter(|_| is_number).and_then(|text| text.parse::<u64>().ok());
    let value = value.ok_or(Failure::Text("ERR invalid cursor"))?;
    Ok(if is_negative { value.wrapping_neg() } else { value })
}

fn scan(ctx: &mut Ctx<'_>) -> Outcome {
    let cursor = parse_cursor(ctx.arg(1))?;
    let options = ScanOptions::parse(ctx, 2, true)?;
    let (now_ms, sees_expired) = (ctx.now_ms(), ctx.session.kind == Kind::Primary);
    let is_wanted = |entry: EntryRef<'_>| {
        (sees_expired || !entry.is_expired(now_ms))
            && options.type_name.is_none_or(|name| entry.type_name().as_bytes().eq_ignore_ascii_case(name))
            && options.matches(entry.key())
    };
    let (mut names, mut found) = (Vec::new(), 0);
    let database = &ctx.engine.keyspace.dbs[ctx.session.db];
    let next = database.scan(cursor, options.count, |entry| {
        if is_wanted(entry) {
            Reply::new(&mut names, 2).bulk(entry.key());
            found += 1;
        }
    });
    let mut reply = ctx.reply();
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    reply.array(found);
    reply.raw(&names);
    Ok(())
}

fn keys(ctx: &mut Ctx<'_>) -> Outcome {
    let pattern = ctx.arg(1);
    let (now_ms, sees_expired) = (ctx.now_ms(), ctx.session.kind == Kind::Primary);
    let database = &ctx.engine.keyspace.dbs[ctx.session.db];
    Reply::new(&mut ctx.session.out, ctx.session.resp).deferred_array(|reply| {
        let mut found = 0;
        database.for_each(|entry| {
            let is_alive = sees_expired || !entry.is_expired(now_ms);
            if is_alive && (pattern == b"*" || glob::matches(pattern, entry.key(), false)) {
                reply.bulk(entry.key());
                found += 1;
            }
            ControlFlow::Continue(())
        });
        found
    });
    Ok(())
}

fn randomkey(ctx: &mut Ctx<'_>) -> Outcome {
    for tries in 1..=RANDOM_TRIES_MAX {
        let engine = &mut *ctx.engine;
        let now_ms = engine.clock.unix_ms;
        let Some(entry) = engine.keyspace.dbs[ctx.session.db].random(&mut engine.keyspace.prng) else {
            break;
        };
        // Where nothing is deleted on sight, a database of expired keys must not keep this busy for ever.
        if !entry.is_expired(now_ms) || (engine.replication.is_replica() && tries == RANDOM_TRIES_MAX) {
            Reply::new(&mut ctx.session.out, ctx.session.resp).bulk(entry.key());
            return Ok(());
        }
        let name = entry.key().to_vec();
        let key = ctx.key_of(&name);
        ctx.find(&key);
    }
    ctx.reply().null();
    Ok(())
}
