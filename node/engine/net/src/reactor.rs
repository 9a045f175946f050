//! The reactor: one thread, one poll, one engine.
//!
//! A turn: wait; read the clock; accept, read and execute what is ready; let the engine end its turn;
//! carry out its actions; send replies; hand events to the control plane. Sockets are registered once,
//! edge-triggered: a short read tells that a socket is drained, a refused write that it is full.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use garrison_engine_core::base::clock::BootMs;
use garrison_engine_core::clients::origin::Origin;
use garrison_engine_core::clients::session::SessionKey;
use garrison_engine_core::engine::effects::Level;
use garrison_engine_core::engine::Engine;
use garrison_engine_core::replication::state::snapshot_link::Channel;
use garrison_engine_core::resp::request::Parser;
use mio::{Events, Interest, Poll, Token};

use crate::batch::Batch;
use crate::buffers::{ReplyBuffers, READ_ARENA_BYTES};
use crate::clock;
use crate::connection::{Connection, Sent, Socket};
use crate::files::Files;
use crate::freeing::Freeing;
use crate::listen::{self, ListenError, Listener};
use crate::loading::Loading;
use crate::mailbox::{Mailbox, Outbox};
use crate::migrations::Migrations;
use crate::networks::Networks;
use crate::primary::Link;

const WAKER: Token = Token(0);
/// The connections to the primary; the second one is for snapshots.
pub(crate) const PRIMARY: Token = Token(1);
const PRIMARIES: std::ops::Range<usize> = 1..3;
const LISTENERS: std::ops::Range<usize> = 16..512;
const MIGRATIONS: std::ops::Range<usize> = 512..1024;
const CONNECTIONS: usize = 1024;
/// Most readiness events that one turn takes from the kernel.
const EVENTS_PER_TURN: usize = 1024;
/// Most connections that one turn accepts from one listener.
const ACCEPTS_PER_TURN: usize = 256;

/// The reactor and its engine.
pub struct Reactor {
    pub(crate) engine: Engine,
    pub(crate) poll: Poll,
    pub(crate) connections: Vec<Option<Connection>>,
    listeners: Vec<Listener>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) outbox: Arc<Outbox>,
    /// One for each [`Channel`].
    pub(crate) primary: [Link; 2],
    pub(crate) primary_buffer: Vec<u8>,
    /// Number of the resolver's question for the link; counts down, apart from the migrations' numbers.
    pub(crate) primary_question: u64,
    pub(crate) migrations: Migrations,
    networks: Networks,
    pub(crate) buffers: ReplyBuffers,
    pub(crate) arena: Box<[u8]>,
    pub(crate) parser: Parser,
    pub(crate) batch: Batch,
    freeing: Freeing,
    pub(crate) files: Files,
    /// The file that the log is written to, and those that were opened for it, by the orders' numbers.
    pub(crate) log_file: Option<File>,
    pub(crate) opened_log_files: HashMap<u64, File>,
    /// What is being read from files.
    pub(crate) loading: Option<Loading>,
    /// Replicas that have something to be sent; kept for its allocation.
    pub(crate) replicas: Vec<SessionKey>,
    /// Whether a replica's share of the turn was used up.
    pub(crate) stream_has_more: bool,
    /// The last turn went on with a snapshot, and the next one may have something to send of it.
    walked: bool,
    /// Connections with more to read or to execute.
    pub(crate) runnable: Vec<SessionKey>,
    /// Connections whose session has written something this turn.
    pub(crate) unsent: Vec<SessionKey>,
    /// Listeners whose queue was not empty when their share of the turn was used up.
    accept_again: Vec<usize>,
    /// Listeners that clients knock at while the data is read, which may be over before they notice.
    accept_when_loaded: Vec<usize>,
    /// Listeners that failed, to be tried again with the background work.
    accept_later: Vec<usize>,
    pub(crate) stopping: bool,
    next_cron_ms: BootMs,
}

impl Reactor {
    /// Opens the listening sockets.
    ///
    /// # Errors
    /// [`ListenError`] names the address that cannot be had.
    pub fn new(engine: Engine, outbox: Arc<Outbox>) -> Result<Self, ListenError> {
        let listeners = listen::open(&engine.settings)?;
        Self::with_listeners(engine, outbox, listeners)
            .map_err(|error| ListenError { address: "the event queue".into(), error })
    }

