//! The border to the control plane: requests in, events out, each in batches.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use garrison_engine_core::base::clock::BootMs;
use garrison_engine_core::cluster::slots::SlotTable;
use garrison_engine_core::engine::effects::Event;
use garrison_engine_core::resp::OwnedArgs;
use rustix::event::{eventfd, EventfdFlags};

/// What the control plane asks of the data plane.
#[derive(Debug)]
pub enum Request {
    /// The answer to a command, encoded.
    Reply {
        /// The ticket of [`Event::Command`].
        ticket: u64,
        /// The reply.
        reply: Vec<u8>,
    },
    /// Directives with new values, applied whole or not at all; the answer is [`Event::Applied`].
    Apply {
        /// The ticket of the answer.
        ticket: u64,
        /// Directives and values.
        values: HashMap<String, Vec<u8>>,
    },
    /// Replace the slot table.
    InstallSlots {
        /// The new one.
        table: Box<SlotTable>,
    },
    /// Writes may be acknowledged until this time of the boot clock.
    ExtendLease {
        /// Milliseconds of the clock that runs while the process sleeps.
        until_boot_ms: BootMs,
    },
    /// Become a replica.
    Follow {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// The number of this order.
        order: u64,
    },
    /// Be a primary with the data that is here.
    Promote {
        /// The number of this order.
        order: u64,
    },
    /// Hold commands until this time of the boot clock.
    Pause {
        /// Milliseconds.
        until_boot_ms: BootMs,
        /// Which of them.
        mode: PauseMode,
    },
    /// End the pause.
    Unpause,
    /// The Sentinels say that this node is the primary: release the writes of this hold.
    ReleaseHold {
        /// The number of the hold in which they were asked.
        round: u64,
    },
    /// The Sentinels name another primary: follow it, which ends this hold.
    FollowInHold {
        /// Where it is.
        host: String,
        /// Its port for clients.
        port: u16,
        /// The number of the hold in which they were asked.
        round: u64,
    },
    /// Hold writes after a sleep of more than this; Sentinels are known.
    WatchSleep {
        /// Milliseconds; 0: never.
        ms_max: i64,
    },
    /// Run a command as the control plane; the reply comes back as [`Event::Ran`].
    Run {
        /// The ticket of the reply.
        ticket: u64,
        /// The command.
        args: OwnedArgs,
    },
    /// Carry out commands that a function in Python reads with; the answer is [`Event::FunctionReplies`].
    FunctionRead {
        /// The ticket of [`Event::FunctionCall`].
        ticket: u64,
        /// The commands.
        commands: Vec<OwnedArgs>,
    },
    /// Apply what a function in Python writes, and answer its client; [`Event::FunctionReplies`] tells what became of it.
    FunctionCommit {
        /// The ticket of [`Event::FunctionCall`].
        ticket: u64,
        /// The writes.
        commands: Vec<OwnedArgs>,
        /// The reply, in pieces between which the replies to writes stand.
        pieces: Vec<Vec<u8>>,
        /// The numbers of these writes.
        holes: Vec<u64>,
    },
    /// A message that came over the cluster bus, for this node's subscribers.
    Publish {
        /// Its channel.
        channel: Vec<u8>,
        /// The message.
        message: Vec<u8>,
        /// Whether the channel is a shard channel.
        sharded: bool,
    },
    /// Delete the keys of these slots, in steps.
    DropSlots {
        /// First and last slot of each range.
        ranges: Vec<(u16, u16)>,
    },
    /// Close the connections of these clients at once.
    CloseClients {
        /// As CLIENT ID tells them; one that has gone is passed over.
        ids: Vec<u64>,
    },
    /// Delete all keys.
    Empty,
    /// Fields of INFO that only the process knows.
    InfoFields {
        /// Values by field.
        values: HashMap<String, String>,
    },
    /// The addresses of a host name, or why there are none (from the resolver's thread).
    Resolved {
        /// The number of the question.
        question: u64,
        /// The answer.
        addresses: Result<Vec<std::net::SocketAddr>, String>,
    },
    /// The control plane has given this node its part: serve clients, with what was read from files.
    Serve,
    /// Put what was written so far on the disk; the answer is [`Event::Persisted`].
    Persist {
        /// The ticket of the answer.
        ticket: u64,
        /// Whether a snapshot is written too.
        snapshot: bool,
    },
    /// What became of an order to the disk (from the thread of files).
    Disk {
        /// What.
        report: garrison_engine_core::persistence::state::disk::DiskReport,
    },
    /// A file of the log is open (from the thread of files).
    LogOpened {
        /// The number of the order.
        order: u64,
        /// It.
        file: std::fs::File,
    },
    /// Close everything and end the thread.
    Stop,
}

/// Which commands a pause of the control plane holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseMode {
    /// Those that write.
    Write,
    /// All of clients.
    All,
}

/// Most requests that may wait; the control plane is told when it is reached.
pub const MAILBOX_REQUESTS_MAX: usize = 1_000_000;

/// Requests to the data plane.
pub struct Mailbox {
    requests: Mutex<Vec<Request>>,
    waker: mio::Waker,
}

impl Mailbox {
    pub(crate) fn new(waker: mio::Waker) -> Self {
        Mailbox { requests: Mutex::new(Vec::new()), waker }
    }

    /// Puts requests in; the reactor wakes.
    ///
    /// # Errors
    /// When more than [`MAILBOX_REQUESTS_MAX`] requests wait: the data plane does not keep up.
    pub fn post(&self, requests: impl IntoIterator<Item = Request>) -> io::Result<()> {
        let mut waiting = lock(&self.requests);
        if waiting.len() >= MAILBOX_REQUESTS_MAX {
            return Err(io::Error::other(
                "the data plane does not take its requests: it may be stuck in a command",
            ));
        }
        waiting.extend(requests);
        drop(waiting);
        self.waker.wake()
    }

    /// Takes all requests.
    pub(crate) fn drain(&self) -> Vec<Request> {
        std::mem::take(&mut *lock(&self.requests))
    }
}

/// Events for the control plane.
pub struct Outbox {
    events: Mutex<Vec<Event>>,
    ready: OwnedFd,
    signalled: AtomicBool,
}

impl Outbox {
    /// An empty outbox.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let ready = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Outbox { events: Mutex::new(Vec::new()), ready, signalled: AtomicBool::new(false) })
    }

    /// The descriptor that is readable while events wait.
    pub fn fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }

    /// Moves events in.
    pub(crate) fn put(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        lock(&self.events).append(events);
        if !self.signalled.swap(true, Ordering::AcqRel) {
            // The counter cannot overflow: it is reset before `signalled` is.
            let _ = rustix::io::write(&self.ready, &1u64.to_ne_bytes());
        }
    }

    /// Puts in the last event.
    pub fn close(&self, last: Event) {
        self.put(&mut vec![last]);
    }

    /// Takes all events.
    pub fn drain(&self) -> Vec<Event> {
        let mut counter = [0u8; 8];
        let _ = rustix::io::read(&self.ready, &mut counter);
        self.signalled.store(false, Ordering::Release);
        std::mem::take(&mut *lock(&self.events))
    }
}

/// A poisoned lock still guards a whole queue: nothing is left half done under it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
