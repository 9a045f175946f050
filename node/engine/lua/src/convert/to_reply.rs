//! What a script returns, as a reply.
//!
//! The reply is built in the shared buffer. A table is counted first, so that its head stands before its values.

#![allow(unsafe_code)]

use std::ffi::c_int;

use crate::errors::{raise_text, up_to_zero};
use crate::ffi::{self, State};
use crate::shared::{name, of, push_name, Shared};

/// Slots of Lua's stack that one level of nesting takes at most.
const SLOTS_PER_LEVEL: c_int = 4;

/// Appends the value on top of the stack to the shared output, and pops it.
///
/// # Safety
/// Called on the script's stack, within a protected call whose frames own nothing.
pub(crate) unsafe fn write_result(l: *mut State) {
    // SAFETY: the output is a buffer of Shared; only one reference to it is made at a time, in `Out`'s methods.
    unsafe {
        let out = Out { shared: of(l) };
        write_value(l, out);
    }
}

#[derive(Clone, Copy)]
struct Out {
    shared: *mut Shared,
}

impl Out {
    unsafe fn bytes<'a>(self) -> &'a mut Vec<u8> {
        // SAFETY: used for one statement at a time, and nobody else touches the output while a script is converted.
        unsafe { &mut (*self.shared).out }
    }

    unsafe fn speaks_resp3(self) -> bool {
        // SAFETY: a plain read.
        unsafe { (*self.shared).client_resp >= 3 }
    }

    unsafe fn add(self, bytes: &[u8]) {
        // SAFETY: as above.
        unsafe { self.bytes().extend_from_slice(bytes) }
    }

    unsafe fn head(self, kind: u8, number: i64) {
        // SAFETY: as above.
        unsafe {
            let out = self.bytes();
            out.push(kind);
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }

    unsafe fn bulk(self, text: &[u8]) {
        // SAFETY: as above.
        unsafe {
            self.head(b'$', text.len() as i64);
            self.add(text);
            self.add(b"\r\n");
        }
    }

    /// A line whose line breaks become spaces.
    unsafe fn line(self, kind: u8, text: &[u8]) {
        // SAFETY: as above.
        unsafe {
            let out = self.bytes();
            out.push(kind);
            out.extend(text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }));
            out.extend_from_slice(b"\r\n");
        }
    }

    unsafe fn null(self) {
        // SAFETY: as above.
        unsafe { self.add(if self.speaks_resp3() { b"_\r\n" } else { b"$-1\r\n" }) }
    }
}

/// Writes the value on top of the stack, and pops it.
unsafe fn write_value(l: *mut State, out: Out) {
    // SAFETY: see `write_result`.
    unsafe {
        if ffi::lua_checkstack(l, SLOTS_PER_LEVEL) == 0 {
            out.add(b"-ERR reached lua stack limit\r\n");
            ffi::pop(l, 1);
            return;
        }
        if out.bytes().len() > (*out.shared).limit {
            // The same table may stand in a result many times over.
            raise_text(l, "ERR the reply of the script is longer than lua-memory-max");
        }
        ffi::garrison_interrupt_some(l);
        match ffi::lua_type(l, -1) {
            ffi::STRING => out.bulk(ffi::bytes(l, -1)),
            ffi::NUMBER => out.head(b':', to_integer(ffi::lua_tonumber(l, -1))),
            ffi::BOOLEAN => write_boolean(ffi::lua_toboolean(l, -1) != 0, out),
            ffi::TABLE => write_table(l, out),
            _ => out.null(),
        }
        ffi::pop(l, 1);
    }
}

/// As the C cast of Redis on the usual processors: what does not fit is the least integer.
fn to_integer(number: f64) -> i64 {
    match number {
        _ if number.is_nan() || number >= 9_223_372_036_854_775_808.0 => i64::MIN,
        _ => number as i64,
    }
}

unsafe fn write_boolean(value: bool, out: Out) {
    // SAFETY: see `Out`. The script's own protocol decides, not the client's.
    unsafe {
        match ((*out.shared).resp >= 3, value) {
            (false, true) => out.add(b":1\r\n"),
            (false, false) => out.null(),
            (true, _) if !out.speaks_resp3() => out.add(if value { b":1\r\n" } else { b":0\r\n" }),
            (true, true) => out.add(b"#t\r\n"),
            (true, false) => out.add(b"#f\r\n"),
        }
    }
}

/// Pushes a field of the table on top of the stack, read without metamethods; its type.
unsafe fn push_field(l: *mut State, field: usize) -> c_int {
    // SAFETY: a table is on top, and there is room.
    unsafe {
        push_name(l, field);
        ffi::lua_rawget(l, -2);
        ffi::lua_type(l, -1)
    }
}

