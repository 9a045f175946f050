//! The end of a MIGRATE: what the target has acknowledged leaves, everything else stays.
//!
//! ```text
//! copied --all acknowledged--> deleted here, unconfirmed --our replicas acknowledged--> gone (+OK)
//!    |                                    |--- not in time, or a replica was lost ----> back (-NOREPLICAS)
//!    |                                    '--- and the slot is another's by then -----> gone, the copy is the key
//!    '--refused, changed, no answer, demoted, slot lost, move called off--> stays (an error says why)
//! ```

use super::state::{Confirming, DepartureState, Item, Migration, Route};
use crate::base::clock::BootMs;
use crate::clients::session::{MigrationTicket, SessionKey, Suspension};
use crate::clients::waiting::Queue;
use crate::dispatch::{Failure, Outcome};
use crate::engine::effects::{Action, Level};
use crate::engine::Engine;
use crate::keyspace::Content;
use crate::replication::state::Scope;
use crate::resp::OwnedArgs;
use crate::settings::NotifyClass;

const CHANGED: Failure =
    Failure::Text("TRYAGAIN a key has changed while its copy was on its way; it stays here");
const TARGET_NOT_REPLICATED: Failure = Failure::Text(
    "NOREPLICAS The target's replicas have not acknowledged the keys in time, so they stay here",
);
const NOT_CONFIRMED: Failure = Failure::Text(
    "NOREPLICAS The replicas of this node have not acknowledged in time that keys left, so they stay here",
);
const CALLED_OFF: Failure = Failure::Text(
    "ERR the slot's move was called off or changed while keys were on their way; they stay here",
);
const HANDED_OVER: Failure = Failure::Text(
    "ERR the slot was given to another node while its keys were leaving; the copies there count",
);
const PAUSED: Failure = Failure::Text("TRYAGAIN writes are paused, so keys on their way stay here");
const DEMOTED: Failure = Failure::Text(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

impl Engine {
    /// The target has sent all its replies, or has failed.
    pub fn migration_ended(&mut self, ticket: MigrationTicket, outcome: Result<Vec<String>, String>) {
        let Some(migration) = self.cluster.migrations.by_ticket.get(&ticket) else { return };
        if migration.confirming.is_some() {
            return;
        }
        let outcome = match outcome {
            Ok(replies) => self.settle(ticket, &replies),
            Err(error) => {
                Some(Err(Failure::new(format!("IOERR error or timeout talking to the target: {error}"))))
            }
        };
        if let Some(outcome) = outcome {
            self.end_migration(ticket, outcome);
        }
    }

    /// Judges the replies; the outcome, unless replicas of ours have to confirm it first.
    fn settle(&mut self, ticket: MigrationTicket, replies: &[String]) -> Option<Outcome> {
        let migration = self.cluster.migrations.by_ticket.get(&ticket)?;
        if let Err(failure) = migration.check_preliminaries(replies) {
            return Some(Err(failure));
        }
        if !self.still_moves(migration.route) {
            return Some(Err(CALLED_OFF));
        }
        if self.clients.pauses.stop_the_stream() {
            return Some(Err(PAUSED));
        }
        let (mut arrived, mut exorcised) = (Vec::new(), Vec::new());
        let mut outcome = Ok(());
        let mut rest = replies.iter().skip(migration.preliminaries);
        for item in &migration.items {
            let refused = rest.by_ref().take(item.replies()).find(|reply| reply.starts_with('-'));
            match refused {
                None if item.is_ghost => exorcised.push(item.key.clone()),
                None => arrived.push(item.key.clone()),
                Some(reply) => outcome = outcome.and(Err(refusal(reply))),
            }
        }
        let (copy, db, route) = (migration.copy, migration.db, migration.route);
        let expected = arrived.len();
        arrived.retain(|key| {
            let departure = self.cluster.migrations.departure(ticket, key);
            departure.is_some_and(|departure| departure.state == DepartureState::Copied)
        });
        if arrived.len() < expected {
            outcome = outcome.and(Err(CHANGED));
        }
        if copy {
            return Some(outcome);
        }
        if let Route::SlotMove { slot, .. } = route {
            let keys: Vec<&[u8]> = exorcised.iter().map(|key| &**key).collect();
            self.note_ghosts(slot, &keys, false);
        }
        let taken = self.take_departed(ticket, db, arrived);
        self.flush_propagation();
        self.confirm_or_finish(ticket, route, taken, outcome)
    }

    /// Whether this node may still give keys away for what it was asked.
    fn still_moves(&self, route: Route) -> bool {
        let Some(slots) = self.cluster.slots.as_deref() else { return true };
        match route {
            Route::Elsewhere => true,
            Route::SlotMove { slot, target } => {
                slots.owner(slot) == Some(slots.myself) && slots.migrating.get(&slot) == Some(&target)
            }
            Route::Home { slot, owner } => slots.owner(slot) == Some(owner),
        }
    }

    /// Deletes keys that the target has, and hands out what they held.
    fn take_departed(
        &mut self,
        ticket: MigrationTicket,
        db: usize,
        arrived: Vec<Box<[u8]>>,
    ) -> Vec<(Box<[u8]>, Content)> {
        let mut taken = Vec::new();
        let mut deletion = OwnedArgs::from_slices(&[b"DEL"]);
        let mut scope = Scope::of_db(db);
        for bytes in arrived {
            let key = self.keyspace.dbs[db].key(&bytes);
            // All keys of a MIGRATE lie in one slot.
            scope = self.scope_of(db, &key);
            if let Some(content) = self.keyspace.dbs[db].take(&key) {
                self.key_departed(db, &bytes);
                deletion.push(&bytes);
                if let Some(departure) = self.cluster.migrations.departure(ticket, &bytes) {
                    departure.state = DepartureState::Unconfirmed;
                }
                taken.push((bytes, content));
            }
        }
        if !taken.is_empty() {
            self.queue_propagation(scope, deletion);
        }
        taken
    }

    /// In a slot's move the replicas of this node must know that keys are gone before clients are sent after them.
    fn confirm_or_finish(
        &mut self,
        ticket: MigrationTicket,
        route: Route,
        taken: Vec<(Box<[u8]>, Content)>,
        outcome: Outcome,
    ) -> Option<Outcome> {
        let witnesses: Vec<(SessionKey, u64)> = match route {
            Route::SlotMove { .. } if !taken.is_empty() => {
                let replicas =
                    self.replication.replicas.list.iter().filter(|replica| replica.may_take_over());
                let sessions = replicas.filter_map(|replica| self.clients.sessions.get(replica.session));
                sessions.map(|session| (session.key, session.id)).collect()
            }
            _ => Vec::new(),
        };
        if witnesses.is_empty() {
            return Some(outcome);
        }
        let offset = self.replication.offset();
        let now_ms = self.clock.boot_ms;
        let migration = self.cluster.migrations.by_ticket.get_mut(&ticket)?;
        let deadline_boot_ms = now_ms + migration.timeout_ms;
        migration.confirming = Some(Confirming { offset, witnesses, deadline_boot_ms, taken, outcome });
        self.replication.want_acks();
        None
    }

    /// Once a turn: lets keys go whose deletion our replicas have acknowledged, brings back those that they have not.
    pub(crate) fn serve_confirmations(&mut self) {
        if self.cluster.migrations.by_ticket.is_empty() {
            return;
        }
        let confirming = |(ticket, migration): (&MigrationTicket, &Migration)| {
            migration.confirming.as_ref().map(|_| *ticket)
        };
        let tickets: Vec<MigrationTicket> =
            self.cluster.migrations.by_ticket.iter().filter_map(confirming).collect();
        for ticket in tickets {
            match self.confirmation(ticket) {
                Some(true) => self.finish_confirmed(ticket),
                Some(false) if !self.clients.pauses.stop_the_stream() => self.bring_back(ticket),
                _ => {}
            }
        }
    }

    /// Whether the replicas have confirmed; nothing while that is open.
    fn confirmation(&self, ticket: MigrationTicket) -> Option<bool> {
        let confirming = self.cluster.migrations.by_ticket.get(&ticket)?.confirming.as_ref()?;
        let mut all = true;
        for (key, id) in &confirming.witnesses {
            let is_here = self.clients.sessions.get(*key).is_some_and(|session| session.id == *id);
            match self.replication.replicas.get(*key).filter(|_| is_here) {
                Some(replica) => all &= replica.acked >= confirming.offset,
                None => return Some(false),
            }
        }
        let is_late = self.clock.boot_ms >= confirming.deadline_boot_ms;
        (all || is_late).then_some(all)
    }

    fn finish_confirmed(&mut self, ticket: MigrationTicket) {
        let confirming =
            self.cluster.migrations.by_ticket.get_mut(&ticket).and_then(|each| each.confirming.take());
        if let Some(confirming) = confirming {
            self.end_migration(ticket, confirming.outcome);
        }
    }

    /// Not every replica knows that the keys are gone: nobody was sent after them, so they can stay.
    fn bring_back(&mut self, ticket: MigrationTicket) {
        let Some(migration) = self.cluster.migrations.by_ticket.get_mut(&ticket) else { return };
        let (db, route, confirming) = (migration.db, migration.route, migration.confirming.take());
        if let (Route::SlotMove { slot, .. }, Some(slots)) = (route, self.cluster.slots.as_deref()) {
            if slots.owner(slot) != Some(slots.myself) {
                return self.end_migration(ticket, Err(HANDED_OVER));
            }
        }
        for (bytes, content) in confirming.into_iter().flat_map(|confirming| confirming.taken) {
            let key = self.keyspace.dbs[db].key(&bytes);
            if self.keyspace.dbs[db].contains(&key) {
                continue;
            }
            let (scope, clock) = (self.scope_of(db, &key), self.access_clock());
            self.keyspace.dbs[db].set_content(&key, content, clock);
            self.key_changed(db, &bytes, NotifyClass::GENERIC, "restore", 1);
            if let Some((payload, expire_at_ms)) = self.dump(db, &bytes) {
                let at_ms = expire_at_ms.unwrap_or(0).to_string();
                let restore = [&b"RESTORE"[..], &bytes, at_ms.as_bytes(), &payload, b"REPLACE", b"ABSTTL"];
                self.queue_propagation(scope, OwnedArgs::from_slices(&restore));
            }
        }
        self.keyspace.dirty += std::mem::take(&mut self.call.frame.dirty);
        self.flush_propagation();
        self.log(Level::Warning, NOT_CONFIRMED.text());
        self.end_migration(ticket, Err(NOT_CONFIRMED));
    }

    /// Answers the MIGRATE, and lets those go on who waited for its keys.
    fn end_migration(&mut self, ticket: MigrationTicket, outcome: Outcome) {
        let Some(migration) = self.cluster.migrations.end(ticket) else { return };
        if let Some(mut session) = self.clients.sessions.take(migration.session) {
            let waits =
                matches!(session.suspension, Suspension::Migrate { ticket: waits } if waits == ticket);
            if waits && session.id == migration.session_id {
                if let Err(failure) = &outcome {
                    self.stats.counters.count_error(failure.code());
                }
                session.answer_late(|answer| match &outcome {
                    Ok(()) => answer.ok(),
                    Err(failure) => answer.error(failure.text()),
                });
                self.effects.actions.push(Action::Resume(session.key));
            }
            self.clients.sessions.put(session);
        }
        self.resume_all(Queue::Migration);
    }

    /// This node is no primary any more: what it had on its way is for its successor to decide.
    pub(crate) fn drop_migrations(&mut self) {
        let tickets: Vec<MigrationTicket> = self.cluster.migrations.by_ticket.keys().copied().collect();
        for ticket in tickets {
            self.end_migration(ticket, Err(DEMOTED));
        }
    }

    /// When a confirmation is overdue, in milliseconds of the boot clock.
    pub(crate) fn confirmation_deadline_boot_ms(&self) -> Option<BootMs> {
        let confirming =
            self.cluster.migrations.by_ticket.values().filter_map(|each| each.confirming.as_ref());
        confirming.map(|confirming| confirming.deadline_boot_ms).min()
    }
}

impl Migration {
    /// AUTH, SELECT and the link's name must have been accepted, and the target's replicas have acknowledged.
    fn check_preliminaries(&self, replies: &[String]) -> Outcome {
        let needed = self.preliminaries - usize::from(self.has_link_reply);
        let behind = self.preliminaries + self.items.iter().map(Item::replies).sum::<usize>();
        let is_complete = replies.len() == behind + usize::from(self.copies_wanted > 0);
        if let Some(reply) = replies.iter().take(needed).find(|reply| !reply.starts_with('+')) {
            return Err(refusal(reply));
        }
        if !is_complete {
            return Err(Failure::Text("ERR the target has answered something that was not asked"));
        }
        let copies = replies.get(behind).and_then(|reply| reply.strip_prefix(':')?.parse::<usize>().ok());
        match copies.unwrap_or(0) >= self.copies_wanted {
            true => Ok(()),
            false => Err(TARGET_NOT_REPLICATED),
        }
    }
}

impl Item {
    pub(super) fn new(key: &[u8], is_ghost: bool) -> Self {
        Item { key: key.into(), is_ghost }
    }

    /// Replies that the target sends for it: to RESTORE, or to ASKING and DEL.
    fn replies(&self) -> usize {
        1 + usize::from(self.is_ghost)
    }
}

fn refusal(reply: &str) -> Failure {
    Failure::new(format!("ERR Target instance replied with error: {}", reply.trim_start_matches('-')))
}
