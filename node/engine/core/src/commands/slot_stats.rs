//! CLUSTER SLOT-STATS: what the slots that are served here hold and cost.

use std::cmp::Reverse;

use crate::base::numbers::parse_i64;
use crate::cluster::slots::{slot_number, SlotTable, SLOT_COUNT};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::engine::Engine;
use crate::resp::failure::{NO_CLUSTER, SYNTAX};

/// The subcommand.
pub const SLOT_STATS: Command = Command::new("slot-stats", -4, Group::Cluster, slot_stats)
    .flags(Flags::LOADING.union(Flags::STALE))
    .tips("nondeterministic_output request_policy:all_shards")
    .docs(
        "8.0.0",
        "O(N) with the number of slots of the range; O(N log N) with all slots for ORDERBY",
        "filter=<slotsrange=SLOTSRANGE start-slot end-slot | orderby=ORDERBY metric [LIMIT limit] [order=<ASC | DESC>]>",
        "Shows what the hash slots that are served here hold and cost.",
    );

/// The fields of a slot, in the order of the reply. All but the first are counted while `cluster-slot-stats-enabled` says so.
const METRICS: [&str; 4] = ["key-count", "cpu-usec", "network-bytes-in", "network-bytes-out"];

const NOT_A_SLOT: Failure = Failure::Text("ERR Invalid or out of range slot");
const BAD_LIMIT: Failure =
    Failure::Text("ERR Limit has to lie in between 1 and 16384 (maximum number of slots).");
const BAD_METRIC: Failure = Failure::Text("ERR Unrecognized sort metric for ORDERBY.");
const TWICE: Failure = Failure::Text("ERR Multiple filters of the same type are disallowed.");

fn slot_stats(ctx: &mut Ctx<'_>) -> Outcome {
    let Some(slots) = ctx.engine.cluster.slots.as_deref() else { return Err(NO_CLUSTER) };
    // Without counting, only the keys are known.
    let shown = if ctx.engine.stats.slots.is_some() { METRICS.len() } else { 1 };
    let chosen = if ctx.arg_is(2, "slotsrange") && ctx.args.len() == 5 {
        let (first, last) = (slot_arg(ctx, 3)?, slot_arg(ctx, 4)?);
        if first > last {
            return Err(Failure::new(format!(
                "ERR Start slot number {first} is greater than end slot number {last}"
            )));
        }
        served(slots).filter(|slot| (first..=last).contains(slot)).collect()
    } else if ctx.arg_is(2, "orderby") {
        ordered(ctx, slots, &METRICS[..shown])?
    } else {
        return Err(Failure::unknown_subcommand(ctx.args));
    };
    let figures: Vec<_> = chosen.into_iter().map(|slot| (slot, figures(ctx.engine, slot))).collect();
    let mut reply = ctx.reply();
    reply.array(figures.len());
    for (slot, values) in figures {
        reply.array(2);
        reply.int(i64::from(slot));
        reply.map(shown);
        for (name, value) in METRICS.iter().zip(values).take(shown) {
            reply.bulk(name.as_bytes());
            reply.int(value as i64);
        }
    }
    Ok(())
}

/// The slots that this node serves, itself or for its primary.
fn served(slots: &SlotTable) -> impl Iterator<Item = u16> + '_ {
    (0..SLOT_COUNT as u16).filter(|&slot| slots.serves(slot))
}

/// The values of [`METRICS`] for a slot.
fn figures(engine: &Engine, slot: u16) -> [u64; METRICS.len()] {
    let keys = engine.keyspace.dbs[0].slot_len(slot) as u64;
    let counted = engine.stats.slots.as_ref().map(|slots| slots.get(slot)).unwrap_or_default();
    [keys, counted.cpu_us, counted.network_bytes_in, counted.network_bytes_out]
}

fn slot_arg(ctx: &Ctx<'_>, index: usize) -> Result<u16, Failure> {
    parse_i64(ctx.arg(index)).and_then(slot_number).ok_or(NOT_A_SLOT)
}

