//! A script's run: from its command to its reply, within one turn or over several.
//!
//! BACKGROUND. A script hands out steps. A command is carried out between two of them; when the slice of the turn is
//! used up, the state of the call is put aside, the session is suspended, and [`Engine::go_on_with_script`] takes it up
//! in the next turn. What the script has queued for replication waits with it, so that it leaves in one transaction.
//!
//! INVARIANTS
//! - One script runs at a time, and only the outermost command of a session runs one.
//! - A client that has gone does not stop its script: it goes on for a session that nobody hears.
//! - Where nobody can wait (our primary's stream, a file, the control plane) a script runs to its end at once.

use garrison_engine_lua::{Failed, Interpreter, Job, Step};

use super::state::libraries::Code;
use super::state::{Program, Run};
use crate::clients::session::{ReplyMode, Session, Suspension};
use crate::clients::waiting::Queue;
use crate::dispatch::table::{table, Entry};
use crate::dispatch::{Ctx, Failure};
use crate::engine::effects::{Action, Level};
use crate::engine::{Engine, SuspendedCall};
use crate::keyspace::KnownKey;
use crate::resp::OwnedArgs;

/// How long a script runs before other work of the node gets its turn, in microseconds.
const SLICE_US: u64 = 10_000;

pub(super) const NOT_BUSY: Failure = Failure::Text("NOTBUSY No scripts in execution right now.");

/// What became of a script.
enum Outcome {
    Done,
    Suspended,
}

impl Engine {
    /// Runs a script or function with `keys` keys from argument 3 on. Its reply, if it has one already, is written.
    ///
    /// # Errors
    /// It may not run here and now.
    pub(super) fn run_program(ctx: &mut Ctx<'_>, program: Program, keys: usize) -> Result<(), Failure> {
        let Code::Lua(function) = program.code else { return super::python::begin(ctx, program, keys) };
        let Ctx { engine, session, args, entry } = ctx;
        let is_out_of_memory = engine.settings.maxmemory > 0
            && !session.origin.skips_checks()
            && engine.make_room(session.out.capacity()).is_err();
        engine.check_declared(session, &program, entry, is_out_of_memory)?;
        let mut program = program;
        program.read_only |= program.flags.contains(super::state::flags::ScriptFlags::NO_WRITES);
        let (memory_max, ticks) = (engine.settings.lua_memory_max, engine.host.ticks);
        let kind = program.kind;
        let mut lua = engine.scripting.take_interpreter(kind, memory_max, ticks)?;
        let began_us = ticks();
        let job = Job { function, takes_arguments: kind == super::state::Kind::Function, resp: session.resp };
        let mut run = Run {
            program,
            session: (session.key, session.id),
            args: OwnedArgs::default(),
            command: entry.id,
            began_us,
            db: session.db,
            resp: session.resp,
            has_written: false,
            is_out_of_memory,
            slot: None,
        };
        let (first, rest) = (args.iter_from(3).take(keys), args.iter_from(3 + keys));
        let slice_ends_us = began_us.saturating_add(SLICE_US);
        let step = lua.start(&job, first, rest, slice_ends_us);
        match engine.drive(session, &mut lua, &mut run, step, slice_ends_us) {
            Outcome::Done => engine.finish_run(session, &mut lua, &run),
            Outcome::Suspended => {
                run.args = OwnedArgs::copy(*args);
                engine.suspend(session, run);
            }
        }
        engine.scripting.put_interpreter(kind, lua, memory_max);
        Ok(())
    }

