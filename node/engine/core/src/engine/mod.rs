//! The engine: one node's data plane as a state machine.
//!
//! *(request, now) in; replies, events and actions out.* The reactor sets the clock once a turn,
//! hands in requests by [`Engine::execute`], calls [`Engine::end_turn`], and then takes the effects
//! in the order of their documentation: replication stream, replies, events, actions.

pub(crate) mod blocking;
pub mod defrag;
mod digest;
pub mod effects;
pub mod eviction;
mod expiry;
pub mod hold;
pub mod limits;
pub mod memory;
mod notify;
mod pause;
pub(crate) mod picture;
mod publish;
mod state;
mod write_hook;

pub use state::{
    Call, Clients, Clock, Cluster, Effects, Host, Keyspace, Statistics, SuspendedCall, Switches,
};

use state::HELLOS_PER_CRON_MAX;

use crate::base::clock::BootMs;
use crate::clients::origin::{Origin, User};
use crate::clients::session::{Session, SessionKey, Suspension};
use crate::clients::waiting::Queue;
use crate::cluster::slots::{SlotTable, NOBODY, SLOT_COUNT};
use crate::engine::effects::{Action, Event, Level};
use crate::engine::limits::OUTPUT_CHECKED_BYTES_MIN;
use crate::keyspace::KeyRef;
use crate::persistence::state::rewrite::SwitchOn;
use crate::persistence::state::Persistence;
use crate::replication::state::{Replication, Scope};
use crate::resp::failure::Failure;
use crate::resp::{Args, OwnedArgs};
use crate::scripting::state::Scripting;
use crate::settings::Settings;
use crate::stats::slots::SlotStats;
use crate::stats::Stats;
use crate::types::TypeLimits;

/// One node's data plane.
pub struct Engine {
    /// The time of this turn.
    pub clock: Clock,
    /// The running command.
    pub call: Call,
    /// The command whose script is suspended.
    pub suspended_call: Option<Box<SuspendedCall>>,
    /// The settings.
    pub settings: Settings,
    /// The data.
    pub keyspace: Keyspace,
    /// Who is connected, what they wait for, watch and have subscribed to.
    pub clients: Clients,
    /// Role, backlog and replicas.
    pub replication: Replication,
    /// Snapshots, the append-only file, and what a start reads.
    pub persistence: Persistence,
    /// Scripts, functions, and the one that runs.
    pub scripting: Scripting,
    /// Slots, keys on their way to other nodes, and what may be acknowledged.
    pub cluster: Cluster,
    /// Counters, slow commands, slow events.
    pub stats: Statistics,
    /// What the outside has to do.
    pub effects: Effects,
    /// The process, as the outside sees it.
    pub host: Host,
    /// What DEBUG has switched.
    pub switches: Switches,
}

/// Longest message of a Sentinel that is handed to the control plane, in bytes.
const HELLO_BYTES_MAX: usize = 1024;
/// The channel on which Sentinels tell of themselves.
const HELLO_CHANNEL: &[u8] = b"__sentinel__:hello";

impl Engine {
    /// Opens a session for a connection.
    pub fn open_session(&mut self, origin: Origin) -> &mut Session {
        let is_trusted = origin.skips_password() || self.settings.requirepass.is_empty();
        let session = self.clients.sessions.open(origin, self.clock.unix_ms);
        session.user = is_trusted.then_some(User::DEFAULT);
        session
    }

    /// Closes a session that is not running: it leaves its channels, watches and waits.
    pub fn close_session(&mut self, key: SessionKey) {
        if let Some(mut session) = self.clients.sessions.take(key) {
            self.release(&mut session);
            self.clients.sessions.close(session);
        }
    }

    /// Ends all that other parts of the engine know of a session.
    fn release(&mut self, session: &mut Session) {
        self.clients.waiting.leave(session.key);
        self.clients.pubsub.forget(session);
        self.forget_transaction(session);
        self.clients.monitors.retain(|&key| key != session.key);
        self.replication.forget(session.key);
    }

    /// When values change their representation.
    pub fn type_limits(&self) -> TypeLimits {
        TypeLimits::new(&self.settings, self.keyspace.collection_seed)
    }

    /// Number for a question to the outside whose answer comes back later.
    pub fn ticket(&mut self) -> u64 {
        self.clients.next_ticket += 1;
        self.clients.next_ticket
    }

