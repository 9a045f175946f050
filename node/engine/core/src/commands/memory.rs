//! MEMORY: where the memory goes; the figures come from [`crate::engine::memory`].

use crate::base::numbers::parse_i64;
use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;
use crate::resp::reply::Reply;

const SEE: Flags = Flags::empty();

/// Tips: each shard answers for itself.
const OF_EACH_SHARD: &str = "nondeterministic_output request_policy:all_shards response_policy:special";

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::container("memory", Group::Server, SUBCOMMANDS).docs(
    "4.0.0",
    "That of the subcommand",
    "",
    "Shows where the memory goes.",
)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("doctor", 2, Group::Server, doctor).tips(OF_EACH_SHARD).flags(SEE).docs(
        "4.0.0",
        "O(1)",
        "",
        "Says in words whether the use of memory looks healthy.",
    ),
    Command::new("malloc-stats", 2, Group::Server, malloc_stats).tips(OF_EACH_SHARD).flags(SEE).docs(
        "4.0.0",
        "O(1)",
        "",
        "Shows what the allocator counts.",
    ),
    Command::new("purge", 2, Group::Server, purge).tips("request_policy:all_shards response_policy:all_succeeded").flags(SEE).docs(
        "4.0.0",
        "O(N) with the pages of the allocator",
        "",
        "Gives unused pages back to the operating system now; the allocator does it by itself after a while.",
    ),
    Command::new("stats", 2, Group::Server, stats).tips(OF_EACH_SHARD).flags(SEE).docs(
        "4.0.0",
        "O(1)",
        "",
        "Shows bytes by purpose.",
    ),
    Command::new("usage", -3, Group::Server, usage)
        .flags(Flags::READONLY)
        .keys(&[KeySpec::one(2, "RO")])
        .docs(
            "4.0.0",
            "O(1)",
            "key [SAMPLES count]",
            "Tells how many bytes a key takes, its value and its share of the table included.",
        ),
    help(Group::Server, "4.0.0"),
];

fn usage(ctx: &mut Ctx<'_>) -> Outcome {
    // SAMPLES is read and checked; sizes are kept with the values, so nothing needs to be estimated.
    let samples_fit = match ctx.args.len() {
        3 => true,
        5 => ctx.arg_is(3, "samples") && parse_i64(ctx.arg(4)).is_some_and(|samples| samples >= 0),
        _ => false,
    };
    if !samples_fit {
        return Err(SYNTAX);
    }
    let key = ctx.key(2);
    let Some(bytes) = ctx.find_quietly(&key).map(|entry| entry.memory_bytes()) else {
        ctx.reply().null();
        return Ok(());
    };
    let share = ctx.db().bucket_share_bytes(&key);
    ctx.int((bytes + share) as i64)
}

fn stats(ctx: &mut Ctx<'_>) -> Outcome {
    let figures = ctx.engine.memory_figures();
    let process = (ctx.engine.host.process)();
    let keys: u64 = ctx.engine.keyspace.dbs.iter().map(|db| db.len() as u64).sum();
    let net = figures.used.saturating_sub(figures.startup);
    let percent = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
    let databases: Vec<(String, usize)> = ctx
        .engine
        .keyspace
        .dbs
        .iter()
        .enumerate()
        .filter(|(_, db)| !db.is_empty())
        .map(|(number, db)| (format!("db.{number}"), db.overhead_bytes()))
        .collect();
    let before = [
        ("peak.allocated", figures.peak),
        ("total.allocated", figures.used),
        ("startup.allocated", figures.startup),
        ("replication.backlog", figures.backlog),
        ("clients.slaves", figures.clients_replicas),
        ("clients.normal", figures.clients_normal),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", 0),
        ("functions.caches", 0),
    ];
    let after = [
        ("overhead.total", figures.overhead),
        ("keys.count", keys),
        ("keys.bytes-per-key", net.checked_div(keys).unwrap_or(0)),
        ("dataset.bytes", figures.dataset()),
    ];
    let mut reply = ctx.reply();
    reply.map(before.len() + databases.len() + after.len() + 13);
    before.iter().for_each(|(name, value)| number(&mut reply, name, *value as i64));
    for (name, bytes) in &databases {
        reply.bulk(name.as_bytes());
        reply.map(3);
        number(&mut reply, "overhead.hashtable.main", *bytes as i64);
        number(&mut reply, "overhead.hashtable.expires", 0);
        number(&mut reply, "overhead.hashtable.slot-to-keys", 0);
    }
    after.iter().for_each(|(name, value)| number(&mut reply, name, *value as i64));
    ratio(&mut reply, "dataset.percentage", percent(figures.dataset(), net));
    ratio(&mut reply, "peak.percentage", percent(figures.used, figures.peak));
    number(&mut reply, "allocator.allocated", figures.used as i64);
    number(&mut reply, "allocator.active", figures.committed as i64);
    number(&mut reply, "allocator.resident", process.resident_bytes as i64);
    for (name, value, bytes) in figures.ratios(process.resident_bytes) {
        ratio(&mut reply, &format!("{name}.ratio"), value);
        number(&mut reply, &format!("{name}.bytes"), bytes);
    }
    ratio(&mut reply, "fragmentation", percent(process.resident_bytes, figures.used) / 100.0);
    number(&mut reply, "fragmentation.bytes", process.resident_bytes as i64 - figures.used as i64);
    Ok(())
}

