//! The link to our own primary: from the first PING to the stream, as a state machine.
//!
//! ```text
//! Waiting -> Connecting -> Pinging -> Introducing -> Asking -> AwaitingSnapshot -> Receiving -> Online
//!    ^                                                  |---------- +CONTINUE -------------------^
//!    |                                                  '-- AwaitingOffset -> Joining -> Holding -'
//!    '---- any error, silence for repl-timeout, or the end of the connection; then later and later attempts
//! ```
//!
//! Until the answer to PSYNC the primary speaks in lines; those are read here, and what they mean for the
//! data is returned as an [`Answer`]. The snapshot ([`crate::snapshot::loader`]) and the stream (`replication/apply.rs`) follow.
//! The link knows no socket: it is told of connections and bytes, and its output lies in `out`.

use std::collections::VecDeque;

use super::applier::Applier;
use super::held::Held;
use super::history::StreamId;
use super::snapshot_link::SnapshotLink;
use crate::base::clock::BootMs;
use crate::settings::Settings;
use crate::snapshot::loader::{Loader, PayloadForm};

/// Longest line that a primary may send during the handshake, in bytes.
pub const LINE_BYTES_MAX: usize = 1024;
/// Pause before the first attempt to reconnect, in milliseconds; it doubles from attempt to attempt.
pub const RETRY_DELAY_MS_MIN: i64 = 100;
/// Longest pause between attempts to reconnect, in milliseconds.
pub const RETRY_DELAY_MS_MAX: i64 = 1000;

/// Where the link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not connected; the next attempt is due at this time of the boot clock.
    Waiting {
        /// Milliseconds.
        until_ms: BootMs,
    },
    /// The reactor has been asked for a connection.
    Connecting,
    /// PING was sent.
    Pinging,
    /// AUTH and REPLCONF were sent.
    Introducing,
    /// PSYNC was sent.
    Asking,
    /// A full sync was granted on a second connection, which will tell its offset.
    AwaitingOffset,
    /// PSYNC was sent for the stream behind the snapshot that comes on the second connection; answers awaited.
    Joining,
    /// The stream is held until the snapshot is complete.
    Holding,
    /// A full sync was granted; the primary prepares it.
    AwaitingSnapshot,
    /// The snapshot arrives.
    Receiving,
    /// The stream arrives.
    Online,
}

impl Phase {
    /// The word that ROLE answers.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Waiting { .. } => "connect",
            Phase::Connecting => "connecting",
            Phase::Pinging | Phase::Introducing | Phase::Asking => "handshake",
            _ if self.is_syncing() => "sync",
            _ => "connected",
        }
    }

    /// Whether a full sync was granted and is not complete.
    pub fn is_syncing(self) -> bool {
        use Phase::{AwaitingOffset, AwaitingSnapshot, Holding, Joining, Receiving};
        matches!(self, AwaitingOffset | Joining | Holding | AwaitingSnapshot | Receiving)
    }

    /// What the log says of a timeout; scripts look for these words of the peers.
    pub fn timeout_name(self) -> &'static str {
        match self {
            _ if self.is_syncing() => "Timeout receiving bulk data from MASTER",
            Phase::Online => "MASTER timeout",
            _ => "Timeout connecting to the MASTER",
        }
    }
}

/// What the primary granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The stream goes on from where we stand, perhaps under another identity.
    Continue(Option<StreamId>),
    /// A full sync comes on a second connection.
    SecondChannel,
    /// A snapshot of this identity comes, taken at this offset.
    FullSync(StreamId, u64),
    /// The snapshot begins.
    Payload(PayloadForm),
    /// It does not take over.
    Refused(String),
}

