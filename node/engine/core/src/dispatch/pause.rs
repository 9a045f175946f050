//! Which commands a pause holds.

use super::table::Entry;
use super::Flags;
use crate::clients::session::Session;
use crate::engine::Engine;

impl Engine {
    /// Whether the pause holds this command.
    pub(crate) fn is_paused_for(&self, session: &Session, entry: &Entry) -> bool {
        if session.origin.skips_pauses() || entry.command.flags.contains(Flags::UNPAUSES) {
            return false;
        }
        let writes = || match entry.command.flags.contains(Flags::EXEC) {
            true => session.transaction.as_ref().is_some_and(|transaction| transaction.writes()),
            false => entry.may_replicate(),
        };
        self.clients.pause.is_some_and(|pause| pause.all || writes())
    }
}
