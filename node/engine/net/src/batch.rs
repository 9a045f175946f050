//! A batch: what lies in all ready sockets, parsed first, looked up together, then executed in order.
//!
//! With real data, most of a request's time is spent waiting for memory. So a batch makes three passes
//! over its requests: parse and ask for the bucket of the key; ask for the entry; execute. While the
//! memory answers one request, the processor works on the others.

use garrison_engine_core::clients::session::{Session, SessionKey, Suspension};
use garrison_engine_core::dispatch::execute::Ahead;
use garrison_engine_core::engine::Engine;
use garrison_engine_core::resp::request::{Parsed, Parser};
use garrison_engine_core::resp::{Args, Range};

use crate::buffers::{READ_ARENA_BYTES, READ_BYTES_MIN};
use crate::reactor::Reactor;
use crate::turn;

/// Connections that share one batch.
const BATCH_CONNECTIONS: usize = READ_ARENA_BYTES / READ_BYTES_MIN;
/// Requests of one connection that are looked up together.
const BATCH_REQUESTS: usize = 32;

/// One parsed request.
struct Request {
    /// Its arguments, in [`Batch::ranges`].
    first: u32,
    count: u32,
    /// Where the request ends, in its connection's bytes.
    end: u32,
    ahead: Ahead,
}

/// A connection of the batch, with what was read from it. Its session stays among the others until it
/// is executed, so that messages from the sessions before it reach it.
struct Share {
    key: SessionKey,
    start: usize,
    len: usize,
    requests: std::ops::Range<usize>,
    alive: bool,
}

/// The lists of a batch; their memory is kept from one to the next.
#[derive(Default)]
pub struct Batch {
    ranges: Vec<Range>,
    requests: Vec<Request>,
    shares: Vec<Share>,
}

impl Batch {
    /// Parses the requests at the start of `bytes`, as far as they are worth looking up in advance.
    fn parse(&mut self, engine: &Engine, session: &Session, parser: &mut Parser, bytes: &[u8]) {
        if !session.is_authenticated() {
            return;
        }
        let limits = turn::limits(engine, session);
        let mut used = 0;
        for _ in 0..BATCH_REQUESTS {
            parser.reset();
            let rest = &bytes[used..];
            let Parsed::Request(len) = parser.parse(rest, &limits) else { break };
            let Some(ranges) = parser.ranges().filter(|ranges| !ranges.is_empty()) else { break };
            let Some(ahead) = engine.look_ahead(session, Args::new(rest, ranges)) else { break };
            let first = self.ranges.len() as u32;
            let shifted = ranges.iter().map(|range| Range { start: range.start + used as u32, ..*range });
            self.ranges.extend(shifted);
            used += len;
            let count = self.ranges.len() as u32 - first;
            self.requests.push(Request { first, count, end: used as u32, ahead });
        }
        parser.reset();
    }

    /// Executes the parsed requests of a share; tells where the first one begins that was not executed.
    fn execute(&self, engine: &mut Engine, session: &mut Session, share: &Share, bytes: &[u8]) -> usize {
        let mut used = 0;
        let output_bytes_max = turn::output_bytes_max(session);
        for request in &self.requests[share.requests.clone()] {
            if turn::must_stop(session, output_bytes_max) {
                break;
            }
            let ranges = &self.ranges[request.first as usize..(request.first + request.count) as usize];
            engine.execute_known(session, Args::new(bytes, ranges), &request.ahead);
            used = request.end as usize;
        }
        used
    }
}

impl Reactor {
    /// Reads and executes for every connection that is ready; each gets one read a turn.
    pub(crate) fn execute_ready(&mut self) {
        if self.runnable.is_empty() {
            return;
        }
        let mut ready = std::mem::take(&mut self.runnable);
        for group in ready.chunks(BATCH_CONNECTIONS) {
            self.execute_group(group);
        }
        // The list's allocation is kept; connections that have more are already in the new list.
        ready.clear();
        ready.append(&mut self.runnable);
        self.runnable = ready;
    }

