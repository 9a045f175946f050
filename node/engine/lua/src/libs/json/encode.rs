//! Values of Lua to JSON.

#![allow(unsafe_code)]

use std::ffi::{c_int, CStr};

use super::{Invalid, JsonSettings};
use crate::ffi::{self, State};
use crate::libs::format_number;
use crate::shared::of;

/// What is encoded: the state, and what was set when it began.
#[derive(Clone, Copy)]
struct Encoder {
    l: *mut State,
    settings: JsonSettings,
}

/// `cjson.encode(value)`
pub(super) unsafe extern "C-unwind" fn encode(l: *mut State) -> c_int {
    // SAFETY: called by Lua. The text is built in Shared's scratch; the frames own nothing.
    unsafe {
        if ffi::lua_gettop(l) != 1 {
            return ffi::luaL_argerror(l, 1, c"expected 1 argument".as_ptr());
        }
        let shared = of(l);
        let scratch: *mut Vec<u8> = &raw mut (*shared).scratch;
        (*scratch).clear();
        Encoder { l, settings: (*shared).json }.value(0);
        ffi::push_bytes(l, &*scratch);
        1
    }
}

impl Encoder {
    unsafe fn text<'a>(self) -> &'a mut Vec<u8> {
        // SAFETY: one reference at a time, for one statement; a text longer than the interpreter may hold is refused.
        unsafe {
            let shared = of(self.l);
            let scratch: *mut Vec<u8> = &raw mut (*shared).scratch;
            if (*scratch).len() > (*shared).limit {
                crate::api::raise(self.l, "not enough memory");
            }
            &mut *scratch
        }
    }

    /// Raises that the value at an index has no form in JSON.
    unsafe fn refuse(self, index: c_int, reason: &str) {
        // SAFETY: as in `encode`.
        unsafe {
            let kind = CStr::from_ptr(ffi::lua_typename(self.l, ffi::lua_type(self.l, index))).to_bytes();
            let scratch: *mut Vec<u8> = &raw mut (*of(self.l)).scratch;
            (*scratch).clear();
            (*scratch).extend_from_slice(b"Cannot serialise ");
            (*scratch).extend_from_slice(kind);
            (*scratch).extend_from_slice(b": ");
            (*scratch).extend_from_slice(reason.as_bytes());
            crate::errors::raise_plain(self.l, &*scratch);
        }
    }

    /// Encodes the value on top of the stack, which stays there.
    unsafe fn value(self, depth: i64) {
        let l = self.l;
        // SAFETY: as in `encode`.
        unsafe {
            match ffi::lua_type(l, -1) {
                ffi::STRING => self.string(ffi::bytes(l, -1)),
                ffi::NUMBER => self.number(ffi::lua_tonumber(l, -1)),
                ffi::BOOLEAN if ffi::lua_toboolean(l, -1) != 0 => self.text().extend_from_slice(b"true"),
                ffi::BOOLEAN => self.text().extend_from_slice(b"false"),
                ffi::TABLE => self.table(depth + 1),
                ffi::NIL => self.text().extend_from_slice(b"null"),
                ffi::LIGHT_USERDATA if ffi::lua_touserdata(l, -1).is_null() => {
                    self.text().extend_from_slice(b"null");
                }
                _ => self.refuse(-1, "type not supported"),
            }
        }
    }

    unsafe fn table(self, depth: i64) {
        // SAFETY: as in `encode`.
        unsafe {
            if depth > self.settings.encode_depth_max || ffi::lua_checkstack(self.l, 4) == 0 {
                let scratch: *mut Vec<u8> = &raw mut (*of(self.l)).scratch;
                (*scratch).clear();
                (*scratch).extend_from_slice(b"Cannot serialise, excessive nesting (");
                (*scratch).extend_from_slice(itoa::Buffer::new().format(depth).as_bytes());
                (*scratch).push(b')');
                crate::errors::raise_plain(self.l, &*scratch);
            }
            ffi::garrison_interrupt_some(self.l);
            match self.array_len() {
                len @ 1.. => self.array(depth, len),
                _ => self.object(depth),
            }
        }
    }

