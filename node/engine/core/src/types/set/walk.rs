//! Commands that take parts of a set: SSCAN and SRANDMEMBER.

use super::access::{set_of, write_item};
use crate::base::prng::Prng;
use crate::dispatch::draws::Draws;
use crate::dispatch::scan::{parse_cursor, reply_page, ScanOptions, Walked};
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;

const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("sscan", -3, Group::Set, sscan)
        .tips("nondeterministic_output")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs(
            "2.8.0",
            "O(1) for every call, O(N) for all members",
            "key cursor [MATCH pattern] [COUNT count]",
            "Walks over the members in steps.",
        ),
    Command::new("srandmember", -2, Group::Set, srandmember)
        .tips("nondeterministic_output")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs("1.0.0", "O(N) with the number of members answered", "key [count]", "Answers random members."),
];

fn sscan(ctx: &mut Ctx<'_>) -> Outcome {
    let cursor = parse_cursor(ctx.arg(2))?;
    let key = ctx.key(1);
    // A missing key is answered before the options are looked at, as the peers do.
    let options = ScanOptions::parse(ctx, 3, Walked::Members);
    ctx.read_with(&key, |entry, reply| {
        let Some(set) = set_of(entry)? else { return reply_page(reply, |_| Ok((0, 0))) };
        let options = options?;
        reply_page(reply, |out| {
            let mut len = 0;
            let next = set.scan(cursor, options.count, |member| {
                if options.matches(member.spell(&mut itoa::Buffer::new())) {
                    write_item(out, member);
                    len += 1;
                }
            });
            Ok((next, len))
        })
    })
}

fn srandmember(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    if ctx.args.len() > 3 {
        return Err(SYNTAX);
    }
    let draws = match ctx.args.len() {
        2 => None,
        _ => Some(Draws::parse(ctx, 2)?),
    };
    let mut prng = Prng::new(ctx.engine.keyspace.prng.next_u64());
    ctx.read_with(&key, |entry, reply| {
        match (draws, set_of(entry)?) {
            (None, set) => match set.and_then(|set| set.random(&mut || prng.next_u64())) {
                Some(member) => write_item(reply, member),
                None => reply.null(),
            },
            (Some(_), None) => reply.array(0),
            (Some(draws), Some(set)) => {
                let len = set.len();
                reply.array(draws.answered(len));
                draws.draw(
                    len,
                    &mut prng,
                    |prng| set.random(&mut || prng.next_u64()),
                    set.iter(),
                    |member| member.to_vec(),
                    |member| write_item(reply, member),
                );
            }
        }
        Ok(())
    })
}
