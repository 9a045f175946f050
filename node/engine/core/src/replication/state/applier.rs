//! What has arrived of a primary's stream and is not applied yet.

use crate::clients::session::SessionKey;
use crate::resp::request::Parser;
use crate::resp::OwnedArgs;

/// What has arrived of the stream and is not applied yet.
#[derive(Default)]
pub struct Applier {
    /// The session that applies it.
    pub session: Option<SessionKey>,
    /// Commands that failed here.
    pub failures: u64,
    /// The primary has asked for an acknowledgement.
    pub ack_asked: bool,
    pub(in crate::replication) parser: Parser,
    /// Bytes of a request that is not complete.
    pub(in crate::replication) pending: Vec<u8>,
    pub(in crate::replication) transaction: Option<Transaction>,
}

impl Applier {
    /// What a session carries out.
    pub fn of(session: SessionKey) -> Self {
        Applier { session: Some(session), ..Applier::default() }
    }
}

/// A transaction whose EXEC has not arrived.
#[derive(Default)]
pub struct Transaction {
    /// Its bytes, MULTI included.
    pub(in crate::replication) bytes: Vec<u8>,
    pub(in crate::replication) queue: Vec<OwnedArgs>,
}