unsafe fn write_table(l: *mut State, out: Out) {
    // SAFETY: each branch leaves the stack as it was.
    unsafe {
        if push_field(l, name::ERR) == ffi::STRING {
            write_error(l, out);
            return ffi::pop(l, 1);
        }
        ffi::pop(l, 1);
        if push_field(l, name::OK) == ffi::STRING {
            out.line(b'+', up_to_zero(ffi::bytes(l, -1)));
            return ffi::pop(l, 1);
        }
        ffi::pop(l, 1);
        if push_field(l, name::DOUBLE) == ffi::NUMBER {
            write_double(l, out);
            return ffi::pop(l, 1);
        }
        ffi::pop(l, 1);
        if push_field(l, name::MAP) == ffi::TABLE {
            write_pairs(l, out, true);
            return ffi::pop(l, 1);
        }
        ffi::pop(l, 1);
        if push_field(l, name::SET) == ffi::TABLE {
            write_pairs(l, out, false);
            return ffi::pop(l, 1);
        }
        ffi::pop(l, 1);
        if push_field(l, name::BIG_NUMBER) == ffi::STRING {
            match out.speaks_resp3() {
                true => out.line(b'(', ffi::bytes(l, -1)),
                false => out.bulk(ffi::bytes(l, -1)),
            }
            return ffi::pop(l, 1);
        }
        ffi::pop(l, 1);
        if push_field(l, name::VERBATIM) == ffi::TABLE && write_verbatim(l, out) {
            return ffi::pop(l, 1);
        }
        ffi::pop(l, 1);
        write_array(l, out);
    }
}

/// The error whose text is on top of the stack and whose table is below.
unsafe fn write_error(l: *mut State, out: Out) {
    // SAFETY: see `Out`.
    unsafe {
        let text = up_to_zero(ffi::bytes(l, -1));
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
        out.line(b'-', &text[..end]);
    }
}

unsafe fn write_double(l: *mut State, out: Out) {
    let mut buffer = [0_u8; 64];
    // SAFETY: the buffer is longer than any number in this format.
    unsafe {
        let number = ffi::lua_tonumber(l, -1);
        let text = double_text(number, &mut buffer);
        match out.speaks_resp3() {
            true => out.line(b',', text),
            false => out.bulk(text),
        }
    }
}

/// A number as replies show it.
pub(crate) fn double_text(number: f64, buffer: &mut [u8; 64]) -> &[u8] {
    if number.is_nan() {
        return b"nan";
    }
    if number.is_infinite() {
        return if number > 0.0 { b"inf" } else { b"-inf" };
    }
    crate::libs::format_number(c"%.17g", number, buffer)
}

unsafe fn write_pairs(l: *mut State, out: Out, is_map: bool) {
    // SAFETY: the table is on top; nobody changes it while it is walked.
    unsafe {
        let len = ffi::count_pairs(l) as i64;
        match (out.speaks_resp3(), is_map) {
            (true, true) => out.head(b'%', len),
            (true, false) => out.head(b'~', len),
            (false, true) => out.head(b'*', len * 2),
            (false, false) => out.head(b'*', len),
        }
        ffi::lua_pushnil(l);
        while ffi::lua_next(l, -2) != 0 {
            if is_map {
                // The walk wants its key, and writing pops: so the key is copied, and moved below the value.
                ffi::lua_pushvalue(l, -2);
                write_value(l, out);
                write_value(l, out);
            } else {
                ffi::pop(l, 1);
                ffi::lua_pushvalue(l, -1);
                write_value(l, out);
            }
        }
    }
}

/// The verbatim string whose parts are in the table on top of the stack; whether they are there.
unsafe fn write_verbatim(l: *mut State, out: Out) -> bool {
    // SAFETY: the stack is left as it was.
    unsafe {
        let has_format = push_field(l, name::FORMAT) == ffi::STRING;
        ffi::lua_pushvalue(l, -2);
        let has_text = push_field(l, name::STRING) == ffi::STRING;
        if has_format && has_text {
            let (format, text) = (ffi::bytes(l, -3), ffi::bytes(l, -1));
            if out.speaks_resp3() {
                out.head(b'=', text.len() as i64 + 4);
                let padded = (0..3).map(|at| format.get(at).copied().unwrap_or(b' '));
                out.bytes().extend(padded);
                out.add(b":");
                out.add(text);
                out.add(b"\r\n");
            } else {
                out.bulk(text);
            }
        }
        ffi::pop(l, 3);
        has_format && has_text
    }
}

unsafe fn write_array(l: *mut State, out: Out) {
    // SAFETY: elements are read without metamethods, as Redis does; the frames own nothing.
    unsafe {
        let mut len: c_int = 0;
        loop {
            ffi::lua_rawgeti(l, -1, len + 1);
            let is_last = ffi::lua_type(l, -1) == ffi::NIL;
            ffi::pop(l, 1);
            if is_last {
                break;
            }
            len += 1;
        }
        out.head(b'*', i64::from(len));
        for index in 1..=len {
            ffi::lua_rawgeti(l, -1, index);
            write_value(l, out);
        }
    }
}
