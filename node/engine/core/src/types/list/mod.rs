//! The list: elements in order, pushed and taken at both ends.
//!
//! [`List`] is the representation, a row of packed nodes; `codec` its forms in files and between nodes; [`read`],
//! [`write`](mod@write), [`moves`] and [`blocking`] have the commands.

mod access;
pub mod blocking;
mod codec;
pub mod moves;
mod nodes;
pub mod read;
#[cfg(test)]
mod tests;
mod value;
pub mod write;

pub use value::{End, Iter, IterBack, List, ListLimits};
