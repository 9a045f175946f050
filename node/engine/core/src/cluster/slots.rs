//! The slot table: who serves each of the 16,384 hash slots, installed by the control plane.
//!
//! The engine redirects by it and decides nothing: ownership changes only when a new table arrives.

use crate::base::clock::BootMs;
use std::collections::HashMap;

pub use crate::keyspace::SLOT_COUNT;

/// No node.
pub const NOBODY: u16 = u16::MAX;

/// Where a node's clients connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// What a redirect names: an address, a host name, or nothing (the client keeps the address it used).
    pub host: String,
    /// Port.
    pub port: u16,
    /// How many of its replicas must have a key before another node gives it up.
    pub copies_wanted: usize,
}

/// Whether the cluster serves, by this node's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterState {
    /// It serves.
    Ok,
    /// It does not, and reads neither.
    Down,
    /// It does not, but reads are allowed (`cluster-allow-reads-when-down`).
    ReadsOnly,
}

/// The slot table.
#[derive(Clone, Debug)]
pub struct SlotTable {
    /// Position in `endpoints` of each slot's owner, or [`NOBODY`].
    pub owners: Box<[u16; SLOT_COUNT]>,
    /// Primaries by position.
    pub endpoints: Vec<Endpoint>,
    /// This node's own position, when it is a primary.
    pub myself: u16,
    /// The position of the primary that this node replicates, when it is a replica.
    pub my_primary: u16,
    /// Slots that move away, with the taker's position.
    pub migrating: HashMap<u16, u16>,
    /// Slots that come in, with the giver's position.
    pub importing: HashMap<u16, u16>,
    /// Whether the cluster serves.
    pub state: ClusterState,
    /// Whether this node has the data of the slots that it owns. Without it, it serves them to nobody.
    pub has_data: bool,
    /// Until when writes may be acknowledged, in milliseconds of the monotonic clock that runs while the process sleeps.
    pub writes_until_ms: BootMs,
    /// Whether shard channels work while the cluster is down.
    pub shard_channels_when_down: bool,
}

impl Default for SlotTable {
    fn default() -> Self {
        SlotTable {
            owners: Box::new([NOBODY; SLOT_COUNT]),
            endpoints: Vec::new(),
            myself: NOBODY,
            my_primary: NOBODY,
            migrating: HashMap::new(),
            importing: HashMap::new(),
            state: ClusterState::Down,
            has_data: false,
            writes_until_ms: BootMs::MAX,
            shard_channels_when_down: true,
        }
    }
}

/// The slot with this number, if there is one.
pub fn slot_number(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|&slot| (slot as usize) < SLOT_COUNT)
}

impl SlotTable {
    /// The owner of a slot, if it has one.
    #[inline]
    pub fn owner(&self, slot: u16) -> Option<u16> {
        Some(self.owners[slot as usize & (SLOT_COUNT - 1)]).filter(|&owner| owner != NOBODY)
    }

    /// Whether a slot is served here, by this node itself or for its primary.
    #[inline]
    pub fn serves(&self, slot: u16) -> bool {
        self.owner(slot) == Some(self.my_primary)
    }

    /// The reply that sends a client elsewhere: `MOVED` or `ASK`. `host` stands for the node's own.
    pub fn redirect(&self, kind: &str, slot: u16, node: u16, host: Option<&str>) -> String {
        let unknown = Endpoint::default();
        let endpoint = self.endpoints.get(node as usize).unwrap_or(&unknown);
        let host = host.unwrap_or(&endpoint.host);
        format!("{kind} {slot} {host}:{}", endpoint.port)
    }
}
