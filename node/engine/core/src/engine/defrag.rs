//! `activedefrag`: data is moved out of sparse pages of the allocator, so that these can be given back.
//!
//! BACKGROUND. A page of the allocator holds allocations of one size. After many deletions pages are left
//! with a few living entries each: little is in use, much is held. Each entry, small value and long string
//! that lies in such a page is copied to a fuller one. The table names entries by pointers that nobody else
//! has, so a move is a copy and a store.
//!
//! INVARIANTS. A move changes nothing that commands, snapshots or replicas see: key, value, expiry, access
//! clock.
//!
//! BEHAVIOUR. Pages that a pass has emptied are given back by another thread. Once a second the memory that
//! the process holds is compared with what is in use. Above the thresholds one pass over all keys begins. It
//! goes on in steps of [`STEP_US`], with pauses that keep it within its share of the processor. A pass that
//! has found little to move is followed by a rest.

use super::Engine;
use crate::base::clock::BootMs;
use crate::keyspace::Moves;

/// One step takes about this long.
pub const STEP_US: u64 = 500;
/// Pages that are in use to more than this many percent are left alone.
const PAGE_PERCENT_MAX: usize = 85;
/// The waste is measured this often.
const CHECK_MS: i64 = 1_000;
/// After a pass that moved less than one in [`WORTHWHILE_SHARE`] keys, the next one waits this long.
const REST_MS: i64 = 30_000;
/// See [`REST_MS`].
const WORTHWHILE_SHARE: usize = 20;

/// Where the pass is, and what all passes have done.
#[derive(Debug, Default)]
pub struct Defrag {
    /// The database, table and hash prefix to go on from, while a pass runs.
    at: Option<(usize, (usize, u64))>,
    percent: u64,
    next_ms: BootMs,
    pass: Moves,
    total: Moves,
    spent_us: u64,
}

impl Defrag {
    /// When the next step of a running pass is due.
    pub(crate) fn next_step_boot_ms(&self) -> Option<BootMs> {
        self.at.map(|_| self.next_ms)
    }
}

/// For INFO.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefragFigures {
    /// Share of the processor that a running pass takes; 0 if none runs.
    pub running_percent: u64,
    /// What was moved so far.
    pub moves: Moves,
    /// Milliseconds spent so far.
    pub spent_ms: u64,
}

impl Engine {
    /// What moving has done.
    pub fn defrag_figures(&self) -> DefragFigures {
        let defrag = &self.keyspace.defrag;
        DefragFigures {
            running_percent: defrag.at.map_or(0, |_| defrag.percent),
            moves: defrag.total,
            spent_ms: defrag.spent_us / 1000,
        }
    }

    /// At the end of a turn: the next step, if one is due.
    #[inline]
    pub(crate) fn defragment_some(&mut self) {
        if !self.settings.activedefrag {
            self.keyspace.defrag.at = None;
        } else if self.clock.boot_ms >= self.keyspace.defrag.next_ms {
            self.defragment_now();
        }
    }

    fn defragment_now(&mut self) {
        let now_ms = self.clock.boot_ms;
        if self.keyspace.defrag.at.is_none() {
            self.keyspace.defrag.next_ms = now_ms + CHECK_MS;
            let Some(percent) = self.defrag_share() else { return };
            self.keyspace.defrag.percent = percent;
            self.keyspace.defrag.at = Some((0, (0, 0)));
            self.keyspace.defrag.pass = Moves::default();
        }
        let began_us = (self.host.ticks)();
        let mut elapsed_us = 0;
        while elapsed_us < STEP_US && self.defragment_segment() {
            elapsed_us = (self.host.ticks)().saturating_sub(began_us);
        }
        let defrag = &mut self.keyspace.defrag;
        defrag.spent_us += elapsed_us;
        let pause_ms = (elapsed_us * (100 - defrag.percent.min(99)) / defrag.percent.max(1) / 1000) as i64;
        defrag.next_ms = match defrag.at {
            Some(_) => now_ms + pause_ms.max(1),
            None if defrag.pass.keys_moved * WORTHWHILE_SHARE < defrag.pass.keys => now_ms + REST_MS,
            None => now_ms + CHECK_MS,
        };
    }

