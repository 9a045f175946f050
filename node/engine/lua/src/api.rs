//! The `redis` table, which is also called `server`: what scripts may ask of the node.

#![allow(unsafe_code)]

use std::ffi::{c_int, CStr};

use sha1::{Digest, Sha1};

use crate::convert::from_reply::push_reply;
use crate::errors::{push_error, raise_plain, raise_text};
use crate::ffi::{self, State};
use crate::fiber::Out;
use crate::libs::format_number;
use crate::shared::{name, of, push_name, Log, Mode, Span, REPL_ALL};

/// Most bytes of one line that a script logs.
const LOG_BYTES_MAX: usize = 1024;
/// Lines after which a script pauses, so that they are taken from it.
const LOGS_MAX: usize = 64;
/// Most bytes of the arguments of one call.
const CALL_BYTES_MAX: usize = 1 << 30;

const FUNCTIONS: [(&CStr, ffi::Function); 12] = [
    (c"call", call),
    (c"pcall", pcall),
    (c"log", log),
    (c"sha1hex", sha1hex),
    (c"error_reply", error_reply),
    (c"status_reply", status_reply),
    (c"setresp", setresp),
    (c"set_repl", set_repl),
    (c"acl_check_cmd", acl_check_cmd),
    (c"replicate_commands", replicate_commands),
    (c"breakpoint", breakpoint),
    (c"debug", debug),
];

const NUMBERS: [(&CStr, u32); 10] = [
    (c"LOG_DEBUG", 0),
    (c"LOG_VERBOSE", 1),
    (c"LOG_NOTICE", 2),
    (c"LOG_WARNING", 3),
    (c"REPL_NONE", 0),
    (c"REPL_AOF", 1),
    (c"REPL_SLAVE", 2),
    (c"REPL_REPLICA", 2),
    (c"REPL_ALL", REPL_ALL as u32),
    (c"REDIS_VERSION_NUM", crate::REDIS_VERSION_NUMBER),
];

/// Pushes the table.
///
/// # Safety
/// Within a protected call.
pub(crate) unsafe fn push_table(l: *mut State) {
    // SAFETY: as the caller says.
    unsafe {
        ffi::lua_createtable(l, 0, (FUNCTIONS.len() + NUMBERS.len() + 1) as c_int);
        for (name, function) in FUNCTIONS {
            ffi::lua_pushcclosure(l, function, 0);
            ffi::lua_setfield(l, -2, name.as_ptr());
        }
        for (name, number) in NUMBERS {
            ffi::lua_pushnumber(l, f64::from(number));
            ffi::lua_setfield(l, -2, name.as_ptr());
        }
        if (*of(l)).has_libraries {
            ffi::lua_pushcclosure(l, crate::libs::register::register_function, 0);
            ffi::lua_setfield(l, -2, c"register_function".as_ptr());
        }
        ffi::push_bytes(l, crate::REDIS_VERSION.as_bytes());
        ffi::lua_setfield(l, -2, c"REDIS_VERSION".as_ptr());
    }
}

/// Goes to the engine's stack with a message.
unsafe fn leave(l: *mut State, message: Out) {
    // SAFETY: no reference is held across the door, which stays where it is while a script runs.
    unsafe {
        let door: *const Option<crate::fiber::Door> = &(*of(l)).door;
        if let Some(door) = &*door {
            door.leave(message);
        }
    }
}

unsafe extern "C-unwind" fn call(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { run_command(l, true) }
}

unsafe extern "C-unwind" fn pcall(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { run_command(l, false) }
}

/// Answers an error object, or raises it.
unsafe fn fail(l: *mut State, raises: bool, text: &str) -> c_int {
    // SAFETY: the frames own nothing.
    unsafe {
        push_error(l, text.as_bytes());
        if raises {
            ffi::lua_error(l);
        }
        1
    }
}

/// A library that is loaded has registration and the log, and nothing that touches data. Does not return.
unsafe fn not_while_loading(l: *mut State, name: &str) -> c_int {
    // SAFETY: the text is built in Shared's scratch.
    unsafe {
        let scratch: *mut Vec<u8> = &raw mut (*of(l)).scratch;
        (*scratch).clear();
        (*scratch).extend_from_slice(b"Script attempted to access nonexistent global variable '");
        (*scratch).extend_from_slice(name.as_bytes());
        (*scratch).push(b'\'');
        raise_plain(l, &*scratch)
    }
}

