//! The append-only file: when the stream is written to it and synced, and what waits for that.
//!
//! BACKGROUND. The log is the replication stream, from a base on. Nothing is encoded twice: the log is one more reader
//! of the stream, with a cursor like a replica's. Between the bytes of the stream stand *marks*: lines that begin with
//! `#`, which a real Redis skips. One says at which offset of which history the bytes behind it begin, another the time.
//!
//! INVARIANTS.
//! - The bytes of the stream stay in memory until they are on the disk. So what a failed sync has perhaps lost is
//!   written again, behind the last place that is known to be on the disk; a failed sync is never believed later.
//! - Nothing is written while a sync is under way: a write would wait for it within the serving thread. What comes
//!   meanwhile is written and synced together: one sync for all the commands of that time.
//! - With `appendfsync always` a reply that tells of a write leaves when the write is on the disk.
//! - Marks stand between commands, and never within a transaction.
//!
//! BEHAVIOUR. A failure refuses writes (MISCONF) until the disk works again; every second it is tried anew. Reads go on.
//! A log that has to be begun anew after a failure refuses them until it is whole.

use super::state::disk::{DiskOrder, FileId};
use super::state::log::{Place, Sync};
use super::state::{Purpose, Waiter};
use crate::clients::session::{Session, SessionKey};
use crate::engine::effects::{Action, Level};
use crate::engine::Engine;
use crate::formats::aof::annotation::Annotation;
use crate::resp::failure::Failure;
use crate::settings::SyncPolicy;

/// Time between two syncs with `everysec`, in milliseconds.
const SYNC_PERIOD_MS: i64 = 1_000;
/// A sync that takes longer is counted as a delay (`aof_delayed_fsync`), in milliseconds.
const SYNC_IS_LATE_MS: i64 = 2_000;
/// Time after a failure before the disk is tried again, in milliseconds.
const RETRY_MS: i64 = 1_000;

const SLOW_DISK: Failure = Failure::Text(
    "MISCONF Errors writing to the AOF file: the disk does not keep up, and aof-buffer-limit is reached",
);

impl Engine {
    /// Whether the log lets clients write.
    #[inline]
    pub(crate) fn check_log(&self) -> Result<(), Failure> {
        let log = &self.persistence.log;
        if !log.error.is_empty() {
            return Err(Failure::new(format!("MISCONF Errors writing to the AOF file: {}", log.error)));
        }
        if !log.is_open {
            return Ok(());
        }
        if self.replication.offset() - log.written.offset > self.settings.aof_buffer_limit {
            return Err(SLOW_DISK);
        }
        Ok(())
    }

    /// A session's command has written, and its reply may have to wait for the disk.
    #[inline]
    pub(crate) fn withhold_until_synced(&mut self, session: &mut Session) {
        let log = &mut self.persistence.log;
        if self.settings.appendfsync == SyncPolicy::Always && log.is_open && log.is_whole {
            if session.synced_wanted <= log.synced.offset {
                log.withheld.push(session.key);
            }
            session.synced_wanted = self.replication.offset();
        }
    }

    /// Work at the end of a turn: the time, where it is wanted, goes before what the turn has written.
    pub(super) fn log_turn(&mut self) {
        let end = self.replication.offset();
        let log = &mut self.persistence.log;
        if !log.is_open {
            return;
        }
        if end > log.turn_end {
            let now_s = self.clock.unix_ms / 1000;
            if self.settings.aof_timestamp_enabled && now_s != log.stamped_s {
                log.stamped_s = now_s;
                let mut line = Vec::new();
                Annotation::Timestamp(now_s).write(&mut line);
                log.mark(log.turn_end, line);
            }
            log.turn_end = end;
        }
        self.continue_rewrite();
    }

    /// From this offset on the stream is of another history.
    pub(crate) fn log_history_changed(&mut self) {
        let (offset, id) = (self.replication.offset(), self.replication.history.id);
        let log = &mut self.persistence.log;
        if log.is_open {
            let mut line = Vec::new();
            Annotation::Position { id: id.bytes(), offset, db: self.replication.selected_db() as u64 }
                .write(&mut line);
            log.mark(offset, line);
        }
    }

