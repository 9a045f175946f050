//! Commands that remove members with the lowest or the highest scores and answer them, at once or as soon as there
//! are any.

use std::ops::Range;

use super::access::{removed, sorted_set_mut, sorted_set_of, write_element, write_head};
use super::SortedSet;
use crate::base::clock::BootMs;
use crate::base::numbers::parse_i64;
use crate::dispatch::blocking::BlockOn;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::formats::packed::Item;
use crate::keyspace::KeyRef;
use crate::resp::failure::SYNTAX;
use crate::resp::reply::Reply;
use crate::types::set::write::positive_arg;
use crate::types::Collection;

const FAST: Flags = Flags::WRITE.union(Flags::FAST);
const BLOCKING: Flags = FAST.union(Flags::BLOCKING).union(Flags::NOSCRIPT);
const KEY: &[KeySpec] = &[KeySpec::one(1, "RW ACCESS DELETE")];
const WAITED_FOR: &[KeySpec] = &[KeySpec::range(1, -2, 1, "RW ACCESS DELETE")];
const COST: &str = "O(log(N)*M) with the size of the sorted set and the number of members removed";

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zpopmin", -2, Group::SortedSet, zpopmin).flags(FAST).keys(KEY).docs(
        "5.0.0",
        COST,
        "key [count]",
        "Removes the members with the lowest scores and answers them.",
    ),
    Command::new("zpopmax", -2, Group::SortedSet, zpopmax).flags(FAST).keys(KEY).docs(
        "5.0.0",
        COST,
        "key [count]",
        "Removes the members with the highest scores and answers them.",
    ),
    Command::new("zmpop", -4, Group::SortedSet, zmpop)
        .flags(Flags::WRITE.union(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::counted(1, "RW ACCESS DELETE")])
        .docs(
            "7.0.0",
            "O(K) + O(M*log(N)) with the number of keys, of members removed and the size of the sorted set",
            "numkeys key [key ...] <MIN | MAX> [COUNT count]",
            "Removes members at one end of the first sorted set that has any, and answers them.",
        ),
    Command::new("bzpopmin", -3, Group::SortedSet, bzpopmin).flags(BLOCKING).keys(WAITED_FOR).docs(
        "5.0.0",
        "O(log(N)) with the size of the sorted set",
        "key [key ...] timeout:double",
        "Removes the member with the lowest score of the first sorted set that has any; waits for one.",
    ),
    Command::new("bzpopmax", -3, Group::SortedSet, bzpopmax).flags(BLOCKING).keys(WAITED_FOR).docs(
        "5.0.0",
        "O(log(N)) with the size of the sorted set",
        "key [key ...] timeout:double",
        "Removes the member with the highest score of the first sorted set that has any; waits for one.",
    ),
    Command::new("bzmpop", -5, Group::SortedSet, bzmpop)
        .flags(Flags::WRITE.union(Flags::BLOCKING).union(Flags::MOVABLEKEYS))
        .keys(&[KeySpec::counted(2, "RW ACCESS DELETE")])
        .docs(
            "7.0.0",
            "O(K) + O(M*log(N)) with the number of keys, of members removed and the size of the sorted set",
            "timeout:double numkeys key [key ...] <MIN | MAX> [COUNT count]",
            "Removes members at one end of the first sorted set that has any; waits for one.",
        ),
];

/// From which end members are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Lowest,
    Highest,
}

impl End {
    /// The name of the event and of the command that replicas carry out.
    fn names(self) -> (&'static str, &'static [u8]) {
        match self {
            End::Lowest => ("zpopmin", b"ZPOPMIN"),
            End::Highest => ("zpopmax", b"ZPOPMAX"),
        }
    }
}

/// Members that were taken, with their scores.
type Popped = Vec<(Vec<u8>, f64)>;

/// Takes up to `count` members of the sorted set at a key, which holds one.
fn pop(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, end: End, count: usize) -> Result<Popped, Failure> {
    let set = sorted_set_mut(ctx, key)?;
    let elements = match end {
        End::Lowest => set.ascend(0),
        End::Highest => set.descend(set.len().saturating_sub(1)),
    };
    let popped: Popped = elements.take(count).map(|(member, score)| (member.to_vec(), score)).collect();
    popped.iter().for_each(|(member, score)| set.remove_element(member, *score));
    removed(ctx, key, popped.len(), end.names().0)?;
    Ok(popped)
}

fn zpopmin(ctx: &mut Ctx<'_>) -> Outcome {
    pop_of_one(ctx, End::Lowest)
}

fn zpopmax(ctx: &mut Ctx<'_>) -> Outcome {
    pop_of_one(ctx, End::Highest)
}