    /// Moves what one segment of the table holds; tells whether the pass goes on.
    fn defragment_segment(&mut self) -> bool {
        let defrag = &mut self.keyspace.defrag;
        let Some((db, at)) = defrag.at else { return false };
        let mut moves = Moves::default();
        let next = match self.keyspace.dbs.get_mut(db) {
            Some(database) => database.defragment(at, PAGE_PERCENT_MAX, &mut moves).map(|at| (db, at)),
            None => {
                defrag.at = None;
                self.keyspace.purge_wanted = true;
                return false;
            }
        };
        defrag.at = Some(next.unwrap_or((db + 1, (0, 0))));
        for sum in [&mut defrag.pass, &mut defrag.total] {
            sum.moved += moves.moved;
            sum.keys += moves.keys;
            sum.keys_moved += moves.keys_moved;
        }
        true
    }

    /// The share of the processor in percent that the waste is worth, if it is above the thresholds.
    fn defrag_share(&self) -> Option<u64> {
        let settings = &self.settings;
        let used = crate::base::alloc::used_memory() as u64;
        let waste = (self.host.process)().resident_bytes.saturating_sub(used);
        let percent = waste * 100 / used.max(1);
        if waste < settings.active_defrag_ignore_bytes || percent < settings.active_defrag_threshold_lower {
            return None;
        }
        let (lower, upper) = (settings.active_defrag_threshold_lower, settings.active_defrag_threshold_upper);
        let (least, most) = (settings.active_defrag_cycle_min, settings.active_defrag_cycle_max);
        let way = (percent - lower).min(upper.saturating_sub(lower));
        let span = upper.saturating_sub(lower).max(1);
        Some((least + most.saturating_sub(least) * way / span).clamp(1, 99))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::process::ProcessFacts;
    use crate::testing::Bench;

    fn wasteful() -> ProcessFacts {
        ProcessFacts { resident_bytes: 1 << 50, ..ProcessFacts::default() }
    }

    /// Moving changes nothing that anybody sees, and helps: most pages that were left with few entries are
    /// emptied.
    #[test]
    fn data_survives_being_moved() {
        let mut bench = Bench::new(&[("activedefrag", "yes")]);
        bench.engine.host.process = wasteful;
        let client = bench.client();
        let value = |number: usize| match number % 3 {
            0 => number.to_string(),
            1 => "x".repeat(20 + number % 60),
            _ => "y".repeat(1_500 + number % 900),
        };
        for number in 0..20_000 {
            bench.say(client, &format!("SET key:{number} {}", value(number)));
            bench.say(client, &format!("RPUSH list:{number} a b {number}"));
        }
        bench.say(client, "EXPIRE key:7 1000");
        for number in (0..20_000).filter(|number| number % 7 != 0) {
            bench.say(client, &format!("DEL key:{number} list:{number}"));
        }
        let digest = bench.engine.digest();
        bench.engine.keyspace.defrag.next_ms = BootMs::ZERO;
        bench.engine.defragment_some();
        let first = bench.engine.defrag_figures();
        assert!(first.moves.moved > 500, "{first:?}");
        assert_eq!(first.running_percent, 0);
        assert_eq!(bench.engine.digest(), digest);
        for number in (0..20_000).filter(|number| number % 7 == 0) {
            let expected = value(number);
            let got = bench.say(client, &format!("GET key:{number}"));
            assert_eq!(got, format!("${} {expected}", expected.len()));
            let got = bench.say(client, &format!("LRANGE list:{number} 0 -1"));
            assert!(got.ends_with(&number.to_string()));
        }
        bench.advance(CHECK_MS);
        bench.engine.defragment_some();
        let second = bench.engine.defrag_figures().moves.moved - first.moves.moved;
        assert!(second < first.moves.moved / 2, "{second} after {}", first.moves.moved);
    }

    #[test]
    fn the_share_follows_the_waste() {
        let mut bench = Bench::new(&[]);
        assert_eq!(bench.engine.defrag_share(), None);
        bench.engine.host.process = wasteful;
        assert_eq!(bench.engine.defrag_share(), Some(25));
        bench.engine.settings.active_defrag_threshold_upper = u64::MAX / 100;
        assert_eq!(bench.engine.defrag_share(), Some(1));
    }
}
