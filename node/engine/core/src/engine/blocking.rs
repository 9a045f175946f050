//! Sessions that wait for keys or replicas: how their waits end without what they wait for.
//!
//! What they wait for is served by `dispatch/blocking.rs` and `replication/wait.rs`. A closed session leaves the
//! waiting room in [`Engine::close_session`].

use super::effects::Action;
use super::Engine;
use crate::clients::session::{SessionKey, Suspension};
use crate::resp::failure::Failure;
use crate::resp::reply::Reply;

/// The answer to who waits for something that a replica cannot give.
pub(crate) const DEMOTED: Failure = Failure::Text(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

impl Engine {
    /// How many keys are waited for, and how many of them by who goes on with any change of the key.
    pub(crate) fn awaited_keys(&self) -> (usize, usize) {
        self.clients.waiting.awaited_keys(|session| {
            let session = self.clients.sessions.get(session);
            session.and_then(|session| session.key_wait.as_ref()).is_some_and(|wait| wait.type_name.is_none())
        })
    }

    /// Whether a session waits in a way that CLIENT UNBLOCK ends.
    pub(crate) fn is_blocked(&self, key: SessionKey) -> bool {
        let session = self.clients.sessions.get(key);
        session.is_some_and(|s| s.suspension.can_be_ended())
    }

    /// Ends the waits whose deadline has come.
    pub(crate) fn end_overdue_waits(&mut self) {
        let next = self.clients.waiting.next_deadline_boot_ms();
        if next.is_some_and(|deadline| deadline <= self.clock.boot_ms) {
            for key in self.clients.waiting.overdue(self.clock.boot_ms) {
                self.end_wait_now(key);
            }
        }
    }

    /// Ends a wait as its deadline does: with the number of replicas that have acknowledged so far, or with what
    /// the command answers when no key had anything.
    pub(crate) fn end_wait_now(&mut self, key: SessionKey) {
        let Some(session) = self.clients.sessions.get(key) else { return };
        match (&session.suspension, &session.key_wait) {
            (Suspension::Replicas { offset, .. }, _) => {
                let acked = self.replication.replicas.acked(*offset) as i64;
                self.end_wait(key, |reply| reply.int(acked));
            }
            (Suspension::Disks { offset, .. }, _) => {
                let (here, there) = self.on_disks(*offset);
                self.end_wait(key, |reply| write_disks(reply, here, there));
            }
            (Suspension::Keys, Some(wait)) => {
                let on_timeout = wait.on_timeout;
                self.end_wait(key, on_timeout);
            }
            _ => {}
        }
    }

    /// Ends a wait with an error.
    pub(crate) fn end_wait_with(&mut self, key: SessionKey, failure: &Failure) {
        self.stats.counters.count_error(failure.code());
        self.end_wait(key, |reply| reply.error(failure.text()));
    }

    /// This node becomes a replica: nobody will write here what sessions wait for.
    pub(crate) fn refuse_key_waiters(&mut self) {
        for key in self.clients.waiting.for_keys() {
            self.end_wait_with(key, &DEMOTED);
        }
    }

    fn end_wait(&mut self, key: SessionKey, answer: impl FnOnce(&mut Reply<'_>)) {
        self.clients.waiting.leave(key);
        if let Some(session) = self.clients.sessions.get_mut(key) {
            session.answer_late(answer);
            self.effects.actions.push(Action::Resume(key));
        }
    }
}

/// The reply of WAITAOF.
pub(crate) fn write_disks(reply: &mut Reply<'_>, here: bool, there: usize) {
    reply.array(2);
    reply.int(i64::from(here));
    reply.int(there as i64);
}
