//! The interpreter: compiling, starting, resuming.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use crate::errors::keep;
use crate::ffi::{self, State};
use crate::fiber::{Fiber, Out};
use crate::hook;
use crate::libs::json::JsonSettings;
use crate::libs::random::seeded;
use crate::shared::{name, of, Failed, Lent, Log, Mode, Registration, Shared, Span, REPL_ALL};

/// A compiled function, kept by the interpreter until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(pub(crate) c_int);

/// Why a chunk was not compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError(pub Vec<u8>);

/// What a script wants of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Carry out the command of [`Interpreter::call`], and leave its reply in [`Interpreter::reply`].
    Call,
    /// Say whether the user may run the command of [`Interpreter::call`], by [`Interpreter::answer_acl`].
    MayCall,
    /// Resume it again: it has used up its slice, or has logged much.
    Pause,
    /// It has ended: see [`Interpreter::take_outcome`].
    Done,
}

/// What is to be run.
pub struct Job {
    /// The function.
    pub function: Function,
    /// Whether it gets keys and arguments as arguments (a function) or as globals (a script).
    pub takes_arguments: bool,
    /// The protocol version of the reply.
    pub resp: u8,
}

/// One Lua state with its stack.
pub struct Interpreter {
    l: *mut State,
    shared: *mut Shared,
    fiber: Option<Fiber>,
    is_running: bool,
}

/// What `lua_cpcall` hands to [`compile`].
struct Source<'a> {
    code: &'a [u8],
    name: &'a std::ffi::CStr,
    reference: c_int,
    error: Vec<u8>,
}

impl Interpreter {
    /// A new state with at most `memory_bytes_max` bytes; `ticks` reads a clock in microseconds. Libraries of
    /// functions can be loaded into it or not.
    ///
    /// # Errors
    /// There is not enough memory for the state or for its stack.
    pub fn new(memory_bytes_max: usize, ticks: fn() -> u64, has_libraries: bool) -> Result<Self, String> {
        let shared = Shared { has_libraries, ..Shared::new(memory_bytes_max, ticks) };
        let shared = Box::into_raw(Box::new(shared));
        // SAFETY: the Shared outlives the state: both go in `drop`, in this order.
        unsafe {
            let l = ffi::lua_newstate(crate::alloc::allocate, shared.cast());
            if l.is_null() {
                drop(Box::from_raw(shared));
                return Err("there is not enough memory for a Lua interpreter".into());
            }
            let mut interpreter = Interpreter { l, shared, fiber: None, is_running: false };
            ffi::lua_atpanic(l, panic);
            if ffi::lua_cpcall(l, crate::globals::fill, std::ptr::null_mut()) != 0 {
                return Err("there is not enough memory for Lua's libraries".into());
            }
            ffi::lua_gc(l, ffi::GC_SET_PAUSE, 150);
            hook::arm(l);
            let address = shared as usize;
            let fiber = Fiber::new(l, run_job, move |door| {
                let shared = address as *mut Shared;
                (*shared).door = Some(door);
            });
            interpreter.fiber = Some(fiber.map_err(|error| format!("there is no stack for Lua: {error}"))?);
            Ok(interpreter)
        }
    }

    fn shared(&self) -> &Shared {
        // SAFETY: the script does not run while the engine looks, as both share one thread.
        unsafe { &*self.shared }
    }

    fn shared_mut(&mut self) -> &mut Shared {
        // SAFETY: as above.
        unsafe { &mut *self.shared }
    }

    /// Compiles a chunk; `name` is how errors call it, with a leading `@`.
    ///
    /// # Errors
    /// The chunk is not valid Lua, or there is no memory for it.
    pub fn compile(&mut self, code: &[u8], name: &std::ffi::CStr) -> Result<Function, CompileError> {
        let mut source = Source { code, name, reference: 0, error: Vec::new() };
        let data: *mut Source<'_> = &mut source;
        // SAFETY: no script runs, or the one that does is on another stack and waits; the call is protected.
        let status = unsafe { ffi::lua_cpcall(self.l, compile, data.cast::<c_void>()) };
        match status {
            0 if source.error.is_empty() => Ok(Function(source.reference)),
            0 => Err(CompileError(source.error)),
            _ => Err(CompileError(self.take_error())),
        }
    }

