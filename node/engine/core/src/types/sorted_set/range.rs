//! Commands that answer or store a range: ZRANGE and its kin.

use super::access::{sorted_set_of, store, write_element, write_head};
use super::select::{By, Fixed, Selection};
use super::SortedSet;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};

const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];
const COST: &str = "O(log(N)+M) with the size of the sorted set and the number of members answered";

const fn ranging(name: &'static str, run: fn(&mut Ctx<'_>) -> Outcome) -> Command {
    Command::new(name, -4, Group::SortedSet, run).flags(Flags::READONLY).keys(KEY)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    ranging("zrange", zrange).docs(
        "1.2.0",
        COST,
        "key start:string stop:string [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        "Answers a range of members by rank, score or name.",
    ),
    ranging("zrevrange", zrevrange).deprecated("6.2.0", "`ZRANGE` with `REV`").docs(
        "1.2.0",
        COST,
        "key start stop [WITHSCORES]",
        "Answers a range of members by rank, the highest score first.",
    ),
    ranging("zrangebyscore", zrangebyscore).deprecated("6.2.0", "`ZRANGE` with `BYSCORE`").docs(
        "1.0.5",
        COST,
        "key min max [WITHSCORES] [LIMIT offset count]",
        "Answers the members whose scores are in a range.",
    ),
    ranging("zrevrangebyscore", zrevrangebyscore)
        .deprecated("6.2.0", "`ZRANGE` with `REV` and `BYSCORE`")
        .docs(
            "2.2.0",
            COST,
            "key max min [WITHSCORES] [LIMIT offset count]",
            "Answers the members whose scores are in a range, the highest first.",
        ),
    ranging("zrangebylex", zrangebylex).deprecated("6.2.0", "`ZRANGE` with `BYLEX`").docs(
        "2.8.9",
        COST,
        "key min max [LIMIT offset count]",
        "Answers the members whose names are in a range; all scores must be equal.",
    ),
    ranging("zrevrangebylex", zrevrangebylex).deprecated("6.2.0", "`ZRANGE` with `REV` and `BYLEX`").docs(
        "2.8.9",
        COST,
        "key max min [LIMIT offset count]",
        "Answers the members whose names are in a range, backwards; all scores must be equal.",
    ),
    Command::new("zrangestore", -5, Group::SortedSet, zrangestore)
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .keys(&[KeySpec::one(1, "OW UPDATE"), KeySpec::one(2, "RO ACCESS")])
        .docs(
            "6.2.0",
            "O(log(N)+M) with the size of the sorted set and the number of members stored",
            "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
            "Stores a range of members under another key.",
        ),
];

fn answer(ctx: &mut Ctx<'_>, by: Option<By>, is_reverse: Option<bool>) -> Outcome {
    let selection = Selection::parse(ctx, 2, Fixed { by, is_reverse, is_stored: false })?;
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        let Some(set) = sorted_set_of(entry)? else {
            reply.array(0);
            return Ok(());
        };
        let (len, elements) = selection.of(set);
        write_head(reply, len, selection.with_scores);
        elements.for_each(|element| write_element(reply, element, selection.with_scores));
        Ok(())
    })
}

fn zrange(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, None, None)
}

fn zrevrange(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, Some(By::Rank), Some(true))
}

fn zrangebyscore(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, Some(By::Score), Some(false))
}

fn zrevrangebyscore(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, Some(By::Score), Some(true))
}

fn zrangebylex(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, Some(By::Lex), Some(false))
}

fn zrevrangebylex(ctx: &mut Ctx<'_>) -> Outcome {
    answer(ctx, Some(By::Lex), Some(true))
}

fn zrangestore(ctx: &mut Ctx<'_>) -> Outcome {
    let selection = Selection::parse(ctx, 3, Fixed { by: None, is_reverse: None, is_stored: true })?;
    let (to, from) = (ctx.key(1), ctx.key(2));
    let limits = ctx.engine.sorted_set_limits();
    let (mut result, while_built) = (SortedSet::new(), limits.always_big());
    ctx.read_with(&from, |entry, _| {
        if let Some(set) = sorted_set_of(entry)? {
            let (_, elements) = selection.of(set);
            for (member, score) in elements {
                result.insert(member.spell(&mut itoa::Buffer::new()), score, &while_built);
            }
        }
        Ok::<(), Failure>(())
    })?;
    store(ctx, &to, result.fitted(&limits), "zrangestore")
}
