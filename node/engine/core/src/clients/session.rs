//! Sessions: what the engine knows of each connection.
//!
//! A session owns its reply buffer and nothing of the socket; the reactor drains the buffer. An idle
//! session holds no buffer at all: the reactor lends it one from a pool while a reply is under way.

use std::collections::HashSet;

use crate::base::clock::BootMs;
use crate::clients::origin::{Origin, User};
use crate::clients::pubsub::ChannelKind;
use crate::clients::transaction::Transaction;
use crate::resp::reply::Reply;
use crate::resp::OwnedArgs;

/// Bytes that one subscription is taken to cost.
const SUBSCRIPTION_BYTES: usize = 96;

/// Index of a session in [`Sessions`]; reused after the session is closed.
pub type SessionKey = u32;

/// Names a MIGRATE whose keys are on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MigrationTicket(pub u64);

impl MigrationTicket {
    /// The one after it.
    pub(crate) const fn next(self) -> Self {
        MigrationTicket(self.0 + 1)
    }
}

/// Why a session takes no further command for now.
#[derive(Clone, Debug, Default)]
pub enum Suspension {
    /// It takes commands.
    #[default]
    None,
    /// The control plane answers its command, under this ticket.
    Control {
        /// The ticket of the answer.
        ticket: u64,
    },
    /// Its function in Python runs, in a worker of the control plane.
    Function {
        /// The ticket of the call.
        ticket: u64,
    },
    /// EXEC: the control plane answers the control commands of the queue first.
    Exec(Box<crate::clients::transaction::Asked>),
    /// WAIT: until enough replicas have acknowledged the offset, or its deadline in the waiting room.
    Replicas {
        /// The offset that replicas must acknowledge.
        offset: u64,
        /// How many replicas must.
        wanted: usize,
    },
    /// WAITAOF: until an offset is on enough disks, or its deadline in the waiting room.
    Disks {
        /// The offset.
        offset: u64,
        /// Whether it must be on this node's disk.
        local: bool,
        /// On how many replicas' disks it must be.
        wanted: usize,
    },
    /// Its command is to be carried out again when one of some keys is ready; see [`KeyWait`].
    Keys,
    /// Its command is to be carried out again when a pause or a key's migration ends.
    Retry(Box<OwnedArgs>),
    /// Its script runs, and goes on in the next turn.
    Script,
    /// MIGRATE waits for the target, under this ticket.
    Migrate {
        /// The ticket of the migration.
        ticket: MigrationTicket,
    },
}

impl Suspension {
    /// Whether it ends by itself, or by CLIENT UNBLOCK.
    pub fn can_be_ended(&self) -> bool {
        matches!(self, Suspension::Replicas { .. } | Suspension::Disks { .. } | Suspension::Keys)
    }
}

/// What a session that waits for keys needs to go on. It is kept while a pause holds the command in between.
#[derive(Clone, Debug)]
pub struct KeyWait {
    /// The command, carried out again when a key is ready.
    pub args: OwnedArgs,
    /// The type that a key must have to be of use; none where any change is.
    pub type_name: Option<&'static str>,
    /// Until when, in milliseconds of the boot clock.
    pub deadline_boot_ms: Option<BootMs>,
    /// What is answered when nothing has come until then.
    pub on_timeout: fn(&mut Reply<'_>),
    /// Its place in the order of arrival.
    pub arrival: u64,
}

/// What the session has subscribed to.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// Channels by name.
    pub channels: HashSet<Box<[u8]>>,
    /// Patterns.
    pub patterns: HashSet<Box<[u8]>>,
    /// Shard channels.
    pub shard_channels: HashSet<Box<[u8]>>,
}

impl Subscriptions {
    /// The names of one kind.
    pub fn of(&self, kind: ChannelKind) -> &HashSet<Box<[u8]>> {
        match kind {
            ChannelKind::Channel => &self.channels,
            ChannelKind::Pattern => &self.patterns,
            ChannelKind::Shard => &self.shard_channels,
        }
    }

    /// Number of channels and patterns together, as SUBSCRIBE reports it.
    pub fn count(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }
}

