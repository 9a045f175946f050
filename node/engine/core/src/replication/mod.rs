//! Replication: role, history, backlog, replicas, and the link to our own primary.
//!
//! One mechanism, *snapshot + stream*: a replica gets the data as it was at one offset ([`snapshot`]), and
//! every change after it ([`backlog`]). Both ends are here and both speak PSYNC2, so that a real Redis can be
//! our replica and our primary. All of it is sans-IO: bytes and time in, bytes and effects out.
//!
//! ```text
//! commands -> Replication::feed -> Stream (blocks) <- cursors of replicas -> Engine::replica_output
//! keyspace -> snapshot::Producer -> SharedSink ----'
//! primary  -> Engine::primary_link_bytes -> Link (handshake) -> Loader (snapshot) -> Applier (stream) -> keyspace
//! ```
//!
//! # For the reactor
//!
//! - [`Engine::end_turn`] calls [`Engine::replication_turn`], [`Engine::cron`] calls [`Engine::replication_tick`].
//! - A session becomes a replica by PSYNC: its `kind` is then [`Kind::Replica`]. When its `out` is sent, its
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
//! [`Engine::follow`], [`Engine::promote`], and [`Replication::status`] for every heartbeat.
//!
//! What is not here yet: a persisted history (a restarted node begins with a full sync), TLS links.
//!
//! [`Kind::Replica`]: crate::session::Kind::Replica
//! [`Action::Follow`]: crate::effects::Action::Follow
//! [`Action::Unfollow`]: crate::effects::Action::Unfollow

mod apply;
pub mod backlog;
pub mod commands;
pub mod failover;
mod follow;
pub mod history;
pub mod info;
mod link;
mod load;
pub mod replicas;
mod role;
mod serve;
pub mod snapshot;
mod status;
#[cfg(test)]
mod tests;
mod wait;
pub mod younger;

use std::collections::HashMap;
use std::sync::Arc;

pub use status::{Shared, Status};

use crate::effects::Event;
use crate::engine::Engine;
use crate::resp::Args;
use crate::session::SessionKey;
use crate::settings::Settings;
use backlog::Stream;
use failover::Failover;
use history::{History, StreamId};
use link::Link;
use replicas::{Introduction, Replicas};
use younger::Guard;

/// The primary that this node follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The replication state of a node.
pub struct Replication {
    /// Whose data this is.
    pub history: History,
    /// The stream: what this node wrote as a primary, or applied as a replica.
    pub stream: Stream,
    /// Our replicas.
    pub replicas: Replicas,
    /// The primary, while this node is a replica.
    pub primary: Option<Primary>,
    /// The link to it; taken out while its bytes are being worked on.
    link: Option<Box<Link>>,
    /// Bytes for the primary.
    link_output: Vec<u8>,
    /// Whether the stream is kept: there is, or was until `repl-backlog-ttl`, somebody to read it.
    is_kept: bool,
    /// Whether commands are appended: the stream is kept, and this node is a primary.
    is_recording: bool,
    /// The database that the stream has selected; unknown before its first SELECT.
    stream_db: Option<usize>,
    /// What sessions have told of themselves by REPLCONF before they asked for the stream.
    introductions: HashMap<SessionKey, Introduction>,
    /// The failover by command that is under way.
    pub failover: Failover,
    /// The offset that our primary was told last.
    told_offset: u64,
    /// What is remembered of the primary, so that an empty one does not wipe this node.
    guard: Guard,
    /// Whether replicas are to be asked for acknowledgements at the end of the turn.
    acks_wanted: bool,
    pinged_ms: i64,
    ticked_ms: i64,
    /// Since when there are no replicas, in boot milliseconds.
    alone_since_ms: i64,
    /// The number of the control plane's last order, and of the one under which the data became what it is.
    order: u64,
    data_order: u64,
    shared: Arc<Shared>,
    /// A reader had the shared status when it was to be stored.
    status_is_due: bool,
}

impl std::fmt::Debug for Replication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replication")
            .field("id", &self.history.id)
            .field("offset", &self.offset())
            .field("primary", &self.primary)
            .finish()
    }
}

impl Replication {
    /// The state of a new primary.
    pub fn new(seed: u64) -> Self {
        Replication {
            history: History::new(seed),
            stream: Stream::default(),
            replicas: Replicas::default(),
            primary: None,
            link: None,
            link_output: Vec::new(),
            is_kept: false,
            is_recording: false,
            stream_db: None,
            introductions: HashMap::new(),
            failover: Failover::default(),
            told_offset: 0,
            guard: Guard::default(),
            acks_wanted: false,
            pinged_ms: 0,
            ticked_ms: 0,
            alone_since_ms: 0,
            order: 0,
            data_order: 0,
            shared: Arc::default(),
            status_is_due: false,
        }
    }

    /// Where the status is stored for other threads, from now on.
    pub fn share(&mut self, shared: Arc<Shared>) {
        self.shared = shared;
    }

    fn status(&self, now_ms: i64, settings: &Settings) -> Status {
        let online = self.replicas.list.iter().filter(|replica| replica.is_online()).count();
        let good = self.replicas.good(now_ms, settings.min_replicas_max_lag);
        Status {
            is_replica: self.is_replica(),
            offset: self.offset(),
            link_up: !self.is_replica() || self.is_link_up(),
            last_io_boot_ms: self.link.as_ref().map_or(0, |link| link.last_data_ms),
            replicas: online as u64,
            lagging: (online - good) as u64,
            order: self.order,
            data_order: self.data_order,
            history: self.history.id,
            previous: self.history.previous,
            parted_at: self.history.parted_at,
            writes_paused: false,
        }
    }

