//! WAIT: a session is suspended until enough replicas have acknowledged what it has written.

use crate::clients::session::{Session, SessionKey, Suspension};
use crate::clients::waiting::Queue;
use crate::dispatch::Failure;
use crate::engine::effects::Action;
use crate::engine::Engine;
use crate::resp::reply::Reply;

const DEMOTED: Failure = Failure::Text(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

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
        session.suspension = Suspension::Replicas { offset, wanted };
        let deadline_boot_ms = (timeout_ms > 0).then(|| self.clock.boot_ms.saturating_add(timeout_ms));
        self.clients.waiting.enter(session.key, Queue::Acks, deadline_boot_ms);
        self.replication.acks_wanted = true;
    }

    /// Asks for acknowledgements once for all that began to wait, and answers those whose wait is over.
    pub(super) fn serve_waiters(&mut self) {
        if self.replication.acks_wanted && self.clients.pause.is_none() {
            self.replication.acks_wanted = false;
            self.replication.feed_service(&[b"REPLCONF", b"GETACK", b"*"]);
        }
        if self.clients.waiting.is_empty(Queue::Acks) {
            return;
        }
        for key in self.clients.waiting.overdue(self.clock.boot_ms) {
            self.end_wait_now(key);
        }
        for key in self.clients.waiting.of(Queue::Acks) {
            let Some(Suspension::Replicas { offset, wanted }) =
                self.clients.sessions.get(key).map(|session| &session.suspension)
            else {
                continue;
            };
            if self.replication.replicas.acked(*offset) >= *wanted {
                self.end_wait_now(key);
            }
        }
    }

    /// Ends a wait with the number of replicas that have acknowledged so far.
    pub(crate) fn end_wait_now(&mut self, key: SessionKey) {
        let Some(session) = self.clients.sessions.get_mut(key) else { return };
        if let Suspension::Replicas { offset, .. } = session.suspension {
            let acked = self.replication.replicas.acked(offset);
            Reply::new(&mut session.out, session.resp).int(acked as i64);
            self.end_wait(key);
        }
    }

    /// Ends a wait with an error.
    pub(crate) fn end_wait_with(&mut self, key: SessionKey, failure: Failure) {
        self.stats.counters.count_error(failure.code());
        if let Some(session) = self.clients.sessions.get_mut(key) {
            Reply::new(&mut session.out, session.resp).error(failure.text());
            self.end_wait(key);
        }
    }

    fn end_wait(&mut self, key: SessionKey) {
        self.clients.waiting.leave(key);
        if let Some(session) = self.clients.sessions.get_mut(key) {
            session.suspension = Suspension::None;
            self.effects.actions.push(Action::Resume(key));
        }
    }

    /// This node becomes a replica: nobody will acknowledge what was written here.
    pub(super) fn refuse_waiters(&mut self) {
        for key in self.clients.waiting.of(Queue::Acks) {
            self.end_wait_with(key, DEMOTED);
        }
    }
}
