//! The library `struct`: numbers and strings as the bytes of a C structure.
//!
//! A format is a row of letters: `b h l T i I f d` and their capitals for numbers, `x` a byte of padding, `s` a string up
//! to its zero, `cN` N bytes (`c0`: as many as the number before it says); `<` and `>` choose the byte order, `!N` the
//! alignment.

#![allow(unsafe_code)]

use std::ffi::{c_int, CStr};

use crate::ffi::{self, State};
use crate::shared::of;

/// Largest size of an integer, in bytes.
const INTEGER_BYTES_MAX: usize = 32;
/// The alignment that `!` means by itself.
const ALIGNMENT: usize = 8;

/// Opens the library.
///
/// # Safety
/// Within a protected call.
pub(crate) unsafe fn open(l: *mut State) {
    // SAFETY: as the caller says.
    unsafe {
        ffi::lua_createtable(l, 0, 3);
        super::set_functions(l, &[(c"pack", pack), (c"unpack", unpack), (c"size", size)]);
        ffi::lua_setfield(l, ffi::GLOBALS, c"struct".as_ptr());
    }
}

/// What is wrong with a format or its data.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Wrong {
    SizeOverflow,
    TooLarge(i64),
    NotPowerOfTwo(i64),
    UnknownOption(u8),
    Argument(c_int, &'static CStr),
    Text(&'static str),
}

/// Raises it. Does not return.
unsafe fn raise(l: *mut State, wrong: Wrong) -> c_int {
    // SAFETY: the text is built in Shared's scratch or is constant; the frames own nothing.
    unsafe {
        let scratch: *mut Vec<u8> = &raw mut (*of(l)).scratch;
        (*scratch).clear();
        match wrong {
            Wrong::SizeOverflow => return crate::api::raise(l, "integral size overflow"),
            Wrong::Text(text) => return crate::api::raise(l, text),
            Wrong::Argument(arg, text) => return ffi::luaL_argerror(l, arg, text.as_ptr()),
            Wrong::UnknownOption(option) => {
                (*scratch).extend_from_slice(b"invalid format option '");
                (*scratch).push(option);
                (*scratch).push(b'\'');
                ffi::push_bytes(l, &*scratch);
                return ffi::luaL_argerror(l, 1, ffi::lua_tolstring(l, -1, std::ptr::null_mut()));
            }
            Wrong::TooLarge(size) => {
                (*scratch).extend_from_slice(b"integral size ");
                (*scratch).extend_from_slice(itoa::Buffer::new().format(size).as_bytes());
                (*scratch).extend_from_slice(b" is larger than limit of 32");
            }
            Wrong::NotPowerOfTwo(size) => {
                (*scratch).extend_from_slice(b"alignment ");
                (*scratch).extend_from_slice(itoa::Buffer::new().format(size).as_bytes());
                (*scratch).extend_from_slice(b" is not a power of 2");
            }
        }
        crate::errors::raise_plain(l, &*scratch)
    }
}

/// A format that is read letter by letter.
struct Format<'a> {
    rest: &'a [u8],
    is_big: bool,
    alignment: usize,
}

impl<'a> Format<'a> {
    fn new(text: &'a [u8]) -> Self {
        // A format ends at its first zero, as a string of C does.
        let end = memchr::memchr(0, text).unwrap_or(text.len());
        Format { rest: &text[..end], is_big: cfg!(target_endian = "big"), alignment: 1 }
    }

