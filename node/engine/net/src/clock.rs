//! The clocks of the machine, read once a turn.

use garrison_engine_core::base::clock::BootMs;
use garrison_engine_core::engine::Clock;
use rustix::time::{clock_gettime, ClockId};

/// The time now.
pub fn now() -> Clock {
    let real = clock_gettime(ClockId::Realtime);
    let boot = clock_gettime(ClockId::Boottime);
    Clock {
        unix_ms: real.tv_sec * 1000 + real.tv_nsec / 1_000_000,
        unix_us: real.tv_sec * 1_000_000 + real.tv_nsec / 1000,
        boot_ms: BootMs::new(boot.tv_sec * 1000 + boot.tv_nsec / 1_000_000),
    }
}

/// Milliseconds of processor time that this thread has used; takes a system call.
pub fn worked_ms() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// Does nothing for so many microseconds.
pub fn sleep(us: u64) {
    std::thread::sleep(std::time::Duration::from_micros(us));
}

/// Microseconds of a clock that never steps.
pub fn ticks() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}
