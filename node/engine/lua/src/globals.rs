//! The globals that scripts see: what is there, what replaces Lua's own, and that none of it can be changed.

#![allow(unsafe_code)]

use std::ffi::{c_int, CStr};

use crate::errors::{handle, raise_plain};
use crate::ffi::{self, State};
use crate::libs;
use crate::shared::{of, NAMES};

/// Functions of Lua's basic library that scripts have no use for, or that would reach others.
const REMOVED: [&CStr; 2] = [c"getfenv", c"setfenv"];

/// Fills the globals of a new state. For `lua_cpcall`.
///
/// # Safety
/// Called by Lua in a new state.
pub(crate) unsafe extern "C-unwind" fn fill(l: *mut State) -> c_int {
    // SAFETY: a protected call; nothing here owns anything.
    unsafe {
        for open in [ffi::luaopen_base, ffi::luaopen_table, ffi::luaopen_string, ffi::luaopen_math] {
            ffi::lua_pushcclosure(l, open, 0);
            ffi::lua_call(l, 0, 0);
        }
        for name in REMOVED {
            ffi::lua_pushnil(l);
            ffi::lua_setfield(l, ffi::GLOBALS, name.as_ptr());
        }
        set_global(l, c"pcall", pcall);
        set_global(l, c"collectgarbage", collect_garbage);
        set_global(l, c"__redis__err__handler", handle);
        crate::api::push_table(l);
        ffi::lua_pushvalue(l, -1);
        ffi::lua_setfield(l, ffi::GLOBALS, c"redis".as_ptr());
        ffi::lua_setfield(l, ffi::GLOBALS, c"server".as_ptr());
        ffi::lua_createtable(l, 0, 1);
        ffi::lua_pushcclosure(l, os_clock, 0);
        ffi::lua_setfield(l, -2, c"clock".as_ptr());
        ffi::lua_setfield(l, ffi::GLOBALS, c"os".as_ptr());
        libs::open(l);
        keep_names(l);
        ffi::lua_createtable(l, 0, 1);
        ffi::lua_pushcclosure(l, no_such_global, 0);
        ffi::lua_setfield(l, -2, c"__index".as_ptr());
        ffi::lua_pushvalue(l, ffi::GLOBALS);
        ffi::lua_insert(l, -2);
        ffi::lua_setmetatable(l, -2);
        protect(l);
        ffi::pop(l, 1);
        // The metatable that all strings share.
        ffi::push_bytes(l, b"");
        if ffi::lua_getmetatable(l, -1) != 0 {
            protect(l);
        }
        0
    }
}

unsafe fn set_global(l: *mut State, name: &CStr, function: ffi::Function) {
    // SAFETY: within `fill`.
    unsafe {
        ffi::lua_pushcclosure(l, function, 0);
        ffi::lua_setfield(l, ffi::GLOBALS, name.as_ptr());
    }
}

/// Keeps the strings that are looked up all the time, and the handler, in the registry.
unsafe fn keep_names(l: *mut State) {
    // SAFETY: within `fill`.
    unsafe {
        let shared = of(l);
        for (index, text) in NAMES.iter().enumerate() {
            ffi::push_bytes(l, text);
            (*shared).names[index] = ffi::luaL_ref(l, ffi::REGISTRY);
        }
        ffi::push_bytes(l, b"ARGV");
        (*shared).argv_name = ffi::luaL_ref(l, ffi::REGISTRY);
        ffi::lua_pushcclosure(l, handle, 0);
        (*shared).handler = ffi::luaL_ref(l, ffi::REGISTRY);
    }
}

/// Makes the table on top of the stack read-only, and all tables and metatables within it.
unsafe fn protect(l: *mut State) {
    // SAFETY: within `fill`; the globals hold themselves, but a table that is protected already is not entered...
    unsafe {
        ffi::lua_checkstack(l, 6);
        ffi::garrison_set_readonly(l, -1, 1);
        if ffi::lua_getmetatable(l, -1) != 0 {
            ffi::garrison_set_readonly(l, -1, 1);
            ffi::pop(l, 1);
        }
        ffi::lua_pushnil(l);
        while ffi::lua_next(l, -2) != 0 {
            // ... because the only circle is that of `_G`.
            let is_inner = ffi::lua_type(l, -1) == ffi::TABLE && ffi::lua_rawequal(l, -1, ffi::GLOBALS) == 0;
            if is_inner {
                protect(l);
            }
            ffi::pop(l, 1);
        }
    }
}

unsafe extern "C-unwind" fn no_such_global(l: *mut State) -> c_int {
    // SAFETY: the text is built in Shared's scratch; the frames own nothing.
    unsafe {
        let scratch: *mut Vec<u8> = &mut (*of(l)).scratch;
        (*scratch).clear();
        (*scratch).extend_from_slice(b"Script attempted to access nonexistent global variable '");
        let name = ffi::bytes(l, 2);
        (*scratch).extend_from_slice(name.get(..64).unwrap_or(name));
        (*scratch).push(b'\'');
        raise_plain(l, &*scratch)
    }
}

/// `os.clock`: seconds of processor time, the only function of its library that scripts have.
unsafe extern "C-unwind" fn os_clock(l: *mut State) -> c_int {
    /// Ticks of the C clock in a second, as POSIX says.
    const TICKS: f64 = 1_000_000.0;
    // SAFETY: a function of C has room for twenty values.
    unsafe { ffi::lua_pushnumber(l, ffi::clock() as f64 / TICKS) };
    1
}

/// `pcall`: as Lua's, but of an error object only the text is told.
unsafe extern "C-unwind" fn pcall(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checkany(l, 1);
        let args = ffi::lua_gettop(l);
        ffi::lua_pushboolean(l, 1);
        ffi::lua_insert(l, 1);
        if ffi::lua_pcall(l, args - 1, ffi::MULTRET, 0) != 0 {
            ffi::lua_remove(l, 1);
            if ffi::lua_type(l, -1) == ffi::TABLE {
                ffi::lua_getfield(l, -1, c"err".as_ptr());
                if ffi::lua_isstring(l, -1) != 0 {
                    ffi::lua_replace(l, -2);
                }
            }
            ffi::lua_pushboolean(l, 0);
            ffi::lua_insert(l, 1);
        }
        ffi::lua_gettop(l)
    }
}

/// `collectgarbage`: a script may collect and count, but not stop or tune what all scripts share.
unsafe extern "C-unwind" fn collect_garbage(l: *mut State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        if ffi::lua_gettop(l) == 0 {
            ffi::push_bytes(l, b"collect");
        }
        ffi::luaL_checklstring(l, 1, std::ptr::null_mut());
        match ffi::bytes(l, 1) {
            b"collect" => ffi::lua_pushnumber(l, f64::from(ffi::lua_gc(l, ffi::GC_COLLECT, 0))),
            b"step" => ffi::lua_pushboolean(l, ffi::lua_gc(l, ffi::GC_STEP, 0)),
            b"count" => {
                let whole = f64::from(ffi::lua_gc(l, ffi::GC_COUNT, 0));
                let rest = f64::from(ffi::lua_gc(l, ffi::GC_COUNT_REST, 0));
                ffi::lua_pushnumber(l, whole + rest / 1024.0);
            }
            b"stop" | b"restart" | b"setpause" | b"setstepmul" => ffi::lua_pushnumber(l, 0.0),
            _ => return ffi::luaL_argerror(l, 1, c"invalid option".as_ptr()),
        }
        1
    }
}