    fn number(&mut self, otherwise: usize) -> Result<usize, Wrong> {
        let mut found: Option<i64> = None;
        while let Some((digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let next = found.unwrap_or(0) * 10 + i64::from(digit - b'0');
            if next > i64::from(i32::MAX) {
                return Err(Wrong::SizeOverflow);
            }
            found = Some(next);
            self.rest = rest;
        }
        Ok(found.map_or(otherwise, |number| number as usize))
    }

    /// The next letter, and the size of what it stands for.
    fn next(&mut self) -> Result<Option<(u8, usize)>, Wrong> {
        let Some((&option, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_BYTES_MAX {
                    return Err(Wrong::TooLarge(size as i64));
                }
                size
            }
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    /// Bytes of padding before an element of this size at this position.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.alignment);
        size.wrapping_sub(position & size.wrapping_sub(1)) & size.wrapping_sub(1)
    }

    /// Takes a letter that is about the format itself.
    fn control(&mut self, option: u8) -> Result<(), Wrong> {
        match option {
            b' ' => {}
            b'>' => self.is_big = true,
            b'<' => self.is_big = false,
            b'!' => {
                let alignment = self.number(ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    return Err(Wrong::NotPowerOfTwo(alignment as i64));
                }
                self.alignment = alignment;
            }
            _ => return Err(Wrong::UnknownOption(option)),
        }
        Ok(())
    }
}

/// A number as an unsigned integer, as C's cast does it on the usual processors.
fn to_unsigned(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    let signed = |number: f64| match number {
        number if number.is_nan() || !(-HALF..HALF).contains(&number) => i64::MIN,
        number => number as i64,
    };
    if number < HALF {
        signed(number) as u64
    } else {
        signed(number - HALF) as u64 ^ 1 << 63
    }
}

unsafe extern "C-unwind" fn pack(l: *mut State) -> c_int {
    // SAFETY: called by Lua; the result is built in Shared's scratch.
    unsafe {
        ffi::luaL_checklstring(l, 1, std::ptr::null_mut());
        let scratch: *mut Vec<u8> = &raw mut (*of(l)).scratch;
        (*scratch).clear();
        let mut format = Format::new(ffi::bytes(l, 1));
        // Behind the arguments stands a nil, of which errors speak.
        ffi::lua_pushnil(l);
        let mut arg = 2;
        let limit = (*of(l)).limit;
        loop {
            let (option, size) = match format.next() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(wrong) => return raise(l, wrong),
            };
            if (*scratch).len() > limit {
                return crate::api::raise(l, "not enough memory");
            }
            let padding = format.padding((*scratch).len(), option, size);
            (*scratch).resize((*scratch).len() + padding, 0);
            match option {
                b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                    let value = to_unsigned(ffi::luaL_checknumber(l, arg));
                    arg += 1;
                    let start = (*scratch).len();
                    (*scratch)
                        .extend((0..size).map(|at| value.checked_shr(8 * at as u32).unwrap_or(0) as u8));
                    if format.is_big {
                        (&mut *scratch)[start..].reverse();
                    }
                }
                b'x' => (*scratch).push(0),
                b'f' => {
                    let value = ffi::luaL_checknumber(l, arg) as f32;
                    arg += 1;
                    let bytes = if format.is_big { value.to_be_bytes() } else { value.to_le_bytes() };
                    (*scratch).extend_from_slice(&bytes);
                }
                b'd' => {
                    let value = ffi::luaL_checknumber(l, arg);
                    arg += 1;
                    let bytes = if format.is_big { value.to_be_bytes() } else { value.to_le_bytes() };
                    (*scratch).extend_from_slice(&bytes);
                }
                b'c' | b's' => {
                    ffi::luaL_checklstring(l, arg, std::ptr::null_mut());
                    let text = ffi::bytes(l, arg);
                    arg += 1;
                    let wanted = if size == 0 { text.len() } else { size };
                    let Some(text) = text.get(..wanted) else {
                        return ffi::luaL_argerror(l, arg, c"string too short".as_ptr());
                    };
                    (*scratch).extend_from_slice(text);
                    if option == b's' {
                        (*scratch).push(0);
                    }
                }
                _ => {
                    if let Err(wrong) = format.control(option) {
                        return raise(l, wrong);
                    }
                }
            }
        }
        ffi::push_bytes(l, &*scratch);
        1
    }
}

/// An integer of any size; of one longer than eight bytes the last eight count.
fn integer(bytes: &[u8], is_big: bool, is_signed: bool) -> f64 {
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    let value = if is_big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
    if !is_signed {
        return value as f64;
    }
    let mask = u64::MAX.wrapping_shl((bytes.len() as u32).wrapping_mul(8).wrapping_sub(1));
    let extended = if value & mask != 0 { value | mask } else { value };
    extended as i64 as f64
}

