//! Functions: libraries of Lua code that are part of the data, and are called by name.
//!
//! A library is kept as its source. It is loaded by running it once; what it registers then is what can be called.
//! FUNCTION LOAD and its kin are replicated as they are given, and snapshots carry the sources, so a replica or a
//! restarted node loads them again.

pub mod commands;
mod describe;
mod library;

pub(super) use library::outline;
