//! Commands that look at bits: GETBIT, BITCOUNT, BITPOS.

use std::ops::RangeInclusive;

use super::access::bit_offset;
use super::value::bits;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::{SYNTAX, WRONG_TYPE};

const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("getbit", 3, Group::Bitmap, getbit)
        .flags(Flags::READONLY.union(Flags::FAST))
        .keys(KEY)
        .docs("2.2.0", "O(1)", "key offset", "Answers one bit of the string at a key."),
    Command::new("bitcount", -2, Group::Bitmap, bitcount).flags(Flags::READONLY).keys(KEY).docs(
        "2.6.0",
        "O(N) with the length of the range",
        "key [range=<start end [BYTE | BIT]>]",
        "Tells how many bits of a string are set.",
    ),
    Command::new("bitpos", -3, Group::Bitmap, bitpos).flags(Flags::READONLY).keys(KEY).docs(
        "2.8.7",
        "O(N) with the length of the range",
        "key bit [range=<start [end [BYTE | BIT]]>]",
        "Finds the first bit of a string that is 1, or 0.",
    ),
];

fn getbit(ctx: &mut Ctx<'_>) -> Outcome {
    let bit = bit_offset(ctx, ctx.arg(2), None)?;
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        let mut digits = itoa::Buffer::new();
        let text = match entry {
            None => &[][..],
            Some(entry) => entry.value().string(&mut digits).ok_or(WRONG_TYPE)?,
        };
        reply.int(bits::get(text, bit).into());
        Ok(())
    })
}

/// Whether a range is given in bits rather than bytes.
fn is_in_bits(ctx: &Ctx<'_>, index: usize) -> Result<bool, Failure> {
    match ctx.args.try_get(index) {
        None => Ok(false),
        Some(unit) if unit.eq_ignore_ascii_case(b"bit") => Ok(true),
        Some(unit) if unit.eq_ignore_ascii_case(b"byte") => Ok(false),
        Some(_) => Err(SYNTAX),
    }
}

/// The bits from `start` to `end` inclusive, in bits or bytes; negative positions count from the end. `None` when
/// there are none.
fn bit_range(bytes: usize, start: i64, end: i64, in_bits: bool) -> Option<RangeInclusive<u64>> {
    let unit = if in_bits { 1 } else { 8 };
    let total = bytes as i64 * 8 / unit;
    let from_end = |position: i64| if position < 0 { (total + position).max(0) } else { position };
    let (start, end) = (from_end(start), from_end(end).min(total - 1));
    (start <= end).then(|| (start * unit) as u64..=(end * unit + unit - 1) as u64)
}

fn bitcount(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    // A missing key is answered before the range is looked at, as the peers do.
    let range = count_range(ctx);
    ctx.read_with(&key, |entry, reply| {
        let mut digits = itoa::Buffer::new();
        let Some(entry) = entry else {
            reply.int(0);
            return Ok(());
        };
        let text = entry.value().string(&mut digits).ok_or(WRONG_TYPE)?;
        let (start, end, in_bits) = range?;
        let is_reversed = start < 0 && end < 0 && start > end;
        let range = bit_range(text.len(), start, end, in_bits).filter(|_| !is_reversed);
        reply.int(range.map_or(0, |range| bits::count_in(text, &range)) as i64);
        Ok(())
    })
}

fn count_range(ctx: &Ctx<'_>) -> Result<(i64, i64, bool), Failure> {
    match ctx.args.len() {
        2 => Ok((0, -1, false)),
        4 | 5 => Ok((ctx.int_arg(2)?, ctx.int_arg(3)?, is_in_bits(ctx, 4)?)),
        _ => Err(SYNTAX),
    }
}

fn bitpos(ctx: &mut Ctx<'_>) -> Outcome {
    let on = match ctx.int_arg(2)? {
        0 => false,
        1 => true,
        _ => return Err(Failure::Text("ERR The bit argument must be 1 or 0.")),
    };
    let key = ctx.key(1);
    let range = position_range(ctx);
    ctx.read_with(&key, |entry, reply| {
        let mut digits = itoa::Buffer::new();
        let Some(entry) = entry else {
            // A missing key is as many zeros as one likes.
            reply.int(if on { -1 } else { 0 });
            return Ok(());
        };
        let text = entry.value().string(&mut digits).ok_or(WRONG_TYPE)?;
        let (start, end, in_bits) = range?;
        let range = bit_range(text.len(), start, end.unwrap_or(-1), in_bits);
        let position = match range.map(|range| bits::find_in(text, &range, on)) {
            None => -1,
            Some(Some(position)) => position as i64,
            // Without an end, zeros follow the string.
            Some(None) if !on && end.is_none() => text.len() as i64 * 8,
            Some(None) => -1,
        };
        reply.int(position);
        Ok(())
    })
}

/// Start, end if there is one, and whether they are in bits.
fn position_range(ctx: &Ctx<'_>) -> Result<(i64, Option<i64>, bool), Failure> {
    let len = ctx.args.len();
    if len > 6 {
        return Err(SYNTAX);
    }
    let start = if len > 3 { ctx.int_arg(3)? } else { 0 };
    let in_bits = is_in_bits(ctx, 5)?;
    let end = if len > 4 { Some(ctx.int_arg(4)?) } else { None };
    Ok((start, end, in_bits))
}
