//! What is remembered of a data set that is being read; how it is read is in [`crate::persistence::load`].

use std::collections::VecDeque;

use super::start::PartName;
use crate::base::clock::BootMs;
use crate::formats::aof::{AofError, AofReader, Manifest};
use crate::replication::state::applier::Applier;
use crate::snapshot::loader::Loader;

/// A data set that is read from files when the node starts.
pub struct Loading {
    /// Bytes of all files.
    pub bytes_total: u64,
    /// Bytes read so far.
    pub bytes: u64,
    /// When it began, in Unix milliseconds.
    pub since_ms: i64,
    /// What is being read.
    pub part: Option<Part>,
    /// The present file and those to come.
    pub parts: VecDeque<PartName>,
    /// The manifest by which they are read.
    pub manifest: Option<Manifest>,
    /// When progress was last logged.
    pub logged_boot_ms: BootMs,
    /// How many bytes of the last file count.
    pub last_bytes: u64,
    /// Bytes of the files before it.
    pub closed_bytes: u64,
    /// All was read: what is awaited is the log, or the control plane.
    pub is_read: bool,
    /// The control plane knows that the data is there.
    pub is_told: bool,
}

impl Loading {
    /// All was read, and the start waits for a log that is whole and open.
    pub(in crate::persistence) fn waits_for_log(&self) -> bool {
        self.is_read && !self.is_told
    }
}

/// What is being read of a file.
pub enum Part {
    /// A snapshot.
    Snapshot(Box<Loader>),
    /// Commands.
    Commands(Box<Replay>),
    /// A snapshot that has become the data, up to this offset.
    SnapshotEnd(u64),
}

/// Carries out the commands of a file.
pub struct Replay {
    pub(in crate::persistence) reader: AofReader,
    pub(in crate::persistence) applier: Applier,
    /// The SELECT at the beginning of an increment, which is not part of the stream if a position follows.
    pub(in crate::persistence) head: Option<Vec<u8>>,
    pub(in crate::persistence) is_at_start: bool,
    /// What makes no sense, and where; then the rest is looked through for what does.
    pub(in crate::persistence) damage: Option<AofError>,
}