    /// Bytes to be written to the log now, as far as they lie together.
    #[inline]
    pub fn log_output(&self) -> &[u8] {
        let log = &self.persistence.log;
        if !log.is_open || log.sync.is_some() || log.is_resting || log.repair.is_some() {
            return &[];
        }
        let limit = log.cut.unwrap_or(u64::MAX);
        let next = log.marks.get(log.marks_written);
        if let Some(mark) = next.filter(|mark| mark.offset <= log.written.offset && mark.offset < limit) {
            return &mark.bytes[log.mark_bytes..];
        }
        let limit = next.map_or(limit, |mark| mark.offset.min(limit)).saturating_sub(log.written.offset);
        let bytes = self.replication.stream.slice_from(log.written.offset);
        &bytes[..bytes.len().min(usize::try_from(limit).unwrap_or(usize::MAX))]
    }

    /// So many bytes of [`Engine::log_output`] were written.
    pub fn log_written(&mut self, bytes: usize) {
        let log = &mut self.persistence.log;
        log.written.bytes += bytes as u64;
        let limit = log.cut.unwrap_or(u64::MAX);
        match log.marks.get(log.marks_written) {
            Some(mark) if mark.offset <= log.written.offset && mark.offset < limit => {
                log.mark_bytes += bytes;
                if log.mark_bytes == mark.bytes.len() {
                    log.marks_written += 1;
                    log.mark_bytes = 0;
                }
            }
            _ => log.written.offset += bytes as u64,
        }
        if !log.error.is_empty() && !log.needs_sync && !log.is_lost {
            self.log_works_again();
        }
    }

    pub(super) fn log_works_again(&mut self) {
        let log = &mut self.persistence.log;
        let former = std::mem::take(&mut log.error);
        log.needs_sync = false;
        self.log(Level::Notice, format!("The append-only file is written again, after: {former}"));
    }

    /// The sync that is to be asked for now, if any; it is under way from then on.
    pub fn log_sync_due(&mut self) -> Option<FileId> {
        let policy = self.settings.appendfsync;
        let now_ms = self.clock.boot_ms;
        let has_more = !self.log_output().is_empty();
        let log = &mut self.persistence.log;
        let is_behind = log.synced != log.written;
        if !log.is_open
            || !is_behind
            || log.sync.is_some()
            || log.is_resting
            || log.repair.is_some()
            || log.mark_bytes > 0
        {
            return None;
        }
        let is_due = match policy {
            _ if log.needs_sync || (log.sync_wanted > log.synced.offset && !has_more) => true,
            // Since these wrote, the policy has become another one.
            _ if !log.withheld.is_empty() => true,
            SyncPolicy::Always => true,
            SyncPolicy::EverySecond => now_ms - log.sync_ms >= SYNC_PERIOD_MS && !self.sync_is_put_off(),
            SyncPolicy::No => false,
        };
        if !is_due {
            return None;
        }
        let order = self.persistence.next_file();
        let log = &mut self.persistence.log;
        log.sync_ms = now_ms;
        log.sync = Some(Sync {
            order,
            offset: log.written.offset,
            bytes: log.written.bytes,
            marks: log.marks_written,
            since_ms: now_ms,
            is_late: false,
        });
        Some(order)
    }

    /// `no-appendfsync-on-rewrite`: while a snapshot keeps the disk busy, nothing is synced.
    fn sync_is_put_off(&self) -> bool {
        self.settings.no_appendfsync_on_rewrite && !self.persistence.jobs.is_empty()
    }

    /// A sync has succeeded.
    pub(super) fn log_synced(&mut self, order: FileId) {
        let log = &mut self.persistence.log;
        let Some(sync) = log.sync.filter(|sync| sync.order == order) else { return };
        log.sync = None;
        log.synced = Place { offset: sync.offset, bytes: sync.bytes };
        log.marks.drain(..sync.marks.min(log.marks.len()));
        log.marks_written -= sync.marks.min(log.marks_written);
        if log.needs_sync && !log.is_lost {
            self.log_works_again();
        }
        self.release_synced();
        if self.replication.is_replica() {
            self.replication.tell_again();
        }
    }

    /// Lets those go on who waited for what is on the disk now.
    pub(super) fn release_synced(&mut self) {
        let log = &mut self.persistence.log;
        let synced = log.released();
        let sessions = &self.clients.sessions;
        let is_served =
            |key: &SessionKey| sessions.get(*key).is_none_or(|session| session.synced_wanted <= synced);
        let actions = &mut self.effects.actions;
        log.withheld.retain(|key| {
            let is_served = is_served(key);
            if is_served {
                actions.push(Action::Flush(*key));
            }
            !is_served
        });
        let (done, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut log.waiters).into_iter().partition(|(offset, _)| *offset <= synced);
        log.waiters = waiting;
        self.answer_waiters(done.into_iter().map(|(_, waiter)| waiter), "");
    }

