//! MessagePack to values of Lua.

#![allow(unsafe_code)]

use std::ffi::c_int;

use crate::ffi::{self, State};
use crate::libs::check_int;
use crate::shared::of;

/// Why bytes are not MessagePack.
#[derive(Clone, Copy)]
enum Bad {
    Missing,
    Format,
}

/// `cmsgpack.unpack(bytes)`: all values that they hold.
pub(super) unsafe extern "C-unwind" fn unpack(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { unpack_some(l, 0, 0) }
}

/// `cmsgpack.unpack_one(bytes [, offset])`: where the next value begins, and the value.
pub(super) unsafe extern "C-unwind" fn unpack_one(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        let offset = optional_int(l, 2);
        ffi::lua_settop(l, 1);
        unpack_some(l, 1, offset)
    }
}

/// `cmsgpack.unpack_limit(bytes, limit [, offset])`: where the next value begins, and as many values.
pub(super) unsafe extern "C-unwind" fn unpack_limit(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        let limit = check_int(l, 2);
        let offset = optional_int(l, 3);
        ffi::lua_settop(l, 1);
        unpack_some(l, limit, offset)
    }
}

unsafe fn optional_int(l: *mut State, arg: c_int) -> i64 {
    // SAFETY: called by a library function.
    unsafe {
        if ffi::lua_type(l, arg) <= ffi::NIL {
            0
        } else {
            check_int(l, arg)
        }
    }
}

/// Raises a text with two numbers in it. Does not return.
unsafe fn raise_numbers(l: *mut State, parts: [&str; 3], numbers: [i64; 2]) -> c_int {
    // SAFETY: the text is built in Shared's scratch.
    unsafe {
        let scratch: *mut Vec<u8> = &raw mut (*of(l)).scratch;
        (*scratch).clear();
        for (part, number) in parts.iter().zip(numbers) {
            (*scratch).extend_from_slice(part.as_bytes());
            (*scratch).extend_from_slice(itoa::Buffer::new().format(number as i32).as_bytes());
        }
        (*scratch).extend_from_slice(parts[2].as_bytes());
        crate::errors::raise_plain(l, &*scratch)
    }
}

