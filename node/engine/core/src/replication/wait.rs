//! WAIT and WAITAOF: a session is suspended until enough replicas, or disks, have what it has written.

use crate::clients::session::{Session, Suspension};
use crate::clients::waiting::Queue;
use crate::engine::blocking::DEMOTED;
use crate::engine::Engine;
use crate::resp::reply::Reply;

impl Engine {
    /// Suspends a session until `wanted` replicas have acknowledged what it has written, or until the timeout
    /// (0: none). Answers at once where that is so already.
    pub(super) fn wait_for_replicas(&mut self, session: &mut Session, wanted: usize, timeout_ms: i64) {
        let offset = session.seen_offset;
        let acked = self.replication.replicas.acked(offset);
        if acked >= wanted || !self.call.frame.may_wait() {
            Reply::new(&mut session.out, session.resp).int(acked as i64);
            return;
        }
        session.suspension = Suspension::Replicas { offset, wanted };
        let deadline_boot_ms = (timeout_ms > 0).then(|| self.clock.boot_ms.saturating_add(timeout_ms));
        self.clients.waiting.enter(session.key, Queue::Acks, deadline_boot_ms);
        self.replication.acks_wanted = true;
    }

    /// Whether the stream is on this node's disk up to an offset, and on how many replicas' disks.
    pub(crate) fn on_disks(&self, offset: u64) -> (bool, usize) {
        let log = &self.persistence.log;
        let here = log.is_whole && log.is_open && log.synced.offset >= offset;
        (here, self.replication.replicas.on_disk(offset))
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
        for key in self.clients.waiting.of(Queue::Acks) {
            let is_over = match self.clients.sessions.get(key).map(|session| &session.suspension) {
                Some(Suspension::Replicas { offset, wanted }) => {
                    self.replication.replicas.acked(*offset) >= *wanted
                }
                Some(Suspension::Disks { offset, local, wanted }) => {
                    let (here, there) = self.on_disks(*offset);
                    here >= *local && there >= *wanted
                }
                _ => false,
            };
            if is_over {
                self.end_wait_now(key);
            }
        }
    }

    /// This node becomes a replica: nobody will acknowledge what was written here, or write
    /// what is waited for.
    pub(super) fn refuse_waiters(&mut self) {
        for key in self.clients.waiting.of(Queue::Acks) {
            self.end_wait_with(key, &DEMOTED);
        }
        self.refuse_key_waiters();
    }
}
