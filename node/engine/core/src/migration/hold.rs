//! Who has to wait for keys on their way.

use crate::clients::session::Session;
use crate::dispatch::table::Entry;
use crate::dispatch::Flags;
use crate::engine::Engine;
use crate::resp::Args;

impl Engine {
    /// Whether a command must wait for the end of a migration, itself or by what EXEC would carry out for it.
    #[inline]
    pub(crate) fn waits_for_migration(&self, session: &Session, entry: &Entry, args: Args<'_>) -> bool {
        !self.cluster.migrations.keys.is_empty()
            && (self.touches_key_on_its_way(entry, args) || self.executes_key_on_its_way(session, entry))
    }

    fn executes_key_on_its_way(&self, session: &Session, entry: &Entry) -> bool {
        entry.command.flags.contains(Flags::EXEC)
            && session.transaction.as_ref().is_some_and(|transaction| {
                let mut queue = transaction.queue.iter();
                queue.any(|queued| self.touches_key_on_its_way(queued.entry(), queued.args.view()))
            })
    }

    /// Whether the command would change a key on its way, or look at one of which it is not yet sure where it is.
    fn touches_key_on_its_way(&self, entry: &Entry, args: Args<'_>) -> bool {
        let writes = entry.command.flags.contains(Flags::WRITE);
        if writes && entry.command.keys.is_empty() {
            // FLUSHALL and its like change every key.
            return true;
        }
        let mut touches = false;
        for spec in entry.command.keys {
            spec.for_each(args, |index| {
                let (migrations, key) = (&self.cluster.migrations, args.get(index));
                touches |= migrations.keys.contains_key(key) && (writes || migrations.is_unconfirmed(key));
            });
        }
        touches
    }
}
