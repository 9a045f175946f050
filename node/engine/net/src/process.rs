//! What the operating system knows of this process, read from `/proc` when INFO asks.

use std::fs::read_to_string;

use garrison_engine_core::base::process::{Crash, ProcessFacts};
use rustix::process::{getpid, kill_process, Signal};

/// Clock ticks a second in `/proc`; a constant of the kernel's interface.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes of a page of memory, on the machines that we know.
const PAGE_BYTES: u64 = 4096;

/// The facts now; what cannot be read is zero. Called on the engine's thread, whose time it tells apart.
pub fn read() -> ProcessFacts {
    let (cpu_user, cpu_system) = processor_time("/proc/self/stat");
    let (cpu_user_engine, cpu_system_engine) = processor_time("/proc/thread-self/stat");
    ProcessFacts {
        resident_bytes: resident_bytes().unwrap_or_default(),
        machine_bytes: machine_bytes().unwrap_or_default(),
        cpu_system,
        cpu_user,
        cpu_system_engine,
        cpu_user_engine,
    }
}

/// Ends the process by a signal, as a defect would.
pub fn crash(how: Crash) {
    if how == Crash::Segfault {
        // Another thread may be the one that receives it, so this one waits for the end.
        let _ = kill_process(getpid(), Signal::SEGV);
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    std::process::abort();
}

fn resident_bytes() -> Option<u64> {
    let pages: u64 = read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

fn machine_bytes() -> Option<u64> {
    let text = read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// Seconds in user code and in the kernel: fields 14 and 15, counted behind the name in parentheses.
fn processor_time(path: &str) -> (f64, f64) {
    let text = read_to_string(path).unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let seconds = |index: usize| {
        fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default() / TICKS_PER_SECOND
    };
    (seconds(11), seconds(12))
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_uses_memory_and_time() {
        let facts = super::read();
        assert!(facts.resident_bytes > 100_000);
        assert!(facts.machine_bytes > facts.resident_bytes);
        assert!(facts.cpu_user >= facts.cpu_user_engine);
    }
}
