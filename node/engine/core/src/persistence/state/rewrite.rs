//! What is remembered of rewrites; what is done with it is in [`crate::persistence::rewrite`].

use super::disk::FileId;
use crate::base::clock::BootMs;
use crate::formats::aof::Part;

/// How far a rewrite is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::persistence) enum Step {
    Opening(FileId),
    Listing(FileId),
    Writing,
    Settling(FileId),
}

/// A rewrite under way.
#[derive(Debug)]
pub struct Rewrite {
    pub(in crate::persistence) step: Step,
    /// The number of the order that opens its increment.
    pub(in crate::persistence) opened: FileId,
    /// The increment that begins with it.
    pub(in crate::persistence) increment: Part,
    /// Whether the former files do not belong to the data: the log begins anew.
    pub(in crate::persistence) is_anew: bool,
    /// What stands at the beginning of the increment: the database, and the place in the history.
    pub(in crate::persistence) head: Vec<u8>,
    /// The offset at which it begins, once that is known.
    pub(in crate::persistence) cut: Option<u64>,
    /// Bytes of the new base, once it is on the disk.
    pub(in crate::persistence) base_bytes: Option<u64>,
    /// When it began, in Unix milliseconds.
    pub started_ms: i64,
}

/// Settings that switch the log on: they are taken when its first file is open, and refused when it cannot be.
#[derive(Debug)]
pub struct SwitchOn {
    /// The ticket they came under.
    pub ticket: u64,
    /// Directives with their new values.
    pub changes: Vec<(String, Vec<u8>)>,
}

/// What is known of the rewrites so far.
#[derive(Debug, Default)]
pub struct Rewrites {
    /// How many have succeeded.
    pub count: u64,
    /// How long the last one took, in milliseconds.
    pub took_ms: Option<i64>,
    /// Why the last one failed; empty if it did not.
    pub error: String,
    /// How many have failed in a row.
    pub failures: u32,
    pub(in crate::persistence) rest_until_ms: BootMs,
}
