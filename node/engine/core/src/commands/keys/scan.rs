//! SCAN, KEYS, RANDOMKEY.

use std::ops::ControlFlow;

use crate::base::glob;
use crate::dispatch::scan::{parse_cursor, reply_page, ScanOptions, Walked};
use crate::dispatch::{Command, Ctx, Flags, Group, Outcome};
use crate::keyspace::EntryRef;
use crate::resp::reply::Reply;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("scan", -2, Group::Generic, scan)
        .tips("nondeterministic_output request_policy:special")
        .flags(Flags::READONLY)
        .docs(
            "2.8.0",
            "O(1) for every call, O(N) for all keys",
            "cursor [MATCH pattern] [COUNT count] [TYPE type]",
            "Walks over the keys in steps.",
        ),
    Command::new("keys", 2, Group::Generic, keys)
        .tips("request_policy:all_shards nondeterministic_output_order")
        .flags(Flags::READONLY)
        .categories(&["dangerous"])
        .docs(
            "1.0.0",
            "O(N) with the number of keys",
            "pattern",
            "Lists all keys whose names match a pattern.",
        ),
    Command::new("randomkey", 1, Group::Generic, randomkey)
        .tips("request_policy:all_shards nondeterministic_output")
        .flags(Flags::READONLY)
        .docs("1.0.0", "O(1)", "", "Answers the name of a random key."),
];

/// Keys drawn before RANDOMKEY gives up on finding one that has not expired.
const RANDOM_TRIES_MAX: usize = 100;

fn scan(ctx: &mut Ctx<'_>) -> Outcome {
    let cursor = parse_cursor(ctx.arg(1))?;
    let options = ScanOptions::parse(ctx, 2, Walked::Keys)?;
    let (now_ms, sees_expired) = (ctx.now_ms(), ctx.origin().sees_expired());
    let is_wanted = |entry: EntryRef<'_>| {
        options.type_name.is_none_or(|name| entry.type_name().as_bytes().eq_ignore_ascii_case(name))
    };
    let mut expired: Vec<Box<[u8]>> = Vec::new();
    let database = &ctx.engine.keyspace.dbs[ctx.session.db];
    let mut reply = Reply::new(&mut ctx.session.out, ctx.session.resp);
    reply_page(&mut reply, |names| {
        let mut found = 0;
        let next = database.scan(cursor, options.count, |entry| {
            if !options.matches(entry.key()) {
                return;
            }
            if !sees_expired && entry.is_expired(now_ms) {
                expired.push(entry.key().into());
            } else if is_wanted(entry) {
                names.bulk(entry.key());
                found += 1;
            }
        });
        Ok((next, found))
    })?;
    // What it has met as gone is gone: DBSIZE does not count it any more.
    for name in &expired {
        let key = ctx.key_of(name);
        ctx.find_quietly(&key);
    }
    Ok(())
}

fn keys(ctx: &mut Ctx<'_>) -> Outcome {
    let pattern = ctx.arg(1);
    let (now_ms, sees_expired) = (ctx.now_ms(), ctx.origin().sees_expired());
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
        ctx.find_quietly(&key);
    }
    ctx.reply().null();
    Ok(())
}
