//! The sorted set: different members with a score each, in the order of their scores.
//!
//! [`SortedSet`] is the representation, made of a tree of leaves; `codec` has its forms in files and between nodes. The
//! commands: [`read`], [`range`], [`walk`], [`write`](mod@write), [`pop`] and [`combine`]; those on coordinates are in
//! [`geo`](super::geo).

pub(in crate::types) mod access;
mod codec;
pub mod combine;
pub mod edge;
mod leaf;
pub mod pop;
pub mod range;
pub mod read;
pub mod score;
mod select;
#[cfg(test)]
mod tests;
mod tree;
mod value;
pub mod walk;
pub mod write;

pub use edge::Edge;
pub use value::{Iter, Ranges, SortedSet, SortedSetLimits};