    /// The text of the error on top of the stack, which is popped.
    fn take_error(&mut self) -> Vec<u8> {
        // SAFETY: a protected call has failed, and left its error.
        unsafe {
            let text = ffi::bytes(self.l, -1).to_vec();
            ffi::pop(self.l, 1);
            text
        }
    }

    /// Forgets a compiled function.
    pub fn release(&mut self, function: Function) {
        // SAFETY: setting a field of the registry that is there allocates nothing.
        unsafe { ffi::luaL_unref(self.l, ffi::REGISTRY, function.0) };
    }

    /// Runs a function until its first step. Its slice ends at `slice_ends_us` of the clock.
    ///
    /// The last one has ended.
    pub fn start<'a>(
        &mut self,
        job: &Job,
        keys: impl Iterator<Item = &'a [u8]>,
        argv: impl Iterator<Item = &'a [u8]>,
        slice_ends_us: u64,
    ) -> Step {
        assert!(!self.is_running, "one script runs at a time");
        let shared = self.shared_mut();
        shared.keys.clear();
        shared.keys.extend(keys.map(Lent::new));
        shared.argv.clear();
        shared.argv.extend(argv.map(Lent::new));
        shared.function = job.function.0;
        shared.takes_arguments = job.takes_arguments;
        shared.resp = 2;
        shared.client_resp = job.resp;
        shared.replication = REPL_ALL;
        shared.random = seeded(0);
        shared.json = JsonSettings::default();
        shared.killed = false;
        shared.mode = Mode::Run;
        self.begin(slice_ends_us)
    }

    /// Runs the main chunk of a library until its first step; it may register functions and nothing else.
    pub fn start_library(&mut self, chunk: Function, slice_ends_us: u64) -> Step {
        let job = Job { function: chunk, takes_arguments: false, resp: 2 };
        assert!(!self.is_running, "one script runs at a time");
        let shared = self.shared_mut();
        (shared.keys, shared.argv) = (Vec::new(), Vec::new());
        shared.function = job.function.0;
        shared.takes_arguments = true;
        shared.killed = false;
        shared.mode = Mode::Load;
        shared.registrations.clear();
        self.begin(slice_ends_us)
    }

    fn begin(&mut self, slice_ends_us: u64) -> Step {
        let shared = self.shared_mut();
        shared.out.clear();
        shared.failed = None;
        self.is_running = true;
        self.resume(slice_ends_us)
    }

    /// Goes on with the script that runs.
    pub fn resume(&mut self, slice_ends_us: u64) -> Step {
        self.shared_mut().slice_ends_us = slice_ends_us;
        let out = self.fiber.as_mut().map_or(Out::Done, Fiber::go_on);
        match out {
            Out::Call => Step::Call,
            Out::MayCall => Step::MayCall,
            Out::Pause => Step::Pause,
            Out::Done => {
                self.is_running = false;
                Step::Done
            }
        }
    }

    /// The command that the script wants carried out, and where its arguments lie.
    pub fn call(&self) -> (&[u8], &[Span]) {
        (&self.shared().call, &self.shared().spans)
    }

    /// Where the reply to the script's command belongs; it is empty.
    pub fn reply(&mut self) -> &mut Vec<u8> {
        let reply = &mut self.shared_mut().reply;
        reply.clear();
        reply
    }

    /// Answers [`Step::MayCall`]: nothing when there is no such command.
    pub fn answer_acl(&mut self, may: Option<bool>) {
        self.shared_mut().acl_answer = may.map_or(-1, i8::from);
    }

    /// The protocol version of the replies that the script sees.
    pub fn resp(&self) -> u8 {
        self.shared().resp
    }

    /// Where what it writes goes: bit 0 the append-only file, bit 1 replicas.
    pub fn replication(&self) -> u8 {
        self.shared().replication
    }

    /// Ends the script at its next instruction, whatever it catches.
    pub fn kill(&mut self) {
        self.shared_mut().killed = true;
    }

    /// Whether it was killed.
    pub fn is_killed(&self) -> bool {
        self.shared().killed
    }

    /// What it has logged since the last time.
    pub fn take_logs(&mut self) -> Vec<Log> {
        std::mem::take(&mut self.shared_mut().logs)
    }

    /// Whether it has logged anything.
    pub fn has_logs(&self) -> bool {
        !self.shared().logs.is_empty()
    }

    /// What the script that has ended replies, or why it failed.
    pub fn take_outcome(&mut self) -> Result<&[u8], Failed> {
        match self.shared_mut().failed.take() {
            Some(failed) => Err(failed),
            None => Ok(&self.shared().out),
        }
    }

    /// The functions that the library has registered.
    pub fn take_registrations(&mut self) -> Vec<Registration> {
        std::mem::take(&mut self.shared_mut().registrations)
    }

    /// Bytes that the state holds.
    pub fn used_bytes(&self) -> usize {
        self.shared().used
    }

    /// Sets the bound of its memory.
    pub fn set_memory_max(&mut self, bytes: usize) {
        self.shared_mut().limit = bytes;
    }

    /// Collects all garbage. No script runs.
    pub fn collect(&mut self) {
        // SAFETY: there are no finalizers that could raise an error.
        unsafe { ffi::lua_gc(self.l, ffi::GC_COLLECT, 0) };
    }
}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpreter").field("is_running", &self.is_running).finish_non_exhaustive()
    }
}

