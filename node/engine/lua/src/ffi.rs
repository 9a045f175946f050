//! The functions of Lua's C interface that we use, as `lua.h` and `lauxlib.h` declare them.
//!
//! Source: the Lua 5.1 reference manual, sections 3.7 and 4.1.

#![allow(missing_docs)]

use std::ffi::{c_char, c_int, c_void};

/// A state of the interpreter, or a coroutine of it.
#[repr(C)]
pub struct State {
    _opaque: [u8; 0],
}

pub type Function = unsafe extern "C-unwind" fn(*mut State) -> c_int;
pub type Hook = unsafe extern "C-unwind" fn(*mut State, *mut Debug);
pub type Alloc = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, usize) -> *mut c_void;

pub const REGISTRY: c_int = -10000;
pub const GLOBALS: c_int = -10002;

pub const MULTRET: c_int = -1;

pub const NONE: c_int = -1;
pub const NIL: c_int = 0;
pub const BOOLEAN: c_int = 1;
pub const LIGHT_USERDATA: c_int = 2;
pub const NUMBER: c_int = 3;
pub const STRING: c_int = 4;
pub const TABLE: c_int = 5;
pub const FUNCTION: c_int = 6;

pub const GC_COLLECT: c_int = 2;
pub const GC_COUNT: c_int = 3;
pub const GC_COUNT_REST: c_int = 4;
pub const GC_STEP: c_int = 5;
pub const GC_SET_PAUSE: c_int = 6;

pub const MASK_COUNT: c_int = 1 << 3;

/// `lua_Debug`: what `lua_getinfo` tells.
#[repr(C)]
pub struct Debug {
    pub event: c_int,
    pub name: *const c_char,
    pub name_what: *const c_char,
    pub what: *const c_char,
    pub source: *const c_char,
    pub current_line: c_int,
    pub upvalues: c_int,
    pub line_defined: c_int,
    pub last_line_defined: c_int,
    pub short_source: [c_char; 60],
    pub call_info: c_int,
}

extern "C-unwind" {
    pub fn lua_newstate(alloc: Alloc, data: *mut c_void) -> *mut State;
    pub fn lua_close(l: *mut State);
    pub fn lua_atpanic(l: *mut State, panic: Function) -> Option<Function>;
    pub fn lua_getallocf(l: *mut State, data: *mut *mut c_void) -> Alloc;

    pub fn lua_gettop(l: *mut State) -> c_int;
    pub fn lua_settop(l: *mut State, index: c_int);
    pub fn lua_pushvalue(l: *mut State, index: c_int);
    pub fn lua_remove(l: *mut State, index: c_int);
    pub fn lua_insert(l: *mut State, index: c_int);
    pub fn lua_replace(l: *mut State, index: c_int);
    pub fn lua_checkstack(l: *mut State, size: c_int) -> c_int;

    pub fn lua_isnumber(l: *mut State, index: c_int) -> c_int;
    pub fn lua_isstring(l: *mut State, index: c_int) -> c_int;
    pub fn lua_type(l: *mut State, index: c_int) -> c_int;
    pub fn lua_typename(l: *mut State, kind: c_int) -> *const c_char;
    pub fn lua_rawequal(l: *mut State, one: c_int, other: c_int) -> c_int;
    pub fn lua_tonumber(l: *mut State, index: c_int) -> f64;
    pub fn lua_toboolean(l: *mut State, index: c_int) -> c_int;
    pub fn lua_tolstring(l: *mut State, index: c_int, len: *mut usize) -> *const c_char;
    pub fn lua_objlen(l: *mut State, index: c_int) -> usize;
    pub fn lua_touserdata(l: *mut State, index: c_int) -> *mut c_void;

    pub fn lua_pushnil(l: *mut State);
    pub fn lua_pushnumber(l: *mut State, number: f64);
    pub fn lua_pushlstring(l: *mut State, bytes: *const c_char, len: usize);
    pub fn lua_pushcclosure(l: *mut State, function: Function, upvalues: c_int);
    pub fn lua_pushboolean(l: *mut State, value: c_int);
    pub fn lua_pushlightuserdata(l: *mut State, pointer: *mut c_void);

    pub fn lua_getfield(l: *mut State, index: c_int, name: *const c_char);
    pub fn lua_setfield(l: *mut State, index: c_int, name: *const c_char);
    pub fn lua_rawget(l: *mut State, index: c_int);
    pub fn lua_rawgeti(l: *mut State, index: c_int, key: c_int);
    pub fn lua_createtable(l: *mut State, array: c_int, fields: c_int);
    pub fn lua_getmetatable(l: *mut State, index: c_int) -> c_int;
    pub fn lua_rawset(l: *mut State, index: c_int);
    pub fn lua_rawseti(l: *mut State, index: c_int, key: c_int);
    pub fn lua_setmetatable(l: *mut State, index: c_int) -> c_int;
    pub fn lua_next(l: *mut State, index: c_int) -> c_int;

    pub fn lua_call(l: *mut State, args: c_int, results: c_int);
    pub fn lua_pcall(l: *mut State, args: c_int, results: c_int, handler: c_int) -> c_int;
    pub fn lua_cpcall(l: *mut State, function: Function, data: *mut c_void) -> c_int;
    pub fn lua_error(l: *mut State) -> c_int;
    pub fn lua_gc(l: *mut State, what: c_int, data: c_int) -> c_int;

    pub fn lua_sethook(l: *mut State, hook: Option<Hook>, mask: c_int, count: c_int) -> c_int;
    pub fn lua_getstack(l: *mut State, level: c_int, info: *mut Debug) -> c_int;
    pub fn lua_getinfo(l: *mut State, what: *const c_char, info: *mut Debug) -> c_int;

    pub fn luaL_loadbuffer(l: *mut State, bytes: *const c_char, len: usize, name: *const c_char) -> c_int;
    pub fn luaL_ref(l: *mut State, table: c_int) -> c_int;
    pub fn luaL_unref(l: *mut State, table: c_int, reference: c_int);
    pub fn luaL_checknumber(l: *mut State, arg: c_int) -> f64;
    pub fn luaL_checklstring(l: *mut State, arg: c_int, len: *mut usize) -> *const c_char;
    pub fn luaL_checkany(l: *mut State, arg: c_int);
    pub fn luaL_argerror(l: *mut State, arg: c_int, message: *const c_char) -> c_int;
    pub fn luaL_where(l: *mut State, level: c_int);
    pub fn lua_concat(l: *mut State, count: c_int);

    pub fn luaopen_base(l: *mut State) -> c_int;
    pub fn luaopen_table(l: *mut State) -> c_int;
    pub fn luaopen_string(l: *mut State) -> c_int;
    pub fn luaopen_math(l: *mut State) -> c_int;

    pub fn garrison_set_readonly(l: *mut State, index: c_int, readonly: c_int);
    pub fn garrison_interrupt(l: *mut State);

    pub fn clock() -> std::ffi::c_long;
    pub fn snprintf(buffer: *mut c_char, size: usize, format: *const c_char, ...) -> c_int;
}