    /// Writes a line to the log.
    pub fn log(&mut self, level: Level, message: impl Into<String>) {
        self.effects.events.push(Event::Log { level, message: message.into() });
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

    /// What a command on this key is about, for the replication stream.
    #[inline]
    pub(crate) fn scope_of(&self, db: usize, key: &KeyRef<'_>) -> Scope {
        Scope { db, slot: self.keyspace.dbs[db].is_cluster().then_some(key.slot) }
    }

    /// Queues a command for replication when the running one ends.
    pub fn queue_propagation(&mut self, scope: Scope, args: OwnedArgs) {
        if self.replication.is_recording() {
            self.call.queued.push((scope, args));
        }
    }

    /// Replicates the running command as it was given: at once when nothing else is queued.
    pub(crate) fn propagate_call(&mut self, db: usize, args: Args<'_>) {
        if !self.replication.is_recording() {
            return;
        }
        let scope = Scope { db, slot: self.call.slot };
        if self.call.queued.is_empty() && self.call.frame.nested.is_none() {
            self.feed(scope, args);
        } else {
            self.call.queued.push((scope, OwnedArgs::copy(args)));
        }
    }

    /// Appends a command to the replication stream; the traffic that it causes is its slot's.
    #[inline]
    pub(crate) fn feed(&mut self, scope: Scope, args: Args<'_>) {
        let before = self.replication.offset();
        self.replication.feed(scope.db, args);
        if let (Some(slot), Some(figures)) = (scope.slot, &mut self.stats.slots) {
            let bytes = self.replication.offset() - before;
            figures.of(slot).network_bytes_out += bytes * self.replication.replicas.list.len() as u64;
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
            self.feed(queued[0].0, OwnedArgs::from_slices(&[b"MULTI"]).view());
        }
        for (scope, args) in &queued {
            self.feed(*scope, args.view());
        }
        if multi {
            self.feed(queued[queued.len() - 1].0, OwnedArgs::from_slices(&[b"EXEC"]).view());
        }
    }

    /// Appends bytes to the output of a session. The running session gets them after its reply, so
    /// that a message never lands within one.
    pub fn deliver(&mut self, to: SessionKey, bytes: &[u8]) {
        match self.clients.sessions.get_mut(to) {
            Some(session) => {
                if session.out.is_empty() {
                    self.effects.actions.push(Action::Flush(to));
                }
                session.out.extend_from_slice(bytes);
                if session.out.len() as u64 > OUTPUT_CHECKED_BYTES_MIN {
                    self.check_output(to);
                }
            }
            None => self.clients.deferred.push((to, bytes.to_vec())),
        }
    }

    /// Gives the running session the messages that came up while its command ran.
    pub(crate) fn deliver_deferred(&mut self, session: &mut Session) {
        self.clients.deferred.retain(|(to, bytes)| {
            let is_its = *to == session.key;
            if is_its {
                session.out.extend_from_slice(bytes);
            }
            !is_its
        });
    }
}

impl Engine {
    /// Puts a session back into the state of a new one (RESET).
    pub fn reset_session(&mut self, session: &mut Session) {
        self.release(session);
        session.db = 0;
        session.resp = 2;
        session.user = self.settings.requirepass.is_empty().then_some(User::DEFAULT);
        session.readonly = false;
        session.asking = false;
        session.monitor = false;
        session.no_evict = false;
        session.no_touch = false;
        // What was to skip one reply skips that of RESET itself.
        if session.reply_mode == crate::clients::session::ReplyMode::Off {
            session.reply_mode = crate::clients::session::ReplyMode::On;
        }
        session.name = Box::default();
    }
}

impl Engine {
    /// Background work, done `hz` times a second.
    pub fn cron(&mut self) {
        if self.switches.cron_is_paused {
            return;
        }
        self.clients.hellos_left = HELLOS_PER_CRON_MAX;
        if self.persistence.loading.is_none() {
            self.expire_some();
        }
        self.replication_tick();
        if self.scripting.running.is_none() {
            // A snapshot that begins in the middle of a script would show half of what it writes.
            self.persistence_tick();
        }
        self.stats.counters.sample_rates(self.clock.unix_ms);
        self.enforce_output_limits();
    }

    /// What follows from all the commands of a turn, and the snapshots' steps.
    pub fn end_turn(&mut self) {
        self.finish_commands();
        self.walk_snapshots();
    }

