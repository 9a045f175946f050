//! All keys at once: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.
//!
//! A flush takes the same short time with SYNC and ASYNC: the keys are detached whole and freed on another thread.

use crate::base::numbers::parse_i64;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::resp::failure::SYNTAX;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("dbsize", 1, Group::Server, dbsize)
        .tips("request_policy:all_shards response_policy:agg_sum")
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(&["keyspace"])
        .docs("1.0.0", "O(1)", "", "Tells the number of keys in the database."),
    Command::new("flushdb", -1, Group::Server, flushdb)
        .tips("request_policy:all_shards response_policy:all_succeeded")
        .flags(Flags::WRITE)
        .categories(&["keyspace", "dangerous"])
        .docs(
            "1.0.0",
            "O(1), and O(N) in the background",
            "[ASYNC | SYNC]",
            "Deletes all keys of the database.",
        ),
    Command::new("flushall", -1, Group::Server, flushall)
        .tips("request_policy:all_shards response_policy:all_succeeded")
        .flags(Flags::WRITE)
        .categories(&["keyspace", "dangerous"])
        .docs(
            "1.0.0",
            "O(1), and O(N) in the background",
            "[ASYNC | SYNC]",
            "Deletes all keys of all databases.",
        ),
    Command::new("swapdb", 3, Group::Server, swapdb)
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(&["keyspace", "dangerous"])
        .docs(
            "4.0.0",
            "O(N) with the number of watched keys",
            "index1 index2",
            "Lets two databases change places.",
        ),
];

fn dbsize(ctx: &mut Ctx<'_>) -> Outcome {
    let keys = ctx.db().len();
    ctx.int(keys as i64)
}

fn check_flush_mode(ctx: &Ctx<'_>) -> Outcome {
    match ctx.args.len() {
        1 => Ok(()),
        2 if ctx.arg_is(1, "sync") || ctx.arg_is(1, "async") => Ok(()),
        _ => Err(SYNTAX),
    }
}

fn flushdb(ctx: &mut Ctx<'_>) -> Outcome {
    check_flush_mode(ctx)?;
    let db = ctx.session.db;
    flush(ctx, db..db + 1)
}

fn flushall(ctx: &mut Ctx<'_>) -> Outcome {
    check_flush_mode(ctx)?;
    let dbs = ctx.engine.keyspace.dbs.len();
    flush(ctx, 0..dbs)
}

fn flush(ctx: &mut Ctx<'_>, dbs: std::ops::Range<usize>) -> Outcome {
    for db in dbs {
        ctx.engine.database_flushed(db);
        ctx.engine.keyspace.dbs[db].clear();
    }
    // Replicated even when there was nothing to delete here: a replica may know better.
    ctx.engine.call.frame.dirty += 1;
    ctx.ok()
}

fn swapdb(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.engine.settings.cluster_enabled {
        return Err(Failure::Text("ERR SWAPDB is not allowed in cluster mode"));
    }
    let first = parse_i64(ctx.arg(1)).ok_or(Failure::Text("ERR invalid first DB index"))?;
    let second = parse_i64(ctx.arg(2)).ok_or(Failure::Text("ERR invalid second DB index"))?;
    let dbs = ctx.engine.keyspace.dbs.len();
    let place = |number: i64| usize::try_from(number).ok().filter(|&number| number < dbs);
    let (Some(first), Some(second)) = (place(first), place(second)) else {
        return Err(Failure::Text("ERR DB index is out of range"));
    };
    if first != second {
        ctx.engine.databases_swapped(first, second);
        let (low, high) = ctx.engine.keyspace.dbs.split_at_mut(first.max(second));
        low[first.min(second)].swap_contents(&mut high[0]);
    }
    ctx.engine.call.frame.dirty += 1;
    ctx.ok()
}
