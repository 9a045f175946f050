//! The engine's core: keyspace, types, commands, scripts, formats and the replication stream.
//!
//! A state machine that knows no socket, clock, file or thread: *(request, now) in, replies and
//! effects out*. Start reading at [`engine`], then [`command::dispatch`]; a data type is one file in
//! `types/`, with its representation, its operations and its commands.

pub mod alloc;
pub mod command;
pub mod commands;
pub mod effects;
pub mod engine;
pub mod formats;
pub mod glob;
pub mod hold;
pub mod keyspace;
pub mod limits;
pub mod long_double;
pub mod lookup;
pub mod memory;
pub mod migration;
pub mod notify;
pub mod numbers;
pub mod pause;
pub mod process;
pub mod pubsub;
pub mod replication;
pub mod resp;
pub mod session;
pub mod settings;
pub mod slots;
pub mod slowlog;
pub mod stats;
#[cfg(test)]
pub(crate) mod testing;
pub mod transactions;
pub mod types;
pub mod waiting;
mod write_hook;

/// The version of Redis whose behaviour this engine matches.
pub const REDIS_VERSION: &str = "7.2.0";

/// This engine's own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
