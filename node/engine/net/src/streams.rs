//! Sending the replication stream, straight from the blocks that all replicas share.
//!
//! Within a turn the stream leaves before the clients' replies: what a client has been told is then in the
//! kernel's hands for every replica that keeps up, and a SIGKILL of this process loses nothing of it.

use std::io;

use garrison_engine_core::clients::session::SessionKey;

use crate::reactor::Reactor;

/// Bytes that one replica is sent in one turn, at most.
const STREAM_BYTES_PER_TURN: usize = 512 * 1024;

impl Reactor {
    /// Sends what the turn has appended to every replica that can take it.
    pub(crate) fn send_streams(&mut self) {
        self.stream_has_more = false;
        let mut replicas = std::mem::take(&mut self.replicas);
        self.engine.replicas_with_output(&mut replicas);
        for key in replicas.drain(..) {
            self.send_reply(key);
        }
        self.replicas = replicas;
    }

    /// Sends a replica its next bytes; everything in its session's output has been sent before.
    pub(crate) fn send_stream(&mut self, key: SessionKey) {
        let Some(Some(connection)) = self.connections.get_mut(key as usize) else { return };
        let mut budget = STREAM_BYTES_PER_TURN;
        while connection.writable {
            let bytes = self.engine.replica_output(key);
            if bytes.is_empty() {
                return;
            }
            if budget == 0 {
                self.stream_has_more = true;
                return;
            }
            match connection.socket.write(&bytes[..bytes.len().min(budget)]) {
                Ok(sent) => {
                    budget -= sent;
                    self.engine.replica_sent(key, sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.writable = false,
                Err(_) => return self.close(key),
            }
        }
    }
}
