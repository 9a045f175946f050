//! The buffers of the reactor: one shared arena for reading, and a pool of reply buffers.

/// Bytes of the arena that one turn's reads share.
pub const READ_ARENA_BYTES: usize = 256 * 1024;
/// Least space of the arena that one read is given.
pub const READ_BYTES_MIN: usize = 16 * 1024;
/// Capacity of a fresh reply buffer.
const REPLY_BUFFER_BYTES: usize = 16 * 1024;
/// A reply buffer that has grown beyond this is freed rather than kept.
const REPLY_BUFFER_KEPT_BYTES_MAX: usize = 64 * 1024;
/// Most reply buffers that the pool keeps.
const REPLY_BUFFERS_MAX: usize = 256;

/// Empty reply buffers, ready to be lent.
#[derive(Default)]
pub struct ReplyBuffers {
    free: Vec<Vec<u8>>,
}

impl ReplyBuffers {
    /// Gives `out` a buffer when it has none.
    #[inline]
    pub fn lend(&mut self, out: &mut Vec<u8>) {
        if out.capacity() == 0 {
            *out = self.free.pop().unwrap_or_else(|| Vec::with_capacity(REPLY_BUFFER_BYTES));
        }
    }

    /// Takes back the buffer of `out`, whose bytes have all been sent.
    #[inline]
    pub fn take_back(&mut self, out: &mut Vec<u8>) {
        let mut buffer = std::mem::take(out);
        if buffer.capacity() <= REPLY_BUFFER_KEPT_BYTES_MAX && self.free.len() < REPLY_BUFFERS_MAX {
            buffer.clear();
            self.free.push(buffer);
        }
    }
}
