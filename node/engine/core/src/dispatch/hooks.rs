//! What a command tells of its changes: the write hook and keyspace events, for the session's database.

use super::Ctx;
use crate::settings::NotifyClass;

impl Ctx<'_> {
    /// A key of the session's database has changed; see [`Engine::key_changed`](crate::engine::Engine::key_changed).
    #[inline]
    pub fn changed(&mut self, key: &[u8], class: NotifyClass, event: &str, count: u64) {
        self.engine.key_changed(self.session.db, key, class, event, count);
    }

    /// A key is new in the session's database. The change that made it has a call of its own.
    #[inline]
    pub fn created(&mut self, key: &[u8]) {
        self.engine.notify(NotifyClass::NEW, "new", self.session.db, key);
    }

    /// A key was opened for a change that turned out to be none: a member is there already, a score stays.
    ///
    /// Only the check of debug builds hears of it, which takes a change without a call for a defect.
    #[inline]
    pub fn unchanged(&mut self) {
        self.engine.call.hooked();
    }

    /// Tells subscribers that `event` of this class has happened to a key of the session's database.
    #[inline]
    pub fn notify(&mut self, class: NotifyClass, event: &str, key: &[u8]) {
        self.engine.notify(class, event, self.session.db, key);
    }
}
