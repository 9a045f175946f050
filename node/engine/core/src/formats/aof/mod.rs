//! The append-only file: a manifest that names its parts, and parts made of commands.
//!
//! ```text
//! appendonlydir/
//!   appendonly.aof.manifest       which of the files below count, in which order
//!   appendonly.aof.2.base.rdb     the data at some moment: RDB, or commands (`.base.aof`)
//!   appendonly.aof.7.incr.aof     every change since, as commands
//! ```
//!
//! A command is a RESP array of bulk strings. Between commands stand *annotations*, lines that begin with `#`
//! and that Redis skips; [`annotation`] has those that mean something to us.
//!
//! Source of the format: what Redis 7.0 writes and reads, observed with `redis-server` and `redis-check-aof`.

pub mod annotation;
pub mod manifest;
mod reader;

pub use manifest::{BaseForm, Manifest, ManifestError, ManifestProblem, Part};
pub use reader::{AofError, AofItem, AofProblem, AofReader, ARGUMENT_BYTES_MAX, COMMAND_BYTES_MAX};
