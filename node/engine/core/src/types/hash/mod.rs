//! The hash: fields with values under one key.
//!
//! [`Hash`] is the representation, `codec` its forms in files and between nodes; [`read`], [`write`](mod@write) and
//! [`walk`] have the commands.

mod access;
mod codec;
pub mod read;
#[cfg(test)]
mod tests;
mod value;
pub mod walk;
pub mod write;

pub use value::{Hash, HashLimits, Iter};
