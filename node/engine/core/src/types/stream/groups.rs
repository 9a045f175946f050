//! Consumer groups as such: XGROUP.

use super::access::{no_group_of, stream_of, INVALID_ID};
use super::{Group, Id, Stream};
use crate::commands::help::help;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group as DocsGroup, KeySpec, Outcome};
use crate::keyspace::{Object, Ttl};

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::container("xgroup", DocsGroup::Stream, XGROUP).docs(
    "5.0.0",
    "Depends on subcommand.",
    "",
    "Makes, changes and removes groups and their consumers.",
)];

const XGROUP: &[Command] = &[
    Command::new("create", -5, DocsGroup::Stream, create)
        .flags(STORE)
        .keys(&[KeySpec::one(2, "RW INSERT")])
        .docs(
            "5.0.0",
            "O(1)",
            "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
            "Makes a group that reads on behind an id.",
        ),
    Command::new("createconsumer", 5, DocsGroup::Stream, create_consumer)
        .flags(STORE)
        .keys(&[KeySpec::one(2, "RW INSERT")])
        .docs("6.2.0", "O(1)", "key group consumer", "Makes a consumer."),
    Command::new("delconsumer", 5, DocsGroup::Stream, delete_consumer)
        .flags(Flags::WRITE)
        .keys(&[KeySpec::one(2, "RW DELETE")])
        .docs(
            "5.0.0",
            "O(N) with the number of entries that are pending for it",
            "key group consumer",
            "Removes a consumer with what is pending for it, and tells how much that was.",
        ),
    Command::new("destroy", 4, DocsGroup::Stream, destroy)
        .flags(Flags::WRITE)
        .keys(&[KeySpec::one(2, "RW DELETE")])
        .docs("5.0.0", "O(N) with the number of its pending entries", "key group", "Removes a group."),
    help(DocsGroup::Stream, "5.0.0"),
    Command::new("setid", -5, DocsGroup::Stream, set_id)
        .flags(Flags::WRITE)
        .keys(&[KeySpec::one(2, "RW UPDATE")])
        .docs(
            "5.0.0",
            "O(1)",
            "key group <id | $> [ENTRIESREAD entries-read]",
            "Lets a group read on behind another id.",
        ),
];

/// The options behind the id.
fn options(ctx: &Ctx<'_>, is_create: bool) -> Result<(bool, Option<i64>), Failure> {
    let (mut makes_stream, mut entries_read) = (false, None);
    let mut at = 5;
    while at < ctx.args.len() {
        if is_create && ctx.arg_is(at, "mkstream") {
            makes_stream = true;
            at += 1;
        } else if at + 1 < ctx.args.len() && ctx.arg_is(at, "entriesread") {
            let read = ctx.int_arg(at + 1)?;
            if read < -1 {
                return Err(Failure::Text("ERR value for ENTRIESREAD must be positive or -1"));
            }
            entries_read = (read >= 0).then_some(read);
            at += 2;
        } else {
            return Err(wrong_subcommand(ctx));
        }
    }
    Ok((makes_stream, entries_read))
}

/// A subcommand with arguments that do not fit.
pub(super) fn wrong_subcommand(ctx: &Ctx<'_>) -> Failure {
    Failure::new(format!(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.",
        String::from_utf8_lossy(ctx.arg(1)),
        String::from_utf8_lossy(ctx.arg(0)).to_uppercase(),
    ))
}

/// The stream of argument 2, which must be there.
fn stream_of_key<'c>(ctx: &'c mut Ctx<'_>) -> Result<&'c Stream, Failure> {
    let key = ctx.key(2);
    stream_of(ctx.find(&key))?.ok_or(Failure::Text(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
         MKSTREAM option to create an empty stream automatically.",
    ))
}

/// The group of argument 3, which must be there.
fn group_of_key<'c>(ctx: &'c mut Ctx<'_>) -> Result<&'c Group, Failure> {
    let (key, name) = (ctx.arg(2), ctx.arg(3));
    stream_of_key(ctx)?.groups.get(name).ok_or_else(|| no_group_of(key, name))
}

fn create(ctx: &mut Ctx<'_>) -> Outcome {
    let (makes_stream, entries_read) = options(ctx, true)?;
    let (key, name, id) = (ctx.key(2), ctx.arg(3), ctx.arg(4));
    let stream = match stream_of(ctx.find(&key))? {
        None if makes_stream => None,
        _ => Some(stream_of_key(ctx)?),
    };
    let (is_new, is_busy) = (stream.is_none(), stream.is_some_and(|s| s.groups.contains_key(name)));
    let last_id = match id {
        b"$" => stream.map_or(Id::MIN, Stream::last_id),
        id => Id::parse(id, 0).ok_or(INVALID_ID)?,
    };
    if is_busy {
        return Err(Failure::Text("BUSYGROUP Consumer Group name already exists"));
    }
    if is_new {
        let clock = ctx.engine.access_clock();
        ctx.db().set_object(&key, Object::Stream(Box::default()), Ttl::Clear, clock);
        ctx.created(key.bytes);
    }
    ctx.stream_mut(&key)?.groups.insert(name.into(), Group::new(last_id, entries_read));
    ctx.stream_changed(&key, "xgroup-create", 1);
    ctx.ok()
}

fn set_id(ctx: &mut Ctx<'_>) -> Outcome {
    let (_, entries_read) = options(ctx, false)?;
    group_of_key(ctx)?;
    let (key, name) = (ctx.key(2), ctx.arg(3));
    let last_id = match ctx.arg(4) {
        b"$" => stream_of_key(ctx)?.last_id(),
        id => Id::parse_bound(id, 0).ok_or(INVALID_ID)?,
    };
    if let Some(group) = ctx.stream_mut(&key)?.groups.get_mut(name) {
        (group.last_id, group.entries_read) = (last_id, entries_read);
    }
    ctx.stream_changed(&key, "xgroup-setid", 1);
    ctx.ok()
}

fn destroy(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, name) = (ctx.key(2), ctx.arg(3));
    if !stream_of_key(ctx)?.groups.contains_key(name) {
        return ctx.int(0);
    }
    let group = ctx.stream_mut(&key)?.groups.remove(name);
    drop(group);
    ctx.stream_changed(&key, "xgroup-destroy", 1);
    ctx.int(1)
}

fn create_consumer(ctx: &mut Ctx<'_>) -> Outcome {
    group_of_key(ctx)?;
    let (key, group, name) = (ctx.key(2), ctx.arg(3), ctx.arg(4));
    let is_new = ctx.consumer(&key, group, name)?;
    ctx.int(is_new.into())
}

fn delete_consumer(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, name, consumer) = (ctx.key(2), ctx.arg(3), ctx.arg(4));
    if group_of_key(ctx)?.find(consumer).is_none() {
        return ctx.int(0);
    }
    let group = ctx.stream_mut(&key)?.groups.get_mut(name);
    let pending = group.and_then(|group| group.remove_consumer(consumer)).unwrap_or(0);
    ctx.stream_changed(&key, "xgroup-delconsumer", 1);
    ctx.int(pending as i64)
}
