//! DEBUG DIGEST: one number for a whole data set, equal to Redis's for equal data.
//!
//! A replica, a restored dump or another server holds the same data exactly when the digests agree.
//! Order does not matter where the data type has none: such elements are combined by exclusive or.
//! The algorithm is Redis's, by its published behaviour; SHA-1 serves as a mixer here, not as a shield.

use sha1::{Digest as _, Sha1};
use std::ops::ControlFlow;

use crate::engine::Engine;
use crate::keyspace::EntryRef;
use crate::types::ValueRef;

/// A digest under construction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u8; 20]);

impl Digest {
    /// Combines with others in any order.
    fn combine(&mut self, bytes: &[u8]) {
        let hash: [u8; 20] = Sha1::digest(bytes).into();
        self.0.iter_mut().zip(hash).for_each(|(mine, theirs)| *mine ^= theirs);
    }

    /// Combines in this order only.
    fn mix(&mut self, bytes: &[u8]) {
        self.combine(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    /// Forty hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Adds a value and whether it expires.
fn add_value(digest: &mut Digest, entry: EntryRef<'_>) {
    let type_number: u32 = match entry.value() {
        ValueRef::Int(_) | ValueRef::Bytes(_) => 0,
        ValueRef::Hash(_) => 4,
    };
    digest.mix(&type_number.to_be_bytes());
    let mut digits = itoa::Buffer::new();
    match entry.value() {
        ValueRef::Int(value) => digest.mix(digits.format(value).as_bytes()),
        ValueRef::Bytes(bytes) => digest.mix(bytes),
        ValueRef::Hash(hash) => {
            for (field, value) in hash.iter() {
                let mut element = Digest::default();
                element.mix(&field.to_vec());
                element.mix(&value.to_vec());
                digest.combine(&element.0);
            }
        }
    }
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
                add_value(&mut one, entry);
                all.combine(&one.0);
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
            add_value(&mut digest, entry);
        }
        digest
    }
}