// SAFETY: the state, the Shared and the fiber's stack belong to the interpreter alone, and nothing on that stack refers
// to the thread that made it; whoever owns the interpreter is the only one to run it.
unsafe impl Send for Interpreter {}

impl Drop for Interpreter {
    fn drop(&mut self) {
        while self.is_running {
            self.kill();
            self.reply().extend_from_slice(b"-ERR the interpreter is closed\r\n");
            self.resume(0);
        }
        self.fiber = None;
        // SAFETY: nothing runs; the state is closed before what its allocator counts in goes.
        unsafe {
            ffi::lua_close(self.l);
            drop(Box::from_raw(self.shared));
        }
    }
}

/// Called for an error outside of a protected call, which is a defect.
unsafe extern "C-unwind" fn panic(_: *mut State) -> c_int {
    eprintln!("garrison: a Lua error outside of a protected call");
    std::process::abort();
}

/// Compiles the [`Source`] that is its argument.
unsafe extern "C-unwind" fn compile(l: *mut State) -> c_int {
    // SAFETY: the source outlives the protected call, and owns what an error of memory would leave behind.
    unsafe {
        let source = ffi::lua_touserdata(l, 1).cast::<Source<'_>>();
        let code = (*source).code;
        let status = ffi::luaL_loadbuffer(l, code.as_ptr().cast(), code.len(), (*source).name.as_ptr());
        if status != 0 {
            (*source).error = ffi::bytes(l, -1).to_vec();
        } else {
            (*source).reference = ffi::luaL_ref(l, ffi::REGISTRY);
        }
        0
    }
}

/// The job of the fiber: one protected run of what Shared names.
unsafe fn run_job(l: *mut State) {
    // SAFETY: on the fiber's stack, with a state that no other stack uses meanwhile.
    unsafe {
        let shared = of(l);
        ffi::lua_settop(l, 0);
        if ffi::lua_cpcall(l, run, std::ptr::null_mut()) != 0 {
            // Memory ran out outside of the script's own call.
            (*shared).out.clear();
            keep(l);
        }
        ffi::lua_settop(l, 0);
        if (*shared).killed {
            hook::arm(l);
        }
    }
}

