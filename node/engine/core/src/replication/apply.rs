//! The stream half of following a primary: bytes in, commands applied, offsets counted.
//!
//! BACKGROUND. Our offset says which bytes of the primary's stream our data contains. It is what a later
//! PSYNC asks for, what we acknowledge, and by what an election compares replicas; so it may never be ahead
//! of the data, and what is counted must be appended to our own stream byte by byte, for our own replicas.
//!
//! INVARIANTS. A request counts when it has been applied, never when it has arrived. A transaction is applied
//! whole when its EXEC is here, and counts then: if the link breaks within one, the offset stands before its
//! MULTI, and the next PSYNC asks for all of it again. Applying is not interrupted, so nobody sees half of it.
//!
//! BEHAVIOUR. A command that fails here although it succeeded at the primary means that the two differ: it is
//! logged and counted, and the stream goes on, as a new full sync would meet the same command again.

use super::state::applier::{Applier, Transaction};
use super::state::link::{command, Link};
use crate::clients::origin::Origin;
use crate::clients::session::Session;
use crate::dispatch::execute::{find, Ahead};
use crate::dispatch::table::Entry;
use crate::dispatch::Flags;
use crate::engine::effects::Level;
use crate::engine::Engine;
use crate::resp::request::{Limits, Parsed, LIMITS};
use crate::resp::{Args, OwnedArgs};

/// Failed commands that are logged one by one; after them every thousandth is.
const FAILURES_LOGGED_MAX: u64 = 20;

impl Engine {
    /// Applies what has arrived of the stream.
    ///
    /// # Errors
    /// When the bytes are no stream, or a request is larger than the limits.
    pub(super) fn apply(&mut self, link: &mut Link, bytes: &[u8]) -> Result<(), String> {
        let Some(mut session) = link.applier.session.and_then(|key| self.clients.sessions.take(key)) else {
            return Err("the session of the primary is closed".into());
        };
        let outcome = self.apply_all(&mut link.applier, &mut session, bytes);
        let is_closed = session.close_now || session.close_after_reply;
        self.clients.sessions.put(session);
        if std::mem::take(&mut link.applier.ack_asked) {
            self.send_ack();
        }
        if is_closed && outcome.is_ok() {
            return Err("the session of the primary was closed by a client".into());
        }
        outcome
    }

    fn apply_all(
        &mut self,
        applier: &mut Applier,
        session: &mut Session,
        bytes: &[u8],
    ) -> Result<(), String> {
        if applier.pending.is_empty() {
            let used = self.apply_requests(applier, session, bytes)?;
            applier.pending.extend_from_slice(&bytes[used..]);
        } else {
            let mut pending = std::mem::take(&mut applier.pending);
            pending.extend_from_slice(bytes);
            let used = self.apply_requests(applier, session, &pending)?;
            pending.drain(..used);
            if pending.is_empty() && pending.capacity() > 1024 * 1024 {
                pending = Vec::new();
            }
            applier.pending = pending;
        }
        let held = applier.transaction.as_ref().map_or(0, |transaction| transaction.bytes.len());
        if (applier.pending.len() + held) as u64 > self.settings.client_query_buffer_limit {
            return Err("a request of the primary is larger than client-query-buffer-limit".into());
        }
        Ok(())
    }

    /// Applies the complete requests; returns how many bytes they take.
    fn apply_requests(
        &mut self,
        applier: &mut Applier,
        session: &mut Session,
        bytes: &[u8],
    ) -> Result<usize, String> {
        let bulk_bytes_max = LIMITS.bulk_bytes_max.max(self.settings.proto_max_bulk_len as usize);
        let limits = Limits { bulk_bytes_max, ..LIMITS };
        let mut parser = std::mem::take(&mut applier.parser);
        let mut used = 0;
        let outcome = loop {
            let rest = &bytes[used..];
            match parser.parse(rest, &limits) {
                Parsed::Request(len) => {
                    self.apply_request(applier, session, parser.args(rest), &rest[..len]);
                    parser.reset();
                    used += len;
                }
                Parsed::Incomplete => break Ok(used),
                Parsed::Invalid(message) => {
                    break Err(format!(
                        "the primary's stream is broken at offset {}: {message}",
                        self.replication.offset()
                    ));
                }
            }
        };
        applier.parser = parser;
        outcome
    }

