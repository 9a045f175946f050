//! What is known about a stream: XINFO.

use super::access::{no_group_of, stream_of, write_entries, write_entry, write_id};
use super::groups::wrong_subcommand;
use super::{Consumer, Group, Id, Stream};
use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group as DocsGroup, KeySpec, Outcome};
use crate::resp::failure::NO_SUCH_KEY;
use crate::resp::reply::Reply;

/// Entries and pending entries that FULL answers unless COUNT says otherwise.
const FULL_COUNT: usize = 10;

const KEY: &[KeySpec] = &[KeySpec::one(2, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::container("xinfo", DocsGroup::Stream, XINFO).docs(
    "5.0.0",
    "Depends on subcommand.",
    "",
    "Tells about streams, groups and consumers.",
)];

const XINFO: &[Command] = &[
    Command::new("consumers", 4, DocsGroup::Stream, consumers)
        .tips("nondeterministic_output")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs("5.0.0", "O(1) for each consumer", "key group", "Tells about the consumers of a group."),
    Command::new("groups", 3, DocsGroup::Stream, groups).flags(Flags::READONLY).keys(KEY).docs(
        "5.0.0",
        "O(1) for each group",
        "key",
        "Tells about the groups of a stream.",
    ),
    help(DocsGroup::Stream, "5.0.0"),
    Command::new("stream", -3, DocsGroup::Stream, stream).flags(Flags::READONLY).keys(KEY).docs(
        "5.0.0",
        "O(1); with FULL, O(N) with the number of entries, groups, consumers and pending entries answered",
        "key [FULL [COUNT count]]",
        "Tells about a stream.",
    ),
];

fn existing<'a>(entry: Option<crate::keyspace::EntryRef<'a>>) -> Result<&'a Stream, Failure> {
    stream_of(entry)?.ok_or(NO_SUCH_KEY)
}

fn field(reply: &mut Reply<'_>, name: &str) {
    reply.bulk(name.as_bytes());
}

fn int_field(reply: &mut Reply<'_>, name: &str, value: i64) {
    field(reply, name);
    reply.int(value);
}

fn int_or_null_field(reply: &mut Reply<'_>, name: &str, value: Option<i64>) {
    field(reply, name);
    match value {
        Some(value) => reply.int(value),
        None => reply.null(),
    }
}

fn id_field(reply: &mut Reply<'_>, name: &str, id: Id) {
    field(reply, name);
    write_id(reply, id);
}

fn consumers(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, name, now_ms) = (ctx.key(2), ctx.arg(3), ctx.now_ms());
    ctx.read_with(&key, |entry, reply| {
        let group = existing(entry)?.groups.get(name).ok_or_else(|| no_group_of(key.bytes, name))?;
        reply.array(group.consumers_len());
        for consumer in group.consumers() {
            let active_ms = consumer.active_ms.get();
            reply.map(4);
            field(reply, "name");
            reply.bulk(&consumer.name);
            int_field(reply, "pending", consumer.pending.len() as i64);
            int_field(reply, "idle", now_ms.saturating_sub(consumer.seen_ms.get()).max(0));
            let inactive = if active_ms == -1 { -1 } else { now_ms.saturating_sub(active_ms).max(0) };
            int_field(reply, "inactive", inactive);
        }
        Ok(())
    })
}

fn groups(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(2);
    ctx.read_with(&key, |entry, reply| {
        let stream = existing(entry)?;
        reply.array(stream.groups.len());
        for (name, group) in &stream.groups {
            reply.map(6);
            field(reply, "name");
            reply.bulk(name);
            int_field(reply, "consumers", group.consumers_len() as i64);
            int_field(reply, "pending", group.pending().len() as i64);
            id_field(reply, "last-delivered-id", group.last_id);
            int_or_null_field(reply, "entries-read", group.entries_read);
            int_or_null_field(reply, "lag", stream.lag_of(group));
        }
        Ok(())
    })
}