/// The slots that ORDERBY chooses by one of these metrics; of equal ones the one with the lower number stands first.
fn ordered(ctx: &Ctx<'_>, slots: &SlotTable, metrics: &[&str]) -> Result<Vec<u16>, Failure> {
    let metric = metrics.iter().position(|name| ctx.arg_is(3, name)).ok_or(BAD_METRIC)?;
    let (mut limit, mut ascending) = (None, None);
    let mut at = 4;
    while at < ctx.args.len() {
        if ctx.arg_is(at, "limit") && at + 1 < ctx.args.len() {
            let wanted = parse_i64(ctx.arg(at + 1)).filter(|limit| (1..=SLOT_COUNT as i64).contains(limit));
            if limit.replace(wanted.ok_or(BAD_LIMIT)? as usize).is_some() {
                return Err(TWICE);
            }
            at += 2;
        } else if ctx.arg_is(at, "asc") || ctx.arg_is(at, "desc") {
            if ascending.replace(ctx.arg_is(at, "asc")).is_some() {
                return Err(TWICE);
            }
            at += 1;
        } else {
            return Err(SYNTAX);
        }
    }
    let mut found: Vec<(u64, u16)> =
        served(slots).map(|slot| (figures(ctx.engine, slot)[metric], slot)).collect();
    match ascending {
        Some(true) => found.sort_unstable(),
        _ => found.sort_unstable_by_key(|&(value, slot)| (Reverse(value), slot)),
    }
    found.truncate(limit.unwrap_or(SLOT_COUNT));
    Ok(found.into_iter().map(|(_, slot)| slot).collect())
}

#[cfg(test)]
mod tests {
    use crate::keyspace::key_slot;
    use crate::stats::slots::SlotFigures;
    use crate::testing::Bench;

    fn bench() -> Bench {
        Bench::in_cluster(&[("cluster-slot-stats-enabled", "yes")], |table| table.owners[7] = 1)
    }

    fn of(bench: &Bench, key: &[u8]) -> SlotFigures {
        bench.engine.stats.slots.as_ref().expect("they are counted").get(key_slot(key))
    }

    #[test]
    fn commands_and_replies_count_for_their_slot() {
        let mut bench = bench();
        let client = bench.client();
        bench.say(client, "SET a 1");
        bench.say(client, "GET a");
        let expected = SlotFigures { network_bytes_in: 47, network_bytes_out: 12, cpu_us: 0 };
        assert_eq!(of(&bench, b"a"), expected);
        assert_eq!(of(&bench, b"b"), SlotFigures::default());
        bench.engine.reset_stats();
        assert_eq!(of(&bench, b"a"), SlotFigures::default());
    }

    #[test]
    fn commands_of_a_transaction_count_for_their_slot() {
        let mut bench = bench();
        let client = bench.client();
        for command in ["MULTI", "SET a 1", "PING", "EXEC"] {
            bench.say(client, command);
        }
        assert_eq!(of(&bench, b"a").network_bytes_in, 27);
    }

    #[test]
    fn slot_stats_answer_for_served_slots() {
        let mut bench = bench();
        let client = bench.client();
        bench.say(client, "MSET a 1");
        assert_eq!(
            bench.say(client, "CLUSTER SLOT-STATS SLOTSRANGE 6 7"),
            "*1 *2 :6 *8 $9 key-count :0 $8 cpu-usec :0 $16 network-bytes-in :0 $17 network-bytes-out :0"
        );
        let most = bench.say(client, "CLUSTER SLOT-STATS ORDERBY key-count LIMIT 1");
        assert!(most.starts_with("*1 *2 :15495 *8 $9 key-count :1"), "{most}");
        let fewest = bench.say(client, "CLUSTER SLOT-STATS ORDERBY network-bytes-in ASC LIMIT 2");
        assert!(fewest.starts_with("*2 *2 :0 ") && fewest.contains("*2 :1 "), "{fewest}");
    }

    #[test]
    fn costs_are_not_shown_unless_counted() {
        let mut bench = Bench::in_cluster(&[], |_| {});
        let client = bench.client();
        assert_eq!(bench.say(client, "CLUSTER SLOT-STATS SLOTSRANGE 0 0"), "*1 *2 :0 *2 $9 key-count :0");
        assert!(bench
            .say(client, "CLUSTER SLOT-STATS ORDERBY cpu-usec")
            .starts_with("-ERR Unrecognized sort metric"));
    }

    #[test]
    fn figures_of_a_slot_that_leaves_are_dropped() {
        let mut bench = bench();
        let client = bench.client();
        bench.say(client, "SET a 1");
        let mut table = bench.engine.cluster.slots.clone().expect("there is a table");
        table.owners[key_slot(b"a") as usize] = 1;
        bench.engine.install_slots(table);
        assert_eq!(of(&bench, b"a"), SlotFigures::default());
    }
}
