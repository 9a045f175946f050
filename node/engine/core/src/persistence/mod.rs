//! A node's files: snapshots, the append-only file, and what a start reads.
//!
//! ```text
//! keyspace -> Producer -> FileSink -> orders -> (a thread of the outside) -> reports
//! stream   -> cursor of the log -> Engine::log_output -> (written within the turn, synced by the thread)
//! files    -> (read by a thread) -> Engine::load_bytes -> Loader, LogReplay -> keyspace
//! ```
//!
//! - [`state`]: what is remembered, the border to the disk ([`state::disk`]), and the rules by which a start decides what
//!   is read ([`state::start`]).
//! - [`save`]: SAVE, BGSAVE, the rules of `save`, and what a failed one forbids.
//! - [`log`]: the append-only file: when it is written and synced, and what waits for that.
//! - [`rewrite`]: its new base; switching it on and off.
//! - [`load`]: reading the files of a start.
//! - [`commands`]: what clients ask.
//!
//! The log *is* the replication stream: the same bytes, written once. So a position in the log is an offset of a
//! history, and a node that has read its files knows which part of which history it has.

pub mod commands;
pub mod load;
pub mod log;
pub mod rewrite;
pub mod save;
pub mod state;
#[cfg(test)]
mod tests;

use self::state::disk::{DiskOrder, DiskReport};
use self::state::Purpose;
use crate::engine::effects::Action;
use crate::engine::Engine;

impl Engine {
    /// Asks the outside to do something on the disk.
    pub(crate) fn order(&mut self, order: DiskOrder) {
        self.effects.actions.push(Action::Disk(order));
    }

    /// What became of an order.
    pub fn disk_report(&mut self, report: DiskReport) {
        if self.scripting.running.is_some() {
            // A log may be cut by it, and a picture of the data begin: not in the middle of a script.
            self.persistence.reports.push(report);
            return;
        }
        match report {
            DiskReport::Written { file, bytes } => self.snapshot_written(file, bytes),
            DiskReport::Finished { file } => {
                if !self.snapshot_finished(file) {
                    self.log_order_done(file);
                }
            }
            DiskReport::Synced { file } => self.log_synced(file),
            DiskReport::Failed { file, error } => {
                if !self.snapshot_failed(file, &error) {
                    self.log_order_failed(file, &error);
                }
            }
        }
    }

    /// Work at the end of a turn.
    pub(crate) fn persistence_turn(&mut self) {
        if self.scripting.running.is_none() {
            for report in std::mem::take(&mut self.persistence.reports) {
                self.disk_report(report);
            }
        }
        if self.scripting.running.is_none()
            && std::mem::take(&mut self.persistence.last.is_scheduled)
            && self.persistence.job(Purpose::Save).is_none()
        {
            self.start_save(None);
        }
        self.log_turn();
    }

    /// Work done about ten times a second.
    pub(crate) fn persistence_tick(&mut self) {
        self.save_by_the_rules();
        self.log_tick();
    }

    /// Whether a snapshot into a file can go on at once, so that the next turn should not wait for events.
    pub fn persistence_wants_turn(&self) -> bool {
        use crate::snapshot::producer::SnapshotSink;
        self.persistence.jobs.iter().any(|job| job.producer.is_some() && job.sink.has_room())
    }
}
