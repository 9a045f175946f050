//! The top of the engine: the list of all commands, and the constructor, which needs it.
//!
//! A command's file is named here and nowhere else.

use crate::commands;
use crate::dispatch::{table, Command};
use crate::engine::{Call, Clients, Clock, Cluster, Effects, Engine, Host, Keyspace, Statistics, Switches};
use crate::persistence::state::Persistence;
use crate::replication::state::Replication;
use crate::scripting::state::Scripting;
use crate::settings::Settings;
use crate::types::{bitmap, bloom, geo, hash, hyperloglog, list, set, sorted_set, stream, string};

/// Every group of commands; the table is made of these.
const ALL: &[&[Command]] = &[
    crate::migration::COMMANDS,
    commands::acl::COMMANDS,
    commands::client::COMMANDS,
    commands::cluster::COMMANDS,
    crate::replication::commands::COMMANDS,
    crate::persistence::commands::COMMANDS,
    commands::config::COMMANDS,
    commands::connection::COMMANDS,
    commands::dump::COMMANDS,
    commands::keys::database::COMMANDS,
    commands::keys::delete::COMMANDS,
    commands::keys::expire::COMMANDS,
    commands::keys::object::COMMANDS,
    commands::keys::rename::COMMANDS,
    commands::keys::scan::COMMANDS,
    commands::debug::COMMANDS,
    commands::info::COMMANDS,
    commands::introspection::COMMANDS,
    commands::latency::COMMANDS,
    commands::memory::COMMANDS,
    commands::pubsub::COMMANDS,
    commands::server::COMMANDS,
    commands::slowlog::COMMANDS,
    commands::sort::COMMANDS,
    commands::transactions::COMMANDS,
    crate::scripting::commands::COMMANDS,
    crate::scripting::functions::commands::COMMANDS,
    bitmap::bitfield::COMMANDS,
    bitmap::read::COMMANDS,
    bitmap::write::COMMANDS,
    bloom::read::COMMANDS,
    bloom::transfer::COMMANDS,
    bloom::write::COMMANDS,
    hash::expire::COMMANDS,
    hash::read::COMMANDS,
    hash::walk::COMMANDS,
    hash::write::COMMANDS,
    list::blocking::COMMANDS,
    list::moves::COMMANDS,
    list::read::COMMANDS,
    list::write::COMMANDS,
    set::combine::COMMANDS,
    set::read::COMMANDS,
    set::walk::COMMANDS,
    set::write::COMMANDS,
    sorted_set::combine::COMMANDS,
    sorted_set::pop::COMMANDS,
    sorted_set::range::COMMANDS,
    sorted_set::read::COMMANDS,
    sorted_set::walk::COMMANDS,
    sorted_set::write::COMMANDS,
    geo::read::COMMANDS,
    geo::search::COMMANDS,
    geo::write::COMMANDS,
    stream::groups::COMMANDS,
    stream::info::COMMANDS,
    stream::pending::COMMANDS,
    stream::read::COMMANDS,
    stream::write::COMMANDS,
    stream::xread::COMMANDS,
    hyperloglog::debug::COMMANDS,
    hyperloglog::read::COMMANDS,
    hyperloglog::write::COMMANDS,
    string::edit::COMMANDS,
    string::lcs::COMMANDS,
    string::number::COMMANDS,
    string::read::COMMANDS,
    string::write::COMMANDS,
    #[cfg(test)]
    crate::testing::COMMANDS,
];

/// Makes the table of commands, unless it is there.
pub(crate) fn install() {
    table::install(ALL);
}

impl Engine {
    /// An engine with an empty keyspace.
    ///
    /// `seed` makes hashing, sampling and identifiers repeatable; `ticks` counts microseconds.
    pub fn new(settings: Settings, seed: u64, clock: Clock, ticks: fn() -> u64) -> Self {
        install();
        Engine {
            clock,
            call: Call::default(),
            suspended_call: None,
            keyspace: Keyspace::new(&settings, seed),
            clients: Clients::new(),
            replication: Replication::new(seed),
            persistence: Persistence::new(clock.unix_ms),
            scripting: Scripting::default(),
            cluster: Cluster::new(&settings, seed),
            stats: Statistics::new(table::table().entries.len(), &settings),
            effects: Effects::default(),
            host: Host::new(clock, ticks),
            switches: Switches::default(),
            settings,
        }
    }
}
