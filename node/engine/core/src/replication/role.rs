//! Becoming a replica, becoming a primary, and what either may write.

use super::state::guard::Guard;
use super::state::link::Link;
use super::state::Primary;
use crate::base::clock::BootMs;
use crate::dispatch::table::Entry;
use crate::dispatch::Failure;
use crate::engine::effects::Level;
use crate::engine::Engine;

const READ_ONLY: Failure = Failure::Text("READONLY You can't write against a read only replica.");
const NO_REPLICAS: Failure = Failure::Text("NOREPLICAS Not enough good replicas to write.");

impl Engine {
    /// The control plane's order of this number: become a replica.
    pub fn follow_by_order(&mut self, host: &str, port: u16, order: u64) {
        self.replication.order = order;
        let is_there_already = self.replication.is_link_up();
        self.follow(host, port);
        if is_there_already && self.replication.is_link_up() {
            self.replication.data_order = order;
        }
        self.tell_replication();
    }

    /// The control plane's order of this number: be a primary with the data that is here.
    pub fn promote_by_order(&mut self, order: u64) {
        self.replication.order = order;
        self.replication.data_order = order;
        self.promote();
        self.tell_replication();
    }

    /// Becomes a replica of this primary, keeping the data until a sync says what differs.
    pub fn follow(&mut self, host: &str, port: u16) {
        let primary = Primary { host: host.to_owned(), port };
        if self.replication.primary.as_ref() == Some(&primary) {
            return;
        }
        self.end_failover();
        self.start_following(primary);
    }

    /// Follows a primary from now on.
    pub(super) fn start_following(&mut self, primary: Primary) {
        // The data is as old as it was: another primary to follow makes it neither younger nor worthless.
        let last_data_ms = self.replication.link.as_ref().map_or(BootMs::ZERO, |link| link.last_data_ms);
        self.leave_primary();
        self.refuse_waiters();
        self.drop_migrations();
        let Primary { host, port } = &primary;
        self.log(Level::Notice, format!("This node becomes a replica of {host}:{port}"));
        self.replication.primary = Some(primary);
        self.replication.guard = Guard::default();
        self.replication.is_recording = false;
        let mut link = Link::new(self.clock.boot_ms);
        link.last_data_ms = last_data_ms;
        self.replication.link = Some(Box::new(link));
        self.connect_link();
        self.end_hold();
        self.tell_replication();
    }

    /// Becomes a primary, keeping data and history: siblings that followed the same primary can go on from
    /// here without a full sync.
    pub fn promote(&mut self) {
        if !self.replication.is_replica() {
            return;
        }
        self.leave_primary();
        self.keyspace.written_at_replica.clear();
        self.end_failover();
        let offset = self.replication.offset();
        self.replication.history.fork(offset);
        self.replication.stream_db = None;
        self.replication.is_recording = self.replication.is_kept;
        self.log_history_changed();
        self.drop_replicas("this node was promoted: the history goes on under another identity");
        let message =
            format!("This node is a primary now: {} from offset {offset}", self.replication.history.id);
        self.log(Level::Notice, message);
        self.replication.alone_since_ms = self.clock.boot_ms;
        self.tell_replication();
    }

    /// Ends the link to the present primary, if there is one.
    fn leave_primary(&mut self) {
        if self.replication.primary.take().is_none() {
            return;
        }
        if let Some(session) = self.replication.link.take().and_then(|link| link.applier.session) {
            self.close_session(session);
        }
        self.drop_connections();
    }

    /// Whether this node takes writes: it is no read-only replica, and has the replicas it needs.
    #[inline]
    pub(crate) fn check_writable(&self, _entry: &Entry) -> Result<(), Failure> {
        self.check_log()?;
        self.check_saved()?;
        if self.replication.is_replica() {
            return if self.settings.replica_read_only { Err(READ_ONLY) } else { Ok(()) };
        }
        let (wanted, lag_seconds_max) =
            (self.settings.min_replicas_to_write, self.settings.min_replicas_max_lag);
        if wanted > 0 && lag_seconds_max > 0 && self.good_replicas() < wanted {
            return Err(NO_REPLICAS);
        }
        Ok(())
    }

    /// How many replicas are in sync and have acknowledged within `min-replicas-max-lag`.
    pub fn good_replicas(&self) -> usize {
        self.replication.replicas.good(self.clock.boot_ms, self.settings.min_replicas_max_lag)
    }
}
