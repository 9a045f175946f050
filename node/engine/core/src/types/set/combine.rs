//! Commands that combine sets: intersections, unions and differences, answered, counted or stored.

use std::ops::Range;

use super::access::{set_of, write_item};
use super::{Set, SetLimits};
use crate::base::numbers::parse_i64;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::formats::packed::Item;
use crate::keyspace::{KeyRef, Object, Ttl};
use crate::resp::failure::{NOT_AN_INTEGER, SYNTAX};
use crate::resp::reply::Reply;
use crate::settings::NotifyClass;

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);
const SOURCES: &[KeySpec] = &[KeySpec::range(1, -1, 1, "RO ACCESS")];
const STORED: &[KeySpec] = &[KeySpec::one(1, "OW UPDATE"), KeySpec::range(2, -1, 1, "RO ACCESS")];
/// Redis says of this one command that it reads what it overwrites.
const STORED_INTERSECTION: &[KeySpec] =
    &[KeySpec::one(1, "RW UPDATE"), KeySpec::range(2, -1, 1, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("sinter", -2, Group::Set, sinter)
        .tips("nondeterministic_output_order")
        .flags(Flags::READONLY)
        .keys(SOURCES)
        .docs(
            "1.0.0",
            "O(N*M) with the size of the smallest set and the number of sets",
            "key [key ...]",
            "Answers the members that all sets have.",
        ),
    Command::new("sintercard", -3, Group::Set, sintercard)
        .flags(Flags::READONLY.union(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::counted(1, "RO ACCESS")])
        .docs(
            "7.0.0",
            "O(N*M) with the size of the smallest set and the number of sets",
            "numkeys key [key ...] [LIMIT limit]",
            "Answers how many members all sets have in common.",
        ),
    Command::new("sinterstore", -3, Group::Set, sinterstore).flags(STORE).keys(STORED_INTERSECTION).docs(
        "1.0.0",
        "O(N*M) with the size of the smallest set and the number of sets",
        "destination key [key ...]",
        "Stores the members that all sets have.",
    ),
    Command::new("sunion", -2, Group::Set, sunion)
        .tips("nondeterministic_output_order")
        .flags(Flags::READONLY)
        .keys(SOURCES)
        .docs(
            "1.0.0",
            "O(N) with the number of members of all sets",
            "key [key ...]",
            "Answers the members that any of the sets has.",
        ),
    Command::new("sunionstore", -3, Group::Set, sunionstore).flags(STORE).keys(STORED).docs(
        "1.0.0",
        "O(N) with the number of members of all sets",
        "destination key [key ...]",
        "Stores the members that any of the sets has.",
    ),
    Command::new("sdiff", -2, Group::Set, sdiff)
        .tips("nondeterministic_output_order")
        .flags(Flags::READONLY)
        .keys(SOURCES)
        .docs(
            "1.0.0",
            "O(N) with the number of members of all sets",
            "key [key ...]",
            "Answers the members of the first set that no other set has.",
        ),
    Command::new("sdiffstore", -3, Group::Set, sdiffstore).flags(STORE).keys(STORED).docs(
        "1.0.0",
        "O(N) with the number of members of all sets",
        "destination key [key ...]",
        "Stores the members of the first set that no other set has.",
    ),
];

/// Looks up the sets that the arguments name, `None` for a missing one, and hands them to `combine`, which may answer.
fn with_sets<T>(
    ctx: &mut Ctx<'_>,
    arguments: Range<usize>,
    combine: impl FnOnce(&[Option<&Set>], &SetLimits, &mut Reply<'_>) -> T,
) -> Result<T, Failure> {
    let mut keys = Vec::with_capacity(arguments.len());
    for index in arguments {
        let key = ctx.key(index);
        // An expired key may still stand in the table.
        let is_there = ctx.read_with(&key, |entry, _| set_of(entry).map(|set| set.is_some()))?;
        keys.push((key, is_there));
    }
    let limits = ctx.engine.set_limits();
    let db = &ctx.engine.keyspace.dbs[ctx.session.db];
    let found = |(key, is_there): &(KeyRef<'_>, bool)| match is_there {
        true => set_of(db.get(key)),
        false => Ok(None),
    };
    let sets = keys.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    let mut reply = Reply::new(&mut ctx.session.out, ctx.session.resp);
    Ok(combine(&sets, &limits, &mut reply))
}

/// Hands the members that all sets have to `visit`, until it says no.
fn intersect(sets: &[Option<&Set>], mut visit: impl FnMut(Item<'_>) -> bool) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<&Set>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    for member in smallest.iter() {
        let mut digits = itoa::Buffer::new();
        let text = member.spell(&mut digits);
        if others.iter().all(|set| set.contains(text)) && !visit(member) {
            return;
        }
    }
}

fn intersection(sets: &[Option<&Set>], limits: &SetLimits) -> Set {
    let mut result = Set::new();
    intersect(sets, |member| {
        result.add(member.spell(&mut itoa::Buffer::new()), limits);
        true
    });
    result
}

fn union(sets: &[Option<&Set>], limits: &SetLimits) -> Set {
    let mut result = Set::new();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        result.add(member.spell(&mut itoa::Buffer::new()), limits);
    }
    result
}

/// The first set without what the others have: asks them member by member, or where that is more work takes theirs
/// out of a copy.
fn difference(sets: &[Option<&Set>], limits: &SetLimits) -> Set {
    let Some((Some(first), others)) = sets.split_first() else { return Set::new() };
    let others: Vec<&Set> = others.iter().copied().flatten().collect();
    let members: usize = others.iter().map(|set| set.len()).sum();
    let mut result = Set::new();
    if first.len().saturating_mul(others.len()) / 2 <= first.len().saturating_add(members) {
        for member in first.iter() {
            let mut digits = itoa::Buffer::new();
            let text = member.spell(&mut digits);
            if !others.iter().any(|set| set.contains(text)) {
                result.add(text, limits);
            }
        }
        return result;
    }
    let mut left = (*first).clone();
    for member in others.iter().flat_map(|set| set.iter()) {
        left.remove(member.spell(&mut itoa::Buffer::new()));
        if left.is_empty() {
            break;
        }
    }
    // What is left takes the form that it would have if it had been added.
    left.iter().for_each(|member| {
        result.add(member.spell(&mut itoa::Buffer::new()), limits);
    });
    result
}

/// Makes one set of several.
type Combine = fn(&[Option<&Set>], &SetLimits) -> Set;

fn answer(ctx: &mut Ctx<'_>, combine: Combine) -> Outcome {
    with_sets(ctx, 1..ctx.args.len(), |sets, limits, reply| {
        let result = combine(sets, limits);
        reply.set(result.len());
        result.iter().for_each(|member| write_item(reply, member));
    })
}

/// Puts the result in the place of whatever the destination holds; without members it is deleted.
fn store(ctx: &mut Ctx<'_>, combine: Combine, event: &str) -> Outcome {
    let result = with_sets(ctx, 2..ctx.args.len(), |sets, limits, _| combine(sets, limits))?;
    let (key, len) = (ctx.key(1), result.len());
    if len == 0 {
        ctx.delete(&key);
        return ctx.int(0);
    }
    let clock = ctx.engine.access_clock();
    let is_new = ctx.find(&key).is_none();
    ctx.db().set_object(&key, Object::Set(Box::new(result)), Ttl::Clear, clock);
    if is_new {
        ctx.created(key.bytes);
    }
    ctx.changed(key.bytes, NotifyClass::SET, event, 1);
    ctx.int(len as i64)
}

fn sinter(ctx: &mut Ctx<'_>) -> Outcome {
    // Each member is found once, so the answer needs no set of its own.
    with_sets(ctx, 1..ctx.args.len(), |sets, _, reply| {
        reply.deferred_set(|reply| {
            let mut len = 0;
            intersect(sets, |member| {
                write_item(reply, member);
                len += 1;
                true
            });
            len
        });
    })
}

fn sinterstore(ctx: &mut Ctx<'_>) -> Outcome {
    store(ctx, intersection, "sinterstore")
}

fn sunion(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, union)
}

