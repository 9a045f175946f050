//! This node's part in a cluster, as the control plane has installed it.

pub mod slots;
