//! CLUSTER, READONLY, READWRITE, ASKING.
//!
//! What needs the keyspace alone is answered here; everything else is the control plane's, which
//! owns the view of the cluster.

use crate::cluster::slots::slot_number;
use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Facts, Failure, Flags, Group, Outcome};
use crate::keyspace::key_slot;
use crate::resp::failure::NO_CLUSTER;

const CLUSTER: Group = Group::Cluster;
const STALE: Flags = Flags::STALE;
const SEE: Flags = Flags::LOADING.union(Flags::STALE);
const SEE_ADMIN: Flags = SEE.union(Flags::ADMIN);
const CHANGE: Flags = Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING);
const CONNECTION: Flags = Flags::FAST.union(Flags::LOADING).union(Flags::STALE);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::container("cluster", CLUSTER, SUBCOMMANDS).docs(
        "3.0.0",
        "That of the subcommand",
        "",
        "Shows and changes the cluster.",
    ),
    Command::new("asking", 1, CLUSTER, |ctx| set(ctx, |session| session.asking = true))
        .flags(Flags::LETS_IN)
        .flags(Flags::FAST)
        .categories(&["connection"])
        .docs("3.0.0", "O(1)", "", "Lets the next command in to a slot that is being imported."),
    Command::new("readonly", 1, CLUSTER, |ctx| set(ctx, |session| session.readonly = true))
        .flags(CONNECTION)
        .categories(&["connection"])
        .docs("3.0.0", "O(1)", "", "Lets a replica answer this connection's reads itself."),
    Command::new("readwrite", 1, CLUSTER, |ctx| set(ctx, |session| session.readonly = false))
        .flags(CONNECTION)
        .categories(&["connection"])
        .docs("3.0.0", "O(1)", "", "Ends what READONLY began."),
];