unsafe extern "C-unwind" fn run(l: *mut State) -> c_int {
    // SAFETY: within the protected call of `run_job`; what is lent lives until the first step.
    unsafe {
        let shared = of(l);
        ffi::lua_settop(l, 0);
        ffi::lua_rawgeti(l, ffi::REGISTRY, (*shared).handler);
        ffi::lua_rawgeti(l, ffi::REGISTRY, (*shared).function);
        let args = match ((*shared).takes_arguments, (*shared).mode) {
            (_, Mode::Load) => 0,
            (true, Mode::Run) => {
                push_strings(l, &(*shared).keys);
                push_strings(l, &(*shared).argv);
                2
            }
            (false, Mode::Run) => {
                set_globals(l, shared);
                0
            }
        };
        if ffi::lua_pcall(l, args, 1, 1) != 0 {
            keep(l);
        } else if (*shared).mode == Mode::Run {
            crate::convert::to_reply::write_result(l);
        }
        0
    }
}

unsafe fn push_strings(l: *mut State, strings: &[Lent]) {
    // SAFETY: as in `run`.
    unsafe {
        ffi::lua_createtable(l, strings.len() as c_int, 0);
        for (index, lent) in strings.iter().enumerate() {
            ffi::push_bytes(l, lent.get());
            ffi::lua_rawseti(l, -2, index as c_int + 1);
        }
    }
}

