//! Cluster routing: the one slot of a command's keys, and who serves it.

use super::table::Entry;
use super::{Failure, Flags};
use crate::clients::session::Session;
use crate::clients::transaction::Queued;
use crate::cluster::slots::{ClusterState, SlotTable, SLOT_COUNT};
use crate::engine::Engine;
use crate::keyspace::{key_slot, KnownKey};
use crate::resp::Args;

const CROSS_SLOT: Failure = Failure::Text("CROSSSLOT Keys in request don't hash to the same slot");
const DOWN: Failure = Failure::Text("CLUSTERDOWN The cluster is down");
const DOWN_READS_ONLY: Failure =
    Failure::Text("CLUSTERDOWN The cluster is down and only accepts read commands");
const NOT_SERVED: Failure = Failure::Text("CLUSTERDOWN Hash slot not served");
const TRY_AGAIN: Failure = Failure::Text("TRYAGAIN Multiple keys request during rehashing of slot");
const NO_LEASE: Failure = Failure::Text(
    "CLUSTERDOWN This primary has lost contact with the majority and takes no writes until it is back",
);
const NO_DATA: Failure = Failure::Text(
    "CLUSTERDOWN This primary has lost its data; a replica that has it takes over, see CLUSTER INFO and its log",
);

/// Where a command, or a whole transaction, wants to go.
struct Target<'a> {
    slot: u16,
    /// The first key; tools and clients often name one key several times.
    first: &'a [u8],
    /// Whether there is a second one.
    has_several_keys: bool,
    shard_channel: bool,
    write: bool,
    asking: bool,
    /// MIGRATE names keys that may be gone already.
    migrate: bool,
}

/// Finds the slot that the keys of these commands share; nothing when there are no keys, an error when they differ.
///
/// `slot_of` tells the slot of a key of the command with this number.
fn target<'a>(
    commands: impl Iterator<Item = (&'a Entry, Args<'a>)>,
    slot_of: impl Fn(usize, &[u8]) -> u16,
) -> Result<Option<Target<'a>>, Failure> {
    let mut found: Option<Target<'_>> = None;
    let mut crossed = false;
    for (number, (entry, args)) in commands.enumerate() {
        let flags = entry.command.flags;
        for spec in entry.command.keys {
            spec.for_each(args, |index| {
                let key = args.get(index);
                if key.is_empty() && flags.contains(Flags::MIGRATES) {
                    // The place of its one key; empty when KEYS names them.
                    return;
                }
                let slot = slot_of(number, key);
                let target = found.get_or_insert(Target {
                    slot,
                    first: key,
                    has_several_keys: false,
                    shard_channel: spec.not_key,
                    write: false,
                    asking: false,
                    migrate: false,
                });
                crossed |= target.slot != slot;
                target.has_several_keys |= target.first != key;
                target.write |= flags.contains(Flags::WRITE);
                target.asking |= flags.contains(Flags::ASKING);
                target.migrate |= flags.contains(Flags::MIGRATES);
            });
        }
    }
    if crossed {
        Err(CROSS_SLOT)
    } else {
        Ok(found)
    }
}

impl Engine {
    /// Checks that this node serves the command's keys, or says who does.
    pub(crate) fn check_slot(
        &mut self,
        session: &Session,
        entry: &Entry,
        args: Args<'_>,
    ) -> Result<(), Failure> {
        if self.call.key.is_none() {
            // The command will want the key's hash too.
            if let Some(first) = entry.first_key(args) {
                self.call.key = KnownKey::of(&self.keyspace.dbs[session.db].key(first));
            }
        }
        let known = self.call.key;
        let slot_of = |_, key: &[u8]| known.get(key).map_or_else(|| key_slot(key), |key| key.slot);
        let Some(target) = target(std::iter::once((entry, args)), slot_of)? else { return Ok(()) };
        self.call.slot = Some(target.slot);
        self.check_target(session, &target, || self.presence(entry, args))
    }

