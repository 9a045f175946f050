//! Interrupts: the count hook pauses a script whose share of the turn is used up, and ends one that was killed.
//!
//! A kill cannot be caught: from then on the hook raises its error at every instruction, until the outermost call.

#![allow(unsafe_code)]

use std::ffi::c_int;

use crate::errors::raise_text;
use crate::ffi::{self, Debug, State};
use crate::fiber::Out;
use crate::shared::of;

/// Instructions between two looks at the clock.
pub(crate) const INSTRUCTIONS: c_int = 10_000;

/// Arms the hook of a state.
///
/// # Safety
/// The state lives.
pub(crate) unsafe fn arm(l: *mut State) {
    // SAFETY: as the caller says.
    unsafe { ffi::lua_sethook(l, Some(tick), ffi::MASK_COUNT, INSTRUCTIONS) };
}

unsafe extern "C-unwind" fn tick(l: *mut State, _: *mut Debug) {
    // SAFETY: Lua calls this on the script's stack with a state of ours; no reference is held across the door.
    unsafe {
        let shared = of(l);
        if !(*shared).killed && ((*shared).ticks)() >= (*shared).slice_ends_us {
            if let Some(door) = &(*shared).door {
                let door: *const _ = door;
                (*door).leave(Out::Pause);
            }
        }
        if (*shared).killed {
            ffi::lua_sethook(l, Some(tick), ffi::MASK_COUNT, 1);
            raise_text(l, "ERR Script killed by user with SCRIPT KILL.");
        }
    }
}
