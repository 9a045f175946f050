//! HyperLogLogs: strings that tell how many different elements were added to them, without keeping the elements.
//!
//! An element's hash chooses one of 16,384 registers and a rank, the number of zeros that the rest of the hash ends
//! in, plus one. A register keeps the largest rank it has seen; rare ranks mean many elements, and the estimate
//! has a standard error of 1.04 / sqrt(16384) = 0.81 %.
//!
//! The bytes are the peers', so that a value moves between servers as the string it is:
//!
//! ```text
//! HYLL  form(1)  0 0 0  cardinality(8, low byte first; highest bit: out of date)  registers
//! ```
//!
//! `dense` keeps each register in 6 bits (12,288 bytes), `sparse` runs of equal ones in a byte or two. A value
//! begins sparse and becomes dense when a rank is too large for that form or its bytes exceed `hll-sparse-max-bytes`.
//! Anybody may SET such a string, so nothing in it is believed: `sketch` checks the header, `sparse` each run.
//!
//! The commands are in [`read`] (PFCOUNT), [`write`](mod@write) (PFADD, PFMERGE) and [`debug`] (PFDEBUG, PFSELFTEST).

mod access;
pub mod debug;
pub mod read;
pub mod value;
pub mod write;

#[cfg(test)]
mod tests;