    /// Carries out step after step, to the end or until the slice is used up.
    fn drive(
        &mut self,
        session: &mut Session,
        lua: &mut Interpreter,
        run: &mut Run,
        mut step: Step,
        mut slice_ends_us: u64,
    ) -> Outcome {
        let mut spent_us = self.stats.counters.event_loop.commands_us;
        loop {
            let mut is_slice_over = false;
            match step {
                Step::Done => return Outcome::Done,
                Step::Call => {
                    self.call_of_script(session, lua, run);
                    // The clock is not read again: commands tell how long they took.
                    is_slice_over = self.stats.counters.event_loop.commands_us - spent_us >= SLICE_US;
                }
                Step::MayCall => {
                    let may = self.may_call(session, lua);
                    lua.answer_acl(may);
                }
                Step::Pause => is_slice_over = (self.host.ticks)() >= slice_ends_us,
            }
            if lua.has_logs() {
                self.log_of_script(lua);
            }
            if is_slice_over {
                if session.origin.may_wait() {
                    return Outcome::Suspended;
                }
                slice_ends_us = (self.host.ticks)().saturating_add(SLICE_US);
                spent_us = self.stats.counters.event_loop.commands_us;
            }
            step = lua.resume(slice_ends_us);
        }
    }

    /// Passes on what a script has logged.
    #[cold]
    pub(super) fn log_of_script(&mut self, lua: &mut Interpreter) {
        const LEVELS: [Level; 4] = [Level::Debug, Level::Verbose, Level::Notice, Level::Warning];
        for line in lua.take_logs() {
            let level = LEVELS.get(usize::from(line.level)).copied().unwrap_or(Level::Notice);
            self.log(level, String::from_utf8_lossy(&line.text));
        }
    }

    /// Puts a run aside until the next turn.
    fn suspend(&mut self, session: &mut Session, run: Run) {
        session.suspension = Suspension::Script;
        let call = std::mem::take(&mut self.call);
        self.call.frame = call.frame;
        self.suspended_call = Some(Box::new(SuspendedCall { call, clock: self.clock }));
        self.scripting.running = Some(Box::new(run));
    }

    /// Whether a script wants the next turn at once.
    pub fn script_wants_turn(&self) -> bool {
        self.scripting.running.is_some()
    }

    /// Gives the suspended script its slice of the turn.
    pub(crate) fn go_on_with_script(&mut self) {
        if self.scripting.running.as_ref().is_some_and(|run| self.is_busy(run)) {
            // Who was held so far is told now.
            self.resume_all(Queue::Script);
        }
        let Some(mut run) = self.scripting.running.take() else { return };
        let Some(suspended) = self.suspended_call.take() else { return };
        let (memory_max, ticks) = (self.settings.lua_memory_max, self.host.ticks);
        let kind = run.program.kind;
        let Ok(mut lua) = self.scripting.take_interpreter(kind, memory_max, ticks) else { return };
        let (mut session, is_there) = self.session_of(&run);
        let now = std::mem::replace(&mut self.clock, suspended.clock);
        let call = std::mem::replace(&mut self.call, suspended.call);
        self.call.in_a_row = false;
        self.call.ended_us = None;
        session.suspension = Suspension::None;

        let slice_ends_us = ticks().saturating_add(SLICE_US);
        let step = lua.resume(slice_ends_us);
        match self.drive(&mut session, &mut lua, &mut run, step, slice_ends_us) {
            Outcome::Suspended => self.suspend(&mut session, *run),
            Outcome::Done => {
                self.finish_run(&mut session, &mut lua, &run);
                self.finish_later(&mut session, &run);
            }
        }
        self.scripting.put_interpreter(kind, lua, memory_max);
        self.clock = now;
        self.call = call;
        let key = session.key;
        self.clients.sessions.put(session);
        match is_there {
            true if self.scripting.running.is_none() => self.effects.actions.push(Action::Resume(key)),
            true => {}
            false => self.close_session(key),
        }
    }

    /// The session of a run, or one that nobody hears when its client has gone; whether it is the first.
    fn session_of(&mut self, run: &Run) -> (Box<Session>, bool) {
        let (key, id) = run.session;
        let is_its = self.clients.sessions.get(key).is_some_and(|session| session.id == id);
        // Its key may be another session's by now, which stays where it is.
        if let Some(session) = is_its.then(|| self.clients.sessions.take(key)).flatten() {
            return (session, true);
        }
        let session = self.open_session(crate::clients::origin::Origin::Client);
        (session.db, session.resp, session.suspension) = (run.db, run.resp, Suspension::Script);
        session.user = Some(crate::clients::origin::User::DEFAULT);
        let key = session.key;
        match self.clients.sessions.take(key) {
            Some(session) => (session, false),
            None => unreachable!("the session was opened just now"),
        }
    }

