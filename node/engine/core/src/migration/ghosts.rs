//! Slots that move away, and the ghosts in them: keys that were deleted here and may still be at the target.
//!
//! BEHAVIOUR. Only a primary that owns the slot makes ghosts; its replicas are told by `CLUSTER GHOST` in the
//! stream, which is sent while all of them understand it. A full sync begins with all ghosts there are.

use std::collections::BTreeSet;

use super::state::{DepartureState, Migrations};
use crate::cluster::slots::SlotTable;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::engine::Engine;
use crate::keyspace::key_slot;
use crate::replication::state::Scope;
use crate::resp::OwnedArgs;

/// `CLUSTER GHOST`, a subcommand for the replication stream only.
pub const GHOST: Command = Command::new("ghost", -4, Group::Cluster, ghost)
    .flags(Flags::ADMIN.union(Flags::STALE).union(Flags::NOSCRIPT))
    .docs(
        "7.2.0",
        "O(N) with the number of keys",
        "<ADD | DEL> key [key ...]",
        "Tells a replica which deleted keys of a moving slot its primary answers for; for the stream only.",
    );

fn ghost(ctx: &mut Ctx<'_>) -> Outcome {
    if !ctx.origin().skips_checks() {
        return Err(Failure::Text("ERR CLUSTER GHOST is for the replication stream only"));
    }
    let is_added = ctx.arg_is(2, "add");
    for key in ctx.args.iter_from(3) {
        ctx.engine.cluster.migrations.set_ghost(key_slot(key), key, is_added);
    }
    ctx.ok()
}

impl Migrations {
    /// The slots that move away by a new table; what was known of the others is forgotten.
    pub fn slots_installed(&mut self, table: &SlotTable) {
        self.slots.retain(|slot, _| table.migrating.contains_key(slot));
        for &slot in table.migrating.keys() {
            self.slots.entry(slot).or_default();
        }
    }

    /// Whether a missing key is answered for here nevertheless.
    pub fn is_ghost(&self, key: &[u8]) -> bool {
        !self.slots.is_empty() && self.slots.get(&key_slot(key)).is_some_and(|ghosts| ghosts.contains(key))
    }

    /// The ghosts of a slot.
    pub fn ghosts_of(&self, slot: u16) -> impl ExactSizeIterator<Item = &[u8]> + '_ {
        static NONE: BTreeSet<Box<[u8]>> = BTreeSet::new();
        self.slots.get(&slot).unwrap_or(&NONE).iter().map(|key| &**key)
    }

    /// The keys of a slot that were deleted here and come back if our replicas do not acknowledge that.
    pub fn unconfirmed_of(&self, slot: u16) -> impl Iterator<Item = &[u8]> + '_ {
        let confirming = self.by_ticket.values().filter(move |migration| migration.route.is_of(slot));
        let taken = confirming.filter_map(|migration| migration.confirming.as_ref());
        taken.flat_map(|confirming| confirming.taken.iter().map(|(key, _)| &**key))
    }

    /// Makes or ends a ghost; whether that changed anything.
    fn set_ghost(&mut self, slot: u16, key: &[u8], is_there: bool) -> bool {
        match is_there {
            true => self.slots.entry(slot).or_default().insert(key.into()),
            false => self.slots.get_mut(&slot).is_some_and(|ghosts| ghosts.remove(key)),
        }
    }
}

impl Engine {
    /// How many keys of a slot have to leave before the slot may: ghosts are among them, and keys that may come back.
    pub fn keys_to_move(&self, slot: u16) -> usize {
        let migrations = &self.cluster.migrations;
        self.keyspace.dbs[0].slot_len(slot)
            + migrations.ghosts_of(slot).len()
            + migrations.unconfirmed_of(slot).count()
    }

    /// A key has changed while keys are on their way or slots move.
    #[cold]
    pub(crate) fn moving_key_changed(&mut self, db: usize, key: &[u8]) {
        if let Some(departures) = self.cluster.migrations.keys.get_mut(key) {
            for departure in departures.iter_mut().filter(|departure| departure.db == db) {
                if departure.state == DepartureState::Copied {
                    departure.state = DepartureState::Changed;
                }
            }
        }
        if db != 0 || self.cluster.migrations.slots.is_empty() || self.replication.is_replica() {
            return;
        }
        let slot = key_slot(key);
        if self.cluster.migrations.slots.contains_key(&slot) {
            let is_gone = !self.keyspace.dbs[0].contains(&self.keyspace.dbs[0].key(key));
            self.note_ghosts(slot, &[key], is_gone);
        }
    }

    /// All keys of a database are about to be deleted.
    pub(crate) fn moving_keys_flushed(&mut self, db: usize) {
        if db != 0 || self.replication.is_replica() {
            return;
        }
        let slots: Vec<u16> = self.cluster.migrations.slots.keys().copied().collect();
        for slot in slots {
            let mut keys: Vec<Box<[u8]>> = Vec::new();
            self.keyspace.dbs[0].for_each_in_slot(slot, |entry| {
                keys.push(entry.key().into());
                std::ops::ControlFlow::Continue(())
            });
            let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
            self.note_ghosts(slot, &keys, true);
        }
    }

    /// Makes or ends ghosts, and tells the replicas.
    pub(super) fn note_ghosts(&mut self, slot: u16, keys: &[&[u8]], are_there: bool) {
        let changed: Vec<&[u8]> = keys
            .iter()
            .copied()
            .filter(|key| self.cluster.migrations.set_ghost(slot, key, are_there))
            .collect();
        if !changed.is_empty() && self.replication.replicas.all_know_ghosts() {
            self.queue_propagation(Scope { db: 0, slot: Some(slot) }, ghost_note(&changed, are_there));
        }
    }

    /// Tells all ghosts in the stream, for replicas whose snapshot has just begun.
    pub(crate) fn replicate_ghosts(&mut self) {
        if !self.replication.is_recording() || !self.replication.replicas.all_know_ghosts() {
            return;
        }
        let of_slots = self.cluster.migrations.slots.iter().filter(|(_, ghosts)| !ghosts.is_empty());
        let notes: Vec<(u16, OwnedArgs)> = of_slots
            .map(|(&slot, ghosts)| {
                (slot, ghost_note(&ghosts.iter().map(|key| &**key).collect::<Vec<_>>(), true))
            })
            .collect();
        for (slot, note) in &notes {
            self.feed(Scope { db: 0, slot: Some(*slot) }, note.view());
        }
    }
}

fn ghost_note(keys: &[&[u8]], are_there: bool) -> OwnedArgs {
    let word: &[u8] = if are_there { b"ADD" } else { b"DEL" };
    let mut note = OwnedArgs::from_slices(&[b"CLUSTER", b"GHOST", word]);
    keys.iter().for_each(|key| note.push(key));
    note
}