    /// Checks that this node serves the keys of a whole transaction, all in one slot.
    pub(crate) fn check_queue_slot(&self, session: &Session, queue: &[Queued]) -> Result<(), Failure> {
        let commands = queue.iter().map(|queued| (queued.entry(), queued.args.view()));
        let slot_of = |number: usize, key: &[u8]| queue[number].slot.unwrap_or_else(|| key_slot(key));
        let Some(target) = target(commands.clone(), slot_of)? else { return Ok(()) };
        let presence = || {
            let each = commands.clone().map(|(entry, args)| self.presence(entry, args));
            each.fold(Presence::default(), Presence::and)
        };
        self.check_target(session, &target, presence)
    }

    fn check_target(
        &self,
        session: &Session,
        target: &Target<'_>,
        presence: impl Fn() -> Presence,
    ) -> Result<(), Failure> {
        let Some(slots) = self.cluster.slots.as_deref() else { return Ok(()) };
        let owner = slots.owner(target.slot);
        // First, as it says more than that the cluster is down, which it is then too.
        if owner == Some(slots.myself) && !slots.has_data && !target.shard_channel {
            return Err(NO_DATA);
        }
        check_state(slots, target)?;
        let host = self.host_for_outside(session);
        let Some(owner) = owner else { return Err(NOT_SERVED) };
        let serve_unless_gone = || match slots.migrating.get(&target.slot) {
            Some(&taker) => {
                check_migrating(target, presence(), || slots.redirect("ASK", target.slot, taker, host))
            }
            None => Ok(()),
        };
        if owner == slots.myself {
            if target.write && self.clock.boot_ms > slots.writes_until_ms {
                return Err(NO_LEASE);
            }
            return serve_unless_gone();
        }
        // MIGRATE too: keys that lie with a node which lost their slot are sent home this way.
        let let_in = session.asking || target.asking || target.migrate;
        if let_in && slots.importing.contains_key(&target.slot) {
            return match target.has_several_keys && !target.migrate && presence().some_missing {
                true => Err(TRY_AGAIN),
                false => Ok(()),
            };
        }
        if (session.readonly || target.shard_channel) && owner == slots.my_primary && !target.write {
            // Shard channels need no READONLY. A key that has moved on is with the taker already, not missing.
            return serve_unless_gone();
        }
        Err(Failure::new(slots.redirect("MOVED", target.slot, owner, host)))
    }

    /// Which of the command's keys are here. A ghost is answered for here, so it counts as a key that is; so does a key
    /// that is deleted here and may yet come back, for which a queued command waits at EXEC.
    fn presence(&self, entry: &Entry, args: Args<'_>) -> Presence {
        let mut presence = Presence::default();
        for spec in entry.command.keys {
            spec.for_each(args, |index| {
                let key = args.get(index);
                let migrations = &self.cluster.migrations;
                let is_here =
                    self.has_key(0, key) || migrations.is_ghost(key) || migrations.is_unconfirmed(key);
                presence.some_here |= is_here;
                presence.some_missing |= !is_here;
            });
        }
        presence
    }
}

/// Which of several keys are here.
#[derive(Clone, Copy, Default)]
struct Presence {
    some_here: bool,
    some_missing: bool,
}

impl Presence {
    fn and(self, other: Presence) -> Presence {
        Presence {
            some_here: self.some_here || other.some_here,
            some_missing: self.some_missing || other.some_missing,
        }
    }
}

/// A slot on its way out: keys that are still here are served, for others the taker is asked.
fn check_migrating(
    target: &Target<'_>,
    presence: Presence,
    ask: impl FnOnce() -> String,
) -> Result<(), Failure> {
    match presence.some_missing {
        false => Ok(()),
        _ if target.migrate || target.shard_channel => Ok(()),
        true if presence.some_here => Err(TRY_AGAIN),
        true => Err(Failure::new(ask())),
    }
}