    /// The largest key of a table whose keys are all positive integers; -1 if it is not such a table.
    unsafe fn array_len(self) -> i64 {
        let l = self.l;
        // SAFETY: the walk leaves the stack as it was.
        unsafe {
            let (mut largest, mut count) = (0_i32, 0_i64);
            ffi::lua_pushnil(l);
            while ffi::lua_next(l, -2) != 0 {
                let key = if ffi::lua_type(l, -2) == ffi::NUMBER { ffi::lua_tonumber(l, -2) } else { 0.0 };
                if key < 1.0 || key.floor() != key {
                    ffi::pop(l, 2);
                    return -1;
                }
                if key > f64::from(largest) {
                    // As C's cast on the usual processors: what does not fit is the least integer.
                    largest = if key > f64::from(i32::MAX) { i32::MIN } else { key as i32 };
                }
                count += 1;
                ffi::pop(l, 1);
            }
            let largest = i64::from(largest);
            let JsonSettings { sparse_ratio, sparse_safe, sparse_convert, .. } = self.settings;
            if sparse_ratio > 0 && largest > count.saturating_mul(sparse_ratio) && largest > sparse_safe {
                if !sparse_convert {
                    self.refuse(-1, "excessively sparse array");
                }
                return -1;
            }
            largest
        }
    }

    unsafe fn array(self, depth: i64, len: i64) {
        // SAFETY: as in `encode`.
        unsafe {
            self.text().push(b'[');
            for index in 1..=len {
                if index > 1 {
                    self.text().push(b',');
                }
                ffi::lua_rawgeti(self.l, -1, index as c_int);
                self.value(depth);
                ffi::pop(self.l, 1);
            }
            self.text().push(b']');
        }
    }

    unsafe fn object(self, depth: i64) {
        let l = self.l;
        // SAFETY: as in `encode`; a key that is a number is not converted in place.
        unsafe {
            self.text().push(b'{');
            let mut is_first = true;
            ffi::lua_pushnil(l);
            while ffi::lua_next(l, -2) != 0 {
                if !is_first {
                    self.text().push(b',');
                }
                is_first = false;
                match ffi::lua_type(l, -2) {
                    ffi::STRING => self.string(ffi::bytes(l, -2)),
                    ffi::NUMBER => {
                        self.text().push(b'"');
                        self.number(ffi::lua_tonumber(l, -2));
                        self.text().push(b'"');
                    }
                    _ => self.refuse(-2, "table key must be a number or string"),
                }
                self.text().push(b':');
                self.value(depth);
                ffi::pop(l, 1);
            }
            self.text().push(b'}');
        }
    }

    unsafe fn number(self, number: f64) {
        // SAFETY: as in `encode`.
        unsafe {
            if !number.is_finite() {
                match self.settings.encodes_invalid {
                    Invalid::Refused => return self.refuse(-1, "must not be NaN or Inf"),
                    Invalid::Null => return self.text().extend_from_slice(b"null"),
                    Invalid::Shown if number.is_nan() => return self.text().extend_from_slice(b"nan"),
                    Invalid::Shown => {}
                }
            }
            let integer = number as i64;
            let has_few_digits = self.settings.precision == 14 && number.abs() < 1.0e14;
            if has_few_digits && integer as f64 == number && (integer != 0 || number.is_sign_positive()) {
                return self.text().extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
            }
            const FORMATS: [&CStr; 14] = [
                c"%.1g", c"%.2g", c"%.3g", c"%.4g", c"%.5g", c"%.6g", c"%.7g", c"%.8g", c"%.9g", c"%.10g",
                c"%.11g", c"%.12g", c"%.13g", c"%.14g",
            ];
            let format = FORMATS.get(self.settings.precision as usize - 1).copied().unwrap_or(c"%.14g");
            self.text().extend_from_slice(format_number(format, number, &mut [0; 64]));
        }
    }

    unsafe fn string(self, string: &[u8]) {
        // SAFETY: as in `encode`.
        unsafe {
            let text = self.text();
            text.reserve(string.len() + 2);
            text.push(b'"');
            let mut rest = string;
            while let Some(at) = rest.iter().position(|byte| NEEDS_ESCAPE[usize::from(*byte)]) {
                text.extend_from_slice(&rest[..at]);
                escape(text, rest[at]);
                rest = &rest[at + 1..];
            }
            text.extend_from_slice(rest);
            text.push(b'"');
        }
    }
}

/// Which bytes do not stand for themselves in a string.
const NEEDS_ESCAPE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 32 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[b'/' as usize] = true;
    table[127] = true;
    table
};

fn escape(text: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        8 => b'b',
        9 => b't',
        10 => b'n',
        12 => b'f',
        13 => b'r',
        b'"' | b'\\' | b'/' => byte,
        _ => {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
            return text.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
        }
    };
    text.extend_from_slice(&[b'\\', letter]);
}
