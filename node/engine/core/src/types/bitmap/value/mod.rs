//! Bits and integers in byte strings.

pub mod bits;
pub mod field;