    fn execute_group(&mut self, group: &[SessionKey]) {
        let mut batch = std::mem::take(&mut self.batch);
        let mut offset = 0;
        for &key in group {
            if let Some(share) = self.read_share(key, &mut batch, &mut offset) {
                batch.shares.push(share);
            }
        }
        for share in &batch.shares {
            let Some(session) = self.engine.clients.sessions.get(share.key) else { continue };
            for request in &batch.requests[share.requests.clone()] {
                self.engine.look_closer(session, &request.ahead);
            }
        }
        let mut shares = std::mem::take(&mut batch.shares);
        self.engine.commands_in_a_row(true);
        for share in shares.drain(..) {
            self.execute_share(share, &batch);
        }
        self.engine.commands_in_a_row(false);
        batch.shares = shares;
        batch.ranges.clear();
        batch.requests.clear();
        self.batch = batch;
    }

    /// Reads from one connection into the arena, and parses. A connection with an unfinished request
    /// is served at once, from its own buffer.
    fn read_share(&mut self, key: SessionKey, batch: &mut Batch, offset: &mut usize) -> Option<Share> {
        let connection = self.connections.get_mut(key as usize)?.as_mut()?;
        connection.queued = false;
        let session = self.engine.clients.sessions.get_mut(key)?;
        if session.is_suspended() {
            // What has arrived stays in the socket until the session goes on. WAIT may have no end, so
            // a client that has gone does not keep it.
            if connection.hung_up
                && matches!(session.suspension, Suspension::Replicas { .. } | Suspension::Keys)
            {
                self.close(key);
            }
            return None;
        }
        self.buffers.lend(&mut session.out);
        if connection.pending.is_some() {
            let mut session = self.engine.clients.sessions.take(key)?;
            let alive = connection.serve_pending(&mut self.engine, &mut session);
            self.finish(session, alive);
            return None;
        }
        let region = &mut self.arena[*offset..(*offset + READ_BYTES_MIN).min(READ_ARENA_BYTES)];
        let (got, alive) = connection.read_fresh(region).map_or((0, false), |got| (got, true));
        self.engine.stats.counters.net_input_bytes += got as u64;
        let start = *offset;
        *offset += got.next_multiple_of(64);
        let first = batch.requests.len();
        let session = self.engine.clients.sessions.get(key)?;
        batch.parse(&self.engine, session, &mut self.parser, &self.arena[start..start + got]);
        Some(Share { key, start, len: got, requests: first..batch.requests.len(), alive })
    }

    fn execute_share(&mut self, share: Share, batch: &Batch) {
        let Some(mut session) = self.engine.clients.sessions.take(share.key) else { return };
        let bytes = &self.arena[share.start..share.start + share.len];
        let used = batch.execute(&mut self.engine, &mut session, &share, bytes);
        let rest = &bytes[used..];
        let executed = turn::execute(&mut self.engine, &mut session, &mut self.parser, rest);
        if let Some(Some(connection)) = self.connections.get_mut(share.key as usize) {
            connection.interrupted = executed.interrupted;
            connection.keep(&rest[executed.used..], &mut self.parser);
        }
        self.parser.reset();
        self.finish(session, share.alive);
    }

    /// Puts a session back after its share of the turn.
    fn finish(&mut self, mut session: Box<Session>, alive: bool) {
        let key = session.key;
        if let Some(Some(connection)) = self.connections.get_mut(key as usize) {
            session.query_bytes = connection.pending.as_ref().map_or(0, |pending| pending.query.len());
            let more = connection.readable || (connection.interrupted && connection.pending.is_some());
            if alive && more && !session.is_suspended() && !connection.queued {
                connection.queued = true;
                self.runnable.push(key);
            }
        }
        session.close_now |= !alive;
        self.unsent.push(key);
        self.engine.clients.sessions.put(session);
    }
}