/// One connection, as the engine sees it.
#[derive(Debug)]
pub struct Session {
    /// Number that CLIENT ID reports; never reused.
    pub id: u64,
    /// Its place in [`Sessions`].
    pub key: SessionKey,
    /// Where its commands come from.
    pub origin: Origin,
    /// For whom it speaks; nobody before it has authenticated.
    pub user: Option<User>,
    /// The selected database.
    pub db: usize,
    /// Protocol version, 2 or 3.
    pub resp: u8,
    /// The reply bytes that wait to be sent.
    pub out: Vec<u8>,
    /// Close once `out` is sent.
    pub close_after_reply: bool,
    /// Close now, dropping `out`.
    pub close_now: bool,
    /// Why it takes no further command, if so.
    pub suspension: Suspension,
    /// CLIENT REPLY asked that the answer to the command that it waits with be dropped.
    pub drops_answer: bool,
    /// What it needs to go on, while it waits for keys.
    pub key_wait: Option<Box<KeyWait>>,
    /// READONLY was given: a replica answers reads itself.
    pub readonly: bool,
    /// ASKING was given: valid for the next command.
    pub asking: bool,
    /// CLIENT NO-EVICT was given.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH was given.
    pub no_touch: bool,
    /// MONITOR was given.
    pub monitor: bool,
    /// What CLIENT REPLY asked for.
    pub reply_mode: ReplyMode,
    /// MULTI and WATCH state.
    pub transaction: Option<Box<Transaction>>,
    /// Subscriptions, if there are any.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// CLIENT SETNAME.
    pub name: Box<[u8]>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Box<[u8]>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: Box<[u8]>,
    /// The name of the migration link that it is, of a node that sends us keys.
    pub migration_link: Option<Box<[u8]>>,
    /// It came from outside of this machine's networks.
    pub outside: bool,
    /// The peer's address, `host:port`.
    pub addr: Box<str>,
    /// Our address, `host:port`.
    pub laddr: Box<str>,
    /// Socket descriptor, for CLIENT LIST.
    pub fd: i32,
    /// When it connected, in Unix milliseconds.
    pub connected_ms: i64,
    /// When it last sent a command, in Unix milliseconds.
    pub last_command_ms: i64,
    /// Its last command, by its full name.
    pub last_command: Option<&'static str>,
    /// Bytes of requests not yet parsed; kept by the reactor, for CLIENT LIST.
    pub query_bytes: usize,
    /// The socket is full, and output waits.
    pub output_waits: bool,
    /// Since when `out` is over the soft limit, in Unix milliseconds.
    pub over_soft_limit_since_ms: i64,
    /// Number of commands carried out.
    pub commands: u64,
    /// Offset of the replication stream behind the last command of this session, for WAIT.
    pub seen_offset: u64,
    /// Whether the command that runs has changed data.
    pub has_written: bool,
    /// What it has to say waits until the stream is on the disk up to this offset (`appendfsync always`).
    pub synced_wanted: u64,
}

/// What CLIENT REPLY asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// Every reply is sent.
    #[default]
    On,
    /// No reply is sent.
    Off,
    /// The reply of the running command (CLIENT REPLY SKIP itself) is dropped, and the next one too.
    SkipNext,
    /// The reply of the next command is dropped.
    Skip,
}

impl Session {
    /// Whether it speaks for somebody, and may run commands for it.
    #[inline]
    pub fn is_authenticated(&self) -> bool {
        self.user.is_some()
    }

    /// Whether it must not be given its next command yet.
    #[inline]
    pub fn is_suspended(&self) -> bool {
        !matches!(self.suspension, Suspension::None)
    }

    /// Drops the reply of the command that has just run, or the one that it waits for, if CLIENT REPLY asked for that.
    pub(crate) fn apply_reply_mode(&mut self, reply_start: usize) {
        match self.reply_mode {
            ReplyMode::On => return,
            ReplyMode::Off => {}
            ReplyMode::SkipNext => {
                // That was CLIENT REPLY SKIP, or an EXEC with it.
                self.reply_mode = ReplyMode::Skip;
                return;
            }
            ReplyMode::Skip => self.reply_mode = ReplyMode::On,
        }
        self.out.truncate(reply_start);
        self.drops_answer = self.is_suspended();
    }

    /// Drops the reply of a queued command while CLIENT REPLY OFF holds; SKIP is about EXEC as a whole.
    pub(crate) fn drop_queued_reply(&mut self, reply_start: usize) {
        if self.reply_mode == ReplyMode::Off {
            self.out.truncate(reply_start);
        }
    }

    /// Drops what a command that waited has answered since, if CLIENT REPLY asked for that when it began; whether so.
    pub(crate) fn drop_late_reply(&mut self, reply_start: usize) -> bool {
        let is_dropped = self.drops_answer;
        if is_dropped {
            self.out.truncate(reply_start);
            self.drops_answer = self.is_suspended();
        }
        is_dropped
    }