/// Sets KEYS and ARGV, the only globals that change.
unsafe fn set_globals(l: *mut State, shared: *mut Shared) {
    // SAFETY: as in `run`; the globals are read-only for all but this.
    unsafe {
        for (name, strings) in [
            ((*shared).names[name::KEYS], &raw const (*shared).keys),
            ((*shared).argv_name, &raw const (*shared).argv),
        ] {
            ffi::lua_rawgeti(l, ffi::REGISTRY, name);
            push_strings(l, &*strings);
            ffi::garrison_set_readonly(l, ffi::GLOBALS, 0);
            ffi::lua_rawset(l, ffi::GLOBALS);
            ffi::garrison_set_readonly(l, ffi::GLOBALS, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(code: &str) -> String {
        let mut lua = Interpreter::new(64 << 20, || 0, false).expect("there is memory");
        run_in(&mut lua, code)
    }

    fn run_in(lua: &mut Interpreter, code: &str) -> String {
        let function = match lua.compile(code.as_bytes(), c"@user_script") {
            Ok(function) => function,
            Err(CompileError(text)) => return String::from_utf8_lossy(&text).into_owned(),
        };
        let job = Job { function, takes_arguments: false, resp: 2 };
        let keys: [&[u8]; 1] = [b"k"];
        let mut step = lua.start(&job, keys.into_iter(), keys.into_iter(), 1);
        while step != Step::Done {
            if step == Step::Call {
                let (bytes, spans) = lua.call();
                let first = spans[0];
                let name = bytes[first.start as usize..(first.start + first.len) as usize].to_vec();
                let reply = lua.reply();
                reply.push(if name == b"fail" { b'-' } else { b'+' });
                reply.extend_from_slice(&name);
                reply.extend_from_slice(b"\r\n");
            }
            step = lua.resume(1);
        }
        let text = match lua.take_outcome() {
            Ok(reply) => String::from_utf8_lossy(reply).replace("\r\n", " "),
            Err(failed) => {
                format!("{} {:?}", String::from_utf8_lossy(&failed.text), failed.place.map(|p| p.1))
            }
        };
        text.trim_end().into()
    }

    #[test]
    fn scripts_return_values() {
        assert_eq!(run("return 1"), ":1");
        assert_eq!(run("return {1, 'a', {2}, false, true}"), "*5 :1 $1 a *1 :2 $-1 :1");
        assert_eq!(run("return KEYS[1] .. ARGV[1]"), "$2 kk");
        assert_eq!(run("return redis.call('ping')"), "+ping");
        assert_eq!(run("x ="), "user_script:1: unexpected symbol near '<eof>'");
    }

    #[test]
    fn errors_tell_their_place() {
        assert_eq!(run("\nerror('x')"), "ERR user_script:2: x Some(2)");
        assert_eq!(run("redis.call('fail')"), "fail Some(1)");
        assert_eq!(run("return redis.pcall('fail')"), "-fail");
        assert_eq!(run("return {pcall(redis.call, 'fail')}"), "*2 $-1 $4 fail");
    }

    #[test]
    fn globals_cannot_be_changed() {
        for code in [
            "x = 1",
            "redis.call = 1",
            "rawset(_G, 'x', 1)",
            "setmetatable(_G, {})",
            "getmetatable('').__index = {}",
            "table.insert(redis, 1)",
            "string.rep = nil",
            "getmetatable(_G).__index = nil",
        ] {
            assert!(run(code).contains("Attempt to modify a readonly table"), "{code}: {}", run(code));
        }
        assert!(run("return x").contains("nonexistent global variable 'x'"));
        assert_eq!(
            run("return {tostring(rawget(_G, 'setfenv')), tostring(rawget(_G, 'newproxy'))}"),
            "*2 $3 nil $3 nil"
        );
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let mut lua = Interpreter::new(4 << 20, || 0, false).expect("there is memory");
        for bomb in [
            "local s = string.rep('x', 1024) while true do s = s .. s end",
            "local t = {} while true do t[#t + 1] = {} end",
            "return string.rep('x', 1e9)",
            "return string.format('%99s', 'x') .. string.rep('abc', 1e8)",
        ] {
            assert!(run_in(&mut lua, bomb).contains("not enough memory"), "{}", run_in(&mut lua, bomb));
            lua.collect();
            assert!(lua.used_bytes() < 1 << 20);
        }
        assert_eq!(run_in(&mut lua, "return 1"), ":1");
    }

    #[test]
    fn killed_scripts_cannot_go_on() {
        for code in [
            "while true do pcall(function() while true do end end) end",
            "local f = function() while true do end end while true do xpcall(f, f) end",
            "while true do coroutine.wrap(function() while true do end end)() end",
            "while true do pcall(string.find, string.rep('a', 60), string.rep('a-', 60) .. 'b') end",
            "local t = {} setmetatable(t, {__index = function(t, k) return t[k + 1] end}) while true do pcall(function() return t[1] end) end",
        ] {
            let mut lua = Interpreter::new(64 << 20, || 2, false).expect("there is memory");
            let function = lua.compile(code.as_bytes(), c"@user_script").expect("it is valid");
            let job = Job { function, takes_arguments: false, resp: 2 };
            assert_eq!(lua.start(&job, std::iter::empty(), std::iter::empty(), 1), Step::Pause, "{code}");
            for _ in 0..5 {
                assert_eq!(lua.resume(1), Step::Pause);
            }
            lua.kill();
            assert_eq!(lua.resume(1), Step::Done);
            let failed = lua.take_outcome().expect_err("it was killed");
            assert!(String::from_utf8_lossy(&failed.text).contains("killed"), "{failed:?}");
            assert_eq!(run_in(&mut lua, "return 1"), ":1");
        }
    }

    #[test]
    fn a_running_script_goes_with_its_interpreter() {
        let mut lua = Interpreter::new(64 << 20, || 2, false).expect("there is memory");
        let function =
            lua.compile(b"while true do redis.call('x') end", c"@user_script").expect("it is valid");
        let job = Job { function, takes_arguments: false, resp: 2 };
        assert_eq!(lua.start(&job, std::iter::empty(), std::iter::empty(), 1), Step::Call);
    }
}
