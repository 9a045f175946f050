//! The replication stream as bytes: one sequence, shared by the backlog and by all replicas.
//!
//! The stream is written once, into blocks of [`BLOCK_BYTES`]. The backlog is the right to read from an
//! earlier offset; a replica is a cursor. Nobody owns a copy: a hundred replicas cost a hundred cursors, and
//! a slow one costs the blocks that it has not read yet. What nobody needs any more is dropped block by block.
//!
//! INVARIANTS. Every block but the last is full, so the block of an offset is found by a division. Offsets
//! count the bytes before a position; Redis's PSYNC counts from one, which is translated at the border.

use std::collections::VecDeque;

/// Size of a block, and so the granularity at which memory is taken and given back.
pub const BLOCK_BYTES: usize = 16 * 1024;

/// The bytes of a stream that are still needed.
#[derive(Debug, Default)]
pub struct Stream {
    blocks: VecDeque<Vec<u8>>,
    /// Offset of the first byte kept.
    start: u64,
    /// Offset of the next byte to be written.
    end: u64,
    /// How often it has begun anew.
    number: u64,
    /// An emptied block, kept for the next one: a steady stream allocates nothing.
    spare: Option<Vec<u8>>,
}

impl Stream {
    /// An empty stream whose next byte has this offset.
    pub fn starting_at(offset: u64) -> Self {
        Stream { start: offset, end: offset, ..Stream::default() }
    }

    /// Offset of the oldest byte that can be read.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Offset of the next byte to be written: how many bytes the stream has had.
    #[inline]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether reading may start at this offset.
    pub fn holds(&self, offset: u64) -> bool {
        (self.start..=self.end).contains(&offset)
    }

    /// Bytes allocated.
    pub fn memory_bytes(&self) -> usize {
        (self.blocks.len() + usize::from(self.spare.is_some())) * BLOCK_BYTES
    }

    /// How often it has begun anew: offsets of before are of other bytes.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Forgets everything; the next byte has this offset.
    pub fn restart_at(&mut self, offset: u64) {
        self.number += 1;
        self.blocks.clear();
        self.spare = None;
        self.start = offset;
        self.end = offset;
    }

    /// Appends bytes.
    pub fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let block = match self.blocks.back_mut() {
                Some(block) if block.len() < BLOCK_BYTES => block,
                _ => {
                    let fresh = self.spare.take().unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES));
                    self.blocks.push_back(fresh);
                    continue;
                }
            };
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(now);
            self.end += now.len() as u64;
            bytes = later;
        }
    }

    /// Appends what `write` puts behind the last bytes, at most `bytes_max`; false, and nothing is done, where a new
    /// block would have to be begun for that many.
    #[inline]
    pub fn append_with(&mut self, bytes_max: usize, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(block) = self.blocks.back_mut().filter(|block| block.len() + bytes_max <= BLOCK_BYTES)
        else {
            return false;
        };
        let before = block.len();
        write(block);
        debug_assert!(block.len() <= before + bytes_max);
        self.end += (block.len() - before) as u64;
        true
    }

    /// The bytes from an offset on, as far as they lie together; empty at the end, and for what is gone.
    #[inline]
    pub fn slice_from(&self, offset: u64) -> &[u8] {
        let Some(distance) = offset.checked_sub(self.start) else { return &[] };
        let (block, within) = (distance as usize / BLOCK_BYTES, distance as usize % BLOCK_BYTES);
        self.blocks.get(block).and_then(|block| block.get(within..)).unwrap_or_default()
    }

    /// Drops blocks all of whose bytes lie before an offset.
    pub fn release_before(&mut self, offset: u64) {
        while self.start + (BLOCK_BYTES as u64) <= offset.min(self.end) {
            let Some(mut block) = self.blocks.pop_front() else { return };
            self.start += block.len() as u64;
            block.clear();
            self.spare = Some(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(stream: &Stream, mut from: u64) -> Vec<u8> {
        let mut read = Vec::new();
        loop {
            let slice = stream.slice_from(from);
            if slice.is_empty() {
                return read;
            }
            read.extend_from_slice(slice);
            from += slice.len() as u64;
        }
    }

    #[test]
    fn what_is_gone_is_not_read() {
        let mut stream = Stream::starting_at(100);
        assert!(stream.holds(100) && !stream.holds(99) && !stream.holds(101));
        stream.append(&[1; BLOCK_BYTES + 1]);
        stream.release_before(100 + BLOCK_BYTES as u64 - 1);
        assert_eq!(stream.start(), 100);
        stream.release_before(u64::MAX);
        assert_eq!(stream.start(), 100 + BLOCK_BYTES as u64);
        assert!(stream.slice_from(100).is_empty());
        assert_eq!(stream.slice_from(stream.end() - 1), [1]);
        stream.restart_at(7);
        assert_eq!((stream.start(), stream.end(), stream.memory_bytes()), (7, 7, 0));
    }

    proptest! {
        /// The model is one vector of all bytes ever written.
        #[test]
        fn a_stream_is_its_bytes(
            start in 0..1000_u64,
            writes in prop::collection::vec((0..40_000_usize, 0..100_000_u64), 1..20),
        ) {
            let mut stream = Stream::starting_at(start);
            let mut model = Vec::new();
            let mut released = 0;
            for (at, (len, release)) in writes.into_iter().enumerate() {
                let bytes: Vec<u8> = (0..len).map(|i| (i * 31 + at) as u8).collect();
                stream.append(&bytes);
                model.extend_from_slice(&bytes);
                stream.release_before(start + release);
                released = release.max(released);
                prop_assert_eq!(stream.end(), start + model.len() as u64);
                prop_assert!(stream.start() <= start + released, "what was not released is kept");
                let wanted = (start + release).min(stream.end());
                prop_assert!(stream.start() + BLOCK_BYTES as u64 > wanted, "whole blocks are released");
                let kept = (stream.start() - start) as usize;
                prop_assert_eq!(&read_all(&stream, stream.start()), &model[kept..]);
            }
        }
    }
}
