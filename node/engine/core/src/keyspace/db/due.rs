//! Finding the keys whose time has come.

use super::Db;
use crate::keyspace::entry::Entry;
use crate::keyspace::expiry;

/// Items of dropped slots that the expiry wheel may keep in any case before it is swept.
const STALE_EXPIRIES_MIN: usize = 4096;

impl Db {
    /// Finds a key that has expired and writes it into `key`. The caller deletes it before it asks again.
    /// Each key or item looked at takes one from `budget`; at 0 the search stops.
    pub fn next_expired(&mut self, now_ms: i64, budget: &mut usize, key: &mut Vec<u8>) -> bool {
        self.sweep_expiries(budget);
        while *budget > 0 {
            *budget -= 1;
            let Some(item) = self.wheel.next(now_ms) else { return false };
            // Among keys of the same item, the first to expire; a place that is not its own is corrected.
            let mut soonest: Option<Entry> = None;
            if let Some(table) = self.table(expiry::slot_of(item)) {
                table.find_by(item, |entry| {
                    let is_sooner = match (entry.expire_at_ms(), soonest.and_then(Entry::expire_at_ms)) {
                        (Some(at_ms), Some(soonest_ms)) => at_ms < soonest_ms,
                        (at_ms, _) => at_ms.is_some(),
                    };
                    if is_sooner {
                        soonest = Some(entry);
                    }
                    false
                });
            }
            match soonest.and_then(|entry| Some((entry, entry.expire_at_ms()?))) {
                Some((entry, at_ms)) if at_ms <= now_ms => {
                    key.clear();
                    key.extend_from_slice(entry.key());
                    return true;
                }
                Some((_, at_ms)) => {
                    if !self.wheel.requeue(item, at_ms) {
                        return false;
                    }
                }
                None => self.wheel.forget(item),
            }
        }
        false
    }

    /// Forgets expiries of keys that went with a dropped slot, if there are too many, a shard at a time.
    fn sweep_expiries(&mut self, budget: &mut usize) {
        let living = self.expiring as usize;
        while self.wheel.len() > 2 * living + STALE_EXPIRIES_MIN && *budget > 0 {
            let tables = &self.tables;
            let looked_at = self.wheel.sweep_shard(|item, is_here| {
                let table = tables.get(usize::from(expiry::slot_of(item))).and_then(Option::as_deref);
                let mut keys = 0;
                if let Some(table) = table {
                    table.find_by(item, |entry| {
                        keys += usize::from(entry.expire_at_ms().is_some_and(is_here));
                        false
                    });
                }
                keys
            });
            *budget = budget.saturating_sub(looked_at.max(1));
        }
    }
}
