//! Replication from end to end, between engines in one process.

mod chaos;
mod commands;
mod divergence;
mod failover;
mod net;
mod scenarios;
mod second_channel;
mod younger;
