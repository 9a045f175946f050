//! From a request to its reply: look-up, checks, queueing, execution, propagation.
//!
//! The checks stand in Redis's order, so that a command that breaks several rules gets the same
//! error from both.

use super::secrets::hide_secrets;
use super::table::{table, Entry};
use super::{Ctx, Failure, Flags, Handler};
use crate::clients::origin::{Frame, Origin};
use crate::clients::session::{ReplyMode, Session, Suspension};
use crate::clients::waiting::Queue;
use crate::engine::Engine;
use crate::keyspace::KnownKey;
use crate::resp::reply::Reply;
use crate::resp::{Args, OwnedArgs};

const LOADING: Failure = Failure::Text("LOADING Redis is loading the dataset in memory");

/// A request that will be carried out soon: its command, and its first key's place in the keyspace.
#[derive(Clone, Copy)]
pub struct Ahead {
    /// The command.
    pub entry: &'static Entry,
    key: KnownKey,
}

impl Ahead {
    /// A request of which only the command is known.
    #[inline]
    pub const fn of(entry: &'static Entry) -> Self {
        Ahead { entry, key: KnownKey::NONE }
    }
}

/// Whether to go on with a command.
enum Gate {
    Open,
    /// It was answered or suspended.
    Closed,
}

impl Engine {
    /// Carries out one request of a session that was taken out of [`Clients::sessions`](crate::engine::Clients::sessions).
    ///
    /// Its reply, if it has one already, is appended to the session's output. Afterwards the session
    /// may be suspended, or marked to be closed.
    #[inline]
    pub fn execute(&mut self, session: &mut Session, args: Args<'_>) {
        if !args.is_empty() {
            self.call.key = KnownKey::NONE;
            self.execute_found(session, args, find(args));
        } else if session.origin == Origin::Replica {
            // An empty line is a replica's sign of life.
            self.replication.heard_from(session.key, self.clock.boot_ms);
        }
    }

    /// Finds the command of a request, and asks the processor to load the bucket of its first key.
    ///
    /// With [`Engine::look_closer`] this hides the memory's latency behind the other requests of a
    /// batch. Both change nothing; whatever happens in between, execution starts from the beginning.
    #[inline]
    pub fn look_ahead(&self, session: &Session, args: Args<'_>) -> Option<Ahead> {
        let entry = find(args).ok()?;
        let mut ahead = Ahead::of(entry);
        if let Some(first) = entry.first_key(args) {
            let db = self.keyspace.dbs.get(session.db)?;
            let key = db.key(first);
            db.prefetch_bucket(&key);
            ahead.key = KnownKey::of(&key);
        }
        Some(ahead)
    }

    /// Asks the processor to load the entry of a request's first key; its bucket should have arrived.
    #[inline]
    pub fn look_closer(&self, session: &Session, ahead: &Ahead) {
        if !ahead.key.is_none() {
            self.keyspace.dbs[session.db].prefetch_entry(&ahead.key.without_bytes());
        }
    }

    /// Carries out a request whose command [`Engine::look_ahead`] has found.
    #[inline]
    pub fn execute_known(&mut self, session: &mut Session, args: Args<'_>, ahead: &Ahead) {
        self.call.key = ahead.key;
        self.execute_found(session, args, Ok(ahead.entry));
    }

    /// Says whether commands follow each other from now on with nothing else between them: then the clock is read once
    /// for the end of one and the beginning of the next.
    #[inline]
    pub fn commands_in_a_row(&mut self, in_a_row: bool) {
        self.call.in_a_row = in_a_row;
        self.call.ended_us = None;
    }

