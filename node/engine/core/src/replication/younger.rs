//! A primary that comes back empty does not wipe its replicas.
//!
//! BACKGROUND. A primary that was killed and starts again without its data is a primary at the same address with a
//! new history. A replica that connects again is offered a full sync of it, and would throw its data away for
//! nothing, before anybody has noticed. Seen from the replica that looks like a legitimate full sync in all
//! but three things: the history is unknown, it is younger (its offset is not above ours), and it holds much less.
//!
//! INVARIANTS. A sync is refused only where all of this holds: nobody has told this node to follow this primary
//! since it was last in sync with it; the offered identity is neither ours nor the one before; its offset is
//! not above ours; its snapshot has fewer than half of the keys that we hold. So these are never refused: the
//! first sync after REPLICAOF (each failover of a Sentinel is one), a full sync of the same history, what
//! FLUSHALL left of it, and a primary that came back with its data but without its history (as a Redis with an
//! append-only file does). What was refused once stays refused, whatever is written to it meanwhile.
//!
//! BEHAVIOUR. The snapshot is loaded aside as always and is dropped; the link stays down; attempts follow, later
//! and later up to [`RETRY_DELAY_MS_MAX`]. REPLICAOF (the same address, too) or `replica-accept-younger-history
//! yes` takes the sync; REPLICAOF NO ONE makes this node, with its data, the primary. In a cluster nothing is
//! refused: there the configuration says whose data counts.

use super::state::guard::{Guard, Refused};
use super::state::history::StreamId;
use super::state::link::{Link, Phase};
use crate::base::clock::BootMs;
use crate::engine::effects::Level;
use crate::engine::Engine;

/// Longest pause between attempts to sync with a primary whose history was refused, in milliseconds.
pub const RETRY_DELAY_MS_MAX: i64 = 10_000;

/// A snapshot with fewer of our keys than one in so many is no successor of our data.
const KEYS_KEPT_ONE_IN: u64 = 2;

impl Engine {
    /// Whether an offered history is to be looked at before it replaces the data; none where it is refused already.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn look_at_history(
        &mut self,
        link: &mut Link,
        id: StreamId,
        offset: u64,
    ) -> Result<(), String> {
        link.is_suspect = false;
        if !self.guards_data() {
            self.replication.guard.refused = None;
            return Ok(());
        }
        if let Some(refused) = self.replication.guard.refused.clone() {
            if refused.id == id {
                return Err(self.why_refused(&refused));
            }
        }
        self.replication.guard.refused = None;
        let history = &self.replication.history;
        let is_ours = id == history.id || id == history.previous;
        link.is_suspect = !is_ours && offset <= self.replication.offset();
        Ok(())
    }

    /// Whether the snapshot that has arrived may replace the data.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn look_at_snapshot(&mut self, link: &Link) -> Result<(), String> {
        let (Some(loader), Some((id, offset))) = (&link.loader, link.full_sync) else { return Ok(()) };
        let keys = loader.keys();
        if !link.is_suspect || !self.guards_data() || keys >= self.keys().div_ceil(KEYS_KEPT_ONE_IN) {
            return Ok(());
        }
        let refused = Refused { id, offset, keys };
        let why = self.why_refused(&refused);
        self.replication.guard.refused = Some(refused);
        Err(why)
    }

    /// Whether there is something to guard from the primary that this node follows.
    fn guards_data(&self) -> bool {
        self.replication.guard.was_in_sync
            && !self.settings.cluster_enabled
            && !self.settings.replica_accept_younger_history
            && self.keys() > 0
    }

    fn keys(&self) -> u64 {
        self.keyspace.dbs.iter().map(|db| db.len() as u64).sum()
    }

    fn why_refused(&self, refused: &Refused) -> String {
        let (host, port) = self
            .replication
            .primary
            .as_ref()
            .map_or(("", 0), |primary| (primary.host.as_str(), primary.port));
        format!(
            "the primary has lost its data: it offers {} key(s) of a younger history ({} at offset {}), while this \
             replica holds {} key(s) up to offset {} of the former one. They are kept. To make this node the primary: \
             REPLICAOF NO ONE. To take the primary's data and lose these: REPLICAOF {host} {port}, or CONFIG SET \
             replica-accept-younger-history yes",
            refused.keys,
            refused.id,
            refused.offset,
            self.keys(),
            self.replication.offset(),
        )
    }

    /// Somebody says again that this node is to follow its primary: whatever that offers is taken.
    pub(super) fn told_again_to_follow(&mut self) {
        if !self.replication.is_link_up() {
            self.log(Level::Notice, "REPLICAOF again: the primary's data is taken, whatever its history");
            self.replication.guard = Guard::default();
            self.try_link_now();
        }
    }

    /// A refused history is taken once the setting says so, without waiting for the next attempt.
    pub(super) fn reconsider_refused(&mut self) {
        if self.replication.guard.refused.is_some() && !self.guards_data() {
            self.replication.guard.refused = None;
            self.try_link_now();
        }
    }

    fn try_link_now(&mut self) {
        if let Some(link) = &mut self.replication.link {
            if let Phase::Waiting { until_ms } = &mut link.phase {
                *until_ms = BootMs::ZERO;
            }
        }
    }
}
