//! A command's reply as a value of Lua.
//!
//! Integers are numbers, bulk strings strings, nulls `false` (RESP2) or `nil` (RESP3); what Lua has no type for is a
//! table with one named field: `ok`, `err`, `double`, `map`, `set`, `big_number`, `verbatim_string`.

#![allow(unsafe_code)]

use std::ffi::c_int;

use crate::ffi::{self, State};
use crate::shared::{name, of, push_name};

/// Slots of Lua's stack that one level of nesting takes at most.
const SLOTS_PER_LEVEL: c_int = 6;

/// Pushes the reply that lies in the shared buffer. `is_counted` marks errors as counted.
///
/// # Safety
/// Called on the script's stack, within a protected call whose frames own nothing.
pub(crate) unsafe fn push_reply(l: *mut State) {
    // SAFETY: the buffer does not change while it is read: the engine writes it before it resumes the script.
    unsafe {
        let reply: *const Vec<u8> = &(*of(l)).reply;
        let mut rest: &[u8] = (*reply).as_slice();
        push_value(l, &mut rest);
    }
}

/// The line at the start, without its kind.
fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = memchr::memchr(b'\r', rest).unwrap_or(rest.len());
    let found = rest.get(1..end).unwrap_or_default();
    *rest = rest.get(end + 2..).unwrap_or_default();
    found
}

fn number(line: &[u8]) -> i64 {
    let (negative, digits) = match line.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, line),
    };
    let value = digits
        .iter()
        .fold(0_i64, |sum, digit| sum.wrapping_mul(10).wrapping_add(i64::from(digit.wrapping_sub(b'0'))));
    if negative {
        value.wrapping_neg()
    } else {
        value
    }
}

/// The bytes of a bulk string whose head was read.
fn bulk<'a>(rest: &mut &'a [u8], len: usize) -> &'a [u8] {
    let found = rest.get(..len).unwrap_or_default();
    *rest = rest.get(len + 2..).unwrap_or_default();
    found
}

unsafe fn push_value(l: *mut State, rest: &mut &[u8]) {
    // SAFETY: see `push_reply`; the stack is grown before each level.
    unsafe {
        if ffi::lua_checkstack(l, SLOTS_PER_LEVEL) == 0 {
            crate::errors::raise_text(l, "ERR reached lua stack limit");
        }
        let kind = rest.first().copied().unwrap_or(b'_');
        let head = line(rest);
        match kind {
            b':' => ffi::lua_pushnumber(l, number(head) as f64),
            b'$' => match number(head) {
                -1 => ffi::lua_pushboolean(l, 0),
                len => ffi::push_bytes(l, bulk(rest, len as usize)),
            },
            b'+' => push_named(l, name::OK, head),
            b'-' => {
                push_named(l, name::ERR, head);
                push_name(l, name::IS_COUNTED);
                ffi::lua_pushboolean(l, 1);
                ffi::lua_rawset(l, -3);
            }
            b'*' | b'>' => match number(head) {
                -1 => ffi::lua_pushboolean(l, 0),
                len => push_array(l, rest, len),
            },
            b'_' => ffi::lua_pushnil(l),
            b'#' => ffi::lua_pushboolean(l, c_int::from(head == b"t")),
            b',' => {
                ffi::lua_createtable(l, 0, 1);
                push_name(l, name::DOUBLE);
                ffi::lua_pushnumber(l, double(head));
                ffi::lua_rawset(l, -3);
            }
            b'(' => push_named(l, name::BIG_NUMBER, head),
            b'%' => push_map(l, rest, number(head)),
            b'~' => push_set(l, rest, number(head)),
            b'=' => push_verbatim(l, bulk(rest, number(head).max(0) as usize)),
            _ => ffi::lua_pushnil(l),
        }
    }
}

fn double(text: &[u8]) -> f64 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// A table with one field.
unsafe fn push_named(l: *mut State, field: usize, text: &[u8]) {
    // SAFETY: there is room, as `push_value` has made it.
    unsafe {
        ffi::lua_createtable(l, 0, 1);
        push_name(l, field);
        ffi::push_bytes(l, text);
        ffi::lua_rawset(l, -3);
    }
}

unsafe fn push_array(l: *mut State, rest: &mut &[u8], len: i64) {
    let len = c_int::try_from(len).unwrap_or(0);
    // SAFETY: as above.
    unsafe {
        ffi::lua_createtable(l, len, 0);
        for index in 1..=len {
            push_value(l, rest);
            ffi::lua_rawseti(l, -2, index);
        }
    }
}

unsafe fn push_map(l: *mut State, rest: &mut &[u8], pairs: i64) {
    // SAFETY: as above. A key that is null cannot be one in Lua: its pair is left out.
    unsafe {
        ffi::lua_createtable(l, 0, 1);
        push_name(l, name::MAP);
        ffi::lua_createtable(l, 0, c_int::try_from(pairs).unwrap_or(0));
        for _ in 0..pairs {
            push_value(l, rest);
            push_value(l, rest);
            set_or_drop(l);
        }
        ffi::lua_rawset(l, -3);
    }
}

unsafe fn push_set(l: *mut State, rest: &mut &[u8], len: i64) {
    // SAFETY: as above.
    unsafe {
        ffi::lua_createtable(l, 0, 1);
        push_name(l, name::SET);
        ffi::lua_createtable(l, 0, c_int::try_from(len).unwrap_or(0));
        for _ in 0..len {
            push_value(l, rest);
            ffi::lua_pushboolean(l, 1);
            set_or_drop(l);
        }
        ffi::lua_rawset(l, -3);
    }
}

/// Sets the pair on top of the stack in the table below it.
unsafe fn set_or_drop(l: *mut State) {
    // SAFETY: the pair and the table are there. Neither nil nor NaN can be a key.
    unsafe {
        let kind = ffi::lua_type(l, -2);
        if kind == ffi::NIL || (kind == ffi::NUMBER && ffi::lua_tonumber(l, -2).is_nan()) {
            ffi::pop(l, 2);
        } else {
            ffi::lua_rawset(l, -3);
        }
    }
}

unsafe fn push_verbatim(l: *mut State, text: &[u8]) {
    // SAFETY: as above.
    unsafe {
        ffi::lua_createtable(l, 0, 1);
        push_name(l, name::VERBATIM);
        ffi::lua_createtable(l, 0, 2);
        push_name(l, name::STRING);
        ffi::push_bytes(l, text.get(4..).unwrap_or_default());
        ffi::lua_rawset(l, -3);
        push_name(l, name::FORMAT);
        ffi::push_bytes(l, text.get(..3).unwrap_or_default());
        ffi::lua_rawset(l, -3);
        ffi::lua_rawset(l, -3);
    }
}