/// The link to our primary.
pub struct Link {
    /// Where it stands.
    pub phase: Phase,
    /// When the primary was last heard of, in boot milliseconds.
    pub last_io_ms: BootMs,
    /// When bytes of the stream last came, of this primary or of one before it, in boot milliseconds; 0: never.
    pub last_data_ms: BootMs,
    /// Since when it is not online, in boot milliseconds.
    pub down_since_ms: BootMs,
    /// Attempts since it was last online.
    pub failures: u32,
    /// The identity and offset of the full sync that is under way.
    pub full_sync: Option<(StreamId, u64)>,
    /// The snapshot that is being received.
    pub loader: Option<Loader>,
    /// What has arrived of the stream.
    pub applier: Applier,
    /// The second connection, while it is needed.
    pub snapshot_link: Option<SnapshotLink>,
    /// All of its snapshot is here, and waits for the stream behind it.
    pub is_snapshot_complete: bool,
    /// What has come of the stream while the snapshot was on its way.
    pub held: Held,
    /// Whether the other side is asked to take over as primary (FAILOVER).
    pub hands_over: bool,
    /// How often it has been asked that.
    pub times_asked: u32,
    /// Whether the snapshot on its way must be looked at before it replaces the data.
    pub is_suspect: bool,
    line: Vec<u8>,
    /// What is awaited while introducing: the commands sent, in order.
    awaited: VecDeque<&'static str>,
}

impl Link {
    /// A link that is to be connected at once.
    pub fn new(now_ms: BootMs) -> Self {
        Link {
            phase: Phase::Waiting { until_ms: now_ms },
            last_io_ms: now_ms,
            last_data_ms: BootMs::ZERO,
            down_since_ms: now_ms,
            failures: 0,
            full_sync: None,
            loader: None,
            applier: Applier::default(),
            snapshot_link: None,
            is_snapshot_complete: false,
            held: Held::default(),
            hands_over: false,
            times_asked: 0,
            is_suspect: false,
            line: Vec::new(),
            awaited: VecDeque::new(),
        }
    }

    /// Whether the stream flows.
    pub fn is_online(&self) -> bool {
        self.phase == Phase::Online
    }

    /// The connection stands: the handshake begins.
    pub fn connected(&mut self, now_ms: BootMs, out: &mut Vec<u8>) {
        self.last_io_ms = now_ms;
        self.phase = Phase::Pinging;
        command(out, &[b"PING"]);
    }

    /// The connection is gone: everything of it is forgotten, and an attempt is due after a pause.
    ///
    /// `delay_ms_max` is the longest such pause.
    pub fn lost(&mut self, now_ms: BootMs, delay_ms_max: i64) {
        if self.is_online() {
            self.down_since_ms = now_ms;
        }
        let delay = (RETRY_DELAY_MS_MIN << self.failures.min(10)).min(delay_ms_max);
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Waiting { until_ms: now_ms + delay };
        self.full_sync = None;
        self.loader = None;
        self.applier = Applier::default();
        self.snapshot_link = None;
        self.is_snapshot_complete = false;
        self.held = Held::default();
        self.line.clear();
        self.awaited.clear();
    }

    /// Whether the primary has been silent for too long.
    pub fn is_silent(&self, now_ms: BootMs, settings: &Settings) -> bool {
        let limit_ms = settings.repl_timeout as i64 * 1000;
        !matches!(self.phase, Phase::Waiting { .. }) && now_ms - self.last_io_ms > limit_ms
    }

    /// Takes bytes of the handshake up to the end of a line; returns how many, and what the line means.
    ///
    /// `position` is our identity and offset, if we have a history to continue.
    ///
    /// # Errors
    /// The sentence that says why the link cannot go on.
    pub fn read_line(
        &mut self,
        bytes: &[u8],
        settings: &Settings,
        position: Option<(StreamId, u64)>,
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<Answer>), String> {
        let (used, line) = read_line(&mut self.line, bytes)?;
        let answer = match line {
            Some(line) => self.take_line(&line, settings, position, out)?,
            None => None,
        };
        Ok((used, answer))
    }

