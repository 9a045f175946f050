//! Bloom filters: whether an element was added, with a chosen chance of a wrong yes and never a wrong no.
//!
//! `value/filter.rs` is one array of bits; [`Bloom`] is a chain of them that grows: when the newest is full, a larger one with
//! half the error rate follows, so that all together stay within the rate that was asked for. `codec` has their forms
//! in files and between nodes, `codec/chunks.rs` that of BF.SCANDUMP and BF.LOADCHUNK; [`read`], [`write`](mod@write) and
//! [`transfer`] have the commands.

mod access;
mod codec;
pub mod read;
#[cfg(test)]
mod tests;
pub mod transfer;
mod value;
pub mod write;

pub use value::{Bloom, Parameters, Refusal, Scaling};
