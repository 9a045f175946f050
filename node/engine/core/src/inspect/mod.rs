//! Looking into files without loading them: the tools `garrison rdb` and `garrison aof`.
//!
//! Everything here is fed bytes and hands out facts; whoever calls opens the files. Memory does not grow with
//! the file: values are stepped over, or built one at a time, and every table has a limit.

pub mod aof;
pub mod diff;
pub mod json;
pub mod report;
mod scan;
#[cfg(test)]
mod tests;

pub use scan::{advice, Head, KeyInfo, Measured, Scan};
