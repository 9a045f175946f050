//! A call of a function in Python: its reads, its writes and reply, and its end.

use crate::clients::origin::{Frame, Nested};
use crate::clients::session::{Session, Suspension};
use crate::clients::transaction::Watched;
use crate::dispatch::table::{table, Entry};
use crate::dispatch::{Failure, Flags};
use crate::engine::effects::{Action, Event, FunctionOutcome};
use crate::engine::Engine;
use crate::keyspace::KnownKey;
use crate::resp::{Args, OwnedArgs};
use crate::scripting::run::NOT_BUSY;
use crate::scripting::state::python::PythonCall;
use crate::scripting::state::Run;

/// Most keys that one call may read: each is watched until it ends.
const WATCHED_KEYS_MAX: usize = 65_536;

const TOO_MANY_KEYS: Failure = Failure::Text("ERR A function in Python reads 65536 keys at most");
const LOADING: Failure = Failure::Text("LOADING Redis is loading the dataset in memory");

impl Engine {
    /// Whether memory is at its limit, and nothing can be evicted.
    pub(in crate::scripting) fn is_out_of_memory_for(&mut self, session: &Session) -> bool {
        self.settings.maxmemory > 0
            && !session.origin.skips_checks()
            && self.make_room(session.out.capacity()).is_err()
    }

    /// Carries out commands that a function reads with; the replies are told, in RESP3.
    pub fn function_read(&mut self, ticket: u64, commands: &[OwnedArgs]) {
        let Some((mut call, mut session)) = self.take_python_call(ticket) else {
            return self.tell_function(ticket, FunctionOutcome::Gone, Vec::new());
        };
        let is_held = self.scripting.running.is_some()
            || commands.iter().any(|args| self.is_on_its_way(&session, args.view()));
        if is_held {
            self.put_python_call(ticket, call, session);
            return self.tell_function(ticket, FunctionOutcome::Later, Vec::new());
        }
        let mut replies = std::mem::take(&mut session.out);
        session.resp = 3;
        let mut answers = Vec::with_capacity(commands.len());
        for args in commands {
            self.begin_call_of_function(&mut session);
            match self.check_read(&mut session, &mut call, args.view()) {
                Ok(entry) => self.run_in_function(&mut session, entry, args.view()),
                Err(failure) => self.write_failure(&mut session, &failure),
            }
            answers.push(std::mem::take(&mut session.out));
        }
        std::mem::swap(&mut session.out, &mut replies);
        self.leave_function(&mut session, &call.run);
        self.put_python_call(ticket, call, session);
        self.tell_function(ticket, FunctionOutcome::Read, answers);
    }

    /// Applies what a function writes and answers its client, if what it has read still stands.
    ///
    /// The reply is given in pieces; between two of them stands the reply to the write that `holes` names.
    pub fn function_commit(
        &mut self,
        ticket: u64,
        commands: &[OwnedArgs],
        pieces: &[Vec<u8>],
        holes: &[u64],
    ) {
        let Some((mut call, mut session)) = self.take_python_call(ticket) else {
            return self.tell_function(ticket, FunctionOutcome::Gone, Vec::new());
        };
        let entry = &table().entries[call.run.command];
        call.run.is_out_of_memory = self.is_out_of_memory_for(&session);
        let is_held = self.scripting.running.is_some()
            || ((call.is_load || !commands.is_empty()) && self.is_paused_for(&session, entry))
            || commands.iter().any(|args| self.is_on_its_way(&session, args.view()));
        if is_held {
            self.put_python_call(ticket, call, session);
            return self.tell_function(ticket, FunctionOutcome::Later, Vec::new());
        }
        if !self.are_unchanged(&call.watched) {
            self.unwatch(&std::mem::take(&mut call.watched));
            self.put_python_call(ticket, call, session);
            return self.tell_function(ticket, FunctionOutcome::Conflict, Vec::new());
        }
        self.unwatch(&std::mem::take(&mut call.watched));
        let answer = match self.check_writes(&mut session, &mut call, commands) {
            Ok(_) if call.is_load => self.load_tried(&mut session, &call.run),
            Ok(entries) => {
                let answers = self.apply_writes(&mut session, &call.run, commands, &entries);
                answers.map_or_else(|error| error, |answers| composed(pieces, holes, &answers))
            }
            Err(failure) => {
                self.stats.counters.count_error(failure.code());
                [b"-", failure.text().as_bytes(), b"\r\n"].concat()
            }
        };
        if let Some((id, began_us)) = self.clients.waiting.answered(ticket).and_then(|asked| asked.timed) {
            let elapsed_us = (self.host.ticks)().wrapping_sub(began_us);
            self.stats.counters.commands[id].took(elapsed_us, self.settings.latency_tracking);
        }
        session.answer_late(|reply| reply.raw(&answer));
        session.asking = false;
        self.finish_writes(&mut session);
        self.serve_ready_keys(Some(&session));
        self.deliver_deferred(&mut session);
        let key = session.key;
        self.clients.sessions.put(session);
        self.effects.actions.push(Action::Resume(key));
        self.tell_function(ticket, FunctionOutcome::Ended, Vec::new());
    }

