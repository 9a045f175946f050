//! Snapshots into a file: SAVE, BGSAVE, the rules of `save`.
//!
//! BEHAVIOUR. A snapshot is written in steps between the commands of clients, into a file beside the final one, which
//! it replaces when all of it is on the disk. SAVE is a BGSAVE whose client waits: nobody else does. It can be called
//! off at any time. After a failed one writes are refused, as `stop-writes-on-bgsave-error` asks, until one succeeds;
//! while they are refused it is tried again whatever the rules say, which may wait for changes that nobody can make.

use super::state::disk::{DiskOrder, FileId};
use super::state::{FileSink, Job, Purpose, Waiter, RETRY_AFTER_FAILURE_MS};
use crate::engine::effects::{Event, Level};
use crate::engine::picture::Contents;
use crate::engine::Engine;
use crate::resp::failure::Failure;
use crate::settings::SavePoint;
use crate::snapshot::producer::Progress;

/// Bytes between two syncs of a snapshot, with `rdb-save-incremental-fsync`.
const SYNC_EVERY_BYTES: u64 = 4 * 1024 * 1024;

const REFUSED_AFTER_FAILURE: Failure = Failure::Text(
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that \
     may modify the data set are disabled, because this instance is configured to report errors during writes if RDB \
     snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB \
     error.",
);

impl Engine {
    /// Begins to write a snapshot to `dbfilename`; none may be under way.
    pub(crate) fn start_save(&mut self, waiter: Option<Waiter>) {
        let position = Some((self.replication.history.id, self.replication.offset()));
        let stream_db = self.replication.selected_db();
        let producer = self.new_snapshot(position, stream_db, Contents::Data);
        self.start_job(Purpose::Save, producer, waiter);
        self.persistence.last.tried_ms = self.clock.unix_ms;
        self.log(Level::Notice, "Background saving started");
    }

    /// Begins to write a snapshot into a file for the time being.
    pub(super) fn start_job(
        &mut self,
        purpose: Purpose,
        producer: crate::snapshot::producer::Producer,
        waiter: Option<Waiter>,
    ) {
        let file = self.persistence.next_file();
        // The next one of its kind takes the place of one that a crash has left behind.
        let (name, is_synced_often) = match purpose {
            Purpose::Save => {
                (format!("temp-{}", self.settings.dbfilename), self.settings.rdb_save_incremental_fsync)
            }
            Purpose::LogBase => {
                (self.in_log_folder("temp-base"), self.settings.aof_rewrite_incremental_fsync)
            }
        };
        let sync_every_bytes = if is_synced_often { SYNC_EVERY_BYTES } else { 0 };
        self.order(DiskOrder::Create { file, name, sync_every_bytes });
        self.persistence.jobs.push(Job {
            purpose,
            keys: producer.keys(),
            producer: Some(producer),
            sink: FileSink::new(file),
            dirty: self.keyspace.dirty,
            started_ms: self.clock.unix_ms,
            waiters: waiter.into_iter().collect(),
        });
    }

    /// Goes on with the snapshots under way, each for a bounded time.
    pub(crate) fn continue_snapshots(&mut self) {
        for at in 0..self.persistence.jobs.len() {
            let job = &mut self.persistence.jobs[at];
            let Some(producer) = &mut job.producer else { continue };
            let progress = producer.step(&mut self.keyspace.dbs, &mut job.sink);
            job.keys = producer.keys();
            if progress == Ok(Progress::Complete) {
                if let Some(mut producer) = job.producer.take() {
                    producer.end(&mut self.keyspace.dbs);
                }
                job.sink.hand_over();
                let (file, purpose) = (job.sink.file, job.purpose);
                let name = match purpose {
                    Purpose::Save => self.settings.dbfilename.clone(),
                    Purpose::LogBase => self.base_name(),
                };
                self.persistence.jobs[at].sink.orders.push(DiskOrder::Finish { file, name });
            }
            for order in std::mem::take(&mut self.persistence.jobs[at].sink.orders) {
                self.order(order);
            }
        }
    }

    /// So many bytes of a snapshot were written.
    pub(super) fn snapshot_written(&mut self, file: FileId, bytes: u64) {
        if let Some(job) = self.persistence.jobs.iter_mut().find(|job| job.sink.file == file) {
            job.sink.written(bytes);
        }
    }

