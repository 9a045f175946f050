//! Serving replicas: PSYNC, full syncs, what is sent, limits and signs of life.

use std::ops::ControlFlow;

use super::state::history::StreamId;
use super::state::replicas::{FullSync, Introduction, Replica, State};
use super::state::shared_sink::SharedSink;
use crate::clients::origin::Origin;
use crate::clients::session::{Session, SessionKey};
use crate::engine::effects::{Action, Level};
use crate::engine::Engine;
use crate::resp::{Args, OwnedArgs};
use crate::snapshot::producer::{Progress, SINK_WAITING_BYTES_MAX};

/// Largest snapshot for replicas that must know its length beforehand: it is kept in memory, in bytes.
pub const SIZED_SNAPSHOT_BYTES_MAX: u64 = 256 * 1024 * 1024;

impl Engine {
    /// The session becomes a replica: it goes on from where it stood, or waits for a full sync.
    ///
    /// `position` is the identity and offset up to which it says it has the stream.
    pub(super) fn attach_replica(&mut self, session: &mut Session, position: Option<(StreamId, u64)>) {
        let now_ms = self.clock.boot_ms;
        let introduction = self.replication.introductions.remove(&session.key).unwrap_or_default();
        session.origin = Origin::Replica;
        let peer_ip = session.addr.rsplit_once(':').map_or(&*session.addr, |(ip, _)| ip).into();
        let mut replica = Replica {
            session: session.key,
            introduction,
            peer_ip,
            state: State::Waiting { since_ms: now_ms },
            cursor: 0,
            acked: 0,
            on_disk: 0,
            acked_ms: now_ms,
            alive_ms: now_ms,
            over_soft_limit_since_ms: None,
        };
        let partial = position.filter(|(id, offset)| self.can_continue(id, *offset));
        if let Some((_, offset)) = partial {
            replica.state = State::Online;
            replica.cursor = offset;
            replica.acked = offset;
            self.greet_continued(session, &replica.introduction);
            self.stats.counters.sync_partial_ok += 1;
        } else {
            self.stats.counters.sync_full += 1;
            self.stats.counters.sync_partial_err += u64::from(position.is_some());
            self.replication.keep();
        }
        let message = match (partial, position) {
            (Some((_, offset)), _) => {
                let behind = self.replication.offset() - offset;
                format!("Replica {} goes on from offset {offset}, {behind} bytes behind", session.addr)
            }
            (None, Some((id, offset))) => format!(
                "Replica {} gets a full sync: it stands at offset {offset} of {id}, which is not in this node's history or backlog",
                session.addr
            ),
            (None, None) => format!("Replica {} asks for a full sync", session.addr),
        };
        self.log(Level::Notice, message);
        self.replication.replicas.list.push(replica);
        self.replication.loaded = None;
        self.replication.alone_since_ms = now_ms;
    }

    fn can_continue(&self, id: &StreamId, offset: u64) -> bool {
        let replication = &self.replication;
        replication.is_kept && replication.history.continues(id, offset) && replication.stream.holds(offset)
    }

    fn greet_continued(&self, session: &mut Session, introduction: &Introduction) {
        session.out.extend_from_slice(b"+CONTINUE");
        if introduction.takes_identity {
            session.out.push(b' ');
            session.out.extend_from_slice(self.replication.history.id.as_str().as_bytes());
        }
        session.out.extend_from_slice(b"\r\n");
    }

    /// Starts the full syncs that have waited long enough for others to join.
    pub(super) fn start_full_syncs(&mut self) {
        if self.scripting.running.is_some() {
            // A snapshot in the middle of a script would show half of what the stream behind it says again.
            return;
        }
        let delay_ms = self.settings.repl_diskless_sync_delay as i64 * 1000;
        let now_ms = self.clock.boot_ms;
        for takes_end_mark in [true, false] {
            let mut waiting: Vec<SessionKey> = Vec::new();
            let mut is_due = false;
            for replica in &self.replication.replicas.list {
                if let State::Waiting { since_ms } = replica.state {
                    if replica.introduction.takes_end_mark == takes_end_mark {
                        waiting.push(replica.session);
                        is_due |= now_ms - since_ms >= delay_ms;
                    }
                }
            }
            if is_due {
                self.start_full_sync(&waiting, takes_end_mark);
            }
        }
    }

