//! What a session has queued and watches, and the watched keys of all; see `dispatch/transactions.rs`.
//!
//! A watched key has a counter that every change bumps; a session remembers the counters it saw, and
//! EXEC compares. So a change costs one look-up, and only while anybody watches anything.

use std::collections::{HashMap, VecDeque};

use crate::resp::OwnedArgs;

/// A session's transaction: what it watches, and its queue once MULTI was given.
#[derive(Debug, Default)]
pub struct Transaction {
    /// MULTI was given.
    pub open: bool,
    /// A command could not be queued: EXEC will refuse.
    pub failed: bool,
    /// The queue.
    pub queue: Vec<Queued>,
    /// Bytes that the queue holds, bounded by `client-query-buffer-limit`.
    pub queue_bytes: usize,
    /// Watched keys, with the counter seen and whether the key had expired already.
    pub watched: Vec<Watched>,
    /// How many commands of the queue EXEC has carried out, in earlier stages.
    pub(crate) done: usize,
    /// The control plane's answers to commands of this stage, in their order.
    pub(crate) answers: VecDeque<Vec<u8>>,
}

/// A queued command.
#[derive(Debug)]
pub struct Queued {
    /// Its command, by number in the table.
    pub command: usize,
    /// Its arguments.
    pub args: OwnedArgs,
    /// The slot of all its keys; none outside a cluster.
    pub slot: Option<u16>,
}

/// The control commands of a stage that are being answered.
///
/// Commands of CLUSTER that follow each other are asked together: the control plane answers them in
/// order, and syncs its disk once for all of them. Others are asked one at a time.
#[derive(Clone, Debug, Default)]
pub struct Asked(pub(crate) Vec<(u64, Option<Vec<u8>>)>);

impl Asked {
    /// Takes the answer to a command that was asked; whether all that were asked are answered now.
    pub(crate) fn answer(&mut self, ticket: u64, reply: &[u8]) -> bool {
        match self.0.iter_mut().find(|(asked, _)| *asked == ticket) {
            Some((_, answer)) => *answer = Some(reply.to_vec()),
            None => return false,
        }
        self.0.iter().all(|(_, answer)| answer.is_some())
    }

    pub(crate) fn into_answers(self) -> impl Iterator<Item = Vec<u8>> {
        self.0.into_iter().filter_map(|(_, answer)| answer)
    }
}

/// A key that a session watches.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Database.
    pub db: usize,
    /// Key.
    pub key: Box<[u8]>,
    /// The counter when WATCH was given.
    pub seen: u64,
    /// The key was there but past its expiry when WATCH was given.
    pub expired: bool,
}

/// The watched keys of all sessions.
#[derive(Debug, Default)]
pub struct Watches {
    keys: HashMap<(usize, Box<[u8]>), Counter>,
    next: u64,
}

#[derive(Debug, Default)]
struct Counter {
    watchers: usize,
    /// Number of the last change.
    changed: u64,
    /// The counter before and after the last removal by expiry.
    expiry: (u64, u64),
}

impl Watches {
    /// Whether nobody watches anything.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds a watcher; returns the key's counter.
    pub fn watch(&mut self, db: usize, key: &[u8]) -> u64 {
        let counter = self.keys.entry((db, key.into())).or_default();
        counter.watchers += 1;
        counter.changed
    }

    /// Removes a watcher.
    pub fn unwatch(&mut self, db: usize, key: &[u8]) {
        let name: (usize, Box<[u8]>) = (db, key.into());
        if let Some(counter) = self.keys.get_mut(&name) {
            counter.watchers -= 1;
            if counter.watchers == 0 {
                self.keys.remove(&name);
            }
        }
    }

    /// The key has changed.
    pub fn changed(&mut self, db: usize, key: &[u8]) {
        self.next += 1;
        if let Some(counter) = self.keys.get_mut(&(db, Box::from(key))) {
            counter.changed = self.next;
        }
    }

    /// The key was removed by expiry.
    pub fn changed_by_expiry(&mut self, db: usize, key: &[u8]) {
        self.next += 1;
        if let Some(counter) = self.keys.get_mut(&(db, Box::from(key))) {
            counter.expiry = (counter.changed, self.next);
            counter.changed = self.next;
        }
    }

    /// Whether the key is as it was when it was watched.
    ///
    /// A key that was past its expiry then may have been removed since: nobody can tell the difference.
    pub fn is_unchanged(&self, watched: &Watched) -> bool {
        let Some(counter) = self.keys.get(&(watched.db, watched.key.clone())) else { return true };
        counter.changed == watched.seen
            || (watched.expired && counter.expiry == (watched.seen, counter.changed))
    }

    /// Every watched key has changed: the data set was replaced.
    pub fn all_changed(&mut self) {
        self.next += 1;
        for counter in self.keys.values_mut() {
            counter.changed = self.next;
        }
    }

    /// Every watched key of these databases, for flushes.
    pub fn keys(&self) -> impl Iterator<Item = (usize, &[u8])> + '_ {
        self.keys.keys().map(|(db, key)| (*db, &**key))
    }
}
