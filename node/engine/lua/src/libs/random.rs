//! `math.random` and `math.randomseed`: the 48-bit congruential generator of POSIX, which each script starts anew, so that
//! a script does the same wherever it runs.
//!
//! Source: IEEE Std 1003.1, `lrand48`.

#![allow(unsafe_code)]

use std::ffi::c_int;

use super::check_int;
use crate::ffi::{self, State};
use crate::shared::of;

const MASK: u64 = (1 << 48) - 1;
/// Numbers are below this, the largest 31-bit one.
const BELOW: u64 = i32::MAX as u64;

/// The generator's state after it was seeded.
pub(crate) fn seeded(seed: u32) -> u64 {
    (u64::from(seed) << 16) | 0x330E
}

/// The next number, of 31 bits.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & MASK;
    *state >> 17
}

/// Puts them in the place of Lua's own.
///
/// # Safety
/// Within a protected call; `math` is open.
pub(crate) unsafe fn replace(l: *mut State) {
    // SAFETY: as the caller says.
    unsafe {
        ffi::lua_getfield(l, ffi::GLOBALS, c"math".as_ptr());
        super::set_functions(l, &[(c"random", random), (c"randomseed", randomseed)]);
        ffi::pop(l, 1);
    }
}

unsafe extern "C-unwind" fn random(l: *mut State) -> c_int {
    // SAFETY: called by Lua; the frame owns nothing.
    unsafe {
        let drawn = next(&mut (*of(l)).random);
        let part = (drawn % BELOW) as f64 / BELOW as f64;
        match ffi::lua_gettop(l) {
            0 => ffi::lua_pushnumber(l, part),
            1 => {
                let upper = check_int(l, 1) as i32;
                if upper < 1 {
                    return ffi::luaL_argerror(l, 1, c"interval is empty".as_ptr());
                }
                ffi::lua_pushnumber(l, (part * f64::from(upper)).floor() + 1.0);
            }
            2 => {
                let (lower, upper) = (check_int(l, 1) as i32, check_int(l, 2) as i32);
                if lower > upper {
                    return ffi::luaL_argerror(l, 2, c"interval is empty".as_ptr());
                }
                let count = f64::from(upper) - f64::from(lower) + 1.0;
                ffi::lua_pushnumber(l, (part * count).floor() + f64::from(lower));
            }
            _ => return crate::api::raise(l, "wrong number of arguments"),
        }
        1
    }
}

unsafe extern "C-unwind" fn randomseed(l: *mut State) -> c_int {
    // SAFETY: as above.
    unsafe {
        (*of(l)).random = seeded(check_int(l, 1) as u32);
        0
    }
}
