//! The keys that were seen to be worth evicting: a few, the best last.
//!
//! A sample of five keys is a poor guess at the least recently used of millions. Keeping the best of many
//! samples makes it a good one: what was seen and not taken competes with what is seen next.

/// Keys remembered between evictions.
pub const CANDIDATES_MAX: usize = 16;

/// A key that may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The more, the better it is to evict it.
    pub score: u64,
    /// Its database.
    pub db: usize,
    /// What finds it again; see [`Sampled`](super::Sampled).
    pub item: u64,
}

/// The pool; sorted by score.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    sorted: Vec<Candidate>,
}

impl Candidates {
    /// Takes a candidate in, if there is room or it is better than the worst. A key that is there already
    /// counts by what is known of it now.
    pub fn offer(&mut self, candidate: Candidate) {
        let is_same = |other: &Candidate| other.item == candidate.item && other.db == candidate.db;
        if let Some(place) = self.sorted.iter().position(is_same) {
            self.sorted.remove(place);
        }
        let place = self.sorted.partition_point(|other| other.score < candidate.score);
        if self.sorted.len() >= CANDIDATES_MAX {
            if place == 0 {
                return;
            }
            self.sorted.remove(0);
            self.sorted.insert(place - 1, candidate);
        } else {
            self.sorted.insert(place, candidate);
        }
    }

    /// Takes the best one out.
    pub fn take_best(&mut self) -> Option<Candidate> {
        self.sorted.pop()
    }

    /// The score of the best one.
    pub fn best_score(&self) -> Option<u64> {
        self.sorted.last().map(|candidate| candidate.score)
    }

    /// Forgets all: what they were scored by has changed.
    pub fn clear(&mut self) {
        self.sorted.clear();
    }

    /// Number of candidates.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The model keeps every offer and sorts anew.
        #[test]
        fn the_best_are_kept(
            offers in prop::collection::vec((0..50_u64, 0..40_u64, any::<bool>()), 1..200),
        ) {
            let mut pool = Candidates::default();
            let mut model: Vec<Candidate> = Vec::new();
            for (score, item, takes) in offers {
                let candidate = Candidate { score, db: 0, item };
                pool.offer(candidate);
                model.retain(|other| other.item != item);
                model.push(candidate);
                model.sort_by_key(|other| other.score);
                let excess = model.len().saturating_sub(CANDIDATES_MAX);
                model.drain(..excess);
                let scores = |list: &[Candidate]| list.iter().map(|one| one.score).collect::<Vec<_>>();
                prop_assert_eq!(scores(&pool.sorted), scores(&model));
                // Of equal scores either may be gone; go on from the same set.
                model = pool.sorted.clone();
                if takes {
                    let best = pool.take_best().unwrap();
                    prop_assert_eq!(Some(best.score), model.last().map(|one| one.score));
                    model.retain(|other| other.item != best.item);
                }
            }
        }
    }
}