    fn with_listeners(engine: Engine, outbox: Arc<Outbox>, mut listeners: Vec<Listener>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mailbox = Arc::new(Mailbox::new(mio::Waker::new(poll.registry(), WAKER)?));
        for (index, listener) in listeners.iter_mut().enumerate() {
            let source: &mut dyn mio::event::Source = match listener {
                Listener::Tcp(listener) => listener,
                Listener::Unix(listener) => listener,
            };
            poll.registry().register(source, Token(LISTENERS.start + index), Interest::READABLE)?;
        }
        Ok(Reactor {
            engine,
            poll,
            connections: Vec::new(),
            listeners,
            mailbox,
            outbox,
            primary: Default::default(),
            primary_buffer: Vec::new(),
            primary_question: u64::MAX,
            migrations: Migrations::new(MIGRATIONS),
            networks: Networks::of_this_machine(),
            buffers: ReplyBuffers::default(),
            arena: vec![0; READ_ARENA_BYTES].into_boxed_slice(),
            parser: Parser::default(),
            batch: Batch::default(),
            freeing: Freeing::default(),
            files: Files::default(),
            log_file: None,
            opened_log_files: HashMap::new(),
            loading: None,
            replicas: Vec::new(),
            stream_has_more: false,
            walked: false,
            runnable: Vec::new(),
            unsent: Vec::new(),
            accept_again: Vec::new(),
            accept_later: Vec::new(),
            accept_when_loaded: Vec::new(),
            stopping: false,
            next_cron_ms: BootMs::ZERO,
        })
    }

    /// Where requests to this reactor go.
    pub fn mailbox(&self) -> Arc<Mailbox> {
        self.mailbox.clone()
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// When the kernel's event queue fails, or the node's files cannot be read.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        self.begin_load()?;
        while !self.stopping {
            self.turn(&mut events)?;
        }
        Ok(())
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        match self.poll.poll(events, Some(self.patience())) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let before_ms = self.engine.clock.boot_ms;
        self.engine.clock = clock::now();
        let (began_us, commands) = (clock::ticks(), self.engine.stats.counters.commands_processed);
        self.engine.turn_begins(before_ms, clock::worked_ms);
        self.engine.stats.counters.turns += 1;
        for event in events.iter() {
            match event.token() {
                WAKER => self.take_requests(),
                Token(token) if PRIMARIES.contains(&token) => {
                    self.primary_ready(Channel::ALL[token - PRIMARY.0], event.is_writable());
                }
                Token(token) if MIGRATIONS.contains(&token) => {
                    let registry = self.poll.registry();
                    self.migrations.ready(token, event.is_writable(), &mut self.engine, registry);
                }
                Token(token) if token >= CONNECTIONS => {
                    let key = (token - CONNECTIONS) as SessionKey;
                    self.mark_ready(key, event.is_readable(), event.is_writable(), event.is_read_closed());
                }
                Token(token) => self.accept(token - LISTENERS.start),
            }
        }
        if !self.accept_when_loaded.is_empty() && !self.engine.is_loading_unseen() {
            self.accept_again.append(&mut self.accept_when_loaded);
        }
        for index in std::mem::take(&mut self.accept_again) {
            self.accept(index);
        }
        if self.loading.is_some() {
            self.load_some()?;
        }
        self.engine.check_start().map_err(io::Error::other)?;
        self.execute_ready();
        if self.engine.clock.boot_ms >= self.next_cron_ms {
            self.next_cron_ms =
                self.engine.clock.boot_ms + 1000 / self.engine.settings.hz.clamp(1, 500) as i64;
            self.accept_again.append(&mut self.accept_later);
            if self.engine.cluster.hold.sleep_ms_max > 0 {
                self.engine.cluster.hold.worked_ms = clock::worked_ms();
            }
            let cron_began_us = clock::ticks();
            self.engine.cron();
            self.engine.stats.counters.event_loop.cron_us += clock::ticks() - cron_began_us;
            self.migrations.cron(&mut self.engine, self.poll.registry());
        } else if self.engine.has_more_to_expire() {
            self.engine.expire_some();
        }
        if !self.engine.script_wants_turn() {
            self.serve_primary();
        }
        self.engine.finish_commands();
        self.carry_out_actions();
        self.write_log();
        self.send_replies();
        self.walked = self.engine.walk_snapshots();
        self.freeing.free(&mut self.engine);
        self.outbox.put(&mut self.engine.effects.events);
        let counters = &mut self.engine.stats.counters;
        // CONFIG RESETSTAT may have set the counter back.
        let commands = counters.commands_processed.saturating_sub(commands);
        counters.event_loop.turned(clock::ticks() - began_us, commands);
        Ok(())
    }

    /// How long the poll may wait.
    fn patience(&self) -> Duration {
        if self.primary_has_more()
            || self.stream_has_more
            || self.walked
            || self.engine.replication_wants_turn()
            || self.engine.persistence_wants_turn()
            || self.engine.has_more_to_evict()
            || self.engine.script_wants_turn()
            || !self.runnable.is_empty()
            || !self.accept_again.is_empty()
            || !self.engine.effects.actions.is_empty()
        {
            return Duration::ZERO;
        }
        if self.engine.has_more_to_expire() || self.loading.is_some() {
            return Duration::from_millis(1);
        }
        let cron_ms = self.next_cron_ms - self.engine.clock.boot_ms;
        let now_ms = self.engine.clock.boot_ms;
        let due_ms = self.engine.next_deadline_boot_ms().map_or(i64::MAX, |due| due.saturating_since(now_ms));
        Duration::from_millis(cron_ms.min(due_ms).clamp(0, 1000) as u64)
    }

