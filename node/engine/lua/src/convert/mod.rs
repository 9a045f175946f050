//! Replies to values of Lua and back, in both versions of the protocol.

pub(crate) mod from_reply;
pub(crate) mod to_reply;
