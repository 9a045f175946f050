//! The engine: one node's data plane as a state machine.
//!
//! *(request, now) in; replies, events and actions out.* The reactor sets the clock once a turn,
//! hands in requests by [`Engine::execute`], calls [`Engine::end_turn`], and then takes the effects
//! in the order of their documentation: replication stream, replies, events, actions.

use std::collections::HashMap;

use crate::command::table::table;
use crate::command::Failure;
use crate::commands::latency::LatencyEvents;
use crate::effects::{Action, ClientInfo, Event, Level};
use crate::hold::Hold;
use crate::keyspace::prng::Prng;
use crate::keyspace::{Db, KeyHasher};
use crate::limits::OUTPUT_CHECKED_BYTES_MIN;
use crate::migration::Migrations;
use crate::pause::{Pause, Pauses};
use crate::process::ProcessFacts;
use crate::pubsub::PubSub;
use crate::replication::Replication;
use crate::resp::{Args, OwnedArgs};
use crate::session::{Kind, Session, SessionKey, Sessions, Suspension};
use crate::settings::Settings;
use crate::slots::{SlotTable, SLOT_COUNT};
use crate::slowlog::Slowlog;
use crate::stats::{CommandStats, Stats};
use crate::transactions::Watches;
use crate::waiting::{Queue, WaitingRoom};

/// The time of a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// Unix time in milliseconds.
    pub unix_ms: i64,
    /// Unix time in microseconds.
    pub unix_us: i64,
    /// Milliseconds of a clock that never steps and runs while the process sleeps.
    pub boot_ms: i64,
}

