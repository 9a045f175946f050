//! A full sync on two connections, at the replica: the snapshot on one, the stream beside it on the other.
//!
//! BACKGROUND. On one connection the stream has to wait at the primary until the snapshot is through. A busy primary
//! then holds a lot for each replica, cuts the sync at `client-output-buffer-limit`, and the next one fares no better.
//! With a connection of its own the stream leaves at once and waits here.
//!
//! INVARIANTS.
//! - The snapshot is of the offset at which the stream on the other connection begins; nothing lies between them.
//! - What is held was neither applied nor acknowledged, and our offset does not count it.
//! - `replica-full-sync-buffer-limit` bounds what is held: above it this node reads no more, and the stream waits in
//!   the kernel and at the primary as it does with one connection.
//!
//! BEHAVIOUR. When the snapshot is the data, what was held is applied a part a turn, and bytes that come meanwhile
//! stand behind it. If the primary goes away then, the rest is applied before the link counts as lost. Until then
//! the end of either connection ends the sync.

use super::state::link::{command, Answer, Link, Phase};
use super::state::snapshot_link::{self, Channel};
use crate::engine::effects::{Action, Level};
use crate::engine::Engine;

/// Held bytes that are applied in one turn before clients are served again.
const HELD_BYTES_PER_TURN: usize = 256 * 1024;

impl Engine {
    /// The primary grants a full sync on a second connection: it is asked for.
    pub(super) fn open_second_channel(&mut self) {
        let Some(primary) = &self.replication.primary else { return };
        self.replication.link_output.snapshot.clear();
        let (host, port) = (primary.host.clone(), primary.port);
        self.effects.actions.push(Action::Follow { host, port, channel: Channel::Snapshot });
    }

    /// The second connection stands.
    pub(super) fn second_channel_connected(&mut self) {
        let Some(link) = &mut self.replication.link else { return };
        if let Some(snapshot_link) = &mut link.snapshot_link {
            snapshot_link.connected(&self.settings, &mut self.replication.link_output.snapshot);
        }
    }

    /// Takes bytes of the second connection.
    pub(super) fn take_snapshot_bytes(&mut self, link: &mut Link, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() && !link.is_snapshot_complete {
            if link.loader.is_some() {
                let used = self.load(link, bytes)?;
                bytes = &bytes[used..];
                continue;
            }
            let Some(snapshot_link) = &mut link.snapshot_link else { return Ok(()) };
            let (used, answer) =
                snapshot_link.read_line(bytes, &mut self.replication.link_output.snapshot)?;
            bytes = &bytes[used..];
            match answer {
                Some(snapshot_link::Answer::Offset { id, offset, session }) => {
                    self.log(Level::Notice, format!("Full sync from the primary: {id} at offset {offset}"));
                    link.join(id, offset, session, &mut self.replication.link_output.stream);
                    self.look_at_history(link, id, offset)?;
                    self.tell_replication();
                }
                Some(snapshot_link::Answer::Header(line)) => match link.take_payload_header(&line)? {
                    Answer::Payload(form) => link.loader = Some(self.new_loader(Some(form))),
                    other => return Err(format!("the snapshot begins with {other:?}")),
                },
                None => {}
            }
        }
        Ok(())
    }

    /// Tells the primary that we are there; no offset of its history is ours yet.
    pub(super) fn send_sign_of_life(&mut self) {
        if self.replication.link.as_ref().is_some_and(|link| link.phase == Phase::Holding) {
            self.replication.told_offset = self.replication.offset();
            command(&mut self.replication.link_output.stream, &[b"REPLCONF", b"ACK", b"0"]);
        }
    }

    /// Whether the snapshot and the stream behind it are both there: then they become the data.
    pub(super) fn install_if_joined(&mut self, link: &mut Link) {
        if link.is_snapshot_complete && link.phase == Phase::Holding {
            link.snapshot_link = None;
            self.replication.link_output.snapshot.clear();
            self.effects.actions.push(Action::Unfollow(Channel::Snapshot));
            self.install_full_sync(link);
        }
    }

    /// Whether more of the stream may be read from the connection.
    pub fn primary_link_takes(&self) -> bool {
        let limit = self.settings.replica_full_sync_buffer_limit;
        self.replication.link.as_ref().is_none_or(|link| limit == 0 || link.held.len() < limit)
    }

    /// Bytes of the stream that were received and not applied.
    pub fn held_stream_bytes(&self) -> u64 {
        self.replication.link.as_ref().map_or(0, |link| link.held.len())
    }

    /// Whether held bytes of the stream can be applied.
    pub(super) fn has_held_stream(&self) -> bool {
        self.replication.link.as_ref().is_some_and(|link| link.is_online() && !link.held.is_empty())
    }

    /// Applies a part of what was held.
    pub(super) fn apply_held(&mut self) {
        // Nothing changes in the middle of a script.
        if !self.has_held_stream() || self.scripting.running.is_some() {
            return;
        }
        let Some(mut link) = self.replication.link.take() else { return };
        let mut held = std::mem::take(&mut link.held);
        let mut budget = HELD_BYTES_PER_TURN;
        let mut outcome = Ok(());
        while outcome.is_ok() && budget > 0 && !held.is_empty() {
            let bytes = held.next();
            let count = bytes.len();
            outcome = self.apply(&mut link, bytes);
            held.applied(count);
            budget = budget.saturating_sub(count);
        }
        let closed = if held.is_empty() { held.closed.take() } else { None };
        link.held = held;
        self.replication.link = Some(link);
        if let Some(reason) = outcome.err().or(closed) {
            self.lose_link(&reason);
        }
    }
}
