//! The library `cjson`: JSON.
//!
//! Source: RFC 8259; what it does beyond (NaN, sparse arrays, depth) is as in the library of this name.

#![allow(unsafe_code)]

mod decode;
mod encode;

use std::ffi::c_int;

use crate::ffi::{self, State};
use crate::shared::of;

/// What scripts may set, anew for each run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonSettings {
    sparse_convert: bool,
    sparse_ratio: i64,
    sparse_safe: i64,
    encode_depth_max: i64,
    decode_depth_max: i64,
    precision: i64,
    keeps_buffer: bool,
    encodes_invalid: Invalid,
    decodes_invalid: bool,
}

/// What becomes of NaN and infinity.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Invalid {
    Refused,
    Shown,
    Null,
}

impl Default for JsonSettings {
    fn default() -> Self {
        JsonSettings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth_max: 1000,
            decode_depth_max: 1000,
            precision: 14,
            keeps_buffer: true,
            encodes_invalid: Invalid::Refused,
            decodes_invalid: true,
        }
    }
}

/// Opens the library.
///
/// # Safety
/// Within a protected call.
pub(crate) unsafe fn open(l: *mut State) {
    // SAFETY: as the caller says.
    unsafe {
        push_table(l);
        ffi::lua_setfield(l, ffi::GLOBALS, c"cjson".as_ptr());
    }
}

unsafe fn push_table(l: *mut State) {
    // SAFETY: as in `open`.
    unsafe {
        ffi::lua_createtable(l, 0, 13);
        super::set_functions(
            l,
            &[
                (c"encode", encode::encode),
                (c"decode", decode::decode),
                (c"encode_sparse_array", encode_sparse_array),
                (c"encode_max_depth", encode_max_depth),
                (c"decode_max_depth", decode_max_depth),
                (c"encode_number_precision", encode_number_precision),
                (c"encode_keep_buffer", encode_keep_buffer),
                (c"encode_invalid_numbers", encode_invalid_numbers),
                (c"decode_invalid_numbers", decode_invalid_numbers),
                (c"new", new),
            ],
        );
        ffi::lua_pushlightuserdata(l, std::ptr::null_mut());
        ffi::lua_setfield(l, -2, c"null".as_ptr());
        ffi::push_bytes(l, b"cjson");
        ffi::lua_setfield(l, -2, c"_NAME".as_ptr());
        ffi::push_bytes(l, b"2.1.0");
        ffi::lua_setfield(l, -2, c"_VERSION".as_ptr());
    }
}

/// `cjson.new()`: another table of the same functions.
unsafe extern "C-unwind" fn new(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { push_table(l) };
    1
}

/// Raises unless there are at most so many arguments.
unsafe fn check_count(l: *mut State, most: c_int) {
    // SAFETY: called by a library function.
    unsafe {
        if ffi::lua_gettop(l) > most {
            ffi::luaL_argerror(l, most + 1, c"found too many arguments".as_ptr());
        }
    }
}

/// Sets an integer from an argument, if it is there.
unsafe fn set_int(l: *mut State, arg: c_int, range: std::ops::RangeInclusive<i64>, value: *mut i64) {
    // SAFETY: the value is a field of Shared; the text is pushed before it is used.
    unsafe {
        if ffi::lua_type(l, arg) <= ffi::NIL {
            return;
        }
        let given = super::check_int(l, arg);
        if !range.contains(&given) {
            let scratch: *mut Vec<u8> = &raw mut (*of(l)).scratch;
            (*scratch).clear();
            (*scratch).extend_from_slice(b"expected integer between ");
            (*scratch).extend_from_slice(itoa::Buffer::new().format(*range.start()).as_bytes());
            (*scratch).extend_from_slice(b" and ");
            (*scratch).extend_from_slice(itoa::Buffer::new().format(*range.end()).as_bytes());
            ffi::push_bytes(l, &*scratch);
            // Whichever argument it is, the library calls it the first.
            ffi::luaL_argerror(l, 1, ffi::lua_tolstring(l, -1, std::ptr::null_mut()));
        }
        *value = given;
    }
}

const INT_MAX: i64 = i32::MAX as i64;

