//! When the stream had which length: what "so many seconds ago" means in bytes.

use std::collections::VecDeque;

use crate::base::clock::BootMs;

/// Places that are remembered; at ten a second a little more than a quarter of an hour of a busy stream.
const PLACES_MAX: usize = 10_000;

/// The stream's end at moments of the past.
#[derive(Debug, Default)]
pub struct Timeline {
    places: VecDeque<(BootMs, u64)>,
}

impl Timeline {
    /// The stream ends here now.
    pub fn note(&mut self, now_ms: BootMs, end: u64) {
        match self.places.back() {
            Some((_, last)) if *last == end => return,
            // Another stream has taken its place.
            Some((_, last)) if *last > end => self.places.clear(),
            _ => {}
        }
        if self.places.len() == PLACES_MAX {
            self.places.pop_front();
        }
        self.places.push_back((now_ms, end));
    }

    /// Where the stream ended at a moment: an offset that is at least as old; `None` if nothing that old is known.
    pub fn offset_at(&self, at_ms: BootMs) -> Option<u64> {
        let behind = self.places.partition_point(|(noted_ms, _)| *noted_ms <= at_ms);
        behind.checked_sub(1).and_then(|at| self.places.get(at)).map(|(_, end)| *end)
    }

    /// For how many milliseconds the byte behind an offset has been there, at the precision of the notes.
    pub fn age_ms(&self, offset: u64, now_ms: BootMs) -> i64 {
        let behind = self.places.partition_point(|(_, end)| *end <= offset);
        self.places.get(behind).map_or(0, |(noted_ms, _)| (now_ms - *noted_ms).max(0))
    }

    /// The oldest place.
    pub fn oldest(&self) -> Option<u64> {
        self.places.front().map(|(_, end)| *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_time_and_by_offset() {
        let mut timeline = Timeline::default();
        for (now_ms, end) in [(100, 10), (200, 30), (300, 30), (400, 70)] {
            timeline.note(BootMs::new(now_ms), end);
        }
        let at = |ms| timeline.offset_at(BootMs::new(ms));
        assert_eq!((at(50), at(100), at(399), at(1000)), (None, Some(10), Some(30), Some(70)));
        let age = |offset| timeline.age_ms(offset, BootMs::new(500));
        assert_eq!((age(5), age(10), age(69), age(70)), (400, 300, 100, 0));
        timeline.note(BootMs::new(600), 5);
        assert_eq!(timeline.oldest(), Some(5), "of another stream");
    }
}
