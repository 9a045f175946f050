//! Our replicas: what each has announced, where it stands, and what it has acknowledged.
//!
//! ```text
//! PSYNC -> Waiting -> Receiving -> Loading -> Online      full sync
//! PSYNC ------------------------------------> Online      partial sync
//! ```
//!
//! A replica is a cursor into the shared stream; nothing of the stream is copied for it. During a full sync
//! its cursor stands at the snapshot's offset, so the stream from there on is kept.
//!
//! With two connections ([`super::snapshot_link`]) the one for the snapshot is a replica of its own, which only keeps the
//! stream until the other has joined; the other is online at once, and counts when it has acknowledged the snapshot.

use super::backlog::Stream;
use super::shared_sink::SharedSink;
use crate::base::clock::BootMs;
use crate::clients::session::SessionKey;
use crate::snapshot::producer::Producer;

/// What a replica has told of itself by REPLCONF.
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    /// The port it listens on.
    pub port: u16,
    /// The address it announces; empty: that of its connection.
    pub ip: Box<str>,
    /// Capability `eof`: it takes a snapshot whose length is not known.
    pub takes_end_mark: bool,
    /// Capability `psync2`: it takes a new identity with +CONTINUE.
    pub takes_identity: bool,
    /// Capability `garrison`: it understands CLUSTER GHOST.
    pub knows_ghosts: bool,
    /// It wants the snapshot and no stream (`redis-cli --rdb`).
    pub snapshot_only: bool,
    /// Its snapshot is to hold function libraries alone (`redis-cli --functions-rdb`).
    pub functions_only: bool,
    /// It spoke SYNC, so it is answered without a status line.
    pub is_old: bool,
    /// Capability `dual-channel`: it takes the snapshot of a full sync on a second connection.
    pub takes_second_channel: bool,
    /// This is such a second connection.
    pub is_second_channel: bool,
    /// The number of the session that is the second connection of this one.
    pub second_channel: Option<u64>,
}

/// Where a replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for a full sync to begin.
    Waiting {
        /// Since when, in boot milliseconds.
        since_ms: BootMs,
    },
    /// It receives a snapshot.
    Receiving {
        /// Which.
        snapshot: u64,
        /// Bytes of it that were sent.
        sent: u64,
    },
    /// The snapshot is sent; the stream follows once it has acknowledged.
    Loading,
    /// It receives the stream.
    Online,
}

/// One replica.
#[derive(Debug)]
pub struct Replica {
    /// Its session.
    pub session: SessionKey,
    /// What it has told of itself.
    pub introduction: Introduction,
    /// The address of its connection.
    pub peer_ip: Box<str>,
    /// Where it stands.
    pub state: State,
    /// Offset of the next byte of the stream to be sent.
    pub cursor: u64,
    /// Offset up to which it has applied the stream.
    pub acked: u64,
    /// The offset up to which it has said that the stream is on its disk.
    pub on_disk: u64,
    /// When it last acknowledged, in boot milliseconds.
    pub acked_ms: BootMs,
    /// When it last gave a sign of life, or took bytes of a snapshot, in boot milliseconds.
    pub alive_ms: BootMs,
    /// The offset of the snapshot that it still loads, which came on another connection.
    pub loads: Option<u64>,
    /// For such another connection: the one that gets the stream.
    pub joined_by: Option<SessionKey>,
    /// Since when it is above the soft limit, in boot milliseconds.
    pub over_soft_limit_since_ms: Option<BootMs>,
}

impl Replica {
    /// The address to show: announced or of the connection.
    pub fn ip(&self) -> &str {
        match &*self.introduction.ip {
            "" => &self.peer_ip,
            announced => announced,
        }
    }

    /// Whether it has, or is about to have, data with which it could take this node's place.
    pub fn may_take_over(&self) -> bool {
        !self.introduction.snapshot_only && !matches!(self.state, State::Waiting { .. })
    }

