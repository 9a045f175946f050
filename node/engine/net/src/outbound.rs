//! Connections that this node opens: the link to its primary, and MIGRATE's to other nodes.
//!
//! A host name is resolved by a thread of its own, as the system's resolver blocks; an address is
//! connected to at once. The socket is watched like a client's: edge-triggered, both ways.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::mailbox::{Mailbox, Request};

/// Bytes that one read takes.
const READ_BYTES: usize = 64 * 1024;

enum State {
    /// Waiting for the resolver's answer to this question.
    Resolving(u64),
    /// The socket is being connected.
    Connecting(TcpStream),
    /// Bytes may flow.
    Open(TcpStream),
    /// Over.
    Closed,
}

/// A connection to another server.
pub struct Outbound {
    state: State,
    token: Token,
    /// Bytes to send; the sent part is dropped.
    pub out: Vec<u8>,
    sent: usize,
    writable: bool,
}

/// What has become possible on a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing new.
    Nothing,
    /// It is connected.
    Connected,
    /// It failed, and is closed.
    Failed(String),
}

impl Outbound {
    /// Begins to connect. `question` numbers the resolver's answer, should one be needed.
    pub fn connect(
        host: &str,
        port: u16,
        token: Token,
        question: u64,
        registry: &Registry,
        mailbox: &Arc<Mailbox>,
    ) -> Result<Self, String> {
        let mut outbound =
            Outbound { state: State::Closed, token, out: Vec::new(), sent: 0, writable: false };
        match host.parse::<IpAddr>() {
            Ok(ip) => outbound.dial(SocketAddr::new(ip, port), registry)?,
            Err(_) => {
                resolve(host.to_owned(), port, question, mailbox.clone())?;
                outbound.state = State::Resolving(question);
            }
        }
        Ok(outbound)
    }

    fn dial(&mut self, address: SocketAddr, registry: &Registry) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot connect to {address}: {error}");
        let mut stream = TcpStream::connect(address).map_err(failed)?;
        registry
            .register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)
            .map_err(failed)?;
        self.state = State::Connecting(stream);
        Ok(())
    }

    /// Takes the resolver's answer, if it is to this connection's question.
    pub fn resolved(
        &mut self,
        question: u64,
        addresses: &Result<Vec<SocketAddr>, String>,
        registry: &Registry,
    ) -> Progress {
        if !matches!(self.state, State::Resolving(asked) if asked == question) {
            return Progress::Nothing;
        }
        self.state = State::Closed;
        let dialled = match addresses {
            Ok(addresses) => match addresses.first() {
                Some(address) => self.dial(*address, registry),
                None => Err("the name has no address".into()),
            },
            Err(error) => Err(error.clone()),
        };
        dialled.map_or_else(Progress::Failed, |()| Progress::Nothing)
    }

    /// The kernel reports readiness.
    pub fn ready(&mut self, writable: bool) -> Progress {
        self.writable |= writable;
        let State::Connecting(stream) = &self.state else { return Progress::Nothing };
        if let Ok(Some(error)) | Err(error) = stream.take_error() {
            self.state = State::Closed;
            return Progress::Failed(format!("cannot connect: {error}"));
        }
        if stream.peer_addr().is_err() {
            return Progress::Nothing;
        }
        let _ = stream.set_nodelay(true);
        if let State::Connecting(stream) = std::mem::replace(&mut self.state, State::Closed) {
            self.state = State::Open(stream);
        }
        self.writable = true;
        Progress::Connected
    }

    /// Whether bytes may flow.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Reads once into `buffer`. No bytes: nothing waits; an error: the connection is over.
    pub fn read<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], String> {
        let State::Open(stream) = &mut self.state else { return Ok(&[]) };
        buffer.resize(READ_BYTES, 0);
        match stream.read(buffer) {
            Ok(0) => Err("the other side closed the connection".into()),
            Ok(got) => Ok(&buffer[..got]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(&[])
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Sends what waits in `out`, as far as the socket takes it.
    pub fn flush(&mut self) -> Result<(), String> {
        let State::Open(stream) = &mut self.state else { return Ok(()) };
        while self.writable && self.sent < self.out.len() {
            match stream.write(&self.out[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        Ok(())
    }

    /// Closes the socket.
    pub fn close(&mut self, registry: &Registry) {
        if let State::Open(mut stream) | State::Connecting(mut stream) =
            std::mem::replace(&mut self.state, State::Closed)
        {
            let _ = registry.deregister(&mut stream);
        }
    }
}

/// Asks the system's resolver in a thread of its own; the answer comes by the mailbox.
fn resolve(host: String, port: u16, question: u64, mailbox: Arc<Mailbox>) -> Result<(), String> {
    let ask = move || {
        let addresses = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port))
            .map(Iterator::collect)
            .map_err(|error| format!("cannot resolve {host}: {error}"));
        // A full mailbox loses the answer; the connection's own timeout then ends the attempt.
        let _ = mailbox.post([Request::Resolved { question, addresses }]);
    };
    let spawned = std::thread::Builder::new().name("resolver".into()).spawn(ask);
    spawned.map(drop).map_err(|error| format!("cannot start a resolver: {error}"))
}
