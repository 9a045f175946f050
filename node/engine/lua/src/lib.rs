//! A Lua 5.1 interpreter for scripts of strangers, as a state machine.
//!
//! BACKGROUND. The engine runs to completion and lends itself to nobody, and a script wants to call it in the middle of
//! whatever C and Lua functions it has nested. So a script runs on a stack of its own ([`fiber`]): `redis.call` leaves
//! its arguments in a buffer and goes back to the engine's stack, the engine answers, and the script goes on. The same
//! way back is taken when a script has used up its share of a turn. Engine and script thus exchange messages, and
//! neither ever holds a reference into the other.
//!
//! The interpreter is Lua 5.1.5 with a few changes of ours in its C sources (`lua-5.1.5/`, marked `garrison`): tables
//! can be read-only, compiled chunks are not taken, C functions that may run for long can be interrupted.
//!
//! INVARIANTS
//! - Whatever may raise a Lua error runs within a protected call. Errors are long jumps in C: a frame of ours that one
//!   may leave owns nothing that must be dropped. Buffers live in [`shared::Shared`], which outlives every script.
//! - A fiber is dropped only between two scripts: there is nothing of C on its stack then.
//! - No global can be set and no library table changed, so nothing of a script is left behind for another one.
//! - The interpreter's memory is counted and bounded in its allocator.
//!
//! BEHAVIOUR. [`Interpreter::start`] and [`Interpreter::resume`] return the next [`Step`] of the script.

mod alloc;
mod api;
mod convert;
mod errors;
mod ffi;
mod fiber;
mod globals;
mod hook;
mod libs;
mod shared;
mod vm;

pub use shared::{Failed, Log, Registration, Span};
pub use vm::{CompileError, Function, Interpreter, Job, Step};

/// The version of Redis that scripts are told.
pub const REDIS_VERSION: &str = "7.2.0";
/// The same as a number, a byte each.
pub const REDIS_VERSION_NUMBER: u32 = 0x0007_0200;