/// What the running command has done so far.
#[derive(Debug, Default)]
pub struct Call {
    /// The protocol version of the running session.
    pub resp: u8,
    /// Changes to the keyspace.
    pub dirty: u64,
    /// Whether the command is replicated as it was given.
    pub verbatim: bool,
    /// Whether EXEC is running: what its commands queue is wrapped in MULTI and EXEC.
    pub in_exec: bool,
    /// What is to be replicated when the outermost command ends, in order.
    pub queued: Vec<(usize, OwnedArgs)>,
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

/// One node's data plane.
pub struct Engine {
    /// The time of this turn.
    pub clock: Clock,
    /// When the engine began, in Unix milliseconds.
    pub started_ms: i64,
    /// Microseconds of a monotonic clock, for measuring commands; handed in, as the core has no clock.
    pub ticks: fn() -> u64,
    /// What the operating system knows of the process; handed in like the clock.
    pub process: fn() -> ProcessFacts,
    /// Bytes in use when the engine was new.
    pub startup_bytes: u64,
    /// The settings.
    pub settings: Settings,
    /// The databases.
    pub dbs: Vec<Db>,
    /// For sampling; seeded, so that a run can be repeated.
    pub prng: Prng,
    /// The secret of the tables in big collections, which keeps strangers from preparing collisions.
    pub collection_seed: u64,
    /// Whether expired keys are deleted in the background (DEBUG SET-ACTIVE-EXPIRE).
    pub active_expiry: bool,
    /// Background expiry stopped at its share of the turn, and goes on in the next one.
    pub(crate) more_to_expire: bool,
    pub(crate) expiry_scratch: Vec<u8>,
    /// All sessions but the running one.
    pub sessions: Sessions,
    /// Channels and their subscribers.
    pub pubsub: PubSub,
    /// The slot table, in a cluster.
    pub slots: Option<Box<SlotTable>>,
    /// Role, backlog and replicas.
    pub replication: Replication,
    /// Counters.
    pub stats: Stats,
    /// Slow commands.
    pub slowlog: Slowlog,
    /// Slow events by time.
    pub latency: LatencyEvents,
    /// Watched keys.
    pub watches: Watches,
    /// Changes since the last save.
    pub dirty: u64,
    /// The running command.
    pub call: Call,
    /// What is held now, while something is.
    pub pause: Option<Pause>,
    /// Who holds it.
    pub pauses: Pauses,
    /// Writes are held for the Sentinels' word, or not.
    pub hold: Hold,
    /// Messages of Sentinels that may still be handed up before the next background turn.
    pub(crate) hellos_left: u32,
    /// Sessions that wait for something.
    pub waiting: WaitingRoom,
    /// MIGRATE: keys on their way to another node.
    pub migrations: Migrations,
    /// The name of this process's links to the targets of migrations, without the target.
    pub link_name: String,
    /// Sessions whose sockets are full.
    pub(crate) output_waits: Vec<(SessionKey, u64)>,
    /// When the clients were last looked through, in Unix milliseconds.
    pub(crate) clients_checked_ms: i64,
    /// Sessions that MONITOR.
    pub monitors: Vec<SessionKey>,
    /// For the control plane, in order.
    pub events: Vec<Event>,
    /// For the reactor, in order.
    pub actions: Vec<Action>,
    /// Facts for INFO that only the outside knows, by field (`executable`, `config_file` ...).
    pub facts: HashMap<String, String>,
    /// Messages to the running session, due after its reply.
    pub(crate) deferred: Vec<u8>,
    /// Sessions that have written in this turn, in a cluster.
    pub wrote: Vec<SessionKey>,
    /// Sessions that wait for the control plane, by ticket.
    asked: HashMap<u64, SessionKey>,
    next_ticket: u64,
}

/// Most messages of Sentinels that are handed to the control plane between two background turns.
const HELLOS_PER_CRON_MAX: u32 = 64;
/// Longest message of a Sentinel that is handed to the control plane, in bytes.
const HELLO_BYTES_MAX: usize = 1024;
/// The channel on which Sentinels tell of themselves.
const HELLO_CHANNEL: &[u8] = b"__sentinel__:hello";

/// The databases of a new engine; in a cluster there is one.
fn databases(settings: &Settings, seed: u64) -> Vec<Db> {
    let count = if settings.cluster_enabled { 1 } else { settings.databases.max(1) };
    let hasher = KeyHasher::new(seed);
    (0..count).map(|index| Db::new(index, settings.cluster_enabled, hasher.clone())).collect()
}

impl Engine {
    /// An engine with an empty keyspace.
    ///
    /// `seed` makes hashing, sampling and identifiers repeatable; `ticks` counts microseconds.
    pub fn new(settings: Settings, seed: u64, clock: Clock, ticks: fn() -> u64) -> Self {
        let stats =
            Stats { commands: vec![CommandStats::default(); table().entries.len()], ..Stats::default() };
        Engine {
            clock,
            started_ms: clock.unix_ms,
            ticks,
            process: ProcessFacts::default,
            startup_bytes: crate::alloc::used_memory() as u64,
            slots: settings.cluster_enabled.then(Box::default),
            dbs: databases(&settings, seed),
            prng: Prng::new(seed),
            collection_seed: Prng::new(!seed).next_u64(),
            active_expiry: true,
            more_to_expire: false,
            expiry_scratch: Vec::new(),
            settings,
            sessions: Sessions::default(),
            pubsub: PubSub::default(),
            replication: Replication::new(seed),
            stats,
            slowlog: Slowlog::default(),
            latency: LatencyEvents::default(),
            watches: Watches::default(),
            dirty: 0,
            call: Call::default(),
            pause: None,
            pauses: Pauses::default(),
            hold: Hold::default(),
            hellos_left: HELLOS_PER_CRON_MAX,
            waiting: WaitingRoom::default(),
            migrations: Migrations::default(),
            link_name: format!("{:016x}", Prng::new(seed.rotate_left(17)).next_u64()),
            output_waits: Vec::new(),
            clients_checked_ms: 0,
            monitors: Vec::new(),
            events: Vec::new(),
            actions: Vec::new(),
            facts: HashMap::new(),
            deferred: Vec::new(),
            wrote: Vec::new(),
            asked: HashMap::new(),
            next_ticket: 0,
        }
    }

    /// Opens a session for a connection.
    pub fn open_session(&mut self, kind: Kind) -> &mut Session {
        let trusted = kind != Kind::Client || self.settings.requirepass.is_empty();
        let session = self.sessions.open(kind, self.clock.unix_ms);
        session.authenticated = trusted;
        session
    }

    /// Closes a session that is not running: it leaves its channels, watches and waits.
    pub fn close_session(&mut self, key: SessionKey) {
        if let Some(mut session) = self.sessions.take(key) {
            self.release(&mut session);
            self.sessions.close(session);
        }
    }

    /// Ends all that other parts of the engine know of a session.
    fn release(&mut self, session: &mut Session) {
        self.waiting.leave(session.key);
        self.pubsub.forget(session);
        self.forget_transaction(session);
        self.monitors.retain(|&key| key != session.key);
        self.replication.forget(session.key);
    }

    /// Number for a question to the outside whose answer comes back later.
    pub fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// Writes a line to the log.
    pub fn log(&mut self, level: Level, message: impl Into<String>) {
        self.events.push(Event::Log { level, message: message.into() });
    }

