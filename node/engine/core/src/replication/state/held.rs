//! The stream that comes while a snapshot is still on its way, until it can be applied.

use super::backlog::Stream;

/// Bytes of the stream that were received and not applied.
#[derive(Debug, Default)]
pub struct Held {
    stream: Stream,
    read_up_to: u64,
    /// The connection is over, and why; what is held is still applied.
    pub closed: Option<String>,
}

impl Held {
    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        self.stream.end() - self.read_up_to
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes have come.
    pub fn append(&mut self, bytes: &[u8]) {
        self.stream.append(bytes);
    }

    /// The next bytes, as far as they lie together.
    pub fn next(&self) -> &[u8] {
        self.stream.slice_from(self.read_up_to)
    }

    /// So many of the next bytes were applied.
    pub fn applied(&mut self, bytes: usize) {
        self.read_up_to += bytes as u64;
        self.stream.release_before(self.read_up_to);
    }
}
