//! `redis.register_function`: how a library that is loaded names its functions, by position or by name.

#![allow(unsafe_code)]

use std::ffi::c_int;

use crate::errors::raise_text;
use crate::ffi::{self, State};
use crate::shared::{of, Mode, Registration};

/// `redis.register_function(name, callback)` or `redis.register_function{function_name=, callback=, ...}`.
///
/// # Safety
/// Called by Lua.
pub(crate) unsafe extern "C-unwind" fn register_function(l: *mut State) -> c_int {
    // SAFETY: what is collected is put into Shared before anything may raise an error.
    unsafe {
        if (*of(l)).mode != Mode::Load {
            // Functions do not see it, so it is not there.
            return crate::api::raise(l, "attempt to call field 'register_function' (a nil value)");
        }
        let count = ffi::lua_gettop(l);
        if !(1..=2).contains(&count) {
            return raise_text(l, "ERR wrong number of arguments to redis.register_function");
        }
        let registered = match count {
            1 => by_name(l),
            _ => by_position(l),
        };
        match registered {
            Ok(()) => 0,
            Err(text) => raise_text(l, text),
        }
    }
}

/// Adds a registration whose function is on top of the stack, and pops that.
unsafe fn add(l: *mut State, name: &[u8]) -> Result<(), &'static str> {
    if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return Err(
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one \
             character long",
        );
    }
    // SAFETY: nothing is owned while the reference is made.
    unsafe {
        let registrations = &raw const (*of(l)).registrations;
        if (*registrations).iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
            return Err("ERR Function already exists in the library");
        }
        let reference = ffi::luaL_ref(l, ffi::REGISTRY);
        let registration =
            Registration { name: name.to_vec(), reference, description: None, flags: Vec::new() };
        let registrations: *mut Vec<Registration> = &raw mut (*of(l)).registrations;
        (*registrations).push(registration);
        Ok(())
    }
}

unsafe fn by_position(l: *mut State) -> Result<(), &'static str> {
    // SAFETY: as in `register_function`.
    unsafe {
        if ffi::lua_isstring(l, 1) == 0 {
            return Err("ERR first argument to redis.register_function must be a string");
        }
        if ffi::lua_type(l, 2) != ffi::FUNCTION {
            return Err("ERR second argument to redis.register_function must be a function");
        }
        ffi::lua_tolstring(l, 1, std::ptr::null_mut());
        add(l, ffi::bytes(l, 1))
    }
}

/// One pass checks, a second one takes.
unsafe fn by_name(l: *mut State) -> Result<(), &'static str> {
    // SAFETY: as in `register_function`; the walk does not convert keys in place.
    unsafe {
        if ffi::lua_type(l, 1) != ffi::TABLE {
            return Err(
                "ERR calling redis.register_function with a single argument is only applicable to Lua \
                 table (representing named arguments).",
            );
        }
        let (mut has_name, mut has_callback) = (false, false);
        ffi::lua_pushnil(l);
        while ffi::lua_next(l, 1) != 0 {
            if !matches!(ffi::lua_type(l, -2), ffi::STRING | ffi::NUMBER) {
                return Err("ERR named argument key given to redis.register_function is not a string");
            }
            let kind = ffi::lua_type(l, -1);
            match ffi::bytes(l, -2) {
                b"function_name" if kind == ffi::STRING => has_name = true,
                b"function_name" => {
                    return Err(
                        "ERR function_name argument given to redis.register_function must be a string",
                    );
                }
                b"description" if kind == ffi::STRING => {}
                b"description" => {
                    return Err("ERR description argument given to redis.register_function must be a string");
                }
                b"callback" if kind == ffi::FUNCTION => has_callback = true,
                b"callback" => {
                    return Err("ERR callback argument given to redis.register_function must be a function");
                }
                b"flags" if kind == ffi::TABLE => check_flags(l)?,
                b"flags" => {
                    return Err(
                        "ERR flags argument to redis.register_function must be a table representing function \
                         flags",
                    );
                }
                _ => return Err("ERR unknown argument given to redis.register_function"),
            }
            ffi::pop(l, 1);
        }
        if !has_name {
            return Err("ERR redis.register_function must get a function name argument");
        }
        if !has_callback {
            return Err("ERR redis.register_function must get a callback argument");
        }
        take(l)
    }
}

/// The flags on top of the stack must be strings.
unsafe fn check_flags(l: *mut State) -> Result<(), &'static str> {
    // SAFETY: the stack is left as it was.
    unsafe {
        for index in 1..=ffi::lua_objlen(l, -1) as c_int {
            ffi::lua_rawgeti(l, -1, index);
            let is_flag = matches!(ffi::bytes(l, -1), flag if FLAGS.contains(&flag));
            ffi::pop(l, 1);
            if !is_flag {
                return Err("ERR unknown flag given");
            }
        }
        Ok(())
    }
}

/// The flags of functions.
const FLAGS: [&[u8]; 5] =
    [b"no-writes", b"allow-oom", b"allow-stale", b"no-cluster", b"allow-cross-slot-keys"];

/// Takes what was checked.
unsafe fn take(l: *mut State) -> Result<(), &'static str> {
    // SAFETY: after `add` nothing here allocates in Lua, so nothing raises an error.
    unsafe {
        ffi::lua_getfield(l, 1, c"function_name".as_ptr());
        ffi::lua_getfield(l, 1, c"description".as_ptr());
        ffi::lua_getfield(l, 1, c"flags".as_ptr());
        ffi::lua_getfield(l, 1, c"callback".as_ptr());
        add(l, ffi::bytes(l, 2))?;
        let registrations: *mut Vec<Registration> = &raw mut (*of(l)).registrations;
        let Some(added) = (*registrations).last_mut() else { return Ok(()) };
        if ffi::lua_type(l, 3) == ffi::STRING {
            added.description = Some(ffi::bytes(l, 3).to_vec());
        }
        if ffi::lua_type(l, 4) == ffi::TABLE {
            for index in 1..=ffi::lua_objlen(l, 4) as c_int {
                ffi::lua_rawgeti(l, 4, index);
                added.flags.push(ffi::bytes(l, -1).to_vec());
                ffi::pop(l, 1);
            }
        }
        Ok(())
    }
}