    /// The host that a client is told instead of a node's own, when it came from where those mean nothing.
    ///
    /// Empty where it is told ports only and keeps the host by which it came.
    pub(crate) fn host_for_outside(&self, session: &Session) -> Option<&str> {
        match self.settings.cluster_outside_endpoint.as_str() {
            _ if !session.outside => None,
            "" => None,
            "unknown" => Some(""),
            host => Some(host),
        }
    }

    /// Hands a command to the control plane; the session waits for the answer.
    pub fn ask_control(&mut self, session: &mut Session, args: Args<'_>) {
        let ticket = self.ticket();
        session.suspension = Suspension::Control { ticket, silent: false };
        self.tell_control(session, ticket, args);
    }

    /// Sends a session's command up under this ticket.
    pub(crate) fn tell_control(&mut self, session: &Session, ticket: u64, args: Args<'_>) {
        self.asked.insert(ticket, session.key);
        let client = ClientInfo {
            id: session.id,
            addr: session.addr.clone(),
            laddr: session.laddr.clone(),
            resp: session.resp,
            db: session.db,
            name: session.name.clone(),
            asking: session.asking,
            readonly: session.readonly,
        };
        let mut facts = self.facts_for_control(args);
        if session.outside {
            facts.push(("outside", 1));
        }
        self.events.push(Event::Command { ticket, client, args: OwnedArgs::copy(args), facts });
    }

    /// The control plane's answer to a command: encoded reply bytes.
    pub fn control_reply(&mut self, ticket: u64, reply: &[u8]) {
        let Some(key) = self.asked.remove(&ticket) else { return };
        let Some(mut session) = self.sessions.take(key) else { return };
        match &mut session.suspension {
            Suspension::Control { ticket: awaited, silent } if *awaited == ticket => {
                if !*silent {
                    session.out.extend_from_slice(reply);
                }
                session.suspension = Suspension::None;
            }
            Suspension::Exec(_) => self.resume_exec(&mut session, ticket, reply),
            _ => {}
        }
        let goes_on = !session.is_suspended();
        self.sessions.put(session);
        if goes_on {
            self.actions.push(Action::Resume(key));
        }
    }

    /// Queues a command for replication when the running one ends.
    pub fn queue_propagation(&mut self, db: usize, args: OwnedArgs) {
        if self.replication.is_recording() {
            self.call.queued.push((db, args));
        }
    }

    /// Replicates the running command as it was given: at once when nothing else is queued.
    pub(crate) fn propagate_call(&mut self, db: usize, args: Args<'_>) {
        if !self.replication.is_recording() {
            return;
        }
        if self.call.queued.is_empty() && !self.call.in_exec {
            self.replication.feed(db, args);
        } else {
            self.call.queued.push((db, OwnedArgs::copy(args)));
        }
    }

    /// Sends what was queued for replication, as one transaction when it is more than one command.
    #[inline]
    pub fn flush_propagation(&mut self) {
        if self.call.queued.is_empty() {
            return;
        }
        let queued = std::mem::take(&mut self.call.queued);
        let multi = queued.len() > 1;
        if multi {
            self.replication.feed(queued[0].0, OwnedArgs::from_slices(&[b"MULTI"]).view());
        }
        for (db, args) in &queued {
            self.replication.feed(*db, args.view());
        }
        if multi {
            self.replication.feed(queued[queued.len() - 1].0, OwnedArgs::from_slices(&[b"EXEC"]).view());
        }
    }

    /// Appends bytes to the output of a session. The running session gets them after its reply, so
    /// that a message never lands within one.
    pub fn deliver(&mut self, to: SessionKey, bytes: &[u8]) {
        match self.sessions.get_mut(to) {
            Some(session) => {
                if session.out.is_empty() {
                    self.actions.push(Action::Flush(to));
                }
                session.out.extend_from_slice(bytes);
                if session.out.len() as u64 > OUTPUT_CHECKED_BYTES_MIN {
                    self.check_output(to);
                }
            }
            None => self.deferred.extend_from_slice(bytes),
        }
    }

    /// Gives the running session the messages that came up while its command ran.
    pub(crate) fn deliver_deferred(&mut self, session: &mut Session) {
        session.out.append(&mut self.deferred);
    }
}

impl Engine {
    /// Puts a session back into the state of a new one (RESET).
    pub fn reset_session(&mut self, session: &mut Session) {
        self.release(session);
        session.db = 0;
        session.resp = 2;
        session.authenticated = self.settings.requirepass.is_empty();
        session.readonly = false;
        session.asking = false;
        session.monitor = false;
        session.no_evict = false;
        session.no_touch = false;
        session.reply_mode = crate::session::ReplyMode::On;
        session.name = Box::default();
    }