fn stream(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(2);
    let count = full_count(ctx);
    ctx.read_with(&key, |entry, reply| {
        let stream = existing(entry)?;
        let count = count?;
        reply.map(if count.is_some() { 9 } else { 10 });
        int_field(reply, "length", stream.len() as i64);
        let nodes = stream.nodes.len() as i64;
        int_field(reply, "radix-tree-keys", nodes);
        // What a radix tree of these nodes would have, if none shared more than its first bytes with another.
        int_field(reply, "radix-tree-nodes", nodes + 1);
        id_field(reply, "last-generated-id", stream.last_id());
        id_field(reply, "max-deleted-entry-id", stream.max_deleted);
        int_field(reply, "entries-added", stream.entries_added as i64);
        id_field(reply, "recorded-first-entry-id", stream.first_id());
        match count {
            Some(count) => write_full(stream, count, reply),
            None => write_ends(stream, reply),
        }
        Ok(())
    })
}

/// How much FULL is to answer, 0 for everything; `None` without FULL.
fn full_count(ctx: &Ctx<'_>) -> Result<Option<usize>, Failure> {
    match ctx.args.len() {
        3 => return Ok(None),
        4 | 6 if ctx.arg_is(3, "full") => {}
        _ => return Err(wrong_subcommand(ctx)),
    }
    if ctx.args.len() == 4 {
        return Ok(Some(FULL_COUNT));
    }
    if !ctx.arg_is(4, "count") {
        return Err(wrong_subcommand(ctx));
    }
    Ok(Some(usize::try_from(ctx.int_arg(5)?).unwrap_or(FULL_COUNT)))
}

/// The part that is not of FULL.
fn write_ends(stream: &Stream, reply: &mut Reply<'_>) {
    int_field(reply, "groups", stream.groups.len() as i64);
    let first = stream.range(Id::MIN, Id::MAX).next();
    let last = stream.range_back(Id::MIN, Id::MAX).next();
    for (name, entry) in [("first-entry", first), ("last-entry", last)] {
        field(reply, name);
        match entry {
            Some(entry) => write_entry(reply, entry),
            None => reply.null(),
        }
    }
}

fn write_full(stream: &Stream, count: usize, reply: &mut Reply<'_>) {
    field(reply, "entries");
    write_entries(reply, stream.range(Id::MIN, Id::MAX), count);
    field(reply, "groups");
    reply.array(stream.groups.len());
    let count = if count == 0 { usize::MAX } else { count };
    for (name, group) in &stream.groups {
        reply.map(7);
        field(reply, "name");
        reply.bulk(name);
        id_field(reply, "last-delivered-id", group.last_id);
        int_or_null_field(reply, "entries-read", group.entries_read);
        int_or_null_field(reply, "lag", stream.lag_of(group));
        int_field(reply, "pel-count", group.pending().len() as i64);
        field(reply, "pending");
        reply.array(group.pending().len().min(count));
        for pending in group.pending().iter().take(count) {
            reply.array(4);
            write_id(reply, pending.id);
            reply.bulk(group.name_of(pending.consumer));
            reply.int(pending.delivered_ms);
            reply.int(pending.deliveries as i64);
        }
        field(reply, "consumers");
        reply.array(group.consumers_len());
        group.consumers().for_each(|consumer| write_consumer(group, consumer, count, reply));
    }
}

fn write_consumer(group: &Group, consumer: &Consumer, count: usize, reply: &mut Reply<'_>) {
    reply.map(5);
    field(reply, "name");
    reply.bulk(&consumer.name);
    int_field(reply, "seen-time", consumer.seen_ms.get());
    int_field(reply, "active-time", consumer.active_ms.get());
    int_field(reply, "pel-count", consumer.pending.len() as i64);
    field(reply, "pending");
    reply.array(consumer.pending.len().min(count));
    for pending in consumer.pending.iter().take(count).filter_map(|id| group.pending().get(*id)) {
        reply.array(3);
        write_id(reply, pending.id);
        reply.int(pending.delivered_ms);
        reply.int(pending.deliveries as i64);
    }
}
