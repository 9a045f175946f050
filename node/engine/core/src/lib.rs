//! The engine's core: keyspace, types, commands, scripts, formats and the replication stream.
//!
//! A state machine that knows no socket, clock, file or thread: *(request, now) in, replies and
//! effects out*. Start reading at [`engine`], then [`dispatch`]; a data type is one folder in
//! `types/`, with its representation, its forms outside of memory and its commands.
//!
//! The folders are rooms, and no circle of imports crosses them; from the bottom to the top:
//!
//! ```text
//! base, resp, formats, settings      numbers, replies and requests, encodings, directives
//! types, keyspace, snapshot          values and codecs, the table, pictures of it
//! inspect                            looking into files without loading them
//! clients, cluster, stats            sessions and their waits, the slot table, counters
//! replication/state, migration/state, persistence/state, scripting/state   what those remember
//! engine                             the state of all of them, and what every command may call
//! dispatch                           commands: their table, their checks, their run
//! replication, migration, persistence, scripting   what they do
//! types/<type>/read, write ...       the commands of types
//! commands                           the commands of no type
//! assembly                           the list of all commands, and the constructor
//! ```

#![deny(unsafe_code)]

mod assembly;
pub mod base;
pub mod clients;
pub mod cluster;
pub mod commands;
pub mod dispatch;
pub mod engine;
pub mod formats;
pub mod inspect;
pub mod keyspace;
pub mod migration;
pub mod persistence;
pub mod replication;
pub mod resp;
pub mod scripting;
pub mod settings;
pub mod snapshot;
pub mod stats;
#[cfg(test)]
pub(crate) mod testing;
pub mod types;

/// The version of Redis whose behaviour this engine matches.
pub const REDIS_VERSION: &str = "7.2.0";

/// This engine's own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
