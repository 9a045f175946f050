//! How far a failover by command is.

use super::Primary;
use crate::base::clock::BootMs;

/// How far a failover is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// There is none.
    #[default]
    None,
    /// Writes are held until a replica has acknowledged everything.
    WaitingForSync,
    /// The target is asked to take over.
    InProgress,
}

impl Stage {
    /// The word for INFO.
    pub fn name(self) -> &'static str {
        match self {
            Stage::None => "no-failover",
            Stage::WaitingForSync => "waiting-for-sync",
            Stage::InProgress => "failover-in-progress",
        }
    }
}

/// A failover by command.
#[derive(Debug, Default)]
pub struct Failover {
    /// How far it is.
    pub stage: Stage,
    /// Who is to take over; nobody in particular while any replica will do.
    pub(in crate::replication) target: Option<Primary>,
    /// Whether to hand over at the deadline, in sync or not.
    pub(in crate::replication) is_forced: bool,
    /// When waiting ends, in boot milliseconds.
    pub(in crate::replication) deadline_ms: Option<BootMs>,
    /// The offsets before and behind our last question for acknowledgements.
    pub(in crate::replication) asked: Option<(u64, u64)>,
    /// Why the target refused, until that has been acted upon.
    pub(in crate::replication) refusal: Option<String>,
}

impl Failover {
    pub(in crate::replication) fn target_text(&self) -> String {
        match &self.target {
            Some(target) => format!("{}:{}", target.host, target.port),
            None => "any replica".into(),
        }
    }
}
