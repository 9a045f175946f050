//! What the engine asks of the world: events for the control plane, actions for the reactor.
//!
//! Both are appended in the order in which they must be carried out. The replies that depend on a
//! propagated write lie in the sessions' buffers and leave after the turn's effects are taken.

use std::sync::Arc;

use crate::clients::session::SessionKey;
use crate::replication::state::snapshot_link::Channel;
use crate::replication::state::{Primary, Status};
use crate::resp::OwnedArgs;

/// Something the control plane is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client's command that the control plane answers.
    Command {
        /// Under this ticket the answer comes back.
        ticket: u64,
        /// Who asked.
        client: ClientInfo,
        /// The command.
        args: OwnedArgs,
        /// Figures that the control plane needs for its answer, by name.
        facts: Vec<(&'static str, i64)>,
    },
    /// A client's message that other nodes of the cluster must see, or one of a Sentinel about itself.
    Published {
        /// Its channel.
        channel: Vec<u8>,
        /// The message.
        message: Vec<u8>,
        /// Whether it stays within the shard.
        sharded: bool,
    },
    /// The role, the state of the link to the primary, or what the data is, has changed.
    Replication {
        /// Role, progress and lineage at that moment.
        status: Status,
        /// The primary, of a replica.
        primary: Option<Primary>,
    },
    /// The reply to a command that the control plane ran.
    Ran {
        /// The ticket it was run under.
        ticket: u64,
        /// The reply, encoded.
        reply: Vec<u8>,
    },
    /// A client calls a function in Python, which a worker of the control plane runs; the session waits.
    FunctionCall {
        /// The ticket of the call.
        ticket: u64,
        /// The name of its library.
        library: Vec<u8>,
        /// The number of this source among all of the process.
        version: u64,
        /// The library's source.
        source: Arc<[u8]>,
        /// The function.
        function: Vec<u8>,
        /// Its keys.
        keys: OwnedArgs,
        /// Its other arguments.
        args: OwnedArgs,
        /// The protocol version in which the client is answered.
        resp: u8,
    },
    /// What became of the last request of a call.
    FunctionReplies {
        /// The ticket of the call.
        ticket: u64,
        /// What became of it.
        outcome: FunctionOutcome,
        /// The replies to the commands that were read.
        replies: Vec<Vec<u8>>,
    },
    /// FUNCTION KILL: the call is to be ended.
    FunctionKill {
        /// The ticket of the call.
        ticket: u64,
    },
    /// The files were read, and the append-only file is ready: the control plane says what part this node plays, and
    /// then that clients are served.
    Loaded {
        /// How many keys there are.
        keys: u64,
        /// Whether there were files: without them the node starts with nothing, and with them perhaps with no key.
        found: bool,
        /// The shard of a cluster whose data it is, as the files say; empty where they do not.
        shard: String,
    },
    /// What was to be on the disk is, or cannot be.
    Persisted {
        /// The ticket it was asked for under.
        ticket: u64,
        /// Why not; empty if it is.
        error: String,
    },
    /// The answer to new settings.
    Applied {
        /// The ticket they came under.
        ticket: u64,
        /// The directive because of which none was taken; empty when all were.
        directive: String,
        /// Why none of them was taken; empty when all were.
        error: String,
    },
    /// The data plane has ended: the last event.
    Stopped {
        /// Why; empty when it was asked to.
        error: String,
    },
    /// This node has slept, and holds writes until the Sentinels have been asked.
    Slept {
        /// For how long, in milliseconds.
        ms: i64,
        /// The number of the hold that began, which what the Sentinels say has to name.
        round: u64,
    },
    /// Writes are no longer held for the Sentinels.
    HoldReleased,
    /// A line for the log.
    Log {
        /// Its level.
        level: Level,
        /// Its text.
        message: String,
    },
}

/// What became of a request of a call of a function in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionOutcome {
    /// The commands were read.
    Read,
    /// The call has ended, and the client is answered.
    Ended,
    /// What the call has read was changed by somebody else: it has to begin again.
    Conflict,
    /// A pause, a script or a move of keys holds the call up: the request is to be made again.
    Later,
    /// The client has gone: nothing of the call is applied.
    Gone,
}

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For developers.
    Debug,
    /// Rarely useful.
    Verbose,
    /// What an operator wants to know.
    Notice,
    /// What an operator must know.
    Warning,
}

impl Level {
    /// The name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Verbose => "verbose",
            Level::Notice => "notice",
            Level::Warning => "warning",
        }
    }
}

/// What the control plane is told of a client.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    /// CLIENT ID.
    pub id: u64,
    /// Peer's address.
    pub addr: Box<str>,
    /// Our address, as the client reached us.
    pub laddr: Box<str>,
    /// Protocol version.
    pub resp: u8,
    /// Selected database.
    pub db: usize,
    /// CLIENT SETNAME.
    pub name: Box<[u8]>,
    /// ASKING was given.
    pub asking: bool,
    /// READONLY was given.
    pub readonly: bool,
}

/// Something the reactor is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The session has bytes to send, or is to be closed, though it is not the running one.
    Flush(SessionKey),
    /// The session takes commands again: go on with what it has sent.
    Resume(SessionKey),
    /// Connect to a primary and follow it; an earlier connection for the same purpose is dropped.
    Follow {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// What the connection is for.
        channel: Channel,
    },
    /// Drop a connection to the primary.
    Unfollow(Channel),
    /// Do something on the disk.
    Disk(crate::persistence::state::disk::DiskOrder),
    /// Send keys to another server (MIGRATE).
    Migrate(crate::migration::state::Job),
}
