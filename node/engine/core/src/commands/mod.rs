//! The commands that belong to no data type, one file a group.

pub mod acl;
pub mod client;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod debug;
pub mod docs;
pub mod dump;
pub mod info;
pub mod introspection;
pub mod keys;
pub mod latency;
pub mod memory;
pub mod pubsub;
pub mod server;
mod slot_stats;
pub mod slowlog;
pub mod sort;
pub mod transactions;
