//! What replication remembers: role, history, stream, replicas, and the link to our own primary.
//!
//! State and the operations that need nothing else; what the engine does with it is in the folder above.

pub mod applier;
pub mod backlog;
pub mod digest;
pub mod failover;
pub mod guard;
pub mod held;
pub mod history;
pub mod link;
pub mod replicas;
pub mod shared_sink;
pub mod snapshot_link;
mod status;
pub mod timeline;

use std::collections::HashMap;
use std::sync::Arc;

pub use status::{Shared, Status};

use crate::base::clock::BootMs;
use crate::clients::session::SessionKey;
use crate::resp::{encode_command, Args};
use crate::settings::Settings;
use crate::snapshot::loader::Loader;
use backlog::Stream;
use digest::Digests;
use failover::Failover;
use guard::Guard;
use history::{History, StreamId};
use link::Link;
use replicas::{Introduction, Replicas};
use timeline::Timeline;

/// Most bytes of a line that tells a count or a length, in bytes.
const HEADER_BYTES_MAX: usize = 24;

/// The primary that this node follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Bytes for the primary.
#[derive(Debug, Default)]
pub struct LinkOutput {
    /// On the connection that stays.
    pub stream: Vec<u8>,
    /// On the one for the snapshot of a full sync.
    pub snapshot: Vec<u8>,
}

impl LinkOutput {
    /// Forgets all of it.
    pub fn clear(&mut self) {
        self.stream.clear();
        self.snapshot.clear();
    }
}

/// What a command of the stream is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The database that it is carried out in.
    pub db: usize,
    /// The slot of all its keys; none outside a cluster, and for a command without keys.
    pub slot: Option<u16>,
}

impl Scope {
    /// A command without keys.
    pub const fn of_db(db: usize) -> Self {
        Scope { db, slot: None }
    }
}

/// The replication state of a node.
pub struct Replication {
    /// Whose data this is.
    pub history: History,
    /// The stream: what this node wrote as a primary, or applied as a replica.
    pub stream: Stream,
    /// Digests of the stream.
    pub(in crate::replication) digests: Digests,
    /// The end of the digest that our primary was told last.
    pub(in crate::replication) told_digest: u64,
    /// When the stream had which length.
    pub(in crate::replication) timeline: Timeline,
    /// Our replicas.
    pub replicas: Replicas,
    /// The primary, while this node is a replica.
    pub primary: Option<Primary>,
    /// The link to it; taken out while its bytes are being worked on.
    pub(in crate::replication) link: Option<Box<Link>>,
    /// Bytes for the primary, for each connection.
    pub(in crate::replication) link_output: LinkOutput,
    /// Whether the stream is kept: there is, or was until `repl-backlog-ttl`, somebody to read it.
    pub(in crate::replication) is_kept: bool,
    /// The position of the data that was read from files, while nobody has seen what this node wrote after it.
    pub(in crate::replication) loaded: Option<(StreamId, u64)>,
    /// Whether the append-only file reads the stream, which is then kept whoever else reads it.
    pub(in crate::replication) is_logged: bool,
    /// Whether commands are appended: the stream is kept, and this node is a primary.
    pub(in crate::replication) is_recording: bool,
    /// The database that the stream has selected; unknown before its first SELECT.
    pub(in crate::replication) stream_db: Option<usize>,
    /// What sessions have told of themselves by REPLCONF before they asked for the stream.
    pub(in crate::replication) introductions: HashMap<SessionKey, Introduction>,
    /// Addresses of replicas whose stream was found to be another one; they get a full sync next.
    pub(in crate::replication) diverged: Vec<(String, u16)>,
    /// The failover by command that is under way.
    pub failover: Failover,
    /// The offset that our primary was told last.
    pub(in crate::replication) told_offset: u64,
    /// What is remembered of the primary, so that an empty one does not wipe this node.
    pub(in crate::replication) guard: Guard,
    /// Whether replicas are to be asked for acknowledgements at the end of the turn.
    pub(in crate::replication) acks_wanted: bool,
    pub(in crate::replication) pinged_ms: BootMs,
    pub(in crate::replication) ticked_ms: BootMs,
    /// Since when there are no replicas, in boot milliseconds.
    pub(in crate::replication) alone_since_ms: BootMs,
    /// The number of the control plane's last order, and of the one under which the data became what it is.
    pub(in crate::replication) order: u64,
    pub(in crate::replication) data_order: u64,
    pub(in crate::replication) shared: Arc<Shared>,
    /// A reader had the shared status when it was to be stored.
    pub(in crate::replication) status_is_due: bool,
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
            digests: Digests::default(),
            told_digest: 0,
            timeline: Timeline::default(),
            replicas: Replicas::default(),
            primary: None,
            link: None,
            link_output: LinkOutput::default(),
            is_kept: false,
            loaded: None,
            is_logged: false,
            is_recording: false,
            stream_db: None,
            introductions: HashMap::new(),
            diverged: Vec::new(),
            failover: Failover::default(),
            told_offset: 0,
            guard: Guard::default(),
            acks_wanted: false,
            pinged_ms: BootMs::ZERO,
            ticked_ms: BootMs::ZERO,
            alone_since_ms: BootMs::ZERO,
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