    /// Answers the command that it waited with, unless CLIENT REPLY asked otherwise; it takes commands again.
    pub(crate) fn answer_late(&mut self, answer: impl FnOnce(&mut Reply<'_>)) {
        if !self.drops_answer {
            answer(&mut Reply::new(&mut self.out, self.resp));
        }
        self.drops_answer = false;
        self.suspension = Suspension::None;
        self.key_wait = None;
    }

    /// The number that confirmations tell: channels and patterns together, or shard channels.
    pub fn subscription_count(&self, kind: ChannelKind) -> usize {
        self.subscriptions.as_ref().map_or(0, |subscriptions| match kind {
            ChannelKind::Shard => subscriptions.shard_channels.len(),
            _ => subscriptions.count(),
        })
    }

    /// Whether it watches keys.
    pub fn is_watching(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| !transaction.watched.is_empty())
    }

    /// Whether it is subscribed to anything.
    pub fn is_subscriber(&self) -> bool {
        self.subscriptions.is_some()
    }

    /// Bytes that the session holds, its buffers and queue included.
    pub fn memory_bytes(&self) -> usize {
        let names: usize = self.subscriptions.as_ref().map_or(0, |subscriptions| {
            [ChannelKind::Channel, ChannelKind::Pattern, ChannelKind::Shard]
                .iter()
                .map(|&kind| subscriptions.of(kind).len() * SUBSCRIPTION_BYTES)
                .sum()
        });
        let queue = self.transaction.as_ref().map_or(0, |transaction| transaction.queue_bytes);
        std::mem::size_of::<Session>() + self.out.capacity() + self.query_bytes + names + queue
    }

    /// Whether commands are being queued.
    pub fn in_multi(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.open)
    }
}

/// All sessions. A running session is taken out, so that its command may look at all the others.
#[derive(Debug, Default)]
pub struct Sessions {
    slots: Vec<Option<Box<Session>>>,
    free: Vec<SessionKey>,
    next_id: u64,
    len: usize,
}

impl Sessions {
    /// Opens a session.
    pub fn open(&mut self, origin: Origin, now_ms: i64) -> &mut Session {
        let key = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as SessionKey - 1
        });
        self.next_id += 1;
        self.len += 1;
        self.slots[key as usize].insert(Box::new(Session {
            id: self.next_id,
            key,
            origin,
            db: 0,
            resp: 2,
            user: None,
            out: Vec::new(),
            close_after_reply: false,
            close_now: false,
            suspension: Suspension::None,
            drops_answer: false,
            key_wait: None,
            readonly: false,
            asking: false,
            no_evict: false,
            no_touch: false,
            monitor: false,
            reply_mode: ReplyMode::On,
            transaction: None,
            subscriptions: None,
            name: Box::default(),
            lib_name: Box::default(),
            lib_ver: Box::default(),
            migration_link: None,
            outside: false,
            addr: "".into(),
            laddr: "".into(),
            fd: -1,
            connected_ms: now_ms,
            last_command_ms: now_ms,
            last_command: None,
            query_bytes: 0,
            output_waits: false,
            over_soft_limit_since_ms: 0,
            commands: 0,
            seen_offset: 0,
            has_written: false,
            synced_wanted: 0,
        }))
    }

    /// Takes a session out while its commands run; [`Sessions::put`] brings it back.
    #[inline]
    pub fn take(&mut self, key: SessionKey) -> Option<Box<Session>> {
        self.slots.get_mut(key as usize)?.take()
    }

    /// Brings back a session that was taken out.
    #[inline]
    pub fn put(&mut self, session: Box<Session>) {
        let key = session.key as usize;
        debug_assert!(self.slots[key].is_none());
        self.slots[key] = Some(session);
    }

    /// Forgets a session that was taken out.
    pub fn close(&mut self, session: Box<Session>) {
        self.free.push(session.key);
        self.len -= 1;
    }

    /// A session that is not running.
    pub fn get(&self, key: SessionKey) -> Option<&Session> {
        self.slots.get(key as usize)?.as_deref()
    }

    /// A session that is not running.
    pub fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.slots.get_mut(key as usize)?.as_deref_mut()
    }

    /// All sessions but the running one.
    pub fn iter(&self) -> impl Iterator<Item = &Session> + '_ {
        self.slots.iter().flatten().map(|session| &**session)
    }

    /// All sessions but the running one.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> + '_ {
        self.slots.iter_mut().flatten().map(|session| &mut **session)
    }

    /// Number of open sessions, the running one included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no session is open.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
