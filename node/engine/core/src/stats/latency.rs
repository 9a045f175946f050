//! Slow events by time, for LATENCY.

use std::collections::{BTreeMap, VecDeque};

/// Most samples kept of one event.
pub const SAMPLES_MAX: usize = 160;

/// The samples of all events.
#[derive(Clone, Debug, Default)]
pub struct LatencyEvents {
    /// By name.
    pub events: BTreeMap<&'static str, Samples>,
}

/// The samples of one event.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Unix second and milliseconds, oldest first.
    pub recent: VecDeque<(i64, u64)>,
    /// The worst ever.
    pub worst_ms: u64,
}

impl LatencyEvents {
    /// Takes a sample; of one second the worst is kept.
    pub fn record(&mut self, event: &'static str, now_s: i64, ms: u64) {
        let samples = self.events.entry(event).or_default();
        samples.worst_ms = samples.worst_ms.max(ms);
        match samples.recent.back_mut() {
            Some((second, kept)) if *second == now_s => *kept = ms.max(*kept),
            _ => samples.recent.push_back((now_s, ms)),
        }
        if samples.recent.len() > SAMPLES_MAX {
            samples.recent.pop_front();
        }
    }

    /// The samples of one event.
    pub fn of(&self, event: &[u8]) -> Option<&Samples> {
        self.events.get(std::str::from_utf8(event).ok()?)
    }
}