    fn tell_function(&mut self, ticket: u64, outcome: FunctionOutcome, replies: Vec<Vec<u8>>) {
        self.effects.events.push(Event::FunctionReplies { ticket, outcome, replies });
    }

    /// Takes a call and its session out; nothing when its client has gone, which ends the call.
    fn take_python_call(&mut self, ticket: u64) -> Option<(PythonCall, Box<Session>)> {
        let call = self.scripting.python.calls.remove(&ticket)?;
        let (key, id) = call.run.session;
        let waits = |session: &Session| {
            session.id == id
                && matches!(session.suspension, Suspension::Function { ticket: own } if own == ticket)
        };
        let is_its = self.clients.sessions.get(key).is_some_and(waits);
        // Its key may be another session's by now, which stays where it is.
        match is_its.then(|| self.clients.sessions.take(key)).flatten() {
            Some(session) => Some((call, session)),
            None => {
                self.clients.waiting.answered(ticket);
                self.unwatch(&call.watched);
                None
            }
        }
    }

    fn put_python_call(&mut self, ticket: u64, call: PythonCall, session: Box<Session>) {
        self.scripting.python.calls.insert(ticket, call);
        self.clients.sessions.put(session);
    }

    /// The control plane has answered a call by itself: nothing of it is applied.
    pub(crate) fn forget_python_call(&mut self, ticket: u64) {
        if let Some(call) = self.scripting.python.calls.remove(&ticket) {
            self.unwatch(&call.watched);
        }
    }

    /// FUNCTION KILL while no function in Lua runs.
    pub(in crate::scripting) fn kill_oldest_python_call(&mut self) -> Result<(), Failure> {
        let (ticket, _) = self.scripting.python.oldest().ok_or(NOT_BUSY)?;
        if let Some(call) = self.scripting.python.calls.get_mut(&ticket) {
            call.is_killed = true;
        }
        self.effects.events.push(Event::FunctionKill { ticket });
        Ok(())
    }

    /// Whether a command touches a key that is on its way to another node.
    fn is_on_its_way(&self, session: &Session, args: Args<'_>) -> bool {
        crate::dispatch::execute::find(args).is_ok_and(|entry| self.waits_for_migration(session, entry, args))
    }

    fn begin_call_of_function(&mut self, session: &mut Session) {
        self.call.frame = Frame::top(session.origin);
        (self.call.key, self.call.slot, self.call.resp) = (KnownKey::NONE, None, session.resp);
    }

    fn run_in_function(&mut self, session: &mut Session, entry: &'static Entry, args: Args<'_>) {
        let outer = self.call.frame;
        self.call.frame = outer.within(Nested::Script);
        // The command is one of its own, and does not wait.
        let suspension = std::mem::take(&mut session.suspension);
        self.call_command(session, entry, args);
        debug_assert!(!session.is_suspended(), "'{}' waits within a function", entry.full_name);
        session.suspension = suspension;
        self.call.frame = outer;
    }

    /// Leaves the session as the call has found it, and replicates what was removed because its time had come.
    fn leave_function(&mut self, session: &mut Session, run: &Run) {
        (session.db, session.resp) = (run.db, run.resp);
        self.call.key = KnownKey::NONE;
        self.finish_writes(session);
    }

