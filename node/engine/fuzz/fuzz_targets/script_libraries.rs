//! What scripts give to cjson, cmsgpack, struct, bit and the patterns: a result or an error, and what was taken in is
//! given out again the same.
#![no_main]

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use garrison_engine_lua::{Interpreter, Job, Step};
use libfuzzer_sys::fuzz_target;

const MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Scripts of which the first byte of an input chooses one; the rest is ARGV[1], or is cut in two at its first zero.
const SCRIPTS: [&str; 8] = [
    "local ok, v = pcall(cjson.decode, ARGV[1]) if not ok then return 'error' end
     local text = cjson.encode(v) assert(cjson.encode(cjson.decode(text)) == text or v ~= v) return text",
    "local ok, v = pcall(function() return {cmsgpack.unpack(ARGV[1])} end) if not ok then return 'error' end
     return pcall(cmsgpack.pack, unpack(v))",
    "return {pcall(struct.unpack, ARGV[1], ARGV[2])}",
    "return {pcall(struct.pack, ARGV[1], ARGV[2], 1, 2.5, -3)}",
    "return {pcall(struct.size, ARGV[1])}",
    "local n = tonumber(ARGV[1]) or #ARGV[1] return {bit.tohex(n), bit.bswap(n), bit.rol(n, 3), bit.arshift(n, n)}",
    "return {pcall(string.gsub, ARGV[2], ARGV[1], '%0')}",
    "return {pcall(string.format, ARGV[1], ARGV[2], 1, 2.5)}",
];

/// Looks at the clock that a script may take before it is killed.
const LOOKS_MAX: u64 = 20_000;

/// A clock that goes on by one whenever it is read, so that a run is the same each time.
fn ticks() -> u64 {
    static TICKS: AtomicU64 = AtomicU64::new(0);
    TICKS.fetch_add(1, Ordering::Relaxed)
}

thread_local! {
    static SCRIPTING: RefCell<(Interpreter, Vec<Job>)> = RefCell::new(prepared());
}

fn prepared() -> (Interpreter, Vec<Job>) {
    let mut interpreter = Interpreter::new(MEMORY_BYTES_MAX, ticks, false).expect("an interpreter");
    let jobs = SCRIPTS
        .iter()
        .map(|code| Job {
            function: interpreter.compile(code.as_bytes(), c"@fuzz").expect("the script is right"),
            takes_arguments: false,
            resp: 2,
        })
        .collect();
    (interpreter, jobs)
}

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let cut = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let (one, other) = match first & 8 {
        0 => (rest, &b""[..]),
        _ => (&rest[..cut], rest.get(cut + 1..).unwrap_or_default()),
    };
    SCRIPTING.with_borrow_mut(|(interpreter, jobs)| {
        let job = &jobs[usize::from(*first) % jobs.len()];
        let ends = ticks() + LOOKS_MAX;
        let mut step = interpreter.start(job, std::iter::empty(), [one, other].into_iter(), ends);
        while step != Step::Done {
            interpreter.kill();
            step = interpreter.resume(ends);
        }
        let _ = interpreter.take_outcome().map(<[u8]>::len);
    });
});
