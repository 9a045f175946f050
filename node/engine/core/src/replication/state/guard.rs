//! What is remembered of the primary, so that an empty one does not wipe this node; see `replication/younger.rs`.

use super::history::StreamId;

/// What this node remembers of the primary that it was told to follow.
#[derive(Debug, Default)]
pub struct Guard {
    /// Whether it was in sync with it since.
    pub was_in_sync: bool,
    /// The history that it refuses.
    pub refused: Option<Refused>,
}

/// A history that was refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Its identity.
    pub id: StreamId,
    /// Its offset when it was offered first.
    pub offset: u64,
    /// The keys that its snapshot had.
    pub keys: u64,
}
