//! The library `bit`: operations on 32-bit integers.
//!
//! A number is taken modulo 2^32, rounded to the nearest integer, halves to even; results are signed.

#![allow(unsafe_code)]

use std::ffi::c_int;

use crate::ffi::{self, State};

/// Opens the library.
///
/// # Safety
/// Within a protected call.
pub(crate) unsafe fn open(l: *mut State) {
    // SAFETY: as the caller says.
    unsafe {
        ffi::lua_createtable(l, 0, 12);
        super::set_functions(
            l,
            &[
                (c"tobit", tobit),
                (c"bnot", bnot),
                (c"band", band),
                (c"bor", bor),
                (c"bxor", bxor),
                (c"lshift", lshift),
                (c"rshift", rshift),
                (c"arshift", arshift),
                (c"rol", rol),
                (c"ror", ror),
                (c"bswap", bswap),
                (c"tohex", tohex),
            ],
        );
        ffi::lua_setfield(l, ffi::GLOBALS, c"bit".as_ptr());
    }
}

/// Adding it leaves the integer part in the low bits of a floating point number's mantissa: 2^52 + 2^51.
const ROUNDS: f64 = 6_755_399_441_055_744.0;

fn to_bits(number: f64) -> u32 {
    (number + ROUNDS).to_bits() as u32
}

unsafe fn bits(l: *mut State, arg: c_int) -> u32 {
    // SAFETY: called by Lua's functions below, whose frames own nothing.
    unsafe { to_bits(ffi::luaL_checknumber(l, arg)) }
}

unsafe fn answer(l: *mut State, bits: u32) -> c_int {
    // SAFETY: a function of C has room for twenty values.
    unsafe { ffi::lua_pushnumber(l, f64::from(bits as i32)) };
    1
}

macro_rules! functions {
    ($($name:ident($l:ident) $body:expr;)*) => {$(
        unsafe extern "C-unwind" fn $name($l: *mut State) -> c_int {
            // SAFETY: called by Lua; the frame owns nothing.
            unsafe { answer($l, $body) }
        }
    )*};
}

functions! {
    tobit(l) bits(l, 1);
    bnot(l) !bits(l, 1);
    bswap(l) bits(l, 1).swap_bytes();
    band(l) fold(l, |a, b| a & b);
    bor(l) fold(l, |a, b| a | b);
    bxor(l) fold(l, |a, b| a ^ b);
    lshift(l) bits(l, 1) << (bits(l, 2) & 31);
    rshift(l) bits(l, 1) >> (bits(l, 2) & 31);
    arshift(l) ((bits(l, 1) as i32) >> (bits(l, 2) & 31)) as u32;
    rol(l) bits(l, 1).rotate_left(bits(l, 2) & 31);
    ror(l) bits(l, 1).rotate_right(bits(l, 2) & 31);
}

unsafe fn fold(l: *mut State, join: fn(u32, u32) -> u32) -> u32 {
    // SAFETY: as in `bits`.
    unsafe {
        let mut all = bits(l, 1);
        for arg in 2..=ffi::lua_gettop(l) {
            all = join(all, bits(l, arg));
        }
        all
    }
}

/// `bit.tohex(x [, n])`: the last `n` hexadecimal digits, in upper case if `n` is negative.
unsafe extern "C-unwind" fn tohex(l: *mut State) -> c_int {
    // SAFETY: called by Lua; the buffer is as long as the most digits.
    unsafe {
        let value = bits(l, 1);
        let wanted = if ffi::lua_type(l, 2) == ffi::NONE { 8 } else { bits(l, 2) as i32 };
        // The absolute value of the least integer has no sign to lose (CVE-2024-31449).
        let count = wanted.unsigned_abs().min(8) as usize;
        let digits: &[u8; 16] = if wanted < 0 { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        let mut text = [0_u8; 8];
        for (place, byte) in text.iter_mut().rev().enumerate() {
            *byte = digits[(value >> (4 * place)) as usize & 15];
        }
        ffi::push_bytes(l, &text[8 - count..]);
        1
    }
}
