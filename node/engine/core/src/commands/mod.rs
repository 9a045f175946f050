//! The commands that belong to no data type, one file a group.

pub mod acl;
pub mod client;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod debug;
pub mod docs;
pub mod dump;
pub mod help;
pub mod info;
pub mod introspection;
pub mod keys;
pub mod latency;
pub mod memory;
pub mod pubsub;
pub mod server;
pub mod slowlog;
pub mod transactions;

use crate::command::Command;
use crate::types::{bitmap, bloom, hash, hyperloglog, string};

/// Every group of commands; the table is made of these.
pub const ALL: &[&[Command]] = &[
    crate::migration::COMMANDS,
    acl::COMMANDS,
    client::COMMANDS,
    cluster::COMMANDS,
    crate::replication::commands::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    dump::COMMANDS,
    keys::database::COMMANDS,
    keys::delete::COMMANDS,
    keys::expire::COMMANDS,
    keys::object::COMMANDS,
    keys::rename::COMMANDS,
    keys::scan::COMMANDS,
    debug::COMMANDS,
    info::COMMANDS,
    introspection::COMMANDS,
    latency::COMMANDS,
    memory::COMMANDS,
    pubsub::COMMANDS,
    server::COMMANDS,
    slowlog::COMMANDS,
    transactions::COMMANDS,
    bitmap::bitfield::COMMANDS,
    bitmap::read::COMMANDS,
    bitmap::write::COMMANDS,
    bloom::read::COMMANDS,
    bloom::transfer::COMMANDS,
    bloom::write::COMMANDS,
    hash::read::COMMANDS,
    hash::walk::COMMANDS,
    hash::write::COMMANDS,
    hyperloglog::debug::COMMANDS,
    hyperloglog::read::COMMANDS,
    hyperloglog::write::COMMANDS,
    string::edit::COMMANDS,
    string::lcs::COMMANDS,
    string::number::COMMANDS,
    string::read::COMMANDS,
    string::write::COMMANDS,
];
