//! A snapshot on its way to replicas.

use super::backlog::Stream;
use crate::snapshot::producer::{SnapshotSink, SINK_WAITING_BYTES_MAX};

/// A snapshot kept in memory until its readers have read it.
#[derive(Debug, Default)]
pub struct SharedSink {
    /// Its bytes.
    pub stream: Stream,
    /// The place of the slowest reader.
    pub read_up_to: u64,
    /// Largest size, for a snapshot that must be complete before it can be sent; none for one that is
    /// read while it is produced.
    pub bytes_max: Option<u64>,
}

impl SnapshotSink for SharedSink {
    fn has_room(&self) -> bool {
        self.bytes_max.is_some() || self.stream.end() - self.read_up_to < SINK_WAITING_BYTES_MAX
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.bytes_max.is_some_and(|max| self.stream.end() + bytes.len() as u64 > max) {
            return Err(format!(
                "the data set takes more than {} bytes as a snapshot of known length, which this replica needs because \
                 it does not announce the capability 'eof'",
                self.bytes_max.unwrap_or_default()
            ));
        }
        self.stream.append(bytes);
        Ok(())
    }
}