    pub(in crate::replication) fn status(&self, now_ms: BootMs, settings: &Settings) -> Status {
        let online = self.replicas.list.iter().filter(|replica| replica.is_online()).count();
        let good = self.replicas.good(now_ms, settings.min_replicas_max_lag);
        Status {
            is_replica: self.is_replica(),
            offset: self.offset(),
            link_up: !self.is_replica() || self.is_link_up(),
            last_io_boot_ms: self.link.as_ref().map_or(BootMs::ZERO, |link| link.last_data_ms),
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

    /// The full sync that is being loaded.
    pub fn loading(&self) -> Option<&Loader> {
        self.link.as_ref()?.loader.as_ref()
    }

    /// Bytes of the stream so far: written by a primary, applied by a replica.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.stream.end()
    }

    /// The identity and offset that a PSYNC may continue from.
    pub(in crate::replication) fn position(&self) -> Option<(StreamId, u64)> {
        let loaded = self.loaded.filter(|(_, offset)| *offset == self.offset());
        self.is_kept.then(|| loaded.unwrap_or((self.history.id, self.offset())))
    }

    /// Appends a command to the stream, behind a SELECT where its database is another one.
    pub(crate) fn feed(&mut self, db: usize, args: Args<'_>) {
        if self.stream_db != Some(db) {
            self.stream_db = Some(db);
            let mut number = itoa::Buffer::new();
            self.append_command([&b"SELECT"[..], number.format(db).as_bytes()].into_iter());
        }
        self.append_command(args.iter_from(0));
    }

    /// Appends a command that concerns no database.
    pub(in crate::replication) fn feed_service(&mut self, args: &[&[u8]]) {
        if self.is_recording {
            self.append_command(args.iter().copied());
        }
    }

    pub(in crate::replication) fn append_command<'a>(
        &mut self,
        args: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    ) {
        // Most commands fit into the block that is being filled, and are written in one go.
        let bytes_max =
            HEADER_BYTES_MAX + args.clone().map(|arg| HEADER_BYTES_MAX + arg.len() + 2).sum::<usize>();
        if self.stream.append_with(bytes_max, |block| encode_command(block, args.clone())) {
            return;
        }
        self.append_header(b'*', args.len());
        for arg in args {
            self.append_header(b'$', arg.len());
            self.stream.append(arg);
            self.stream.append(b"\r\n");
        }
    }