macro_rules! integer_settings {
    ($($name:ident $field:ident $range:expr;)*) => {$(
        unsafe extern "C-unwind" fn $name(l: *mut State) -> c_int {
            // SAFETY: called by Lua; the setting is a field of Shared.
            unsafe {
                check_count(l, 1);
                let value = &raw mut (*of(l)).json.$field;
                set_int(l, 1, $range, value);
                ffi::lua_pushnumber(l, *value as f64);
                1
            }
        }
    )*};
}

integer_settings! {
    encode_max_depth encode_depth_max 1..=INT_MAX;
    decode_max_depth decode_depth_max 1..=INT_MAX;
    encode_number_precision precision 1..=14;
}

macro_rules! boolean_settings {
    ($($name:ident $field:ident;)*) => {$(
        unsafe extern "C-unwind" fn $name(l: *mut State) -> c_int {
            // SAFETY: as above.
            unsafe {
                check_count(l, 1);
                let value = &raw mut (*of(l)).json.$field;
                match ffi::lua_type(l, 1) {
                    kind if kind <= ffi::NIL => {}
                    ffi::BOOLEAN => *value = ffi::lua_toboolean(l, 1) != 0,
                    _ => *value = chosen(l, 1, &[b"off", b"on"]) == 1,
                }
                ffi::lua_pushboolean(l, c_int::from(*value));
                1
            }
        }
    )*};
}

boolean_settings! {
    encode_keep_buffer keeps_buffer;
    decode_invalid_numbers decodes_invalid;
}

/// Which of some words an argument is; raises for any other.
unsafe fn chosen(l: *mut State, arg: c_int, words: &[&[u8]]) -> usize {
    // SAFETY: called by a library function.
    unsafe {
        ffi::luaL_checklstring(l, arg, std::ptr::null_mut());
        let given = ffi::bytes(l, arg);
        if let Some(at) = words.iter().position(|word| *word == given) {
            return at;
        }
        ffi::push_bytes(l, b"invalid option '");
        ffi::lua_pushvalue(l, arg);
        ffi::push_bytes(l, b"'");
        ffi::lua_concat(l, 3);
        ffi::luaL_argerror(l, arg, ffi::lua_tolstring(l, -1, std::ptr::null_mut()));
        0
    }
}

/// `cjson.encode_invalid_numbers([true | false | "null"])`
unsafe extern "C-unwind" fn encode_invalid_numbers(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        check_count(l, 1);
        let value = &raw mut (*of(l)).json.encodes_invalid;
        match ffi::lua_type(l, 1) {
            kind if kind <= ffi::NIL => {}
            ffi::BOOLEAN if ffi::lua_toboolean(l, 1) != 0 => *value = Invalid::Shown,
            ffi::BOOLEAN => *value = Invalid::Refused,
            _ => {
                let words = [&b"off"[..], b"on", b"null"];
                *value = [Invalid::Refused, Invalid::Shown, Invalid::Null][chosen(l, 1, &words)];
            }
        }
        match *value {
            Invalid::Null => ffi::push_bytes(l, b"null"),
            other => ffi::lua_pushboolean(l, c_int::from(other == Invalid::Shown)),
        }
        1
    }
}

/// `cjson.encode_sparse_array([convert [, ratio [, safe]]])`
unsafe extern "C-unwind" fn encode_sparse_array(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        check_count(l, 3);
        let settings = &raw mut (*of(l)).json;
        match ffi::lua_type(l, 1) {
            kind if kind <= ffi::NIL => {}
            ffi::BOOLEAN => (*settings).sparse_convert = ffi::lua_toboolean(l, 1) != 0,
            _ => (*settings).sparse_convert = chosen(l, 1, &[b"off", b"on"]) == 1,
        }
        set_int(l, 2, 0..=INT_MAX, &raw mut (*settings).sparse_ratio);
        set_int(l, 3, 0..=INT_MAX, &raw mut (*settings).sparse_safe);
        ffi::lua_pushboolean(l, c_int::from((*settings).sparse_convert));
        ffi::lua_pushnumber(l, (*settings).sparse_ratio as f64);
        ffi::lua_pushnumber(l, (*settings).sparse_safe as f64);
        3
    }
}