    #[inline]
    fn execute_found(&mut self, session: &mut Session, args: Args<'_>, found: Found) {
        let reply_start = session.out.len();
        let was_replica = session.origin == Origin::Replica;
        self.call.resp = session.resp;
        self.call.slot = None;
        self.call.frame = Frame::top(session.origin);
        session.last_command_ms = self.clock.unix_ms;
        let is_silent = session.reply_mode != ReplyMode::On;
        let is_pushed =
            is_silent && matches!(&found, Ok(entry) if entry.command.flags.contains(Flags::LISTENS));
        match found {
            Ok(entry) => {
                session.last_command = Some(entry.full_name);
                match self.gate(session, entry, args) {
                    Ok(Gate::Open) => self.run(session, entry, args),
                    Ok(Gate::Closed) => {}
                    Err(failure) => {
                        self.stats.counters.commands[entry.id].rejected_calls += 1;
                        self.refuse(session, entry, failure);
                    }
                }
                if session.asking && !entry.command.flags.contains(Flags::LETS_IN) {
                    // ASKING holds for one command, or one transaction, carried out now or later.
                    session.asking = session.in_multi()
                        || matches!(
                            session.suspension,
                            Suspension::Retry(_) | Suspension::Keys | Suspension::Function { .. }
                        );
                }
            }
            Err((known, failure)) => {
                if let Some(entry) = known {
                    self.stats.counters.commands[entry.id].rejected_calls += 1;
                }
                self.spoil_transaction(session);
                match known {
                    Some(entry) => self.refuse(session, entry, failure),
                    None => self.write_failure(session, &failure),
                }
            }
        }
        if session.reply_mode != ReplyMode::On {
            // Confirmations of SUBSCRIBE are no replies.
            session.apply_reply_mode(if is_pushed { session.out.len() } else { reply_start });
        }
        if self.clients.waiting.has_ready_key() {
            self.serve_ready_keys(Some(session));
        }
        if !self.clients.deferred.is_empty() {
            self.deliver_deferred(session);
        }
        if was_replica && session.out.len() > reply_start {
            self.refuse_replica_reply(session, args);
        }
    }

    /// Goes on with EXEC when the control plane has answered one of its commands: the session waited, so every check
    /// is made anew, but for a transaction of which a part was carried out already.
    pub(crate) fn resume_exec(&mut self, session: &mut Session, ticket: u64, reply: &[u8]) {
        if !self.exec_answered(session, ticket, reply) {
            return;
        }
        let Some(entry) = table().find(b"exec") else { return };
        let args = OwnedArgs::from_slices(&[b"EXEC"]);
        let reply_start = session.out.len();
        self.call.resp = session.resp;
        self.call.frame = Frame::top(session.origin);
        self.call.key = KnownKey::NONE;
        self.call.slot = None;
        if session.transaction.as_ref().is_some_and(|transaction| transaction.is_under_way()) {
            self.continue_exec(session);
        } else {
            match self.gate(session, entry, args.view()) {
                Ok(Gate::Open) => {
                    if let Err(failure) = self.exec(session) {
                        self.write_failure(session, &failure);
                    }
                }
                Ok(Gate::Closed) => {}
                Err(failure) => self.refuse(session, entry, failure),
            }
        }
        self.finish_writes(session);
        if !session.drop_late_reply(reply_start) && session.reply_mode != ReplyMode::On {
            session.apply_reply_mode(reply_start);
        }
        self.serve_ready_keys(Some(session));
        self.deliver_deferred(session);
    }

    /// Sends what a command has queued for replication. The session remembers how far the stream is now: WAIT means
    /// what was written before the session's last command, by whomever, as in Redis.
    #[inline]
    pub(crate) fn finish_writes(&mut self, session: &mut Session) {
        self.flush_propagation();
        session.seen_offset = self.replication.offset();
        if std::mem::take(&mut session.has_written) {
            self.withhold_until_synced(session);
        }
    }

    /// Answers an error to a command that did not run; a transaction being queued is spoilt by it,
    /// and one that was to be executed is dropped.
    fn refuse(&mut self, session: &mut Session, entry: &Entry, failure: Failure) {
        if entry.command.flags.contains(Flags::EXEC) {
            self.forget_transaction(session);
            if !failure.is_redirect() {
                let text = failure.text();
                let reason = text.strip_prefix("ERR ").unwrap_or(text);
                let abort = format!("EXECABORT Transaction discarded because of: {reason}");
                return self.write_failure(session, &Failure::new(abort));
            }
        }
        self.spoil_transaction(session);
        self.write_failure(session, &failure);
    }

