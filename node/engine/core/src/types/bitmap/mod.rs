//! Bitmaps: strings whose bits are set, counted and combined one by one.
//!
//! A bitmap is no type of its own but a string, so [`value`] works on bytes, and the commands of
//! [`read`], [`write`](mod@write) and [`bitfield`] change the keyspace's strings.

pub mod access;
pub mod bitfield;
pub mod read;
pub mod value;
pub mod write;

#[cfg(test)]
mod tests;
