//! The second connection to our primary, on which the snapshot of a full sync comes: its handshake.
//!
//! ```text
//! this node                                    primary
//!   stream:   PSYNC ? -1                  ->
//!                                         <-   +DUALCHANNELSYNC
//!   snapshot: REPLCONF rdb-channel 1 ..   ->
//!   snapshot: SYNC                        ->
//!                                         <-   $ENDOFF:<offset> <history> <database> <session>
//!   stream:   REPLCONF set-rdb-client-id  ->
//!   stream:   PSYNC <history> <offset+1>  ->
//!                                         <-   +CONTINUE, and the stream at once
//!                                         <-   $EOF:<mark>, and the snapshot
//! ```
//!
//! The words are those of Valkey, observed at version 9.1; so its nodes can be at either end. While the snapshot
//! comes, the stream is held at the replica ([`super::held`]): the primary keeps nothing for it.

use super::history::StreamId;
use super::link::{command, number, read_line, text};
use crate::settings::Settings;

/// Which of the connections to our primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The one that stays: the handshake, then the stream.
    Stream,
    /// The second one, for the snapshot of a full sync.
    Snapshot,
}

impl Channel {
    /// Both of them.
    pub const ALL: [Channel; 2] = [Channel::Stream, Channel::Snapshot];
}

/// Where the handshake stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The reactor has been asked for a connection.
    Connecting,
    /// AUTH and REPLCONF were sent; so many answers are awaited.
    Introducing(usize),
    /// SYNC was sent.
    Asking,
    /// The offset is known; the snapshot's first line comes.
    AwaitingSnapshot,
}

/// What the primary has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The snapshot is of this history at this offset.
    Offset {
        /// The history.
        id: StreamId,
        /// The offset.
        offset: u64,
        /// The connection's number at the primary, by which the stream's connection names it.
        session: u64,
    },
    /// The snapshot begins; its first line.
    Header(Vec<u8>),
}

/// The handshake of the second connection.
#[derive(Debug)]
pub struct SnapshotLink {
    phase: Phase,
    line: Vec<u8>,
}

impl Default for SnapshotLink {
    /// One that is to be connected.
    fn default() -> Self {
        SnapshotLink { phase: Phase::Connecting, line: Vec::new() }
    }
}

impl SnapshotLink {
    /// The connection stands.
    pub fn connected(&mut self, settings: &Settings, out: &mut Vec<u8>) {
        let mut awaited = 1;
        if !settings.masterauth.is_empty() {
            super::link::authenticate(settings, out);
            awaited += 1;
        }
        let port = super::link::port(settings).to_string();
        let words: [&[u8]; 9] = [
            b"REPLCONF",
            b"capa",
            b"eof",
            b"rdb-only",
            b"1",
            b"rdb-channel",
            b"1",
            b"listening-port",
            port.as_bytes(),
        ];
        command(out, &words);
        self.phase = Phase::Introducing(awaited);
    }

    /// Takes bytes up to the end of a line; returns how many, and what the line means.
    ///
    /// # Errors
    /// The sentence that says why it cannot go on.
    pub fn read_line(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(usize, Option<Answer>), String> {
        let (used, line) = read_line(&mut self.line, bytes)?;
        let answer = match line {
            Some(line) => self.take_line(&line, out)?,
            None => None,
        };
        Ok((used, answer))
    }

    fn take_line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Option<Answer>, String> {
        match self.phase {
            _ if line.starts_with(b"-") => {
                Err(format!("the primary refused the channel for the snapshot with '{}'", text(line)))
            }
            Phase::Introducing(awaited) if awaited > 1 => {
                self.phase = Phase::Introducing(awaited - 1);
                Ok(None)
            }
            Phase::Introducing(_) => {
                command(out, &[b"SYNC"]);
                self.phase = Phase::Asking;
                Ok(None)
            }
            Phase::Asking => {
                let answer = parse_offset(line).ok_or_else(|| {
                    format!("the primary answered SYNC of the snapshot's channel with '{}'", text(line))
                })?;
                self.phase = Phase::AwaitingSnapshot;
                Ok(Some(answer))
            }
            Phase::AwaitingSnapshot => Ok(Some(Answer::Header(line.to_vec()))),
            Phase::Connecting => Err(format!("the primary sent '{}' out of turn", text(line))),
        }
    }
}

fn parse_offset(line: &[u8]) -> Option<Answer> {
    let mut words = line.strip_prefix(b"$ENDOFF:")?.split(|byte| *byte == b' ');
    let offset = number(words.next()?)?;
    let id = StreamId::parse(words.next()?)?;
    // The database is in the snapshot's header, too.
    let session = number(words.nth(1)?)?;
    Some(Answer::Offset { id, offset, session })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn the_handshake_ends_with_the_snapshots_first_line() {
        let mut link = SnapshotLink::default();
        let settings = Settings { port: 7001, masterauth: "secret".into(), ..Settings::default() };
        let mut out = Vec::new();
        link.connected(&settings, &mut out);
        let sent = String::from_utf8(std::mem::take(&mut out)).unwrap().replace("\r\n", " ");
        assert!(sent.contains("$11 rdb-channel $1 1"), "{sent}");
        assert_eq!(link.read_line(b"+OK\r\n+OK\r\n", &mut out), Ok((5, None)));
        assert_eq!(link.read_line(b"+OK\r\n", &mut out), Ok((5, None)));
        assert_eq!(out, b"*1\r\n$4\r\nSYNC\r\n");
        assert_eq!(link.read_line(b"\n", &mut out), Ok((1, None)), "a sign of life");
        let line = format!("$ENDOFF:41 {ID} -1 7\r\n");
        let id = StreamId::parse(ID.as_bytes()).unwrap();
        let expected = Answer::Offset { id, offset: 41, session: 7 };
        assert_eq!(link.read_line(line.as_bytes(), &mut out), Ok((line.len(), Some(expected))));
        let header = link.read_line(b"$EOF:x\r\n", &mut out).unwrap();
        assert_eq!(header, (8, Some(Answer::Header(b"$EOF:x".to_vec()))));
    }

    #[test]
    fn what_makes_no_sense_ends_it() {
        for line in ["+FULLRESYNC x 1\r\n", "$ENDOFF:x\r\n", "$ENDOFF:1 abc 0 1\r\n", "-NOPERM no\r\n"] {
            let mut link = SnapshotLink { phase: Phase::Asking, line: Vec::new() };
            assert!(link.read_line(line.as_bytes(), &mut Vec::new()).is_err(), "{line}");
        }
    }
}
