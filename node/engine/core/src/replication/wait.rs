//! WAIT: a session is suspended until enough replicas have acknowledged what it has written.

use crate::command::Failure;
use crate::effects::Action;
use crate::engine::Engine;
use crate::resp::reply::Reply;
use crate::session::{Session, SessionKey, Suspension};

const UNBLOCKED: Failure = Failure::Text(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

/// A session that waits for acknowledgements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub session: SessionKey,
    /// The session's number: its key may have been reused.
    pub id: u64,
}

impl Engine {
    /// Suspends a session until `wanted` replicas have acknowledged what it has written, or until the timeout
    /// (0: none). Answers at once where that is so already.
    pub(super) fn wait_for_replicas(&mut self, session: &mut Session, wanted: usize, timeout_ms: i64) {
        let offset = session.written_offset;
        let acked = self.replication.replicas.acked(offset);
        if acked >= wanted || self.call.in_exec {
            Reply::new(&mut session.out, session.resp).int(acked as i64);
            return;
        }
        let deadline_ms = if timeout_ms > 0 { self.clock.unix_ms.saturating_add(timeout_ms) } else { 0 };
        session.suspension = Suspension::Replicas { offset, wanted, deadline_ms };
        self.replication.waiters.push(Waiter { session: session.key, id: session.id });
        self.replication.acks_wanted = true;
    }

    /// Asks for acknowledgements once for all that began to wait, and answers those whose wait is over.
    pub(super) fn serve_waiters(&mut self) {
        if self.replication.waiters.is_empty() {
            return;
        }
        if self.pause.is_none() && std::mem::take(&mut self.replication.acks_wanted) {
            self.replication.feed_service(&[b"REPLCONF", b"GETACK", b"*"]);
        }
        let now_ms = self.clock.unix_ms;
        let mut waiters = std::mem::take(&mut self.replication.waiters);
        waiters.retain(|waiter| {
            let Some((offset, wanted, deadline_ms)) = self.waits_for(waiter) else { return false };
            let acked = self.replication.replicas.acked(offset);
            let is_over = acked >= wanted || (deadline_ms > 0 && now_ms >= deadline_ms);
            if is_over {
                self.end_wait(waiter.session, |reply| reply.int(acked as i64));
            }
            !is_over
        });
        self.replication.waiters = waiters;
    }

    /// What a session waits for, if it still does.
    fn waits_for(&self, waiter: &Waiter) -> Option<(u64, usize, i64)> {
        let session = self.sessions.get(waiter.session).filter(|session| session.id == waiter.id)?;
        match session.suspension {
            Suspension::Replicas { offset, wanted, deadline_ms } => Some((offset, wanted, deadline_ms)),
            _ => None,
        }
    }

    fn end_wait(&mut self, key: SessionKey, answer: impl FnOnce(&mut Reply<'_>)) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.suspension = Suspension::None;
            answer(&mut Reply::new(&mut session.out, session.resp));
            self.actions.push(Action::Resume(key));
        }
    }

    /// This node becomes a replica: nobody will acknowledge what was written here.
    pub(super) fn refuse_waiters(&mut self) {
        for waiter in std::mem::take(&mut self.replication.waiters) {
            if self.waits_for(&waiter).is_some() {
                self.stats.count_error(UNBLOCKED.code());
                self.end_wait(waiter.session, |reply| reply.error(UNBLOCKED.text()));
            }
        }
    }

    /// When the first wait is over by time, or a failover has something to do, in Unix milliseconds.
    pub fn replication_deadline_ms(&self) -> Option<i64> {
        let deadlines = self.replication.waiters.iter().filter_map(|waiter| self.waits_for(waiter));
        let waits = deadlines.map(|(_, _, deadline_ms)| deadline_ms).filter(|deadline_ms| *deadline_ms > 0);
        waits.chain(self.failover_deadline_ms()).min()
    }
}
