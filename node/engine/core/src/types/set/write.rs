//! Commands that change a set: SADD, SREM, SPOP, SMOVE.

use super::access::{change, changed, delete_empty, set_mut, set_of, write_item};
use super::Set;
use crate::base::prng::Prng;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::{KeyRef, ObjectMut};
use crate::resp::failure::{SYNTAX, WRONG_TYPE};
use crate::resp::reply::Reply;
use crate::settings::NotifyClass;

const FAST: Flags = Flags::WRITE.union(Flags::FAST);
const POPPED: &[KeySpec] = &[KeySpec::one(1, "RW ACCESS DELETE")];

/// Members in one of the SREM commands by which the removals of an SPOP are replicated, at most.
const REPLICATED_MEMBERS_MAX: usize = 1024;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("sadd", -3, Group::Set, sadd)
        .flags(FAST.union(Flags::DENYOOM))
        .keys(&[KeySpec::one(1, "RW INSERT")])
        .docs(
            "1.0.0",
            "O(N) with the number of members given",
            "key member [member ...]",
            "Adds members and tells how many of them are new.",
        ),
    Command::new("srem", -3, Group::Set, srem).flags(FAST).keys(&[KeySpec::one(1, "RW DELETE")]).docs(
        "1.0.0",
        "O(N) with the number of members given",
        "key member [member ...]",
        "Removes members; a set without members is deleted too.",
    ),
    Command::new("spop", -2, Group::Set, spop).tips("nondeterministic_output").flags(FAST).keys(POPPED).docs(
        "1.0.0",
        "O(N) with the number of members removed",
        "key [count]",
        "Removes random members and answers them.",
    ),
    Command::new("smove", 4, Group::Set, smove)
        .flags(FAST)
        .keys(&[KeySpec::one(1, "RW ACCESS DELETE"), KeySpec::one(2, "RW INSERT")])
        .docs("1.0.0", "O(1)", "source destination member", "Moves a member from one set to another."),
];

fn sadd(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, members) = (ctx.key(1), ctx.args.iter_from(2));
    let added = change(ctx, &key, |set, limits| {
        set.prepare(members.len(), limits);
        members.filter(|member| set.add(member, limits)).count()
    })?;
    match added {
        0 => ctx.unchanged(),
        _ => changed(ctx, &key, added, "sadd"),
    }
    ctx.int(added as i64)
}

fn srem(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, members) = (ctx.key(1), ctx.args.iter_from(2));
    let Some(set) = set_of(ctx.find(&key))? else { return ctx.int(0) };
    if !members.clone().any(|member| set.contains(member)) {
        return ctx.int(0);
    }
    let set = set_mut(ctx, &key)?;
    let removed = members.filter(|member| set.remove(member)).count();
    let is_empty = set.is_empty();
    changed(ctx, &key, removed, "srem");
    if is_empty {
        delete_empty(ctx, &key);
    }
    ctx.int(removed as i64)
}

fn smove(ctx: &mut Ctx<'_>) -> Outcome {
    let (from, to, member) = (ctx.key(1), ctx.key(2), ctx.arg(3));
    let Some(source) = set_of(ctx.find(&from))? else { return ctx.int(0) };
    let is_there = source.contains(member);
    set_of(ctx.find(&to))?;
    if from.bytes == to.bytes || !is_there {
        return ctx.int(i64::from(is_there));
    }
    let source = set_mut(ctx, &from)?;
    source.remove(member);
    let is_empty = source.is_empty();
    changed(ctx, &from, 1, "srem");
    if is_empty {
        delete_empty(ctx, &from);
    }
    if set_of(ctx.find(&to))?.is_some_and(|set| set.contains(member)) {
        return ctx.int(1);
    }
    change(ctx, &to, |set, limits| set.add(member, limits))?;
    changed(ctx, &to, 1, "sadd");
    ctx.int(1)
}

fn spop(ctx: &mut Ctx<'_>) -> Outcome {
    match ctx.args.len() {
        2 => pop_one(ctx),
        3 => pop_many(ctx),
        _ => Err(SYNTAX),
    }
}

fn pop_one(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let mut prng = Prng::new(ctx.engine.keyspace.prng.next_u64());
    let Some((object, mut reply)) = ctx.find_mut(&key)? else {
        ctx.reply().null();
        return Ok(());
    };
    let ObjectMut::Set(set) = object else { return Err(WRONG_TYPE) };
    let Some(member) = set.random(&mut || prng.next_u64()).map(|member| member.to_vec()) else {
        return Err(WRONG_TYPE);
    };
    set.remove(&member);
    reply.bulk(&member);
    let is_empty = set.is_empty();
    changed(ctx, &key, 1, "spop");
    ctx.propagate(&[b"SREM", key.bytes, &member]);
    if is_empty {
        delete_empty(ctx, &key);
    }
    Ok(())
}

/// Argument `index` as a number of elements, 0 included.
pub(in crate::types) fn positive_arg(ctx: &Ctx<'_>, index: usize) -> Result<usize, Failure> {
    let count = ctx.int_arg_in(index, 0..=i64::MAX, "ERR value is out of range, must be positive")?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn pop_many(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let count = positive_arg(ctx, 2)?;
    let len = set_of(ctx.find(&key))?.map_or(0, Set::len);
    if len == 0 || count == 0 {
        ctx.reply().set(0);
        return Ok(());
    }
    if count >= len {
        return pop_all(ctx, &key);
    }
    let mut prng = Prng::new(ctx.engine.keyspace.prng.next_u64());
    let set = set_mut(ctx, &key)?;
    let mut popped = Vec::new();
    while popped.len() < count {
        let Some(member) = set.random(&mut || prng.next_u64()).map(|member| member.to_vec()) else { break };
        set.remove(&member);
        popped.push(member);
    }
    changed(ctx, &key, popped.len(), "spop");
    for part in popped.chunks(REPLICATED_MEMBERS_MAX) {
        let mut command: Vec<&[u8]> = vec![b"SREM", key.bytes];
        command.extend(part.iter().map(Vec::as_slice));
        ctx.propagate(&command);
    }
    let mut reply = ctx.reply();
    reply.set(popped.len());
    popped.iter().for_each(|member| reply.bulk(member));
    Ok(())
}

/// Answers all members and deletes the key, which is what replicas do.
fn pop_all(ctx: &mut Ctx<'_>, key: &KeyRef<'_>) -> Outcome {
    let mut reply = Reply::new(&mut ctx.session.out, ctx.session.resp);
    let Some(set) = set_of(ctx.engine.keyspace.dbs[ctx.session.db].get(key))? else { return Err(WRONG_TYPE) };
    let len = set.len();
    reply.set(len);
    set.iter().for_each(|member| write_item(&mut reply, member));
    ctx.db().delete(key);
    changed(ctx, key, len, "spop");
    ctx.changed(key.bytes, NotifyClass::GENERIC, "del", 0);
    ctx.propagate(&[b"DEL", key.bytes]);
    Ok(())
}
