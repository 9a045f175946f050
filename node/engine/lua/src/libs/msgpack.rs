//! The library `cmsgpack`: MessagePack.
//!
//! Source: the MessagePack specification. Tables whose keys are 1 to n are arrays, all others maps; what nests deeper than
//! 16 tables, and what has no form (functions), is nil.

#![allow(unsafe_code)]

use std::ffi::c_int;

use crate::ffi::{self, State};
use crate::shared::of;

mod unpack;

/// Tables within tables that are packed.
const DEPTH_MAX: c_int = 16;

/// Opens the library.
///
/// # Safety
/// Within a protected call.
pub(crate) unsafe fn open(l: *mut State) {
    // SAFETY: as the caller says.
    unsafe {
        ffi::lua_createtable(l, 0, 8);
        super::set_functions(
            l,
            &[
                (c"pack", pack),
                (c"unpack", unpack::unpack),
                (c"unpack_one", unpack::unpack_one),
                (c"unpack_limit", unpack::unpack_limit),
            ],
        );
        for (name, text) in [
            (c"_NAME", "cmsgpack"),
            (c"_VERSION", "lua-cmsgpack 0.4.0"),
            (c"_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"),
            (c"_DESCRIPTION", "MessagePack C implementation for Lua"),
        ] {
            ffi::push_bytes(l, text.as_bytes());
            ffi::lua_setfield(l, -2, name.as_ptr());
        }
        ffi::lua_setfield(l, ffi::GLOBALS, c"cmsgpack".as_ptr());
    }
}

/// Where the packed bytes are gathered: Shared's scratch, within the bound of the interpreter's memory.
#[derive(Clone, Copy)]
struct Out {
    l: *mut State,
}

impl Out {
    unsafe fn add(self, bytes: &[u8]) {
        // SAFETY: one reference at a time; an error leaves nothing behind.
        unsafe {
            let shared = of(self.l);
            let scratch: *mut Vec<u8> = &raw mut (*shared).scratch;
            if (*scratch).len() + bytes.len() > (*shared).limit {
                crate::api::raise(self.l, "not enough memory");
            }
            (*scratch).extend_from_slice(bytes);
        }
    }

    /// A head with a length of one, two or four bytes behind it.
    unsafe fn sized(self, heads: [u8; 3], len: usize) {
        // SAFETY: as above.
        unsafe {
            match len {
                0..=0xff if heads[0] != 0 => self.add(&[heads[0], len as u8]),
                0..=0xffff => {
                    let [high, low] = (len as u16).to_be_bytes();
                    self.add(&[heads[1], high, low]);
                }
                _ => {
                    let [a, b, c, d] = (len as u32).to_be_bytes();
                    self.add(&[heads[2], a, b, c, d]);
                }
            }
        }
    }
}

unsafe extern "C-unwind" fn pack(l: *mut State) -> c_int {
    // SAFETY: called by Lua; the frames own nothing.
    unsafe {
        let count = ffi::lua_gettop(l);
        if count == 0 {
            return ffi::luaL_argerror(l, 0, c"MessagePack pack needs input.".as_ptr());
        }
        let scratch: *mut Vec<u8> = &raw mut (*of(l)).scratch;
        (*scratch).clear();
        for index in 1..=count {
            if ffi::lua_checkstack(l, 1) == 0 {
                return crate::api::raise(l, "stack overflow (in function mp_check)");
            }
            ffi::lua_pushvalue(l, index);
            pack_value(l, Out { l }, 0);
        }
        ffi::push_bytes(l, &*scratch);
        1
    }
}

/// Packs the value on top of the stack, and pops it.
unsafe fn pack_value(l: *mut State, out: Out, depth: c_int) {
    // SAFETY: as in `pack`.
    unsafe {
        match ffi::lua_type(l, -1) {
            ffi::STRING => pack_string(ffi::bytes(l, -1), out),
            ffi::BOOLEAN => out.add(&[if ffi::lua_toboolean(l, -1) != 0 { 0xc3 } else { 0xc2 }]),
            ffi::NUMBER => pack_number(ffi::lua_tonumber(l, -1), out),
            ffi::TABLE if depth < DEPTH_MAX => {
                if ffi::lua_checkstack(l, 4) == 0 {
                    crate::api::raise(l, "stack overflow (in function mp_encode_lua_table)");
                }
                ffi::garrison_interrupt_some(l);
                match array_len(l) {
                    Some(len) => pack_array(l, out, depth, len),
                    None => pack_map(l, out, depth),
                }
            }
            _ => out.add(&[0xc0]),
        }
        ffi::pop(l, 1);
    }
}

