//! The engine's state, by what it is about. Plain nested structs: a field costs what it cost without them.

use std::collections::{BTreeSet, HashMap};

use crate::base::clock::BootMs;
use crate::base::prng::Prng;
use crate::base::process::{Crash, ProcessFacts};
use crate::clients::origin::Frame;
use crate::clients::pause::{Pause, Pauses};
use crate::clients::pubsub::PubSub;
use crate::clients::session::{SessionKey, Sessions};
use crate::clients::transaction::Watches;
use crate::clients::waiting::WaitingRoom;
use crate::cluster::slots::SlotTable;
use crate::engine::defrag::Defrag;
use crate::engine::effects::{Action, Event};
use crate::engine::eviction::Evictor;
use crate::engine::hold::Hold;
use crate::keyspace::{Db, KeyHasher, KnownKey};
use crate::migration::state::Migrations;
use crate::replication::state::Scope;
use crate::resp::OwnedArgs;
use crate::settings::Settings;
use crate::stats::latency::LatencyEvents;
use crate::stats::slots::SlotStats;
use crate::stats::slowlog::Slowlog;
use crate::stats::Stats;

/// Most messages of Sentinels that are handed to the control plane between two background turns.
pub(crate) const HELLOS_PER_CRON_MAX: u32 = 64;

/// The time of a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// Unix time in milliseconds.
    pub unix_ms: i64,
    /// Unix time in microseconds.
    pub unix_us: i64,
    /// Milliseconds of a clock that never steps and runs while the process sleeps.
    pub boot_ms: BootMs,
}

/// The running command, of which a script is suspended until the next turn, and the time that it sees.
#[derive(Debug)]
pub struct SuspendedCall {
    /// What it has done so far.
    pub call: Call,
    /// The time.
    pub clock: Clock,
}

/// What the running command has done so far.
#[derive(Debug, Default)]
pub struct Call {
    /// The protocol version of the running session.
    pub resp: u8,
    /// The first key of the command, once its hash and its slot are computed.
    pub key: KnownKey,
    /// The slot of all its keys, once routing has found it; none outside a cluster.
    pub slot: Option<u16>,
    /// The innermost command that runs. What is queued for replication within another is wrapped in MULTI and EXEC.
    pub frame: Frame,
    /// Whether sessions that wait for keys are being served.
    pub is_serving: bool,
    /// Whose command serves them, and its protocol version; it has ended, but its session is not among the others.
    pub served_by: Option<(SessionKey, u8)>,
    /// Whether commands follow each other with nothing between them, so that one begins when the other ends.
    pub in_a_row: bool,
    /// When the last command of a row ended, by the host's clock.
    pub ended_us: Option<u64>,
    /// What is to be replicated when the outermost command ends, in order.
    pub queued: Vec<(Scope, OwnedArgs)>,
    /// Calls of the write hook, for the dispatcher's check that no command forgets it.
    #[cfg(debug_assertions)]
    pub hook_calls: u64,
}

impl Call {
    /// The write hook was called.
    #[inline]
    pub(crate) fn hooked(&mut self) {
        #[cfg(debug_assertions)]
        {
            self.hook_calls += 1;
        }
    }
}

/// The data, and what its commands need beside it.
pub struct Keyspace {
    /// The databases; in a cluster there is one.
    pub dbs: Vec<Db>,
    /// Changes since the last save.
    pub dirty: u64,
    /// For sampling; seeded, so that a run can be repeated.
    pub prng: Prng,
    /// The secret of the tables in big collections, which keeps strangers from preparing collisions.
    pub collection_seed: u64,
    /// Whether expired keys are deleted in the background (DEBUG SET-ACTIVE-EXPIRE).
    pub active_expiry: bool,
    /// Background expiry stopped at its share of the turn, and goes on in the next one.
    pub(crate) more_to_expire: bool,
    pub(crate) expiry_scratch: Vec<u8>,
    /// Keys with an expiry that clients have written at this replica, by database.
    pub(crate) written_at_replica: BTreeSet<(usize, Box<[u8]>)>,
    /// The last of them that was looked at.
    pub(crate) written_at_replica_seen: (usize, Box<[u8]>),
    /// What is evicted next.
    pub(crate) evictor: Evictor,
    /// Unused memory is to be given back to the operating system; another thread does it.
    pub purge_wanted: bool,
    /// How far data was moved together.
    pub(crate) defrag: Defrag,
}

impl Keyspace {
    pub(crate) fn new(settings: &Settings, seed: u64) -> Self {
        let count = if settings.cluster_enabled { 1 } else { settings.databases.max(1) };
        let hasher = KeyHasher::new(seed);
        let new_db = |index| Db::new(index, settings.cluster_enabled, hasher.clone());
        Keyspace {
            dbs: (0..count).map(new_db).collect(),
            dirty: 0,
            prng: Prng::new(seed),
            collection_seed: Prng::new(!seed).next_u64(),
            active_expiry: true,
            more_to_expire: false,
            expiry_scratch: Vec::new(),
            written_at_replica: BTreeSet::new(),
            written_at_replica_seen: Default::default(),
            evictor: Evictor::default(),
            purge_wanted: false,
            defrag: Defrag::default(),
        }
    }
}

