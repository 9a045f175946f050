//! What a handler sees: the engine, its session, the arguments, and helpers for all three.

use super::table::Entry;
use crate::base::numbers;
use crate::clients::origin::Origin;
use crate::clients::session::Session;
use crate::engine::Engine;
use crate::replication::state::Scope;
use crate::resp::failure::{Failure, Outcome, NOT_AN_INTEGER, NOT_A_FLOAT};
use crate::resp::reply::Reply;
use crate::resp::{Args, OwnedArgs};

/// The context of one running command.
pub struct Ctx<'a> {
    /// The engine; the running session is not among its sessions.
    pub engine: &'a mut Engine,
    /// The session that gave the command.
    pub session: &'a mut Session,
    /// The command's arguments, the name included.
    pub args: Args<'a>,
    /// The command.
    pub entry: &'static Entry,
}

impl<'a> Ctx<'a> {
    /// Writer of the reply.
    #[inline]
    pub fn reply(&mut self) -> Reply<'_> {
        Reply::new(&mut self.session.out, self.session.resp)
    }

    /// Replies OK.
    #[inline]
    pub fn ok(&mut self) -> Outcome {
        self.reply().ok();
        Ok(())
    }

    /// Replies an integer.
    #[inline]
    pub fn int(&mut self, value: i64) -> Outcome {
        self.reply().int(value);
        Ok(())
    }

    /// Argument `index`, empty if there is none.
    #[inline]
    pub fn arg(&self, index: usize) -> &'a [u8] {
        self.args.get(index)
    }

    /// Whether argument `index` is this word, in any case.
    pub fn arg_is(&self, index: usize, word: &str) -> bool {
        self.arg(index).eq_ignore_ascii_case(word.as_bytes())
    }

    /// Argument `index` as an integer.
    #[inline]
    pub fn int_arg(&self, index: usize) -> Result<i64, Failure> {
        numbers::parse_i64(self.arg(index)).ok_or(NOT_AN_INTEGER)
    }

    /// Argument `index` as an integer within a range; the message names the range's meaning.
    pub fn int_arg_in(
        &self,
        index: usize,
        range: std::ops::RangeInclusive<i64>,
        message: &'static str,
    ) -> Result<i64, Failure> {
        numbers::parse_i64(self.arg(index))
            .filter(|value| range.contains(value))
            .ok_or(Failure::Text(message))
    }

    /// Argument `index` as a floating point number.
    pub fn float_arg(&self, index: usize) -> Result<f64, Failure> {
        numbers::parse_f64(self.arg(index)).ok_or(NOT_A_FLOAT)
    }

    /// The time of this turn, in Unix milliseconds. It does not advance within a command.
    #[inline]
    pub fn now_ms(&self) -> i64 {
        self.engine.clock.unix_ms
    }

    /// Replicates this instead of the command as it was given. May be called several times.
    pub fn propagate(&mut self, args: &[&[u8]]) {
        self.engine.call.frame.verbatim = false;
        if self.engine.replication.is_recording() {
            self.engine.queue_propagation(self.scope(), OwnedArgs::from_slices(args));
        }
    }

    /// What the running command is about, for the replication stream: the session's database and the keys' slot.
    #[inline]
    pub fn scope(&self) -> Scope {
        Scope { db: self.session.db, slot: self.engine.call.slot }
    }

    /// Replicates the command as it was given, and besides it what [`Ctx::propagate`] adds.
    pub fn propagate_verbatim(&mut self) {
        self.engine.call.frame.verbatim = true;
    }

    /// Replicates nothing, although the keyspace may have changed.
    pub fn suppress_propagation(&mut self) {
        self.engine.call.frame.verbatim = false;
    }

    /// Where the command comes from, and what it may skip for that.
    #[inline]
    pub fn origin(&self) -> Origin {
        self.engine.call.frame.origin
    }
}