    pub(in crate::replication) fn append_header(&mut self, kind: u8, value: usize) {
        let mut line = [0_u8; HEADER_BYTES_MAX];
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value).as_bytes();
        line[0] = kind;
        line[1..=digits.len()].copy_from_slice(digits);
        line[digits.len() + 1..digits.len() + 3].copy_from_slice(b"\r\n");
        self.stream.append(&line[..digits.len() + 3]);
    }

    /// Appends bytes of our primary's stream that were applied; `db` is the one selected behind them.
    pub(in crate::replication) fn append_received(&mut self, bytes: &[u8], db: usize) {
        self.stream.append(bytes);
        self.stream_db = Some(db);
    }

    /// Begins to keep the stream. What was written before was seen by nobody, so the history begins anew, and
    /// one offset is skipped: no position of before can be mistaken for one of after.
    pub(in crate::replication) fn keep(&mut self) {
        if !self.is_kept {
            self.history.renew();
            self.stream.restart_at(self.offset() + 1);
            self.stream_db = None;
            self.is_kept = true;
        }
        self.is_recording = !self.is_replica();
    }

    /// The append-only file begins, or ends, to read the stream.
    pub(crate) fn keep_for_log(&mut self, is_logged: bool) {
        self.is_logged = is_logged;
        if is_logged {
            self.keep();
        }
    }

    /// Whether the append-only file reads the stream.
    pub(in crate::replication) fn is_logged(&self) -> bool {
        self.is_logged
    }

    /// The database that the stream has selected.
    pub(crate) fn selected_db(&self) -> usize {
        self.stream_db.unwrap_or(0)
    }

    /// The data is that of this history at this offset: a file says so.
    pub(crate) fn adopt_loaded(&mut self, id: StreamId, offset: u64, stream_db: usize) {
        self.history.adopt(id);
        self.stream.restart_at(offset);
        self.stream_db = Some(stream_db);
        self.is_kept = true;
    }

    /// Here the file goes on with this history at this offset.
    pub(crate) fn continue_loaded(&mut self, id: StreamId, offset: u64) {
        if offset != self.offset() {
            self.history.adopt(id);
            self.stream.restart_at(offset);
        } else if id != self.history.id {
            self.history.continue_as(id, offset);
        }
        self.is_kept = true;
    }

    /// A part of a file that is a part of the stream.
    pub(crate) fn append_loaded(&mut self, bytes: &[u8]) {
        self.stream.append(bytes);
    }

    /// This node writes on its own, from where the files ended.
    pub(crate) fn fork_loaded(&mut self) {
        if self.is_kept {
            let offset = self.offset();
            self.loaded = Some((self.history.id, offset));
            self.history.fork(offset);
            self.stream_db = None;
            self.is_recording = true;
        }
    }

    /// Stops keeping the stream: nobody has read it for `repl-backlog-ttl`.
    pub(in crate::replication) fn stop_keeping(&mut self) {
        self.history.renew();
        self.stream.restart_at(self.offset());
        self.is_kept = false;
        self.is_recording = false;
    }

    /// Drops what neither the backlog, nor a replica, nor the log needs, which reads from an offset of its own.
    pub(crate) fn trim(&mut self, settings: &Settings, now_ms: BootMs, log_needs_from: u64) {
        let needed = self.replicas.need_stream_from().unwrap_or(u64::MAX);
        let release_before = self.backlog_from(settings, now_ms).min(needed).min(log_needs_from);
        self.digests.advance(&self.stream, settings.repl_digest_bytes, release_before);
        self.stream.release_before(release_before);
    }

    /// The offset from which the backlog reaches: by `repl-backlog-size`, or further by `repl-backlog-seconds`.
    fn backlog_from(&self, settings: &Settings, now_ms: BootMs) -> u64 {
        let by_size = self.offset().saturating_sub(settings.repl_backlog_size);
        if settings.repl_backlog_seconds == 0 {
            return by_size;
        }
        let since_ms = now_ms - settings.repl_backlog_seconds.saturating_mul(1000) as i64;
        let by_time = self.timeline.offset_at(since_ms).or(self.timeline.oldest()).unwrap_or(by_size);
        by_size.min(by_time.max(self.offset().saturating_sub(settings.repl_backlog_size_max)))
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

    /// The primary is to be told soon how far this node is, on its disk too.
    pub(crate) fn tell_again(&mut self) {
        self.told_offset = u64::MAX;
    }

    /// A replica has given a sign of life.
    pub fn heard_from(&mut self, session: SessionKey, now_ms: BootMs) {
        if let Some(replica) = self.replicas.get_mut(session) {
            replica.alive_ms = now_ms;
        }
    }
}
