//! Commands that look at the entries of one stream: XLEN, XRANGE, XREVRANGE.

use super::access::{count_of, stream_of, write_entries};
use super::Stream;
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;

const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("xlen", 2, Group::Stream, xlen)
        .flags(Flags::READONLY.union(Flags::FAST))
        .keys(&[KeySpec::one(1, "RO")])
        .docs("5.0.0", "O(1)", "key", "Answers the number of entries."),
    Command::new("xrange", -4, Group::Stream, xrange).flags(Flags::READONLY).keys(KEY).docs(
        "5.0.0",
        "O(log(N)+M) with N entries in the stream and M in the answer",
        "key start end [COUNT count]",
        "Answers the entries within an interval of ids.",
    ),
    Command::new("xrevrange", -4, Group::Stream, xrevrange).flags(Flags::READONLY).keys(KEY).docs(
        "5.0.0",
        "O(log(N)+M) with N entries in the stream and M in the answer",
        "key end start [COUNT count]",
        "Answers the entries within an interval of ids, the last one first.",
    ),
];

fn xlen(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        reply.int(stream_of(entry)?.map_or(0, Stream::len) as i64);
        Ok(())
    })
}

fn xrange(ctx: &mut Ctx<'_>) -> Outcome {
    range(ctx, false)
}

fn xrevrange(ctx: &mut Ctx<'_>) -> Outcome {
    range(ctx, true)
}

fn range(ctx: &mut Ctx<'_>, is_reverse: bool) -> Outcome {
    let (start_at, end_at) = if is_reverse { (3, 2) } else { (2, 3) };
    let (from, to) = (ctx.start_arg(start_at)?, ctx.end_arg(end_at)?);
    let mut count = None;
    let mut at = 4;
    while at < ctx.args.len() {
        if !ctx.arg_is(at, "count") || at + 1 == ctx.args.len() {
            return Err(SYNTAX);
        }
        count = Some(count_of(ctx.int_arg(at + 1)?));
        at += 2;
    }
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        match (stream_of(entry)?, count) {
            (None, _) => reply.array(0),
            (Some(_), Some(0)) => reply.null_array(),
            (Some(stream), count) if is_reverse => {
                write_entries(reply, stream.range_back(from, to), count.unwrap_or(0));
            }
            (Some(stream), count) => write_entries(reply, stream.range(from, to), count.unwrap_or(0)),
        }
        Ok(())
    })
}
