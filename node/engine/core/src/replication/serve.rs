//! Serving replicas: PSYNC, what is sent, limits and signs of life.

use std::ops::ControlFlow;

use super::state::digest::WindowDigest;
use super::state::history::StreamId;
use super::state::replicas::{FullSync, Introduction, Replica, State};
use crate::clients::origin::Origin;
use crate::clients::session::{Session, SessionKey};
use crate::engine::effects::{Action, Level};
use crate::engine::Engine;
use crate::resp::{Args, OwnedArgs};

/// Replicas that are remembered because their stream was another one.
const DIVERGED_MAX: usize = 64;

impl Engine {
    /// The session becomes a replica: it goes on from where it stood, or waits for a full sync. One that takes the
    /// snapshot on a second connection is told to open that, and asks again.
    ///
    /// `position` is the identity and offset up to which it says it has the stream.
    pub(super) fn attach_replica(&mut self, session: &mut Session, position: Option<(StreamId, u64)>) {
        let now_ms = self.clock.boot_ms;
        let introduction = self.replication.introductions.remove(&session.key).unwrap_or_default();
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
            loads: None,
            joined_by: None,
            over_soft_limit_since_ms: None,
        };
        let partial = position.filter(|(id, offset)| {
            self.can_continue(id, *offset)
                && self.is_trusted(&replica)
                && self.join_second_channel(&mut replica, *offset)
        });
        if partial.is_none() && self.may_open_second_channel(&replica.introduction) {
            self.stats.counters.sync_partial_err += u64::from(position.is_some());
            self.log(
                Level::Notice,
                format!("Replica {} gets a full sync on a second connection", session.addr),
            );
            let introduction = Introduction { second_channel: None, ..replica.introduction };
            self.replication.introductions.insert(session.key, introduction);
            session.out.extend_from_slice(b"+DUALCHANNELSYNC\r\n");
            return;
        }
        session.origin = Origin::Replica;
        if let Some((_, offset)) = partial {
            replica.state = State::Online;
            replica.cursor = offset;
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

    /// Whether a replica that needs a full sync is to open a second connection for it.
    fn may_open_second_channel(&self, introduction: &Introduction) -> bool {
        self.settings.dual_channel_replication_enabled
            && introduction.takes_second_channel
            && !introduction.is_old
    }

    /// Notes what a replica that goes on from this offset has: all before it, or, if its snapshot comes on another
    /// connection, nothing yet. False if that connection is gone or its snapshot is of another offset.
    fn join_second_channel(&mut self, replica: &mut Replica, offset: u64) -> bool {
        let Some(number) = replica.introduction.second_channel else {
            replica.acked = offset;
            return true;
        };
        let sessions = &self.clients.sessions;
        let is_it = |other: &&mut Replica| {
            other.introduction.is_second_channel
                && sessions.get(other.session).is_some_and(|session| session.id == number)
        };
        let list = &mut self.replication.replicas.list;
        let Some(other) = list.iter_mut().find(is_it).filter(|other| other.cursor == offset) else {
            return false;
        };
        other.joined_by = Some(replica.session);
        replica.loads = Some(offset);
        true
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

    /// Whether a snapshot can go on at once, so that the next turn should not wait for events.
    pub fn replication_wants_turn(&self) -> bool {
        use crate::snapshot::producer::SnapshotSink;
        if self.has_held_stream() {
            return true;
        }
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
        let has_loaded = replica.loads.is_some_and(|snapshot| offset >= snapshot);
        if has_loaded {
            replica.loads = None;
        }
        if has_loaded || (replica.state == State::Loading && !replica.introduction.snapshot_only) {
            replica.state = State::Online;
            let message = format!("Replica {}:{} is in sync", replica.ip(), replica.introduction.port);
            self.log(Level::Notice, message);
        }
    }

    /// A replica tells the digest of a window of its stream.
    ///
    /// Whether it differs from ours; then the session is to be closed, and the replica gets all of the data when it comes
    /// back: what it has is not what its history and offset say.
    pub(super) fn is_diverged(&mut self, session: SessionKey, theirs: WindowDigest) -> bool {
        if !self.replication.digests.differs(theirs) {
            return false;
        }
        let Some(replica) = self.replication.replicas.get(session) else { return false };
        let place = (replica.ip().to_owned(), replica.introduction.port);
        self.stats.counters.sync_diverged += 1;
        let WindowDigest { end, bytes, .. } = theirs;
        let diverged = &mut self.replication.diverged;
        diverged.truncate(DIVERGED_MAX - 1);
        diverged.push(place);
        self.drop_replica(
            session,
            &format!("its stream differs from ours between the offsets {} and {end}: its data is another one, and it gets all of ours", end - bytes),
        );
        true
    }

    /// Whether a replica may go on where it says it stands; once not, after its stream was found to be another one.
    fn is_trusted(&mut self, replica: &Replica) -> bool {
        let place = (replica.ip(), replica.introduction.port);
        let diverged = &mut self.replication.diverged;
        match diverged.iter().position(|(ip, port)| (&**ip, *port) == place) {
            Some(at) => {
                diverged.swap_remove(at);
                false
            }
            None => true,
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
