//! Full syncs, at the primary: who shares one, and how much of a turn they take.

use super::state::replicas::{FullSync, Introduction, State};
use super::state::shared_sink::SharedSink;
use crate::clients::session::SessionKey;
use crate::engine::effects::{Action, Level};
use crate::engine::picture::Contents;
use crate::engine::Engine;
use crate::snapshot::producer::{Progress, SINK_WAITING_BYTES_MAX};

/// Largest snapshot for replicas that must know its length beforehand: it is kept in memory, in bytes.
pub const SIZED_SNAPSHOT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Steps of a full sync in one turn when its stream is about to reach the output limit.
const STEPS_MAX: u64 = 16;

impl Engine {
    /// Starts the full syncs that have waited long enough for others to join.
    pub(super) fn start_full_syncs(&mut self) {
        if self.scripting.running.is_some() {
            // A snapshot in the middle of a script would show half of what the stream behind it says again.
            return;
        }
        let delay_ms = self.settings.repl_diskless_sync_delay as i64 * 1000;
        let now_ms = self.clock.boot_ms;
        for (takes_end_mark, functions_only) in [(true, false), (false, false), (true, true), (false, true)] {
            let mut waiting: Vec<SessionKey> = Vec::new();
            let mut is_due = false;
            for replica in &self.replication.replicas.list {
                if let State::Waiting { since_ms } = replica.state {
                    let Introduction { takes_end_mark: takes, functions_only: wants, .. } =
                        replica.introduction;
                    if (takes, wants) == (takes_end_mark, functions_only) {
                        waiting.push(replica.session);
                        is_due |= now_ms - since_ms >= delay_ms;
                    }
                }
            }
            if is_due {
                self.start_full_sync(&waiting, takes_end_mark, functions_only);
            }
        }
    }

    fn start_full_sync(&mut self, sessions: &[SessionKey], takes_end_mark: bool, functions_only: bool) {
        let offset = self.replication.offset();
        let id = self.replication.history.id;
        let stream_db = self.replication.stream_db.unwrap_or(0);
        let is_replica = self.replication.is_replica();
        if !is_replica {
            // The replica begins in database 0, whatever the stream had selected.
            self.replication.stream_db = None;
        }
        let contents = if functions_only { Contents::Functions } else { Contents::Data };
        let producer = self.new_snapshot(Some((id, offset)), stream_db, contents);
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
            if replica.introduction.is_second_channel {
                let db = if is_replica { stream_db as i64 } else { -1 };
                let number = self.clients.sessions.get(session).map_or(0, |session| session.id);
                greeting.extend_from_slice(format!("$ENDOFF:{offset} {id} {db} {number}\r\n").as_bytes());
            } else if !replica.introduction.is_old {
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

    /// Closes the second connections of replicas that are gone, or in sync.
    pub(super) fn close_second_channels(&mut self) {
        for session in self.replication.replicas.left_behind() {
            self.replication.forget(session);
            if let Some(session) = self.clients.sessions.get_mut(session) {
                session.close_now = true;
                self.effects.actions.push(Action::Flush(session.key));
            }
        }
    }

    /// Ends the full syncs whose replicas are gone or have read all of it.
    pub(super) fn end_abandoned_full_syncs(&mut self) {
        for abandoned in self.replication.replicas.release_snapshots() {
            self.end_full_sync(abandoned);
        }
    }

    /// Goes on with the full syncs under way, each for a bounded time.
    pub(crate) fn continue_full_syncs(&mut self) {
        if self.replication.replicas.full_syncs.is_empty() {
            return;
        }
        let mut failed = Vec::new();
        let mut complete = Vec::new();
        let steps = self.steps_of_full_syncs();
        for sync in &mut self.replication.replicas.full_syncs {
            let Some(producer) = &mut sync.producer else { continue };
            for _ in 0..steps {
                match producer.step(&mut self.keyspace.dbs, &mut sync.sink) {
                    Ok(Progress::More) => continue,
                    Ok(Progress::Blocked) => {}
                    Ok(Progress::Complete) => complete.push(sync.id),
                    Err(reason) => failed.push((sync.id, reason)),
                }
                break;
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

    /// How many steps full syncs take in a turn: the more, the nearer the stream behind one is to the limit at which the
    /// replica would be cut off. Clients are slowed down for it, before the sync is lost and begins anew.
    fn steps_of_full_syncs(&self) -> u64 {
        let limit = self.settings.client_output_buffer_limit[1];
        let bytes_max = [limit.soft_bytes, limit.hard_bytes].into_iter().filter(|bytes| *bytes > 0).min();
        let Some(bytes_max) = bytes_max.map(|bytes| bytes.max(self.settings.repl_backlog_size)) else {
            return 1;
        };
        let replicas = &self.replication.replicas;
        let waiting = |replica| replicas.waiting_bytes(replica, &self.replication.stream);
        let most = replicas.list.iter().filter(|replica| !replica.is_online()).map(waiting).max();
        1 + most.unwrap_or(0).saturating_mul(STEPS_MAX - 1) / bytes_max.max(1)
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
}

// The sink's bound must leave room for a step, or a walk could never begin.
const _: () = assert!(SINK_WAITING_BYTES_MAX > crate::snapshot::producer::STEP_WORK);