    /// Whether changes must be recorded: there is a backlog or a replica.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.is_recording
    }

    /// Whether this node is a replica.
    #[inline]
    pub fn is_replica(&self) -> bool {
        self.primary.is_some()
    }

    /// Whether the stream of our primary flows.
    pub fn is_link_up(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_online())
    }

    /// Whether this replica's data may be too old to serve.
    #[inline]
    pub fn is_stale(&self, settings: &Settings) -> bool {
        self.is_replica() && !settings.replica_serve_stale_data && !self.is_link_up()
    }

    /// Bytes of the stream so far: written by a primary, applied by a replica.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.stream.end()
    }

    /// The identity and offset that a PSYNC may continue from.
    fn position(&self) -> Option<(StreamId, u64)> {
        self.is_kept.then(|| (self.history.id, self.offset()))
    }

    /// Appends a command to the stream.
    pub fn feed(&mut self, db: usize, args: Args<'_>) {
        if self.stream_db != Some(db) {
            self.stream_db = Some(db);
            let mut number = itoa::Buffer::new();
            self.append_command([&b"SELECT"[..], number.format(db).as_bytes()].into_iter());
        }
        self.append_command(args.iter_from(0));
    }

    /// Appends a command that concerns no database.
    fn feed_service(&mut self, args: &[&[u8]]) {
        if self.is_recording {
            self.append_command(args.iter().copied());
        }
    }

    fn append_command<'a>(&mut self, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.append_header(b'*', args.len());
        for arg in args {
            self.append_header(b'$', arg.len());
            self.stream.append(arg);
            self.stream.append(b"\r\n");
        }
    }

    fn append_header(&mut self, kind: u8, value: usize) {
        let mut line = [0_u8; 24];
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value).as_bytes();
        line[0] = kind;
        line[1..=digits.len()].copy_from_slice(digits);
        line[digits.len() + 1..digits.len() + 3].copy_from_slice(b"\r\n");
        self.stream.append(&line[..digits.len() + 3]);
    }

    /// Appends bytes of our primary's stream that were applied; `db` is the one selected behind them.
    fn append_received(&mut self, bytes: &[u8], db: usize) {
        self.stream.append(bytes);
        self.stream_db = Some(db);
    }

    /// Begins to keep the stream. What was written before was seen by nobody, so the history begins anew, and
    /// one offset is skipped: no position of before can be mistaken for one of after.
    fn keep(&mut self) {
        if !self.is_kept {
            self.history.renew();
            self.stream.restart_at(self.offset() + 1);
            self.stream_db = None;
            self.is_kept = true;
        }
        self.is_recording = !self.is_replica();
    }

    /// Stops keeping the stream: nobody has read it for `repl-backlog-ttl`.
    fn stop_keeping(&mut self) {
        self.history.renew();
        self.stream.restart_at(self.offset());
        self.is_kept = false;
        self.is_recording = false;
    }

    /// Drops what neither the backlog nor a replica needs.
    fn trim(&mut self, settings: &Settings) {
        let backlog = self.offset().saturating_sub(settings.repl_backlog_size);
        let needed = self.replicas.need_stream_from().unwrap_or(u64::MAX);
        self.stream.release_before(backlog.min(needed));
    }

    /// Two databases have exchanged their contents (SWAPDB): snapshots under way go on with the contents.
    pub fn databases_swapped(&mut self, a: usize, b: usize) {
        for sync in &mut self.replicas.full_syncs {
            if let Some(producer) = &mut sync.producer {
                producer.databases_swapped(a, b);
            }
        }
    }

    /// A session is closed.
    pub fn forget(&mut self, session: SessionKey) {
        self.introductions.remove(&session);
        self.replicas.list.retain(|replica| replica.session != session);
    }

    /// Replicas are to be asked for acknowledgements at the end of the turn.
    pub(crate) fn want_acks(&mut self) {
        self.acks_wanted = true;
    }

    /// A replica has given a sign of life.
    pub fn heard_from(&mut self, session: SessionKey, now_ms: i64) {
        if let Some(replica) = self.replicas.get_mut(session) {
            replica.alive_ms = now_ms;
        }
    }
}

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
            self.start_full_syncs();
            self.continue_full_syncs();
        }
        self.serve_confirmations();
        self.serve_waiters();
        self.serve_failover();
        if self.replication.is_kept {
            self.limit_replicas();
            self.replication.trim(&self.settings);
        }
    }

    /// Work done about ten times a second.
    pub fn replication_tick(&mut self) {
        self.reconsider_refused();
        self.tick_link();
        let now_ms = self.clock.boot_ms;
        if now_ms - self.replication.ticked_ms >= 1000 {
            self.replication.ticked_ms = now_ms;
            self.tick_replicas();
            self.replication.told_offset = u64::MAX;
        }
        // Every second as a sign of life, and soon after a change: our primary may wait for it to hand over.
        if self.replication.is_link_up() && self.replication.told_offset != self.replication.offset() {
            self.send_ack();
        }
    }
}
