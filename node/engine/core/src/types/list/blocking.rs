//! Commands that wait for a list to have something: BLPOP and its kin.
//!
//! Replicas never wait: each of these is replicated as what it did in the end.

use super::access::{list_and_reply, taken, write_item};
use super::moves::{move_element, Draw};
use super::End;
use crate::base::clock::BootMs;
use crate::dispatch::blocking::BlockOn;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::KeyRef;
use crate::resp::reply::Reply;
use crate::types::Collection;

const BLOCKING: Flags = Flags::WRITE.union(Flags::NOSCRIPT).union(Flags::BLOCKING);
const MOVE: Flags = BLOCKING.union(Flags::DENYOOM);
const POP_KEYS: &[KeySpec] = &[KeySpec::range(1, -2, 1, "RW ACCESS DELETE")];
const MOVE_KEYS: &[KeySpec] = &[KeySpec::one(1, "RW ACCESS DELETE"), KeySpec::one(2, "RW INSERT")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("blpop", -3, Group::List, blpop).flags(BLOCKING).keys(POP_KEYS).docs(
        "2.0.0",
        "O(N) with the number of keys",
        "key [key ...] timeout:double",
        "Takes the head of the first list that has any, or waits for one.",
    ),
    Command::new("brpop", -3, Group::List, brpop).flags(BLOCKING).keys(POP_KEYS).docs(
        "2.0.0",
        "O(N) with the number of keys",
        "key [key ...] timeout:double",
        "Takes the tail of the first list that has any, or waits for one.",
    ),
    Command::new("blmove", 6, Group::List, blmove).flags(MOVE).keys(MOVE_KEYS).docs(
        "6.2.0",
        "O(1)",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout:double",
        "Takes an element from one end of a list, or waits for one, and adds it at an end of another.",
    ),
    Command::new("brpoplpush", 4, Group::List, brpoplpush)
        .deprecated("6.2.0", "`BLMOVE` with `RIGHT` and `LEFT`")
        .flags(MOVE)
        .keys(MOVE_KEYS)
        .docs(
            "2.2.0",
            "O(1)",
            "source destination timeout:double",
            "Takes the tail of a list, or waits for one, and adds it at the head of another.",
        ),
    Command::new("blmpop", -5, Group::List, blmpop)
        .flags(Flags::WRITE.union(Flags::BLOCKING).union(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::counted(2, "RW ACCESS DELETE")])
        .docs(
            "7.0.0",
            "O(N+M) with the number of keys and the number of elements answered",
            "timeout:double numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
            "Takes elements from an end of the first list that has any, or waits for one.",
        ),
];

fn waits(deadline_boot_ms: Option<BootMs>, on_timeout: fn(&mut Reply<'_>)) -> BlockOn {
    BlockOn { type_name: Some(super::List::TYPE_NAME), deadline_boot_ms, on_timeout }
}

fn blpop(ctx: &mut Ctx<'_>) -> Outcome {
    pop_or_wait(ctx, End::Left)
}

fn brpop(ctx: &mut Ctx<'_>) -> Outcome {
    pop_or_wait(ctx, End::Right)
}

fn pop_or_wait(ctx: &mut Ctx<'_>, end: End) -> Outcome {
    let args = ctx.args;
    let timeout_at = args.len() - 1;
    let deadline = ctx.deadline_arg(timeout_at)?;
    for index in 1..timeout_at {
        let key = ctx.key(index);
        if pop_named(ctx, &key, end)? {
            ctx.propagate(&[end.pop_command(), key.bytes]);
            return Ok(());
        }
    }
    ctx.block_on((1..timeout_at).map(|index| args.get(index)), waits(deadline, |reply| reply.null_array()))
}

/// Takes an element and answers it with its key; false, with nothing answered, where there is none.
fn pop_named(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, end: End) -> Result<bool, Failure> {
    let Some((list, mut reply)) = list_and_reply(ctx, key)? else { return Ok(false) };
    reply.array(2);
    reply.bulk(key.bytes);
    if let Some(item) = list.end(end) {
        write_item(&mut reply, item);
    }
    list.remove_end(end, 1);
    let is_empty = list.is_empty();
    taken(ctx, key, end, 1, is_empty);
    Ok(true)
}

fn blmove(ctx: &mut Ctx<'_>) -> Outcome {
    let (from, to) = (End::parse(ctx, 3)?, End::parse(ctx, 4)?);
    let deadline = ctx.deadline_arg(5)?;
    if !move_or_wait(ctx, from, to, deadline)? {
        ctx.propagate(&[b"LMOVE", ctx.arg(1), ctx.arg(2), ctx.arg(3), ctx.arg(4)]);
    }
    Ok(())
}

fn brpoplpush(ctx: &mut Ctx<'_>) -> Outcome {
    let deadline = ctx.deadline_arg(3)?;
    if !move_or_wait(ctx, End::Right, End::Left, deadline)? {
        ctx.propagate(&[b"RPOPLPUSH", ctx.arg(1), ctx.arg(2)]);
    }
    Ok(())
}

/// Moves an element, or begins to wait for one and says true.
fn move_or_wait(ctx: &mut Ctx<'_>, from: End, to: End, deadline: Option<BootMs>) -> Result<bool, Failure> {
    let (source, target) = (ctx.key(1), ctx.key(2));
    if move_element(ctx, &source, &target, from, to)? {
        return Ok(false);
    }
    ctx.block_on([source.bytes], waits(deadline, |reply| reply.null()))?;
    Ok(true)
}

fn blmpop(ctx: &mut Ctx<'_>) -> Outcome {
    let deadline = ctx.deadline_arg(1)?;
    let draw = Draw::parse(ctx, 2)?;
    if draw.take(ctx)? {
        return Ok(());
    }
    let args = ctx.args;
    let keys = draw.keys.clone().map(|index| args.get(index));
    ctx.block_on(keys, waits(deadline, |reply| reply.null_array()))
}
