//! Raising errors, and taking apart what a script has raised.

#![allow(unsafe_code)]

use std::ffi::{c_int, CStr};

use crate::ffi::{self, Debug, State};
use crate::shared::{name, of, push_name, Failed};

/// Pushes an error object: a table with the text, a code before it.
///
/// # Safety
/// There is room for three values on the stack. An error of memory leaves by a long jump.
pub(crate) unsafe fn push_error(l: *mut State, text: &[u8]) {
    // SAFETY: as the caller says.
    unsafe {
        ffi::lua_createtable(l, 0, 1);
        push_name(l, name::ERR);
        ffi::push_bytes(l, text);
        ffi::lua_rawset(l, -3);
    }
}

/// Raises an error object with this text. Does not return.
///
/// # Safety
/// The frames up to the protected call own nothing.
pub(crate) unsafe fn raise_text(l: *mut State, text: &str) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        push_error(l, text.as_bytes());
        ffi::lua_error(l)
    }
}

/// Raises a plain error as `luaL_error` does: the place before the text. Does not return.
///
/// # Safety
/// The frames up to the protected call own nothing.
pub(crate) unsafe fn raise_plain(l: *mut State, text: &[u8]) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        ffi::luaL_where(l, 1);
        ffi::push_bytes(l, text);
        ffi::lua_concat(l, 2);
        ffi::lua_error(l)
    }
}

/// The handler of a script's errors: makes a table of what was raised, and notes the place in it.
///
/// # Safety
/// Called by Lua only.
pub(crate) unsafe extern "C-unwind" fn handle(l: *mut State) -> c_int {
    // SAFETY: Lua calls this with the error as its argument. The structure is filled by Lua before it is read.
    unsafe {
        let mut info: Debug = std::mem::zeroed();
        let mut is_known = look(l, 1, &mut info);
        if is_known && CStr::from_ptr(info.what).to_bytes() == b"C" {
            is_known = look(l, 2, &mut info);
        }
        if ffi::lua_type(l, 1) != ffi::TABLE {
            ffi::lua_createtable(l, 0, 3);
            push_name(l, name::ERR);
            ffi::push_bytes(l, b"ERR ");
            push_as_text(l, 1);
            ffi::lua_concat(l, 2);
            ffi::lua_rawset(l, -3);
            ffi::lua_replace(l, 1);
        }
        ffi::lua_settop(l, 1);
        if is_known {
            push_name(l, name::SOURCE);
            ffi::push_bytes(l, CStr::from_ptr(info.source).to_bytes());
            ffi::lua_rawset(l, 1);
            push_name(l, name::LINE);
            ffi::lua_pushnumber(l, f64::from(info.current_line));
            ffi::lua_rawset(l, 1);
        }
        1
    }
}

unsafe fn look(l: *mut State, level: c_int, info: *mut Debug) -> bool {
    // SAFETY: the caller owns the structure.
    unsafe { ffi::lua_getstack(l, level, info) != 0 && ffi::lua_getinfo(l, c"nSl".as_ptr(), info) != 0 }
}

/// Pushes the text of a value that was raised.
unsafe fn push_as_text(l: *mut State, index: c_int) {
    // SAFETY: the value is on the stack; a copy of it is converted.
    unsafe {
        match ffi::lua_type(l, index) {
            ffi::STRING | ffi::NUMBER => {
                ffi::lua_pushvalue(l, index);
                ffi::lua_tolstring(l, -1, std::ptr::null_mut());
            }
            ffi::BOOLEAN if ffi::lua_toboolean(l, index) != 0 => ffi::push_bytes(l, b"true"),
            ffi::BOOLEAN => ffi::push_bytes(l, b"false"),
            kind => ffi::push_bytes(l, CStr::from_ptr(ffi::lua_typename(l, kind)).to_bytes()),
        }
    }
}

/// Keeps the error on top of the stack as the outcome of the run.
///
/// # Safety
/// A value is on top of the stack, and there is room for two more.
pub(crate) unsafe fn keep(l: *mut State) {
    // SAFETY: fields are read without metamethods, strings are copied before they are popped.
    unsafe {
        let shared = of(l);
        let mut failed = Failed::default();
        if ffi::lua_type(l, -1) == ffi::TABLE {
            push_name(l, name::ERR);
            ffi::lua_rawget(l, -2);
            failed.text.extend_from_slice(match ffi::lua_type(l, -1) {
                ffi::STRING => up_to_zero(ffi::bytes(l, -1)),
                _ => b"ERR unknown error",
            });
            ffi::pop(l, 1);
            push_name(l, name::IS_COUNTED);
            ffi::lua_rawget(l, -2);
            failed.is_counted = ffi::lua_toboolean(l, -1) != 0;
            ffi::pop(l, 1);
            push_name(l, name::LINE);
            ffi::lua_rawget(l, -2);
            let line = ffi::lua_tonumber(l, -1) as i64;
            ffi::pop(l, 1);
            push_name(l, name::SOURCE);
            ffi::lua_rawget(l, -2);
            if ffi::lua_type(l, -1) == ffi::STRING {
                failed.place = Some((ffi::bytes(l, -1).to_vec(), line));
            }
            ffi::pop(l, 1);
        } else {
            failed.is_raw = true;
            failed.text.extend_from_slice(match ffi::lua_type(l, -1) {
                ffi::STRING => up_to_zero(ffi::bytes(l, -1)),
                _ => b"execution failure",
            });
        }
        (*shared).failed = Some(failed);
    }
}

/// A text as C sees it: up to its first zero. Errors and states are shown so.
pub(crate) fn up_to_zero(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}