/// Who is connected.
pub struct Clients {
    /// All sessions but the running one.
    pub sessions: Sessions,
    /// Channels and their subscribers.
    pub pubsub: PubSub,
    /// Watched keys.
    pub watches: Watches,
    /// Sessions that wait for something.
    pub waiting: WaitingRoom,
    /// Sessions that MONITOR.
    pub monitors: Vec<SessionKey>,
    /// What is held now, while something is.
    pub pause: Option<Pause>,
    /// Who holds it.
    pub pauses: Pauses,
    /// Messages to running sessions, due after their replies: one runs, or one is served by what another did.
    pub(crate) deferred: Vec<(SessionKey, Vec<u8>)>,
    /// When the clients were last looked through, in Unix milliseconds.
    pub(crate) checked_ms: i64,
    /// Messages of Sentinels that may still be handed up before the next background turn.
    pub(crate) hellos_left: u32,
    /// The last ticket; see [`Engine::ticket`](super::Engine::ticket).
    pub(crate) next_ticket: u64,
}

impl Clients {
    pub(crate) fn new() -> Self {
        Clients {
            sessions: Sessions::default(),
            pubsub: PubSub::default(),
            watches: Watches::default(),
            waiting: WaitingRoom::default(),
            monitors: Vec::new(),
            pause: None,
            pauses: Pauses::default(),
            deferred: Vec::new(),
            checked_ms: 0,
            hellos_left: HELLOS_PER_CRON_MAX,
            next_ticket: 0,
        }
    }
}

/// This node's part in a cluster.
pub struct Cluster {
    /// The slot table, in a cluster.
    pub slots: Option<Box<SlotTable>>,
    /// MIGRATE: keys on their way to another node.
    pub migrations: Migrations,
    /// The name of this process's links to the targets of migrations, without the target.
    pub link_name: String,
    /// Writes are held for the Sentinels' word, or not.
    pub hold: Hold,
    /// Sessions that have written in this turn, in a cluster.
    pub wrote: Vec<SessionKey>,
}

impl Cluster {
    pub(crate) fn new(settings: &Settings, seed: u64) -> Self {
        Cluster {
            slots: settings.cluster_enabled.then(Box::default),
            migrations: Migrations::default(),
            link_name: format!("{:016x}", Prng::new(seed.rotate_left(17)).next_u64()),
            hold: Hold::default(),
            wrote: Vec::new(),
        }
    }
}

/// What DEBUG has switched, for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Switches {
    /// No background work is done.
    pub cron_is_paused: bool,
    /// RESTORE takes payloads whose checksum is wrong.
    pub skips_checksums: bool,
}

/// What is counted and measured.
pub struct Statistics {
    /// Counters.
    pub counters: Stats,
    /// Slow commands.
    pub slowlog: Slowlog,
    /// Slow events by time.
    pub latency: LatencyEvents,
    /// What each slot costs, while it is counted.
    pub slots: Option<SlotStats>,
}

impl Statistics {
    pub(crate) fn new(commands: usize, settings: &Settings) -> Self {
        let mut statistics = Statistics {
            counters: Stats::for_commands(commands),
            slowlog: Slowlog::default(),
            latency: LatencyEvents::default(),
            slots: None,
        };
        statistics.count_slots(settings);
        statistics
    }

    /// Begins or ends to count what each slot costs, as the settings say.
    pub(crate) fn count_slots(&mut self, settings: &Settings) {
        match settings.cluster_enabled && settings.cluster_slot_stats {
            true => drop(self.slots.get_or_insert_default()),
            false => self.slots = None,
        }
    }
}

/// What the outside has to do; see [`crate::engine::effects`].
#[derive(Default)]
pub struct Effects {
    /// For the control plane, in order.
    pub events: Vec<Event>,
    /// For the reactor, in order.
    pub actions: Vec<Action>,
}

/// The process, as the outside sees it.
pub struct Host {
    /// When the engine began, in Unix milliseconds.
    pub started_ms: i64,
    /// Microseconds of a monotonic clock, for measuring commands; handed in, as the core has no clock.
    pub ticks: fn() -> u64,
    /// What the operating system knows of the process; handed in like the clock.
    pub process: fn() -> ProcessFacts,
    /// Does nothing for so many microseconds (DEBUG SLEEP).
    pub sleep: fn(u64),
    /// Ends the process as a defect would (DEBUG SEGFAULT and its kin).
    pub crash: fn(Crash),
    /// Bytes in use when the engine was new.
    pub startup_bytes: u64,
    /// Facts for INFO that only the outside knows, by field (`executable`, `config_file` ...).
    pub facts: HashMap<String, String>,
}

impl Host {
    pub(crate) fn new(clock: Clock, ticks: fn() -> u64) -> Self {
        Host {
            started_ms: clock.unix_ms,
            ticks,
            process: ProcessFacts::default,
            sleep: |_| (),
            crash: |_| (),
            startup_bytes: crate::base::alloc::used_memory() as u64,
            facts: HashMap::new(),
        }
    }
}
