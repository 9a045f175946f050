//! The string: bytes, or an integer kept as one. The keyspace itself holds it; here are its forms outside of memory and
//! its commands.
//!
//! [`read`] has those that only look, [`write`] those that store, [`number`] those that count, [`edit`] those that
//! change bytes in place, and [`lcs`] the longest common subsequence.

pub(super) mod codec;
pub mod edit;
pub mod lcs;
pub mod number;
pub mod options;
pub mod read;
pub mod write;

#[cfg(test)]
mod tests;
