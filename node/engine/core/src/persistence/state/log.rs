//! What is remembered of the append-only file; what is done with it is in [`crate::persistence::log`].

use std::collections::VecDeque;

use super::disk::FileId;
use super::rewrite::{Rewrite, Rewrites, SwitchOn};
use super::Waiter;
use crate::base::clock::BootMs;
use crate::clients::session::SessionKey;
use crate::formats::aof::{Manifest, Part};
use crate::settings::SyncPolicy;

/// A line between the bytes of the stream.
#[derive(Debug)]
pub(in crate::persistence) struct Mark {
    /// The offset before which it stands.
    pub(in crate::persistence) offset: u64,
    pub(in crate::persistence) bytes: Vec<u8>,
}

/// A sync under way.
#[derive(Clone, Copy, Debug)]
pub(in crate::persistence) struct Sync {
    pub(in crate::persistence) order: FileId,
    /// What is on the disk when it succeeds: offset of the stream, bytes of the file, marks.
    pub(in crate::persistence) offset: u64,
    pub(in crate::persistence) bytes: u64,
    pub(in crate::persistence) marks: usize,
    pub(in crate::persistence) since_ms: BootMs,
    pub(in crate::persistence) is_late: bool,
}

/// Where a file of the log that is written to stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The offset of the stream.
    pub offset: u64,
    /// The bytes of the file.
    pub bytes: u64,
}

/// The log's state.
#[derive(Debug, Default)]
pub struct Log {
    /// Whether the stream is written to a file.
    pub is_open: bool,
    /// Whether a start would find all acknowledged data: the manifest names a base and what follows.
    pub is_whole: bool,
    /// What the manifest says that was last given to the disk.
    pub manifest: Manifest,
    /// The file that is written to.
    pub(in crate::persistence) file: Option<Part>,
    /// Up to where the stream was written.
    pub written: Place,
    /// Up to where it is on the disk.
    pub synced: Place,
    /// No byte from this offset on goes into the present file.
    pub(in crate::persistence) cut: Option<u64>,
    pub(in crate::persistence) marks: VecDeque<Mark>,
    /// How many marks of the list are written, and how much of the next one is.
    pub(in crate::persistence) marks_written: usize,
    pub(in crate::persistence) mark_bytes: usize,
    pub(in crate::persistence) sync: Option<Sync>,
    /// When the last sync began.
    pub(in crate::persistence) sync_ms: BootMs,
    /// A sync of what stands before this offset is wanted, whatever the policy says.
    pub(in crate::persistence) sync_wanted: u64,
    /// Where the stream ended when the last turn did.
    pub(in crate::persistence) turn_end: u64,
    /// The second of the last timestamp.
    pub(in crate::persistence) stamped_s: i64,
    /// What failed, while it has not worked again; empty if nothing did.
    pub error: String,
    /// Nothing is tried before `retry_ms`.
    pub(in crate::persistence) is_resting: bool,
    /// Only a sync that succeeds ends the error.
    pub(in crate::persistence) needs_sync: bool,
    pub(in crate::persistence) retry_ms: BootMs,
    /// The file is to be cut at `synced` and written again from there; the order under way.
    pub(in crate::persistence) repair: Option<Option<FileId>>,
    /// Sessions whose replies wait for a sync.
    pub(in crate::persistence) withheld: Vec<SessionKey>,
    /// Who is told when all that was written before is on the disk, with the offset.
    pub(in crate::persistence) waiters: Vec<(u64, Waiter)>,
    /// Bytes of the base and of the increments that are complete.
    pub closed_bytes: u64,
    /// Bytes of all files when the log was last rewritten, or at the start.
    pub base_bytes: u64,
    /// A sync has failed, and what it may have lost is no longer in memory: the error ends when a new log is whole.
    pub(in crate::persistence) is_lost: bool,
    /// The order under which the last increment is opened at the start.
    pub(in crate::persistence) reopening: Option<FileId>,
    /// What waits for the first file of the log to be open.
    pub(in crate::persistence) switching_on: Option<SwitchOn>,
    /// The rewrite under way.
    pub rewrite: Option<Rewrite>,
    /// What is known of rewrites: see [`crate::persistence::rewrite`].
    pub rewrites: Rewrites,
    /// Syncs that were late.
    pub delayed_syncs: u64,
}

impl Log {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.closed_bytes + self.written.bytes
    }

    /// Replies that tell of what stands before this offset may leave.
    #[inline]
    pub fn released(&self) -> u64 {
        match (self.is_lost, self.is_open) {
            (true, _) => 0,
            (false, true) => self.synced.offset,
            // Nobody promises the disk any longer.
            (false, false) => u64::MAX,
        }
    }

    /// The oldest offset that is still to be read from the stream.
    pub fn needs_from(&self, policy: SyncPolicy) -> u64 {
        let is_sync_expected = self.sync.is_some() || self.sync_wanted > self.synced.offset;
        match self.is_open {
            true if policy == SyncPolicy::No && !is_sync_expected => self.written.offset,
            true => self.synced.offset,
            false => u64::MAX,
        }
    }

    /// A line is to stand at an offset.
    pub(in crate::persistence) fn mark(&mut self, offset: u64, bytes: Vec<u8>) {
        self.marks.push_back(Mark { offset, bytes });
    }

    /// The file is a new one, which begins at an offset with these lines.
    pub(in crate::persistence) fn begin_file(&mut self, offset: u64, head: Vec<u8>, bytes: u64) {
        self.marks.clear();
        (self.marks_written, self.mark_bytes) = (0, 0);
        if !head.is_empty() {
            self.mark(offset, head);
        }
        self.written = Place { offset, bytes };
        self.synced = self.written;
        self.sync_wanted = self.waiters.iter().map(|(offset, _)| *offset).max().unwrap_or(0);
        self.cut = None;
        self.sync = None;
        self.repair = None;
        self.turn_end = self.turn_end.max(offset);
    }

    /// Whether a sync is under way.
    pub fn is_syncing(&self) -> bool {
        self.sync.is_some()
    }

    /// Somebody waits for a sync of what stands before this offset.
    pub(in crate::persistence) fn want_sync(&mut self, offset: u64) {
        self.sync_wanted = self.sync_wanted.max(offset);
    }

    /// Whether everything up to the cut is on the disk.
    pub(in crate::persistence) fn is_drained(&self) -> bool {
        self.cut.is_some_and(|cut| self.synced.offset >= cut) && self.sync.is_none() && self.error.is_empty()
    }
}
