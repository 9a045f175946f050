//! Keys and slots on their way to another node.
//!
//! BACKGROUND. A slot moves key by key: MIGRATE copies a key to the target by RESTORE and deletes it here; while
//! the slot is MIGRATING this node, its *source*, answers for the keys that it has and sends clients to the target
//! for the others. The peers stop the whole node while a MIGRATE is under way. Here the session waits and all
//! others go on; only who would change a key on its way is held. Either side may fail over in between.
//!
//! INVARIANTS. Of two copies of a key the source's counts: **a key that the source has was never served by the
//! target, and a key that the source lacks is the target's.** That holds because
//! - while a copy is on its way its key is not changed. Whoever would change it is held, whatever command it hides
//!   in (`hold`); a change that could not be foreseen is noticed by the write hook, and the key then stays;
//! - the key is deleted here only once the target *and its replicas* have acknowledged the copy, so that no
//!   failover of the target can lose it;
//! - clients are sent to the target only once the replicas of *this* node have acknowledged the deletion. Until
//!   then the key is *unconfirmed*: whoever asks for it is held. A replica that takes over after that lacks the key
//!   too; one that takes over before has it, and nobody has seen the copy. Where a replica does not acknowledge in
//!   time, the key comes back as if it had not left. So an unconfirmed key is listed and counted like one that is
//!   here, and nobody hands its slot over; should the slot be another's all the same, the copy there is the key;
//! - a key of the slot that a client deletes here leaves a *ghost*, since the target may hold an old copy of it (an
//!   answer that got lost, an attempt of before a failover). A ghost is answered for here, as a missing key. It is
//!   listed and migrated like a key, by DEL, and then it is the target's. Replicas hear of ghosts in the stream;
//! - what this node may do is decided again when the target has answered: a node that was demoted, or lost the
//!   slot, or whose move was called off meanwhile, deletes nothing.
//!
//! So a copy that the target holds of a key that is here is always out of date, and is overwritten (REPLACE).
//!
//! BEHAVIOUR. One request carries all keys of a MIGRATE; the replies come back in order. It begins by telling the
//! target whose link it is (CLUSTER MIGRATION-LINK), so that what an earlier link of ours still has in the target's
//! buffers cannot arrive behind it; a Redis does not know the command, and its refusal is ignored. Outside a
//! cluster MIGRATE waits for no replica, as in the peers.

mod command;
mod ghosts;
mod hold;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::keyspace::Content;
use crate::session::SessionKey;

pub use command::{Job, COMMANDS, MIGRATION_LINK};
pub use ghosts::GHOST;

/// Migrations under way, and what is known of the slots that move away.
#[derive(Default)]
pub struct Migrations {
    by_ticket: HashMap<u64, Migration>,
    /// Keys on their way. A key is on its way once at a time: MIGRATE is a write, and is held like one.
    keys: HashMap<Box<[u8]>, Vec<Departure>>,
    /// The slots of this node that move away, each with its ghosts.
    slots: BTreeMap<u16, BTreeSet<Box<[u8]>>>,
}

/// A key on its way.
#[derive(Debug)]
struct Departure {
    db: usize,
    ticket: u64,
    state: DepartureState,
}

/// How far a key on its way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DepartureState {
    /// A copy travels.
    Copied,
    /// It has changed since the copy was made.
    Changed,
    /// It was deleted here, which replicas of this node still have to acknowledge.
    Unconfirmed,
}

/// One MIGRATE.
struct Migration {
    session: SessionKey,
    session_id: u64,
    db: usize,
    /// In the order of the request.
    items: Vec<Item>,
    /// Replies before those to the items; the last one may be an error where `has_link_reply`.
    preliminaries: usize,
    has_link_reply: bool,
    copy: bool,
    route: Route,
    /// How many replicas of the target must have acknowledged.
    copies_wanted: usize,
    timeout_ms: i64,
    confirming: Option<Confirming>,
}

/// A key, or the ghost of one.
struct Item {
    key: Box<[u8]>,
    is_ghost: bool,
}

/// What a MIGRATE is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// Of no move of a slot.
    Elsewhere,
    /// The move of a slot of ours to this node.
    SlotMove { slot: u16, target: u16 },
    /// Keys of a slot that is another's are sent to its owner.
    Home { slot: u16, owner: u16 },
}

impl Route {
    /// Whether it is the move of this slot away from here.
    fn is_of(self, wanted: u16) -> bool {
        matches!(self, Route::SlotMove { slot, .. } if slot == wanted)
    }
}

/// Waiting for the replicas of this node to acknowledge the deletion.
struct Confirming {
    offset: u64,
    /// The sessions of the replicas that must, with their numbers.
    witnesses: Vec<(SessionKey, u64)>,
    deadline_boot_ms: i64,
    /// What to put back if they do not.
    taken: Vec<(Box<[u8]>, Content)>,
    /// What MIGRATE answers if they do: a refusal of another key, or OK.
    outcome: crate::command::Outcome,
}

impl Migrations {
    /// Whether no key is on its way and no slot moves away.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.keys.is_empty() && self.slots.is_empty()
    }

    fn start(&mut self, ticket: u64, migration: Migration) {
        for item in &migration.items {
            let departure = Departure { db: migration.db, ticket, state: DepartureState::Copied };
            self.keys.entry(item.key.clone()).or_default().push(departure);
        }
        self.by_ticket.insert(ticket, migration);
    }

    /// Forgets a migration: its keys may be changed again.
    fn end(&mut self, ticket: u64) -> Option<Migration> {
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

    fn departure(&mut self, ticket: u64, key: &[u8]) -> Option<&mut Departure> {
        self.keys.get_mut(key)?.iter_mut().find(|departure| departure.ticket == ticket)
    }
}
