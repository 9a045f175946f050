//! What every room uses: memory, numbers as text, patterns, random numbers. It uses nothing of the others.

#[allow(unsafe_code)] // asks the allocator
pub mod alloc;
pub mod clock;
pub mod glob;
pub mod long_double;
pub mod numbers;
pub mod prng;
pub mod process;
pub mod unfreed;
