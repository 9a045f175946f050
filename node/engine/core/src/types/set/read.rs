//! Commands that look into a set: SISMEMBER and its kin.

use super::access::{set_of, write_item};
use super::Set;
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};

const FAST: Flags = Flags::READONLY.union(Flags::FAST);
const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];
/// For commands that tell about a set, not what is in it.
const KEY_ABOUT: &[KeySpec] = &[KeySpec::one(1, "RO")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("scard", 2, Group::Set, scard).flags(FAST).keys(KEY_ABOUT).docs(
        "1.0.0",
        "O(1)",
        "key",
        "Answers the number of members.",
    ),
    Command::new("sismember", 3, Group::Set, sismember).flags(FAST).keys(KEY_ABOUT).docs(
        "1.0.0",
        "O(1)",
        "key member",
        "Tells whether something is a member.",
    ),
    Command::new("smismember", -3, Group::Set, smismember).flags(FAST).keys(KEY).docs(
        "6.2.0",
        "O(N) with the number of members asked for",
        "key member [member ...]",
        "Tells of several things whether they are members.",
    ),
    Command::new("smembers", 2, Group::Set, smembers)
        .tips("nondeterministic_output_order")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs("1.0.0", "O(N) with the size of the set", "key", "Answers all members."),
];

fn scard(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        reply.int(set_of(entry)?.map_or(0, Set::len) as i64);
        Ok(())
    })
}

fn sismember(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, member) = (ctx.key(1), ctx.arg(2));
    ctx.read_with(&key, |entry, reply| {
        reply.int(i64::from(set_of(entry)?.is_some_and(|set| set.contains(member))));
        Ok(())
    })
}

fn smismember(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, members) = (ctx.key(1), ctx.args.iter_from(2));
    ctx.read_with(&key, |entry, reply| {
        let set = set_of(entry)?;
        reply.array(members.len());
        for member in members {
            reply.int(i64::from(set.is_some_and(|set| set.contains(member))));
        }
        Ok(())
    })
}

fn smembers(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        let set = set_of(entry)?;
        reply.set(set.map_or(0, Set::len));
        set.into_iter().flat_map(Set::iter).for_each(|member| write_item(reply, member));
        Ok(())
    })
}