fn sunionstore(ctx: &mut Ctx<'_>) -> Outcome {
    store(ctx, union, "sunionstore")
}

fn sdiff(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, difference)
}

fn sdiffstore(ctx: &mut Ctx<'_>) -> Outcome {
    store(ctx, difference, "sdiffstore")
}

fn sintercard(ctx: &mut Ctx<'_>) -> Outcome {
    let (keys, limit) = counted_with_limit(ctx)?;
    let len = with_sets(ctx, keys, |sets, _, _| {
        let mut len = 0;
        intersect(sets, |_| {
            len += 1;
            len != limit
        });
        len
    })?;
    ctx.int(len as i64)
}

/// Reads `numkeys key [key ...] [LIMIT limit]`: where the keys stand, and the limit, 0 for none.
pub(in crate::types) fn counted_with_limit(ctx: &Ctx<'_>) -> Result<(Range<usize>, usize), Failure> {
    let numkeys = parse_i64(ctx.arg(1)).filter(|&number| number > 0);
    let numkeys = numkeys.ok_or(Failure::Text("ERR numkeys should be greater than 0"))?;
    let numkeys = usize::try_from(numkeys).unwrap_or(usize::MAX);
    if numkeys > ctx.args.len() - 2 {
        return Err(Failure::Text("ERR Number of keys can't be greater than number of args"));
    }
    let (keys, mut index, mut limit) = (2..2 + numkeys, 2 + numkeys, 0);
    while index < ctx.args.len() {
        if !ctx.arg_is(index, "limit") || index + 1 == ctx.args.len() {
            return Err(SYNTAX);
        }
        let number = parse_i64(ctx.arg(index + 1)).ok_or(NOT_AN_INTEGER);
        limit = usize::try_from(number.unwrap_or(-1))
            .map_err(|_| Failure::Text("ERR LIMIT can't be negative"))?;
        index += 2;
    }
    Ok((keys, limit))
}