    /// Figures from the keyspace that the control plane needs to answer a command.
    pub(crate) fn facts_for_control(&self, args: Args<'_>) -> Vec<(&'static str, i64)> {
        if self.slots.is_none() {
            return Vec::new();
        }
        if args.len() == 2 && args.get(1).eq_ignore_ascii_case(b"info") {
            return vec![("keys_stray", self.stray_keys() as i64)];
        }
        let slot = crate::numbers::parse_i64(args.get(2)).and_then(|slot| u16::try_from(slot).ok());
        let in_slot =
            slot.filter(|&slot| (slot as usize) < SLOT_COUNT).map_or(0, |slot| self.keys_to_move(slot));
        vec![("keys_total", self.dbs[0].len() as i64), ("keys_in_slot", in_slot as i64)]
    }

    /// Keys of slots that this node neither serves, itself or for its primary, nor receives: nobody finds them.
    fn stray_keys(&self) -> usize {
        let Some(slots) = &self.slots else { return 0 };
        let is_stray = |slot: &u16| {
            slots.owner(*slot).is_none_or(|owner| owner != slots.my_primary)
                && !slots.importing.contains_key(slot)
        };
        (0..SLOT_COUNT as u16).filter(is_stray).map(|slot| self.dbs[0].slot_len(slot)).sum()
    }
}

impl Engine {
    /// Background work, done `hz` times a second.
    pub fn cron(&mut self) {
        self.hellos_left = HELLOS_PER_CRON_MAX;
        self.expire_some();
        self.replication_tick();
        let now_ms = self.clock.unix_ms;
        let (commands, input, output) =
            (self.stats.commands_processed, self.stats.net_input_bytes, self.stats.net_output_bytes);
        self.stats.ops_per_second.sample(commands, now_ms);
        self.stats.input_bytes_per_second.sample(input, now_ms);
        self.stats.output_bytes_per_second.sample(output, now_ms);
        self.enforce_output_limits();
    }

    /// What follows from all the commands of a turn, before their replies leave.
    pub fn end_turn(&mut self) {
        if self.pause.is_some_and(|pause| pause.until_boot_ms <= self.clock.boot_ms) {
            self.combine_pauses();
        }
        self.replication_turn();
        self.publish_status();
    }

    /// When something is due that cannot wait for the next background turn, in milliseconds of the boot clock.
    pub fn next_deadline_boot_ms(&self) -> Option<i64> {
        let due = [
            self.pause.map(|pause| pause.until_boot_ms),
            self.waiting.next_deadline_boot_ms(),
            self.failover_deadline_boot_ms(),
            self.confirmation_deadline_boot_ms(),
        ];
        due.into_iter().flatten().min()
    }

    /// Lets everybody go on who waits in a queue, in the order of arrival.
    pub(crate) fn resume_all(&mut self, queue: Queue) {
        for key in self.waiting.empty(queue) {
            self.actions.push(Action::Resume(key));
        }
    }

    /// Holds the running session's command, to be carried out again when everybody in the queue goes on.
    pub(crate) fn hold_back(&mut self, session: &mut Session, args: Args<'_>, queue: Queue) {
        session.suspension = Suspension::Retry(Box::new(OwnedArgs::copy(args)));
        self.waiting.enter(session.key, queue, None);
    }

    /// A request was no RESP: answers why, and closes.
    pub fn protocol_error(&mut self, session: &mut Session, message: &str) {
        self.stats.protocol_errors += 1;
        self.write_failure(session, &Failure::new(format!("ERR Protocol error: {message}")));
        session.close_after_reply = true;
    }

    /// An unfinished request has grown beyond `client-query-buffer-limit`.
    pub fn query_limit_reached(&mut self, session: &Session, bytes: usize) {
        let message = format!(
            "Closing client {} ({}): its unfinished request of {bytes} bytes is above client-query-buffer-limit",
            session.id, session.addr
        );
        self.stats.query_limit_disconnections += 1;
        self.log(Level::Warning, message);
    }