    fn spoil_transaction(&mut self, session: &mut Session) {
        if let Some(transaction) = session.transaction.as_mut().filter(|transaction| transaction.open) {
            transaction.failed = true;
        }
    }

    /// Writes an error reply and counts it.
    pub fn write_failure(&mut self, session: &mut Session, failure: &Failure) {
        self.stats.counters.count_error(failure.code());
        Reply::new(&mut session.out, session.resp).error(failure.text());
    }

    fn gate(
        &mut self,
        session: &mut Session,
        entry: &'static Entry,
        args: Args<'_>,
    ) -> Result<Gate, Failure> {
        let flags = entry.command.flags;
        if !session.is_authenticated() && !flags.contains(Flags::NO_AUTH) {
            return Err(Failure::Text("NOAUTH Authentication required."));
        }
        if self.persistence.loading.is_some()
            && session.origin.waits_for_data()
            && !is_served_while_loading(entry)
        {
            return Err(LOADING);
        }
        if self.scripting.running.is_some() && self.waits_for_script(session, entry, args)? {
            self.hold_back(session, args, Queue::Script);
            return Ok(Gate::Closed);
        }
        if session.origin.skips_checks() {
            if self.settings.maxmemory > 0 && adds_data(session, entry) {
                // Our primary is obeyed in any case; a replica that evicts makes room if it can.
                let _ = self.make_room(0);
            }
            return self.queue_or_open(session, entry, args);
        }
        // Before its slot is looked at: nobody is sent after a key of which it is not yet sure where it is. What is
        // queued only waits when EXEC carries it out.
        if !is_queued(session, entry) && self.waits_for_migration(session, entry, args) {
            self.hold_back(session, args, Queue::Migration);
            return Ok(Gate::Closed);
        }
        if self.cluster.slots.is_some() && !entry.command.keys.is_empty() {
            self.check_slot(session, entry, args)?;
        }
        if self.settings.maxmemory > 0 && adds_data(session, entry) {
            self.make_room(session.out.capacity())?;
        }
        if flags.contains(Flags::WRITE) || ends_in_writes(session, entry) {
            self.check_writable(entry)?;
        }
        if session.subscriptions.is_some() && session.resp == 2 && session.origin == Origin::Client {
            check_subscriber(entry)?;
        }
        if self.replication.is_stale(&self.settings) && !flags.contains(Flags::STALE) {
            return Err(Failure::Text(
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            ));
        }
        if matches!(self.queue_or_open(session, entry, args)?, Gate::Closed) {
            return Ok(Gate::Closed);
        }
        if self.clients.pause.is_some() && self.is_paused_for(session, entry) {
            self.hold_back(session, args, Queue::Pause);
            return Ok(Gate::Closed);
        }
        Ok(Gate::Open)
    }

    /// Queues a command while MULTI is open, a primary's as a client's: replicas see a transaction whole.
    fn queue_or_open(
        &mut self,
        session: &mut Session,
        entry: &'static Entry,
        args: Args<'_>,
    ) -> Result<Gate, Failure> {
        if !is_queued(session, entry) {
            return Ok(Gate::Open);
        }
        if entry.command.flags.contains(Flags::NO_MULTI) {
            return Err(Failure::Text("ERR Command not allowed inside a transaction"));
        }
        if let Some(transaction) = session.transaction.as_mut() {
            transaction.enqueue(entry, args, self.call.slot, self.settings.client_query_buffer_limit)?;
        }
        session.out.extend_from_slice(b"+QUEUED\r\n");
        Ok(Gate::Closed)
    }

    /// Runs a command that has passed its checks, and replicates what it changed.
    #[inline]
    pub fn run(&mut self, session: &mut Session, entry: &'static Entry, args: Args<'_>) {
        self.call_command(session, entry, args);
        self.finish_writes(session);
    }