    /// Goes on with the snapshots under way, each for a bounded time, for which no reply should wait. Tells whether
    /// there may be something for the next turn, which should then not wait for events.
    pub fn walk_snapshots(&mut self) -> bool {
        let has_room = self.replication_wants_turn() || self.persistence_wants_turn();
        self.continue_full_syncs();
        self.continue_snapshots();
        has_room
    }

    /// What follows from all the commands of a turn, before their replies leave.
    pub fn finish_commands(&mut self) {
        if self.clients.pause.is_some_and(|pause| pause.until_boot_ms <= self.clock.boot_ms) {
            self.combine_pauses();
        }
        self.go_on_with_script();
        self.end_overdue_waits();
        self.serve_ready_keys(None);
        // No session runs now: what is left was for one that is closed.
        self.clients.deferred.clear();
        if self.persistence.loading.is_none() {
            self.evict_some();
            self.defragment_some();
        }
        self.replication_turn();
        self.persistence_turn();
        self.publish_status();
    }

    /// When something is due that cannot wait for the next background turn, in milliseconds of the boot clock.
    pub fn next_deadline_boot_ms(&self) -> Option<BootMs> {
        let due = [
            self.clients.pause.map(|pause| pause.until_boot_ms),
            self.clients.waiting.next_deadline_boot_ms(),
            self.failover_deadline_boot_ms(),
            self.confirmation_deadline_boot_ms(),
            self.keyspace.defrag.next_step_boot_ms(),
        ];
        due.into_iter().flatten().min()
    }

    /// Lets everybody go on who waits in a queue, in the order of arrival.
    pub(crate) fn resume_all(&mut self, queue: Queue) {
        for key in self.clients.waiting.empty(queue) {
            self.effects.actions.push(Action::Resume(key));
        }
    }

    /// Holds the running session's command, to be carried out again when everybody in the queue goes on.
    pub(crate) fn hold_back(&mut self, session: &mut Session, args: Args<'_>, queue: Queue) {
        session.suspension = Suspension::Retry(Box::new(OwnedArgs::copy(args)));
        self.clients.waiting.enter(session.key, queue, None);
    }

    /// A request was no RESP: answers why, and closes.
    pub fn protocol_error(&mut self, session: &mut Session, message: &str) {
        self.stats.counters.protocol_errors += 1;
        self.write_failure(session, &Failure::new(format!("ERR Protocol error: {message}")));
        session.close_after_reply = true;
    }

    /// An unfinished request has grown beyond `client-query-buffer-limit`.
    pub fn query_limit_reached(&mut self, session: &Session, bytes: usize) {
        let message = format!(
            "Closing client {} ({}): its unfinished request of {bytes} bytes is above client-query-buffer-limit",
            session.id, session.addr
        );
        self.stats.counters.query_limit_disconnections += 1;
        self.log(Level::Warning, message);
    }

    /// Why a new connection is refused: too many clients, or protected mode.
    pub fn refusal(&mut self, local: bool) -> Option<&'static str> {
        if self.clients.sessions.len() >= self.settings.maxclients {
            self.stats.counters.connections_rejected += 1;
            return Some("-ERR max number of clients reached\r\n");
        }
        if self.settings.protected_mode && !local && self.settings.requirepass.is_empty() {
            self.stats.counters.connections_rejected += 1;
            return Some(
                "-DENIED This node is in protected mode and has no password, so it serves only clients of its own \
                 machine. Set 'requirepass', or set 'protected-mode no' if the network keeps strangers out.\r\n",
            );
        }
        self.stats.counters.connections_received += 1;
        None
    }

    /// Carries out again the command that a pause or a migration held, if the session has one.
    pub fn retry(&mut self, key: SessionKey) {
        let Some(mut session) = self.clients.sessions.take(key) else { return };
        if let Suspension::Retry(args) = &session.suspension {
            let args = args.clone();
            self.run_again(&mut session, &args);
        }
        self.clients.sessions.put(session);
    }

    /// Withholds the replies to writes for which this node no longer has the right to answer.
    ///
    /// The lease was checked when the write ran; the process may have slept since. `now` reads the clock.
    pub fn withhold_replies_without_lease(&mut self, now: impl FnOnce() -> Clock) {
        if self.cluster.wrote.is_empty() {
            return;
        }
        let wrote = std::mem::take(&mut self.cluster.wrote);
        let until_ms = self.cluster.slots.as_deref().map_or(BootMs::MAX, |slots| slots.writes_until_ms);
        if now().boot_ms <= until_ms {
            return;
        }
        for key in wrote {
            if let Some(session) = self.clients.sessions.get_mut(key) {
                session.close_now = true;
                self.effects.actions.push(Action::Flush(key));
            }
        }
        self.log(Level::Warning, "Closed clients whose writes ran after this primary's lease had ended");
    }