    fn mark_ready(&mut self, key: SessionKey, readable: bool, writable: bool, hung_up: bool) {
        let Some(Some(connection)) = self.connections.get_mut(key as usize) else { return };
        if writable && !connection.writable {
            connection.writable = true;
            self.unsent.push(key);
        }
        connection.hung_up |= hung_up;
        if readable || hung_up {
            connection.readable = true;
            if !connection.queued {
                connection.queued = true;
                self.runnable.push(key);
            }
        }
    }

    /// Sends what sessions have written, and closes those that are done.
    fn send_replies(&mut self) {
        self.engine.withhold_replies_without_lease(clock::now);
        self.engine.withhold_replies_after_sleep(&self.unsent, clock::now, clock::worked_ms);
        self.send_streams();
        let mut unsent = std::mem::take(&mut self.unsent);
        for key in unsent.drain(..) {
            self.send_reply(key);
        }
        self.unsent = unsent;
    }

    pub(crate) fn send_reply(&mut self, key: SessionKey) {
        if self.engine.is_withheld(key) {
            return;
        }
        let Some(Some(connection)) = self.connections.get_mut(key as usize) else { return };
        let Some(session) = self.engine.clients.sessions.get_mut(key) else { return };
        if session.close_now {
            return self.close(key);
        }
        let sent =
            connection.flush(session, &mut self.buffers, &mut self.engine.stats.counters.net_output_bytes);
        match sent {
            Sent::All if session.close_after_reply => self.close(key),
            Sent::All if session.origin == Origin::Replica => self.send_stream(key),
            Sent::All => {}
            Sent::Part => self.engine.output_is_waiting(key),
            Sent::Broken => self.close(key),
        }
    }

    /// Closes a connection and its session.
    pub(crate) fn close(&mut self, key: SessionKey) {
        if let Some(mut connection) = self.connections.get_mut(key as usize).and_then(Option::take) {
            let _ = self.poll.registry().deregister(connection.socket.source());
        }
        self.engine.close_session(key);
    }

    fn carry_out_actions(&mut self) {
        // Carrying out one action may ask for another.
        while !self.engine.effects.actions.is_empty() {
            for action in std::mem::take(&mut self.engine.effects.actions) {
                self.carry_out(action);
            }
            self.migrations.flush(&mut self.engine, self.poll.registry());
        }
    }

    /// A session takes commands again.
    pub(crate) fn resume(&mut self, key: SessionKey) {
        self.engine.retry(key);
        self.unsent.push(key);
        let Some(Some(connection)) = self.connections.get_mut(key as usize) else { return };
        if !connection.queued && (connection.readable || connection.pending.is_some()) {
            connection.queued = true;
            self.runnable.push(key);
        }
    }

    fn accept(&mut self, index: usize) {
        if self.engine.is_loading_unseen() {
            self.accept_when_loaded.push(index);
            return;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            let accepted = match self.listeners.get(index) {
                Some(Listener::Tcp(listener)) => listener.accept().map(|(stream, _)| Socket::Tcp(stream)),
                Some(Listener::Unix(listener)) => listener.accept().map(|(stream, _)| Socket::Unix(stream)),
                None => return,
            };
            match accepted {
                Ok(socket) => self.open(socket),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of descriptors, most likely. The edge is gone, so the next background turn tries again.
                    self.engine.log(Level::Warning, format!("Accepting a connection failed: {error}"));
                    self.accept_later.push(index);
                    return;
                }
            }
        }
        // More may wait, and an edge is reported once only.
        self.accept_again.push(index);
    }

    /// Takes a new connection in, or refuses it with a reason.
    fn open(&mut self, mut socket: Socket) {
        let (addr, laddr, local) = listen::describe(&socket);
        listen::tune(&socket, &self.engine.settings);
        if let Some(refusal) = self.engine.refusal(local) {
            let _ = socket.write(refusal.as_bytes());
            return;
        }
        let outside = listen::peer_ip(&socket).is_some_and(|ip| self.networks.is_outside(ip));
        let session = self.engine.open_session(Origin::Client);
        session.outside = outside;
        session.addr = addr;
        session.laddr = laddr;
        session.fd = listen::descriptor(&socket);
        let key = session.key;
        self.insert(key, socket);
    }

    /// Registers the socket of an open session.
    pub(crate) fn insert(&mut self, key: SessionKey, mut socket: Socket) {
        let token = Token(CONNECTIONS + key as usize);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(socket.source(), token, interest) {
            self.engine.log(Level::Warning, format!("Watching a connection failed: {error}"));
            return self.engine.close_session(key);
        }
        if self.connections.len() <= key as usize {
            self.connections.resize_with(key as usize + 1, || None);
        }
        self.connections[key as usize] = Some(Connection::new(socket));
    }
}
