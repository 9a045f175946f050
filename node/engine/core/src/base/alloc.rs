//! The allocator of the process, with every byte counted where it is allocated.
//!
//! [`used_memory`] is what `maxmemory` is compared with and what INFO shows, so it counts what a request
//! really costs: its size rounded up to the allocator's size class. Rounding depends on the size alone, so
//! an allocation and its release always cancel out without asking the allocator about a pointer.
//!
//! Counting must not cost a shared cache line per allocation: each thread keeps the bytes it has not
//! reported yet and adds them to the process's sum once they exceed [`UNREPORTED_BYTES_MAX`]. A reader
//! sees its own thread exactly and every other thread within that many bytes.
//!
//! Under Miri, and with `--cfg system_allocator` (for the address sanitizer), the system's allocator is
//! used instead, so that the tools see every allocation.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

/// Bytes that a thread may have allocated or freed without the process's sum knowing.
pub const UNREPORTED_BYTES_MAX: i64 = 16 * 1024;

static REPORTED: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static UNREPORTED: Cell<i64> = const { Cell::new(0) };
}

/// Bytes in use by the process, as the allocator rounds them.
pub fn used_memory() -> usize {
    let used = used_memory_now();
    PEAK.fetch_max(used as i64, Ordering::Relaxed);
    used
}

/// The same for those who ask at every command: the peak is not looked at.
#[inline]
pub fn used_memory_now() -> usize {
    let unreported = UNREPORTED.try_with(Cell::get).unwrap_or(0);
    (REPORTED.load(Ordering::Relaxed) + unreported).max(0) as usize
}

/// The most that [`used_memory`] has been.
pub fn peak_memory() -> usize {
    used_memory().max(PEAK.load(Ordering::Relaxed).max(0) as usize)
}

/// Forgets the peak (CONFIG RESETSTAT).
pub fn reset_peak_memory() {
    PEAK.store(0, Ordering::Relaxed);
    used_memory();
}

/// The size that a request of `bytes` takes in the allocator: steps of 16 bytes up to 128, then four steps
/// to each doubling.
#[inline]
pub const fn rounded(bytes: usize) -> usize {
    if bytes <= 8 {
        return if bytes == 0 { 0 } else { 8 };
    }
    if bytes <= 128 {
        return (bytes + 15) & !15;
    }
    let step = 1 << (usize::BITS - (bytes - 1).leading_zeros() - 3);
    (bytes + step - 1) & !(step - 1)
}

#[inline]
fn count(bytes: i64) {
    // A thread that is being torn down has no cell any more; its last few bytes go straight to the sum.
    let counted = UNREPORTED.try_with(|cell| {
        let sum = cell.get() + bytes;
        if sum.abs() >= UNREPORTED_BYTES_MAX {
            cell.set(0);
            report(sum);
        } else {
            cell.set(sum);
        }
    });
    if counted.is_err() {
        report(bytes);
    }
}

#[cold]
fn report(bytes: i64) {
    let used = REPORTED.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(used, Ordering::Relaxed);
}

/// Whether an allocation of this thread lies in a page of the allocator that is in use to at most `percent`, so that
/// moving it elsewhere helps to give the page back. Pages that are being filled right now do not count.
#[inline]
pub fn is_sparse(pointer: *const u8, percent: usize) -> bool {
    #[cfg(not(any(miri, system_allocator)))]
    // SAFETY: the function looks at the page's counters only, and finds nothing for a foreign pointer. Pages of other
    // threads are read while these change them: their counters are plain numbers, and a wrong answer moves too much
    // or too little.
    unsafe {
        mi_unsafe_heap_page_is_under_utilized(std::ptr::null_mut(), pointer.cast_mut().cast(), percent)
    }
    #[cfg(any(miri, system_allocator))]
    {
        // So that the tools see moves.
        let _ = percent;
        pointer.addr() % 32 == 0
    }
}

/// Makes the empty pages that this thread keeps for itself available to all.
pub fn release_own_pages() {
    #[cfg(not(any(miri, system_allocator)))]
    // SAFETY: the function has no requirements.
    unsafe {
        mi_collect(false);
    }
}