unsafe fn run_command(l: *mut State, raises: bool) -> c_int {
    // SAFETY: the frames own nothing; buffers are those of Shared, and none is borrowed across the door.
    unsafe {
        if (*of(l)).mode == Mode::Load {
            let name = if raises { "call" } else { "pcall" };
            return not_while_loading(l, name);
        }
        if let Err(text) = take_arguments(l) {
            return fail(l, raises, text);
        }
        leave(l, Out::Call);
        if (*of(l)).killed {
            // The hook says the rest.
            return raise_text(l, "ERR Script killed by user with SCRIPT KILL.");
        }
        let is_error = (*of(l)).reply.first() == Some(&b'-');
        push_reply(l);
        if is_error && raises {
            ffi::lua_error(l);
        }
        1
    }
}

/// Copies the arguments into the call's buffer.
unsafe fn take_arguments(l: *mut State) -> Result<(), &'static str> {
    // SAFETY: strings are on the stack while they are copied; numbers are not converted in place.
    unsafe {
        let shared = of(l);
        let count = ffi::lua_gettop(l);
        if count == 0 {
            return Err("ERR Please specify at least one argument for this redis lib call");
        }
        (*shared).call.clear();
        (*shared).spans.clear();
        for index in 1..=count {
            let mut buffer = [0_u8; 64];
            let text = match ffi::lua_type(l, index) {
                ffi::STRING => ffi::bytes(l, index),
                ffi::NUMBER => number_text(ffi::lua_tonumber(l, index), &mut buffer),
                _ => return Err("ERR Lua redis lib command arguments must be strings or integers"),
            };
            let start = (*shared).call.len();
            if start + text.len() > CALL_BYTES_MAX {
                return Err("ERR the arguments of the command are too long");
            }
            let call: *mut Vec<u8> = &mut (*shared).call;
            (*call).extend_from_slice(text);
            (*shared).spans.push(Span { start: start as u32, len: text.len() as u32 });
        }
        Ok(())
    }
}

/// A number as an argument: an integer in decimal, or as many digits as tell it from all others.
fn number_text(number: f64, buffer: &mut [u8; 64]) -> &[u8] {
    let integer = number as i64;
    if integer as f64 == number && number.abs() < 9.0e18 && !(number == 0.0 && number.is_sign_negative()) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(integer).as_bytes();
        buffer[..digits.len()].copy_from_slice(digits);
        let len = digits.len();
        return &buffer[..len];
    }
    format_number(c"%.17g", number, buffer)
}

unsafe extern "C-unwind" fn log(l: *mut State) -> c_int {
    // SAFETY: the text is built in Shared's scratch, so that an error of memory leaves nothing behind.
    unsafe {
        let count = ffi::lua_gettop(l);
        if count < 2 {
            return raise_text(l, "ERR redis.log() requires two arguments or more.");
        }
        if ffi::lua_type(l, 1) != ffi::NUMBER {
            return raise_text(l, "ERR First argument must be a number (log level).");
        }
        let level = ffi::lua_tonumber(l, 1) as i64;
        if !(0..=3).contains(&level) {
            return raise_text(l, "ERR Invalid debug level.");
        }
        let shared = of(l);
        let scratch: *mut Vec<u8> = &mut (*shared).scratch;
        (*scratch).clear();
        for index in 2..=count {
            if ffi::lua_isstring(l, index) == 0 {
                continue;
            }
            // A number is converted in place, which is ours: the argument of this call.
            ffi::lua_tolstring(l, index, std::ptr::null_mut());
            if index > 2 {
                (*scratch).push(b' ');
            }
            let text = ffi::bytes(l, index);
            (*scratch).extend_from_slice(text.get(..LOG_BYTES_MAX).unwrap_or(text));
        }
        (*scratch).truncate(LOG_BYTES_MAX);
        let text = (*scratch).clone();
        (*shared).logs.push(Log { level: level as u8, text });
        if (*shared).logs.len() >= LOGS_MAX {
            leave(l, Out::Pause);
        }
        0
    }
}

unsafe extern "C-unwind" fn sha1hex(l: *mut State) -> c_int {
    // SAFETY: the digest owns nothing on the heap.
    unsafe {
        if ffi::lua_gettop(l) != 1 {
            return raise_text(l, "ERR wrong number of arguments");
        }
        ffi::lua_tolstring(l, 1, std::ptr::null_mut());
        let digest = sha1_hex(ffi::bytes(l, 1));
        ffi::push_bytes(l, &digest);
        1
    }
}

