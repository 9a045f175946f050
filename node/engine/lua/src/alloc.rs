//! The interpreter's memory: from the process's allocator, counted, and bounded.

#![allow(unsafe_code)]

use std::alloc::{alloc, dealloc, realloc, Layout};
use std::ffi::c_void;
use std::ptr::null_mut;

use crate::shared::Shared;

/// The alignment that Lua's structures want.
const ALIGN: usize = 16;

/// `lua_Alloc`: Lua tells the old size of each block, so nothing is stored beside it.
///
/// # Safety
/// Called by Lua only, with the [`Shared`] that its state was made with.
pub unsafe extern "C" fn allocate(
    data: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    // SAFETY: `data` is the Shared of this state, which outlives it. A block came from here with the size `old`, as
    // Lua 5.1 tells it exactly. Sizes are below isize::MAX, or the layout is refused.
    unsafe {
        let shared = data.cast::<Shared>();
        let old = if block.is_null() { 0 } else { old };
        if new == 0 {
            if old > 0 {
                dealloc(block.cast(), Layout::from_size_align_unchecked(old, ALIGN));
                (*shared).used -= old;
            }
            return null_mut();
        }
        if new > old && (*shared).used - old + new > (*shared).limit {
            return null_mut();
        }
        let Ok(layout) = Layout::from_size_align(new, ALIGN) else { return null_mut() };
        let got = match old {
            0 => alloc(layout),
            _ => realloc(block.cast(), Layout::from_size_align_unchecked(old, ALIGN), new),
        };
        if !got.is_null() {
            (*shared).used = (*shared).used - old + new;
        }
        got.cast()
    }
}
