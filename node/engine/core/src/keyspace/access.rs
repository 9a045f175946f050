//! The 24-bit access clock of an entry: when it was used last (LRU) or how often (LFU), by Redis's rules.
//!
//! Which of the two a clock holds depends on `maxmemory-policy`; the entry keeps the bits and does not know.
//! LRU: seconds modulo 2^24. LFU: the upper 16 bits are minutes of the last decay, the lower 8 a counter
//! that grows logarithmically with use and shrinks with time.

use crate::base::prng::Prng;

/// Bits of an access clock.
pub const ACCESS_CLOCK_MASK: u32 = 0xff_ffff;

/// Counter of a new key under LFU, so that it is not evicted before it had a chance.
pub const LFU_COUNTER_START: u32 = 5;

/// The clock of a key used now, under LRU.
#[inline]
pub fn lru_clock(now_ms: i64) -> u32 {
    (now_ms / 1000) as u32 & ACCESS_CLOCK_MASK
}

/// Milliseconds since the last use, under LRU.
pub fn lru_idle_ms(clock: u32, now_ms: i64) -> u64 {
    u64::from(lru_clock(now_ms).wrapping_sub(clock) & ACCESS_CLOCK_MASK) * 1000
}

#[inline]
fn lfu_minutes(now_ms: i64) -> u32 {
    (now_ms / 60_000) as u32 & 0xffff
}

/// The clock of a new key, under LFU.
#[inline]
pub fn lfu_clock(now_ms: i64) -> u32 {
    lfu_minutes(now_ms) << 8 | LFU_COUNTER_START
}

/// The use counter after the decay due by now, under LFU. `decay_minutes` 0 means no decay.
pub fn lfu_counter(clock: u32, now_ms: i64, decay_minutes: u32) -> u32 {
    let elapsed = lfu_minutes(now_ms).wrapping_sub(clock >> 8) & 0xffff;
    let decay = elapsed.checked_div(decay_minutes).unwrap_or(0);
    (clock & 0xff).saturating_sub(decay)
}

/// The clock after one more use, under LFU: the fuller the counter, the less likely it grows.
pub fn lfu_touch(clock: u32, now_ms: i64, decay_minutes: u32, log_factor: u32, prng: &mut Prng) -> u32 {
    let mut counter = lfu_counter(clock, now_ms, decay_minutes);
    if counter < 255 {
        let base = u64::from(counter.saturating_sub(LFU_COUNTER_START));
        if prng.below(base * u64::from(log_factor) + 1) == 0 {
            counter += 1;
        }
    }
    lfu_minutes(now_ms) << 8 | counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_survives_the_wrap_of_the_clock() {
        let wrap_ms = (1_i64 << 24) * 1000;
        assert_eq!(lru_idle_ms(lru_clock(wrap_ms - 2000), wrap_ms + 3000), 5000);
    }

    #[test]
    fn a_counter_grows_with_use_and_decays_with_time() {
        let mut prng = Prng::new(1);
        let mut clock = lfu_clock(0);
        for _ in 0..10_000 {
            clock = lfu_touch(clock, 0, 1, 10, &mut prng);
        }
        let counter = lfu_counter(clock, 0, 1);
        assert!((15..120).contains(&counter), "{counter}");
        assert_eq!(lfu_counter(clock, 3 * 60_000, 1), counter - 3);
        assert_eq!(lfu_counter(clock, 3 * 60_000, 0), counter);
        assert_eq!(lfu_counter(clock, 60_000 * 300, 1), 0);
    }
}