/// The SHA1 of some bytes, as 40 lower-case hexadecimal digits.
pub(crate) fn sha1_hex(bytes: &[u8]) -> [u8; 40] {
    let mut text = [0_u8; 40];
    for (pair, byte) in text.chunks_exact_mut(2).zip(Sha1::digest(bytes)) {
        for (digit, value) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = b"0123456789abcdef"[usize::from(value)];
        }
    }
    text
}

unsafe extern "C-unwind" fn error_reply(l: *mut State) -> c_int {
    // SAFETY: the frames own nothing; the text is an argument, so it stays on the stack.
    unsafe {
        if ffi::lua_gettop(l) != 1 || ffi::lua_type(l, 1) != ffi::STRING {
            return fail(l, false, "ERR wrong number or type of arguments");
        }
        let text = ffi::bytes(l, 1);
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
        let text = &text[..end];
        // A text of several words begins with its own code.
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let has_code = memchr::memchr(b' ', text).is_some();
        ffi::lua_createtable(l, 0, 1);
        push_name(l, name::ERR);
        if has_code {
            ffi::push_bytes(l, text);
        } else {
            ffi::push_bytes(l, b"ERR ");
            ffi::push_bytes(l, text);
            ffi::lua_concat(l, 2);
        }
        ffi::lua_rawset(l, -3);
        1
    }
}

unsafe extern "C-unwind" fn status_reply(l: *mut State) -> c_int {
    // SAFETY: as above.
    unsafe {
        if ffi::lua_gettop(l) != 1 || ffi::lua_type(l, 1) != ffi::STRING {
            return fail(l, false, "ERR wrong number or type of arguments");
        }
        ffi::lua_createtable(l, 0, 1);
        push_name(l, name::OK);
        ffi::lua_pushvalue(l, 1);
        ffi::lua_rawset(l, -3);
        1
    }
}

unsafe extern "C-unwind" fn setresp(l: *mut State) -> c_int {
    // SAFETY: the frames own nothing.
    unsafe {
        if (*of(l)).mode == Mode::Load {
            return not_while_loading(l, "setresp");
        }
        if ffi::lua_gettop(l) != 1 {
            return raise_text(l, "ERR redis.setresp() requires one argument.");
        }
        match ffi::lua_tonumber(l, 1) {
            2.0 => (*of(l)).resp = 2,
            3.0 => (*of(l)).resp = 3,
            _ => return raise_text(l, "ERR RESP version must be 2 or 3."),
        }
        0
    }
}

unsafe extern "C-unwind" fn set_repl(l: *mut State) -> c_int {
    // SAFETY: the frames own nothing.
    unsafe {
        if (*of(l)).mode == Mode::Load {
            return not_while_loading(l, "set_repl");
        }
        if ffi::lua_gettop(l) != 1 {
            return raise_text(l, "ERR redis.set_repl() requires two arguments.");
        }
        let flags = ffi::lua_tonumber(l, 1) as i64;
        if !(0..=i64::from(REPL_ALL)).contains(&flags) {
            let text = "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
            return raise_text(l, text);
        }
        (*of(l)).replication = flags as u8;
        0
    }
}

unsafe extern "C-unwind" fn acl_check_cmd(l: *mut State) -> c_int {
    // SAFETY: as in `run_command`.
    unsafe {
        if (*of(l)).mode == Mode::Load {
            return not_while_loading(l, "acl_check_cmd");
        }
        if let Err(text) = take_arguments(l) {
            return raise_text(l, text);
        }
        (*of(l)).acl_answer = -1;
        leave(l, Out::MayCall);
        match (*of(l)).acl_answer {
            -1 => raise_text(l, "ERR Invalid command passed to redis.acl_check_cmd()"),
            answer => {
                ffi::lua_pushboolean(l, c_int::from(answer));
                1
            }
        }
    }
}

unsafe extern "C-unwind" fn replicate_commands(l: *mut State) -> c_int {
    // SAFETY: a function of C has room for twenty values.
    unsafe { ffi::lua_pushboolean(l, 1) };
    1
}

unsafe extern "C-unwind" fn breakpoint(l: *mut State) -> c_int {
    // SAFETY: as above.
    unsafe { ffi::lua_pushboolean(l, 0) };
    1
}

unsafe extern "C-unwind" fn debug(_: *mut State) -> c_int {
    0
}

/// Raises what a library function of ours says is wrong, with the place before it. Does not return.
///
/// # Safety
/// The frames up to the protected call own nothing.
pub(crate) unsafe fn raise(l: *mut State, text: &str) -> c_int {
    // SAFETY: as the caller says.
    unsafe { raise_plain(l, text.as_bytes()) }
}