const SUBCOMMANDS: &[Command] = &[
    control("addslots", -3, CHANGE).docs(
        "3.0.0",
        "O(N) with the number of slots",
        "slot [slot ...]",
        "Takes hash slots that nobody serves.",
    ),
    control("addslotsrange", -4, CHANGE).docs(
        "7.0.0",
        "O(N) with the number of slots in the ranges",
        "start-slot end-slot [start-slot end-slot ...]",
        "Takes ranges of hash slots that nobody serves.",
    ),
    control("bumpepoch", 2, CHANGE).tips("nondeterministic_output").docs(
        "3.0.0",
        "O(1)",
        "",
        "Raises this node's configuration epoch.",
    ),
    control("count-failure-reports", 3, SEE_ADMIN).tips("nondeterministic_output").docs(
        "3.0.0",
        "O(N) with the number of reports",
        "node-id",
        "Counts the nodes that take another one to be failing.",
    ),
    Command::new("countkeysinslot", 3, CLUSTER, countkeysinslot).flags(STALE).docs(
        "3.0.0",
        "O(1)",
        "slot",
        "Counts the keys of a hash slot that are on this node.",
    ),
    control("delslots", -3, CHANGE).docs(
        "3.0.0",
        "O(N) with the number of slots",
        "slot [slot ...]",
        "Forgets who serves hash slots.",
    ),
    control("delslotsrange", -4, CHANGE).docs(
        "7.0.0",
        "O(N) with the number of slots in the ranges",
        "start-slot end-slot [start-slot end-slot ...]",
        "Forgets who serves ranges of hash slots.",
    ),
    control("failover", -2, CHANGE).docs(
        "3.0.0",
        "O(1)",
        "[options=<FORCE | TAKEOVER>]",
        "Makes this replica take its primary's place.",
    ),
    control("flushslots", 2, CHANGE).facts(Facts::Keys).docs(
        "3.0.0",
        "O(1)",
        "",
        "Gives up all of this node's hash slots.",
    ),
    control("forget", 3, CHANGE).docs("3.0.0", "O(1)", "node-id", "Takes a node out of this node's table."),
    crate::migration::GHOST,
    Command::new("getkeysinslot", 4, CLUSTER, getkeysinslot)
        .tips("nondeterministic_output")
        .flags(STALE)
        .docs(
            "3.0.0",
            "O(N) with the number of keys asked for",
            "slot count",
            "Names keys of a hash slot that are on this node.",
        ),
    control("info", 2, SEE).tips("nondeterministic_output").facts(Facts::StrayKeys).docs(
        "3.0.0",
        "O(1)",
        "",
        "Shows the state of the cluster as this node sees it.",
    ),
    Command::new("keyslot", 3, CLUSTER, keyslot).flags(SEE).docs(
        "3.0.0",
        "O(N) with the length of the key",
        "key",
        "Tells the hash slot of a key.",
    ),
    control("links", 2, SEE).tips("nondeterministic_output").docs(
        "7.0.0",
        "O(N) with the number of nodes",
        "",
        "Describes the links of the cluster bus.",
    ),
    control("manager", -3, CHANGE).tips("nondeterministic_output").docs(
        "7.2.0",
        "O(N) with the length of the content",
        "subcommand=<LEASE manager epoch ttl-ms | RELEASE manager epoch | READ | STORE manager epoch version content | AS manager epoch>",
        "Keeps the lease and the records of the cluster's managers, and marks a manager's connection.",
    ),
    control("meet", -4, CHANGE).docs(
        "3.0.0",
        "O(1)",
        "ip port [cluster-bus-port]",
        "Introduces this node to another one.",
    ),
    crate::migration::MIGRATION_LINK,
    control("myid", 2, SEE).docs("3.0.0", "O(1)", "", "Tells this node's id."),
    control("myshardid", 2, SEE).docs("7.2.0", "O(1)", "", "Tells the id of this node's shard."),
    control("nodes", 2, SEE).tips("nondeterministic_output").docs(
        "3.0.0",
        "O(N) with the number of nodes",
        "",
        "Describes all nodes, one a line.",
    ),
    control("replicas", 3, SEE_ADMIN).tips("nondeterministic_output").docs(
        "5.0.0",
        "O(N) with the number of replicas",
        "node-id",
        "Describes the replicas of a primary.",
    ),
    control("replicate", 3, CHANGE).facts(Facts::Keys).docs(
        "3.0.0",
        "O(1)",
        "node-id",
        "Makes this node a replica of a primary.",
    ),
    control("reset", -2, Flags::ADMIN.union(Flags::STALE).union(Flags::NOSCRIPT)).facts(Facts::Keys).docs(
        "3.0.0",
        "O(N) with the number of nodes, and of keys where they are deleted",
        "[reset-type=<HARD | SOFT>]",
        "Makes this node leave its cluster and forget it.",
    ),
    control("saveconfig", 2, CHANGE).docs("3.0.0", "O(1)", "", "Writes the cluster's state to disk now."),
    control("set-config-epoch", 3, CHANGE).docs(
        "3.0.0",
        "O(1)",
        "config-epoch",
        "Sets the configuration epoch of a fresh node.",
    ),
    control("serve-empty", 2, CHANGE).docs(
        "7.2.0",
        "O(1)",
        "",
        "Lets an owner of hash slots that has lost their data serve them as it is.",
    ),
    control("setslot", -4, CHANGE).facts(Facts::KeysInSlot).docs(
        "3.0.0",
        "O(1)",
        "slot subcommand=<IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>",
        "Marks a hash slot as moving, settled, or served by a node.",
    ),
    control("shards", 2, SEE).tips("nondeterministic_output").docs(
        "7.0.0",
        "O(N) with the number of nodes",
        "",
        "Describes shards: their hash slots and their nodes.",
    ),
    control("slaves", 3, SEE_ADMIN)
        .deprecated("5.0.0", "`CLUSTER REPLICAS`")
        .tips("nondeterministic_output")
        .docs(
            "3.0.0",
            "O(N) with the number of replicas",
            "node-id",
            "Describes the replicas of a primary, by the older name.",
        ),
    super::slot_stats::SLOT_STATS,
    control("slots", 2, SEE).deprecated("7.0.0", "`CLUSTER SHARDS`").tips("nondeterministic_output").docs(
        "3.0.0",
        "O(N) with the number of nodes",
        "",
        "Maps ranges of hash slots to nodes.",
    ),
    help(CLUSTER, "5.0.0"),
];

const fn control(name: &'static str, arity: i16, flags: Flags) -> Command {
    Command::control(name, arity, CLUSTER).flags(flags)
}

fn need_cluster(ctx: &Ctx<'_>) -> Outcome {
    match ctx.engine.cluster.slots {
        Some(_) => Ok(()),
        None => Err(NO_CLUSTER),
    }
}

fn set(ctx: &mut Ctx<'_>, change: impl Fn(&mut crate::clients::session::Session)) -> Outcome {
    need_cluster(ctx)?;
    change(ctx.session);
    ctx.ok()
}

fn keyslot(ctx: &mut Ctx<'_>) -> Outcome {
    need_cluster(ctx)?;
    let slot = key_slot(ctx.arg(2));
    ctx.int(i64::from(slot))
}

fn slot_arg(ctx: &Ctx<'_>, message: &'static str) -> Result<u16, Failure> {
    slot_number(ctx.int_arg(2)?).ok_or(Failure::Text(message))
}