    /// Asks for all that was written so far to be synced; the waiter is told.
    pub(super) fn sync_log(&mut self, waiter: Waiter) {
        let offset = self.replication.offset();
        let log = &mut self.persistence.log;
        if log.released() >= offset {
            return self.answer_waiters([waiter], "");
        }
        if !log.error.is_empty() {
            let error = log.error.clone();
            return self.answer_waiters([waiter], &error);
        }
        log.want_sync(offset);
        log.waiters.push((offset, waiter));
    }

    /// Puts what was written so far on the disk, with a snapshot if that is wanted; [`Event::Persisted`] answers.
    ///
    /// A snapshot that is under way may have begun too early: it is called off.
    ///
    /// [`Event::Persisted`]: crate::engine::effects::Event::Persisted
    pub fn persist(&mut self, ticket: u64, snapshot: bool) {
        if snapshot {
            self.cancel_job(Purpose::Save);
            self.start_save(Some(Waiter::Control(ticket)));
        } else {
            self.sync_log(Waiter::Control(ticket));
        }
    }

    /// An order of the log was carried out.
    pub(super) fn log_order_done(&mut self, order: FileId) {
        if self.log_reopened(order) {
            return;
        }
        if self.persistence.log.repair == Some(Some(order)) {
            self.order(DiskOrder::SwitchLog { file: order });
            let log = &mut self.persistence.log;
            log.repair = None;
            log.written = log.synced;
            (log.marks_written, log.mark_bytes) = (0, 0);
            return;
        }
        self.rewrite_order_done(order);
    }

    /// An order of the log has failed.
    pub(super) fn log_order_failed(&mut self, order: FileId, error: &str) {
        let log = &mut self.persistence.log;
        if log.sync.is_some_and(|sync| sync.order == order) {
            // What was written since the last sync may be gone, whatever a later one says.
            log.sync = None;
            if !self.replication.stream.holds(log.synced.offset) {
                return self.log_lost(error);
            }
            log.repair = Some(None);
            log.needs_sync = true;
            self.log_failed(error);
        } else if log.repair == Some(Some(order)) {
            log.repair = Some(None);
            self.log_failed(error);
        } else if log.reopening == Some(order) {
            self.start_failed(error);
        } else {
            self.rewrite_order_failed(order, error);
        }
    }

    /// What a failed sync may have lost is not kept in memory either, as with `no`: the data itself is the base of a
    /// new log. Until that is whole writes are refused, so a killed process finds all that was acknowledged in the
    /// former files, which stay, and replies that wait for the disk go on waiting.
    fn log_lost(&mut self, error: &str) {
        self.log_failed(error);
        self.log(Level::Warning, "The append-only file has to be begun anew, from the data in memory");
        self.persistence.log.is_lost = true;
        self.log_data_replaced();
    }

    /// The disk has refused something; it is tried again a little later.
    pub fn log_failed(&mut self, error: &str) {
        let log = &mut self.persistence.log;
        log.retry_ms = self.clock.boot_ms + RETRY_MS;
        log.is_resting = true;
        let waiters = std::mem::take(&mut log.waiters);
        let is_new = log.error != error;
        error.clone_into(&mut log.error);
        self.answer_waiters(waiters.into_iter().map(|(_, waiter)| waiter), error);
        if is_new {
            self.log(
                Level::Warning,
                format!("The append-only file cannot be written: {error}. Writes are refused until it can"),
            );
        }
    }

    /// Work done about ten times a second: late syncs, another try after a failure.
    pub(super) fn log_tick(&mut self) {
        let now_ms = self.clock.boot_ms;
        let log = &mut self.persistence.log;
        if let Some(sync) = log.sync.as_mut().filter(|sync| !sync.is_late) {
            if now_ms - sync.since_ms >= SYNC_IS_LATE_MS {
                sync.is_late = true;
                log.delayed_syncs += 1;
                self.log(
                    Level::Notice,
                    "Asynchronous AOF fsync is taking too long (disk is busy?). Commands are kept in memory meanwhile",
                );
            }
        }
        let log = &mut self.persistence.log;
        if log.is_resting && now_ms >= log.retry_ms {
            log.is_resting = false;
            if log.repair == Some(None) {
                let (order, bytes) = (self.persistence.next_file(), self.persistence.log.synced.bytes);
                self.persistence.log.repair = Some(Some(order));
                let name = self.log_file_name();
                self.order(DiskOrder::OpenLog { file: order, name, bytes });
            }
        }
        self.rewrite_by_the_rules();
    }
}
