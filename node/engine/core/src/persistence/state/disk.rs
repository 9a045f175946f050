//! What the engine asks of the disk, and what comes back.
//!
//! The core opens no file. It gives *orders*, which a thread of the outside carries out one after the other, and
//! hears of each what became of it. Names are relative to the node's folder (`dir`).
//!
//! INVARIANTS. After the first failure of a file all its later orders are skipped: nothing is written behind a hole,
//! and one report says what went wrong. A file has its final name only when all of it, and its name, are on the disk.

/// Names a file that is being written. Numbers are never used again.
pub type FileId = u64;

/// Something to be done on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskOrder {
    /// Create a file, in place of one of this name.
    Create {
        /// Its number from now on.
        file: FileId,
        /// Its name for the time being.
        name: String,
        /// How many bytes are written between two syncs; 0: it is synced at its end only.
        sync_every_bytes: u64,
    },
    /// Append bytes; [`DiskReport::Written`] answers.
    Write {
        /// The file.
        file: FileId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Sync the file, give it its final name and sync the folder; [`DiskReport::Finished`] answers.
    Finish {
        /// The file.
        file: FileId,
        /// Its name from now on.
        name: String,
    },
    /// Close the file and remove it.
    Discard {
        /// The file.
        file: FileId,
    },
    /// Write a small file whole, under its final name when all of it is synced; [`DiskReport::Finished`] answers.
    Replace {
        /// The number of the order.
        file: FileId,
        /// Its name.
        name: String,
        /// All its bytes.
        bytes: Vec<u8>,
    },
    /// Open a file of the log, and create it with its folder if it is not there, synced with its name;
    /// [`DiskReport::Finished`] answers. It waits for [`DiskOrder::SwitchLog`].
    OpenLog {
        /// The number of the order.
        file: FileId,
        /// Its name.
        name: String,
        /// Its length: what stands behind is cut off. A new file has 0 bytes.
        bytes: u64,
    },
    /// From now on the log is written to this file.
    SwitchLog {
        /// The number of the order that opened it.
        file: FileId,
    },
    /// Close a file of the log that was opened and is not wanted.
    ForgetLog {
        /// The number of the order that opened it.
        file: FileId,
    },
    /// Close the log.
    CloseLog,
    /// Sync the log; [`DiskReport::Synced`] answers.
    SyncLog {
        /// The number of the order.
        file: FileId,
    },
    /// Remove files, if they are there. A failure is logged by the outside, and nothing else.
    Remove {
        /// Their names.
        names: Vec<String>,
    },
}

impl DiskOrder {
    /// The file that it is about, or its own number; nothing if no report answers it.
    pub fn file(&self) -> Option<FileId> {
        match self {
            DiskOrder::Create { file, .. }
            | DiskOrder::Write { file, .. }
            | DiskOrder::Finish { file, .. }
            | DiskOrder::Discard { file }
            | DiskOrder::Replace { file, .. }
            | DiskOrder::OpenLog { file, .. }
            | DiskOrder::SyncLog { file } => Some(*file),
            DiskOrder::SwitchLog { .. }
            | DiskOrder::ForgetLog { .. }
            | DiskOrder::CloseLog
            | DiskOrder::Remove { .. } => None,
        }
    }
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskReport {
    /// So many bytes of a file were written.
    Written {
        /// The file.
        file: FileId,
        /// How many.
        bytes: u64,
    },
    /// The file has its final name, and all of it is on the disk.
    Finished {
        /// The file.
        file: FileId,
    },
    /// All that was in the log when this sync was asked for is on the disk.
    Synced {
        /// The number of the order.
        file: FileId,
    },
    /// An order of this file has failed; it is closed, and removed if it had its final name not yet.
    Failed {
        /// The file.
        file: FileId,
        /// What failed and why, with the file's name.
        error: String,
    },
}
