//! The libraries beside Lua's own, with the results of those that Redis ships.

#![allow(unsafe_code)]

mod bit;
pub(crate) mod json;
mod msgpack;
pub(crate) mod random;
pub(crate) mod register;
mod structs;

use std::ffi::{c_int, CStr};

use crate::ffi::{self, State};

/// Opens all of them.
///
/// # Safety
/// Within a protected call, in a new state.
pub(crate) unsafe fn open(l: *mut State) {
    // SAFETY: as the caller says.
    unsafe {
        random::replace(l);
        bit::open(l);
        json::open(l);
        msgpack::open(l);
        structs::open(l);
    }
}

/// Sets functions as fields of the table on top of the stack.
pub(crate) unsafe fn set_functions(l: *mut State, functions: &[(&CStr, ffi::Function)]) {
    // SAFETY: within `open`.
    unsafe {
        for (name, function) in functions {
            ffi::lua_pushcclosure(l, *function, 0);
            ffi::lua_setfield(l, -2, name.as_ptr());
        }
    }
}

/// A number in one of C's formats, for which the standard library has no equal.
pub(crate) fn format_number<'a>(format: &CStr, number: f64, buffer: &'a mut [u8; 64]) -> &'a [u8] {
    // SAFETY: the format takes one number, as its callers are written; `snprintf` keeps to the buffer's size.
    let len = unsafe { ffi::snprintf(buffer.as_mut_ptr().cast(), buffer.len(), format.as_ptr(), number) };
    &buffer[..(len.max(0) as usize).min(63)]
}

/// An argument that must be an integer, as `luaL_checkint` takes it.
pub(crate) unsafe fn check_int(l: *mut State, arg: c_int) -> i64 {
    // SAFETY: called by a library function, whose frames own nothing.
    unsafe { ffi::luaL_checknumber(l, arg) as i64 }
}