    /// Whether it gets the stream, so that a write may count on it.
    pub fn is_online(&self) -> bool {
        self.state == State::Online && self.loads.is_none()
    }

    /// The offset from which it needs the stream to be kept.
    pub fn needs_stream_from(&self) -> Option<u64> {
        let keeps_for_another =
            self.waits_for_second_channel() && !matches!(self.state, State::Waiting { .. });
        (keeps_for_another || self.may_take_over()).then_some(self.cursor)
    }

    /// Seconds since it last acknowledged.
    pub fn lag_seconds(&self, now_ms: BootMs) -> u64 {
        (now_ms - self.acked_ms).max(0) as u64 / 1000
    }

    /// The word for INFO.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Waiting { .. } => "wait_bgsave",
            State::Receiving { .. } | State::Loading => "send_bulk",
            State::Online if self.loads.is_some() => "send_bulk",
            State::Online => "online",
        }
    }

    /// Whether it is the connection for a snapshot, and the one for the stream has not come.
    pub fn waits_for_second_channel(&self) -> bool {
        self.introduction.is_second_channel && self.joined_by.is_none()
    }

    /// Whether it is to be shown: two connections of one replica are one.
    pub fn is_shown(&self) -> bool {
        self.joined_by.is_none()
    }
}

/// A full sync that one or several replicas receive.
pub struct FullSync {
    /// Its number.
    pub id: u64,
    /// What produces it; nothing once it is complete.
    pub producer: Option<Producer>,
    /// What was produced and not yet read by all.
    pub sink: SharedSink,
    /// The mark behind it; none for a snapshot of known length.
    pub end_mark: Option<[u8; 40]>,
    /// Whether its bytes may be sent: at once, or when the length is known.
    pub is_open: bool,
}

impl FullSync {
    /// Whether every byte of it has been produced.
    pub fn is_complete(&self) -> bool {
        self.producer.is_none()
    }
}

impl std::fmt::Debug for FullSync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FullSync").field("id", &self.id).field("complete", &self.is_complete()).finish()
    }
}

/// All replicas and their full syncs.
#[derive(Debug, Default)]
pub struct Replicas {
    /// In the order of their arrival.
    pub list: Vec<Replica>,
    /// Under way.
    pub full_syncs: Vec<FullSync>,
    /// Number of the last full sync.
    pub last_full_sync: u64,
}

impl Replicas {
    /// A replica by its session.
    pub fn get(&self, session: SessionKey) -> Option<&Replica> {
        self.list.iter().find(|replica| replica.session == session)
    }

    /// A replica by its session.
    pub fn get_mut(&mut self, session: SessionKey) -> Option<&mut Replica> {
        self.list.iter_mut().find(|replica| replica.session == session)
    }

    /// The next bytes to be sent to a replica; empty when there are none at present.
    pub fn output<'a>(&'a self, session: SessionKey, stream: &'a Stream) -> &'a [u8] {
        self.get(session).map_or(&[], |replica| self.output_of(replica, stream))
    }

    /// The next bytes to be sent to a replica.
    pub fn output_of<'a>(&'a self, replica: &Replica, stream: &'a Stream) -> &'a [u8] {
        match replica.state {
            State::Online => stream.slice_from(replica.cursor),
            State::Receiving { snapshot, sent } => self
                .full_syncs
                .iter()
                .find(|sync| sync.id == snapshot && sync.is_open)
                .map_or(&[], |sync| sync.sink.stream.slice_from(sent)),
            State::Waiting { .. } | State::Loading => &[],
        }
    }

    /// So many bytes of [`Replicas::output`] were sent.
    pub fn sent(&mut self, session: SessionKey, bytes: u64, now_ms: BootMs) {
        let Some(at) = self.list.iter().position(|replica| replica.session == session) else { return };
        let replica = &mut self.list[at];
        match &mut replica.state {
            State::Online => replica.cursor += bytes,
            State::Receiving { snapshot, sent } => {
                *sent += bytes;
                replica.alive_ms = now_ms;
                let (snapshot, sent) = (*snapshot, *sent);
                self.end_of_snapshot(at, snapshot, sent, now_ms);
            }
            State::Waiting { .. } | State::Loading => {}
        }
    }

