//! FCALL, FCALL_RO and FUNCTION.

use super::describe::{list, stats};
use super::library::{is_python, Policy};
use crate::dispatch::help::help;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, Outcome};
use crate::engine::Engine;
use crate::formats::lzf::Compressor;
use crate::scripting::commands::{COST, KEYS_RO, KEYS_RW, RUN_RO, RUN_RW};
use crate::scripting::python::{begin_load, PYTHON_IS_OFF};
use crate::scripting::state::{Kind, Program};
use crate::snapshot::payload::{dump_functions, restore_functions};

const SCRIPTING: Group = Group::Scripting;
const CHANGES: Flags = Flags::NOSCRIPT.union(Flags::WRITE);
const ON_ALL: &str = "request_policy:all_shards response_policy:all_succeeded";
const CALL_SYNTAX: &str = "function numkeys [key [key ...]] [arg [arg ...]]";

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("fcall", -3, SCRIPTING, fcall).flags(RUN_RW).keys(KEYS_RW).docs(
        "7.0.0",
        COST,
        CALL_SYNTAX,
        "Calls a function.",
    ),
    Command::new("fcall_ro", -3, SCRIPTING, fcall_ro).flags(RUN_RO).keys(KEYS_RO).docs(
        "7.0.0",
        COST,
        CALL_SYNTAX,
        "Calls a function that does not write.",
    ),
    Command::container("function", SCRIPTING, SUBCOMMANDS).docs(
        "7.0.0",
        "That of the subcommand",
        "",
        "Loads, shows and removes function libraries.",
    ),
];

const SUBCOMMANDS: &[Command] = &[
    Command::new("delete", 3, SCRIPTING, delete).flags(CHANGES).tips(ON_ALL).docs(
        "7.0.0",
        "O(1)",
        "library-name",
        "Removes a library and its functions.",
    ),
    Command::new("dump", 2, SCRIPTING, dump).flags(Flags::NOSCRIPT).docs(
        "7.0.0",
        "O(N) with the number of libraries",
        "",
        "Answers all libraries as one string.",
    ),
    Command::new("flush", -2, SCRIPTING, flush).flags(CHANGES).tips(ON_ALL).docs(
        "7.0.0",
        "O(N) with the number of libraries",
        "[ASYNC | SYNC]",
        "Removes all libraries.",
    ),
    Command::new("kill", 2, SCRIPTING, kill)
        .flags(Flags::NOSCRIPT.union(Flags::ALLOW_BUSY))
        .tips("request_policy:all_shards response_policy:one_succeeded")
        .docs("7.0.0", "O(1)", "", "Ends the function that runs, if it has not written."),
    Command::new("list", -2, SCRIPTING, list)
        .flags(Flags::NOSCRIPT)
        .tips("nondeterministic_output_order")
        .docs(
            "7.0.0",
            "O(N) with the number of functions",
            "[LIBRARYNAME library-name-pattern] [WITHCODE]",
            "Shows the libraries and their functions.",
        ),
    Command::new("load", -3, SCRIPTING, load).flags(CHANGES.union(Flags::DENYOOM)).tips(ON_ALL).docs(
        "7.0.0",
        "O(N) with the length of the source",
        "[REPLACE] function-code",
        "Loads a library.",
    ),
    Command::new("restore", -3, SCRIPTING, restore).flags(CHANGES.union(Flags::DENYOOM)).tips(ON_ALL).docs(
        "7.0.0",
        "O(N) with the number of libraries",
        "serialized-value [FLUSH | APPEND | REPLACE]",
        "Takes libraries from what FUNCTION DUMP has answered.",
    ),
    Command::new("stats", 2, SCRIPTING, stats)
        .flags(Flags::NOSCRIPT.union(Flags::ALLOW_BUSY))
        .tips("nondeterministic_output request_policy:all_shards response_policy:special")
        .docs("7.0.0", "O(1)", "", "Shows the function that runs, and how many there are."),
    help(SCRIPTING, "7.0.0"),
];

