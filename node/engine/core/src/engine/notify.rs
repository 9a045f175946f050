//! Keyspace notifications: what happens to keys, published on channels of their own.
//!
//! `notify-keyspace-events` chooses classes of events by letters, and by `K` and `E` on which of two
//! channels they appear: `__keyspace@<db>__:<key>` with the event as message, or
//! `__keyevent@<db>__:<event>` with the key as message. With the setting empty (the default), an
//! event costs one comparison.

use super::Engine;
use crate::settings::NotifyClass;

impl Engine {
    /// Tells subscribers that `event` of this class has happened to `key`.
    #[inline]
    pub fn notify(&mut self, class: NotifyClass, event: &str, db: usize, key: &[u8]) {
        if self.settings.notify_keyspace_events.intersects(class) {
            self.publish_notification(event, db, key);
        }
    }

    #[cold]
    fn publish_notification(&mut self, event: &str, db: usize, key: &[u8]) {
        let channels = self.settings.notify_keyspace_events;
        if channels.contains(NotifyClass::KEYSPACE) {
            let mut channel = format!("__keyspace@{db}__:").into_bytes();
            channel.extend_from_slice(key);
            self.publish(&channel, event.as_bytes(), false);
        }
        if channels.contains(NotifyClass::KEYEVENT) {
            self.publish(format!("__keyevent@{db}__:{event}").as_bytes(), key, false);
        }
    }
}
