//! Commands that take parts of a hash: HSCAN and HRANDFIELD.

use std::collections::HashSet;

use super::access::{live_of, write_item};
use super::live::Live;
use crate::base::prng::Prng;
use crate::dispatch::scan::{parse_cursor, reply_page, ScanOptions, Walked};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::formats::packed::Item;
use crate::resp::failure::SYNTAX;
use crate::resp::reply::Reply;

const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

/// The most draws, each of which may give the same field again, of one HRANDFIELD. The peers have no limit and run out
/// of memory.
const REPEATED_DRAWS_MAX: u64 = 1 << 24;

/// Of a hash this many times as large as the number of fields wanted, fields are drawn one by one.
const SPARSE_FACTOR: usize = 3;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("hscan", -3, Group::Hash, hscan)
        .tips("nondeterministic_output")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs(
            "2.8.0",
            "O(1) for every call, O(N) for all fields",
            "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
            "Walks over the fields in steps.",
        ),
    Command::new("hrandfield", -2, Group::Hash, hrandfield)
        .tips("nondeterministic_output")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs(
            "6.2.0",
            "O(N) with the number of fields answered",
            "key [count [WITHVALUES]]",
            "Answers random fields.",
        ),
];

fn hscan(ctx: &mut Ctx<'_>) -> Outcome {
    let cursor = parse_cursor(ctx.arg(2))?;
    let key = ctx.key(1);
    // A missing key is answered before the options are looked at, as the peers do.
    let options = ScanOptions::parse(ctx, 3, Walked::Fields);
    let now_ms = ctx.field_clock();
    ctx.read_with(&key, |entry, reply| {
        let Some(hash) = live_of(entry, now_ms)? else { return reply_page(reply, |_| Ok((0, 0))) };
        let options = options?;
        reply_page(reply, |out| {
            let mut len = 0;
            let next = hash.scan(cursor, options.count, |field, value| {
                if options.matches(field.spell(&mut itoa::Buffer::new())) {
                    write_item(out, field);
                    len += 1;
                    if !options.names_only {
                        write_item(out, value);
                        len += 1;
                    }
                }
            });
            Ok((next, len))
        })
    })
}

fn hrandfield(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let draws = Draws::parse(ctx)?;
    let mut prng = Prng::new(ctx.engine.keyspace.prng.next_u64());
    let now_ms = ctx.field_clock();
    ctx.read_with(&key, |entry, reply| {
        let hash = live_of(entry, now_ms)?;
        match (draws, hash) {
            (None, None) => reply.null(),
            (None, Some(hash)) => {
                if let Some((field, _)) = hash.random(&mut || prng.next_u64()) {
                    write_item(reply, field);
                }
            }
            (Some(_), None) => reply.array(0),
            (Some(draws), Some(hash)) => draws.answer(hash, &mut prng, reply),
        }
        Ok(())
    })
}

/// How many fields are wanted.
#[derive(Clone, Copy)]
struct Draws {
    count: usize,
    /// Whether the same field may come again.
    repeated: bool,
    with_values: bool,
}

impl Draws {
    /// Reads the arguments from the count on; nothing where there is none.
    fn parse(ctx: &Ctx<'_>) -> Result<Option<Self>, Failure> {
        if ctx.args.len() < 3 {
            return Ok(None);
        }
        let number = ctx.int_arg_in(
            2,
            -i64::MAX..=i64::MAX,
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        );
        // The range's message is for numbers only.
        let number = ctx.int_arg(2).and(number)?;
        let with_values = ctx.args.len() > 3;
        if ctx.args.len() > 4 || (with_values && !ctx.arg_is(3, "withvalues")) {
            return Err(SYNTAX);
        }
        let too_many = with_values && !(-i64::MAX / 2..=i64::MAX / 2).contains(&number);
        let repeated = number < 0;
        if too_many || (repeated && number.unsigned_abs() > REPEATED_DRAWS_MAX) {
            return Err(Failure::Text("ERR value is out of range"));
        }
        Ok(Some(Draws { count: number.unsigned_abs() as usize, repeated, with_values }))
    }

    fn answer(self, hash: Live<'_>, prng: &mut Prng, reply: &mut Reply<'_>) {
        let len = if self.repeated { self.count } else { self.count.min(hash.len()) };
        let is_flat = self.with_values && !reply.is_resp3();
        reply.array(if is_flat { 2 * len } else { len });
        let mut write = |(field, value): (Item<'_>, Item<'_>)| {
            if self.with_values && !is_flat {
                reply.array(2);
            }
            write_item(reply, field);
            if self.with_values {
                write_item(reply, value);
            }
        };
        if self.repeated {
            for _ in 0..len {
                if let Some(entry) = hash.random(&mut || prng.next_u64()) {
                    write(entry);
                }
            }
        } else if hash.len() / SPARSE_FACTOR > len {
            draw_distinct(hash, len, prng, &mut write);
        } else {
            select(hash, len, prng, &mut write);
        }
    }
}

/// Draws until `len` different fields have come.
fn draw_distinct(hash: Live<'_>, len: usize, prng: &mut Prng, write: &mut impl FnMut((Item<'_>, Item<'_>))) {
    let mut drawn = HashSet::with_capacity(len);
    while drawn.len() < len {
        let Some((field, value)) = hash.random(&mut || prng.next_u64()) else { return };
        if drawn.insert(field.to_vec()) {
            write((field, value));
        }
    }
}

/// Walks over all fields and takes each with the chance that is still due.
fn select(hash: Live<'_>, len: usize, prng: &mut Prng, write: &mut impl FnMut((Item<'_>, Item<'_>))) {
    let (mut wanted, mut left) = (len as u64, hash.len() as u64);
    for entry in hash.iter() {
        if wanted == 0 {
            return;
        }
        if prng.below(left) < wanted {
            write(entry);
            wanted -= 1;
        }
        left -= 1;
    }
}