fn countkeysinslot(ctx: &mut Ctx<'_>) -> Outcome {
    need_cluster(ctx)?;
    let slot = slot_arg(ctx, "ERR Invalid slot")?;
    let keys = ctx.engine.keys_to_move(slot);
    ctx.int(keys as i64)
}

fn getkeysinslot(ctx: &mut Ctx<'_>) -> Outcome {
    need_cluster(ctx)?;
    const INVALID: &str = "ERR Invalid slot or number of keys";
    let wanted = ctx.int_arg(3)?;
    let slot = slot_arg(ctx, INVALID)?;
    let wanted = usize::try_from(wanted).map_err(|_| Failure::Text(INVALID))?;
    let Ctx { engine, session, .. } = ctx;
    let wanted = wanted.min(engine.keys_to_move(slot));
    let mut reply = crate::resp::reply::Reply::new(&mut session.out, session.resp);
    reply.array(wanted);
    let migrations = &engine.cluster.migrations;
    let mut left = wanted;
    for key in migrations.ghosts_of(slot).chain(migrations.unconfirmed_of(slot)).take(wanted) {
        left -= 1;
        reply.bulk(key);
    }
    engine.keyspace.dbs[0].for_each_in_slot(slot, |entry| {
        if left == 0 {
            return std::ops::ControlFlow::Break(());
        }
        left -= 1;
        reply.bulk(entry.key());
        std::ops::ControlFlow::Continue(())
    });
    debug_assert_eq!(left, 0, "a slot holds as many keys as it counts");
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::engine::effects::Event;
    use crate::testing::Bench;

    #[test]
    fn the_keyspace_is_asked_here_and_the_cluster_above() {
        let mut bench = Bench::new(&[("cluster-enabled", "yes")]);
        let client = bench.client();
        assert_eq!(bench.say(client, "CLUSTER KEYSLOT a"), ":15495");
        assert_eq!(bench.say(client, "CLUSTER COUNTKEYSINSLOT 15495"), ":0");
        assert_eq!(bench.say(client, "CLUSTER COUNTKEYSINSLOT 16384"), "-ERR Invalid slot");
        assert_eq!(bench.say(client, "CLUSTER GETKEYSINSLOT 1 -1"), "-ERR Invalid slot or number of keys");
        assert_eq!(bench.say(client, "CLUSTER GETKEYSINSLOT 1 10"), "*0");
        assert_eq!(bench.say(client, "READONLY"), "+OK");
        assert!(bench.session(client).readonly);
        assert_eq!(bench.say(client, "CLUSTER SETSLOT 5 STABLE"), "");
        let [Event::Command { facts, .. }] = &bench.engine.effects.events[..] else {
            panic!("nothing was asked")
        };
        assert_eq!(facts[..], [("keys_in_slot", 0)]);
    }

    #[test]
    fn keys_that_no_client_finds_are_counted() {
        let mut bench = Bench::in_cluster(&[], |_| {});
        let client = bench.client();
        let mut table = bench.engine.cluster.slots.as_deref().cloned().expect("there is a table");
        assert_eq!(bench.say(client, "SET a b"), "+OK");
        for (owner, imports, strays) in [(0, false, 0), (1, false, 1), (1, true, 0)] {
            table.owners[15495] = owner;
            table.importing = if imports { [(15495, 1)].into() } else { Default::default() };
            bench.engine.install_slots(Box::new(table.clone()));
            bench.engine.effects.events.clear();
            let asker = bench.client();
            assert_eq!(bench.say(asker, "CLUSTER INFO"), "");
            let [Event::Command { facts, .. }] = &bench.engine.effects.events[..] else {
                panic!("nothing was asked")
            };
            assert_eq!(facts[..], [("keys_stray", strays)]);
        }
    }

    #[test]
    fn without_a_cluster_everything_but_help_is_refused() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        for line in ["CLUSTER INFO", "CLUSTER KEYSLOT a", "READONLY", "READWRITE", "ASKING"] {
            assert_eq!(bench.say(client, line), "-ERR This instance has cluster support disabled", "{line}");
        }
        assert!(bench.engine.effects.events.is_empty());
    }

    #[test]
    fn asking_holds_for_one_command() {
        let mut bench = Bench::new(&[("cluster-enabled", "yes")]);
        let client = bench.client();
        assert_eq!(bench.say(client, "ASKING"), "+OK");
        assert!(bench.session(client).asking);
        bench.say(client, "PING");
        assert!(!bench.session(client).asking);
    }
}
