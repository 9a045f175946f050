//! The stream: a log of entries under one key, with groups of consumers that share it.
//!
//! An entry has an [`Id`] and fields with values. Entries lie some hundred to a node (`node`), nodes and pending
//! entries in order of their ids (`chunks`). [`Stream`] is the representation, `group` what consumers have not
//! acknowledged yet, `codec` the forms in files and between nodes. The commands: [`write`](mod@write) adds and removes
//! entries, [`read`] looks at them, [`groups`] has groups and their readers, [`pending`] what they left undone, and
//! [`info`] tells about all of it.

mod access;
mod chunks;
mod codec;
mod group;
pub mod groups;
mod id;
pub mod info;
mod node;
pub mod pending;
pub mod read;
#[cfg(test)]
mod tests;
mod value;
pub mod write;
pub mod xread;

pub use codec::StreamReader;
pub use group::{Consumer, Group, Pending};
pub use id::{Id, IdText, NewId};
pub use value::{AppendError, Stream, StreamLimits, Trim, TrimTo};