unsafe extern "C-unwind" fn unpack(l: *mut State) -> c_int {
    // SAFETY: called by Lua; format and data are arguments, so they stay. The stack is grown for each result.
    unsafe {
        ffi::luaL_checklstring(l, 1, std::ptr::null_mut());
        ffi::luaL_checklstring(l, 2, std::ptr::null_mut());
        let mut format = Format::new(ffi::bytes(l, 1));
        let data = ffi::bytes(l, 2);
        let position = if ffi::lua_type(l, 3) <= ffi::NIL { 1 } else { super::check_int(l, 3) };
        if position == 0 {
            return ffi::luaL_argerror(l, 3, c"offset must be 1 or greater".as_ptr());
        }
        // A negative offset is a huge one, as in C: behind all data.
        let mut position = (position as usize).wrapping_sub(1);
        let mut results = 0;
        const TOO_SHORT: Wrong = Wrong::Argument(2, c"data string too short");
        loop {
            let (option, mut size) = match format.next() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(wrong) => return raise(l, wrong),
            };
            position = position.wrapping_add(format.padding(position, option, size));
            if size > data.len() || position > data.len() - size {
                return raise(l, TOO_SHORT);
            }
            if ffi::lua_checkstack(l, 2) == 0 {
                return crate::api::raise(l, "stack overflow (too many results)");
            }
            let bytes = data.get(position..position + size).unwrap_or_default();
            match option {
                b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                    ffi::lua_pushnumber(l, integer(bytes, format.is_big, option.is_ascii_lowercase()));
                    results += 1;
                }
                b'x' => {}
                b'f' => {
                    let bytes = bytes.try_into().unwrap_or_default();
                    let value =
                        if format.is_big { f32::from_be_bytes(bytes) } else { f32::from_le_bytes(bytes) };
                    ffi::lua_pushnumber(l, f64::from(value));
                    results += 1;
                }
                b'd' => {
                    let bytes = bytes.try_into().unwrap_or_default();
                    let value =
                        if format.is_big { f64::from_be_bytes(bytes) } else { f64::from_le_bytes(bytes) };
                    ffi::lua_pushnumber(l, value);
                    results += 1;
                }
                b'c' => {
                    if size == 0 {
                        if results == 0 || ffi::lua_isnumber(l, -1) == 0 {
                            return raise(l, Wrong::Text("format 'c0' needs a previous size"));
                        }
                        // A negative size is a huge one, as in C.
                        size = to_unsigned(ffi::lua_tonumber(l, -1)) as usize;
                        ffi::pop(l, 1);
                        results -= 1;
                        if size > data.len() || position > data.len() - size {
                            return raise(l, TOO_SHORT);
                        }
                    }
                    ffi::push_bytes(l, data.get(position..position + size).unwrap_or_default());
                    results += 1;
                }
                b's' => {
                    let rest = data.get(position..).unwrap_or_default();
                    let Some(end) = memchr::memchr(0, rest) else {
                        return raise(l, Wrong::Text("unfinished string in data"));
                    };
                    ffi::push_bytes(l, &rest[..end]);
                    results += 1;
                    size = end + 1;
                }
                _ => {
                    if let Err(wrong) = format.control(option) {
                        return raise(l, wrong);
                    }
                }
            }
            position += size;
        }
        ffi::lua_pushnumber(l, (position + 1) as f64);
        results + 1
    }
}

unsafe extern "C-unwind" fn size(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checklstring(l, 1, std::ptr::null_mut());
        match total_size(Format::new(ffi::bytes(l, 1))) {
            Ok(size) => {
                ffi::lua_pushnumber(l, size as f64);
                1
            }
            Err(wrong) => raise(l, wrong),
        }
    }
}

fn total_size(mut format: Format<'_>) -> Result<usize, Wrong> {
    let mut position: usize = 0;
    while let Some((option, size)) = format.next()? {
        position = position.wrapping_add(format.padding(position, option, size));
        match option {
            b's' => return Err(Wrong::Argument(1, c"option 's' has no fixed size")),
            b'c' if size == 0 => return Err(Wrong::Argument(1, c"option 'c0' has no fixed size")),
            _ if !option.is_ascii_alphanumeric() => format.control(option)?,
            _ => {}
        }
        position = position.wrapping_add(size);
    }
    Ok(position)
}