    fn start_full_sync(&mut self, sessions: &[SessionKey], takes_end_mark: bool) {
        let offset = self.replication.offset();
        let id = self.replication.history.id;
        let stream_db = self.replication.stream_db.unwrap_or(0);
        if !self.replication.is_replica() {
            // The replica begins in database 0, whatever the stream had selected.
            self.replication.stream_db = None;
        }
        let producer = self.new_snapshot(Some((id, offset)), stream_db, false);
        let end_mark = takes_end_mark.then(|| self.replication.history.end_mark());
        let number = self.replication.replicas.last_full_sync + 1;
        self.replication.replicas.last_full_sync = number;
        let bytes_max = (!takes_end_mark).then_some(SIZED_SNAPSHOT_BYTES_MAX);
        self.replication.replicas.full_syncs.push(FullSync {
            id: number,
            producer: Some(producer),
            sink: SharedSink { bytes_max, ..SharedSink::default() },
            end_mark,
            is_open: takes_end_mark,
        });
        for &session in sessions {
            let Some(replica) = self.replication.replicas.get_mut(session) else { continue };
            replica.state = State::Receiving { snapshot: number, sent: 0 };
            replica.cursor = offset;
            replica.acked = 0;
            replica.alive_ms = self.clock.boot_ms;
            let mut greeting = Vec::new();
            if !replica.introduction.is_old {
                greeting.extend_from_slice(format!("+FULLRESYNC {id} {offset}\r\n").as_bytes());
            }
            if let Some(mark) = end_mark {
                greeting.extend_from_slice(b"$EOF:");
                greeting.extend_from_slice(&mark);
                greeting.extend_from_slice(b"\r\n");
            }
            self.deliver(session, &greeting);
        }
        if !self.replication.is_replica() {
            self.replicate_ghosts();
        }
        let message =
            format!("Full sync {number} starts at offset {offset} for {} replica(s)", sessions.len());
        self.log(Level::Notice, message);
    }

    /// Goes on with the full syncs under way, each for a bounded time.
    pub(super) fn continue_full_syncs(&mut self) {
        for abandoned in self.replication.replicas.release_snapshots() {
            self.end_full_sync(abandoned);
        }
        let mut failed = Vec::new();
        let mut complete = Vec::new();
        for sync in &mut self.replication.replicas.full_syncs {
            let Some(producer) = &mut sync.producer else { continue };
            match producer.step(&mut self.keyspace.dbs, &mut sync.sink) {
                Ok(Progress::Complete) => complete.push(sync.id),
                Ok(Progress::More | Progress::Blocked) => {}
                Err(reason) => failed.push((sync.id, reason)),
            }
        }
        for id in complete {
            self.complete_full_sync(id);
        }
        for (id, reason) in failed {
            for session in self.receivers(id) {
                self.drop_replica(session, &reason);
            }
            self.end_full_sync(id);
        }
    }

    fn receivers(&self, id: u64) -> Vec<SessionKey> {
        let receives = |state| matches!(state, State::Receiving { snapshot, .. } if snapshot == id);
        let list = self.replication.replicas.list.iter();
        list.filter(|replica| receives(replica.state)).map(|replica| replica.session).collect()
    }

    /// All of a snapshot was produced: its end mark follows, or its length goes ahead.
    fn complete_full_sync(&mut self, id: u64) {
        let Some(sync) = self.replication.replicas.full_syncs.iter_mut().find(|sync| sync.id == id) else {
            return;
        };
        if let Some(mut producer) = sync.producer.take() {
            producer.end(&mut self.keyspace.dbs);
        }
        if let Some(mark) = sync.end_mark {
            sync.sink.stream.append(&mark);
            return;
        }
        sync.is_open = true;
        let header = format!("${}\r\n", sync.sink.stream.end());
        for session in self.receivers(id) {
            self.deliver(session, header.as_bytes());
        }
    }

    fn end_full_sync(&mut self, id: u64) {
        let syncs = &mut self.replication.replicas.full_syncs;
        if let Some(at) = syncs.iter().position(|sync| sync.id == id) {
            if let Some(mut producer) = syncs.swap_remove(at).producer {
                producer.end(&mut self.keyspace.dbs);
            }
        }
    }

