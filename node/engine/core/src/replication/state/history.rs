//! Whose data this is: the identity of the stream, and which earlier identity it continues.
//!
//! BACKGROUND. A position in a stream means something only together with the stream's identity, 40 hex
//! digits. A primary that was promoted goes on with the bytes of its predecessor under an identity of its
//! own, and remembers the predecessor's up to the offset where they part: a sibling that stood at or before
//! that offset can go on from there without a full sync (PSYNC2).
//!
//! INVARIANTS. Two nodes that wrote different bytes at one offset never have one identity: an identity is
//! made new whenever bytes may be written that nobody recorded, and whenever this node begins to write.

use crate::base::prng::Prng;

/// Identity of a stream: 40 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StreamId([u8; 40]);

impl StreamId {
    /// No identity: forty zeros.
    pub const NONE: StreamId = StreamId([b'0'; 40]);

    /// Reads one; nothing for what is no 40 hex digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits: [u8; 40] = text.try_into().ok()?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(StreamId(digits))
    }

    /// Its digits, as bytes.
    pub fn bytes(&self) -> [u8; 40] {
        self.0
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn random(random: &mut Prng) -> Self {
        let mut digits = [0; 40];
        for sixteen in digits.chunks_mut(16) {
            let text = format!("{:016x}", random.next_u64());
            sixteen.copy_from_slice(&text.as_bytes()[..sixteen.len()]);
        }
        StreamId(digits)
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The identities of a node's stream.
#[derive(Debug)]
pub struct History {
    /// The identity of what is written from now on.
    pub id: StreamId,
    /// The identity that this stream had before, up to `parted_at`.
    pub previous: StreamId,
    /// The offset where this stream and that of `previous` part; none without a previous identity.
    pub parted_at: Option<u64>,
    random: Prng,
}

impl History {
    /// A new history.
    pub fn new(seed: u64) -> Self {
        let mut random = Prng::new(seed);
        History { id: StreamId::random(&mut random), previous: StreamId::NONE, parted_at: None, random }
    }

    /// Begins a history that continues none.
    pub fn renew(&mut self) {
        self.id = StreamId::random(&mut self.random);
        self.previous = StreamId::NONE;
        self.parted_at = None;
    }

    /// This node begins to write on its own at `offset`: a new identity that continues the present one.
    pub fn fork(&mut self, offset: u64) {
        let id = StreamId::random(&mut self.random);
        self.continue_as(id, offset);
    }

    /// Our primary goes on under another identity from `offset`.
    pub fn continue_as(&mut self, id: StreamId, offset: u64) {
        self.previous = self.id;
        self.parted_at = Some(offset);
        self.id = id;
    }

    /// The data set was replaced by that of another history.
    pub fn adopt(&mut self, id: StreamId) {
        self.id = id;
        self.previous = StreamId::NONE;
        self.parted_at = None;
    }

    /// Whether bytes from `offset` on, in the history named `id`, are the bytes of this stream.
    pub fn continues(&self, id: &StreamId, offset: u64) -> bool {
        *id == self.id || (*id == self.previous && self.parted_at.is_some_and(|parted| offset <= parted))
    }

    /// A random word of 40 characters, for the end mark of a snapshot of unknown length.
    pub fn end_mark(&mut self) -> [u8; 40] {
        StreamId::random(&mut self.random).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_forty_hex_digits() {
        let history = History::new(1);
        assert_eq!(StreamId::parse(history.id.as_str().as_bytes()), Some(history.id));
        assert_eq!(StreamId::parse(b"?"), None);
        assert_eq!(StreamId::parse(&[b'g'; 40]), None);
        assert_ne!(History::new(1).id, History::new(2).id);
    }

    #[test]
    fn a_fork_continues_its_predecessor_up_to_where_they_part() {
        let mut history = History::new(1);
        let first = history.id;
        history.fork(50);
        assert!(history.continues(&first, 50));
        assert!(!history.continues(&first, 51));
        assert!(history.continues(&history.id, 1_000));
        let second = history.id;
        history.fork(80);
        assert!(!history.continues(&first, 50), "only one identity is remembered");
        assert!(history.continues(&second, 80));
        history.renew();
        assert!(!history.continues(&second, 0) && !history.continues(&StreamId::NONE, 0));
    }
}
