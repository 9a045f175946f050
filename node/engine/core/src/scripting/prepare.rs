//! What is checked before a script runs, and while it runs before other clients' commands.
//!
//! A script without a shebang line has declared nothing: it may start wherever EVAL may, and each of its commands is
//! checked by itself. One with a shebang line is checked by what it declares, before it runs.

use super::state::flags::ScriptFlags;
use super::state::{Kind, Program, Run};
use crate::clients::session::Session;
use crate::dispatch::table::Entry;
use crate::dispatch::{Failure, Flags, Handler};
use crate::engine::Engine;
use crate::resp::Args;

const BUSY_SCRIPT: Failure =
    Failure::Text("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
const BUSY_FUNCTION: Failure =
    Failure::Text("BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.");
const IN_CLUSTER: Failure = Failure::Text("ERR Can not run script on cluster, 'no-cluster' flag is set.");
const STALE: Failure = Failure::Text(
    "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is not set.",
);
const MASTER_DOWN: Failure =
    Failure::Text("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
const READ_ONLY_REPLICA: Failure =
    Failure::Text("READONLY Can not run script with write flag on readonly replica.");
const READ_ONLY_COMMAND: Failure =
    Failure::Text("ERR Can not execute a script with write flag using *_ro command.");
const OUT_OF_MEMORY: Failure = Failure::Text(
    "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
);

/// What other clients are told while a script runs for long.
pub(super) fn busy_with(kind: Kind) -> Failure {
    match kind {
        Kind::Script => BUSY_SCRIPT,
        Kind::Function => BUSY_FUNCTION,
    }
}

impl Engine {
    /// Checks what a script declares against the state of this node.
    pub(super) fn check_declared(
        &self,
        session: &Session,
        program: &Program,
        entry: &Entry,
        is_out_of_memory: bool,
    ) -> Result<(), Failure> {
        if session.origin.skips_checks() {
            return Ok(());
        }
        let flags = program.flags;
        let is_stale = self.replication.is_stale(&self.settings);
        if flags.contains(ScriptFlags::UNDECLARED) {
            return if is_stale { Err(MASTER_DOWN) } else { Ok(()) };
        }
        if flags.contains(ScriptFlags::NO_CLUSTER) && self.cluster.slots.is_some() {
            return Err(IN_CLUSTER);
        }
        if is_stale && !flags.contains(ScriptFlags::ALLOW_STALE) {
            return Err(STALE);
        }
        if !flags.contains(ScriptFlags::NO_WRITES) {
            if self.replication.is_replica() && self.settings.replica_read_only {
                return Err(READ_ONLY_REPLICA);
            }
            if program.read_only {
                return Err(READ_ONLY_COMMAND);
            }
            self.check_writable(entry)?;
        }
        if is_out_of_memory && !flags.intersects(ScriptFlags::ALLOW_OOM | ScriptFlags::NO_WRITES) {
            return Err(OUT_OF_MEMORY);
        }
        Ok(())
    }

    /// Whether a command must wait for the end of the script that is suspended.
    ///
    /// # Errors
    /// The script has run for so long that clients are told instead of held.
    pub(crate) fn waits_for_script(
        &self,
        session: &Session,
        entry: &Entry,
        args: Args<'_>,
    ) -> Result<bool, Failure> {
        let Some(run) = &self.scripting.running else { return Ok(false) };
        let flags = entry.command.flags;
        let changes_data = || flags.intersects(Flags::WRITE | Flags::MAY_REPLICATE | Flags::EXEC);
        if session.origin.skips_pauses() && !changes_data() {
            return Ok(false);
        }
        if flags.contains(Flags::ALLOW_BUSY) && may_end_now(entry, args) {
            return Ok(false);
        }
        match self.is_busy(run) || session.origin.skips_pauses() {
            true => Err(busy_with(run.program.kind)),
            false => Ok(true),
        }
    }

    /// Whether other clients are told that a script is busy.
    pub(super) fn is_busy(&self, run: &Run) -> bool {
        let ran_us = (self.host.ticks)().saturating_sub(run.began_us);
        ran_us >= self.settings.busy_reply_threshold.saturating_mul(1000)
    }
}

/// Whether a command that is served while a script is busy does not save: a snapshot would show half of what it writes.
fn may_end_now(entry: &Entry, args: Args<'_>) -> bool {
    !matches!(entry.command.handler, Handler::Control(_))
        || args
            .iter_from(1)
            .any(|word| word.eq_ignore_ascii_case(b"nosave") || word.eq_ignore_ascii_case(b"abort"))
}