    /// Whether a snapshot can go on at once, so that the next turn should not wait for events.
    pub fn replication_wants_turn(&self) -> bool {
        use crate::snapshot::producer::SnapshotSink;
        self.replication
            .replicas
            .full_syncs
            .iter()
            .any(|sync| sync.producer.is_some() && sync.sink.has_room())
    }

    /// The next bytes for a replica, as far as they lie together; empty when there are none at present.
    #[inline]
    pub fn replica_output(&self, session: SessionKey) -> &[u8] {
        self.replication.replicas.output(session, &self.replication.stream)
    }

    /// So many bytes of [`Engine::replica_output`] were sent.
    pub fn replica_sent(&mut self, session: SessionKey, bytes: usize) {
        self.stats.counters.net_repl_output_bytes += bytes as u64;
        self.replication.replicas.sent(session, bytes as u64, self.clock.boot_ms);
    }

    /// Appends the sessions of the replicas for which there is something to be sent.
    #[inline]
    pub fn replicas_with_output(&self, into: &mut Vec<SessionKey>) {
        let replicas = &self.replication.replicas;
        for replica in &replicas.list {
            if !replicas.output_of(replica, &self.replication.stream).is_empty() {
                into.push(replica.session);
            }
        }
    }

    /// REPLCONF ACK: the replica has applied the stream up to this offset.
    ///
    /// `on_disk` is up to where it has it on its disk, if it says that.
    pub(super) fn replica_acked(&mut self, session: SessionKey, offset: u64, on_disk: Option<u64>) {
        let now_ms = self.clock.boot_ms;
        let end = self.replication.offset();
        let Some(replica) = self.replication.replicas.get_mut(session) else { return };
        replica.acked = replica.acked.max(offset.min(end));
        replica.on_disk = replica.on_disk.max(on_disk.unwrap_or(0).min(end));
        replica.acked_ms = now_ms;
        replica.alive_ms = now_ms;
        if replica.state == State::Loading && !replica.introduction.snapshot_only {
            replica.state = State::Online;
            let message = format!("Replica {}:{} is in sync", replica.ip(), replica.introduction.port);
            self.log(Level::Notice, message);
        }
    }

    /// A replica gave a command that has a reply: it would stand in the middle of the stream.
    pub(crate) fn refuse_replica_reply(&mut self, session: &mut Session, args: Args<'_>) {
        let name = args.get(0);
        let message = format!(
            "Closing the link to replica {}: its command '{}' has a reply, which cannot be told from the stream",
            session.addr,
            name[..name.len().min(64)].escape_ascii()
        );
        self.log(Level::Warning, message);
        session.close_now = true;
    }

    /// Replicates the removal of all keys of a slot, before it happens.
    pub(crate) fn replicate_drop(&mut self, slot: u16) {
        const KEYS_PER_DEL: usize = 64;
        if !self.replication.is_recording() {
            return;
        }
        let mut del = OwnedArgs::from_slices(&[b"DEL"]);
        let (db, replication) = (&self.keyspace.dbs[0], &mut self.replication);
        db.for_each_in_slot(slot, |entry| {
            del.push(entry.key());
            if del.view().len() > KEYS_PER_DEL {
                replication.feed(0, std::mem::replace(&mut del, OwnedArgs::from_slices(&[b"DEL"])).view());
            }
            ControlFlow::Continue(())
        });
        if del.view().len() > 1 {
            replication.feed(0, del.view());
        }
    }

    /// Closes a replica's connection.
    pub(super) fn drop_replica(&mut self, session: SessionKey, reason: &str) {
        if let Some(replica) = self.replication.replicas.get(session) {
            let (ip, port) = (replica.ip().to_owned(), replica.introduction.port);
            self.log(Level::Warning, format!("Closing the link to replica {ip}:{port}: {reason}"));
        }
        self.replication.forget(session);
        if let Some(session) = self.clients.sessions.get_mut(session) {
            session.close_now = true;
            self.effects.actions.push(Action::Flush(session.key));
        }
    }

    /// Closes all replicas' connections; they come back and ask where they stand.
    pub(super) fn drop_replicas(&mut self, reason: &str) {
        let sessions: Vec<_> = self.replication.replicas.list.iter().map(|replica| replica.session).collect();
        for session in sessions {
            self.drop_replica(session, reason);
        }
        for sync in std::mem::take(&mut self.replication.replicas.full_syncs) {
            if let Some(mut producer) = sync.producer {
                producer.end(&mut self.keyspace.dbs);
            }
        }
    }

