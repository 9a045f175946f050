//! The sockets of the link to this node's primary; the link itself is the engine's state machine.

use std::net::SocketAddr;

use garrison_engine_core::replication::state::snapshot_link::Channel;
use mio::Token;

use crate::outbound::{Outbound, Progress};
use crate::reactor::{Reactor, PRIMARY};

/// Most reads of a connection in one turn, so that a fast primary does not starve the clients.
const READS_PER_TURN: usize = 4;

/// One connection to a primary, or none.
#[derive(Default)]
pub(crate) struct Link {
    socket: Option<Outbound>,
    /// Whether it may hold more to read.
    has_more: bool,
}

impl Reactor {
    /// Connects to a primary; an earlier connection for the same purpose is dropped.
    pub(crate) fn follow(&mut self, host: &str, port: u16, channel: Channel) {
        self.unfollow(channel);
        self.primary_question -= 1;
        let token = Token(PRIMARY.0 + channel as usize);
        let registry = self.poll.registry();
        match Outbound::connect(host, port, token, self.primary_question, registry, &self.mailbox) {
            Ok(socket) => self.link(channel).socket = Some(socket),
            Err(error) => self.engine.primary_link_closed(channel, &error),
        }
    }

    fn link(&mut self, channel: Channel) -> &mut Link {
        &mut self.primary[channel as usize]
    }

    /// Drops a connection.
    pub(crate) fn unfollow(&mut self, channel: Channel) {
        if let Some(mut socket) = std::mem::take(self.link(channel)).socket {
            socket.close(self.poll.registry());
        }
    }

    /// Whether there may be more to read, and the engine takes it.
    pub(crate) fn primary_has_more(&self) -> bool {
        Channel::ALL.iter().any(|channel| self.primary[*channel as usize].has_more && self.takes(*channel))
    }

    fn takes(&self, channel: Channel) -> bool {
        channel == Channel::Snapshot || self.engine.primary_link_takes()
    }

    /// The resolver has answered.
    pub(crate) fn primary_resolved(&mut self, question: u64, addresses: &Result<Vec<SocketAddr>, String>) {
        for channel in Channel::ALL {
            let Some(socket) = &mut self.primary[channel as usize].socket else { continue };
            let progress = socket.resolved(question, addresses, self.poll.registry());
            self.primary_progress(channel, progress);
        }
    }

    /// The kernel reports readiness.
    pub(crate) fn primary_ready(&mut self, channel: Channel, writable: bool) {
        let link = self.link(channel);
        let Some(socket) = &mut link.socket else { return };
        let progress = socket.ready(writable);
        link.has_more = true;
        self.primary_progress(channel, progress);
    }

    fn primary_progress(&mut self, channel: Channel, progress: Progress) {
        match progress {
            Progress::Nothing => {}
            Progress::Connected => self.engine.primary_link_connected(channel),
            Progress::Failed(error) => self.primary_failed(channel, &error),
        }
    }

    fn primary_failed(&mut self, channel: Channel, error: &str) {
        self.unfollow(channel);
        self.engine.primary_link_closed(channel, error);
    }

    /// Moves bytes both ways, at the turn's share.
    pub(crate) fn serve_primary(&mut self) {
        let mut buffer = std::mem::take(&mut self.primary_buffer);
        for channel in Channel::ALL {
            self.serve_channel(channel, &mut buffer);
        }
        self.primary_buffer = buffer;
    }

    fn serve_channel(&mut self, channel: Channel, buffer: &mut Vec<u8>) {
        for _ in 0..READS_PER_TURN {
            let takes = self.takes(channel);
            let link = self.link(channel);
            let Some(socket) = link.socket.as_mut().filter(|_| link.has_more && takes) else { break };
            match socket.read(buffer) {
                Ok([]) => link.has_more = false,
                Ok(bytes) => self.engine.primary_link_bytes(channel, bytes),
                Err(error) => self.primary_failed(channel, &error),
            }
        }
        let Some(socket) = &mut self.primary[channel as usize].socket else { return };
        if socket.is_open() {
            socket.out.append(self.engine.primary_link_output(channel));
        }
        if let Err(error) = socket.flush() {
            self.primary_failed(channel, &error);
        }
    }
}