    /// Moves a replica on that has been sent all of a snapshot.
    pub fn end_of_snapshot(&mut self, at: usize, snapshot: u64, sent: u64, now_ms: BootMs) {
        let Some(sync) = self.full_syncs.iter().find(|sync| sync.id == snapshot) else { return };
        if !sync.is_complete() || sent < sync.sink.stream.end() {
            return;
        }
        // A mark is looked for at the end of what has arrived, so nothing may follow it before the replica has
        // spoken. After a snapshot of known length the stream may follow at once.
        let waits = sync.end_mark.is_some();
        let replica = &mut self.list[at];
        replica.state = match waits || replica.introduction.snapshot_only {
            true => State::Loading,
            false => State::Online,
        };
        replica.acked_ms = now_ms;
        replica.alive_ms = now_ms;
    }

    /// Bytes that wait for a replica.
    pub fn waiting_bytes(&self, replica: &Replica, stream: &Stream) -> u64 {
        let of_stream = replica.needs_stream_from().map_or(0, |from| stream.end() - from);
        let of_snapshot = match replica.state {
            State::Receiving { snapshot, sent } => self
                .full_syncs
                .iter()
                .find(|sync| sync.id == snapshot && sync.end_mark.is_some())
                .map_or(0, |sync| sync.sink.stream.end() - sent),
            _ => 0,
        };
        of_stream + of_snapshot
    }

    /// The offset from which replicas need the stream; none when none does.
    pub fn need_stream_from(&self) -> Option<u64> {
        self.list.iter().filter_map(Replica::needs_stream_from).min()
    }

    /// Lets full syncs drop what all of their replicas have read; tells which have no replica left.
    pub fn release_snapshots(&mut self) -> Vec<u64> {
        let mut abandoned = Vec::new();
        for sync in &mut self.full_syncs {
            let slowest = self
                .list
                .iter()
                .filter_map(|replica| match replica.state {
                    State::Receiving { snapshot, sent } if snapshot == sync.id => Some(sent),
                    _ => None,
                })
                .min();
            match slowest {
                Some(sent) => {
                    sync.sink.read_up_to = sent;
                    sync.sink.stream.release_before(sent);
                }
                None => abandoned.push(sync.id),
            }
        }
        abandoned
    }

    /// Connections for a snapshot that are of no use any more: their replica is gone, or in sync.
    pub fn left_behind(&self) -> Vec<SessionKey> {
        let is_loading = |key| self.get(key).is_some_and(|replica| replica.loads.is_some());
        let list = self.list.iter();
        let left = list.filter(|replica| replica.joined_by.is_some_and(|key| !is_loading(key)));
        left.map(|replica| replica.session).collect()
    }

    /// Whether every replica understands what the stream says of ghosts.
    pub fn all_know_ghosts(&self) -> bool {
        self.list
            .iter()
            .all(|replica| replica.introduction.knows_ghosts || replica.introduction.snapshot_only)
    }

    /// How many replicas that get the stream have applied it up to an offset.
    pub fn acked(&self, offset: u64) -> usize {
        self.list.iter().filter(|replica| replica.is_online() && replica.acked >= offset).count()
    }

    /// How many replicas have the stream on their disks up to an offset.
    pub fn on_disk(&self, offset: u64) -> usize {
        self.list.iter().filter(|replica| replica.is_online() && replica.on_disk >= offset).count()
    }

    /// How many replicas get the stream and acknowledged within so many seconds.
    pub fn good(&self, now_ms: BootMs, lag_seconds_max: u64) -> usize {
        let is_good =
            |replica: &&Replica| replica.is_online() && replica.lag_seconds(now_ms) <= lag_seconds_max;
        self.list.iter().filter(is_good).count()
    }
}
