//! Replication: role, history, backlog, replicas, and the link to our own primary.
//!
//! One mechanism, *snapshot + stream*: a replica gets the data as it was at one offset ([`crate::snapshot`]), and
//! every change after it ([`state::backlog`]). Both ends are here and both speak PSYNC2, so that a real Redis can be
//! our replica and our primary. All of it is sans-IO: bytes and time in, bytes and effects out.
//!
//! ```text
//! commands -> Replication::feed -> Stream (blocks) <- cursors of replicas -> Engine::replica_output
//! keyspace -> Producer -> SharedSink ----'
//! primary  -> Engine::primary_link_bytes -> Link (handshake) -> Loader (snapshot) -> Applier (stream) -> keyspace
//! ```
//!
//! # For the reactor
//!
//! - [`Engine::end_turn`] calls [`Engine::replication_turn`], [`Engine::cron`] calls [`Engine::replication_tick`].
//! - A session becomes a replica by PSYNC: its `origin` is then [`Origin::Replica`]. When its `out` is sent, its
//!   bytes are those of [`Engine::replica_output`], slice by slice; [`Engine::replica_sent`] moves it on.
//!   [`Engine::replicas_with_output`] tells who has any, to be sent before the replies of the turn.
//! - [`Engine::replication_wants_turn`]: a snapshot is under way and can go on, so the poll must not wait.
//! - [`Action::Follow`] asks for a connection to a primary, in place of an earlier one. The reactor answers with
//!   [`Engine::primary_link_connected`], [`Engine::primary_link_bytes`] and [`Engine::primary_link_closed`],
//!   and sends what [`Engine::primary_link_output`] holds. [`Action::Unfollow`] drops the connection. Attempts
//!   after a failure are the engine's business: it asks again.
//!
//! # For the control plane
//!
//! [`Engine::follow`], [`Engine::promote`], and [`Engine::status`] for every heartbeat.
//!
//! What is not here yet: a persisted history (a restarted node begins with a full sync), TLS links.
//!
//! [`Origin::Replica`]: crate::clients::origin::Origin::Replica
//! [`Action::Follow`]: crate::engine::effects::Action::Follow
//! [`Action::Unfollow`]: crate::engine::effects::Action::Unfollow

mod apply;
pub mod commands;
pub mod failover;
mod follow;
mod full_sync;
pub mod info;
mod role;
mod second_channel;
mod serve;
pub mod state;
#[cfg(test)]
mod tests;
mod wait;
pub mod younger;

use crate::engine::effects::Event;
use crate::engine::Engine;
use state::Status;

impl Engine {
    /// Role, progress and lineage, as they are now.
    pub fn status(&self) -> Status {
        let status = self.replication.status(self.clock.boot_ms, &self.settings);
        Status { writes_paused: self.clients.pauses.control.is_on(), ..status }
    }

    /// Stores the status for the control plane; called at the end of each turn.
    pub(crate) fn publish_status(&mut self) {
        let status = self.status();
        self.replication.status_is_due = !self.replication.shared.write(&status);
    }

    /// The role, or what the data is, has changed: the control plane is told in the order of events.
    pub(crate) fn tell_replication(&mut self) {
        let status = self.status();
        let primary = self.replication.primary.clone();
        self.effects.events.push(Event::Replication { status, primary });
    }

    /// Work at the end of a turn, after its commands and before its replies leave.
    pub fn replication_turn(&mut self) {
        if !self.replication.replicas.list.is_empty() || !self.replication.replicas.full_syncs.is_empty() {
            self.close_second_channels();
            self.start_full_syncs();
            self.end_abandoned_full_syncs();
        }
        self.apply_held();
        self.serve_confirmations();
        self.serve_waiters();
        self.serve_failover();
        if self.replication.is_kept {
            self.limit_replicas();
            self.trim_stream();
        }
    }

    /// Drops what nobody needs of the stream.
    pub(crate) fn trim_stream(&mut self) {
        let log_needs_from = self.persistence.log.needs_from(self.settings.appendfsync);
        self.replication.trim(&self.settings, self.clock.boot_ms, log_needs_from);
    }

    /// Work done about ten times a second.
    pub fn replication_tick(&mut self) {
        self.reconsider_refused();
        self.tick_link();
        let end = self.replication.offset();
        self.replication.timeline.note(self.clock.boot_ms, end);
        let now_ms = self.clock.boot_ms;
        if now_ms - self.replication.ticked_ms >= 1000 {
            self.replication.ticked_ms = now_ms;
            self.tick_replicas();
            self.replication.told_offset = u64::MAX;
        }
        // Every second as a sign of life, and soon after a change: our primary may wait for it to hand over.
        if self.replication.told_offset != self.replication.offset() {
            if self.replication.is_link_up() {
                self.send_ack();
            } else {
                self.send_sign_of_life();
            }
        }
    }
}