fn check_state(slots: &SlotTable, target: &Target<'_>) -> Result<(), Failure> {
    debug_assert!((target.slot as usize) < SLOT_COUNT);
    match slots.state {
        ClusterState::Ok => Ok(()),
        _ if target.shard_channel && slots.shard_channels_when_down => Ok(()),
        ClusterState::ReadsOnly if !target.write => Ok(()),
        ClusterState::ReadsOnly => Err(DOWN_READS_ONLY),
        ClusterState::Down => Err(DOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::BootMs;
    use crate::clients::origin::Origin;
    use crate::engine::effects::Action;
    use crate::keyspace::SLOTS_COMPUTED;
    use crate::testing::Bench;

    const MYSELF: u16 = 0;
    const OTHER: u16 = 1;

    /// A node that serves every slot, or none of them; `change` may open some.
    fn bench(owner: u16, change: impl FnOnce(&mut SlotTable)) -> Bench {
        Bench::in_cluster(&[], |table| {
            table.owners.fill(owner);
            change(table);
        })
    }

    /// How many MIGRATEs left the engine, and how many keys they carry.
    fn migrated(bench: &mut Bench) -> Vec<usize> {
        let actions = std::mem::take(&mut bench.engine.effects.actions);
        let jobs = actions.into_iter().filter_map(|action| match action {
            Action::Migrate(job) => Some(job.replies - 2),
            _ => None,
        });
        jobs.collect()
    }

    /// How many slots were computed for these commands.
    fn slots_computed(bench: &mut Bench, commands: &[&str]) -> usize {
        let client = bench.client();
        let before = SLOTS_COMPUTED.get();
        for command in commands {
            let answer = bench.say(client, command);
            assert!(!answer.starts_with('-'), "{command}: {answer}");
        }
        SLOTS_COMPUTED.get() - before
    }

    #[test]
    fn slot_of_each_key_is_computed_once() {
        let mut bench = bench(MYSELF, |_| {});
        for (commands, keys) in [
            (&["SET {a}1 1"][..], 1),
            (&["MSET {a}1 1 {a}2 2 {a}3 3"], 3),
            (&["SUNIONSTORE {a}4 {a}5 {a}6"], 3),
            (&["RENAME {a}1 {a}7"], 2),
            (&["GEOADD {a}8 1 1 x", "GEORADIUS {a}8 1 1 1 km STORE {a}9"], 3),
            (&["RPUSH {a}10 2 1", "SORT {a}10 STORE {a}11"], 3),
            (&["MULTI", "SET {a}1 1", "MGET {a}1 {a}2", "EXEC"], 3),
        ] {
            assert_eq!(slots_computed(&mut bench, commands), keys, "{commands:?}");
        }
    }

    #[test]
    fn migrate_counts_the_keys_behind_its_keyword_and_not_the_empty_one_before() {
        let slot = key_slot(b"{x}1");
        let mut bench = bench(MYSELF, |table| {
            table.migrating.insert(slot, OTHER);
        });
        let client = bench.client();
        let args: [&[u8]; 10] =
            [b"MIGRATE", b"b", b"2", b"", b"0", b"100", b"REPLACE", b"KEYS", b"{x}1", b"{x}2"];
        assert_eq!(bench.call(client, &args), "+NOKEY");
        let args: [&[u8]; 9] = [b"MIGRATE", b"b", b"2", b"", b"0", b"100", b"KEYS", b"{x}1", b"{y}1"];
        assert!(bench.call(client, &args).starts_with("-CROSSSLOT"));
    }

    #[test]
    fn migrate_sends_home_keys_of_a_slot_that_is_coming_in() {
        let slot = key_slot(b"{x}1");
        let mut bench = bench(MYSELF, |_| {});
        let client = bench.client();
        assert_eq!(bench.say(client, "SET {x}1 v"), "+OK");
        let mut table = bench.engine.cluster.slots.as_deref().cloned().expect("a table is installed");
        table.owners.fill(OTHER);
        bench.engine.cluster.slots = Some(table.clone().into());
        let args: [&[u8]; 9] = [b"MIGRATE", b"b", b"2", b"", b"0", b"100", b"KEYS", b"{x}1", b"{x}2"];
        assert_eq!(bench.call(client, &args), format!("-MOVED {slot} b:2"));
        table.importing.insert(slot, OTHER);
        bench.engine.cluster.slots = Some(table.into());
        assert_eq!(bench.call(client, &args), "");
        assert_eq!(migrated(&mut bench), [1]);
        let other_client = bench.client();
        assert_eq!(bench.say(other_client, "GET {x}1"), format!("-MOVED {slot} b:2"));
    }

    /// A replica of `OTHER`, which owns every slot.
    fn replica(change: impl FnOnce(&mut SlotTable)) -> Bench {
        bench(OTHER, |table| {
            table.my_primary = OTHER;
            change(table);
        })
    }

    #[test]
    fn replica_serves_shard_channels_without_readonly() {
        let mut bench = replica(|_| {});
        let (client, other) = (bench.client(), bench.client());
        assert_eq!(bench.say(client, "SSUBSCRIBE a"), "*3 $10 ssubscribe $1 a :1");
        assert_eq!(bench.say(other, "SPUBLISH a hi"), ":1");
        assert_eq!(bench.heard(client), "*3 $8 smessage $1 a $2 hi");
        assert!(bench.say(other, "GET a").starts_with("-MOVED"));
        assert_eq!(bench.say(client, "SUNSUBSCRIBE a"), "*3 $12 sunsubscribe $1 a :0");
    }

    #[test]
    fn replica_ends_shard_channels_of_a_slot_that_moved_away() {
        let mut bench = replica(|_| {});
        let client = bench.client();
        bench.say(client, "SSUBSCRIBE a");
        let mut table = bench.engine.cluster.slots.as_deref().cloned().expect("a table is installed");
        table.owners.fill(MYSELF);
        (table.myself, table.my_primary) = (2, OTHER);
        bench.engine.install_slots(table.into());
        assert_eq!(bench.heard(client), "*3 $12 sunsubscribe $1 a :0");
    }

    #[test]
    fn replica_sends_readers_after_keys_that_have_moved_on() {
        let slot = key_slot(b"{x}1");
        let mut bench = replica(|_| {});
        let primary = bench.engine.open_session(Origin::Primary).key;
        bench.say(primary, "SET {x}1 v");
        let client = bench.client();
        bench.say(client, "READONLY");
        assert_eq!(bench.say(client, "GET {x}2"), "$-1");
        if let Some(table) = bench.engine.cluster.slots.as_deref_mut() {
            table.migrating.insert(slot, MYSELF);
        }
        assert_eq!(bench.say(client, "GET {x}1"), "$1 v");
        assert_eq!(bench.say(client, "GET {x}2"), format!("-ASK {slot} a:1"));
        assert!(bench.say(client, "MGET {x}1 {x}2").starts_with("-TRYAGAIN"));
        assert!(bench.say(client, "SET {x}2 v").starts_with("-MOVED"));
    }

    #[test]
    fn a_client_from_outside_is_told_a_host_of_its_side() {
        let mut bench = bench(OTHER, |_| {});
        let slot = key_slot(b"a");
        for (setting, outside, host) in [
            ("", true, "b"),
            ("example.org", false, "b"),
            ("example.org", true, "example.org"),
            ("unknown", true, ""),
        ] {
            bench.engine.settings.cluster_outside_endpoint = setting.into();
            let client = bench.client();
            bench.engine.clients.sessions.get_mut(client).expect("it is open").outside = outside;
            assert_eq!(bench.say(client, "GET a"), format!("-MOVED {slot} {host}:2"));
        }
    }

    #[test]
    fn owner_without_its_data_says_so_whatever_the_state() {
        for state in [ClusterState::Ok, ClusterState::Down] {
            let mut bench = bench(MYSELF, |table| (table.has_data, table.state) = (false, state));
            let client = bench.client();
            assert!(bench.say(client, "GET k").starts_with("-CLUSTERDOWN This primary has lost its data"));
        }
    }

    #[test]
    fn a_lease_that_has_ended_closes_clients_that_wrote_but_not_the_stream_of_a_primary() {
        let mut bench = bench(MYSELF, |_| {});
        let client = bench.client();
        let primary = bench.engine.open_session(Origin::Primary).key;
        bench.say(client, "SET a 1");
        bench.say(primary, "SET b 1");
        if let Some(table) = bench.engine.cluster.slots.as_deref_mut() {
            table.writes_until_ms = BootMs::ZERO;
        }
        let clock = bench.engine.clock;
        bench.engine.withhold_replies_without_lease(|| clock);
        assert!(bench.session(client).close_now);
        assert!(!bench.session(primary).close_now);
    }
}