    /// Runs a command within a transaction or at the top; its propagation is queued, not yet sent.
    pub fn call_command(&mut self, session: &mut Session, entry: &'static Entry, args: Args<'_>) {
        let run = match entry.command.handler {
            Handler::Engine(run) => run,
            Handler::Control(_) => return self.hand_to_control(session, entry, args),
            Handler::Container => return self.refuse(session, entry, Failure::unknown_subcommand(args)),
        };
        self.call.frame = self.call.frame.next();
        #[cfg(debug_assertions)]
        let before = self.keyspace_changes();
        let (slot, reply_start) = (self.call.slot, session.out.len());
        let started = self.call.ended_us.take().unwrap_or_else(self.host.ticks);
        let outcome = run(&mut Ctx { engine: self, session, args, entry });
        let ended = (self.host.ticks)();
        let elapsed = ended.wrapping_sub(started);
        self.call.ended_us = self.call.in_a_row.then_some(ended);
        if matches!(session.suspension, Suspension::Keys | Suspension::Script | Suspension::Function { .. }) {
            // It will be carried out again or go on, and counts then.
            return;
        }
        self.stats.counters.commands_processed += 1;
        session.commands += 1;
        self.stats.counters.event_loop.commands_us += elapsed;
        let stats = &mut self.stats.counters.commands[entry.id];
        stats.calls += 1;
        stats.took(elapsed, self.settings.latency_tracking);
        #[cfg(debug_assertions)]
        if outcome.is_ok() {
            self.check_hook(entry, before);
        }
        if let Err(failure) = outcome {
            self.stats.counters.commands[entry.id].failed_calls += 1;
            self.write_failure(session, &failure);
        }
        if let (Some(slot), Some(figures)) = (slot, &mut self.stats.slots) {
            figures.of(slot).count(elapsed, args, session.out.len().saturating_sub(reply_start));
        }
        if elapsed >= self.settings.slow_from_us() {
            self.record_slow(session, entry, args, elapsed);
        }
        self.show(session, entry, args);
        let Frame { dirty, verbatim, .. } = self.call.frame;
        if dirty > 0 {
            self.keyspace.dirty += dirty;
            session.has_written = true;
            if self.cluster.slots.is_some() && !session.origin.skips_lease() {
                self.cluster.wrote.push(session.key);
            }
            if verbatim && entry.command.flags.intersects(Flags::WRITE | Flags::MAY_REPLICATE) {
                self.propagate_call(session.db, args);
            }
        }
    }
}

#[cfg(debug_assertions)]
impl Engine {
    /// How often a key was changed, and how often the write hook was called, so far.
    fn keyspace_changes(&self) -> (u64, u64) {
        (self.keyspace.dbs.iter().map(crate::keyspace::Db::changes).sum(), self.call.hook_calls)
    }

    /// A command that changes keys and does not call the write hook is a defect.
    fn check_hook(&self, entry: &Entry, (changes, hook_calls): (u64, u64)) {
        let is_silent = self.keyspace_changes().0 != changes && self.call.hook_calls == hook_calls;
        assert!(!is_silent, "'{}' has changed the keyspace without the write hook", entry.full_name);
    }
}

impl Engine {
    /// The control plane carries out a command; its time is counted when the answer comes.
    fn hand_to_control(&mut self, session: &mut Session, entry: &'static Entry, args: Args<'_>) {
        if entry.command.group == super::Group::Cluster && self.cluster.slots.is_none() {
            return self.refuse(session, entry, crate::resp::failure::NO_CLUSTER);
        }
        self.stats.counters.commands_processed += 1;
        self.stats.counters.commands[entry.id].calls += 1;
        session.commands += 1;
        self.show(session, entry, args);
        let began_us = (self.host.ticks)();
        self.ask_control(session, entry, args, Some(began_us));
    }

    /// A command was slow, by SLOWLOG's or LATENCY's measure.
    #[cold]
    pub(crate) fn record_slow(&mut self, session: &Session, entry: &Entry, args: Args<'_>, elapsed_us: u64) {
        let flags = entry.command.flags;
        let threshold = self.settings.slowlog_log_slower_than;
        if threshold >= 0 && elapsed_us as i64 >= threshold && !flags.contains(Flags::SKIP_SLOWLOG) {
            self.stats.slowlog.record(
                &self.settings,
                session,
                hide_secrets(args),
                elapsed_us,
                self.clock.unix_ms,
            );
        }
        let threshold_ms = self.settings.latency_monitor_threshold;
        if threshold_ms > 0 && elapsed_us / 1000 >= threshold_ms {
            let event = if flags.contains(Flags::FAST) { "fast-command" } else { "command" };
            self.stats.latency.record(event, self.clock.unix_ms / 1000, elapsed_us / 1000);
        }
    }

