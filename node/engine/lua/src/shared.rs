//! What the two stacks of a script share: the buffers of their messages, and the state of the run.

#![allow(unsafe_code)]

use std::ffi::c_int;

use crate::ffi::{self, State};
use crate::fiber::Door;
use crate::libs::json::JsonSettings;

/// Where one argument of a call lies in the call's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

/// A line that a script has logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// 0 (debug) to 3 (warning).
    pub level: u8,
    /// The text.
    pub text: Vec<u8>,
}

/// An error that ended a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// The text, its code first.
    pub text: Vec<u8>,
    /// The chunk and the line, as far as they are known.
    pub place: Option<(Vec<u8>, i64)>,
    /// It is the reply of a command, which has counted it.
    pub is_counted: bool,
    /// It is no table with a text: something else was raised, or memory ran out.
    pub is_raw: bool,
}

/// A function that a library has registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its name.
    pub name: Vec<u8>,
    /// Where it is kept.
    pub(crate) reference: c_int,
    /// Its description.
    pub description: Option<Vec<u8>>,
    /// Its flags, as they were given.
    pub flags: Vec<Vec<u8>>,
}

impl Registration {
    /// The function.
    pub fn function(&self) -> crate::Function {
        crate::Function(self.reference)
    }
}

/// What a script may do beyond computing; a library that is loaded may only register functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Run,
    Load,
}

/// A string that somebody else owns, valid until the script's first step.
#[derive(Clone, Copy)]
pub(crate) struct Lent(*const u8, usize);

impl Lent {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Lent(bytes.as_ptr(), bytes.len())
    }

    /// # Safety
    /// The bytes live: nothing but [`crate::vm`] lends them, for a script's first step.
    pub(crate) unsafe fn get<'a>(self) -> &'a [u8] {
        // SAFETY: as the caller says.
        unsafe { std::slice::from_raw_parts(self.0, self.1) }
    }
}

/// Names of fields that are looked up all the time; kept as strings of Lua.
pub(crate) const NAMES: [&[u8]; 13] = [
    b"err",
    b"ok",
    b"double",
    b"big_number",
    b"map",
    b"set",
    b"verbatim_string",
    b"string",
    b"format",
    b"source",
    b"line",
    b"ignore_error_stats_update",
    b"KEYS",
];

/// Indices into [`NAMES`].
pub(crate) mod name {
    pub const ERR: usize = 0;
    pub const OK: usize = 1;
    pub const DOUBLE: usize = 2;
    pub const BIG_NUMBER: usize = 3;
    pub const MAP: usize = 4;
    pub const SET: usize = 5;
    pub const VERBATIM: usize = 6;
    pub const STRING: usize = 7;
    pub const FORMAT: usize = 8;
    pub const SOURCE: usize = 9;
    pub const LINE: usize = 10;
    pub const IS_COUNTED: usize = 11;
    pub const KEYS: usize = 12;
}

/// What both sides see. One of them runs at a time, and neither keeps a reference while the other does.
pub(crate) struct Shared {
    pub used: usize,
    pub limit: usize,
    pub ticks: fn() -> u64,
    pub slice_ends_us: u64,
    pub killed: bool,
    pub mode: Mode,
    pub has_libraries: bool,
    /// The way back from the script's stack, while one runs.
    pub door: Option<Door>,
    pub names: [c_int; NAMES.len()],
    pub handler: c_int,
    pub argv_name: c_int,

    pub function: c_int,
    pub takes_arguments: bool,
    pub keys: Vec<Lent>,
    pub argv: Vec<Lent>,
    /// The protocol of the replies that the script sees.
    pub resp: u8,
    /// The protocol of the reply that it gives.
    pub client_resp: u8,
    pub replication: u8,
    pub random: u64,
    pub json: JsonSettings,
    pub steps: u32,

    pub call: Vec<u8>,
    pub spans: Vec<Span>,
    pub reply: Vec<u8>,
    pub acl_answer: i8,
    pub out: Vec<u8>,
    pub failed: Option<Failed>,
    pub logs: Vec<Log>,
    pub registrations: Vec<Registration>,
    /// Where library functions build what they return.
    pub scratch: Vec<u8>,
}

impl Shared {
    pub(crate) fn new(limit: usize, ticks: fn() -> u64) -> Self {
        Shared {
            used: 0,
            limit,
            ticks,
            slice_ends_us: 0,
            killed: false,
            mode: Mode::Run,
            has_libraries: false,
            door: None,
            names: [0; NAMES.len()],
            handler: 0,
            argv_name: 0,
            function: 0,
            takes_arguments: false,
            keys: Vec::new(),
            argv: Vec::new(),
            resp: 2,
            client_resp: 2,
            replication: REPL_ALL,
            random: 0,
            json: JsonSettings::default(),
            steps: 0,
            call: Vec::new(),
            spans: Vec::new(),
            reply: Vec::new(),
            acl_answer: 0,
            out: Vec::new(),
            failed: None,
            logs: Vec::new(),
            registrations: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

/// `redis.REPL_ALL`: to the append-only file and to replicas.
pub(crate) const REPL_ALL: u8 = 3;

/// The shared state of an interpreter.
///
/// # Safety
/// `l` is a state that [`crate::vm`] has made, or a coroutine of one. The pointer is used for one access at a time.
#[inline]
pub(crate) unsafe fn of(l: *mut State) -> *mut Shared {
    let mut data = std::ptr::null_mut();
    // SAFETY: the allocator's data is the Shared that the state was made with.
    unsafe { ffi::lua_getallocf(l, &mut data) };
    data.cast()
}

/// Pushes the string [`NAMES`]`[index]` without looking it up.
///
/// # Safety
/// There is room on the stack.
#[inline]
pub(crate) unsafe fn push_name(l: *mut State, index: usize) {
    // SAFETY: the names are in the registry from the beginning on.
    unsafe { ffi::lua_rawgeti(l, ffi::REGISTRY, (*of(l)).names[index]) }
}
