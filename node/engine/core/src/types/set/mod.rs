//! The set: different members under one key.
//!
//! [`Set`] is the representation, `codec` its forms in files and between nodes; [`read`], [`write`](mod@write),
//! [`walk`] and [`combine`] have the commands.

mod access;
mod codec;
pub mod combine;
pub mod int_set;
pub mod read;
#[cfg(test)]
mod tests;
mod value;
pub mod walk;
pub mod write;

pub use value::{Iter, Set, SetLimits};