fn fcall(ctx: &mut Ctx<'_>) -> Outcome {
    call(ctx, false)
}

fn fcall_ro(ctx: &mut Ctx<'_>) -> Outcome {
    call(ctx, true)
}

fn call(ctx: &mut Ctx<'_>, read_only: bool) -> Outcome {
    let function = ctx.engine.scripting.libraries.function(ctx.arg(1));
    let (_, function) = function.ok_or(Failure::Text("ERR Function not found"))?;
    let program = Program {
        kind: Kind::Function,
        code: function.code,
        name: function.name.clone(),
        flags: function.flags,
        read_only,
    };
    let not_a_number = Failure::Text("ERR Bad number of keys provided");
    let keys = crate::scripting::commands::key_count(ctx, not_a_number)?;
    Engine::run_program(ctx, program, keys)
}

/// A change of the libraries: it is replicated as it was given.
fn changed(ctx: &mut Ctx<'_>) {
    ctx.engine.call.frame.dirty += 1;
}

fn load(ctx: &mut Ctx<'_>) -> Outcome {
    let last = ctx.args.len() - 1;
    let mut replaces = false;
    for index in 2..last {
        if !ctx.arg_is(index, "replace") {
            let option = String::from_utf8_lossy(ctx.arg(index)).into_owned();
            return Err(Failure::new(format!("ERR Unknown option given: {option}")));
        }
        replaces = true;
    }
    let source = ctx.arg(last);
    if !ctx.session.origin.skips_checks() && is_python(source) {
        if !ctx.engine.settings.python_functions {
            return Err(PYTHON_IS_OFF);
        }
        if ctx.engine.call.frame.may_wait() {
            return begin_load(ctx, source);
        }
    }
    let name = ctx.engine.load_library(ctx.arg(last), replaces)?;
    changed(ctx);
    ctx.reply().bulk(&name);
    Ok(())
}

fn delete(ctx: &mut Ctx<'_>) -> Outcome {
    if !ctx.engine.delete_library(ctx.arg(2)) {
        return Err(Failure::Text("ERR Library not found"));
    }
    changed(ctx);
    ctx.ok()
}

fn flush(ctx: &mut Ctx<'_>) -> Outcome {
    let is_known = match ctx.args.len() {
        2 => true,
        3 => ctx.arg_is(2, "async") || ctx.arg_is(2, "sync"),
        _ => false,
    };
    if !is_known {
        return Err(Failure::Text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    drop(ctx.engine.scripting.take_libraries());
    changed(ctx);
    ctx.ok()
}

fn kill(ctx: &mut Ctx<'_>) -> Outcome {
    ctx.engine.kill_script(Kind::Function)?;
    ctx.ok()
}

fn dump(ctx: &mut Ctx<'_>) -> Outcome {
    let mut compressor = ctx.engine.settings.rdbcompression.then(Compressor::new);
    let sources = ctx.engine.scripting.libraries.iter().map(|library| &*library.source);
    let payload = dump_functions(sources, &mut compressor);
    ctx.reply().bulk(&payload);
    Ok(())
}

fn restore(ctx: &mut Ctx<'_>) -> Outcome {
    let policy = match ctx.args.len() {
        3 => Policy::Append,
        4 if ctx.arg_is(3, "flush") => Policy::Flush,
        4 if ctx.arg_is(3, "append") => Policy::Append,
        4 if ctx.arg_is(3, "replace") => Policy::Replace,
        4 => {
            return Err(Failure::Text(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
        _ => {
            return Err(Failure::Text(
                "ERR unknown subcommand or wrong number of arguments for 'restore'. Try FUNCTION HELP.",
            ));
        }
    };
    let sources = restore_functions(ctx.arg(2), !ctx.engine.switches.skips_checksums)
        .map_err(|_| Failure::Text("ERR DUMP payload version or checksum are wrong"))?;
    ctx.engine.restore_libraries(&sources, policy)?;
    changed(ctx);
    ctx.ok()
}
