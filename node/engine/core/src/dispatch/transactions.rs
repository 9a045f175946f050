//! MULTI, EXEC, DISCARD, WATCH: commands queued in the session, carried out without interruption.
//!
//! A watched key has a counter that every change bumps; a session remembers the counters it saw, and
//! EXEC compares. So a change costs one look-up, and only while anybody watches anything.
//!
//! Commands that the control plane answers (CONFIG SET ...) may stand in a queue too. EXEC sends them up first,
//! one after the other, and the session waits ([`Asked`]); when the last answer has come, EXEC begins anew, with
//! every check that it has passed before: what it watches, the slot, the role, the memory, pauses, keys on their
//! way. Only then the queue is carried out in one go, with the answers in their places.
//!
//! What the control plane answers may depend on the role that a command of the queue gives this node: Sentinels
//! send REPLICAOF and CONFIG REWRITE in one transaction. So a change of role ends a *stage*: the commands up to it
//! are carried out, then those behind it are asked and carried out. A transaction without such a change is one stage.

use std::ops::Range;

use super::table::{table, Entry};
use super::{Failure, Flags, Group, Handler};
use crate::clients::origin::Nested;
use crate::clients::session::{Session, Suspension};
use crate::clients::transaction::{Asked, Queued, Transaction, Watched};
use crate::clients::waiting::Question;
use crate::engine::Engine;
use crate::keyspace::KnownKey;
use crate::resp::reply::Reply;
use crate::resp::{Args, OwnedArgs};

impl Queued {
    /// Its command.
    pub fn entry(&self) -> &'static Entry {
        &table().entries[self.command]
    }
}

impl Transaction {
    /// Queues a command, unless the queue would hold more than `bytes_max`.
    ///
    /// `slot` is that of all its keys, where there is a cluster.
    pub fn enqueue(
        &mut self,
        entry: &'static Entry,
        args: Args<'_>,
        slot: Option<u16>,
        bytes_max: u64,
    ) -> Result<(), Failure> {
        let args = OwnedArgs::copy(args);
        let bytes = self.queue_bytes + args.memory_bytes() + std::mem::size_of::<Queued>();
        if bytes as u64 > bytes_max {
            return Err(Failure::Text(
                "ERR the transaction's queue would pass client-query-buffer-limit; send fewer commands at once",
            ));
        }
        self.queue_bytes = bytes;
        self.queue.push(Queued { command: entry.id, args, slot });
        Ok(())
    }

    /// Whether EXEC has begun to carry the queue out, and waits for the control plane between two stages.
    pub fn is_under_way(&self) -> bool {
        self.done > 0
    }

    /// The commands that are carried out next in one go: up to a change of role that the control plane must hear of
    /// before it answers what stands behind it.
    fn stage(&self) -> Range<usize> {
        let rest = &self.queue[self.done..];
        let changes_role = |queued: &Queued| queued.entry().command.flags.contains(Flags::CHANGES_ROLE);
        let end = rest.iter().position(changes_role).map(|at| at + 1);
        let end = end.filter(|&end| rest[end..].iter().any(is_control)).unwrap_or(rest.len());
        self.done..self.done + end
    }

    /// Whether a queued command may change the keyspace.
    pub fn writes(&self) -> bool {
        self.queue.iter().any(|queued| queued.entry().may_replicate())
    }
}

impl Engine {
    /// Drops a session's queue and watches.
    pub fn forget_transaction(&mut self, session: &mut Session) {
        self.unwatch_all(session);
        session.transaction = None;
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
            .clients
            .watches
            .keys()
            .filter(|(db, key)| is_changed(self, *db, key))
            .map(|(db, key)| (db, key.into()))
            .collect();
        for (db, key) in changed {
            self.clients.watches.changed(db, &key);
        }
    }