    /// Takes new values of directives, all or none; the answer is [`Event::Applied`].
    ///
    /// Where they switch the append-only file on, they are taken, and answered, when its first file is open.
    pub fn apply_settings(&mut self, ticket: u64, changes: Vec<(String, Vec<u8>)>) {
        let mut settings = self.settings.clone();
        for (directive, value) in &changes {
            if let Err(error) = settings.set_bytes(directive, value) {
                return self.settings_applied(ticket, directive, error);
            }
        }
        let was_logged = self.settings.appendonly;
        if settings.appendonly && !was_logged {
            return self.switch_log_on(SwitchOn { ticket, changes });
        }
        self.take_settings(settings);
        if was_logged && !self.settings.appendonly {
            self.end_log();
        }
        self.settings_applied(ticket, "", String::new());
    }

    pub(crate) fn take_settings(&mut self, settings: Settings) {
        self.settings = settings;
        self.stats.count_slots(&self.settings);
    }

    pub(crate) fn settings_applied(&mut self, ticket: u64, directive: &str, error: String) {
        self.effects.events.push(Event::Applied { ticket, directive: directive.to_owned(), error });
    }

    /// Installs a new slot table.
    pub fn install_slots(&mut self, mut table: Box<SlotTable>) {
        if let Some(old) = self.cluster.slots.as_deref() {
            table.writes_until_ms = old.writes_until_ms;
        }
        self.cluster.migrations.slots_installed(&table);
        if let Some(figures) = &mut self.stats.slots {
            (0..SLOT_COUNT as u16)
                .filter(|&slot| !table.serves(slot))
                .for_each(|slot| *figures.of(slot) = Default::default());
        }
        // The order to follow comes behind the table: clients that wait for keys get UNBLOCKED, not MOVED.
        if self.replication.primary.is_none() && ![NOBODY, table.myself].contains(&table.my_primary) {
            self.refuse_key_waiters();
        }
        self.cluster.slots = Some(table);
        self.drop_moved_shard_channels();
        self.serve_moved_waiters();
    }

    /// Writes may be acknowledged until this time of the boot clock.
    pub fn extend_lease(&mut self, until_boot_ms: BootMs) {
        if let Some(slots) = self.cluster.slots.as_deref_mut() {
            slots.writes_until_ms = until_boot_ms;
        }
    }

    /// Runs a command of the control plane; its reply becomes an event.
    pub fn run_internal(&mut self, ticket: u64, args: Args<'_>) {
        let key = self.open_session(Origin::Control).key;
        let Some(mut session) = self.clients.sessions.take(key) else { return };
        self.execute(&mut session, args);
        let reply = std::mem::take(&mut session.out);
        self.clients.sessions.put(session);
        self.close_session(key);
        self.effects.events.push(Event::Ran { ticket, reply });
    }

    /// Deletes all keys of these slots; what they held is freed in steps.
    pub fn drop_slots(&mut self, ranges: &[(u16, u16)]) {
        for slot in ranges.iter().flat_map(|&(first, last)| first..=last) {
            self.replicate_drop(slot);
            self.keyspace.dbs[0].drop_slot(slot);
        }
    }

    /// Deletes all keys, for a node that is about to take another's data or to leave its cluster.
    pub fn empty(&mut self) {
        for db in &mut self.keyspace.dbs {
            db.clear();
        }
        if self.replication.is_recording() {
            self.feed(Scope::of_db(0), OwnedArgs::from_slices(&[b"FLUSHALL"]).view());
        }
    }

    /// A client has published: what Sentinels say of themselves is handed to the control plane, within bounds.
    pub(crate) fn note_hello(&mut self, channel: &[u8], message: &[u8]) {
        if channel == HELLO_CHANNEL && message.len() <= HELLO_BYTES_MAX && self.clients.hellos_left > 0 {
            self.clients.hellos_left -= 1;
            let (channel, message) = (channel.to_vec(), message.to_vec());
            self.effects.events.push(Event::Published { channel, message, sharded: false });
        }
    }

    /// Sets the counters of INFO to zero.
    pub fn reset_stats(&mut self) {
        self.stats.counters = Stats::for_commands(self.stats.counters.commands.len());
        self.stats.slots = self.stats.slots.is_some().then(SlotStats::default);
    }
}
