//! MULTI, EXEC, DISCARD, WATCH: commands queued in the session, carried out without interruption.
//!
//! A watched key has a counter that every change bumps; a session remembers the counters it saw, and
//! EXEC compares. So a change costs one look-up, and only while anybody watches anything.
//!
//! Commands that the control plane answers (CONFIG SET ...) may stand in a queue too. EXEC sends them
//! up first, one after the other, and the session waits ([`ControlBatch`]); when the last answer has
//! come, the whole queue is carried out in one go, with the answers put in their places. What a
//! transaction watches is compared before the first step and again before the last.

use std::collections::HashMap;

use crate::command::table::Entry;
use crate::command::{Failure, Handler};
use crate::engine::Engine;
use crate::resp::reply::Reply;
use crate::resp::{Args, OwnedArgs};
use crate::session::{Session, Suspension};

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
}

/// A queued command.
#[derive(Debug)]
pub struct Queued {
    /// The command.
    pub entry: &'static Entry,
    /// Its arguments.
    pub args: OwnedArgs,
}

/// The control commands of a queue that is being executed, asked in their order.
///
/// Commands of CLUSTER that follow each other are asked together: the control plane answers them in
/// order, and syncs its disk once for all of them. Others are asked one at a time.
#[derive(Clone, Debug, Default)]
pub struct ControlBatch {
    /// The tickets of the commands that are being answered, with the answers that have come.
    awaited: Vec<(u64, Option<Vec<u8>>)>,
    /// Replies to the commands before them.
    replies: Vec<Vec<u8>>,
}

