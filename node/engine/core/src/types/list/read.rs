//! Commands that look into a list: LRANGE and its kin.

use super::access::{list_of, write_item};
use super::{End, List};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;

const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("llen", 2, Group::List, llen)
        .flags(Flags::READONLY.union(Flags::FAST))
        .keys(&[KeySpec::one(1, "RO")])
        .docs("1.0.0", "O(1)", "key", "Answers the number of elements."),
    Command::new("lindex", 3, Group::List, lindex).flags(Flags::READONLY).keys(KEY).docs(
        "1.0.0",
        "O(N) with the elements between the index and the nearer end; both ends are O(1)",
        "key index",
        "Answers the element with an index.",
    ),
    Command::new("lrange", 4, Group::List, lrange).flags(Flags::READONLY).keys(KEY).docs(
        "1.0.0",
        "O(S+N) with the distance of the range from the nearer end and its number of elements",
        "key start stop",
        "Answers the elements in a range of indices.",
    ),
    Command::new("lpos", -3, Group::List, lpos).flags(Flags::READONLY).keys(KEY).docs(
        "6.0.6",
        "O(N) with the number of elements; less where the match is near the end from which it looks",
        "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
        "Answers the indices of elements that match.",
    ),
];

/// The index that a possibly negative number means, as far as the list reaches.
pub(super) fn index_in(len: usize, number: i64) -> Option<usize> {
    match usize::try_from(number) {
        Ok(index) => (index < len).then_some(index),
        Err(_) => len.checked_sub(usize::try_from(number.unsigned_abs()).ok()?),
    }
}

/// The indices `start..end` that a range from one number to another, both inclusive, means.
pub(super) fn range_in(len: usize, first: i64, last: i64) -> (usize, usize) {
    let from_front = |number: i64| match number < 0 {
        true => number.saturating_add(len as i64),
        false => number,
    };
    let start = from_front(first).max(0) as usize;
    let end = (from_front(last).saturating_add(1).max(0) as usize).min(len);
    if start < end {
        (start, end)
    } else {
        (0, 0)
    }
}

fn llen(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        reply.int(list_of(entry)?.map_or(0, List::len) as i64);
        Ok(())
    })
}

fn lindex(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    // A missing key is answered before the index is looked at, as the peers do.
    let index = ctx.int_arg(2);
    ctx.read_with(&key, |entry, reply| {
        let Some(list) = list_of(entry)? else {
            reply.null();
            return Ok(());
        };
        match index_in(list.len(), index?).and_then(|index| list.get(index)) {
            Some(item) => write_item(reply, item),
            None => reply.null(),
        }
        Ok(())
    })
}

fn lrange(ctx: &mut Ctx<'_>) -> Outcome {
    let (first, last) = (ctx.int_arg(2)?, ctx.int_arg(3)?);
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        let Some(list) = list_of(entry)? else {
            reply.array(0);
            return Ok(());
        };
        let (start, end) = range_in(list.len(), first, last);
        reply.array(end - start);
        for item in list.iter_from(start).take(end - start) {
            write_item(reply, item);
        }
        Ok(())
    })
}

/// What LPOS looks for.
struct Search {
    from: End,
    /// Matches to pass over.
    skip: u64,
    /// How many indices are wanted; `None`: one, answered without an array.
    count: Option<usize>,
    looked_at_max: usize,
}

impl Search {
    fn parse(ctx: &Ctx<'_>) -> Result<Self, Failure> {
        let mut search = Search { from: End::Left, skip: 0, count: None, looked_at_max: usize::MAX };
        for index in (3..ctx.args.len()).step_by(2) {
            if index + 1 == ctx.args.len() {
                return Err(SYNTAX);
            } else if ctx.arg_is(index, "rank") {
                let rank = rank_at(ctx, index + 1)?;
                search.from = if rank < 0 { End::Right } else { End::Left };
                search.skip = rank.unsigned_abs() - 1;
            } else if ctx.arg_is(index, "count") {
                let count = ctx.int_arg_in(index + 1, 0..=i64::MAX, "ERR COUNT can't be negative")?;
                search.count = Some(if count == 0 { usize::MAX } else { count as usize });
            } else if ctx.arg_is(index, "maxlen") {
                let len = ctx.int_arg_in(index + 1, 0..=i64::MAX, "ERR MAXLEN can't be negative")?;
                search.looked_at_max = if len == 0 { usize::MAX } else { len as usize };
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(search)
    }
}

fn rank_at(ctx: &Ctx<'_>, index: usize) -> Result<i64, Failure> {
    match ctx.int_arg(index)? {
        0 => Err(Failure::Text(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to \
             start from the end of the list",
        )),
        i64::MIN => Err(Failure::Text(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        rank => Ok(rank),
    }
}

fn lpos(ctx: &mut Ctx<'_>) -> Outcome {
    let search = Search::parse(ctx)?;
    let (key, text) = (ctx.key(1), ctx.arg(2));
    ctx.read_with(&key, |entry, reply| {
        let list = list_of(entry)?;
        let (mut found, mut skip) = (Vec::new(), search.skip);
        let wanted = search.count.unwrap_or(1);
        if let Some(list) = list {
            list.positions(text, search.from, search.looked_at_max, |index| {
                if skip > 0 {
                    skip -= 1;
                } else {
                    found.push(index as i64);
                }
                found.len() < wanted
            });
        }
        match (search.count, found.first()) {
            (None, None) => reply.null(),
            (None, Some(&index)) => reply.int(index),
            (Some(_), _) => {
                reply.array(found.len());
                found.iter().for_each(|&index| reply.int(index));
            }
        }
        Ok(())
    })
}
