//! The socket of the link to this node's primary; the link itself is the engine's state machine.

use std::net::SocketAddr;

use crate::outbound::{Outbound, Progress};
use crate::reactor::{Reactor, PRIMARY};

/// Most reads of the link in one turn, so that a fast primary does not starve the clients.
const READS_PER_TURN: usize = 4;

impl Reactor {
    /// Connects to a primary; an earlier link is dropped.
    pub(crate) fn follow(&mut self, host: &str, port: u16) {
        self.unfollow();
        self.primary_question -= 1;
        let registry = self.poll.registry();
        match Outbound::connect(host, port, PRIMARY, self.primary_question, registry, &self.mailbox) {
            Ok(link) => self.primary = Some(link),
            Err(error) => self.engine.primary_link_closed(&error),
        }
    }

    /// Drops the link.
    pub(crate) fn unfollow(&mut self) {
        if let Some(mut link) = self.primary.take() {
            link.close(self.poll.registry());
        }
        self.primary_has_more = false;
    }

    /// The resolver has answered.
    pub(crate) fn primary_resolved(&mut self, question: u64, addresses: &Result<Vec<SocketAddr>, String>) {
        let Some(link) = &mut self.primary else { return };
        let progress = link.resolved(question, addresses, self.poll.registry());
        self.primary_progress(progress);
    }

    /// The kernel reports readiness.
    pub(crate) fn primary_ready(&mut self, writable: bool) {
        let Some(link) = &mut self.primary else { return };
        let progress = link.ready(writable);
        self.primary_progress(progress);
        self.primary_has_more = true;
    }

    fn primary_progress(&mut self, progress: Progress) {
        match progress {
            Progress::Nothing => {}
            Progress::Connected => self.engine.primary_link_connected(),
            Progress::Failed(error) => self.primary_failed(&error),
        }
    }

    fn primary_failed(&mut self, error: &str) {
        self.unfollow();
        self.engine.primary_link_closed(error);
    }

    /// Moves bytes both ways, at the turn's share.
    pub(crate) fn serve_primary(&mut self) {
        let mut buffer = std::mem::take(&mut self.primary_buffer);
        for _ in 0..READS_PER_TURN {
            if !self.primary_has_more {
                break;
            }
            let Some(link) = &mut self.primary else { break };
            match link.read(&mut buffer) {
                Ok([]) => self.primary_has_more = false,
                Ok(bytes) => self.engine.primary_link_bytes(bytes),
                Err(error) => self.primary_failed(&error),
            }
        }
        self.primary_buffer = buffer;
        let Some(link) = &mut self.primary else { return };
        if link.is_open() {
            link.out.append(self.engine.primary_link_output());
        }
        if let Err(error) = link.flush() {
            self.primary_failed(&error);
        }
    }
}