/// Gives all unused pages back to the operating system. Takes milliseconds, so it is not for the serving thread.
pub fn purge() {
    #[cfg(not(any(miri, system_allocator)))]
    // SAFETY: the function has no requirements.
    unsafe {
        mi_collect(true);
    }
}

/// Bytes that the allocator has from the operating system.
pub fn committed_memory() -> usize {
    let mut committed = 0;
    #[cfg(not(any(miri, system_allocator)))]
    // SAFETY: null pointers are figures not asked for; the other is a number of ours.
    unsafe {
        let none = std::ptr::null_mut();
        mi_process_info(none, none, none, none, none, &mut committed, none, none);
    }
    committed
}

/// The allocator's own account of itself.
pub fn statistics() -> String {
    let mut text = Vec::new();
    #[cfg(not(any(miri, system_allocator)))]
    // SAFETY: `append` is called during the call only, with the vector that is handed in and C strings.
    unsafe {
        mi_stats_print_out(append, (&raw mut text).cast());
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(not(any(miri, system_allocator)))]
extern "C" fn append(line: *const std::ffi::c_char, text: *mut std::ffi::c_void) {
    // SAFETY: see `statistics`.
    unsafe {
        let text: &mut Vec<u8> = &mut *text.cast();
        text.extend_from_slice(std::ffi::CStr::from_ptr(line).to_bytes());
    }
}

#[cfg(not(any(miri, system_allocator)))]
extern "C" {
    fn mi_unsafe_heap_page_is_under_utilized(
        heap: *mut std::ffi::c_void,
        pointer: *mut std::ffi::c_void,
        percent: usize,
    ) -> bool;
    fn mi_collect(force: bool);
    fn mi_process_info(
        elapsed_ms: *mut usize,
        user_ms: *mut usize,
        system_ms: *mut usize,
        resident: *mut usize,
        peak_resident: *mut usize,
        committed: *mut usize,
        peak_committed: *mut usize,
        page_faults: *mut usize,
    );
    fn mi_stats_print_out(
        print: extern "C" fn(*const std::ffi::c_char, *mut std::ffi::c_void),
        argument: *mut std::ffi::c_void,
    );
}

/// The counting allocator; see the module's documentation.
pub struct Counting;

#[cfg(not(any(miri, system_allocator)))]
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Alignment that every allocation of at least this size has anyway.
const NATURAL_ALIGNMENT: usize = 16;

#[inline]
fn is_natural(layout: Layout) -> bool {
    layout.align() <= NATURAL_ALIGNMENT && layout.align() <= layout.size()
}

// SAFETY: each method hands its request to mimalloc, whose contract is that of C's allocator with alignments:
// a block is valid for the size asked for until freed, and may be freed from any thread. Counting touches a
// thread-local cell and an atomic only, so it neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(rounded(layout.size()) as i64);
        // SAFETY: sizes are not zero by GlobalAlloc's contract; a natural alignment is what mi_malloc gives.
        unsafe {
            if is_natural(layout) {
                libmimalloc_sys::mi_malloc(layout.size()).cast()
            } else {
                libmimalloc_sys::mi_malloc_aligned(layout.size(), layout.align()).cast()
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(rounded(layout.size()) as i64);
        // SAFETY: as in `alloc`.
        unsafe { libmimalloc_sys::mi_zalloc_aligned(layout.size(), layout.align()).cast() }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(rounded(layout.size()) as i64));
        // SAFETY: the caller got the pointer from one of the methods here, all of which ask mimalloc.
        unsafe { libmimalloc_sys::mi_free(pointer.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(rounded(size) as i64 - rounded(layout.size()) as i64);
        // SAFETY: as in `dealloc`; mi_realloc_aligned keeps the alignment.
        unsafe { libmimalloc_sys::mi_realloc_aligned(pointer.cast(), size, layout.align()).cast() }
    }
}

#[cfg(all(test, not(any(miri, system_allocator))))]
mod tests {
    use super::*;

    extern "C" {
        fn mi_good_size(size: usize) -> usize;
    }

    #[test]
    fn rounding_is_the_allocators() {
        for bytes in (1..10_000).chain((10_000..120_000).step_by(977)) {
            // SAFETY: mi_good_size computes a number from a number.
            assert_eq!(rounded(bytes), unsafe { mi_good_size(bytes) }, "{bytes}");
        }
    }
}
