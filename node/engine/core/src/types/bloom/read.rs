//! Commands that look into a Bloom filter: BF.EXISTS, BF.MEXISTS, BF.CARD, BF.INFO, BF.DEBUG.

use super::access::{bloom_of, NOT_FOUND};
use super::{Bloom, Scaling};
use crate::base::numbers::format_double;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::resp::reply::Reply;

const FAST: Flags = Flags::READONLY.union(Flags::FAST);
const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("bf.exists", 3, Group::Bloom, exists).flags(FAST).keys(KEY).docs(
        "1.0.0",
        "O(K) with the number of hashes",
        "key item",
        "Tells whether an element may have been added to a Bloom filter.",
    ),
    Command::new("bf.mexists", -3, Group::Bloom, mexists).flags(FAST).keys(KEY).docs(
        "1.0.0",
        "O(K * N) with the number of hashes and elements",
        "key item [item ...]",
        "Tells for each element whether it may have been added to a Bloom filter.",
    ),
    Command::new("bf.card", 2, Group::Bloom, card).flags(FAST).keys(&[KeySpec::one(1, "RO")]).docs(
        "2.4.4",
        "O(1)",
        "key",
        "Tells how many elements were added to a Bloom filter and not found in it before.",
    ),
    Command::new("bf.info", -2, Group::Bloom, info).flags(FAST).keys(&[KeySpec::one(1, "RO")]).docs(
        "1.0.0",
        "O(1)",
        "key [CAPACITY | SIZE | FILTERS | ITEMS | EXPANSION]",
        "Describes a Bloom filter.",
    ),
    Command::new("bf.debug", 2, Group::Bloom, debug).flags(FAST).keys(&[KeySpec::one(1, "RO")]).docs(
        "1.0.0",
        "O(N) with the number of filters",
        "key",
        "Describes each filter of a Bloom filter, for its developers.",
    ),
];

fn exists(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, element) = (ctx.key(1), ctx.arg(2));
    ctx.read_with(&key, |entry, reply| {
        reply.bool(bloom_of(entry)?.is_some_and(|bloom| bloom.contains(element)));
        Ok(())
    })
}

fn mexists(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, elements) = (ctx.key(1), ctx.args.iter_from(2));
    ctx.read_with(&key, |entry, reply| {
        let bloom = bloom_of(entry)?;
        reply.array(elements.len());
        for element in elements {
            reply.bool(bloom.is_some_and(|bloom| bloom.contains(element)));
        }
        Ok(())
    })
}

fn card(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        reply.int(bloom_of(entry)?.map_or(0, Bloom::items) as i64);
        Ok(())
    })
}

/// One thing that BF.INFO tells: by which word it is asked for, what it is called, and what it is.
type Fact = (&'static str, &'static str, fn(&Bloom, usize, &mut Reply<'_>));

const FACTS: [Fact; 5] = [
    ("capacity", "Capacity", |bloom, _, reply| reply.int(bloom.capacity() as i64)),
    ("size", "Size", |_, bytes, reply| reply.int(bytes as i64)),
    ("filters", "Number of filters", |bloom, _, reply| reply.int(bloom.filters() as i64)),
    ("items", "Number of items inserted", |bloom, _, reply| reply.int(bloom.items() as i64)),
    ("expansion", "Expansion rate", |bloom, _, reply| match bloom.scaling() {
        Scaling::By(factor) => reply.int(factor.into()),
        Scaling::Never => reply.null(),
    }),
];

fn info(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.args.len() > 3 {
        return Err(Failure::wrong_arity(ctx.entry.full_name));
    }
    let (key, wanted) = (ctx.key(1), ctx.args.try_get(2));
    ctx.read_with(&key, |entry, reply| {
        let bytes = entry.map_or(0, |entry| entry.value().collection_bytes());
        let bloom = bloom_of(entry)?.ok_or(NOT_FOUND)?;
        let Some(wanted) = wanted else {
            reply.map(FACTS.len());
            for (_, name, write) in FACTS {
                reply.simple(name);
                write(bloom, bytes, reply);
            }
            return Ok(());
        };
        let fact = FACTS.iter().find(|(word, ..)| word.as_bytes().eq_ignore_ascii_case(wanted));
        let (.., write) = fact.ok_or(Failure::Text("Invalid information value"))?;
        reply.array(1);
        write(bloom, bytes, reply);
        Ok(())
    })
}

/// How long the hashes are, in bits.
const HASH_BITS: u32 = 64;

fn debug(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    ctx.read_with(&key, |entry, reply| {
        let bloom = bloom_of(entry)?.ok_or(NOT_FOUND)?;
        reply.array(1 + bloom.filters());
        reply.bulk(format!("size:{}", bloom.items()).as_bytes());
        for filter in &bloom.filters {
            let line = format!(
                "bytes:{} bits:{} hashes:{} hashwidth:{HASH_BITS} capacity:{} size:{} ratio:{}",
                filter.bytes.len(),
                filter.bits,
                filter.hashes,
                filter.capacity,
                filter.items,
                format_double(filter.error_rate),
            );
            reply.bulk(line.as_bytes());
        }
        Ok(())
    })
}