unsafe fn unpack_some(l: *mut State, limit: i64, offset: i64) -> c_int {
    // SAFETY: the bytes are an argument, so they stay; the frames own nothing.
    unsafe {
        ffi::luaL_checklstring(l, 1, std::ptr::null_mut());
        let bytes = ffi::bytes(l, 1);
        if offset < 0 || limit < 0 {
            let parts = ["Invalid request to unpack with offset of ", " and limit of ", "."];
            // What Redis shows as the limit is the length.
            return raise_numbers(l, parts, [offset, bytes.len() as i64]);
        }
        let Some(mut rest) = bytes.get(offset as usize..) else {
            let parts = ["Start offset ", " greater than input length ", "."];
            return raise_numbers(l, parts, [offset, bytes.len() as i64]);
        };
        let takes_all = limit == 0 && offset == 0;
        let limit = if takes_all { i64::from(i32::MAX) } else { limit };
        let mut count = 0;
        while !rest.is_empty() && count < limit {
            match push_value(l, &mut rest) {
                Ok(()) => {}
                Err(Bad::Missing) => return crate::api::raise(l, "Missing bytes in input."),
                Err(Bad::Format) => return crate::api::raise(l, "Bad data format in input."),
            }
            count += 1;
        }
        if !takes_all {
            let next = if rest.is_empty() { -1.0 } else { (bytes.len() - rest.len()) as f64 };
            if ffi::lua_checkstack(l, 1) == 0 {
                return crate::api::raise(l, "stack overflow (in function mp_unpack_full)");
            }
            ffi::lua_pushnumber(l, next);
            ffi::lua_insert(l, 2);
            count += 1;
        }
        count as c_int
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Bad> {
    let (taken, left) = rest.split_at_checked(len).ok_or(Bad::Missing)?;
    *rest = left;
    Ok(taken)
}

fn take_array<const LEN: usize>(rest: &mut &[u8]) -> Result<[u8; LEN], Bad> {
    take(rest, LEN)?.try_into().map_err(|_| Bad::Missing)
}

fn take_len(rest: &mut &[u8], bytes: usize) -> Result<usize, Bad> {
    Ok(take(rest, bytes)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// Raises unless there is room for one more value.
unsafe fn want_stack(l: *mut State, otherwise: &str) {
    // SAFETY: called by a library function, whose frames own nothing.
    unsafe {
        if ffi::lua_checkstack(l, 1) == 0 {
            crate::api::raise(l, otherwise);
        }
    }
}

unsafe fn push_value(l: *mut State, rest: &mut &[u8]) -> Result<(), Bad> {
    // SAFETY: the stack is grown before each value; as deep as it can grow, values may nest.
    unsafe {
        let text = "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";
        want_stack(l, text);
        let [head] = take_array::<1>(rest)?;
        let number = |value: f64| ffi::lua_pushnumber(l, value);
        match head {
            0x00..=0x7f => number(f64::from(head)),
            0xe0..=0xff => number(f64::from(head as i8)),
            0xcc => number(f64::from(u8::from_be_bytes(take_array(rest)?))),
            0xcd => number(f64::from(u16::from_be_bytes(take_array(rest)?))),
            0xce => number(f64::from(u32::from_be_bytes(take_array(rest)?))),
            // Lua 5.1 has no unsigned integers: what is larger than the signed ones is negative, as in the library.
            0xcf => number(i64::from_be_bytes(take_array(rest)?) as f64),
            0xd0 => number(f64::from(i8::from_be_bytes(take_array(rest)?))),
            0xd1 => number(f64::from(i16::from_be_bytes(take_array(rest)?))),
            0xd2 => number(f64::from(i32::from_be_bytes(take_array(rest)?))),
            0xd3 => number(i64::from_be_bytes(take_array(rest)?) as f64),
            0xca => number(f64::from(f32::from_be_bytes(take_array(rest)?))),
            0xcb => number(f64::from_be_bytes(take_array(rest)?)),
            0xc0 => ffi::lua_pushnil(l),
            0xc2 | 0xc3 => ffi::lua_pushboolean(l, c_int::from(head == 0xc3)),
            0xa0..=0xbf => ffi::push_bytes(l, take(rest, usize::from(head & 0x1f))?),
            0xd9 => push_string(l, rest, 1)?,
            0xda => push_string(l, rest, 2)?,
            0xdb => push_string(l, rest, 4)?,
            0x90..=0x9f => push_array(l, rest, usize::from(head & 0x0f))?,
            0xdc => {
                let len = take_len(rest, 2)?;
                push_array(l, rest, len)?;
            }
            0xdd => {
                let len = take_len(rest, 4)?;
                push_array(l, rest, len)?;
            }
            0x80..=0x8f => push_map(l, rest, usize::from(head & 0x0f))?,
            0xde => {
                let len = take_len(rest, 2)?;
                push_map(l, rest, len)?;
            }
            0xdf => {
                let len = take_len(rest, 4)?;
                push_map(l, rest, len)?;
            }
            _ => return Err(Bad::Format),
        }
        Ok(())
    }
}

unsafe fn push_string(l: *mut State, rest: &mut &[u8], bytes: usize) -> Result<(), Bad> {
    let len = take_len(rest, bytes)?;
    let text = take(rest, len)?;
    // SAFETY: there is room, as `push_value` has made it.
    unsafe { ffi::push_bytes(l, text) };
    Ok(())
}

/// A length that is not true ends with the bytes: nothing is allocated for it in advance.
unsafe fn push_array(l: *mut State, rest: &mut &[u8], len: usize) -> Result<(), Bad> {
    // SAFETY: as above.
    unsafe {
        ffi::lua_createtable(l, 0, 0);
        want_stack(l, "stack overflow (in function mp_decode_to_lua_array)");
        for index in 1..=len {
            ffi::lua_pushnumber(l, index as f64);
            push_value(l, rest)?;
            ffi::lua_rawset(l, -3);
        }
    }
    Ok(())
}

unsafe fn push_map(l: *mut State, rest: &mut &[u8], len: usize) -> Result<(), Bad> {
    // SAFETY: as above; a key that cannot be one raises Lua's error.
    unsafe {
        ffi::lua_createtable(l, 0, 0);
        want_stack(l, "stack overflow (in function mp_decode_to_lua_hash)");
        for _ in 0..len {
            push_value(l, rest)?;
            push_value(l, rest)?;
            ffi::lua_rawset(l, -3);
        }
    }
    Ok(())
}