fn pop_of_one(ctx: &mut Ctx<'_>, end: End) -> Outcome {
    let count = match ctx.args.len() {
        2 => None,
        3 => Some(positive_arg(ctx, 2)?),
        _ => return Err(SYNTAX),
    };
    let key = ctx.key(1);
    if sorted_set_of(ctx.find(&key))?.is_none() || count == Some(0) {
        ctx.reply().array(0);
        return Ok(());
    }
    let popped = pop(ctx, &key, end, count.unwrap_or(1))?;
    let mut reply = ctx.reply();
    match count {
        // Without a count the answer is one flat pair in both protocols.
        None => {
            reply.array(2 * popped.len());
            popped.iter().for_each(|(member, score)| {
                reply.bulk(member);
                reply.double(*score);
            });
        }
        Some(_) => {
            write_head(&mut reply, popped.len(), true);
            for (member, score) in &popped {
                write_element(&mut reply, (Item::Bytes(member), *score), true);
            }
        }
    }
    Ok(())
}

fn bzpopmin(ctx: &mut Ctx<'_>) -> Outcome {
    wait_for_one(ctx, End::Lowest)
}

fn bzpopmax(ctx: &mut Ctx<'_>) -> Outcome {
    wait_for_one(ctx, End::Highest)
}

fn wait_for_one(ctx: &mut Ctx<'_>, end: End) -> Outcome {
    let last = ctx.args.len() - 1;
    let deadline_boot_ms = ctx.deadline_arg(last)?;
    for index in 1..last {
        let key = ctx.key(index);
        if sorted_set_of(ctx.find(&key))?.is_none() {
            continue;
        }
        let popped = pop(ctx, &key, end, 1)?;
        ctx.propagate(&[end.names().1, key.bytes]);
        let mut reply = ctx.reply();
        reply.array(3);
        reply.bulk(key.bytes);
        for (member, score) in &popped {
            reply.bulk(member);
            reply.double(*score);
        }
        return Ok(());
    }
    wait(ctx, 1..last, deadline_boot_ms)
}

/// Waits until one of these keys is a sorted set.
fn wait(ctx: &mut Ctx<'_>, keys: Range<usize>, deadline_boot_ms: Option<BootMs>) -> Outcome {
    let args = ctx.args;
    let what = BlockOn {
        type_name: Some(SortedSet::TYPE_NAME),
        deadline_boot_ms,
        on_timeout: |reply: &mut Reply<'_>| reply.null_array(),
    };
    ctx.block_on(keys.map(|index| args.get(index)), what)
}

/// What ZMPOP and BZMPOP are asked for.
struct Wanted {
    keys: Range<usize>,
    end: End,
    count: usize,
}

impl Wanted {
    /// Reads `numkeys key [key ...] <MIN | MAX> [COUNT count]` from argument `first` on.
    fn parse(ctx: &Ctx<'_>, first: usize) -> Result<Self, Failure> {
        let positive = |index: usize, message| {
            parse_i64(ctx.arg(index))
                .and_then(|number| usize::try_from(number).ok())
                .filter(|&number| number > 0)
                .ok_or(Failure::Text(message))
        };
        let numkeys = positive(first, "ERR numkeys should be greater than 0")?;
        let where_at = first.saturating_add(1).saturating_add(numkeys);
        let end = match where_at < ctx.args.len() {
            true if ctx.arg_is(where_at, "min") => End::Lowest,
            true if ctx.arg_is(where_at, "max") => End::Highest,
            _ => return Err(SYNTAX),
        };
        let (mut count, mut index) = (None, where_at + 1);
        while index < ctx.args.len() {
            if count.is_some() || !ctx.arg_is(index, "count") || index + 1 == ctx.args.len() {
                return Err(SYNTAX);
            }
            count = Some(positive(index + 1, "ERR count should be greater than 0")?);
            index += 2;
        }
        Ok(Wanted { keys: first + 1..where_at, end, count: count.unwrap_or(1) })
    }

    /// Takes members of the first key that has any, and answers them; false where no key has.
    fn take(&self, ctx: &mut Ctx<'_>) -> Result<bool, Failure> {
        for index in self.keys.clone() {
            let key = ctx.key(index);
            if sorted_set_of(ctx.find(&key))?.is_none() {
                continue;
            }
            let popped = pop(ctx, &key, self.end, self.count)?;
            let count = popped.len().to_string();
            ctx.propagate(&[self.end.names().1, key.bytes, count.as_bytes()]);
            let mut reply = ctx.reply();
            reply.array(2);
            reply.bulk(key.bytes);
            reply.array(popped.len());
            for (member, score) in &popped {
                reply.array(2);
                reply.bulk(member);
                reply.double(*score);
            }
            return Ok(true);
        }
        Ok(false)
    }
}

fn zmpop(ctx: &mut Ctx<'_>) -> Outcome {
    let wanted = Wanted::parse(ctx, 1)?;
    if !wanted.take(ctx)? {
        ctx.reply().null_array();
    }
    Ok(())
}

fn bzmpop(ctx: &mut Ctx<'_>) -> Outcome {
    let wanted = Wanted::parse(ctx, 2)?;
    let deadline_boot_ms = ctx.deadline_arg(1)?;
    if wanted.take(ctx)? {
        return Ok(());
    }
    wait(ctx, wanted.keys, deadline_boot_ms)
}