unsafe fn pack_string(text: &[u8], out: Out) {
    // SAFETY: as in `pack`.
    unsafe {
        match text.len() {
            len @ 0..32 => out.add(&[0xa0 | len as u8]),
            len => out.sized([0xd9, 0xda, 0xdb], len),
        }
        out.add(text);
    }
}

unsafe fn pack_number(number: f64, out: Out) {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    // SAFETY: as in `pack`.
    unsafe {
        if (-HALF..HALF).contains(&number) && number as i64 as f64 == number {
            return pack_integer(number as i64, out);
        }
        let single = number as f32;
        if f64::from(single) == number {
            out.add(&[0xca]);
            out.add(&single.to_be_bytes());
        } else {
            out.add(&[0xcb]);
            out.add(&number.to_be_bytes());
        }
    }
}

unsafe fn pack_integer(number: i64, out: Out) {
    let bytes = number.to_be_bytes();
    let (head, len) = match number {
        -32..=127 => (None, 1),
        128..=0xff => (Some(0xcc), 1),
        0x100..=0xffff => (Some(0xcd), 2),
        0x1_0000..=0xffff_ffff => (Some(0xce), 4),
        0x1_0000_0000.. => (Some(0xcf), 8),
        -128.. => (Some(0xd0), 1),
        -0x8000.. => (Some(0xd1), 2),
        -0x8000_0000.. => (Some(0xd2), 4),
        _ => (Some(0xd3), 8),
    };
    // SAFETY: as in `pack`.
    unsafe {
        if let Some(head) = head {
            out.add(&[head]);
        }
        out.add(&bytes[8 - len..]);
    }
}

/// How many elements the table on top of the stack has, if its keys are the numbers from 1 on.
unsafe fn array_len(l: *mut State) -> Option<usize> {
    // SAFETY: the walk leaves the stack as it was.
    unsafe {
        let (mut count, mut largest) = (0_u64, 0.0_f64);
        ffi::lua_pushnil(l);
        while ffi::lua_next(l, -2) != 0 {
            ffi::pop(l, 1);
            let number = if ffi::lua_type(l, -1) == ffi::NUMBER { ffi::lua_tonumber(l, -1) } else { 0.0 };
            if number <= 0.0 || number.fract() != 0.0 || number > f64::from(i32::MAX) {
                ffi::pop(l, 1);
                return None;
            }
            largest = largest.max(number);
            count += 1;
        }
        (largest as u64 == count).then_some(count as usize)
    }
}

unsafe fn pack_array(l: *mut State, out: Out, depth: c_int, len: usize) {
    // SAFETY: as in `pack`.
    unsafe {
        match len {
            0..16 => out.add(&[0x90 | len as u8]),
            _ => out.sized([0, 0xdc, 0xdd], len),
        }
        for index in 1..=len {
            ffi::lua_rawgeti(l, -1, index as c_int);
            pack_value(l, out, depth + 1);
        }
    }
}

unsafe fn pack_map(l: *mut State, out: Out, depth: c_int) {
    // SAFETY: as in `pack`; keys are copied before they are packed, so that the walk goes on.
    unsafe {
        let len = ffi::count_pairs(l);
        match len {
            0..16 => out.add(&[0x80 | len as u8]),
            _ => out.sized([0, 0xde, 0xdf], len),
        }
        ffi::lua_pushnil(l);
        while ffi::lua_next(l, -2) != 0 {
            ffi::lua_pushvalue(l, -2);
            pack_value(l, out, depth + 1);
            pack_value(l, out, depth + 1);
        }
    }
}