    fn take_job(&mut self, file: FileId) -> Option<Job> {
        let at = self.persistence.jobs.iter().position(|job| job.sink.file == file)?;
        let mut job = self.persistence.jobs.remove(at);
        if let Some(mut producer) = job.producer.take() {
            producer.end(&mut self.keyspace.dbs);
        }
        Some(job)
    }

    /// A snapshot is complete and on the disk; whether the file was one.
    pub(super) fn snapshot_finished(&mut self, file: FileId) -> bool {
        let Some(job) = self.take_job(file) else { return false };
        let took_ms = self.clock.unix_ms - job.started_ms;
        match job.purpose {
            Purpose::Save => {
                self.keyspace.dirty = self.keyspace.dirty.saturating_sub(job.dirty);
                let last = &mut self.persistence.last;
                last.saved_ms = self.clock.unix_ms;
                last.took_ms = Some(took_ms);
                last.count += 1;
                last.error.clear();
                let (keys, bytes) = (job.keys.0, job.sink.bytes);
                self.log(
                    Level::Notice,
                    format!("DB saved on disk: {keys} keys, {bytes} bytes in {took_ms} ms"),
                );
            }
            Purpose::LogBase => self.base_finished(&job, took_ms),
        }
        self.answer_waiters(job.waiters, "");
        true
    }

    /// A snapshot could not be written; whether the file was one.
    pub(super) fn snapshot_failed(&mut self, file: FileId, error: &str) -> bool {
        let Some(job) = self.take_job(file) else { return false };
        match job.purpose {
            Purpose::Save => {
                error.clone_into(&mut self.persistence.last.error);
                self.persistence.last.tried_ms = self.clock.unix_ms;
                self.log(Level::Warning, format!("Background saving error: {error}"));
            }
            Purpose::LogBase => self.base_failed(error),
        }
        self.answer_waiters(job.waiters, error);
        true
    }

    /// Calls a snapshot off; whether one was under way.
    pub(crate) fn cancel_job(&mut self, purpose: Purpose) -> bool {
        let Some(file) = self.persistence.job(purpose).map(|job| job.sink.file) else { return false };
        let Some(job) = self.take_job(file) else { return false };
        self.order(DiskOrder::Discard { file });
        self.answer_waiters(job.waiters, "the snapshot was called off");
        true
    }

    pub(super) fn answer_waiters(&mut self, waiters: impl IntoIterator<Item = Waiter>, error: &str) {
        for waiter in waiters {
            match waiter {
                Waiter::Client(ticket) if error.is_empty() => self.control_reply(ticket, b"+OK\r\n"),
                Waiter::Client(ticket) => {
                    self.control_reply(ticket, format!("-ERR {error}\r\n").as_bytes());
                }
                Waiter::Control(ticket) => {
                    self.effects.events.push(Event::Persisted { ticket, error: error.into() });
                }
            }
        }
    }

    /// Begins a snapshot if a rule of `save` says so.
    pub(super) fn save_by_the_rules(&mut self) {
        if self.persistence.job(Purpose::Save).is_some() {
            return;
        }
        let (now_ms, last) = (self.clock.unix_ms, &self.persistence.last);
        if !last.error.is_empty() && now_ms - last.tried_ms < RETRY_AFTER_FAILURE_MS {
            return;
        }
        if self.check_saved().is_err() {
            self.log(Level::Notice, "The last snapshot has failed. Saving again...");
            return self.start_save(None);
        }
        let due = |point: &&SavePoint| {
            let since_ms = now_ms - last.saved_ms;
            self.keyspace.dirty >= point.changes && since_ms > point.seconds as i64 * 1000
        };
        let Some(SavePoint { seconds, changes }) = self.settings.save.0.iter().find(due).copied() else {
            return;
        };
        self.log(Level::Notice, format!("{changes} changes in {seconds} seconds. Saving..."));
        self.start_save(None);
    }

    /// Whether a failed snapshot forbids writes.
    #[inline]
    pub(crate) fn check_saved(&self) -> Result<(), Failure> {
        let is_refused = !self.persistence.last.error.is_empty()
            && self.settings.stop_writes_on_bgsave_error
            && !self.settings.save.0.is_empty();
        if is_refused {
            return Err(REFUSED_AFTER_FAILURE);
        }
        Ok(())
    }
}