    fn take_line(
        &mut self,
        line: &[u8],
        settings: &Settings,
        position: Option<(StreamId, u64)>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Answer>, String> {
        match self.phase {
            Phase::Pinging => {
                let refused = line.starts_with(b"-");
                let only_wants_auth = [&b"-NOAUTH"[..], b"-NOPERM", b"-ERR operation not permitted"]
                    .iter()
                    .any(|start| line.starts_with(start));
                if refused && !only_wants_auth {
                    return Err(format!("the primary answered PING with '{}'", text(line)));
                }
                self.introduce(settings, out);
            }
            Phase::Introducing => {
                let command = self.awaited.pop_front().unwrap_or("REPLCONF");
                if line.starts_with(b"-") && command == "AUTH" {
                    return Err(format!("the primary refused our AUTH with '{}'", text(line)));
                }
                if self.awaited.is_empty() {
                    self.ask(position, out);
                }
            }
            Phase::Asking => return self.take_psync_reply(line).map(Some),
            Phase::AwaitingSnapshot => return self.take_payload_header(line).map(Some),
            Phase::Joining => return self.take_joined(line, out),
            _ => return Err(format!("the primary sent '{}' out of turn", text(line))),
        }
        Ok(None)
    }

    fn introduce(&mut self, settings: &Settings, out: &mut Vec<u8>) {
        if !settings.masterauth.is_empty() {
            authenticate(settings, out);
            self.awaited.push_back("AUTH");
        }
        command(out, &[b"REPLCONF", b"listening-port", port(settings).to_string().as_bytes()]);
        self.awaited.push_back("REPLCONF listening-port");
        if !settings.replica_announce_ip.is_empty() {
            command(out, &[b"REPLCONF", b"ip-address", settings.replica_announce_ip.as_bytes()]);
            self.awaited.push_back("REPLCONF ip-address");
        }
        let words: [&[u8]; 9] = [
            b"REPLCONF",
            b"capa",
            b"eof",
            b"capa",
            b"psync2",
            b"capa",
            b"garrison",
            b"capa",
            b"dual-channel",
        ];
        // A primary that is asked to take over answers on this connection.
        let has_second_channel = settings.dual_channel_replication_enabled && !self.hands_over;
        command(out, &words[..if has_second_channel { 9 } else { 7 }]);
        self.awaited.push_back("REPLCONF capa");
        self.phase = Phase::Introducing;
    }

    fn ask(&mut self, position: Option<(StreamId, u64)>, out: &mut Vec<u8>) {
        match position {
            Some((id, offset)) => {
                let next = (offset + 1).to_string();
                let words = [&b"PSYNC"[..], id.as_str().as_bytes(), next.as_bytes(), b"FAILOVER"];
                command(out, &words[..3 + usize::from(self.hands_over)]);
                self.times_asked += u32::from(self.hands_over);
            }
            None => command(out, &[b"PSYNC", b"?", b"-1"]),
        }
        self.phase = Phase::Asking;
    }

    fn take_psync_reply(&mut self, line: &[u8]) -> Result<Answer, String> {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let not_understood = || format!("the primary answered PSYNC with '{}'", text(line));
        match words.next() {
            Some(b"+FULLRESYNC") => {
                let id = words.next().and_then(StreamId::parse).ok_or_else(not_understood)?;
                let offset = words.next().and_then(number).ok_or_else(not_understood)?;
                self.phase = Phase::AwaitingSnapshot;
                self.full_sync = Some((id, offset));
                Ok(Answer::FullSync(id, offset))
            }
            Some(b"+CONTINUE") => {
                let id = match words.next() {
                    Some(word) => Some(StreamId::parse(word).ok_or_else(not_understood)?),
                    None => None,
                };
                self.phase = Phase::Online;
                Ok(Answer::Continue(id))
            }
            Some(b"+DUALCHANNELSYNC") => {
                self.phase = Phase::AwaitingOffset;
                self.snapshot_link = Some(SnapshotLink::default());
                Ok(Answer::SecondChannel)
            }
            _ if self.hands_over && line.starts_with(b"-") => Ok(Answer::Refused(text(&line[1..]))),
            _ => Err(not_understood()),
        }
    }

    /// The second connection has told the offset: the stream from there on is asked for.
    pub fn join(&mut self, id: StreamId, offset: u64, session: u64, out: &mut Vec<u8>) {
        command(out, &[b"REPLCONF", b"set-rdb-client-id", session.to_string().as_bytes()]);
        self.awaited.push_back("REPLCONF set-rdb-client-id");
        self.full_sync = Some((id, offset));
        self.phase = Phase::Joining;
    }

    fn take_joined(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Option<Answer>, String> {
        match (self.awaited.pop_front(), self.full_sync) {
            // A Valkey takes no PSYNC before its reply has left.
            (Some(_), Some((id, offset))) if line.starts_with(b"+") => {
                command(out, &[b"PSYNC", id.as_str().as_bytes(), (offset + 1).to_string().as_bytes()]);
                Ok(None)
            }
            (None, _) if line.starts_with(b"+CONTINUE") => {
                self.phase = Phase::Holding;
                Ok(None)
            }
            _ => Err(format!("the primary does not send the stream behind its snapshot: '{}'", text(line))),
        }
    }

    /// The snapshot's first line has come, on whichever connection.
    ///
    /// # Errors
    /// Why it is none.
    pub fn take_payload_header(&mut self, line: &[u8]) -> Result<Answer, String> {
        let not_understood = || format!("the primary began its snapshot with '{}'", text(line));
        let form = match line.strip_prefix(b"$EOF:") {
            Some(mark) => PayloadForm::Marked(mark.try_into().map_err(|_| not_understood())?),
            None => {
                let length = line.strip_prefix(b"$").and_then(number).ok_or_else(not_understood)?;
                PayloadForm::Sized(length)
            }
        };
        if self.phase == Phase::AwaitingSnapshot {
            self.phase = Phase::Receiving;
        }
        Ok(Answer::Payload(form))
    }
}

/// Appends a command in RESP.
pub fn command(out: &mut Vec<u8>, args: &[&[u8]]) {
    crate::resp::encode_command(out, args.iter().copied());
}

/// Takes bytes up to the end of a line; returns how many, and the line, if it is complete and not empty.
///
/// An empty line is a sign of life while the primary prepares its answer.
pub(super) fn read_line(line: &mut Vec<u8>, bytes: &[u8]) -> Result<(usize, Option<Vec<u8>>), String> {
    let end = memchr::memchr(b'\n', bytes);
    let used = end.map_or(bytes.len(), |at| at + 1);
    if line.len() + used > LINE_BYTES_MAX {
        return Err(format!("the primary sent a line of more than {LINE_BYTES_MAX} bytes"));
    }
    line.extend_from_slice(&bytes[..used]);
    if end.is_none() {
        return Ok((used, None));
    }
    let mut line = std::mem::take(line);
    line.truncate(line.trim_ascii_end().len());
    Ok((used, Some(line).filter(|line| !line.is_empty())))
}

/// Appends AUTH with what `masteruser` and `masterauth` say.
pub(super) fn authenticate(settings: &Settings, out: &mut Vec<u8>) {
    match settings.masteruser.as_slice() {
        b"" => command(out, &[b"AUTH", &settings.masterauth]),
        user => command(out, &[b"AUTH", user, &settings.masterauth]),
    }
}

/// The port that this node announces.
pub(super) fn port(settings: &Settings) -> u16 {
    match settings.replica_announce_port {
        0 => settings.port,
        port => port,
    }
}

pub(super) fn number(word: &[u8]) -> Option<u64> {
    crate::base::numbers::parse_i64(word).and_then(|number| u64::try_from(number).ok())
}

/// What a stranger wrote, fit for a log line.
pub(super) fn text(line: &[u8]) -> String {
    line.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &[u8; 40] = b"0123456789abcdef0123456789abcdef01234567";

    fn talk(link: &mut Link, lines: &str, position: Option<(StreamId, u64)>) -> (String, Vec<Answer>) {
        let settings = Settings { masterauth: "secret".into(), port: 7001, ..Settings::default() };
        let (mut out, mut answers) = (Vec::new(), Vec::new());
        let mut bytes = lines.as_bytes();
        while !bytes.is_empty() {
            let (used, answer) = link.read_line(bytes, &settings, position, &mut out).unwrap();
            answers.extend(answer);
            bytes = &bytes[used..];
        }
        (String::from_utf8(out).unwrap().replace("\r\n", " "), answers)
    }

    fn connected() -> Link {
        let mut link = Link::new(BootMs::ZERO);
        let mut out = Vec::new();
        link.connected(BootMs::ZERO, &mut out);
        assert_eq!(out, b"*1\r\n$4\r\nPING\r\n");
        link
    }

    #[test]
    fn the_handshake_ends_in_a_continued_stream() {
        let mut link = connected();
        let position = Some((StreamId::parse(ID).unwrap(), 41));
        let (sent, _) = talk(&mut link, "-NOAUTH Authentication required.\r\n", position);
        assert!(
            sent.starts_with("*2 $4 AUTH $6 secret *3 $8 REPLCONF $14 listening-port $4 7001 "),
            "{sent}"
        );
        assert!(
            sent.ends_with(
                "*9 $8 REPLCONF $4 capa $3 eof $4 capa $6 psync2 $4 capa $8 garrison $4 capa $12 dual-channel "
            ),
            "{sent}"
        );
        let (sent, _) = talk(&mut link, "+OK\r\n-ERR what is listening-port\r\n+O", position);
        assert_eq!(sent, "");
        let (sent, _) = talk(&mut link, "K\r\n", position);
        assert_eq!(sent, format!("*3 $5 PSYNC $40 {} $2 42 ", String::from_utf8_lossy(ID)));
        let (_, answers) = talk(&mut link, &format!("\n\n+CONTINUE {}\r\n", "f".repeat(40)), position);
        assert_eq!(answers, [Answer::Continue(StreamId::parse(&[b'f'; 40]))]);
        assert!(link.is_online());
    }

    #[test]
    fn a_full_sync_comes_with_a_length_or_a_mark() {
        for (header, form) in [
            ("$123\r\n".to_owned(), PayloadForm::Sized(123)),
            (format!("$EOF:{}\r\n", String::from_utf8_lossy(ID)), PayloadForm::Marked(*ID)),
        ] {
            let mut link = connected();
            talk(&mut link, "+PONG\r\n", None);
            let (sent, _) = talk(&mut link, "+OK\r\n+OK\r\n+OK\r\n", None);
            assert_eq!(sent, "*3 $5 PSYNC $1 ? $2 -1 ");
            let reply = format!("+FULLRESYNC {} 7\r\n\n{header}", String::from_utf8_lossy(ID));
            let (_, answers) = talk(&mut link, &reply, None);
            assert_eq!(answers, [Answer::FullSync(StreamId::parse(ID).unwrap(), 7), Answer::Payload(form)]);
            assert_eq!(link.phase, Phase::Receiving);
        }
    }

    #[test]
    fn what_is_not_understood_ends_the_link_with_a_sentence() {
        let settings = Settings::default();
        for (lines, said) in [
            ("-ERR unknown command\r\n", "PING"),
            ("+PONG\r\n+OK\r\n+OK\r\n-LOADING Redis is loading\r\n", "PSYNC"),
            ("+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC abc 1\r\n", "PSYNC"),
            (
                "+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC 0123456789abcdef0123456789abcdef01234567 1\r\n$x\r\n",
                "snapshot",
            ),
        ] {
            let (mut link, mut out) = (connected(), Vec::new());
            let mut bytes = lines.as_bytes();
            let error = loop {
                match link.read_line(bytes, &settings, None, &mut out) {
                    Ok((used, _)) => bytes = &bytes[used..],
                    Err(error) => break error,
                }
            };
            assert!(error.contains(said), "{error}");
        }
        let endless = vec![b'+'; LINE_BYTES_MAX + 1];
        assert!(connected().read_line(&endless, &settings, None, &mut Vec::new()).is_err());
    }

    #[test]
    fn attempts_come_later_and_later() {
        let mut link = Link::new(BootMs::ZERO);
        let mut delays = Vec::new();
        for _ in 0..6 {
            link.lost(BootMs::ZERO, RETRY_DELAY_MS_MAX);
            let Phase::Waiting { until_ms } = link.phase else { panic!() };
            delays.push(until_ms - BootMs::ZERO);
        }
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
    }
}
