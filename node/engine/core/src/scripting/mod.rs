//! Scripts and functions in Lua: EVAL and its kin, SCRIPT, FCALL, FUNCTION.
//!
//! BACKGROUND. The interpreter is a crate of its own, a state machine that hands out the commands which a script calls
//! ([`garrison_engine_lua`]). Here they are carried out for the session that runs the script, in a frame within the
//! frame of EVAL, as EXEC does it with its queue. What a script changes is replicated by its effects: they are queued,
//! and leave as one transaction when the script ends.
//!
//! INVARIANTS
//! - A script sees one moment: the clock stands still, no key expires in the background or is evicted, no other
//!   command runs that reads or writes data, and nobody who waits for a key is served before it ends.
//! - Commands are checked as those of clients are: role, memory, disk, slots, the user. What is allowed once is checked
//!   again for each command, but that a script which has written is not stopped in the middle by memory or replicas.
//! - Another session's script is never seen: globals and library tables are read-only, and so is what they share.
//!
//! BEHAVIOUR. A script that has used up its slice of the turn is suspended with its session ([`run`]), and goes on in the
//! next turn: links, timers and the control plane never wait for it. Commands of other clients wait until it ends; after
//! `busy-reply-threshold` they are told BUSY, and SCRIPT KILL ends a script that has not written.

mod calls;
pub mod commands;
pub mod functions;
mod prepare;
pub mod python;
mod run;
pub mod state;
#[cfg(test)]
mod tests;
