//! Functions in Python: the engine keeps their libraries and their effects, workers of the control plane run them.
//!
//! BACKGROUND. Python is not run in this process. FCALL hands the call up and suspends its session ([`begin`]). While it
//! runs, the function reads: batches of commands that the engine carries out for the session, as those of a script. Its
//! writes are collected by the worker, and come down together with the reply.
//!
//! INVARIANTS
//! - Nothing is written before the function has ended, and then all of it in one go: other clients see the call before
//!   or after, replicas and the append-only file get one transaction.
//! - What the function has read still stands when its writes are applied: every key that it has read is watched, and
//!   the call begins again if one has changed.
//! - Each command passes every check that a script's command does, at the moment in which it is carried out. All writes
//!   have passed them before the first is applied.
//! - Other clients are served between any two requests of a call.
//!
//! BEHAVIOUR. A command that is refused only when it is carried out (a value of another type) leaves the writes beside
//! it applied, as in EXEC; the call is answered with its error. A call whose client has gone is not applied.
//!
//! A library is read when it is loaded, not run ([`scan`]): so a replica, a file and a node without Python functions know
//! what is in it, and a source cannot mean something else on another node.

mod begin;
mod calls;
pub mod scan;
#[cfg(test)]
mod tests;

pub(super) use begin::{begin, begin_load, PYTHON_IS_OFF};
