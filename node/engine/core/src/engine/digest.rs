//! The digest of the data set and of single keys, for DEBUG DIGEST.

use std::ops::ControlFlow;

use super::Engine;
use crate::formats::digest::Digest;
use crate::keyspace::EntryRef;

/// Adds a value and whether it expires.
fn add_entry(digest: &mut Digest, entry: EntryRef<'_>) {
    entry.value().digest(digest);
    if entry.expire_at_ms().is_some() {
        digest.combine(b"!!expire!!");
    }
}

impl Engine {
    /// The digest of everything. Takes time in proportion to the data, on the serving thread.
    pub fn digest(&self) -> Digest {
        let mut all = Digest::default();
        for (number, db) in self.keyspace.dbs.iter().enumerate().filter(|(_, db)| !db.is_empty()) {
            all.mix(&(number as u32).to_be_bytes());
            db.for_each(|entry| {
                let mut one = Digest::default();
                one.mix(entry.key());
                add_entry(&mut one, entry);
                all.combine_digest(one);
                ControlFlow::Continue(())
            });
        }
        all
    }

    /// The digest of one value; zero for a key that is not there.
    pub fn digest_of(&self, db: usize, key: &[u8]) -> Digest {
        let mut digest = Digest::default();
        let key = self.keyspace.dbs[db].key(key);
        if let Some(entry) = self.keyspace.dbs[db].get(&key) {
            add_entry(&mut digest, entry);
        }
        digest
    }
}