/// Calls of [`garrison_interrupt_some`] for one interrupt.
const CALLS_PER_INTERRUPT: u32 = 1024;

/// Interrupts a C function that is called often, now and then.
///
/// # Safety
/// Called by a library function whose frames own nothing, with room on the stack for an error.
#[inline]
pub unsafe fn garrison_interrupt_some(l: *mut State) {
    // SAFETY: as the caller says.
    unsafe {
        let steps = &raw mut (*crate::shared::of(l)).steps;
        *steps = (*steps).wrapping_add(1);
        if (*steps) % CALLS_PER_INTERRUPT == 0 {
            garrison_interrupt(l);
        }
    }
}

/// Pops values.
///
/// # Safety
/// As many values are on the stack.
#[inline]
pub unsafe fn pop(l: *mut State, count: c_int) {
    // SAFETY: as the caller says.
    unsafe { lua_settop(l, -count - 1) }
}

/// How many pairs the table on top of the stack has.
///
/// # Safety
/// A table is on top, with room for two more values.
pub unsafe fn count_pairs(l: *mut State) -> usize {
    // SAFETY: as the caller says; the walk leaves the stack as it was.
    unsafe {
        let mut count = 0;
        lua_pushnil(l);
        while lua_next(l, -2) != 0 {
            pop(l, 1);
            count += 1;
        }
        count
    }
}

/// Pushes a string.
///
/// # Safety
/// There is room on the stack; an error of memory leaves this frame by a long jump.
#[inline]
pub unsafe fn push_bytes(l: *mut State, bytes: &[u8]) {
    // SAFETY: as the caller says; the bytes are copied.
    unsafe { lua_pushlstring(l, bytes.as_ptr().cast(), bytes.len()) }
}

/// Shows a value that is a string; empty for any other.
///
/// # Safety
/// The value stays where it is, on the stack or in a table that nobody changes, while the slice is used.
#[inline]
pub unsafe fn bytes<'a>(l: *mut State, index: c_int) -> &'a [u8] {
    // SAFETY: a string's bytes do not move while it lives; a value of another type is not converted.
    unsafe {
        if lua_type(l, index) != STRING {
            return &[];
        }
        let mut len = 0;
        let start = lua_tolstring(l, index, &mut len);
        std::slice::from_raw_parts(start.cast(), len)
    }
}
