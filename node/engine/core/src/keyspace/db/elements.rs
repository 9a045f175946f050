//! Collections whose elements expire (fields of hashes), in the order of the first element to go.
//!
//! Few keys have such elements, so their names are kept in an ordered set. A key of a slot that was dropped whole
//! may stay in it until its time comes; nobody then finds it.

use std::collections::{BTreeMap, BTreeSet};

use super::Db;
use crate::keyspace::key::KeyRef;

/// The keys whose elements expire.
#[derive(Default)]
pub(super) struct ElementsDue {
    by_time: BTreeSet<(i64, Box<[u8]>)>,
    by_key: BTreeMap<Box<[u8]>, i64>,
}

impl ElementsDue {
    fn set(&mut self, key: &[u8], at_ms: Option<i64>) {
        let old = self.by_key.get(key).copied();
        if old == at_ms {
            return;
        }
        if let Some(old) = old {
            self.by_time.remove(&(old, key.into()));
            self.by_key.remove(key);
        }
        if let Some(at_ms) = at_ms {
            self.by_time.insert((at_ms, key.into()));
            self.by_key.insert(key.into(), at_ms);
        }
    }
}

impl Db {
    /// The elements of a key have changed, or the key itself.
    pub fn elements_changed(&mut self, key: &KeyRef<'_>) {
        let due = self.get(key).and_then(|entry| entry.value().next_due_ms());
        self.note_elements_due(key, due);
    }

    /// When the first element of a key expires, for those who have the value at hand.
    #[inline]
    pub fn note_elements_due(&mut self, key: &KeyRef<'_>, due_ms: Option<i64>) {
        if due_ms.is_some() || self.has_elements_due() {
            self.elements_due.set(key.bytes, due_ms);
        }
    }

    /// Whether elements of any key expire.
    #[inline]
    pub fn has_elements_due(&self) -> bool {
        !self.elements_due.by_key.is_empty()
    }

    /// A key has gone.
    #[inline]
    pub(super) fn elements_gone(&mut self, key: &[u8]) {
        if !self.elements_due.by_key.is_empty() {
            self.elements_due.set(key, None);
        }
    }

    /// All keys have gone.
    pub(super) fn all_elements_gone(&mut self) {
        self.elements_due = ElementsDue::default();
    }

    /// Finds a key with an element whose time has come and writes it into `key`. The caller removes the element
    /// before it asks again.
    pub fn next_elements_expired(&mut self, now_ms: i64, key: &mut Vec<u8>) -> bool {
        while let Some((at_ms, name)) =
            self.elements_due.by_time.first().filter(|(at_ms, _)| *at_ms <= now_ms)
        {
            let (at_ms, name) = (*at_ms, name.clone());
            let found = self.key(&name);
            if self.get(&found).is_some_and(|entry| entry.value().next_due_ms() == Some(at_ms)) {
                key.clear();
                key.extend_from_slice(&name);
                return true;
            }
            let is_new = self.get(&found).and_then(|entry| entry.value().next_due_ms());
            self.elements_due.set(&name, is_new);
        }
        false
    }
}