    /// Whether every watched key is as it was, and none has expired since.
    pub(crate) fn are_unchanged(&self, watched: &[Watched]) -> bool {
        watched.iter().all(|watched| {
            self.clients.watches.is_unchanged(watched)
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
        if !self.are_unchanged(&transaction.watched) {
            self.forget_transaction(session);
            Reply::new(&mut session.out, session.resp).null_array();
            return Ok(());
        }
        if self.cluster.slots.is_some() && !session.origin.skips_checks() {
            if let Err(failure) = self.check_queue_slot(session, &transaction.queue) {
                self.forget_transaction(session);
                return Err(failure);
            }
        }
        self.go_on_with_exec(session);
        Ok(())
    }

    /// Asks what the stage needs of the control plane, or carries it out, stage by stage to the end.
    fn go_on_with_exec(&mut self, session: &mut Session) {
        while let Some(transaction) = session.transaction.as_deref() {
            if session.is_suspended() {
                return;
            }
            let stage = transaction.stage();
            if self.ask_for_stage(session, stage.clone()) {
                return;
            }
            self.carry_out(session, stage);
        }
    }

    /// Sends up the next control commands of a stage; whether there were any.
    fn ask_for_stage(&mut self, session: &mut Session, stage: Range<usize>) -> bool {
        let Some(transaction) = session.transaction.as_deref() else { return false };
        let controls = transaction.queue[stage].iter().filter(|queued| is_control(queued));
        let mut next = controls.skip(transaction.answers.len()).peekable();
        let mut asked = Asked::default();
        while let Some(queued) = next.next() {
            let ticket = self.ticket();
            asked.0.push((ticket, None));
            self.clients.waiting.ask(ticket, Question { session: session.key, timed: None });
            self.tell_control(session, ticket, queued.entry(), queued.args.view());
            if !(is_cluster(queued) && next.peek().is_some_and(|queued| is_cluster(queued))) {
                break;
            }
        }
        if asked.0.is_empty() {
            return false;
        }
        session.suspension = Suspension::Exec(Box::new(asked));
        true
    }

    /// Takes an answer of the control plane; whether EXEC can go on, with all checks anew.
    pub(crate) fn exec_answered(&mut self, session: &mut Session, ticket: u64, reply: &[u8]) -> bool {
        let Suspension::Exec(asked) = &mut session.suspension else { return false };
        if !asked.answer(ticket, reply) {
            return false;
        }
        let asked = std::mem::take(&mut **asked);
        session.suspension = Suspension::None;
        if let Some(transaction) = session.transaction.as_deref_mut() {
            transaction.answers.extend(asked.into_answers());
        }
        true
    }

    /// Goes on with a transaction of which a stage was carried out already: it cannot be refused any more.
    pub(crate) fn continue_exec(&mut self, session: &mut Session) {
        self.go_on_with_exec(session);
    }

    /// Carries out a stage of the queue; the control plane's answers take their places in the reply.
    fn carry_out(&mut self, session: &mut Session, stage: Range<usize>) {
        let Some(transaction) = session.transaction.as_deref_mut() else { return };
        let mut queue = std::mem::take(&mut transaction.queue);
        let mut answers = std::mem::take(&mut transaction.answers);
        let is_last = stage.end == queue.len();
        if stage.start == 0 {
            Reply::new(&mut session.out, session.resp).array(queue.len());
            self.unwatch_all(session);
        }
        if is_last {
            self.forget_transaction(session);
        }
        let outer = self.call.frame;
        self.call.frame = outer.within(Nested::Transaction);
        self.call.key = KnownKey::NONE;
        let mut suspended_at = None;
        for (index, queued) in queue.iter().enumerate().take(stage.end).skip(stage.start) {
            self.call.slot = queued.slot;
            let reply_start = session.out.len();
            match (is_control(queued), self.check_later_stage(&stage, queued)) {
                (true, _) => session.out.extend_from_slice(&answers.pop_front().unwrap_or_default()),
                (false, Err(failure)) => self.write_failure(session, &failure),
                (false, Ok(())) => self.call_command(session, queued.entry(), queued.args.view()),
            }
            if matches!(session.suspension, Suspension::Script) {
                suspended_at = Some(index);
                break;
            }
            session.drop_queued_reply(reply_start);
        }
        self.call.frame = outer;
        if let Some(index) = suspended_at {
            // A script goes on in the next turn, and then what stands behind it in the queue.
            let rest = Transaction { open: true, queue, answers, done: index + 1, ..Transaction::default() };
            session.transaction = Some(Box::new(rest));
            return;
        }
        if let Some(transaction) = session.transaction.as_deref_mut().filter(|_| !is_last) {
            transaction.queue = std::mem::take(&mut queue);
            transaction.done = stage.end;
        }
    }

    /// What was allowed when EXEC began may be so no more behind a change of role.
    fn check_later_stage(&self, stage: &Range<usize>, queued: &Queued) -> Result<(), Failure> {
        match stage.start > 0 && queued.entry().command.flags.contains(Flags::WRITE) {
            true => self.check_writable(queued.entry()),
            false => Ok(()),
        }
    }

    /// Ends all watches of a session.
    fn unwatch_all(&mut self, session: &mut Session) {
        let Some(transaction) = session.transaction.as_deref_mut() else { return };
        let watched = std::mem::take(&mut transaction.watched);
        self.unwatch(&watched);
    }

    /// Ends these watches.
    pub(crate) fn unwatch(&mut self, watched: &[Watched]) {
        for watched in watched {
            self.clients.watches.unwatch(watched.db, &watched.key);
        }
    }
}

fn is_cluster(queued: &Queued) -> bool {
    queued.entry().command.group == Group::Cluster
}

fn is_control(queued: &Queued) -> bool {
    matches!(queued.entry().command.handler, Handler::Control(_))
}