    /// Why a new connection is refused: too many clients, or protected mode.
    pub fn refusal(&mut self, local: bool) -> Option<&'static str> {
        if self.sessions.len() >= self.settings.maxclients {
            self.stats.connections_rejected += 1;
            return Some("-ERR max number of clients reached\r\n");
        }
        if self.settings.protected_mode && !local && self.settings.requirepass.is_empty() {
            self.stats.connections_rejected += 1;
            return Some(
                "-DENIED This node is in protected mode and has no password, so it serves only clients of its own \
                 machine. Set 'requirepass', or set 'protected-mode no' if the network keeps strangers out.\r\n",
            );
        }
        self.stats.connections_received += 1;
        None
    }

    /// Carries out again the command that a pause or a migration held, if the session has one.
    pub fn retry(&mut self, key: SessionKey) {
        let Some(mut session) = self.sessions.take(key) else { return };
        if let Suspension::Retry(args) = &session.suspension {
            let args = args.clone();
            session.suspension = Suspension::None;
            self.execute(&mut session, args.view());
        }
        self.sessions.put(session);
    }

    /// Withholds the replies to writes for which this node no longer has the right to answer.
    ///
    /// The lease was checked when the write ran; the process may have slept since. `now` reads the clock.
    pub fn withhold_replies_without_lease(&mut self, now: impl FnOnce() -> Clock) {
        if self.wrote.is_empty() {
            return;
        }
        let wrote = std::mem::take(&mut self.wrote);
        let until_ms = self.slots.as_deref().map_or(i64::MAX, |slots| slots.writes_until_ms);
        if now().boot_ms <= until_ms {
            return;
        }
        for key in wrote {
            if let Some(session) = self.sessions.get_mut(key) {
                session.close_now = true;
                self.actions.push(Action::Flush(key));
            }
        }
        self.log(Level::Warning, "Closed clients whose writes ran after this primary's lease had ended");
    }

    /// Takes new values of directives, all or none; the answer is [`Event::Applied`].
    pub fn apply_settings(&mut self, ticket: u64, changes: &[(String, String)]) {
        let mut settings = self.settings.clone();
        let outcome =
            changes.iter().try_for_each(|(directive, value)| settings.set(directive, value).map(drop));
        if outcome.is_ok() {
            self.settings = settings;
        }
        self.events.push(Event::Applied { ticket, error: outcome.err().unwrap_or_default() });
    }

    /// Installs a new slot table.
    pub fn install_slots(&mut self, mut table: Box<SlotTable>) {
        if let Some(old) = self.slots.as_deref() {
            table.writes_until_ms = old.writes_until_ms;
        }
        self.migrations.slots_installed(&table);
        self.slots = Some(table);
        self.drop_moved_shard_channels();
    }

    /// Writes may be acknowledged until this time of the boot clock.
    pub fn extend_lease(&mut self, until_boot_ms: i64) {
        if let Some(slots) = self.slots.as_deref_mut() {
            slots.writes_until_ms = until_boot_ms;
        }
    }

    /// Runs a command of the control plane; its reply becomes an event.
    pub fn run_internal(&mut self, ticket: u64, args: Args<'_>) {
        let key = self.open_session(Kind::Internal).key;
        let Some(mut session) = self.sessions.take(key) else { return };
        self.execute(&mut session, args);
        let reply = std::mem::take(&mut session.out);
        self.sessions.put(session);
        self.close_session(key);
        self.events.push(Event::Ran { ticket, reply });
    }

    /// Deletes all keys of these slots; what they held is freed in steps.
    pub fn drop_slots(&mut self, ranges: &[(u16, u16)]) {
        for slot in ranges.iter().flat_map(|&(first, last)| first..=last) {
            self.replicate_drop(slot);
            self.dbs[0].drop_slot(slot);
        }
    }

    /// Deletes all keys, for a node that is about to take another's data or to leave its cluster.
    pub fn empty(&mut self) {
        for db in &mut self.dbs {
            db.clear();
        }
        if self.replication.is_recording() {
            self.replication.feed(0, OwnedArgs::from_slices(&[b"FLUSHALL"]).view());
        }
    }

    /// A client has published: what Sentinels say of themselves is handed to the control plane, within bounds.
    pub(crate) fn note_hello(&mut self, channel: &[u8], message: &[u8]) {
        if channel == HELLO_CHANNEL && message.len() <= HELLO_BYTES_MAX && self.hellos_left > 0 {
            self.hellos_left -= 1;
            let (channel, message) = (channel.to_vec(), message.to_vec());
            self.events.push(Event::Published { channel, message, sharded: false });
        }
    }

    /// Sets the counters of INFO to zero.
    pub fn reset_stats(&mut self) {
        self.stats =
            Stats { commands: vec![CommandStats::default(); table().entries.len()], ..Stats::default() };
    }
}
