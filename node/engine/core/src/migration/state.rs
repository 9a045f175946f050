//! What is remembered of keys and slots on their way to another node.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::base::clock::BootMs;
use crate::clients::session::{MigrationTicket, SessionKey};
use crate::keyspace::Content;
use crate::resp::encode_command;
use crate::resp::failure::Outcome;

/// Bytes for a target, and how many replies it will send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The ticket under which its end is reported.
    pub ticket: MigrationTicket,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The bytes to send.
    pub request: Vec<u8>,
    /// How many status replies to wait for.
    pub replies: usize,
    /// What the target's replicas must have before the job has ended. Several jobs may share one WAIT, which
    /// comes behind all of them: its reply is then the last one of each.
    pub wait: Option<Wait>,
    /// How long to wait, in milliseconds.
    pub timeout_ms: u64,
}

/// A WAIT: that many replicas are to acknowledge what came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How many replicas.
    pub copies: usize,
    /// For how long the target waits for them, in milliseconds.
    pub timeout_ms: u64,
}

impl Wait {
    /// Appends the command.
    pub fn encode(self, request: &mut Vec<u8>) {
        let words = [self.copies.to_string(), self.timeout_ms.to_string()];
        encode_command(request, [&b"WAIT"[..], words[0].as_bytes(), words[1].as_bytes()].into_iter());
    }
}

/// Migrations under way, and what is known of the slots that move away.
#[derive(Default)]
pub struct Migrations {
    last_ticket: MigrationTicket,
    pub(in crate::migration) by_ticket: HashMap<MigrationTicket, Migration>,
    /// Keys on their way. A key is on its way once at a time: MIGRATE is a write, and is held like one.
    pub(in crate::migration) keys: HashMap<Box<[u8]>, Vec<Departure>>,
    /// The slots of this node that move away, each with its ghosts.
    pub(in crate::migration) slots: BTreeMap<u16, BTreeSet<Box<[u8]>>>,
}

/// A key on its way.
#[derive(Debug)]
pub struct Departure {
    pub(in crate::migration) db: usize,
    pub(in crate::migration) ticket: MigrationTicket,
    pub(in crate::migration) state: DepartureState,
}

/// How far a key on its way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepartureState {
    /// A copy travels.
    Copied,
    /// It has changed since the copy was made.
    Changed,
    /// It was deleted here, which replicas of this node still have to acknowledge.
    Unconfirmed,
}

/// One MIGRATE.
pub struct Migration {
    pub(in crate::migration) session: SessionKey,
    pub(in crate::migration) session_id: u64,
    pub(in crate::migration) db: usize,
    /// In the order of the request.
    pub(in crate::migration) items: Vec<Item>,
    /// Replies before those to the items; the last one may be an error where `has_link_reply`.
    pub(in crate::migration) preliminaries: usize,
    pub(in crate::migration) has_link_reply: bool,
    pub(in crate::migration) copy: bool,
    pub(in crate::migration) route: Route,
    /// How many replicas of the target must have acknowledged.
    pub(in crate::migration) copies_wanted: usize,
    pub(in crate::migration) timeout_ms: i64,
    pub(in crate::migration) confirming: Option<Confirming>,
}

/// A key, or the ghost of one.
pub struct Item {
    pub(in crate::migration) key: Box<[u8]>,
    pub(in crate::migration) is_ghost: bool,
}

/// What a MIGRATE is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Of no move of a slot.
    Elsewhere,
    /// The move of a slot of ours to this node.
    SlotMove {
        /// The slot.
        slot: u16,
        /// Where it goes, by position in the slot table.
        target: u16,
    },
    /// Keys of a slot that is another's are sent to its owner.
    Home {
        /// The slot.
        slot: u16,
        /// Whose it is, by position in the slot table.
        owner: u16,
    },
}

impl Route {
    /// Whether it is the move of this slot away from here.
    pub(in crate::migration) fn is_of(self, wanted: u16) -> bool {
        matches!(self, Route::SlotMove { slot, .. } if slot == wanted)
    }
}

/// Waiting for the replicas of this node to acknowledge the deletion.
pub struct Confirming {
    pub(in crate::migration) offset: u64,
    /// The sessions of the replicas that must, with their numbers.
    pub(in crate::migration) witnesses: Vec<(SessionKey, u64)>,
    pub(in crate::migration) deadline_boot_ms: BootMs,
    /// What to put back if they do not.
    pub(in crate::migration) taken: Vec<(Box<[u8]>, Content)>,
    /// What MIGRATE answers if they do: a refusal of another key, or OK.
    pub(in crate::migration) outcome: Outcome,
}

impl Migrations {
    /// Whether no key is on its way and no slot moves away.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.keys.is_empty() && self.slots.is_empty()
    }

    pub(in crate::migration) fn start(&mut self, migration: Migration) -> MigrationTicket {
        let ticket = self.last_ticket.next();
        self.last_ticket = ticket;
        for item in &migration.items {
            let departure = Departure { db: migration.db, ticket, state: DepartureState::Copied };
            self.keys.entry(item.key.clone()).or_default().push(departure);
        }
        self.by_ticket.insert(ticket, migration);
        ticket
    }

    /// Forgets a migration: its keys may be changed again.
    pub(in crate::migration) fn end(&mut self, ticket: MigrationTicket) -> Option<Migration> {
        let migration = self.by_ticket.remove(&ticket)?;
        for item in &migration.items {
            if let Some(departures) = self.keys.get_mut(&item.key) {
                departures.retain(|departure| departure.ticket != ticket);
                if departures.is_empty() {
                    self.keys.remove(&item.key);
                }
            }
        }
        Some(migration)
    }

    /// Whether a key is deleted here, which replicas of this node still have to acknowledge.
    pub(crate) fn is_unconfirmed(&self, key: &[u8]) -> bool {
        let departures = self.keys.get(key);
        departures.is_some_and(|all| all.iter().any(|each| each.state == DepartureState::Unconfirmed))
    }

    pub(in crate::migration) fn departure(
        &mut self,
        ticket: MigrationTicket,
        key: &[u8],
    ) -> Option<&mut Departure> {
        self.keys.get_mut(key)?.iter_mut().find(|departure| departure.ticket == ticket)
    }
}