fn number(reply: &mut Reply<'_>, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.int(value);
}

fn ratio(reply: &mut Reply<'_>, name: &str, value: f64) {
    reply.bulk(name.as_bytes());
    reply.double(value);
}

fn doctor(ctx: &mut Ctx<'_>) -> Outcome {
    let figures = ctx.engine.memory_figures();
    let process = (ctx.engine.host.process)();
    let mut findings = Vec::new();
    if figures.peak > figures.used + figures.used / 2 {
        findings.push(format!(
            "* The peak was {} bytes, {} are in use now: resident memory may stay high for a while.",
            figures.peak, figures.used
        ));
    }
    if process.resident_bytes > figures.used.saturating_mul(3) / 2 + (64 << 20) {
        findings.push(format!(
            "* The process holds {} bytes for {} in use: memory is fragmented, or was used before. {}",
            process.resident_bytes,
            figures.used,
            match ctx.engine.settings.activedefrag {
                true =>
                    "activedefrag is on and moves data together; MEMORY PURGE gives unused pages back now.",
                false =>
                    "CONFIG SET activedefrag yes moves data together; MEMORY PURGE gives unused pages back.",
            }
        ));
    }
    let limit = ctx.engine.settings.maxmemory;
    if limit > 0 && figures.used.saturating_sub(ctx.engine.uncounted_memory(0)) > limit / 10 * 9 {
        findings.push(format!(
            "* {} of the {limit} bytes of maxmemory are in use; maxmemory-policy is {}, and {} keys were evicted.",
            figures.used,
            ctx.engine.settings.maxmemory_policy.name(),
            ctx.engine.stats.counters.evicted_keys,
        ));
    }
    if figures.clients_normal > figures.used / 4 && figures.clients_normal > (16 << 20) {
        findings.push(format!(
            "* Clients hold {} bytes in their buffers: see CLIENT LIST for those that do not read.",
            figures.clients_normal
        ));
    }
    if findings.is_empty() {
        findings.push("Nothing to report: the use of memory looks healthy.".to_owned());
    }
    let text = findings.join("\n") + "\n";
    ctx.reply().verbatim("txt", text.as_bytes());
    Ok(())
}

fn malloc_stats(ctx: &mut Ctx<'_>) -> Outcome {
    let figures = ctx.engine.memory_figures();
    let text = format!(
        "allocator: mimalloc\nin use: {} bytes\npeak: {} bytes\ncommitted: {} bytes\n\n{}",
        figures.used,
        figures.peak,
        figures.committed,
        crate::base::alloc::statistics()
    );
    ctx.reply().verbatim("txt", text.as_bytes());
    Ok(())
}

fn purge(ctx: &mut Ctx<'_>) -> Outcome {
    crate::base::alloc::release_own_pages();
    ctx.engine.keyspace.purge_wanted = true;
    ctx.ok()
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    #[test]
    fn a_keys_size_is_told() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        assert_eq!(bench.say(client, "MEMORY USAGE nokey"), "$-1");
        let key = bench.engine.keyspace.dbs[0].key(b"k");
        bench.engine.keyspace.dbs[0].set_string(&key, &[b'x'; 10_000], crate::keyspace::Ttl::Clear, 0);
        let bytes: i64 = bench.say(client, "MEMORY USAGE k SAMPLES 5")[1..].parse().unwrap();
        assert!((10_000..30_000).contains(&bytes), "{bytes}");
        for line in ["MEMORY USAGE k SAMPLES", "MEMORY USAGE k SAMPLES -1", "MEMORY USAGE k FOO 1"] {
            assert_eq!(bench.say(client, line), "-ERR syntax error");
        }
        let stats = bench.say(client, "MEMORY STATS");
        assert!(stats.contains("$10 keys.count :1 ") && stats.contains("$4 db.0 *6 "), "{stats}");
    }
}