    /// Writes the reply of a script that has ended, and leaves the session as it was.
    fn finish_run(&mut self, session: &mut Session, lua: &mut Interpreter, run: &Run) {
        session.db = run.db;
        session.resp = run.resp;
        self.call.resp = run.resp;
        self.call.key = KnownKey::NONE;
        match lua.take_outcome() {
            Ok(reply) => {
                session.out.extend_from_slice(reply);
            }
            Err(failed) => self.write_failed(session, run, &failed),
        }
    }

    /// An error of a script: its text, the script and the place.
    #[cold]
    fn write_failed(&mut self, session: &mut Session, run: &Run, failed: &Failed) {
        let name = String::from_utf8_lossy(&run.program.name);
        let mut text = failed.text.clone();
        if failed.is_raw {
            let reason = String::from_utf8_lossy(failed.text.get(..100).unwrap_or(&failed.text)).into_owned();
            let hint = if reason == "not enough memory" { " within lua-memory-max" } else { "" };
            text = format!("ERR Error running script {name}, {reason}{hint}").into_bytes();
        } else if let Some((source, line)) = &failed.place {
            let source = String::from_utf8_lossy(source);
            text.extend_from_slice(format!(" script: {name}, on {source}:{line}.").as_bytes());
        }
        if !failed.is_counted {
            let code = text.split(|byte| *byte == b' ').next().unwrap_or_default();
            self.stats.counters.count_error(&String::from_utf8_lossy(code));
        }
        session.out.push(b'-');
        let line = text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte });
        session.out.extend(line);
        session.out.extend_from_slice(b"\r\n");
    }

    /// What follows a command, for a script that has ended in a later turn than it began.
    fn finish_later(&mut self, session: &mut Session, run: &Run) {
        let entry: &'static Entry = &table().entries[run.command];
        let elapsed_us = (self.host.ticks)().saturating_sub(run.began_us);
        self.stats.counters.commands_processed += 1;
        session.commands += 1;
        let stats = &mut self.stats.counters.commands[run.command];
        stats.calls += 1;
        stats.took(elapsed_us, self.settings.latency_tracking);
        if elapsed_us >= self.settings.slow_from_us() {
            self.record_slow(session, entry, run.args.view(), elapsed_us);
        }
        self.show(session, entry, run.args.view());
        let in_exec = session.transaction.as_ref().is_some_and(|transaction| transaction.is_under_way());
        if in_exec {
            self.continue_exec(session);
        }
        self.finish_writes(session);
        if session.is_suspended() {
            return;
        }
        if session.drops_answer || session.reply_mode == ReplyMode::Off {
            session.drop_late_reply(0);
        }
        session.drops_answer = false;
        self.resume_all(Queue::Script);
        self.deliver_deferred(session);
    }

    /// Kills the script that is suspended.
    ///
    /// # Errors
    /// None runs, or it has written: what it wrote cannot be undone.
    pub(super) fn kill_script(&mut self, kind: super::state::Kind) -> Result<(), Failure> {
        let Some(run) = self.scripting.running.as_deref() else {
            return match kind {
                super::state::Kind::Function => self.kill_oldest_python_call(),
                super::state::Kind::Script => Err(NOT_BUSY),
            };
        };
        if run.program.kind != kind {
            return Err(super::prepare::busy_with(run.program.kind));
        }
        if run.has_written {
            return Err(Failure::Text(
                "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either \
                 wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
            ));
        }
        if let Some(lua) = self.scripting.interpreter(kind) {
            lua.kill();
        }
        Ok(())
    }
}
