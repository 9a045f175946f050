//! PFCOUNT. It looks at HyperLogLogs, but leaves what it has computed in the header of a single one.

use super::access::bytes_of;
use super::value::{estimate::estimate, sketch, REGISTERS};
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::settings::NotifyClass;
use crate::types::bitmap::access::change_bytes;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("pfcount", -2, Group::HyperLogLog, pfcount)
    .flags(Flags::READONLY.union(Flags::MAY_REPLICATE))
    .keys(&[KeySpec::range(1, -1, 1, "RW ACCESS")])
    .docs(
        "2.8.9",
        "O(1) for one key, O(N) with the number of keys for more",
        "key [key ...]",
        "Estimates how many different elements were added to one or several HyperLogLogs.",
    )];

fn pfcount(ctx: &mut Ctx<'_>) -> Outcome {
    match ctx.args.len() {
        2 => count_one(ctx),
        _ => count_union(ctx),
    }
}

fn count_one(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(1);
    let Some(bytes) = bytes_of(ctx.read(&key))? else { return ctx.int(0) };
    if let Some(cardinality) = sketch::cached_cardinality(bytes) {
        return ctx.int(cardinality as i64);
    }
    let cardinality = sketch::cardinality(bytes)?;
    // A replica changes nothing by itself: its bytes stay its primary's.
    if !ctx.engine.replication.is_replica() || ctx.origin().skips_checks() {
        change_bytes(ctx, &key, |bytes| sketch::cache_cardinality(bytes, cardinality));
        ctx.changed(key.bytes, NotifyClass::empty(), "", 1);
    }
    ctx.int(cardinality as i64)
}

fn count_union(ctx: &mut Ctx<'_>) -> Outcome {
    let mut ranks = [0; REGISTERS];
    for index in 1..ctx.args.len() {
        let key = ctx.key(index);
        if let Some(bytes) = bytes_of(ctx.read(&key))? {
            sketch::merge_into(bytes, &mut ranks)?;
        }
    }
    let mut histogram = [0; 64];
    ranks.iter().for_each(|rank| histogram[usize::from(rank & 0x3f)] += 1);
    ctx.int(estimate(&histogram) as i64)
}
