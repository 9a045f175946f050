//! What a node remembers of its files: the snapshot under way, the last one, the log, what is being loaded.

pub mod disk;
pub mod loading;
pub mod log;
pub mod portions;
pub mod rewrite;
pub mod start;

use disk::{DiskOrder, DiskReport, FileId};
use loading::Loading;
use log::Log;

use crate::snapshot::producer::{Producer, SnapshotSink};

/// Bytes that are handed to the disk at once.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes on their way to the disk at which a snapshot waits.
pub const IN_FLIGHT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// So long after a failure a snapshot is tried again, in milliseconds.
pub const RETRY_AFTER_FAILURE_MS: i64 = 3_000;

/// What a snapshot is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The file of `dbfilename`.
    Save,
    /// The base of the append-only file.
    LogBase,
}

/// A snapshot on its way to a file.
pub struct Job {
    /// What for.
    pub purpose: Purpose,
    /// Its walk; nothing once all of it was handed to the disk.
    pub producer: Option<Producer>,
    /// Where it goes.
    pub sink: FileSink,
    /// Changes of the data set up to its start.
    pub dirty: u64,
    /// When it began, in Unix milliseconds.
    pub started_ms: i64,
    /// Keys in it, once it is complete.
    pub keys: (u64, u64),
    /// Who is answered when it has ended.
    pub waiters: Vec<Waiter>,
}

/// Who waits for the end of a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    /// A client that gave SAVE, under this ticket of the waiting room.
    Client(u64),
    /// The control plane, under its ticket.
    Control(u64),
}

/// Takes a snapshot and makes orders for the disk of it.
pub struct FileSink {
    /// The file.
    pub file: FileId,
    gathered: Vec<u8>,
    in_flight: u64,
    /// Bytes taken in all.
    pub bytes: u64,
    /// Orders to be given.
    pub orders: Vec<DiskOrder>,
}

impl FileSink {
    /// A sink into a file of this number.
    pub fn new(file: FileId) -> Self {
        FileSink { file, gathered: Vec::new(), in_flight: 0, bytes: 0, orders: Vec::new() }
    }

    /// So many bytes were written.
    pub fn written(&mut self, bytes: u64) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// Hands over what was gathered.
    pub fn hand_over(&mut self) {
        if !self.gathered.is_empty() {
            let bytes = std::mem::replace(&mut self.gathered, Vec::with_capacity(CHUNK_BYTES));
            self.in_flight += bytes.len() as u64;
            self.orders.push(DiskOrder::Write { file: self.file, bytes });
        }
    }
}

impl SnapshotSink for FileSink {
    fn has_room(&self) -> bool {
        self.in_flight < IN_FLIGHT_BYTES_MAX
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.bytes += bytes.len() as u64;
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= CHUNK_BYTES {
            self.hand_over();
        }
        Ok(())
    }
}

/// What is known of the last snapshot, and of when the next is due.
#[derive(Debug, Default)]
pub struct LastSave {
    /// When the last one was complete, in Unix milliseconds; the start counts as one.
    pub saved_ms: i64,
    /// When the last one was begun, or has failed, in Unix milliseconds.
    pub tried_ms: i64,
    /// Why the last one failed; empty if it did not.
    pub error: String,
    /// How long the last one took, in milliseconds.
    pub took_ms: Option<i64>,
    /// How many were completed.
    pub count: u64,
    /// Whether one is to be begun when the present turn ends (BGSAVE in a transaction, or SCHEDULE).
    pub is_scheduled: bool,
}

/// What was loaded at the start.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Whether there were files.
    pub found: bool,
    /// The shard of a cluster whose data it is, as the files say.
    pub shard: String,
    /// Keys loaded.
    pub keys: u64,
    /// Keys that were past their time.
    pub expired: u64,
}

/// A node's files.
pub struct Persistence {
    /// What came of orders while a script was suspended.
    pub(in crate::persistence) reports: Vec<DiskReport>,
    /// Snapshots under way, at most one for each purpose.
    pub jobs: Vec<Job>,
    /// The last snapshot.
    pub last: LastSave,
    /// The append-only file.
    pub log: Log,
    /// The data set that is being read; commands get LOADING meanwhile.
    pub loading: Option<Box<Loading>>,
    /// What was read at the start.
    pub loaded: Loaded,
    /// Why the start cannot go on; empty if it can.
    pub(in crate::persistence) start_error: String,
    last_file: FileId,
}

impl Persistence {
    /// Nothing under way, at this Unix time in milliseconds.
    pub fn new(now_ms: i64) -> Self {
        Persistence {
            reports: Vec::new(),
            jobs: Vec::new(),
            last: LastSave { saved_ms: now_ms, ..LastSave::default() },
            log: Log::default(),
            loading: None,
            loaded: Loaded::default(),
            start_error: String::new(),
            last_file: 0,
        }
    }

    /// A number for a file or an order.
    pub fn next_file(&mut self) -> FileId {
        self.last_file += 1;
        self.last_file
    }

    /// The snapshot under way for a purpose.
    pub fn job(&self, purpose: Purpose) -> Option<&Job> {
        self.jobs.iter().find(|job| job.purpose == purpose)
    }

    /// Two databases have exchanged their contents (SWAPDB): snapshots under way go on with the contents.
    pub fn databases_swapped(&mut self, a: usize, b: usize) {
        for job in &mut self.jobs {
            if let Some(producer) = &mut job.producer {
                producer.databases_swapped(a, b);
            }
        }
    }
}
