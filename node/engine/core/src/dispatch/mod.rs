//! The one table of commands: dispatch, arity, flags, categories, key positions and documentation.
//!
//! Each data type's file and each file of `commands/` exports a `COMMANDS` slice; `assembly`
//! names them all, and [`table`] is made of what it names. COMMAND INFO, COMMAND DOCS, ACL categories, the key
//! positions by which a cluster routes and the reference pages are all read from here.

pub mod blocking;
mod control;
pub mod ctx;
pub mod draws;
pub mod execute;
pub mod help;
mod hooks;
pub mod keys;
mod lookup;
mod pause;
mod routing;
pub mod scan;
pub(crate) mod secrets;
pub mod table;
pub mod transactions;

use bitflags::bitflags;

pub use ctx::Ctx;
pub use keys::{Access, KeySpec};

pub use crate::resp::failure::{Failure, Outcome};

bitflags! {
    /// What a command is and where it may run; the names are those of COMMAND INFO.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u32 {
        /// May change the keyspace.
        const WRITE = 1;
        /// Reads the keyspace and changes nothing.
        const READONLY = 1 << 1;
        /// Refused when memory is over `maxmemory` and nothing can be evicted.
        const DENYOOM = 1 << 2;
        /// Changes the server rather than its data.
        const ADMIN = 1 << 3;
        /// Publishes or subscribes.
        const PUBSUB = 1 << 4;
        /// Refused inside scripts.
        const NOSCRIPT = 1 << 5;
        /// May suspend its session.
        const BLOCKING = 1 << 6;
        /// Allowed while a data set is being loaded.
        const LOADING = 1 << 7;
        /// Allowed on a replica whose link to the primary is down and `replica-serve-stale-data` is no.
        const STALE = 1 << 8;
        /// Not shown to MONITOR.
        const SKIP_MONITOR = 1 << 9;
        /// Not recorded in SLOWLOG.
        const SKIP_SLOWLOG = 1 << 10;
        /// Implies ASKING in a cluster.
        const ASKING = 1 << 11;
        /// Takes constant or logarithmic time.
        const FAST = 1 << 12;
        /// Allowed before authentication.
        const NO_AUTH = 1 << 13;
        /// May be replicated although it is no write.
        const MAY_REPLICATE = 1 << 14;
        /// Refused inside MULTI.
        const NO_MULTI = 1 << 15;
        /// Allowed while writes are paused, although it may write.
        const ALLOW_BUSY = 1 << 16;
        /// Key positions cannot be told from the key specifications alone.
        const MOVABLEKEYS = 1 << 17;
        /// Refused when asynchronous loading runs.
        const NO_ASYNC_LOADING = 1 << 18;
        /// Keys are not touched by a mandatory key check.
        const NO_MANDATORY_KEYS = 1 << 19;
        /// May turn a primary into a replica or a replica into a primary; not shown.
        const CHANGES_ROLE = 1 << 20;
        /// Carried out at once although MULTI is open; not shown.
        const AT_ONCE = 1 << 21;
        /// Makes sense between a RESP2 client's subscription messages; not shown.
        const SUBSCRIBED = 1 << 22;
        /// Carries out the queue of a transaction; not shown.
        const EXEC = 1 << 23;
        /// Is the command that lets the next one into a slot that comes in; not shown.
        const LETS_IN = 1 << 24;
        /// Sends keys to another node, and names keys that may be gone already; not shown.
        const MIGRATES = 1 << 25;
        /// Ends the pause that would hold it; not shown.
        const UNPAUSES = 1 << 26;
        /// Is confirmed by messages, one a channel, which CLIENT REPLY does not suppress; not shown.
        const LISTENS = 1 << 27;
        /// Begins a transaction; not shown.
        const MULTI = 1 << 28;
        /// Is about the replication link and not about data; not shown.
        const OF_LINK = 1 << 29;
    }
}

/// The group a command is documented in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Keys of any type.
    Generic,
    /// Strings.
    String,
    /// Bits of strings.
    Bitmap,
    /// Strings that count different elements.
    HyperLogLog,
    /// Bloom filters.
    Bloom,
    /// Hashes.
    Hash,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Coordinates, kept in sorted sets.
    Geo,
    /// Streams.
    Stream,
    /// Publish and subscribe.
    PubSub,
    /// MULTI and its kin.
    Transactions,
    /// Scripts and functions.
    Scripting,
    /// The client's own connection.
    Connection,
    /// The server as a whole.
    Server,
    /// The cluster.
    Cluster,
}

impl Group {
    /// The name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::HyperLogLog => "hyperloglog",
            Group::Bloom => "bf",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Scripting => "scripting",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Cluster => "cluster",
        }
    }

    /// The ACL category that the group implies, if it implies one.
    pub const fn category(self) -> Option<&'static str> {
        Some(match self {
            Group::Generic => "keyspace",
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::HyperLogLog => "hyperloglog",
            Group::Bloom => "bloom",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sortedset",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::PubSub => "pubsub",
            Group::Transactions => "transaction",
            Group::Scripting => "scripting",
            Group::Connection => "connection",
            Group::Server | Group::Cluster => return None,
        })
    }
}

