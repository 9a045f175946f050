//! One client connection: its socket, what was read and not yet parsed, and what is not yet sent.

use std::io::{self, Read, Write};

use garrison_engine_core::clients::session::Session;
use garrison_engine_core::engine::Engine;
use garrison_engine_core::resp::request::Parser;

use crate::buffers::{ReplyBuffers, READ_BYTES_MIN};
use crate::turn;

/// A stream socket.
pub enum Socket {
    /// TCP.
    Tcp(mio::net::TcpStream),
    /// Unix.
    Unix(mio::net::UnixStream),
}

impl Socket {
    /// The socket as an event source.
    pub fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Socket::Tcp(stream) => stream,
            Socket::Unix(stream) => stream,
        }
    }

    /// Reads once; an interrupted read is tried again.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Socket::Tcp(stream) => stream.read(buffer),
                Socket::Unix(stream) => stream.read(buffer),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Writes once; an interrupted write is tried again.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Socket::Tcp(stream) => stream.write(bytes),
                Socket::Unix(stream) => stream.write(bytes),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// An unfinished request: its bytes so far, and the parser's place in them.
#[derive(Default)]
pub struct Pending {
    /// Bytes that were received and not yet executed.
    pub query: Vec<u8>,
    /// The parser's place in the first request of `query`.
    pub parser: Parser,
}

/// A client connection.
pub struct Connection {
    /// Its socket.
    pub socket: Socket,
    /// What was read and not yet executed; nothing for an idle connection.
    pub pending: Option<Box<Pending>>,
    /// How much of the session's output has been sent.
    sent: usize,
    /// Whether the socket may hold more to read.
    pub readable: bool,
    /// The other side will send no more: once what it sent is read, the connection ends.
    pub hung_up: bool,
    /// Whether the socket may take more.
    pub writable: bool,
    /// Whether it is in the reactor's list of connections to go on with.
    pub queued: bool,
    /// Whether complete requests may lie in `pending`, left there to send replies first.
    pub interrupted: bool,
}

/// What became of an attempt to send.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// Everything was sent.
    All,
    /// The socket is full.
    Part,
    /// The connection is gone.
    Broken,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(socket: Socket) -> Self {
        Connection {
            socket,
            pending: None,
            sent: 0,
            readable: true,
            hung_up: false,
            writable: true,
            queued: false,
            interrupted: false,
        }
    }

    /// Sends what the session has written, as far as the socket takes it.
    pub fn flush(&mut self, session: &mut Session, buffers: &mut ReplyBuffers, bytes_sent: &mut u64) -> Sent {
        while self.sent < session.out.len() {
            if !self.writable {
                return Sent::Part;
            }
            match self.socket.write(&session.out[self.sent..]) {
                Ok(0) => return Sent::Broken,
                Ok(n) => {
                    self.sent += n;
                    *bytes_sent += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.writable = false;
                    self.compact(session);
                    return Sent::Part;
                }
                Err(_) => return Sent::Broken,
            }
        }
        self.sent = 0;
        if session.out.capacity() > 0 {
            buffers.take_back(&mut session.out);
        }
        Sent::All
    }

    /// Drops the sent part of a large output, so that a slow client costs what it has not read.
    fn compact(&mut self, session: &mut Session) {
        if self.sent > session.out.len() / 2 {
            session.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Reads once into a part of the shared arena; tells how many bytes came.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn read_fresh(&mut self, arena: &mut [u8]) -> Result<usize, ()> {
        match self.socket.read(arena) {
            Ok(0) => Err(()),
            Ok(got) => {
                self.readable = self.hung_up || got == arena.len();
                Ok(got)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(0)
            }
            Err(_) => Err(()),
        }
    }

    /// Keeps bytes that were read and not executed, with the parser's place in them.
    pub fn keep(&mut self, bytes: &[u8], parser: &mut Parser) {
        if !bytes.is_empty() {
            self.pending = Some(Box::new(Pending { query: bytes.to_vec(), parser: std::mem::take(parser) }));
        }
    }

    /// Goes on with what was kept: reads more unless complete requests may lie there, and executes.
    ///
    /// Returns whether the connection lives on.
    pub fn serve_pending(&mut self, engine: &mut Engine, session: &mut Session) -> bool {
        if !std::mem::take(&mut self.interrupted) && self.readable {
            match self.read_pending() {
                Ok(0) => return false,
                Ok(got) => engine.stats.counters.net_input_bytes += got as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        let Some(pending) = self.pending.as_deref_mut() else { return true };
        let executed = turn::execute(engine, session, &mut pending.parser, &pending.query);
        self.interrupted = executed.interrupted;
        if executed.used == pending.query.len() {
            self.pending = None;
        } else {
            pending.query.drain(..executed.used);
            if pending.query.len() as u64 > engine.settings.client_query_buffer_limit {
                engine.query_limit_reached(session, pending.query.len());
                return false;
            }
        }
        true
    }

    /// Reads once into the pending request.
    ///
    /// The buffer grows with what has come in, never by what a length merely promises.
    fn read_pending(&mut self) -> io::Result<usize> {
        let pending = self.pending.get_or_insert_with(Default::default);
        let have = pending.query.len();
        let wanted = pending
            .parser
            .bytes_needed()
            .saturating_sub(have)
            .clamp(READ_BYTES_MIN, have.max(READ_BYTES_MIN));
        pending.query.resize(have + wanted, 0);
        let result = self.socket.read(&mut pending.query[have..]);
        let got = *result.as_ref().unwrap_or(&0);
        pending.query.truncate(have + got);
        self.readable = self.hung_up || got == wanted;
        result
    }
}