    /// Carries out a command of a file; its bytes are a part of the stream.
    ///
    /// # Errors
    /// The name of a command that this engine does not have.
    pub(crate) fn apply_loaded(
        &mut self,
        applier: &mut Applier,
        args: Args<'_>,
        raw: &[u8],
    ) -> Result<(), String> {
        if find(args).is_err_and(|(known, _)| known.is_none()) {
            return Err(args.get(0)[..args.get(0).len().min(64)].escape_ascii().to_string());
        }
        let Some(mut session) = applier.session.and_then(|key| self.clients.sessions.take(key)) else {
            return Ok(());
        };
        self.apply_request(applier, &mut session, args, raw);
        self.clients.sessions.put(session);
        Ok(())
    }

    fn apply_request(&mut self, applier: &mut Applier, session: &mut Session, args: Args<'_>, raw: &[u8]) {
        let known = find(args).ok();
        let is = |flag| known.is_some_and(|entry| entry.command.flags.contains(flag));
        if let Some(mut transaction) = applier.transaction.take() {
            transaction.bytes.extend_from_slice(raw);
            if !is(Flags::EXEC) {
                transaction.queue.push(OwnedArgs::copy(args));
                applier.transaction = Some(transaction);
                return;
            }
            for args in &transaction.queue {
                self.apply_command(applier, session, args.view(), find(args.view()).ok());
            }
            self.replication.append_received(&transaction.bytes, session.db);
        } else if is(Flags::MULTI) {
            applier.transaction = Some(Transaction { bytes: raw.to_vec(), queue: Vec::new() });
        } else {
            self.apply_command(applier, session, args, known);
            self.replication.append_received(raw, session.db);
        }
    }

    fn apply_command(
        &mut self,
        applier: &mut Applier,
        session: &mut Session,
        args: Args<'_>,
        known: Option<&'static Entry>,
    ) {
        match known {
            Some(entry) if entry.command.flags.contains(Flags::OF_LINK) => {
                applier.ack_asked |= args.get(1).eq_ignore_ascii_case(b"getack");
                return;
            }
            Some(entry) => self.execute_known(session, args, &Ahead::of(entry)),
            None => self.execute(session, args),
        }
        if session.out.first() == Some(&b'-') {
            self.note_failure(applier, session, args);
        }
        session.out.clear();
    }

    /// Something that the primary could do fails here: the data sets differ.
    fn note_failure(&mut self, applier: &mut Applier, session: &Session, args: Args<'_>) {
        applier.failures += 1;
        if applier.failures > FAILURES_LOGGED_MAX && applier.failures % 1000 != 0 {
            return;
        }
        let (whose, from) = match session.origin {
            Origin::File => ("The append-only file's", "what it was"),
            _ => ("The primary's", "the primary's"),
        };
        let message = format!(
            "{whose} command '{}' fails on this node, so its data differs from {from}: {} ({} such commands so far)",
            args.get(0)[..args.get(0).len().min(64)].escape_ascii(),
            String::from_utf8_lossy(session.out.trim_ascii_end()),
            applier.failures,
        );
        self.log(Level::Warning, message);
    }

    /// Tells the primary how far we are.
    pub(super) fn send_ack(&mut self) {
        self.replication.told_offset = self.replication.offset();
        let offset = self.replication.told_offset.to_string();
        let log = &self.persistence.log;
        let on_disk = (log.is_open && log.is_whole).then(|| log.synced.offset.to_string());
        let digest = self.replication.digests.newest();
        let digest = digest.filter(|digest| digest.end != self.replication.told_digest);
        self.replication.told_digest = digest.map_or(self.replication.told_digest, |digest| digest.end);
        let digest = digest.map(|digest| digest.encode());
        let mut words: Vec<&[u8]> = vec![b"REPLCONF", b"ACK", offset.as_bytes()];
        words.extend(on_disk.iter().flat_map(|on_disk| [&b"FACK"[..], on_disk.as_bytes()]));
        // A Redis reads no further than it understands.
        words.extend(digest.iter().flat_map(|digest| [&b"DIGEST"[..], digest.as_bytes()]));
        command(&mut self.replication.link_output.stream, &words);
    }
}
