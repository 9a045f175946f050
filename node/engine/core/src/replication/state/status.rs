//! What this node knows of its data and its role, for the control plane.
//!
//! The engine stores it at the end of each turn; the control plane reads it for every heartbeat. It is stored and
//! read whole, so that an offset always belongs to the history beside it.

use crate::base::clock::BootMs;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::history::StreamId;

/// Role, progress, and the lineage of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether this node is a replica.
    pub is_replica: bool,
    /// Offset of the stream: written by a primary, applied by a replica.
    pub offset: u64,
    /// Whether the link to the primary is up and in sync; true for a primary.
    pub link_up: bool,
    /// When the stream's last bytes came, of this primary or of one before it, in milliseconds of the boot clock;
    /// 0: never.
    pub last_io_boot_ms: BootMs,
    /// Replicas that are connected and in sync.
    pub replicas: u64,
    /// Replicas that have not acknowledged for `min-replicas-max-lag`.
    pub lagging: u64,
    /// The number of the control plane's last order to follow or to be a primary; 0: none was given.
    pub order: u64,
    /// The order under which the data became what it is: that of the last complete sync, or to be a primary.
    pub data_order: u64,
    /// The identity of the data's history.
    pub history: StreamId,
    /// The identity that the history had before, up to `parted_at`.
    pub previous: StreamId,
    /// The offset where the two part; none without a previous identity.
    pub parted_at: Option<u64>,
    /// Whether the control plane's pause holds writes, so that `offset` stands still.
    pub writes_paused: bool,
}

impl Default for Status {
    fn default() -> Self {
        Status {
            is_replica: false,
            offset: 0,
            link_up: true,
            last_io_boot_ms: BootMs::ZERO,
            replicas: 0,
            lagging: 0,
            order: 0,
            data_order: 0,
            history: StreamId::NONE,
            previous: StreamId::NONE,
            parted_at: None,
            writes_paused: false,
        }
    }
}

/// The status as the engine shares it.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Status>);

impl Shared {
    /// Stores a new status; false where a reader has it just now, who must not hold up the data plane.
    pub fn write(&self, status: &Status) -> bool {
        match self.0.try_lock() {
            Ok(mut shared) => *shared = *status,
            Err(TryLockError::Poisoned(shared)) => *shared.into_inner() = *status,
            Err(TryLockError::WouldBlock) => return false,
        }
        true
    }

    /// The status now.
    pub fn read(&self) -> Status {
        let shared: MutexGuard<'_, Status> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *shared
    }
}
