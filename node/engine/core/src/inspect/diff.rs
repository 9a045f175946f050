//! Two files compared key by key, with bounded memory.
//!
//! BACKGROUND. A key is known by a hash of 128 bits, its value by its digest, which does not depend on how it
//! is encoded. The hashes are gone through in ranges: of the old file all keys of a range are noted, then the
//! keys of the new file that lie in it are looked up and crossed out. What is left was removed; the old file
//! is read once more for the names. A range ends where the table is full, so small files take one round and
//! huge ones several.
//!
//! INVARIANTS. The table never has more than `keys_max` keys. The ranges cover all hashes and do not overlap,
//! so each difference is told once.

use std::collections::HashMap;

use crate::formats::digest::Digest;
use crate::formats::rdb::RdbError;
use crate::snapshot::skip::{Known, KnownValue};
use crate::snapshot::{RdbEntry, RdbOptions};
use sha1::{Digest as _, Sha1};

use super::{KeyInfo, Scan};

/// Which file is to be read from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    Old,
    /// The second.
    New,
}

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the new file has the key.
    Added,
    /// Only the old file has the key.
    Removed,
    /// Both have it, with other types or values.
    Value,
    /// Both have it, with other times of expiry.
    Expiry,
    /// Both.
    ValueAndExpiry,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is.
    pub change: Change,
    /// The key's database.
    pub db: u64,
    /// The key.
    pub key: Vec<u8>,
    /// The type in the file that was read last: the new one, unless the key was removed.
    pub type_name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Noting,
    Looking,
    Naming,
    Done,
}

struct Noted {
    digest: u128,
    expire_at_ms: Option<i64>,
}

/// A comparison in the making.
pub struct Diff {
    options: RdbOptions,
    keys_max: usize,
    stage: Stage,
    scan: Scan<Known>,
    /// The range of hashes of this round, its last one included.
    first: u128,
    last: u128,
    noted: HashMap<u128, Noted>,
}

impl Diff {
    /// A comparison that notes at most `keys_max` keys at a time.
    pub fn new(options: RdbOptions, keys_max: usize) -> Self {
        Diff {
            options,
            keys_max: keys_max.max(1),
            stage: Stage::Noting,
            scan: Scan::new(options, 0),
            first: 0,
            last: u128::MAX,
            noted: HashMap::new(),
        }
    }

    /// Which file is to be fed, from its start after each [`Diff::end_of_file`]; `None` at the end.
    pub fn side(&self) -> Option<Side> {
        match self.stage {
            Stage::Noting | Stage::Naming => Some(Side::Old),
            Stage::Looking => Some(Side::New),
            Stage::Done => None,
        }
    }

    /// Adds the next bytes of the file and hands out the differences that they show.
    ///
    /// # Errors
    /// What is wrong with that file.
    pub fn feed(&mut self, chunk: &[u8], tell: &mut dyn FnMut(Difference)) -> Result<(), RdbError> {
        let Diff { scan, stage, noted, first, last, keys_max, .. } = self;
        scan.feed(chunk, &mut |info, entry| {
            let hash = hash_of(info);
            if !(*first..=*last).contains(&hash) {
                return;
            }
            match stage {
                Stage::Noting => {
                    noted.insert(hash, Noted::of(entry));
                    while noted.len() > *keys_max {
                        // Half of the range is left for later.
                        *last = *first + (*last - *first) / 2;
                        noted.retain(|hash, _| *hash <= *last);
                    }
                }
                Stage::Looking => {
                    let change = match noted.remove(&hash) {
                        None => Some(Change::Added),
                        Some(old) => old.change_to(&Noted::of(entry)),
                    };
                    if let Some(change) = change {
                        tell(difference(change, info));
                    }
                }
                Stage::Naming => {
                    if noted.remove(&hash).is_some() {
                        tell(difference(Change::Removed, info));
                    }
                }
                Stage::Done => {}
            }
        })
    }

    /// The file that was fed has ended.
    ///
    /// # Errors
    /// That it ended too early.
    pub fn end_of_file(&mut self) -> Result<(), RdbError> {
        self.scan.finish()?;
        self.scan = Scan::new(self.options, 0);
        self.stage = match self.stage {
            Stage::Noting => Stage::Looking,
            Stage::Looking if !self.noted.is_empty() => Stage::Naming,
            _ => self.next_range(),
        };
        Ok(())
    }

    fn next_range(&mut self) -> Stage {
        self.noted.clear();
        match self.last.checked_add(1) {
            Some(next) => {
                (self.first, self.last) = (next, u128::MAX);
                Stage::Noting
            }
            None => Stage::Done,
        }
    }
}

impl Noted {
    fn of(entry: &RdbEntry<KnownValue>) -> Self {
        let mut digest = Digest::default();
        match &entry.value {
            KnownValue::Value(value) => value.as_value().digest(&mut digest),
            KnownValue::Foreign(skipped) => digest.mix(&skipped.checksum.to_le_bytes()),
        }
        Noted { digest: digest.short(), expire_at_ms: entry.expire_at_ms }
    }

    fn change_to(&self, new: &Noted) -> Option<Change> {
        match (self.digest == new.digest, self.expire_at_ms == new.expire_at_ms) {
            (true, true) => None,
            (false, true) => Some(Change::Value),
            (true, false) => Some(Change::Expiry),
            (false, false) => Some(Change::ValueAndExpiry),
        }
    }
}

fn difference(change: Change, info: &KeyInfo<'_>) -> Difference {
    Difference { change, db: info.db, key: info.key.to_vec(), type_name: info.type_name.to_owned() }
}

/// A hash that nobody can make collide: files may come from anywhere.
fn hash_of(info: &KeyInfo<'_>) -> u128 {
    let hash = Sha1::new_with_prefix(info.db.to_le_bytes()).chain_update(info.key).finalize();
    u128::from_le_bytes(std::array::from_fn(|index| hash[index]))
}