    /// Checks a command that a function reads with, and watches its keys.
    fn check_read(
        &mut self,
        session: &mut Session,
        call: &mut PythonCall,
        args: Args<'_>,
    ) -> Result<&'static Entry, Failure> {
        if self.persistence.loading.is_some() {
            return Err(LOADING);
        }
        let entry = self.check_call(session, &mut call.run, args)?;
        let flags = entry.command.flags;
        if flags.intersects(Flags::WRITE | Flags::MAY_REPLICATE) && !flags.contains(Flags::READONLY) {
            call.run.has_written = false;
            return Err(Failure::new(format!(
                "ERR '{}' writes: a function reads with db.read(), and writes with db.write()",
                entry.full_name
            )));
        }
        let mut keys: Vec<&[u8]> = Vec::new();
        for spec in entry.command.keys {
            spec.for_each(args, |index| keys.push(args.get(index)));
        }
        for key in keys {
            self.watch_for_function(call, key)?;
        }
        Ok(entry)
    }

    fn watch_for_function(&mut self, call: &mut PythonCall, key: &[u8]) -> Result<(), Failure> {
        let db = call.run.db;
        let is_same = |watched: &Watched| watched.db == db && *watched.key == *key;
        // Functions read a few keys; one that reads many may watch some of them twice.
        if call.watched.iter().rev().take(16).any(is_same) {
            return Ok(());
        }
        if call.watched.len() >= WATCHED_KEYS_MAX {
            return Err(TOO_MANY_KEYS);
        }
        let expired = self.is_past_expiry(db, key);
        let seen = self.clients.watches.watch(db, key);
        call.watched.push(Watched { db, key: key.into(), seen, expired });
        Ok(())
    }

    /// Checks all writes before the first is applied.
    fn check_writes(
        &mut self,
        session: &mut Session,
        call: &mut PythonCall,
        commands: &[OwnedArgs],
    ) -> Result<Vec<(&'static Entry, Option<u16>)>, Failure> {
        if self.persistence.loading.is_some() {
            return Err(LOADING);
        }
        if call.is_load {
            self.check_writable(&table().entries[call.run.command])?;
        }
        let mut entries = Vec::with_capacity(commands.len());
        for args in commands {
            self.begin_call_of_function(session);
            entries.push((self.check_call(session, &mut call.run, args.view())?, self.call.slot));
        }
        Ok(entries)
    }

    /// Carries out a FUNCTION LOAD whose library was tried out: within another command, nothing is handed up.
    fn load_tried(&mut self, session: &mut Session, run: &Run) -> Vec<u8> {
        let before = std::mem::take(&mut session.out);
        self.begin_call_of_function(session);
        self.run_in_function(session, &table().entries[run.command], run.args.view());
        std::mem::replace(&mut session.out, before)
    }

    /// Applies the writes; their replies, or the first error reply among them, with the number of its command.
    fn apply_writes(
        &mut self,
        session: &mut Session,
        run: &Run,
        commands: &[OwnedArgs],
        entries: &[(&'static Entry, Option<u16>)],
    ) -> Result<Vec<Vec<u8>>, Vec<u8>> {
        let mut before = std::mem::take(&mut session.out);
        let mut answers = Vec::with_capacity(commands.len());
        for (args, (entry, slot)) in commands.iter().zip(entries) {
            self.begin_call_of_function(session);
            self.call.slot = *slot;
            self.run_in_function(session, entry, args.view());
            answers.push(std::mem::take(&mut session.out));
        }
        std::mem::swap(&mut session.out, &mut before);
        (session.db, session.resp) = (run.db, run.resp);
        let Some(at) = answers.iter().position(|answer| answer.first() == Some(&b'-')) else {
            return Ok(answers);
        };
        let error = String::from_utf8_lossy(answers[at].trim_ascii_end()).into_owned();
        let text = format!(
            "{error} (write {} of {} of the function; the others are applied, as in EXEC)\r\n",
            at + 1,
            answers.len()
        );
        Err(text.into_bytes())
    }
}

/// A reply from its pieces, with the replies to writes between them.
fn composed(pieces: &[Vec<u8>], holes: &[u64], answers: &[Vec<u8>]) -> Vec<u8> {
    let mut reply = Vec::with_capacity(pieces.iter().map(Vec::len).sum());
    for (index, piece) in pieces.iter().enumerate() {
        reply.extend_from_slice(piece);
        let hole = holes.get(index).and_then(|hole| answers.get(usize::try_from(*hole).ok()?));
        reply.extend_from_slice(hole.map_or(&[][..], |answer| answer));
    }
    reply
}
