//! Commands that look into a sorted set: ZSCORE, ZRANK, ZCOUNT and their kin.

use super::access::sorted_set_of;
use super::select::{By, Ends};
use super::{Edge, SortedSet};
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;

const FAST: Flags = Flags::READONLY.union(Flags::FAST);
const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

const fn reading(name: &'static str, arity: i16, run: fn(&mut Ctx<'_>) -> Outcome) -> Command {
    Command::new(name, arity, Group::SortedSet, run).flags(FAST).keys(KEY)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    reading("zcard", 2, zcard).keys(&[KeySpec::one(1, "RO")]).docs(
        "1.2.0",
        "O(1)",
        "key",
        "Answers the number of members.",
    ),
    reading("zscore", 3, zscore).docs("1.2.0", "O(1)", "key member", "Answers the score of a member."),
    reading("zmscore", -3, zmscore).docs(
        "6.2.0",
        "O(N) with the number of members asked for",
        "key member [member ...]",
        "Answers the scores of several members.",
    ),
    reading("zcount", 4, zcount).docs(
        "2.0.0",
        "O(log(N)) with the size of the sorted set",
        "key min max",
        "Counts the members whose scores are in a range.",
    ),
    reading("zlexcount", 4, zlexcount).docs(
        "2.8.9",
        "O(log(N)) with the size of the sorted set",
        "key min max",
        "Counts the members whose names are in a range; all scores must be equal.",
    ),
    reading("zrank", -3, zrank).docs(
        "2.0.0",
        "O(log(N)) with the size of the sorted set",
        "key member [WITHSCORE]",
        "Answers how many members stand before a member.",
    ),
    reading("zrevrank", -3, zrevrank).docs(
        "2.0.0",
        "O(log(N)) with the size of the sorted set",
        "key member [WITHSCORE]",
        "Answers how many members stand behind a member.",
    ),
];

fn zcard(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        reply.int(sorted_set_of(entry)?.map_or(0, SortedSet::len) as i64);
        Ok(())
    })
}

fn zscore(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, member) = (ctx.key(1), ctx.arg(2));
    ctx.read_with(&key, |entry, reply| {
        match sorted_set_of(entry)?.and_then(|set| set.score(member)) {
            Some(score) => reply.double(score),
            None => reply.null(),
        }
        Ok(())
    })
}

fn zmscore(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, members) = (ctx.key(1), ctx.args.iter_from(2));
    ctx.read_with(&key, |entry, reply| {
        let set = sorted_set_of(entry)?;
        reply.array(members.len());
        for member in members {
            match set.and_then(|set| set.score(member)) {
                Some(score) => reply.double(score),
                None => reply.null(),
            }
        }
        Ok(())
    })
}

fn zcount(ctx: &mut Ctx<'_>) -> Outcome {
    count(ctx, By::Score)
}

fn zlexcount(ctx: &mut Ctx<'_>) -> Outcome {
    count(ctx, By::Lex)
}

fn count(ctx: &mut Ctx<'_>, by: By) -> Outcome {
    let ends = Ends::parse(by, ctx.arg(2), ctx.arg(3))?;
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        reply.int(sorted_set_of(entry)?.map_or(0, |set| ends.ranks(set, false).len()) as i64);
        Ok(())
    })
}

fn zrank(ctx: &mut Ctx<'_>) -> Outcome {
    rank(ctx, false)
}

fn zrevrank(ctx: &mut Ctx<'_>) -> Outcome {
    rank(ctx, true)
}

fn rank(ctx: &mut Ctx<'_>, is_reverse: bool) -> Outcome {
    let with_score = ctx.args.len() > 3;
    if ctx.args.len() > 4 || (with_score && !ctx.arg_is(3, "withscore")) {
        return Err(SYNTAX);
    }
    let (key, member) = (ctx.key(1), ctx.arg(2));
    ctx.read_with(&key, |entry, reply| {
        let set = sorted_set_of(entry)?;
        let found = set.and_then(|set| set.score(member).map(|score| (set, score)));
        let Some((set, score)) = found else {
            if with_score {
                reply.null_array();
            } else {
                reply.null();
            }
            return Ok(());
        };
        let before = set.rank(Edge::Element(score, member));
        let rank = if is_reverse { set.len() - 1 - before } else { before };
        if with_score {
            reply.array(2);
        }
        reply.int(rank as i64);
        if with_score {
            reply.double(score);
        }
        Ok(())
    })
}