impl ControlBatch {
    /// Takes the answer to a command that was asked; whether all that were asked are answered now.
    pub fn answer(&mut self, ticket: u64, reply: &[u8]) -> bool {
        match self.awaited.iter_mut().find(|(awaited, _)| *awaited == ticket) {
            Some((_, answer)) => *answer = Some(reply.to_vec()),
            None => return false,
        }
        if self.awaited.iter().any(|(_, answer)| answer.is_none()) {
            return false;
        }
        self.replies.extend(self.awaited.drain(..).filter_map(|(_, answer)| answer));
        true
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

/// Commands that are carried out at once although MULTI is open.
pub fn runs_at_once(full_name: &str) -> bool {
    matches!(full_name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
}

impl Transaction {
    /// Queues a command, unless the queue would hold more than `bytes_max`.
    pub fn enqueue(&mut self, entry: &'static Entry, args: Args<'_>, bytes_max: u64) -> Result<(), Failure> {
        let args = OwnedArgs::copy(args);
        let bytes = self.queue_bytes + args.memory_bytes() + std::mem::size_of::<Queued>();
        if bytes as u64 > bytes_max {
            return Err(Failure::Text(
                "ERR the transaction's queue would pass client-query-buffer-limit; send fewer commands at once",
            ));
        }
        self.queue_bytes = bytes;
        self.queue.push(Queued { entry, args });
        Ok(())
    }

    /// Whether a queued command may change the keyspace.
    pub fn writes(&self) -> bool {
        self.queue.iter().any(|queued| queued.entry.may_replicate())
    }
}

impl Engine {
    /// Drops a session's queue and watches.
    pub fn forget_transaction(&mut self, session: &mut Session) {
        let Some(transaction) = session.transaction.take() else { return };
        for watched in &transaction.watched {
            self.watches.unwatch(watched.db, &watched.key);
        }
    }

    /// A database is about to be emptied: who watches a key that is in it will fail.
    pub fn changed_by_flush(&mut self, db: usize) {
        self.change_watched(|engine, watched_db, key| watched_db == db && engine.has_key(db, key));
    }

    /// Two databases are about to change places: who watches a key that is in one of them will fail.
    pub fn changed_by_swap(&mut self, a: usize, b: usize) {
        self.change_watched(|engine, db, key| {
            (db == a || db == b) && (engine.has_key(a, key) || engine.has_key(b, key))
        });
    }

    fn change_watched(&mut self, is_changed: impl Fn(&Engine, usize, &[u8]) -> bool) {
        let changed: Vec<(usize, Box<[u8]>)> = self
            .watches
            .keys()
            .filter(|(db, key)| is_changed(self, *db, key))
            .map(|(db, key)| (db, key.into()))
            .collect();
        for (db, key) in changed {
            self.watches.changed(db, &key);
        }
    }

    /// Whether every watched key is as it was, and none has expired since.
    fn watched_are_unchanged(&self, transaction: &Transaction) -> bool {
        transaction.watched.iter().all(|watched| {
            self.watches.is_unchanged(watched)
                && (watched.expired || !self.is_past_expiry(watched.db, &watched.key))
        })
    }

    /// EXEC: checks the transaction, asks the control plane if need be, and carries out the queue.
    pub(crate) fn exec(&mut self, session: &mut Session) -> Result<(), Failure> {
        let Some(transaction) = session.transaction.as_deref().filter(|transaction| transaction.open) else {
            return Err(Failure::Text("ERR EXEC without MULTI"));
        };
        if transaction.failed {
            self.forget_transaction(session);
            return Err(Failure::Text("EXECABORT Transaction discarded because of previous errors."));
        }
        if !self.watched_are_unchanged(transaction) {
            self.forget_transaction(session);
            Reply::new(&mut session.out, session.resp).null_array();
            return Ok(());
        }
        if self.slots.is_some() && session.kind != crate::session::Kind::Primary {
            if let Err(failure) = self.check_queue_slot(session, &transaction.queue) {
                self.forget_transaction(session);
                return Err(failure);
            }
        }
        self.ask_or_carry_out(session, Box::default());
        Ok(())
    }

    /// Sends up the next control commands of the queue; without any, carries out the queue.
    fn ask_or_carry_out(&mut self, session: &mut Session, mut batch: Box<ControlBatch>) {
        let queue = session.transaction.as_ref().map_or(&[][..], |transaction| &transaction.queue);
        let mut next = queue.iter().filter(|queued| is_control(queued)).skip(batch.replies.len()).peekable();
        while let Some(queued) = next.next() {
            let ticket = self.ticket();
            batch.awaited.push((ticket, None));
            self.tell_control(session, ticket, queued.args.view());
            if !(is_cluster(queued) && next.peek().is_some_and(|queued| is_cluster(queued))) {
                break;
            }
        }
        if batch.awaited.is_empty() {
            self.carry_out(session, batch.replies);
        } else {
            session.suspension = Suspension::Exec(batch);
        }
    }

    /// Goes on with EXEC when the control plane has answered one of its commands.
    pub(crate) fn continue_exec(&mut self, session: &mut Session, ticket: u64, reply: &[u8]) {
        let Suspension::Exec(batch) = &mut session.suspension else { return };
        if !batch.answer(ticket, reply) {
            return;
        }
        let batch = std::mem::take(batch);
        session.suspension = Suspension::None;
        let unchanged =
            session.transaction.as_deref().is_some_and(|transaction| self.watched_are_unchanged(transaction));
        if unchanged {
            self.ask_or_carry_out(session, batch);
        } else {
            self.forget_transaction(session);
            Reply::new(&mut session.out, session.resp).null_array();
        }
        self.flush_propagation();
        self.deliver_deferred(session);
    }

    /// Carries out the queue; the control plane's answers take their places in the reply.
    fn carry_out(&mut self, session: &mut Session, replies: Vec<Vec<u8>>) {
        let Some(transaction) = session.transaction.as_mut() else { return };
        let queue = std::mem::take(&mut transaction.queue);
        self.forget_transaction(session);
        Reply::new(&mut session.out, session.resp).array(queue.len());
        let mut replies = replies.into_iter();
        self.call.in_exec = true;
        for queued in &queue {
            if is_control(queued) {
                let reply = replies.next().unwrap_or_default();
                session.out.extend_from_slice(&reply);
            } else {
                let reply_start = session.out.len();
                self.call_command(session, queued.entry, queued.args.view());
                if session.reply_mode != crate::session::ReplyMode::On {
                    crate::command::dispatch::apply_reply_mode(session, reply_start);
                }
            }
        }
        self.call.in_exec = false;
        // The commands have been counted one by one; EXEC itself changes nothing.
        self.call.dirty = 0;
    }
}

fn is_cluster(queued: &Queued) -> bool {
    queued.entry.parent.is_some_and(|container| container.name == "cluster")
}

fn is_control(queued: &Queued) -> bool {
    matches!(queued.entry.command.handler, Handler::Control)
}