/// The function that carries out a command.
pub type Run = fn(&mut Ctx<'_>) -> Outcome;

/// What only the engine knows and the control plane needs for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Nothing.
    None,
    /// How many keys there are.
    Keys,
    /// How many keys are to be moved with the slot that the command names.
    KeysInSlot,
    /// How many keys there are that nobody finds here.
    StrayKeys,
}

/// Who carries out a command.
#[derive(Clone, Copy)]
pub enum Handler {
    /// The engine, at once.
    Engine(Run),
    /// The control plane, which gets these facts with it; the session waits for its answer.
    Control(Facts),
    /// Nobody: the command is a container of subcommands.
    Container,
}

/// One command, or one subcommand of a container.
pub struct Command {
    /// Lower-case name; a subcommand's own word only (`get` of `config get`).
    pub name: &'static str,
    /// Exact number of arguments, the name (and for a subcommand the container's name) included; negative: at least.
    pub arity: i16,
    /// What it is and where it may run.
    pub flags: Flags,
    /// ACL categories beyond those implied by flags and group (`dangerous`, `blocking` ...).
    pub categories: &'static [&'static str],
    /// The ACL category of its group, or another one in its place.
    pub group_category: Option<&'static str>,
    /// Where its keys stand.
    pub keys: &'static [KeySpec],
    /// What a client of a cluster does with a command that concerns several nodes, and whether replies may differ
    /// from call to call: the words of COMMAND INFO, separated by spaces.
    pub tips: &'static str,
    /// Since when COMMAND DOCS calls it deprecated, as Redis does, and what replaces it.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Whether it is there for servers, not for clients.
    pub is_internal: bool,
    /// The group it is documented in.
    pub group: Group,
    /// The version of Redis that introduced it.
    pub since: &'static str,
    /// One line that says what it does.
    pub summary: &'static str,
    /// Its cost, such as `O(1)`.
    pub complexity: &'static str,
    /// Its arguments, in the notation of `commands::docs`: `key value [NX | XX] [EX seconds]`.
    pub syntax: &'static str,
    /// The subcommands of a container.
    pub subcommands: &'static [Command],
    /// Who carries it out.
    pub handler: Handler,
}

impl Command {
    /// A command of the engine. Chain the other setters to complete it.
    pub const fn new(name: &'static str, arity: i16, group: Group, run: Run) -> Self {
        Command {
            name,
            arity,
            flags: Flags::empty(),
            categories: &[],
            group_category: group.category(),
            keys: &[],
            tips: "",
            deprecated: None,
            is_internal: false,
            group,
            since: "1.0.0",
            summary: "",
            complexity: "O(1)",
            syntax: "",
            subcommands: &[],
            handler: Handler::Engine(run),
        }
    }

    /// A command that the control plane answers.
    pub const fn control(name: &'static str, arity: i16, group: Group) -> Self {
        let mut command = Command::new(name, arity, group, unreachable_handler);
        command.handler = Handler::Control(Facts::None);
        command
    }

    /// Sets what the control plane gets with the command.
    pub const fn facts(mut self, facts: Facts) -> Self {
        self.handler = Handler::Control(facts);
        self
    }

    /// A container of subcommands.
    pub const fn container(name: &'static str, group: Group, subcommands: &'static [Command]) -> Self {
        let mut command = Command::new(name, -2, group, unreachable_handler);
        command.handler = Handler::Container;
        command.group_category = None;
        command.subcommands = subcommands;
        command
    }

    /// Adds flags.
    pub const fn flags(mut self, flags: Flags) -> Self {
        self.flags = self.flags.union(flags);
        self
    }

    /// Sets ACL categories beyond the implied ones.
    pub const fn categories(mut self, categories: &'static [&'static str]) -> Self {
        self.categories = categories;
        self
    }

    /// Sets the ACL category that stands for the group's, or none.
    pub const fn group_category(mut self, category: Option<&'static str>) -> Self {
        self.group_category = category;
        self
    }

    /// Sets the key specifications.
    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Self {
        self.keys = keys;
        self
    }

    /// Calls it deprecated since a version; `replaced_by` is what to use instead.
    pub const fn deprecated(mut self, since: &'static str, replaced_by: &'static str) -> Self {
        self.deprecated = Some((since, replaced_by));
        self
    }

    /// Says that it is there for servers, not for clients.
    pub const fn internal(mut self) -> Self {
        self.is_internal = true;
        self
    }

    /// Sets the tips of COMMAND INFO.
    pub const fn tips(mut self, tips: &'static str) -> Self {
        self.tips = tips;
        self
    }

    /// Sets what COMMAND DOCS says: version, cost, arguments, and a summary in one line.
    pub const fn docs(
        mut self,
        since: &'static str,
        complexity: &'static str,
        syntax: &'static str,
        summary: &'static str,
    ) -> Self {
        self.since = since;
        self.complexity = complexity;
        self.syntax = syntax;
        self.summary = summary;
        self
    }
}

fn unreachable_handler(ctx: &mut Ctx<'_>) -> Outcome {
    Err(Failure::unknown_subcommand(ctx.args))
}