    /// Drops replicas for which more waits than `client-output-buffer-limit replica` allows.
    ///
    /// A limit below the backlog's size would drop replicas for bytes that are kept anyway.
    pub(super) fn limit_replicas(&mut self) {
        let limit = self.settings.client_output_buffer_limit[1];
        let backlog = self.settings.repl_backlog_size;
        let now_ms = self.clock.boot_ms;
        let mut dropped = Vec::new();
        for at in 0..self.replication.replicas.list.len() {
            let replicas = &self.replication.replicas;
            let waiting = replicas.waiting_bytes(&replicas.list[at], &self.replication.stream);
            let replica = &mut self.replication.replicas.list[at];
            let is_above = |limit: u64| limit > 0 && waiting > limit.max(backlog);
            let soft_since = match is_above(limit.soft_bytes) {
                true => Some(replica.over_soft_limit_since_ms.unwrap_or(now_ms)),
                false => None,
            };
            replica.over_soft_limit_since_ms = soft_since;
            let too_long = soft_since.is_some_and(|since| now_ms - since > limit.soft_seconds as i64 * 1000);
            if is_above(limit.hard_bytes) || too_long {
                dropped.push((replica.session, waiting));
            }
        }
        for (session, waiting) in dropped {
            self.stats.counters.output_limit_disconnections += 1;
            let reason =
                format!("{waiting} bytes wait for it, above client-output-buffer-limit for replicas");
            self.drop_replica(session, &reason);
        }
    }

    /// Once a second: signs of life, silence, and the end of a backlog that nobody reads.
    pub(super) fn tick_replicas(&mut self) {
        let now_ms = self.clock.boot_ms;
        let timeout_ms = self.settings.repl_timeout as i64 * 1000;
        let mut silent = Vec::new();
        let mut impatient = Vec::new();
        for replica in &self.replication.replicas.list {
            match replica.state {
                State::Waiting { .. } => impatient.push(replica.session),
                State::Receiving { snapshot, .. } => {
                    let is_closed = |sync: &FullSync| sync.id == snapshot && !sync.is_open;
                    if self.replication.replicas.full_syncs.iter().any(is_closed) {
                        impatient.push(replica.session);
                    } else if now_ms - replica.alive_ms > timeout_ms {
                        silent.push(replica.session);
                    }
                }
                State::Loading | State::Online if now_ms - replica.alive_ms > timeout_ms => {
                    silent.push(replica.session);
                }
                State::Loading | State::Online => {}
            }
        }
        for session in silent {
            self.drop_replica(session, "it has been silent for longer than repl-timeout");
        }
        for session in impatient {
            self.deliver(session, b"\n");
        }
        self.ping_replicas();
        self.end_unread_backlog();
    }

    /// A PING in the stream tells replicas that the link is alive. While a pause holds writes for a failover,
    /// the stream must stand still.
    fn ping_replicas(&mut self) {
        let now_ms = self.clock.boot_ms;
        let period_ms = self.settings.repl_ping_replica_period as i64 * 1000;
        let is_due = now_ms - self.replication.pinged_ms >= period_ms;
        if is_due && !self.clients.pauses.stop_the_stream() && !self.replication.replicas.list.is_empty() {
            self.replication.pinged_ms = now_ms;
            self.replication.feed_service(&[b"PING"]);
        }
    }

    fn end_unread_backlog(&mut self) {
        let now_ms = self.clock.boot_ms;
        if !self.replication.replicas.list.is_empty() || self.replication.is_replica() {
            self.replication.alone_since_ms = now_ms;
            return;
        }
        let ttl_ms = self.settings.repl_backlog_ttl as i64 * 1000;
        if self.replication.is_kept
            && !self.replication.is_logged()
            && ttl_ms > 0
            && now_ms - self.replication.alone_since_ms > ttl_ms
        {
            self.log(Level::Notice, "The backlog is freed: there was no replica for repl-backlog-ttl");
            self.replication.stop_keeping();
        }
    }
}

// The sink's bound must leave room for a step, or a walk could never begin.
const _: () = assert!(SINK_WAITING_BYTES_MAX > crate::snapshot::producer::STEP_BYTES as u64);
