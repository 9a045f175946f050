//! Keys and slots on their way to another node.
//!
//! BACKGROUND. A slot moves key by key: MIGRATE copies a key to the target by RESTORE and deletes it here; while
//! the slot is MIGRATING this node, its *source*, answers for the keys that it has and sends clients to the target
//! for the others. The peers stop the whole node while a MIGRATE is under way. Here the session waits and all
//! others go on; only who would change a key on its way is held. Either side may fail over in between.
//!
//! INVARIANTS. Of two copies of a key the source's counts: **a key that the source has was never served by the
//! target, and a key that the source lacks is the target's.** That holds because
//! - while a copy is on its way its key is not changed. Whoever would change it is held, whatever command it hides
//!   in (`hold`); a change that could not be foreseen is noticed by the write hook, and the key then stays;
//! - the key is deleted here only once the target *and its replicas* have acknowledged the copy, so that no
//!   failover of the target can lose it;
//! - clients are sent to the target only once the replicas of *this* node have acknowledged the deletion. Until
//!   then the key is *unconfirmed*: whoever asks for it is held. A replica that takes over after that lacks the key
//!   too; one that takes over before has it, and nobody has seen the copy. Where a replica does not acknowledge in
//!   time, the key comes back as if it had not left. So an unconfirmed key is listed and counted like one that is
//!   here, and nobody hands its slot over; should the slot be another's all the same, the copy there is the key;
//! - a key of the slot that a client deletes here leaves a *ghost*, since the target may hold an old copy of it (an
//!   answer that got lost, an attempt of before a failover). A ghost is answered for here, as a missing key. It is
//!   listed and migrated like a key, by DEL, and then it is the target's. Replicas hear of ghosts in the stream;
//! - what this node may do is decided again when the target has answered: a node that was demoted, or lost the
//!   slot, or whose move was called off meanwhile, deletes nothing.
//!
//! So a copy that the target holds of a key that is here is always out of date, and is overwritten (REPLACE).
//!
//! BEHAVIOUR. One request carries all keys of a MIGRATE; the replies come back in order. It begins by telling the
//! target whose link it is (CLUSTER MIGRATION-LINK), so that what an earlier link of ours still has in the target's
//! buffers cannot arrive behind it; a Redis does not know the command, and its refusal is ignored. Outside a
//! cluster MIGRATE waits for no replica, as in the peers.

mod command;
mod ghosts;
mod hold;
mod settle;
pub mod state;
#[cfg(test)]
mod tests;

pub use command::{COMMANDS, MIGRATION_LINK};
pub use ghosts::GHOST;
