//! Following a primary: what the reactor tells of the connection, and what follows from it.

use std::time::Duration;

use super::state::guard::Guard;
use super::state::link::{Answer, Link, Phase, RETRY_DELAY_MS_MAX};
use super::state::snapshot_link::Channel;
use super::younger;
use crate::clients::origin::Origin;
use crate::engine::effects::{Action, Level};
use crate::engine::Engine;

impl Engine {
    /// The connection that [`Action::Follow`] asked for stands.
    pub fn primary_link_connected(&mut self, channel: Channel) {
        if channel == Channel::Snapshot {
            return self.second_channel_connected();
        }
        let now_ms = self.clock.boot_ms;
        if let Some(link) = self.replication.link.as_mut().filter(|link| link.phase == Phase::Connecting) {
            self.replication.link_output.clear();
            link.connected(now_ms, &mut self.replication.link_output.stream);
        }
    }

    /// Bytes have come from our primary.
    pub fn primary_link_bytes(&mut self, channel: Channel, bytes: &[u8]) {
        let Some(mut link) = self.replication.link.take() else { return };
        link.last_io_ms = self.clock.boot_ms;
        self.stats.counters.net_repl_input_bytes += bytes.len() as u64;
        let outcome = match channel {
            Channel::Stream => self.take_link_bytes(&mut link, bytes),
            Channel::Snapshot => self.take_snapshot_bytes(&mut link, bytes),
        };
        self.replication.link = Some(link);
        if let Some(why) = self.replication.failover.refusal.take() {
            self.failover_refused(&why);
        } else if let Err(reason) = outcome {
            self.lose_link(&reason);
        }
    }

    /// Bytes that wait to be sent to our primary; the reactor drains them.
    pub fn primary_link_output(&mut self, channel: Channel) -> &mut Vec<u8> {
        match channel {
            Channel::Stream => &mut self.replication.link_output.stream,
            Channel::Snapshot => &mut self.replication.link_output.snapshot,
        }
    }

    /// A connection to our primary could not be had, or is gone.
    pub fn primary_link_closed(&mut self, channel: Channel, error: &str) {
        let Some(link) = self.replication.link.as_deref_mut() else { return };
        let is_needed = match channel {
            Channel::Stream => !matches!(link.phase, Phase::Waiting { .. }),
            Channel::Snapshot => link.snapshot_link.is_some() && !link.is_snapshot_complete,
        };
        if is_needed && link.is_online() && !link.held.is_empty() {
            link.held.closed = Some(error.to_owned());
        } else if is_needed {
            self.lose_link(error);
        }
    }

