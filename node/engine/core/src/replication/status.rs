//! What other threads may know of replication, cheaply and at any time: a handful of atomics.
//!
//! The engine stores them at the end of each turn; the control plane reads them for every heartbeat.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Role and progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether this node is a replica.
    pub is_replica: bool,
    /// Offset of the stream: written by a primary, applied by a replica.
    pub offset: u64,
    /// Whether the link to the primary is up and in sync; true for a primary.
    pub link_up: bool,
    /// When the primary's last byte came, in milliseconds of the boot clock; 0: never.
    pub last_io_boot_ms: i64,
    /// Replicas that are connected and in sync.
    pub replicas: u64,
    /// Replicas that have not acknowledged for `min-replicas-max-lag`.
    pub lagging: u64,
}

/// The status as the engine shares it. Fields are read one by one: each is true, their moment may differ.
#[derive(Debug, Default)]
pub struct Shared {
    is_replica: AtomicBool,
    offset: AtomicU64,
    link_up: AtomicBool,
    last_io_boot_ms: AtomicI64,
    replicas: AtomicU64,
    lagging: AtomicU64,
}

impl Shared {
    /// Stores a new status.
    pub fn write(&self, status: &Status) {
        self.is_replica.store(status.is_replica, Ordering::Relaxed);
        self.offset.store(status.offset, Ordering::Relaxed);
        self.link_up.store(status.link_up, Ordering::Relaxed);
        self.last_io_boot_ms.store(status.last_io_boot_ms, Ordering::Relaxed);
        self.replicas.store(status.replicas, Ordering::Relaxed);
        self.lagging.store(status.lagging, Ordering::Relaxed);
    }

    /// The status now.
    pub fn read(&self) -> Status {
        Status {
            is_replica: self.is_replica.load(Ordering::Relaxed),
            offset: self.offset.load(Ordering::Relaxed),
            link_up: self.link_up.load(Ordering::Relaxed),
            last_io_boot_ms: self.last_io_boot_ms.load(Ordering::Relaxed),
            replicas: self.replicas.load(Ordering::Relaxed),
            lagging: self.lagging.load(Ordering::Relaxed),
        }
    }
}
