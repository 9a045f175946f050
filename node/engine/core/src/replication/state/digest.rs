//! A digest of the stream at fixed offsets, by which a primary notices that a replica has applied another one.
//!
//! BACKGROUND. A history and an offset name a place in the stream, and a partial resync believes them. If a defect, an
//! old file or a mistaken administrator has put other bytes before that place, both sides go on for ever with different
//! data, and nobody hears of it. So both take the CRC-64 of each window of `repl-digest-bytes` that they have seen
//! whole; windows begin at multiples of that size. The replica tells its newest one with its acknowledgement.
//!
//! What it cannot see: a command that was the same and had another effect. Such failures are counted and logged where
//! the stream is applied (`replication/apply.rs`).

use std::collections::VecDeque;

use super::backlog::Stream;
use crate::formats::crc64::Crc64;

/// Windows that are remembered for replicas that are behind.
const WINDOWS_MAX: usize = 256;
/// Bytes that may wait to be looked at, so that short turns do not look at every few bytes.
const LAZY_BYTES: u64 = 16 * 1024;

/// The digest of a window of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowDigest {
    /// Offset behind the window.
    pub end: u64,
    /// Its length.
    pub bytes: u64,
    /// The CRC-64 of its bytes.
    pub digest: u64,
}

impl WindowDigest {
    /// As it stands in an acknowledgement.
    pub fn encode(&self) -> String {
        format!("{}:{}:{:016x}", self.end, self.bytes, self.digest)
    }

    /// Reads what [`WindowDigest::encode`] has written; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(text).ok()?.split(':');
        let (end, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let digest = u64::from_str_radix(words.next()?, 16).ok()?;
        words.next().is_none().then_some(WindowDigest { end, bytes, digest })
    }
}

/// The digests of the newest windows of a stream.
#[derive(Debug, Default)]
pub struct Digests {
    window_bytes: u64,
    /// The stream that was looked at, by its number.
    stream: u64,
    /// Offset up to which it was looked at.
    next: u64,
    crc: Crc64,
    /// Whether the window under way was seen from its beginning.
    is_whole: bool,
    list: VecDeque<WindowDigest>,
}

impl Digests {
    /// Looks at what was appended, if it is much or `released_before` is about to be dropped.
    pub fn advance(&mut self, stream: &Stream, window_bytes: u64, released_before: u64) {
        if (self.window_bytes, self.stream) != (window_bytes, stream.number())
            || !(stream.start()..=stream.end()).contains(&self.next)
        {
            *self =
                Digests { window_bytes, stream: stream.number(), next: stream.end(), ..Digests::default() };
            self.is_whole = window_bytes > 0 && self.next % window_bytes == 0;
        }
        let is_due = stream.end() - self.next >= LAZY_BYTES || self.next < released_before;
        if window_bytes > 0 && is_due {
            self.look(stream);
        }
    }

    fn look(&mut self, stream: &Stream) {
        loop {
            let bytes = stream.slice_from(self.next);
            if bytes.is_empty() {
                return;
            }
            let end = (self.next / self.window_bytes + 1) * self.window_bytes;
            let wanted = usize::try_from(end - self.next).unwrap_or(usize::MAX);
            let bytes = &bytes[..bytes.len().min(wanted)];
            self.crc.update(bytes);
            self.next += bytes.len() as u64;
            if self.next == end {
                self.close_window();
            }
        }
    }

    fn close_window(&mut self) {
        let digest = std::mem::take(&mut self.crc).value();
        if std::mem::replace(&mut self.is_whole, true) {
            self.list.push_back(WindowDigest { end: self.next, bytes: self.window_bytes, digest });
        }
        if self.list.len() > WINDOWS_MAX {
            self.list.pop_front();
        }
    }

    /// The newest one.
    pub fn newest(&self) -> Option<WindowDigest> {
        self.list.back().copied()
    }

    /// Whether another node's window differs from ours; false where there is nothing to compare it with.
    pub fn differs(&self, theirs: WindowDigest) -> bool {
        let ours = self.list.iter().find(|ours| (ours.end, ours.bytes) == (theirs.end, theirs.bytes));
        ours.is_some_and(|ours| ours.digest != theirs.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(stream: &Stream, window: u64) -> Digests {
        let mut digests = Digests::default();
        digests.advance(&Stream::starting_at(stream.start()), window, 0);
        digests
    }

    #[test]
    fn windows_are_the_same_however_the_bytes_came() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7) as u8).collect();
        let (mut one, mut other) = (Stream::starting_at(0), Stream::starting_at(0));
        let (mut at_once, mut in_pieces) = (Digests::default(), Digests::default());
        at_once.advance(&one, 4096, 0);
        in_pieces.advance(&other, 4096, 0);
        one.append(&bytes);
        at_once.advance(&one, 4096, 0);
        for piece in bytes.chunks(333) {
            other.append(piece);
            in_pieces.advance(&other, 4096, other.end());
        }
        let newest = in_pieces.newest().unwrap();
        assert_eq!((newest.end, newest.bytes), (196_608, 4096));
        assert_eq!(at_once.newest(), Some(newest));
        assert!(!at_once.differs(newest));
        assert!(at_once.differs(WindowDigest { digest: newest.digest ^ 1, ..newest }));
        assert!(!at_once.differs(WindowDigest { bytes: 8192, digest: 0, ..newest }), "of another size");
        assert_eq!(WindowDigest::parse(newest.encode().as_bytes()), Some(newest));
        assert_eq!(WindowDigest::parse(b"1:2:3:4"), None);
    }

    #[test]
    fn a_window_that_was_not_seen_whole_has_no_digest() {
        let mut stream = Stream::starting_at(100);
        let mut digests = digests(&stream, 1000);
        stream.append(&[1; 20_000]);
        digests.advance(&stream, 1000, stream.end());
        assert_eq!(digests.list.front().map(|window| window.end), Some(2000));
        stream.restart_at(20_500);
        digests.advance(&stream, 1000, 0);
        assert_eq!(digests.newest(), None, "another stream");
    }
}
