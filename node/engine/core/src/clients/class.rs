//! Classes of clients, by which they are listed and their output is limited.

use super::origin::Origin;
use super::session::Session;
use crate::resp::failure::Failure;

/// The class of a client, by which lists are filtered and output is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Ordinary clients, those that MONITOR included.
    Normal,
    /// Replicas.
    Replica,
    /// Clients that have subscribed to something.
    PubSub,
    /// Our primary.
    Primary,
}

impl Class {
    /// The class of a session.
    pub fn of(session: &Session) -> Class {
        match session.origin {
            Origin::Primary => Class::Primary,
            Origin::Replica => Class::Replica,
            _ if session.is_subscriber() => Class::PubSub,
            _ => Class::Normal,
        }
    }

    /// The class of this name.
    pub fn parse(name: &[u8]) -> Result<Class, Failure> {
        match &*name.to_ascii_lowercase() {
            b"normal" => Ok(Class::Normal),
            b"slave" | b"replica" => Ok(Class::Replica),
            b"pubsub" => Ok(Class::PubSub),
            b"master" => Ok(Class::Primary),
            _ => Err(Failure::new(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(name)))),
        }
    }
}