    fn take_link_bytes(&mut self, link: &mut Link, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            let used = match link.phase {
                Phase::Waiting { .. } | Phase::Connecting => bytes.len(),
                Phase::Holding => {
                    link.held.append(bytes);
                    bytes.len()
                }
                Phase::Online if !link.held.is_empty() => {
                    link.last_data_ms = self.clock.boot_ms;
                    link.held.append(bytes);
                    bytes.len()
                }
                Phase::Online => {
                    link.last_data_ms = self.clock.boot_ms;
                    self.apply(link, bytes)?;
                    bytes.len()
                }
                Phase::Receiving => self.load(link, bytes)?,
                _ => {
                    let position = self.replication.position();
                    let out = &mut self.replication.link_output.stream;
                    let (used, answer) = link.read_line(bytes, &self.settings, position, out)?;
                    if let Some(answer) = answer {
                        self.take_answer(link, answer)?;
                    }
                    self.install_if_joined(link);
                    used
                }
            };
            bytes = &bytes[used..];
        }
        Ok(())
    }

    fn take_answer(&mut self, link: &mut Link, answer: Answer) -> Result<(), String> {
        match answer {
            Answer::Continue(id) => {
                let offset = self.replication.offset();
                if let Some(id) = id.filter(|id| *id != self.replication.history.id) {
                    self.replication.history.continue_as(id, offset);
                    self.log_history_changed();
                    self.drop_replicas("the history goes on under another identity, which it must learn");
                }
                self.log(Level::Notice, format!("Partial sync with the primary from offset {offset}"));
                self.go_online(link);
                self.handed_over(link);
            }
            Answer::FullSync(id, offset) => {
                self.log(Level::Notice, format!("Full sync from the primary: {id} at offset {offset}"));
                self.look_at_history(link, id, offset)?;
                self.tell_replication();
                self.handed_over(link);
            }
            Answer::SecondChannel => self.open_second_channel(),
            Answer::Refused(why) => self.replication.failover.refusal = Some(why),
            Answer::Payload(form) => {
                link.loader = Some(self.new_loader(Some(form)));
            }
        }
        Ok(())
    }

    /// The primary serves us: if it was asked to take over, it has.
    fn handed_over(&mut self, link: &mut Link) {
        if std::mem::take(&mut link.hands_over) {
            self.end_failover();
        }
    }

    /// Takes bytes of the snapshot; returns how many.
    pub(super) fn load(&mut self, link: &mut Link, bytes: &[u8]) -> Result<usize, String> {
        let Some(loader) = &mut link.loader else { return Err("no snapshot is due".into()) };
        let (used, is_complete) = loader
            .take(bytes)
            .map_err(|error| format!("the full sync failed, and the data is as it was before: {error}"))?;
        if is_complete {
            self.look_at_snapshot(link)?;
            if link.snapshot_link.is_some() {
                link.is_snapshot_complete = true;
                self.install_if_joined(link);
            } else {
                self.install_full_sync(link);
            }
        }
        Ok(used)
    }

    /// The snapshot is here and right: it becomes the data.
    pub(super) fn install_full_sync(&mut self, link: &mut Link) {
        let (Some(loader), Some((id, offset))) = (link.loader.take(), link.full_sync.take()) else { return };
        self.drop_replicas("the data set was replaced by a full sync");
        link.is_snapshot_complete = false;
        let bytes = loader.bytes;
        self.install_libraries(&loader.functions);
        self.replication.history.adopt(id);
        self.replication.stream.restart_at(offset);
        self.replication.is_kept = true;
        self.replication.stream_db = Some(loader.header.stream_db);
        for (db, new) in self.keyspace.dbs.iter_mut().zip(loader.into_databases()) {
            db.replace_contents(new);
        }
        self.keyspace.written_at_replica.clear();
        self.log_data_replaced();
        self.clients.watches.all_changed();
        self.log(
            Level::Notice,
            format!("MASTER <-> REPLICA sync: Finished with success, {bytes} bytes loaded"),
        );
        self.go_online(link);
    }

    fn go_online(&mut self, link: &mut Link) {
        let now_ms = self.clock.boot_ms;
        link.phase = Phase::Online;
        link.failures = 0;
        self.replication.data_order = self.replication.order;
        self.replication.guard = Guard { was_in_sync: true, refused: None };
        link.last_data_ms = now_ms;
        let db = self.replication.stream_db.unwrap_or(0);
        let addr =
            self.replication.primary.as_ref().map(|primary| format!("{}:{}", primary.host, primary.port));
        let session = self.open_session(Origin::Primary);
        session.db = db;
        session.addr = addr.unwrap_or_default().into();
        link.applier.session = Some(session.key);
        self.send_ack();
        self.tell_replication();
    }

    /// Gives the connection up; what was applied stays, and another attempt follows.
    pub(super) fn lose_link(&mut self, reason: &str) {
        let now_ms = self.clock.boot_ms;
        let Some(mut link) = self.replication.link.take() else { return };
        let was_online = link.is_online();
        if let Some(session) = link.applier.session.take() {
            self.close_session(session);
        }
        let delay_ms_max = match self.replication.guard.refused {
            Some(_) => younger::RETRY_DELAY_MS_MAX,
            None => RETRY_DELAY_MS_MAX,
        };
        link.lost(now_ms, delay_ms_max);
        let pause = match link.phase {
            Phase::Waiting { until_ms } => Duration::from_millis((until_ms - now_ms).max(0) as u64),
            _ => Duration::ZERO,
        };
        self.replication.link = Some(link);
        self.drop_connections();
        self.log(
            Level::Warning,
            format!("The link to the primary is down: {reason}. Next attempt in {pause:?}"),
        );
        if was_online {
            self.tell_replication();
        }
    }

    /// Drops the connections to the primary.
    pub(super) fn drop_connections(&mut self) {
        self.replication.link_output.clear();
        self.effects.actions.extend(Channel::ALL.map(Action::Unfollow));
    }

    /// Attempts to connect that are due, and silence of the primary.
    pub(super) fn tick_link(&mut self) {
        let now_ms = self.clock.boot_ms;
        let Some(link) = self.replication.link.as_deref() else { return };
        match link.phase {
            Phase::Waiting { until_ms } if now_ms >= until_ms => self.connect_link(),
            _ if link.is_silent(now_ms, &self.settings) => {
                let seconds = self.settings.repl_timeout;
                let what = link.phase.timeout_name();
                self.lose_link(&format!("{what}: no byte came for {seconds} seconds (repl-timeout)"));
            }
            _ => {}
        }
    }

    /// Asks the reactor for a connection to the primary.
    pub(super) fn connect_link(&mut self) {
        let now_ms = self.clock.boot_ms;
        let (Some(primary), Some(link)) = (&self.replication.primary, self.replication.link.as_mut()) else {
            return;
        };
        link.phase = Phase::Connecting;
        link.last_io_ms = now_ms;
        self.replication.link_output.clear();
        let (host, port) = (primary.host.clone(), primary.port);
        self.effects.actions.push(Action::Follow { host, port, channel: Channel::Stream });
    }
}
