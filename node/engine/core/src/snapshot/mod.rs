//! Pictures of data: the RDB stream, the payload of DUMP, and the walk that takes a picture while data changes.

pub mod loader;
pub mod payload;
pub mod producer;
mod reader;
pub mod skip;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{Build, BuildReader, RdbEntry, RdbItem, RdbOptions, RdbReader, ValueSource};
pub use writer::{Access, RdbWriter, RdbWriterOptions, ValueWalk};

use writer::write_value;
