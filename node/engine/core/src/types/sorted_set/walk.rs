//! Commands that take parts of a sorted set: ZSCAN and ZRANDMEMBER.

use super::access::{sorted_set_of, write_element, write_head, write_item};
use super::score;
use crate::base::prng::Prng;
use crate::dispatch::draws::Draws;
use crate::dispatch::scan::{parse_cursor, reply_page, ScanOptions, Walked};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;

const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zscan", -3, Group::SortedSet, zscan)
        .tips("nondeterministic_output")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs(
            "2.8.0",
            "O(1) for every call, O(N) for all members",
            "key cursor [MATCH pattern] [COUNT count]",
            "Walks over the members and their scores in steps.",
        ),
    Command::new("zrandmember", -2, Group::SortedSet, zrandmember)
        .tips("nondeterministic_output")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs(
            "6.2.0",
            "O(N) with the number of members answered",
            "key [count [WITHSCORES]]",
            "Answers random members.",
        ),
];

fn zscan(ctx: &mut Ctx<'_>) -> Outcome {
    let cursor = parse_cursor(ctx.arg(2))?;
    let key = ctx.key(1);
    // A missing key is answered before the options are looked at, as the peers do.
    let options = ScanOptions::parse(ctx, 3, Walked::Members);
    ctx.read_with(&key, |entry, reply| {
        let Some(set) = sorted_set_of(entry)? else { return reply_page(reply, |_| Ok((0, 0))) };
        let options = options?;
        reply_page(reply, |out| {
            let mut len = 0;
            let next = set.scan(cursor, options.count, |member, score| {
                if options.matches(member.spell(&mut itoa::Buffer::new())) {
                    write_item(out, member);
                    out.bulk(score::text(score).as_bytes());
                    len += 2;
                }
            });
            Ok((next, len))
        })
    })
}

fn zrandmember(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let draws = match ctx.args.len() {
        2 => None,
        _ => Some(Draws::parse(ctx, 2)?),
    };
    let with_scores = ctx.args.len() > 3;
    if ctx.args.len() > 4 || (with_scores && !ctx.arg_is(3, "withscores")) {
        return Err(SYNTAX);
    }
    if with_scores && draws.is_some_and(Draws::is_too_many_in_pairs) {
        return Err(Failure::Text("ERR value is out of range"));
    }
    let mut prng = Prng::new(ctx.engine.keyspace.prng.next_u64());
    ctx.read_with(&key, |entry, reply| {
        match (draws, sorted_set_of(entry)?) {
            (None, set) => match set.and_then(|set| set.random(&mut || prng.next_u64())) {
                Some((member, _)) => write_item(reply, member),
                None => reply.null(),
            },
            (Some(_), None) => reply.array(0),
            (Some(draws), Some(set)) => {
                let len = set.len();
                write_head(reply, draws.answered(len), with_scores);
                draws.draw(
                    len,
                    &mut prng,
                    |prng| set.random(&mut || prng.next_u64()),
                    set.iter(),
                    |(member, _)| member.to_vec(),
                    |element| write_element(reply, element, with_scores),
                );
            }
        }
        Ok(())
    })
}