    /// Shows a command to those who MONITOR, if anybody may see it.
    #[inline]
    pub(crate) fn show(&mut self, session: &Session, entry: &Entry, args: Args<'_>) {
        const HIDDEN: Flags = Flags::SKIP_MONITOR.union(Flags::ADMIN);
        if !self.clients.monitors.is_empty() && !entry.command.flags.intersects(HIDDEN) {
            self.show_to_monitors(session, args);
        }
    }
}

/// The command of a request; a failure tells the command too, if only its arguments are wrong.
pub(crate) type Found = Result<&'static Entry, (Option<&'static Entry>, Failure)>;

pub(crate) fn find(args: Args<'_>) -> Found {
    let entry = table().find(args.get(0)).ok_or_else(|| (None, Failure::unknown_command(args)))?;
    let entry = match entry.children.is_empty() || args.len() < 2 {
        true => entry,
        false => table()
            .find_subcommand(entry, args.get(1))
            .ok_or_else(|| (None, Failure::unknown_subcommand(args)))?,
    };
    if entry.accepts(args.len()) {
        Ok(entry)
    } else {
        Err((Some(entry), Failure::wrong_arity(entry.full_name)))
    }
}

/// Whether a command is served while the data is read from files. PING is: a probe of life must not kill a node for it.
fn is_served_while_loading(entry: &Entry) -> bool {
    entry.command.flags.contains(Flags::LOADING) || entry.full_name == "ping"
}

/// Whether a command joins the queue of the session's transaction, if it passes the checks.
#[inline]
fn is_queued(session: &Session, entry: &Entry) -> bool {
    session.in_multi() && !entry.command.flags.contains(Flags::AT_ONCE)
}

/// Whether a command may take more memory; EXEC does if one of its queue does.
fn adds_data(session: &Session, entry: &Entry) -> bool {
    let may_grow = |entry: &Entry| entry.command.flags.contains(Flags::DENYOOM);
    let queue = || session.transaction.as_ref().map_or(&[][..], |transaction| &transaction.queue);
    may_grow(entry)
        || (entry.command.flags.contains(Flags::EXEC)
            && queue().iter().any(|queued| may_grow(queued.entry())))
}

/// Only these commands make sense between a RESP2 client's subscription messages.
fn check_subscriber(entry: &Entry) -> Result<(), Failure> {
    if entry.command.flags.contains(Flags::SUBSCRIBED) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        entry.full_name
    )))
}

/// Whether this is the EXEC of a transaction that writes: this node may have become a replica since it was queued.
fn ends_in_writes(session: &Session, entry: &Entry) -> bool {
    let Some(transaction) =
        session.transaction.as_deref().filter(|_| entry.command.flags.contains(Flags::EXEC))
    else {
        return false;
    };
    transaction.queue.iter().any(|queued| queued.entry().command.flags.contains(Flags::WRITE))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use crate::testing::Bench;

    thread_local! {
        static READINGS: Cell<u64> = const { Cell::new(0) };
    }

    fn ticks() -> u64 {
        READINGS.set(READINGS.get() + 1);
        READINGS.get()
    }

    #[test]
    fn commands_in_a_row_read_the_clock_once_each() {
        let mut bench = Bench::new(&[]);
        bench.engine.host.ticks = ticks;
        let client = bench.client();
        let mut readings_of = |in_a_row: bool| {
            let before = READINGS.get();
            bench.engine.commands_in_a_row(in_a_row);
            (0..3).for_each(|_| _ = bench.say(client, "GET k"));
            bench.engine.commands_in_a_row(false);
            READINGS.get() - before
        };
        assert_eq!((readings_of(false), readings_of(true), readings_of(false)), (6, 4, 6));
        assert!(bench.say(client, "INFO commandstats").contains("cmdstat_get:calls=9,usec=9,"));
    }
}
