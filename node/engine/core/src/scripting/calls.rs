//! The commands that a script calls: checked, carried out for its session, replicated by what they change.

use garrison_engine_lua::Interpreter;

use super::state::flags::ScriptFlags;
use super::state::Run;
use crate::clients::origin::Nested;
use crate::clients::session::{Session, Suspension};
use crate::dispatch::execute::find;
use crate::dispatch::table::{table, Entry};
use crate::dispatch::{Failure, Flags, Handler};
use crate::engine::Engine;
use crate::keyspace::KnownKey;
use crate::resp::{Args, Range};

const UNKNOWN: Failure = Failure::Text("ERR Unknown Redis command called from script");
const WRONG_ARITY: Failure = Failure::Text("ERR Wrong number of args calling Redis command from script");
const NOT_ALLOWED: Failure = Failure::Text("ERR This Redis command is not allowed from script");
const READ_ONLY: Failure = Failure::Text("ERR Write commands are not allowed from read-only scripts.");
const STALE: Failure = Failure::Text("ERR Can not execute the command on a stale replica");
const OUT_OF_MEMORY: Failure = Failure::Text("OOM command not allowed when used memory > 'maxmemory'.");
const NOT_LOCAL: Failure = Failure::Text("ERR Script attempted to access a non local key in a cluster node");
const DOWN: Failure = Failure::Text("ERR Script attempted to execute a command while the cluster is down");
const DOWN_READS_ONLY: Failure =
    Failure::Text("ERR Script attempted to execute a write command while the cluster is down and readonly");
const CROSS_SLOT: Failure =
    Failure::Text("ERR Script attempted to access keys that do not hash to the same slot");
const ON_ITS_WAY: Failure = Failure::Text(
    "TRYAGAIN Script attempted to access a key that is on its way to another node: declare it in KEYS",
);

/// Of [`Interpreter::replication`]: nothing is replicated.
const REPLICATES_NOTHING: u8 = 0;

impl Engine {
    /// Carries out the command that the script wants, and leaves its reply with the interpreter.
    pub(super) fn call_of_script(&mut self, session: &mut Session, lua: &mut Interpreter, run: &mut Run) {
        let mut out = std::mem::take(lua.reply());
        let resp = lua.resp();
        let mut ranges = std::mem::take(&mut self.scripting.ranges);
        let (bytes, spans) = lua.call();
        ranges.clear();
        ranges.extend(spans.iter().map(|span| Range { start: span.start, len: span.len }));
        let args = Args::new(bytes, &ranges);

        std::mem::swap(&mut session.out, &mut out);
        session.resp = resp;
        let outer = self.call.frame;
        let queued = self.call.queued.len();
        (self.call.key, self.call.slot, self.call.resp) = (KnownKey::NONE, None, resp);
        match self.check_call(session, run, args) {
            Ok(entry) => {
                self.call.frame = outer.within(Nested::Script);
                self.call_command(session, entry, args);
                self.call.frame = outer;
            }
            Err(failure) => self.write_failure(session, &failure),
        }
        if session.is_suspended() {
            // Nothing that waits is called; whoever adds a command that does is told, and the script goes on.
            debug_assert!(false, "a script's command has suspended its session");
            session.suspension = Suspension::None;
            self.write_failure(session, &NOT_ALLOWED);
        }
        if lua.replication() == REPLICATES_NOTHING {
            self.call.queued.truncate(queued);
        }
        session.resp = run.resp;
        std::mem::swap(&mut session.out, &mut out);

        self.scripting.ranges = ranges;
        *lua.reply() = out;
    }

    /// Finds the command, and checks whether this script may call it here and now.
    pub(super) fn check_call(
        &mut self,
        session: &mut Session,
        run: &mut Run,
        args: Args<'_>,
    ) -> Result<&'static Entry, Failure> {
        let entry = find(args).map_err(|(known, _)| match known {
            Some(_) => WRONG_ARITY,
            None => UNKNOWN,
        })?;
        let flags = entry.command.flags;
        if flags.intersects(Flags::NOSCRIPT | Flags::MIGRATES) || !is_answered_at_once(entry) {
            return Err(NOT_ALLOWED);
        }
        if session.origin.skips_checks() {
            run.has_written |= flags.contains(Flags::WRITE);
            return Ok(entry);
        }
        if self.replication.is_stale(&self.settings) && !flags.contains(Flags::STALE) {
            return Err(STALE);
        }
        if flags.contains(Flags::WRITE) {
            if run.program.read_only {
                return Err(READ_ONLY);
            }
            if !run.has_written {
                self.check_writable(entry)?;
            }
        }
        if run.is_out_of_memory
            && !run.has_written
            && flags.contains(Flags::DENYOOM)
            && !run.program.flags.contains(ScriptFlags::ALLOW_OOM)
        {
            return Err(OUT_OF_MEMORY);
        }
        run.has_written |= flags.contains(Flags::WRITE);
        if self.cluster.slots.is_some() && !entry.command.keys.is_empty() {
            self.check_slot_of_call(session, run, entry, args)?;
        }
        Ok(entry)
    }

    /// Keys must be this node's, and all of one slot unless the script says otherwise.
    fn check_slot_of_call(
        &mut self,
        session: &Session,
        run: &mut Run,
        entry: &Entry,
        args: Args<'_>,
    ) -> Result<(), Failure> {
        self.check_slot(session, entry, args).map_err(|failure| match failure.code() {
            "MOVED" | "ASK" | "TRYAGAIN" | "CROSSSLOT" => NOT_LOCAL,
            "CLUSTERDOWN" if failure.text().contains("read only") || failure.text().contains("readonly") => {
                DOWN_READS_ONLY
            }
            "CLUSTERDOWN" => DOWN,
            _ => failure,
        })?;
        if self.waits_for_migration(session, entry, args) {
            return Err(ON_ITS_WAY);
        }
        let may_cross =
            run.program.flags.intersects(ScriptFlags::UNDECLARED | ScriptFlags::ALLOW_CROSS_SLOT_KEYS);
        if let (Some(slot), false) = (self.call.slot, may_cross) {
            if *run.slot.get_or_insert(slot) != slot {
                return Err(CROSS_SLOT);
            }
        }
        Ok(())
    }

    /// Whether the user of a session may run a command: nothing when there is no such command.
    pub(super) fn may_call(&self, _session: &Session, lua: &Interpreter) -> Option<bool> {
        let (bytes, spans) = lua.call();
        let word = |index: usize| {
            let span = spans.get(index)?;
            bytes.get(span.start as usize..(span.start as usize + span.len as usize))
        };
        let entry = table().find(word(0)?)?;
        if !entry.children.is_empty() && spans.len() > 1 {
            table().find_subcommand(entry, word(1)?)?;
        }
        Some(true)
    }
}

/// Whether the engine answers the command by itself: a script cannot wait for the control plane.
fn is_answered_at_once(entry: &Entry) -> bool {
    matches!(entry.command.handler, Handler::Engine(_) | Handler::Container)
}
